"""The recorder on SQLite: one append path for both books, durable when it returns.

1. One transaction (BEGIN IMMEDIATE) holds all entries of an append, of both books, and the new heads. WAL with
   synchronous=FULL: when `append` returns, they are on disk.
2. Under its lock, and nowhere else, are decided: `seq`, `prev`, `at` (our clock, never running backwards), guards
   and versions, whether the command was recorded before, and whether an anchor is due.
3. Everything is checked before the first row is written; so a refused append writes nothing, and a batch of
   appends shares one commit (threads that wait for the lock are committed together by whoever holds it).
4. Heads are cached and compared with the stored ones in each transaction: another process may have written.
5. The open half never looks at the sealed book: not at its versions, its clock, or its size, but for the anchor,
   which commits to it under a salt.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
from eventsourcing.persistence import IntegrityError

from ledger.domain.vocabulary import Book
from ledger.proof import entry as entries
from ledger.proof.entry import parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.sealed import command_mark, slot
from ledger.proof.tree import Frontier, leaf_hash
from ledger.recording.book_state import BookState
from ledger.recording.books import Books, CommandReused, VersionConflict, probe
from ledger.recording.combining import Ticket
from ledger.recording.drafts import Append, OpenDraft, Randomness, Recorded, SealedDraft, Upkeep, WritingKeys
from ledger.recording.engine import Reading, SQLiteValue, connect, fetch, open_reading, require_safe_sqlite, translated
from ledger.recording.live import utc_now
from ledger.recording.sealed_rows import sealed_parts

__all__ = ["CommandReused", "SQLiteBooks", "VersionConflict"]

_OPEN: Final = Book.OPEN
_STORE_HEAD: Final = "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = ?"
_INSERT: Final = "INSERT INTO open_entry (seq, stream, version, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)"


_Fetch: TypeAlias = Callable[[str, Sequence[SQLiteValue]], list[Any]]


class SQLiteBooks(Books):
    """The two books of one ledger file, for appending."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        randomness: Randomness | None = None,
        keys: WritingKeys | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        require_safe_sqlite(apsw.sqlite_lib_version())
        check_ledger_file(path, linked=False)
        super().__init__(path, clock=clock, randomness=randomness, keys=keys, upkeep=upkeep)
        self._readers: list[Reading] = []
        self._data_version: int | None = None
        self._connect()
        self._open: BookState | None = None
        self._sealed: BookState | None = None
        self.origin = self._load(Book.OPEN).origin

    def close(self) -> None:
        """Close the connection; appends that wait are finished first."""
        with self._combiner.lock:
            self._combiner.drain()
            self._closed = True
            while self._readers:
                self._readers.pop().close()
            self._connection.close()

    def find(self, command_id: str, digest: str, *, with_sealed: bool) -> Recorded | None:
        """Where a command was recorded, or None. Raises CommandReused if it was one with another digest.

        It does not wait for who writes. What is recorded meanwhile, `append` finds.
        """
        try:
            with self.reading() as connection:
                return self._find(partial(fetch, connection), command_id, digest, with_sealed=with_sealed)
        except apsw.Error as error:
            raise translated(error, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A reading connection, for this thread alone while it is held; committed appends are seen at once."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = open_reading(self.path)
        try:
            yield connection
        finally:
            self._readers.append(connection)

    # -- under the lock ------------------------------------------------------------------------------------------

    def _commit(self, tickets: list[Ticket[Append, Recorded]]) -> None:
        execute = self._execute
        try:
            execute("BEGIN IMMEDIATE")
            # The data version, read within the transaction, stands still as long as no other connection commits.
            if self._data_version is None or self._data_version != self._connection.data_version():
                self._refresh()
            opened, sealed = self._open, self._sealed
            assert opened is not None
            assert sealed is not None
            open_size, sealed_size = opened.size, sealed.size
            for ticket in tickets:
                try:
                    ticket.result = self._append(ticket.wanted, opened)
                except IntegrityError as error:
                    ticket.error = error
            if sealed.size > sealed_size:
                execute(_STORE_HEAD, (sealed.size, sealed.hash, sealed.frontier.to_bytes(), "sealed"))
            if opened.size > open_size:
                execute(_STORE_HEAD, (opened.size, opened.hash, opened.frontier.to_bytes(), "open"))
            execute("COMMIT")
            self._data_version = self._connection.data_version()
        except BaseException as error:
            self._open = self._sealed = self._data_version = None
            try:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
            except apsw.Error:
                if not self._closed:
                    self._connection.close()
                    self._connect()
            failure = translated(error, self.path) if isinstance(error, apsw.Error) else error
            alone = len(tickets) == 1 or isinstance(error, apsw.BusyError) or not isinstance(error, Exception)
            for ticket in tickets:
                if ticket.error is None or not alone:
                    ticket.result, ticket.error = None, failure
            if not isinstance(error, Exception):
                raise
            if not alone:
                # One of them may be at fault, or too big for the disk: each by itself, so that it harms no other.
                for ticket in tickets:
                    ticket.error = None
                    self._commit([ticket])

    def _connect(self) -> None:
        self._connection = connect(self.path)
        # One cursor for all that is written: to make one for each statement would cost each append some 4 %.
        self._execute = self._connection.cursor().execute

    def _fetch(self, statement: str, values: Sequence[SQLiteValue] = ()) -> list[Any]:
        return fetch(self._connection, statement, values)

    def _book(self, book: Book) -> BookState:
        state = self._open if book is _OPEN else self._sealed
        assert state is not None
        return state

    def _refresh(self) -> None:
        """Take the stored heads where they are not the cached ones: another process has written."""
        rows = dict[str, tuple[int, bytes]]()
        for book, size, hash_ in self._fetch("SELECT book, size, hash FROM head"):
            rows[book] = (size, hash_)
        if self._open is None or rows["open"] != (self._open.size, self._open.hash):
            self._open = self._load(Book.OPEN)
        if self._sealed is None or rows["sealed"] != (self._sealed.size, self._sealed.hash):
            self._sealed = self._load(Book.SEALED)

    def _load(self, book: Book) -> BookState:
        try:
            rows = self._fetch("SELECT origin, size, hash, frontier FROM head WHERE book = ?", (book.value,))
            if not rows:
                raise LedgerFileError(f"{self.path}: the database is damaged (no head of the {book} book)")
            origin, size, hash_, frontier = rows[0]
            last = self._fetch(f"SELECT entry FROM {book}_entry WHERE seq = ?", (size - 1,))
            at = ""
            if size:
                if not last or leaf_hash(last[0][0]) != hash_:
                    raise LedgerFileError(
                        f"{self.path}: the {book} book does not end in its stored head; run verify, append nothing"
                    )
                at = (parse_open(last[0][0]) if book is Book.OPEN else parse_sealed(last[0][0])).at
            return BookState(origin, size, hash_, at, Frontier.from_bytes(size, frontier))
        except apsw.Error as error:
            raise translated(error, self.path) from error

    def _append(self, append: Append, opened: BookState) -> Recorded:
        """Check, then write. Raises IntegrityError before the first row is written, or not at all."""
        command = append.command
        if command.id:
            half = (command.sealed_id or command.id) if append.open else None
            earlier = self._find(self._fetch, command.id, command.digest, with_sealed=bool(append.sealed), half=half)
            if earlier is not None:
                return earlier
        for guard in append.guards:
            if self._version(guard.book, guard.stream) != guard.version:
                raise VersionConflict(f"the stream {guard.stream} has moved on from version {guard.version}")
        self._check_versions(opened, append.open)
        sealed_versions = self._sealed_versions(append.sealed) if append.sealed else []
        shown = self._now()
        at = max(shown, opened.at)
        if at != shown and append.open and self.upkeep is not None:
            self._note_clock_step(self.upkeep, shown, at)
        first = opened.size
        for draft in append.open:
            self._write_open(opened, draft, at)
        if append.open and self.upkeep is not None:
            self._anchor_if_due(self.upkeep, at)
        if not append.sealed:
            # A position in a book that got nothing would tell how long that book is, and could not be told again.
            return Recorded(first, len(append.open), 0, 0, at)
        sealed = self._book(Book.SEALED)
        sealed_first = sealed.size
        sealed_at = max(at, sealed.at)
        for sealed_draft, version in zip(append.sealed, sealed_versions, strict=True):
            self._write_sealed(append, sealed_draft, version, sealed_at)
        if not append.open:
            return Recorded(0, 0, sealed_first, len(append.sealed), sealed_at)
        return Recorded(first, len(append.open), sealed_first, len(append.sealed), at)

    def _find(
        self, asked: _Fetch, command_id: str, digest: str, *, with_sealed: bool, half: str | None = None
    ) -> Recorded | None:
        """`half`: the id of the sealed half of an open command, which no sealed entry without it may keep out."""
        rows = asked("SELECT entry FROM open_entry WHERE command = ?", (command_id,))
        sealed_rows: list[Any] = []
        if with_sealed and self._keys is not None and (rows or half is None):
            sealed_rows = asked(
                "SELECT seq, entry, sections FROM sealed_entry WHERE command = ? ORDER BY seq",
                (command_mark(self._marks(), half or command_id),),
            )
        return self._answered(command_id, digest, rows[0][0] if rows else None, sealed_rows)

    def _version(self, book: Book, stream: str) -> int:
        return max(self._known(book, stream)[1], 0)

    def _known(self, book: Book, stream: str) -> tuple[int, int]:
        """(integer key of the stream, last version); version -1 where the stream has no entry yet."""
        versions = self._book(book).versions
        known = versions.get(stream)
        if known is None:
            known = (
                self._look_up(stream) if book is _OPEN else (0, probe(lambda version: self._has_slot(stream, version)))
            )
            if len(versions) > 100_000:
                versions.clear()
            versions[stream] = known
        return known

    def _look_up(self, stream: str) -> tuple[int, int]:
        rows = self._fetch(
            "SELECT id, (SELECT max(version) FROM open_entry WHERE stream = id) FROM open_stream WHERE name = ?",
            (stream,),
        )
        return (rows[0][0], -1 if rows[0][1] is None else rows[0][1]) if rows else (0, -1)

    def _has_slot(self, stream: str, version: int) -> bool:
        found = self._fetch("SELECT 1 FROM sealed_entry WHERE slot = ?", (slot(self._marks(), stream, version),))
        return bool(found)

    def _check_versions(self, state: BookState, drafts: Sequence[OpenDraft]) -> None:
        ahead: dict[str, int] = {}
        for draft in drafts:
            stream, version = draft.stream, draft.version
            last = ahead.get(stream)
            if last is None:
                last = (state.versions.get(stream) or self._known(_OPEN, stream))[1]
            if version != last + 1 and not (last == -1 and version == 1):
                raise VersionConflict(f"version {version} of the stream {stream} does not follow {last}")
            ahead[stream] = version

    def _sealed_versions(self, drafts: Sequence[SealedDraft]) -> list[int]:
        ahead: dict[str, int] = {}
        versions = []
        for draft in drafts:
            last = ahead.get(draft.stream)
            if last is None:
                last = self._version(Book.SEALED, draft.stream)
            if draft.version is not None and draft.version != last + 1:
                raise VersionConflict(f"version {draft.version} of a sealed stream does not follow {last}")
            ahead[draft.stream] = last + 1
            versions.append(last + 1)
        return versions

    def _write_open(self, state: BookState, draft: OpenDraft, at: str) -> None:
        stream, version, command, fragments, sections = draft
        key = (state.versions.get(stream) or self._known(Book.OPEN, stream))[0]
        if not key:
            self._execute("INSERT INTO open_stream (name) VALUES (?)", (stream,))
            key = self._connection.last_insert_rowid()
        raw = entries.complete(fragments, at, state.hash, state.size)
        self._execute(_INSERT, (state.size, key, version, command, raw, sections))
        state.took(raw, at)
        state.versions[stream] = (key, version)

    def _note_clock_step(self, upkeep: Upkeep, shown: str, last: str) -> None:
        """Record, once a step, that the clock shows an earlier time than the entry before bears."""
        opened = self._book(Book.OPEN)
        if self._stepped != last:
            version = self._version(Book.OPEN, upkeep.clock) + 1
            self._write_open(opened, upkeep.step(shown, last, version), last)
            self._stepped = last

    def _anchor_if_due(self, upkeep: Upkeep, at: str) -> None:
        opened, sealed = self._book(Book.OPEN), self._book(Book.SEALED)
        if opened.anchored is None:
            opened.anchored = self._last_anchored(upkeep.anchors)
        # One anchor is due in each run of `every` open entries; one that was missed is covered by the next.
        if opened.size // upkeep.every > opened.anchored // upkeep.every:
            version = self._version(Book.OPEN, upkeep.anchors) + 1
            self._write_open(opened, upkeep.anchor(sealed.size, sealed.frontier.root(), version, at), at)
            opened.anchored = opened.size

    def _last_anchored(self, stream: str) -> int:
        key, version = self._known(Book.OPEN, stream)
        rows = self._fetch("SELECT seq FROM open_entry WHERE stream = ? AND version = ?", (key, version))
        return int(rows[0][0]) + 1 if rows else 0

    def _write_sealed(self, append: Append, draft: SealedDraft, version: int, at: str) -> None:
        opened, state = self._book(Book.OPEN), self._book(Book.SEALED)
        if not opened.size:
            raise IntegrityError("a sealed entry names the open book's head: the open book is empty")
        assert self._keys is not None
        parts = sealed_parts(append, draft, version, state.origin, self._keys, self.randomness.sealed)
        row = parts.row(at, opened, state)
        self._execute(
            "INSERT INTO sealed_entry (seq, open_seq, slot, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        state.took(row.entry, at)
        state.versions[draft.stream] = (0, version)
