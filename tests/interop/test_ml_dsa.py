"""ML-DSA-44 (C2SP type 0x06) against an implementation in another language: @noble/post-quantum, from npm.

Its FIPS 204 is its own, and so is the message that is signed: `sigstore/verify.mjs` puts it together from the
specification of cosignatures.
"""

import pytest

from ledger.keys.signing import MlDsaFileSigner
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import ML_DSA_44, Note, NoteError, NoteSignature, SignatureError, VerifierKey
from tests.interop.foreign import Program
from tests.interop.story import Story

CHECKPOINT = Checkpoint("log.invalid/ml-dsa", 20_852_163, bytes(range(32)))
TIME = 1_679_315_147
SEED = bytes(reversed(range(32)))


def ours(name: str) -> tuple[VerifierKey, NoteSignature]:
    signer = MlDsaFileSigner(name, SEED)
    return signer.key, signer.sign(CHECKPOINT, TIME)


def altered(signature: NoteSignature, place: int) -> NoteSignature:
    data = bytearray(signature.signature)
    data[place] ^= 1
    return NoteSignature(signature.name, signature.key_id, bytes(data))


@pytest.mark.parametrize("name", [CHECKPOINT.origin, "witness.invalid/w1"], ids=["log", "witness"])
def test_our_signature_verifies_in_another_language(npm: Program, name: str) -> None:
    key, signature = ours(name)
    note = Note(CHECKPOINT.text(), (signature,)).encode()
    assert npm.accepts("ml-dsa-44 verify", vkey=key.encode(), note=note)


def test_every_checkpoint_of_a_ledger_verifies_in_another_language(npm: Program, story: Story) -> None:
    for size, note in story.checkpoints.items():
        assert npm.accepts("ml-dsa-44 verify", vkey=story.vkeys[1], note=note)
        altered = note.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1))
        assert not npm.accepts("ml-dsa-44 verify", vkey=story.vkeys[1], note=altered)


# The places of the time, of the hash, of the vector and of the hint in a signature.
@pytest.mark.parametrize("place", [7, 8, 100, 2000, 8 + 2419])
def test_an_altered_signature_is_refused_in_both_languages(npm: Program, place: int) -> None:
    key, signature = ours(CHECKPOINT.origin)
    note = Note(CHECKPOINT.text(), (altered(signature, place),)).encode()
    assert not npm.accepts("ml-dsa-44 verify", vkey=key.encode(), note=note)
    with pytest.raises(SignatureError):
        open_checkpoint(note, [key])


def test_a_signature_over_another_checkpoint_is_refused_in_both_languages(npm: Program) -> None:
    key, signature = ours(CHECKPOINT.origin)
    other = Checkpoint(CHECKPOINT.origin, CHECKPOINT.size + 1, CHECKPOINT.root)
    note = Note(other.text(), (signature,)).encode()
    assert not npm.accepts("ml-dsa-44 verify", vkey=key.encode(), note=note)
    with pytest.raises(SignatureError):
        open_checkpoint(note, [key])


@pytest.mark.parametrize("name", [CHECKPOINT.origin, "witness.invalid/w1"], ids=["log", "witness"])
def test_a_signature_made_in_another_language_verifies_here(npm: Program, name: str) -> None:
    found = npm.ask("ml-dsa-44 sign", name=name, seed=SEED, time=TIME, text=CHECKPOINT.text())
    key = VerifierKey.parse(found["vkey"])
    assert key == ours(name)[0], "one seed gives one key"
    note = Note(CHECKPOINT.text(), (NoteSignature.parse(found["line"]),))
    opened = open_checkpoint(note.encode(), [key])
    assert [(one.key.type, one.timestamp) for one in opened.signatures] == [(ML_DSA_44, TIME)]
    with pytest.raises(NoteError):
        open_checkpoint(Note(CHECKPOINT.text(), (altered(note.signatures[0], 500),)).encode(), [key])
