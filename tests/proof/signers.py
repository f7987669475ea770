"""Signers for the tests of notes: keys from a seed, and the three types of signature made from the specification.

They put the signed bytes together by themselves, so that a mistake in `signed_message` cannot hide itself.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, Note, NoteSignature, VerifierKey

ORDER = 2**252 + 27742317777372353535851937790883648493
"""L of RFC 8032, the order of the base point of Ed25519."""
P = 2**255 - 19
"""The modulus of its coordinates."""
NOW = 1_679_315_147
"""POSIX seconds, those of the example in tlog-cosignature."""


@dataclass(frozen=True)
class TestSigner:
    """A log or witness of this name; the same name and type have the same key each time."""

    __test__ = False

    name: str
    type: int

    @property
    def seed(self) -> bytes:
        return hashlib.sha256(f"{self.name} {self.type}".encode()).digest()

    @property
    def key(self) -> VerifierKey:
        if self.type == ML_DSA_44:
            public = MLDSA44PrivateKey.from_seed_bytes(self.seed).public_key().public_bytes_raw()
        else:
            public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.type, public)

    def raw(self, message: bytes) -> bytes:
        """The bare signature over these bytes."""
        if self.type == ML_DSA_44:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed).sign(message)
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def message(self, text: str, timestamp: int = NOW) -> bytes:
        """What the type signs of a note's text, after the words of the specifications."""
        if self.type == ED25519:
            return text.encode()
        if self.type == COSIGNATURE:
            return b"cosignature/v1\ntime " + str(timestamp).encode() + b"\n" + text.encode()
        checkpoint, name = Checkpoint.parse(text), self.name.encode()
        origin = checkpoint.origin.encode()
        message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + timestamp.to_bytes(8, "big")
        message += bytes([len(origin)]) + origin
        return message + (0).to_bytes(8, "big") + checkpoint.size.to_bytes(8, "big") + checkpoint.root

    def sign(self, text: str, timestamp: int = NOW) -> NoteSignature:
        """The signature line."""
        stamp = b"" if self.type == ED25519 else timestamp.to_bytes(8, "big")
        return self.line(stamp + self.raw(self.message(text, timestamp)))

    def line(self, body: bytes) -> NoteSignature:
        """A line by this key with whatever after the key ID."""
        return NoteSignature(self.name, self.key.key_id, body)


def signed(text: str, *signers: TestSigner, timestamp: int = NOW) -> bytes:
    """A note of this text, signed by these."""
    return Note(text, tuple(signer.sign(text, timestamp) for signer in signers)).encode()
