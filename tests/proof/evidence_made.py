"""Evidence made by hand for tests: log and witness keys, checkpoints of any size of a ledger file, policies."""

from collections.abc import Sequence
from pathlib import Path

from ledger.keys.signing import Ed25519FileSigner, MlDsaFileSigner
from ledger.proof.assess import Trusted, assess, sizes_of
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import Evidence, StoredCheckpoint, checkpoint_name, stored_checkpoint
from ledger.proof.findings import Report
from ledger.proof.note import COSIGNATURE, Note, VerifierKey
from ledger.proof.policy import Policy
from ledger.proof.sealing import BookKeys
from ledger.proof.tree import leaf_hash, root
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import ORIGIN, entries

NOW = 1_600_000_000
"""POSIX seconds of 2020-09-13: after everything that the ledgers of tests/tampering record."""


class Log:
    """A log's keys."""

    def __init__(self, origin: str = ORIGIN, seed: int = 1) -> None:
        self.origin = origin
        self.ed25519 = Ed25519FileSigner(origin, bytes([seed]) * 32)
        self.ml_dsa = MlDsaFileSigner(origin, bytes([seed + 100]) * 32)

    def sign(self, size: int, root_hash: bytes, *, at: int = NOW) -> Note:
        checkpoint = Checkpoint(self.origin, size, root_hash)
        signers = (self.ed25519, self.ml_dsa)
        return Note(checkpoint.text(), tuple(one.sign(checkpoint, at) for one in signers))

    def checkpoint(self, path: Path, size: int, *, at: int = NOW) -> Note:
        """A checkpoint of a ledger's first `size` entries, whatever they are."""
        return self.sign(size, root([leaf_hash(entry) for entry in entries(path, "open")[:size]]), at=at)


class WitnessKey:
    """A witness that cosigns whatever it is told to."""

    def __init__(self, number: int) -> None:
        self.signer = Ed25519FileSigner(f"witness.example/w{number}", bytes([200 + number]) * 32, COSIGNATURE)

    def cosign(self, note: Note, *, at: int = NOW) -> Note:
        return note.adding(self.signer.sign(Checkpoint.parse(note.text), at))


LOG = Log()
WITNESSES = tuple(WitnessKey(number) for number in range(3))


def policy(quorum: int | None = None, logs: Sequence[VerifierKey] | None = None) -> Policy:
    """The log's keys, three witnesses, and a quorum of so many of them."""
    lines = [f"log {key.encode()}" for key in logs or (LOG.ed25519.key, LOG.ml_dsa.key)]
    lines += [f"witness w{number} {one.signer.key.encode()}" for number, one in enumerate(WITNESSES)]
    lines += ["quorum none"] if quorum is None else [f"group g {quorum} w0 w1 w2", "quorum g"]
    return Policy.parse("".join(f"{line}\n" for line in lines).encode())


def stored(note: Note) -> StoredCheckpoint:
    return stored_checkpoint(checkpoint_name(Checkpoint.parse(note.text)), note.encode())


def held_against(path: Path, trusted: Trusted, *notes: Note, keys: BookKeys | None = None) -> Report:
    """The report of a ledger with these checkpoints beside it."""
    evidence = Evidence(tuple(stored(note) for note in notes))
    report = verify_ledger(path, keys=keys, sizes=sizes_of(evidence, trusted.kept))
    return assess(report, evidence, trusted)
