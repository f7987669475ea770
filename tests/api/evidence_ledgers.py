"""Ledgers as tests of evidence need them: grown, copied as a backup is, restored, and forked."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw

from api.bootstrap import open_trial
from api.evidence.book import open_book
from api.evidence.making import make_checkpoint
from ledger.application import TrialLedger
from ledger.domain.decisions.base import CommandActor
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import load_keys
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import OpenedCheckpoint, open_checkpoint
from ledger.proof.evidence import StoredCheckpoint, evidence_folder, read_evidence
from ledger.proof.note import VerifierKey
from ledger.proof.tree import consistency_proof, verify_consistency
from ledger.recording.reader import LedgerReader
from tests.trials import SITE, Trial

SPONSOR = CommandActor(id="sponsor-1", role=Role.SPONSOR, org="IIS-FJD")


def with_settings(**settings: int) -> Protocol:
    """The reference protocol with other settings."""
    value = reference_protocol().model_dump(mode="json")
    return Protocol.from_value(value | {"settings": value["settings"] | settings})


def trial_of(folder: Path, *, entries: int = 4, **settings: int) -> Trial:
    """A trial whose open book has so many entries: the registration, a site, consents."""
    folder.mkdir(exist_ok=True)
    trial = Trial(folder, protocol=with_settings(**settings))
    trial.do("activate-site", {"site": SITE})
    grow(trial, entries - 2)
    return trial


def grow(trial: Trial, count: int) -> None:
    """So many open entries more, none of them a reason to sign."""
    for _ in range(count):
        trial.consent(f"S-{trial._number}")


def made(trial: Trial) -> int:
    """Have a checkpoint made; gives its size."""
    return make_checkpoint(trial.path, clock=trial.clock).checkpoint.size


def size_of(path: Path) -> int:
    with open_book(path) as book:
        return book.size


def reopened(trial: Trial) -> TrialLedger:
    """The ledger, opened anew as every command of the command line does."""
    trial.ledger = open_trial(trial.path, clock=trial.clock)
    return trial.ledger


def backup(trial: Trial, to: Path) -> Path:
    """A copy of the database as it is now, and of nothing else."""
    with (
        closing(apsw.Connection(str(trial.path))) as source,
        closing(apsw.Connection(str(to))) as target,
        target.backup("main", source, "main") as copying,
    ):
        copying.step()
    return to


def restore(trial: Trial, copy: Path) -> None:
    """Put a copy in the place of the database. Keys and evidence stay as they are."""
    trial.ledger.close()
    for suffix in ("", "-wal", "-shm"):
        trial.path.with_name(trial.path.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(copy, trial.path)


@contextmanager
def unchecked(trial: Trial) -> Iterator[None]:
    """The ledger opened by a program that checks nothing and signs nothing: what an administrator could write."""
    trial.ledger = TrialLedger(trial.path, load_keys(trial.path), clock=trial.clock)
    try:
        yield
    finally:
        trial.ledger.close()


def checkpoints(path: Path) -> list[StoredCheckpoint]:
    """The stored checkpoints, by rising size."""
    return list(read_evidence(evidence_folder(path)).checkpoints)


def sizes(path: Path) -> list[int]:
    return [one.checkpoint.size for one in checkpoints(path)]


def opened(path: Path, data: bytes, keys: tuple[VerifierKey, ...] | None = None) -> OpenedCheckpoint:
    """A checkpoint, both of whose signatures are verified."""
    found = open_checkpoint(data, keys or load_signing_keys(path).vkeys)
    assert len(found.signatures) == 2
    return found


def assert_all_consistent(path: Path, found: list[StoredCheckpoint]) -> None:
    """Each of these checkpoints has the root of the book's first entries, and goes on from the one before."""
    with open_book(path) as book:
        hashes = book.leaf_hashes()
    ordered = sorted((one.checkpoint for one in found), key=lambda one: one.size)
    for old, new in pairwise(ordered):
        proof = consistency_proof(hashes, old.size, new.size)
        verify_consistency(old.size, new.size, old.root, new.root, proof)


def continued(path: Path) -> list[dict[str, Any]]:
    """What the record says of goings-on, in order."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({"plain"}))
    try:
        with reader:
            return [
                dict(fact.data) | {"seq": fact.seq, "actor": fact.actor}
                for fact in reader.of_types(("ledger.continued/1",))
            ]
    finally:
        reader.close()
