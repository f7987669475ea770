"""A copy that goes to a database: `ledger/recording/copying.py`, and revision 0004 for what the server does of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from ledger.domain.vocabulary import Book
from ledger.proof.entry import parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, read_link
from ledger.recording.postgres.connecting import NAME, Address, check_revision, for_writing, translated
from ledger.recording.postgres.creating import put_link
from ledger.recording.rebuilding import Row

COPYING: Final = ".copying"
_BYTES: Final = 16 << 20
"""How much goes in one call, at most (or one row)."""


class PostgresTarget:
    """A trial to be."""

    def __init__(self, path: Path, link: Link) -> None:
        if not NAME.fullmatch(link.trial) or link.trial.endswith(COPYING):
            raise LedgerFileError(f"{link.trial}: is no name for a trial")
        self._path, self._link = path, link
        self.draft = path.with_name(f".{path.name}{COPYING}")
        self._address = Address(link.url, link.trial)
        if path.exists():
            raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
        self._db = self._address.connect()
        check_revision(self._db, self._address)
        for_writing(self._db)
        self._key = self._begun()

    def heads(self) -> dict[Book, tuple[int, bytes]]:
        return {
            book: (int(size), bytes(hash_))
            for book in Book
            for size, hash_ in self._run(f"SELECT size, hash FROM {book}_book.book WHERE trial = %s", self._key)
        }

    def take(self, book: Book, rows: Sequence[Row]) -> None:
        call, held = list[Row](), 0
        for row in rows:
            if call and held + len(row[0]) + len(row[1]) > _BYTES:
                self._take(book, call)
                call, held = [], 0
            call.append(row)
            held += len(row[0]) + len(row[1])
        if call:
            self._take(book, call)

    def finish(self) -> None:
        self._run("SELECT trial_ledger.finish_copy(%s)", self._key)
        self.draft.unlink(missing_ok=True)
        put_link(self._path, self._link)

    def close(self) -> None:
        self._db.close()

    def _begun(self) -> int:
        """The number of the trial that is being made; a copy that was interrupted is found again."""
        name, unfinished = self._link.trial, f"{self._link.trial}{COPYING}"
        rows = self._run(
            "SELECT t.name, t.trial, b.origin FROM trial_ledger.trial t JOIN open_book.book b ON b.trial = t.trial "
            "WHERE t.name IN (%s, %s)", name, unfinished,
        )  # fmt: skip
        found = {row[0]: row[1:] for row in rows}
        if name in found and self.draft.exists() and found[name][1] == self._link.origin:
            # Interrupted between the name and the link.
            self.draft.unlink(missing_ok=True)
            put_link(self._path, self._link)
            raise AlreadyThereError(f"{self._address}: {name} is there already, whole")
        if name in found:
            raise LedgerFileError(f"{self._address}: has a trial {name} already; a ledger is never overwritten")
        if unfinished in found:
            if found[unfinished][1] != self._link.origin:
                raise LedgerFileError(f"{self._address}: has an unfinished copy of another ledger, {unfinished}")
            key = int(found[unfinished][0])
        else:
            ((key,),) = self._run("SELECT trial_ledger.create_trial(%s, %s)", unfinished, self._link.origin)
        if read_link(self.draft) is None:
            put_link(self.draft, Link(self._link.url, unfinished, self._link.origin))
        return int(key)

    def _take(self, book: Book, rows: Sequence[Row]) -> None:
        entries, sections = [raw for raw, _ in rows], [stored for _, stored in rows]
        if book is Book.OPEN:
            opened = [parse_open(raw) for raw in entries]
            self._run(
                "SELECT trial_ledger.take_open(%s, %s::text[], %s::bigint[], %s::text[], %s::text[], %b::bytea[], "
                "%b::bytea[])", self._key, [entry.stream for entry in opened], [entry.version for entry in opened],
                [entry.command_id if entry.n == 0 and entry.command_id else None for entry in opened],
                [entry.at for entry in opened], entries, sections,
            )  # fmt: skip
            return
        sealed = [parse_sealed(raw) for raw in entries]
        self._run(
            "SELECT trial_ledger.take_sealed(%s, %s::bigint[], %s::text[], %s::text[], %s::text[], %b::bytea[], "
            "%b::bytea[])", self._key, [entry.open_head_seq for entry in sealed], [entry.slot for entry in sealed],
            [entry.command for entry in sealed], [entry.at for entry in sealed], entries, sections,
        )  # fmt: skip

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement.encode(), values, binary=True).fetchall()
        except psycopg.errors.UniqueViolation as error:
            raise LedgerFileError(f"{self._address}: {error.diag.message_primary}; run verify on the source") from None
        except psycopg.Error as error:
            raise translated(error, self._address) from None


class AlreadyThereError(LedgerFileError):
    """The copy was finished before, but for the link, which is there now."""
