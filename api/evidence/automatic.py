"""Checkpoints that nobody asks for: after so many entries, after so long, and at the events that end something.

1. What is due follows from the open book alone: its size, the types of its entries, the time. A sealed append, or an
   opening of the ledger, never signs: the time of a checkpoint would tell of it.
2. A command is recorded, and answered, whether or not it can be signed. What failed is logged, and made up for after a
   later entry of the open book, when the ledger is opened again and recorded in, or by `trial-ledger checkpoint`.
3. Each append compares two numbers. Files are looked at when something is due, and once when the ledger was opened.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from api.evidence import store
from api.evidence.book import OpenBook, open_book
from api.evidence.making import Clock, make_checkpoint
from api.outbox import AlertingLedger
from ledger.application import Answer
from ledger.domain.commands import Command
from ledger.domain.events.base import TRIAL_STREAM, Facts
from ledger.domain.protocol.parts import Settings
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError
from ledger.keys.signed_head import SignedHead, read_signed_head
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.entry import parse_open
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import PLAIN
from ledger.recording.engine import StorageError
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader

ALWAYS: Final = frozenset(
    {
        "trial.temporarily-halted/1",
        "trial.suspended/1",
        "trial.clinical-hold-imposed/1",
        "trial.terminated-early/1",
        "data.cut-off-declared/1",
        "database.locked/1",
    }
)
"""The types of event after which the open book is signed at once."""
FAULTS: Final = (KeysError, LedgerFileError, StorageError, ValueError, OSError)
"""What can keep a checkpoint from being made, or stored."""
_AMENDED: Final = "protocol.amended/1"
_RETRY_ENTRIES: Final = 16
_RETRY_SECONDS: Final = 600
_log: Final = logging.getLogger("trial_ledger.evidence")


@dataclass(frozen=True, slots=True)
class Due:
    """When the next checkpoint is due: at this size of the open book, or with an entry at this POSIX second."""

    size: int
    at: float


def due(path: Path, settings: Settings) -> Due:
    """When the next checkpoint of a ledger is due, with what there is to make up for. Raises FAULTS."""
    mark = read_signed_head(path)
    with open_book(path) as book:
        return _due(book, mark, settings)


def _due(book: OpenBook, mark: SignedHead | None, settings: Settings) -> Due:
    kept = 0 if mark is None else mark.kept.size
    at = None if mark is None else mark.kept.at
    if at is None:  # never yet: counted from the ledger's beginning
        first = book.entry(0)
        at = 0 if first is None else int(datetime.fromisoformat(parse_open(first).at).timestamp())
    owed = book.size - kept < settings.checkpoint_every and book.holds_any(ALWAYS, kept)
    # A checkpoint that could not be stored: where it still is the last, the same is handed out again. Whether others
    # were signed since, which leave no trace, may not change when.
    owed = owed or (mark is not None and kept > 0 and not store.has(book.path, _kept(mark)))
    return Due(0 if owed else kept + settings.checkpoint_every, at + settings.checkpoint_seconds)


def _kept(mark: SignedHead) -> Checkpoint:
    """Of which checkpoint the file should be there; its root is told by `mark` only where it is the last."""
    return Checkpoint(mark.origin, mark.kept.size, mark.root)


class CheckpointingLedger(AlertingLedger):
    """A ledger for recording that signs its open book when that is due, once what is signed is durable."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._due: Due | None = None
        self._signing = threading.Lock()
        super().__init__(*arguments, **named)

    def submit(self, command: Command[Facts], *, importing: bool = False) -> Answer:
        answer = super().submit(command, importing=importing)
        if answer.book is Book.OPEN and not answer.repeated:
            self.checkpoint_if_due(answer)
        return answer

    def checkpoint_if_due(self, answer: Answer) -> None:
        """Sign, if an answer of the open book says that it is due; what keeps it from being done is logged."""
        assert answer.seq is not None
        size, now = answer.seq + answer.count, self._clock().timestamp()
        always = not ALWAYS.isdisjoint(answer.types)
        if not always and self._due is not None and size < self._due.size and now < self._due.at:
            if _AMENDED in answer.types:
                self._due = None
            return
        if not self._signing.acquire(blocking=always):
            return  # another thread is at it
        try:
            found = due(self.path, self._settings())
            if always or size >= found.size or now >= found.at:
                make_checkpoint(self.path, clock=self._clock)
                found = due(self.path, self._settings())
            self._due = found
        except FAULTS as error:
            _log.warning("%s: recorded, but not signed yet: %s", self.path, error)
            self._due = Due(size + _RETRY_ENTRIES, now + _RETRY_SECONDS)
        finally:
            self._signing.release()

    def _settings(self) -> Settings:
        with self._reading.lock:
            protocol = self._reading.trial()[1].protocol
        assert protocol is not None
        return protocol.settings


def watch(
    path: Path,
    wait: Callable[[float], object],
    made: Callable[[StoredCheckpoint], object],
    *,
    clock: Clock = utc_now,
    failed: Callable[[Exception], object] = lambda error: _log.warning("not signed yet: %s", error),
) -> None:
    """Sign when it is due, whoever writes, until `wait` (called between two looks, with seconds) raises."""
    last, said = (-1, Due(0, 0)), ""
    while True:
        try:
            with open_book(path) as book:
                size = book.size
            if size != last[0]:
                last = (size, due(path, _settings_of(path)))
            mark = read_signed_head(path)
            if (mark is None or size > mark.kept.size or not last[1].size) and (
                size >= last[1].size or clock().timestamp() >= last[1].at
            ):
                made(make_checkpoint(path, clock=clock))
                last, said = (-1, last[1]), ""
        except FAULTS as error:
            if said != str(error):  # once, and not each second
                said = str(error)
                failed(error)
        wait(1.0)


def _settings_of(path: Path) -> Settings:
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            protocol = TrialState.fold(reader.stream(TRIAL_STREAM)).protocol
    finally:
        reader.close()
    if protocol is None:
        raise LedgerFileError(f"{path}: no trial is registered in it")
    return protocol.settings
