"""Our recorder behind the interfaces of the eventsourcing library.

A raw stored event becomes an open entry whose one section, of class `plain`, is the opaque state. Notification id
is `seq + 1`. What the library's own SQLite recorder lacks is here: positions that are never reused, a transaction
that takes its lock first, `subscribe`, and `guards`.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    StoredEvent,
    Subscription,
)

from ledger.proof.entry import Actor, parse_open
from ledger.proof.sections import PLAIN, unpack
from ledger.recording.books import Books
from ledger.recording.drafts import Append, CommandMark, Drafter, Guard, OpenDraft
from ledger.recording.engine import SQLiteValue, fetch

RAW_ACTOR: Final = Actor("raw", "", "raw")
_RAW: Final = CommandMark("", "0" * 64)
_COLUMNS: Final = "SELECT seq, stream, version, type, entry, sections FROM open_event "
_POLL_SECONDS: Final = 0.05


class SQLiteApplicationRecorder(ApplicationRecorder):
    """An ApplicationRecorder over the open book of a ledger, in a file or in PostgreSQL."""

    def __init__(self, books: Books, *, originator_id_type: Literal["uuid", "text"] = "uuid") -> None:
        self.books = books
        self._uuids = originator_id_type == "uuid"
        self._drafter = Drafter(books.origin, RAW_ACTOR, _RAW, books.randomness.open)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, guards: Sequence[Guard] = (), **_: Any
    ) -> Sequence[int] | None:
        """Record the events, together and durably, if every guard still holds."""
        if not stored_events:
            return []
        draft, of = self._drafter.draft, len(stored_events)
        drafts: list[OpenDraft] = []
        for event in stored_events:
            originator = event.originator_id
            stream = originator if isinstance(originator, str) else originator.hex
            payloads = ((PLAIN, event.state),)
            drafts.append(draft(stream, event.originator_version, event.topic, payloads, len(drafts), of))
        first = self.books.append(Append(_RAW, drafts, (), guards)).open_seq + 1
        return list(range(first, first + of))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one originator, by version."""
        rows = self._read(
            f"{_COLUMNS} WHERE stream = ? AND version > ? AND version <= ? "
            f"ORDER BY version {'DESC' if desc else 'ASC'} LIMIT ?",
            (_stream(originator_id), -1 if gt is None else gt, 2**62 if lte is None else lte, limit or 2**62),
        )
        return [
            StoredEvent(self._originator(name), version, type_, _state(entry, stored))
            for _, name, version, type_, entry, stored in rows
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The events of the open book by position."""
        first = 0 if start is None else start - 1 if inclusive_of_start else start
        values: list[SQLiteValue] = [first, 2**62 if stop is None else stop]
        among = ""
        if topics:
            among = f"AND type IN ({','.join('?' * len(topics))}) "
            values += topics
        rows = self._read(f"{_COLUMNS} WHERE seq >= ? AND seq < ? {among}ORDER BY seq LIMIT ?", [*values, limit])
        return [
            Notification(self._originator(name), version, type_, _state(entry, stored), seq + 1)
            for seq, name, version, type_, entry, stored in rows
        ]

    def max_notification_id(self) -> int | None:
        """The newest position, or None for an empty book."""
        rows = self._read("SELECT size FROM head WHERE book = 'open'", ())
        return rows[0][0] or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Events after position `gt`, then those still to come, of this and of other processes."""
        return LedgerSubscription(self, gt, topics)

    def _originator(self, name: str) -> UUID | str:
        return UUID(name) if self._uuids else name

    def _read(self, statement: str, values: Sequence[SQLiteValue]) -> list[Any]:
        with self.books.reading() as connection:
            return fetch(connection, statement, values)


class SQLiteAggregateRecorder(AggregateRecorder):
    """An AggregateRecorder: the same without positions."""

    def __init__(self, books: Books, *, originator_id_type: Literal["uuid", "text"] = "uuid") -> None:
        self._recorder = SQLiteApplicationRecorder(books, originator_id_type=originator_id_type)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Record the events, together and durably."""
        self._recorder.insert_events(stored_events, **kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one originator, by version."""
        return self._recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)


class LedgerSubscription(Subscription[ApplicationRecorder]):
    """Waits for appends through the same object, and looks every 50 ms for those of other processes."""

    def __init__(self, recorder: SQLiteApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._ready: list[Notification] = []
        self._after = gt or 0
        self._wanted = topics
        self._books = recorder.books

    def __next__(self) -> Notification:
        while True:
            if self._has_been_stopped:
                raise StopIteration
            if not self._ready:
                found = self._recorder.select_notifications(
                    self._after, 500, topics=self._wanted, inclusive_of_start=False
                )
                self._ready = list(reversed(found))
            if self._ready:
                notification = self._ready.pop()
                self._after = notification.id
                return notification
            self._books.wait(_POLL_SECONDS)


def _stream(originator_id: UUID | str) -> str:
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id


def _state(entry: bytes, stored: bytes) -> bytes:
    """The opaque state of a raw event, which is the payload of its plain section."""
    parts = parse_open(entry).parts
    for part, section in zip(parts, unpack(stored, len(parts)), strict=True):
        if part.section_class == PLAIN and section.payload is not None:
            return section.payload
    return b""
