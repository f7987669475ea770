"""The recorder on PostgreSQL: one append path for both books, durable when it returns.

1. What SQLite's recorder decides under its lock, the server's function `append` decides under that of the open book's
   row: `seq`, `prev`, `at` (the server's clock, or the one given), guards and versions, whether the command was
   recorded before. A batch of appends is one statement, and one commit.
2. What depends on where the books stand (an anchor that is due, a clock that stepped back) is made while the lock is
   held: `hold`, then as many calls as it takes, then COMMIT. An anchor is due once in `every` entries.
3. Each answer is held against what it ought to be: entries are completed and hashed again here. A database that does
   not go on from what is known of it is refused: `ForkError`.
4. Whether something was recorded is never guessed. Where the answer to a commit was lost, or the server did not wait
   for its standby, a transaction that itself writes looks for the first entry of each append by its random id; what is
   not there is recorded in that same transaction.
5. A commit that has begun is not interrupted: whoever is, hears of it afterwards.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from eventsourcing.persistence import DatabaseError, IntegrityError, OperationalError
from psycopg_pool import PoolTimeout

from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import command_mark, slot
from ledger.recording.books import Books, CommandReused, VersionConflict, probe
from ledger.recording.combining import Ticket
from ledger.recording.drafts import Append, Randomness, Recorded, Upkeep, WritingKeys
from ledger.recording.engine import Reading
from ledger.recording.live import utc_now
from ledger.recording.postgres.connecting import translated
from ledger.recording.postgres.looking import recorded_as
from ledger.recording.postgres.reading import PostgresReading
from ledger.recording.postgres.shielding import Shield
from ledger.recording.postgres.standing import TAKEN, ForkError, LostError, Standing, UnknownOutcomeError
from ledger.recording.postgres.steps import APPEND, Planned, Steps, follows
from ledger.recording.sealed_rows import sealed_parts

T = TypeVar("T")
MOVED: Final = "TL001"
STEPPED: Final = "TL002"
SETTLE_SECONDS: Final = 90.0
"""How long it is tried to learn what became of a commit: longer than a failover takes."""
_ATTEMPTS: Final = 50


class PostgresBooks(Books):
    """The two books of one trial in PostgreSQL, for appending."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        randomness: Randomness | None = None,
        keys: WritingKeys | None = None,
        upkeep: Upkeep | None = None,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        super().__init__(path, clock=clock, randomness=randomness, keys=keys, upkeep=upkeep)
        # Without a clock of our own the server's is taken, under the lock.
        self._given: Callable[[], str] | None = None if clock is utc_now else lambda: recorded(clock())
        self._settle_seconds = settle_seconds
        self._at = Standing(path)
        self._readers: list[PostgresReading] = []
        self._shield = Shield()
        self.origin = self._at.open.origin

    def close(self) -> None:
        """Let go of the books; appends that wait are finished first."""
        with self._combiner.lock:
            self._combiner.drain()
            self._closed = True
            while self._readers:
                self._readers.pop().close()
            self._at.closed = True
            self._at.disconnect()
            self._shield.close()

    def find(self, command_id: str, digest: str, *, with_sealed: bool) -> Recorded | None:
        """Where a command was recorded, or None. Raises CommandReused if it was one with another digest.

        What is found may lie on one node alone: it is answered when a commit of ours has come after it.
        """

        def look() -> Recorded | None:
            return self._find(command_id, digest, with_sealed=with_sealed)

        with self._combiner.lock:
            for last in (False, True):
                try:
                    return look() and self._surely(look)
                except psycopg.Error as error:
                    if last or not self._at.broken():
                        raise translated(error, self.path) from None
        return None

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A reading connection, for this thread alone while it is held; committed appends are seen at once."""
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = PostgresReading(self.path)
        try:
            yield connection
        finally:
            self._readers.append(connection)

    def _slot_taken(self, place: str) -> bool:
        try:
            with self._at.address.pool().connection() as db:
                return bool(db.execute(TAKEN.encode(), (self._at.key, [place])).fetchall()[0][0])
        except (psycopg.Error, PoolTimeout) as error:
            raise translated(error, self.path) from None

    def _commit(self, tickets: list[Ticket[Append, Recorded]]) -> None:
        try:
            if self._closed:
                raise DatabaseError(f"{self.path}: was closed")
            self._shield.do(lambda: self._commit_all(tickets))
        except BaseException as error:  # an interruption, or a fault of ours: nobody is left without an answer
            for ticket in tickets:
                if ticket.result is None and ticket.error is None:
                    ticket.error = error
            if not isinstance(error, Exception):
                raise

    def _commit_all(self, tickets: list[Ticket[Append, Recorded]]) -> None:
        waiting, sent = self._planned(tickets), False
        for _ in range(_ATTEMPTS):
            if not waiting:
                return
            try:
                self._at.unsure = False
                waiting = self._quick(waiting) if not sent else self._settled(waiting)
                sent = False
                continue
            except LostError:
                sent = True
            except Exception as error:
                if isinstance(error, psycopg.Error) and self._at.broken() and not self._closed:
                    sent = True
                    continue
                self._fail(waiting, error)
                return
        self._fail(waiting, VersionConflict(f"others wrote {_ATTEMPTS} times in between"))

    def _fail(self, waiting: list[Planned], failure: Exception) -> None:
        """None of them was recorded. One may be at fault alone: then each is tried by itself."""
        if not self._at.broken():
            with suppress(psycopg.Error):
                self._at.connected().rollback()
        error = translated(failure, self.path)
        if len(waiting) > 1 and not isinstance(error, OperationalError | ForkError):
            for planned in waiting:
                self._commit_all([planned.ticket])
            return
        for planned in waiting:
            planned.ticket.error = error

    def _planned(self, tickets: Sequence[Ticket[Append, Recorded]]) -> list[Planned]:
        """What can be sent of these. Those of which that cannot be said have their error, or their earlier answer."""
        planned, ahead = [], dict[str, int]()
        for ticket in tickets:
            append = ticket.wanted
            wrong = follows(append.open)
            if wrong is not None:
                ticket.error = VersionConflict(f"version {wrong.version} of the stream {wrong.stream} does not follow")
                continue
            try:
                planned.append(self._plan(ticket, ahead))
            except Exception as error:
                ticket.error = translated(error, self.path)
                with suppress(psycopg.Error):
                    try:
                        ticket.result = self._find_again(append)
                    except (CommandReused, LedgerFileError) as reused:
                        ticket.error = reused
                if ticket.result is not None:
                    ticket.error = None
        return planned

    def _find_again(self, append: Append) -> Recorded | None:
        mark = append.command
        if not mark.id:
            return None
        half = (mark.sealed_id or mark.id) if append.open else None
        return self._find(mark.id, mark.digest, with_sealed=bool(append.sealed), half=half)

    def _plan(self, ticket: Ticket[Append, Recorded], ahead: dict[str, int]) -> Planned:
        """Seal the sealed drafts, on the versions after those that are known; the server looks whether that is so."""
        sealed = []
        if any(guard.book is Book.SEALED for guard in ticket.wanted.guards):
            self._marks()
        for draft in ticket.wanted.sealed:
            marks = self._marks()
            last = ahead.get(draft.stream)
            if last is None:
                last = self._last_sealed(draft.stream, marks)
            version = last + 1 if draft.version is None else draft.version
            if draft.version is not None and draft.stream in ahead and version != last + 1:
                raise VersionConflict(f"version {version} of a sealed stream does not follow {last}")
            ahead[draft.stream] = version
            assert self._keys is not None
            parts = sealed_parts(
                ticket.wanted, draft, version, self._at.sealed.origin, self._keys, self.randomness.sealed
            )
            sealed.append((draft.stream, version, parts))
        loose = [draft.version is None for draft in ticket.wanted.sealed]
        return Planned(ticket, sealed, loose, None if self._given is None else self._given())

    def _last_sealed(self, stream: str, marks: bytes) -> int:
        known = self._at.sealed.versions.get(stream)
        if known is None:
            last = probe(lambda version: self._at.taken(slot(marks, stream, version)))
            known = self._at.sealed.versions[stream] = (0, max(last, 0))
        return known[1]

    def _quick(self, waiting: list[Planned]) -> list[Planned]:
        """One statement, one commit: where neither an anchor nor a clock step is to be recorded with it."""
        before = self._at.due(self.upkeep)
        more = sum(len(planned.ticket.wanted.open) for planned in waiting)
        if before is not None and self._at.open.size + more >= before:
            return self._held(waiting)
        try:
            return self._call(waiting, before=before)
        except psycopg.Error as error:
            if error.sqlstate in (MOVED, STEPPED):
                return self._held(waiting)
            raise

    def _held(self, waiting: list[Planned]) -> list[Planned]:
        """Several calls in one transaction, by which the lock is held, so that the books stand where we know them."""
        with self._hold():
            return self._within(waiting)

    def _settled(self, waiting: list[Planned]) -> list[Planned]:
        """After a commit whose outcome is not known: look, and record what is not there. Raises UnknownOutcomeError."""
        try:
            return self._surely(
                lambda: self._within([planned for planned in waiting if not self._recorded_as(planned)])
            )
        except BaseException:
            for planned in waiting:
                planned.ticket.result = None
            raise

    def _surely(self, work: Callable[[], T]) -> T:
        """Do something in a transaction that itself writes, again and again until its commit is acknowledged.

        Whatever was under way before is decided then, and as durable as that commit. Raises UnknownOutcomeError.
        """
        until, pause = time.monotonic() + self._settle_seconds, 0.05
        while True:
            try:
                self._at.unsure = False
                with self._hold():
                    done = work()
            except (LostError, psycopg.Error, OperationalError) as error:
                if isinstance(error, psycopg.Error) and not self._at.broken() and not _passes(error):
                    raise
                self._at.disconnect()
                if time.monotonic() > until:
                    raise UnknownOutcomeError(
                        f"{self.path}: it is not known whether this was recorded ({error}); send it again with the "
                        "same id: it is recorded once"
                    ) from None
                time.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                return done

    @contextmanager
    def _hold(self) -> Iterator[None]:
        stepped = self._stepped
        try:
            with self._at.hold():
                yield
        except BaseException:
            self._stepped = stepped
            raise

    def _within(self, waiting: list[Planned]) -> list[Planned]:
        again, group = list[Planned](), list[Planned]()
        for planned in waiting:
            if self._needs_upkeep(planned, group):
                again += self._call(group, exact=True)
                group = []
                if self._needs_upkeep(planned, group):
                    self._add_upkeep(planned)
                    again += self._call([planned], exact=True)
                    planned.step = planned.anchor = None
                    continue
            group.append(planned)
        return again + self._call(group, exact=True)

    def _needs_upkeep(self, planned: Planned, group: Sequence[Planned]) -> bool:
        opened, count = self._at.open, len(planned.ticket.wanted.open)
        if self.upkeep is None or not count:
            return False
        before = self._at.due(self.upkeep)
        assert before is not None
        more = sum(len(each.ticket.wanted.open) for each in group)
        return self._stepping(planned) or opened.size + more + count >= before

    def _stepping(self, planned: Planned) -> bool:
        return (planned.shown or self._at.clock) < self._at.open.at and self._stepped != self._at.open.at

    def _add_upkeep(self, planned: Planned) -> None:
        """Draft what the ledger itself records beside an append: under the lock, where all is known."""
        upkeep, opened, sealed = self.upkeep, self._at.open, self._at.sealed
        assert upkeep is not None
        shown = planned.shown = planned.shown or self._at.clock
        at, size = max(shown, opened.at), opened.size + len(planned.ticket.wanted.open)
        if self._stepping(planned):
            planned.step = upkeep.step(shown, opened.at, self._at.version(upkeep.clock) + 1)
            size += 1
        before = self._at.due(self.upkeep)
        assert before is not None
        if size >= before:
            version = self._at.version(upkeep.anchors) + 1
            planned.anchor = upkeep.anchor(sealed.size, sealed.frontier.root(), version, at)

    def _call(self, batch: Sequence[Planned], *, exact: bool = False, before: int | None = None) -> list[Planned]:
        """Send a batch and take its answer; what has to be planned anew (a sealed version was taken) is given back."""
        if not batch:
            return []
        steps = Steps(None if self._keys is None else self._keys.marks)
        for planned in batch:
            steps.add(planned, self._at.clock if exact and planned.shown is None else planned.shown)
        opened, sealed = self._at.open, self._at.sealed
        known = (self._at.key, opened.size, opened.hash, sealed.size, sealed.hash, exact, before)
        noted = opened.at if any(planned.step is not None for planned in batch) else self._stepped
        values = (*known, None if self.upkeep is None else noted, *steps.values())
        rows: list[Any] = []
        self._at.sending(lambda: rows.extend(self._at.connected().execute(APPEND, values, binary=True).fetchall()))
        try:
            return self._taken(batch, rows)
        except (psycopg.Error, OperationalError) as error:
            if exact:
                raise
            raise LostError(str(error)) from None  # it is recorded, and where others' entries stand was not learnt

    def _taken(self, batch: Sequence[Planned], rows: list[Any]) -> list[Planned]:
        again = []
        (_, _, size, at, hash_, _), (_, _, sealed_size, sealed_at, sealed_hash, _) = rows[:2]
        if size != self._at.open.size or hash_ != self._at.open.hash:
            self._at.catch_up(Book.OPEN, size, hash_, at)
        if sealed_size != self._at.sealed.size or sealed_hash != self._at.sealed.hash:
            self._at.catch_up(Book.SEALED, sealed_size, sealed_hash, sealed_at)
        found = dict[int, list[Any]]()
        for row in rows[2:-2]:
            found.setdefault(row[1], []).append(row)
        for n, planned in enumerate(batch):
            ticket, said = planned.ticket, found[n]
            what = said[0][0]
            ticket.result = ticket.error = None
            if what == "done":
                if planned.step is not None:
                    self._stepped = self._at.open.at
                ticket.result = planned.replayed(said[0][3], self._at.open, self._at.sealed)
            elif what == "stale":
                for stream, _, _ in planned.sealed:
                    self._at.sealed.versions.pop(stream, None)
                again.append(ticket)
            else:
                self._refused(ticket, said)
        ends = [(row[2], row[4]) for row in rows[-2:]]
        if ends != [(state.size, state.hash) for state in (self._at.open, self._at.sealed)]:
            raise ForkError(f"{self.path}: {_OTHERS}")
        return self._planned(again)

    def _refused(self, ticket: Ticket[Append, Recorded], said: list[Any]) -> None:
        what, append = said[0][0], ticket.wanted
        if what == "conflict":
            stream, last = said[0][3], said[0][2]
            where = "a sealed stream has" if stream is None else f"the stream {stream} has, at version {last},"
            ticket.error = VersionConflict(f"{where} moved on")
        elif what == "empty":
            ticket.error = IntegrityError("a sealed entry names the open book's head: the open book is empty")
        else:
            opened = next((row[4] for row in said if row[0] == "repeated"), None)
            halves = [(row[2], row[4], row[5]) for row in said if row[0] == "half"]
            try:
                ticket.result = self._answered(append.command.id, append.command.digest, opened, halves)
            except (CommandReused, LedgerFileError) as error:
                ticket.error = error

    def _recorded_as(self, planned: Planned) -> bool:
        """Whether just these entries are there; then they have their answer."""
        found = recorded_as(self._at, planned)
        planned.ticket.result = found
        return found is not None

    def _find(self, command_id: str, digest: str, *, with_sealed: bool, half: str | None = None) -> Recorded | None:
        query = "SELECT entry FROM open_book.entry WHERE trial = %s AND command = %s"
        rows = self._at.fetch(query, (self._at.key, command_id))
        sealed: list[Any] = []
        if with_sealed and self._keys is not None and (rows or half is None):
            mark = command_mark(self._marks(), half or command_id)
            sealed = self._at.fetch("SELECT * FROM trial_ledger.sealed_of(%s, %s)", (self._at.key, mark))
        return self._answered(command_id, digest, rows[0][0] if rows else None, sealed)


def _passes(error: psycopg.Error) -> bool:
    """Whether an error is of the moment: a failover, a shutdown, a deadlock."""
    return (error.sqlstate or "")[:2] in ("08", "25", "40", "53", "55", "57")


_OTHERS: Final = "the server recorded other entries than it was given; run verify, and record nothing more"
