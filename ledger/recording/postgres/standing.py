"""A connection that records, and what is known of the books over it: where they stand, and that they go on from there.

What is known is of what was committed alone, and is as durable as a commit of ours. If a transaction that has the lock
comes to nothing, neither does what was learnt in it: others' entries that were seen may lie on one node alone. Before
the first commit nothing is known for sure: where the connection goes, the books are looked at anew.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
from eventsourcing.persistence import DatabaseError, OperationalError

from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.tree import Frontier, leaf_hash
from ledger.recording.book_state import BookState
from ledger.recording.drafts import Upkeep
from ledger.recording.postgres.connecting import Address, Connection, for_writing, translated
from ledger.recording.postgres.reading import link_at, trial_key

TAKEN: Final = "SELECT trial_ledger.taken(%s, %s)"
FORKED: Final = "TL003"
_NAMED: Final = "(SELECT id FROM open_book.stream WHERE trial = %s AND name = %s)"
_PREV: Final = re.compile(rb'"prev":"([0-9a-f]{64})"')
_SHORTER: Final = (
    "the database has fewer entries than were recorded in it: a backup was restored, or a failover lost what was "
    "acknowledged. Nothing is recorded in it any more; run verify"
)
_FORKED: Final = (
    "the database does not go on from what was recorded in it: entries were altered, a backup was restored, or a "
    "failover lost what was acknowledged. Nothing is recorded in it any more; run verify"
)


class ForkError(DatabaseError):
    """The database does not go on from what was recorded in it: it lost entries, or has others in their place."""


class UnknownOutcomeError(OperationalError):
    """It could not be learnt whether something was recorded. Sent again under the same id, it is recorded once."""


class LostError(Exception):
    """The connection went while a commit was under way, or the server did not wait for its standby."""


class Standing:
    """A connection to the server, and both books as they stand there. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.link = link_at(path)
        self.address = Address(self.link.url, self.link.trial)
        self.closed = False
        self.unsure = False
        """Whether the server said that it has not waited for its standby, since this was set to False last."""
        self.clock = ""
        """What its clock showed when the lock was taken last."""
        self._db: Connection | None = None
        self._holding = False
        self._sure = True
        self.key = trial_key(self.connected(), self.link, path)
        self.open, self.sealed = self._load()
        self._sure = False
        """Whether a commit of ours came after what is known of the books."""

    # -- the connection ------------------------------------------------------------------------------------------

    def connected(self) -> Connection:
        if self.closed:
            raise DatabaseError(f"{self.path}: was closed")
        if self._db is None or self._db.closed:
            self._db = self.address.connect()
            for_writing(self._db)
            self._db.add_notice_handler(self.noticed)
            if not self._sure:
                self.open, self.sealed = self._load()
        return self._db

    def disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(psycopg.Error):
                db.close()

    def broken(self) -> bool:
        return self._db is None or self._db.closed

    def noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        """A commit that stops waiting for its standby says so by a warning alone."""
        self.unsure = self.unsure or notice.severity_nonlocalized == "WARNING"

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self.connected().execute(statement.encode(), values, binary=True).fetchall()
        except psycopg.Error:
            if not self.broken() or self._holding:
                raise
            # It was lost while nothing was under way: what is only read is read over another one.
            return self.connected().execute(statement.encode(), values, binary=True).fetchall()

    # -- what is known of the books ------------------------------------------------------------------------------

    def _load(self, statement: str = "heads") -> tuple[BookState, BookState]:
        """Both books as the database says that they stand."""
        rows = self.fetch(f"SELECT * FROM trial_ledger.{statement}(%s)", (self.key,))
        states = {book: BookState(origin, size, hash_, at, Frontier.from_bytes(size, frontier))
                  for book, origin, size, hash_, frontier, at, _ in rows}  # fmt: skip
        self.clock = next(clock for *_, clock in rows if clock)
        if len(states) != len(Book):
            raise LedgerFileError(f"{self.path}: the database is damaged (not both books have a head)")
        return states["open"], states["sealed"]

    def catch_up(self, book: Book, size: int, hash_: bytes, at: str) -> None:
        """Take in what others recorded up to `size`, each entry naming the one before. Raises ForkError."""
        state = self.open if book is Book.OPEN else self.sealed
        if size < state.size:
            raise ForkError(f"{self.path}: {_SHORTER}")
        if book is Book.SEALED:
            query = "SELECT hash FROM trial_ledger.sealed_hashes(%s, %s, %s)"
            for (leaf,) in self.fetch(query, (self.key, state.size, size)):
                state.frontier.append(leaf)
                state.hash = leaf
        else:
            query = "SELECT entry FROM open_book.entry WHERE trial = %s AND seq >= %s AND seq < %s ORDER BY seq"
            for (raw,) in self.fetch(query, (self.key, state.size, size)):
                named = _PREV.search(raw)
                if named is None or named[1].decode() != state.hash.hex():
                    raise ForkError(f"{self.path}: {_FORKED}")
                state.hash = leaf_hash(raw)
                state.frontier.append(state.hash)
            state.versions.clear()
            state.anchored = None
        if state.frontier.size != size or state.hash != hash_:
            raise ForkError(f"{self.path}: {_FORKED}")
        state.size, state.at = size, at

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A transaction that has the lock, and writes. What we know of the books is what it knows, if it commits."""
        db = self.connected()
        kept = self.open.copy(), self.sealed.copy()
        self._holding = True
        try:
            db.execute("BEGIN")
            opened, sealed = self._load("hold")
            self.catch_up(Book.OPEN, opened.size, opened.hash, opened.at)
            self.catch_up(Book.SEALED, sealed.size, sealed.hash, sealed.at)
            yield
            self.sending(lambda: db.execute("COMMIT"))
        except BaseException:
            self.open, self.sealed = kept
            raise
        finally:
            self._holding = False

    def sending(self, send: Callable[[], object]) -> None:
        """Send what commits. Raises LostError where it is not known whether it did."""
        db = self.connected()
        try:
            send()
        except psycopg.Error as error:
            if error.sqlstate == FORKED:
                raise ForkError(f"{self.path}: {_FORKED} ({error.diag.message_primary})") from None
            if db.closed or db.broken:
                self.disconnect()
                raise LostError(str(error)) from None
            raise
        if db.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            if self.unsure:
                raise LostError("the server did not wait for its standby")
            self._sure = True

    def version(self, stream: str) -> int:
        """How far a stream of the open book has come; 0 where it has no entry."""
        rows = self.fetch(
            f"SELECT version FROM open_book.entry WHERE trial = %s AND stream = {_NAMED} ORDER BY version DESC LIMIT 1",
            (self.key, self.key, stream),
        )
        return int(rows[0][0]) if rows else 0

    def at_slot(self, place: str) -> list[Any]:
        """The rows (seq, entry, sections) under a slot: one, or none."""
        return self.fetch("SELECT * FROM trial_ledger.sealed_at(%s, %s)", (self.key, place))

    def taken(self, place: str) -> bool:
        """Whether there is a sealed entry under a slot."""
        return bool(self.fetch(TAKEN, (self.key, [place]))[0][0])

    def due(self, upkeep: Upkeep | None) -> int | None:
        """The size of the open book at which the next anchor is due; None where none are recorded."""
        if upkeep is None:
            return None
        opened = self.open
        if opened.anchored is None:
            rows = self.fetch(
                f"SELECT seq FROM open_book.entry WHERE trial = %s AND stream = {_NAMED} AND seq < %s "
                "ORDER BY version DESC LIMIT 1",
                (self.key, self.key, upkeep.anchors, opened.size),
            )
            opened.anchored = int(rows[0][0]) + 1 if rows else 0
        return (opened.anchored // upkeep.every + 1) * upkeep.every


def wait_for_standbys(path: Path) -> None:
    """Return when all that could be seen in the books so far is where the server's standbys have it too.

    Where it waits for none, there is nothing to wait for. Raises LedgerFileError, StorageError.
    """
    at = Standing(path)
    try:
        if at.fetch("SHOW synchronous_standby_names") != [("",)]:
            with at.hold():
                pass
    except LostError as error:
        raise UnknownOutcomeError(f"{path}: what it shows may be on one node alone ({error}); try again") from None
    except psycopg.Error as error:
        raise translated(error, path) from None
    finally:
        at.closed = True
        at.disconnect()
