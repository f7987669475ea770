"""What golang.org/x/mod/sumdb makes, we accept; and we accept nothing that it refuses.

The other way round, what we make and it verifies, is in test_go.py.
"""

import base64
import hashlib
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, NoteError, VerifierKey, open_note
from ledger.proof.policy import Policy
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import ProofError, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency
from tests.interop.foreign import Program, unpacked

ORIGIN = "log.invalid/go"
SEED = bytes(range(32))
TIME = 1_600_000_000
ENTRIES = [b"entry %d" % number for number in range(300)]
SIZES = (1, 2, 9, 255, 256, 257, 300)


@dataclass(frozen=True)
class Made:
    """What Go made of the first entries."""

    note: bytes
    keys: tuple[VerifierKey, ...]
    root: bytes
    record: tuple[bytes, ...]
    tree: list[bytes]


def made(go: Program, size: int, index: int = 0, before: int = 1) -> Made:
    found = go.ask(
        "sign", origin=ORIGIN, seed=SEED, time=TIME, entries=ENTRIES[:size], index=index, before=min(before, size)
    )
    assert found["ok"], found
    return Made(
        base64.b64decode(found["note"]),
        tuple(VerifierKey.parse(vkey) for vkey in found["vkeys"]),
        base64.b64decode(found["root"]),
        tuple(unpacked(found.get("record"))),
        unpacked(found.get("tree")),
    )


def we_accept(data: bytes, keys: tuple[VerifierKey, ...]) -> bool:
    try:
        open_checkpoint(data, keys)
    except NoteError:
        return False
    return True


def go_accepts(go: Program, data: bytes, keys: tuple[VerifierKey, ...]) -> bool:
    return go.accepts("open", vkeys=[key.encode() for key in keys], note=data)


def test_a_checkpoint_signed_and_cosigned_by_go_opens_here(go: Program) -> None:
    theirs = made(go, 9)
    opened = open_checkpoint(theirs.note, theirs.keys)
    assert (opened.checkpoint.origin, opened.checkpoint.size, opened.checkpoint.root) == (ORIGIN, 9, theirs.root)
    assert {one.key.type: one.timestamp for one in opened.signatures} == {ED25519: None, COSIGNATURE: TIME}
    assert opened.note.encode() == theirs.note


def test_a_key_gets_the_same_verifier_key_in_both_languages(go: Program) -> None:
    signs = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    cosigns = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(SEED).digest()).public_key().public_bytes_raw()
    assert made(go, 1).keys == (
        VerifierKey(ORIGIN, ED25519, signs),
        VerifierKey("witness.invalid/go", COSIGNATURE, cosigns),
    )


@pytest.mark.parametrize("size", SIZES)
def test_trees_and_proofs_are_the_same_in_both_languages(go: Program, size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    for index in sorted({0, size // 2, size - 1}):
        theirs = made(go, size, index, index + 1)
        assert theirs.root == root(leaves)
        assert list(theirs.record) == inclusion_proof(leaves, index)
        assert theirs.tree == consistency_proof(leaves, index + 1, size)
        policy = Policy.parse(
            f"log {theirs.keys[0].encode()}\nwitness go {theirs.keys[1].encode()}\nquorum go\n".encode()
        )
        proof = TlogProof.parse(TlogProof(index, theirs.record, theirs.note).encode())
        assert policy.witnessed(proof.verify(ENTRIES[index], policy)) == (1, 1)
        with pytest.raises(NoteError):
            proof.verify(ENTRIES[index] + b"!", policy)
        verify_consistency(index + 1, size, root(leaves[: index + 1]), theirs.root, theirs.tree)
        with pytest.raises(ProofError):
            verify_consistency(index + 1, size, leaf_hash(b"another"), theirs.root, theirs.tree)


def test_every_proof_in_every_small_tree_is_the_same_in_both_languages(go: Program) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:20]]
    for size in range(1, len(leaves) + 1):
        for place in range(size):
            theirs = go.ask("prove", entries=ENTRIES[:size], index=place, before=place + 1)
            assert base64.b64decode(theirs["root"]) == root(leaves[:size])
            assert unpacked(theirs.get("record")) == inclusion_proof(leaves[:size], place)
            assert unpacked(theirs.get("tree")) == consistency_proof(leaves, place + 1, size)


def test_no_flipped_bit_of_a_note_is_accepted_here_and_refused_by_go(go: Program) -> None:
    # Go reads the last digit of base64 with whatever it has in its unused bits; we read one writing only.
    theirs = made(go, 9)
    assert we_accept(theirs.note, theirs.keys)
    assert go_accepts(go, theirs.note, theirs.keys)
    unlike: set[bytes] = set()
    refused = 0
    for place in range(len(theirs.note)):
        for bit in range(0, 8, 1 + place % 3):
            flipped = bytearray(theirs.note)
            flipped[place] ^= 1 << bit
            ours, go_says = we_accept(bytes(flipped), theirs.keys), go_accepts(go, bytes(flipped), theirs.keys)
            assert go_says or not ours, (place, bit)
            if go_says and not ours:
                unlike.add(theirs.note[place + 1 : place + 2])
            refused += not ours
    assert refused > 1000
    assert unlike <= {b"="}, "we are stricter elsewhere than in unused bits before the padding"


TEXT = "This is an example message.\n"
NAME = "example.com/foo"
BASE64 = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
SIGNATURE = f"\u2014 {NAME} {BASE64}\n"
EXAMPLE = TEXT + "\n" + SIGNATURE
"""The published example of c2sp.org/signed-note, and the key that verifies it."""
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
RAW = base64.b64decode(BASE64)
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519."""


def signed(raw: bytes) -> str:
    """The example with these bytes for key id and signature."""
    return EXAMPLE.replace(BASE64, base64.b64encode(raw).decode())


MALFORMED = {
    "empty": "",
    "text only": TEXT,
    "no signature": TEXT + "\n",
    "no blank line": TEXT + SIGNATURE,
    "two blank lines": TEXT + "\n\n" + SIGNATURE,
    "last newline missing": EXAMPLE[:-1],
    "blank line at the end": EXAMPLE + "\n",
    "carriage returns": EXAMPLE.replace("\n", "\r\n"),
    "tab": EXAMPLE.replace("This is", "This\tis"),
    "null": EXAMPLE.replace("example.", "example\0."),
    "hyphen for the dash": EXAMPLE.replace("\u2014", "-"),
    "en dash": EXAMPLE.replace("\u2014", "\u2013"),
    "two spaces": EXAMPLE.replace("\u2014 ", "\u2014  "),
    "no space": EXAMPLE.replace("\u2014 ", "\u2014"),
    "space at the end": EXAMPLE[:-1] + " \n",
    "no name": EXAMPLE.replace(NAME, ""),
    "plus in the name": EXAMPLE.replace(NAME, "example.com+foo"),
    "no-break space in the name": EXAMPLE.replace(NAME, "example.com\u00a0foo"),
    "another name": EXAMPLE.replace(NAME, "example.com/bar"),
    "another case": EXAMPLE.replace(NAME, "Example.com/foo"),
    "another text": EXAMPLE.replace("This is", "That is"),
    "byte order mark": "\ufeff" + EXAMPLE,
    "garbage line": EXAMPLE + "garbage\n",
    "no base64": EXAMPLE.replace(BASE64, "????"),
    "url-safe base64": signed(RAW[:4] + b"\xff" * 64).replace("/", "_"),
    "unpadded base64": EXAMPLE.replace("=\n", "\n"),
    "padded twice": EXAMPLE.replace("=\n", "==\n"),
    "key id only": signed(RAW[:4]),
    "another key id": signed(b"\0" + RAW[1:]),
    "signature of one byte": signed(RAW[:5]),
    "signature of 63 bytes": signed(RAW[:-1]),
    "signature of 65 bytes": signed(RAW + b"\0"),
    "signature of zeros": signed(RAW[:4] + bytes(64)),
    "S = 0": signed(RAW[:36] + bytes(32)),
    "S plus the order (RFC 8032 section 5.1.7)": signed(
        RAW[:36] + (int.from_bytes(RAW[36:], "little") + ORDER).to_bytes(32, "little")
    ),
    "R with the other sign": signed(RAW[:35] + bytes([RAW[35] ^ 0x80]) + RAW[36:]),
    "a bad signature before the good one": TEXT + "\n" + signed(RAW[:4] + bytes(64))[len(TEXT) + 1 :] + SIGNATURE,
}


def both(go: Program, note: str) -> tuple[bool, bool]:
    """What we say, and what Go says, of a note that need not be a checkpoint."""
    data = note.encode()
    try:
        open_note(data, [VerifierKey.parse(EXAMPLE_KEY)])
        ours = True
    except NoteError:
        ours = False
    return ours, go.accepts("note", vkeys=[EXAMPLE_KEY], note=data)


def test_the_published_note_is_accepted_by_both(go: Program) -> None:
    assert both(go, EXAMPLE) == (True, True)
    assert both(go, EXAMPLE + SIGNATURE.replace("foo", "somebody")) == (True, True)


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_note_is_refused_by_both(go: Program, what: str) -> None:
    assert both(go, MALFORMED[what]) == (False, False)


def test_a_second_signature_by_the_same_key_is_verified_here_though_go_passes_it_over(go: Program) -> None:
    # The specification has each signature of a known key verified.
    assert both(go, EXAMPLE + signed(RAW[:4] + bytes(64))[len(TEXT) + 1 :]) == (False, True)
