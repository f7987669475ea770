"""The two books of a ledger, for appending: what is the same wherever they lie.

Appends of several threads are combined; a command is recorded once; the keys make no second key where there is one.
Where the books lie, and how a batch of appends comes to be there durably, is for `sqlite.py` and `postgres/books.py`.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from eventsourcing.persistence import IntegrityError

from ledger.domain.when import recorded
from ledger.proof.entry import parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import slot
from ledger.proof.sections import OPEN_CLASSES
from ledger.recording.combining import Combiner, Ticket
from ledger.recording.drafts import Append, Randomness, Recorded, Upkeep, WritingKeys
from ledger.recording.engine import Reading, fetch
from ledger.recording.live import LiveText, OsRandomness, utc_now
from ledger.recording.own_keys import OwnKeys
from ledger.recording.rows import sealed_header


class VersionConflict(IntegrityError):  # noqa: N818 - the field's word
    """A stream does not stand where the writer believed: read again, decide again."""


class CommandReused(IntegrityError):  # noqa: N818
    """The id of a recorded command came again with other content."""


class Books(ABC):
    """Both books of one ledger, for appending. Safe for several threads and several processes.

    `keys` are those of the ledger; without them only plain sections of the open book can be written.
    """

    origin: str
    """That of the open book."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        randomness: Randomness | None = None,
        keys: WritingKeys | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        self.path = path
        self.upkeep = upkeep
        self._now: Callable[[], str] = LiveText() if clock is utc_now else lambda: recorded(clock())
        self.randomness: Randomness = randomness or OsRandomness()
        self._keys = None if keys is None else OwnKeys(keys, self.sealed_under)
        self._combiner = Combiner[Append, Recorded](self._commit)
        self._closed = False
        self._watchers = 0
        self._stepped = ""
        """The recorded time of which it was noted that the clock shows an earlier one. (It outlives what is cached of a
        book: a sealed append that fails must leave no trace in the open one.)"""
        self._committed = threading.Condition()

    @abstractmethod
    def close(self) -> None:
        """Let go of the books; appends that wait are finished first."""

    @abstractmethod
    def find(self, command_id: str, digest: str, *, with_sealed: bool) -> Recorded | None:
        """Where a command was recorded, or None. Raises CommandReused if it was one with another digest."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Reading]:
        """A reading connection, for this thread alone while it is held; committed appends are seen at once."""

    @abstractmethod
    def _commit(self, tickets: list[Ticket[Append, Recorded]]) -> None:
        """Give each ticket its result, durably, or its error."""

    def append(self, append: Append) -> Recorded:
        """Record an append, durably, or raise.

        Raises VersionConflict (a guard or version does not hold), CommandReused, or OperationalError (disk, lock);
        in each case nothing of it is recorded. A command that was recorded before gives its first answer again.
        """
        ticket = Ticket[Append, Recorded](append)
        self._combiner.submit(ticket)
        self._tell_watchers()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def append_together(self, appends: Sequence[Append]) -> list[Recorded | BaseException]:
        """Record appends in one commit; of each, what `append` gives or raises. One at fault harms no other."""
        tickets = [Ticket[Append, Recorded](append) for append in appends]
        with self._combiner.lock:
            self._commit(tickets)
        self._tell_watchers()
        return [ticket.error or ticket.result or AssertionError("neither") for ticket in tickets]

    @property
    def writing_keys(self) -> WritingKeys:
        """The keys, for whoever drafts. Raises LedgerFileError without any."""
        if self._keys is None:
            raise LedgerFileError(f"{self.path}: nothing sealed can be recorded without the keys of this ledger")
        return self._keys

    def sealed_under(self, section_class: str, stream: str) -> bool:
        """Whether the ledger has a section of a class on a stream: asked where a key for it is missing."""
        if section_class not in OPEN_CLASSES:
            return self._slot_taken(slot(self._marks(), stream, 1))
        with self.reading() as connection:
            query = (
                "SELECT 1 FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id "
                "WHERE name = ? AND instr(entry, CAST(? AS BLOB)) LIMIT 1"
            )
            return bool(fetch(connection, query, (stream, f'{{"class":"{section_class}"')))

    def _slot_taken(self, place: str) -> bool:
        """Whether there is a sealed entry under a slot."""
        with self.reading() as connection:
            return bool(fetch(connection, "SELECT 1 FROM sealed_entry WHERE slot = ?", (place,)))

    def wait(self, seconds: float) -> None:
        """Wait until something is appended through this object, at most `seconds`."""
        with self._committed:
            self._watchers += 1
            self._committed.wait(seconds)
            self._watchers -= 1

    def _tell_watchers(self) -> None:
        if self._watchers:
            with self._committed:
                self._committed.notify_all()

    def _marks(self) -> bytes:
        marks = None if self._keys is None else self._keys.marks
        if marks is None:
            raise LedgerFileError(f"{self.path}: the sealed book cannot be used without the trial's keys")
        return marks

    def _answered(
        self, command_id: str, digest: str, opened: bytes | None, sealed: Sequence[tuple[Any, ...]]
    ) -> Recorded | None:
        """The first answer to a command, of its first open entry and its sealed rows (seq, entry, sections), by seq.

        None where there are neither. Raises CommandReused.
        """
        if opened is not None:
            entry = parse_open(opened)
            if entry.command_digest != digest:
                raise CommandReused(f"command {command_id} was recorded before, with other content")
            return Recorded(entry.seq, entry.of, sealed[0][0] if sealed else 0, len(sealed), entry.at, True)
        if sealed:
            seq, raw, stored = sealed[0]
            header = sealed_header(parse_sealed(raw), stored, self._keys)
            if header.command_digest != digest:
                raise CommandReused(f"command {command_id} was recorded before, with other content")
            return Recorded(0, 0, seq, len(sealed), parse_sealed(raw).at, True)
        return None


def probe(taken: Callable[[int], bool]) -> int:
    """The last version of a sealed stream, -1 where it has none: doubling steps up, then halving steps back."""
    if not taken(1):
        return -1
    low, high = 1, 2
    while taken(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if taken(middle) else (low, middle)
    return low
