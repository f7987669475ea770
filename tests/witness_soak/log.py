"""A log with a signing key that somebody else may hold too: it signs whatever history it is told to."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.witness.request import encode
from ledger.keys.signing import Ed25519FileSigner, MlDsaFileSigner, Signer
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import Note, VerifierKey
from ledger.proof.tree import consistency_proof, leaf_hash, root

ORIGIN: Final = "log.example/trial"
NOW: Final = 1_700_000_000


def seed(text: str) -> bytes:
    """32 bytes for a key, the same each time."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True)
class Log:
    """Its name and keys; histories are lists of leaf hashes, and belong to whoever makes them."""

    signers: tuple[Signer, ...]

    @classmethod
    def named(cls, origin: str = ORIGIN, *, post_quantum: bool = True) -> "Log":
        ed25519 = Ed25519FileSigner(origin, seed(f"ed25519 {origin}"))
        return cls((ed25519, MlDsaFileSigner(origin, seed(f"ml-dsa {origin}"))) if post_quantum else (ed25519,))

    @property
    def origin(self) -> str:
        return self.signers[0].key.name

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        return tuple(one.key for one in self.signers)

    def checkpoint(self, history: Sequence[bytes], size: int | None = None) -> Checkpoint:
        """The checkpoint of the first `size` leaves of a history, by default of all."""
        size = len(history) if size is None else size
        return Checkpoint(self.origin, size, root(history[:size]))

    def signed(self, checkpoint: Checkpoint, timestamp: int = NOW) -> Note:
        """The note of a checkpoint, whatever it says."""
        return Note(checkpoint.text(), tuple(one.sign(checkpoint, timestamp) for one in self.signers))

    def note(self, history: Sequence[bytes], size: int | None = None) -> Note:
        """The signed checkpoint of the first `size` leaves of a history."""
        return self.signed(self.checkpoint(history, size))

    def request(self, history: Sequence[bytes], old: int, size: int | None = None) -> bytes:
        """A true add-checkpoint body: from `old` to `size` leaves of this history."""
        size = len(history) if size is None else size
        proof = consistency_proof(history, old, size) if 0 < old < size else []
        return encode(old, proof, self.note(history, size).encode())


def leaves(count: int, name: str = "leaf") -> list[bytes]:
    """So many leaf hashes; another name, other leaves."""
    return [leaf_hash(f"{name} {number}".encode()) for number in range(count)]
