"""Malformed cosignatures by known keys: each refuses the checkpoint, though the log's own signature is good."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, Note, NoteSignature, SignatureError, VerifierKey
from ledger.proof.tree import leaf_hash
from tests.proof.signers import NOW, ORDER, TestSigner

ORIGIN = "log.example/trial/00112233445566778899aabbccddeeff"
TEXT = Checkpoint(ORIGIN, 20_852_163, leaf_hash(b"root")).text()
LOG = TestSigner(ORIGIN, ED25519)
LOG_PQ = TestSigner(ORIGIN, ML_DSA_44)
WITNESS = TestSigner("witness.example/w1", COSIGNATURE)
WITNESS_PQ = TestSigner("witness.example/w2", ML_DSA_44)
KEYS = [signer.key for signer in (LOG, LOG_PQ, WITNESS, WITNESS_PQ)]


def note_of(*lines: NoteSignature) -> bytes:
    return Note(TEXT, lines).encode()


STAMP = NOW.to_bytes(8, "big")


def ed25519_bodies() -> dict[str, bytes]:
    valid = WITNESS.raw(WITNESS.message(TEXT))
    s = int.from_bytes(valid[32:], "little")
    return {
        "of one byte": b"\x01",
        "of the time stamp only": STAMP,
        "without a time stamp": valid,
        "cut": (STAMP + valid)[:-1],
        "longer": STAMP + valid + b"\x00",
        "S + L": STAMP + valid[:32] + (s + ORDER).to_bytes(32, "little"),
        "R and S of nothing": STAMP + (1).to_bytes(32, "little") + bytes(32),
        "zeros": STAMP + bytes(64),
        "time stamp altered": (NOW + 1).to_bytes(8, "big") + valid,
        "time stamp little-endian": NOW.to_bytes(8, "little") + valid,
        "time stamp in milliseconds": (NOW * 1000).to_bytes(8, "big") + valid,
        "as type 0x01": STAMP + WITNESS.raw(TEXT.encode()),
        "without the header": STAMP + WITNESS.raw(f"time {NOW}\n{TEXT}".encode()),
        "of another version": STAMP + WITNESS.raw(f"cosignature/v2\ntime {NOW}\n{TEXT}".encode()),
        "over another text": STAMP + WITNESS.raw(WITNESS.message(TEXT.replace("20852163", "20852164"))),
        "by another key": STAMP + LOG.raw(WITNESS.message(TEXT)),
    }


def ml_dsa_bodies() -> dict[str, bytes]:
    valid = WITNESS_PQ.raw(WITNESS_PQ.message(TEXT))
    secret = MLDSA44PrivateKey.from_seed_bytes(WITNESS_PQ.seed)
    message = WITNESS_PQ.message(TEXT)
    renamed = TestSigner("witness.example/w3", ML_DSA_44).message(TEXT)
    moved = TestSigner("witness.example/w2", ML_DSA_44).message(TEXT.replace("log.example", "log.examplf"))
    started = message[:-48] + (1).to_bytes(8, "big") + message[-40:]
    return {
        "of one byte": b"\x01",
        "of the time stamp only": STAMP,
        "without a time stamp": valid,
        "cut": (STAMP + valid)[:-1],
        "longer": STAMP + valid + b"\x00",
        "zeros": STAMP + bytes(2420),
        "ones": STAMP + b"\xff" * 2420,
        "hints altered": STAMP + valid[:-1] + bytes([valid[-1] ^ 1]),
        "challenge altered": STAMP + bytes([valid[0] ^ 1]) + valid[1:],
        "time stamp altered": (NOW + 1).to_bytes(8, "big") + valid,
        "time stamp left out": bytes(8) + valid,
        "with a context": STAMP + secret.sign(message, b"context"),
        "with the label as context": STAMP + secret.sign(message[12:], message[:12]),
        "of another label": STAMP + secret.sign(b"subtree/v2\n\x00" + message[12:]),
        "of another cosigner": STAMP + secret.sign(renamed),
        "of another origin": STAMP + secret.sign(moved),
        "of a subtree": STAMP + secret.sign(started),
        "over the text": STAMP + secret.sign(TEXT.encode()),
        "as type 0x04": STAMP + secret.sign(WITNESS.message(TEXT)),
        "by another key": STAMP + LOG_PQ.raw(message),
    }


def test_the_unaltered_bodies_verify() -> None:
    for signer in (WITNESS, WITNESS_PQ):
        body = STAMP + signer.raw(signer.message(TEXT))
        assert open_checkpoint(note_of(LOG.sign(TEXT), signer.line(body)), KEYS).keys == {LOG.key, signer.key}
    assert len(WITNESS_PQ.message(TEXT)[:-48]) == 12 + 1 + len(WITNESS_PQ.name) + 8 + 1 + len(ORIGIN)


@pytest.mark.parametrize("kind", ed25519_bodies())
def test_a_malformed_cosignature_refuses_the_checkpoint(kind: str) -> None:
    with pytest.raises(SignatureError, match=r"witness.example/w1"):
        open_checkpoint(note_of(LOG.sign(TEXT), WITNESS.line(ed25519_bodies()[kind])), KEYS)


@pytest.mark.parametrize("kind", ml_dsa_bodies())
def test_a_malformed_ml_dsa_cosignature_refuses_the_checkpoint(kind: str) -> None:
    with pytest.raises(SignatureError, match=r"witness.example/w2"):
        open_checkpoint(note_of(LOG.sign(TEXT), WITNESS_PQ.line(ml_dsa_bodies()[kind])), KEYS)


def test_a_signature_of_one_type_is_none_of_another_with_the_same_public_key() -> None:
    as_log = VerifierKey(WITNESS.name, ED25519, WITNESS.key.public)
    plain, cosigned = WITNESS.raw(TEXT.encode()), STAMP + WITNESS.raw(WITNESS.message(TEXT))
    for key, body in ((as_log, cosigned), (as_log, cosigned[8:]), (WITNESS.key, plain), (WITNESS.key, STAMP + plain)):
        line = NoteSignature(key.name, key.key_id, body)
        with pytest.raises(SignatureError):
            open_checkpoint(note_of(LOG.sign(TEXT), line), [LOG.key, as_log, WITNESS.key])
    # Under the key ID of the other type, the line of one who is known by one type only is unknown.
    assert open_checkpoint(
        note_of(LOG.sign(TEXT), NoteSignature(WITNESS.name, WITNESS.key.key_id, plain)), [LOG.key, as_log]
    ).keys == {LOG.key}


def test_every_flipped_bit_of_a_cosignature_is_found() -> None:
    for signer, step in ((WITNESS, 1), (WITNESS_PQ, 37)):
        body = STAMP + signer.raw(signer.message(TEXT))
        for bit in range(0, len(body) * 8, step):
            altered = (int.from_bytes(body, "big") ^ 1 << bit).to_bytes(len(body), "big")
            with pytest.raises(SignatureError):
                open_checkpoint(note_of(signer.line(altered)), [signer.key])
