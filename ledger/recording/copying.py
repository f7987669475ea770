"""A ledger's books taken from where they lie to somewhere else: from a file to a database, or back.

1. Entries and sections go over as they are, in their order; so head and root are the same.
2. What is there of a copy is never taken for a ledger: a file that is being made has another name, and a trial that is
   being made is called NAME.copying. Both appear under their own name when `finish` was called.
3. Rows go over in batches, each durable by itself. A copy that was interrupted goes on from where it stopped, if
   what is there already is the beginning of the same ledger.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import apsw

from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.link import Link
from ledger.proof.tree import leaf_hash
from ledger.recording.engine import Reading, connect, create_ledger, fetch, open_reading, translated
from ledger.recording.rebuilding import Row, go_on

BATCH: Final = 2000
Heads = dict[Book, tuple[int, bytes]]
"""Size and leaf hash of the last entry, of each book."""


class Target(Protocol):
    """Where a copy goes."""

    draft: Path
    """What the copy is called until it is finished: a path that can be read and verified."""

    def heads(self) -> Heads:
        """What is there already."""

    def take(self, book: Book, rows: Sequence[Row]) -> None:
        """Add rows, durably."""

    def finish(self) -> None:
        """Give it its name."""

    def close(self) -> None:
        """Let go of it."""


class FileTarget:
    """A ledger file to be."""

    def __init__(self, path: Path, origin: str, books: Sequence[Book]) -> None:
        self._path = path
        self.draft = path.with_name(f".{path.name}.copying")
        if path.exists():
            raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
        if not self.draft.exists():
            create_ledger(self.draft, origin, books)
        check_ledger_file(self.draft, linked=False)
        self._connection = connect(self.draft)

    def heads(self) -> Heads:
        return _heads(self._connection)

    def take(self, book: Book, rows: Sequence[Row]) -> None:
        try:
            go_on(self._connection, book, rows)
        except apsw.Error as error:
            raise translated(error, self.draft) from None

    def finish(self) -> None:
        fetch(self._connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        try:
            os.link(self.draft, self._path)
        except FileExistsError:
            raise LedgerFileError(f"{self._path}: exists already; a ledger is never overwritten") from None
        for suffix in ("", "-wal", "-shm"):
            self.draft.with_name(self.draft.name + suffix).unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        self._connection.close()


def target_of(path: Path, link: Link | None, origin: str, books: Sequence[Book]) -> Target:
    """The copy to be at `path`: a file, or where `link` is to lead. Raises LedgerFileError, StorageError."""
    if link is None:
        return FileTarget(path, origin, books)
    from ledger.recording.postgres.copying import PostgresTarget

    if Book.SEALED not in books:
        raise LedgerFileError("a ledger that was restored without its sealed book is not taken to a database")
    return PostgresTarget(path, link)


def copy_rows(
    source: Path, target: Target, *, batch: int = BATCH, progress: Callable[[int, int], None] | None = None
) -> Heads:
    """Copy what `source` has and `target` lacks; gives the heads up to which that is.

    Raises LedgerFileError where what is there is no beginning of the same ledger.
    """
    with closing(open_reading(source)) as connection:
        connection.execute("BEGIN")
        wanted, there = _heads(connection), target.heads()
        total, done = sum(size for size, _ in wanted.values()), 0
        for book in (Book.OPEN, Book.SEALED):
            if book not in wanted:
                continue
            start, head = there[book]
            _check_begins(connection, book, start, head, source)
            done += start
            for first in range(start, wanted[book][0], batch):
                rows = list(_rows(connection, book, first, min(first + batch, wanted[book][0])))
                target.take(book, rows)
                done += len(rows)
                if progress is not None:
                    progress(done, total)
        connection.execute("ROLLBACK")
    if target.heads() != wanted:
        raise LedgerFileError(f"{source}: its books do not go on to their heads; run verify")
    return wanted


def origin_and_books(source: Path) -> tuple[str, list[Book]]:
    """The origin of a ledger's open book, and which books it has."""
    check_ledger_file(source)
    with closing(open_reading(source)) as connection:
        rows = fetch(connection, "SELECT book, origin FROM head ORDER BY book")
    origins = {Book(book): str(origin) for book, origin in rows}
    return origins[Book.OPEN], list(origins)


def _heads(connection: Reading) -> Heads:
    return {Book(book): (int(size), bytes(hash_)) for book, size, hash_ in
            fetch(connection, "SELECT book, size, hash FROM head")}  # fmt: skip


def _check_begins(connection: Reading, book: Book, size: int, head: bytes, source: Path) -> None:
    if not size:
        return
    rows = fetch(connection, f"SELECT entry FROM {book}_entry WHERE seq = ?", (size - 1,))
    if not rows or leaf_hash(rows[0][0]) != head:
        raise LedgerFileError(
            f"{source}: what is there of a copy is no beginning of this ledger ({book} book, {size} entries)"
        )


def _rows(connection: Reading, book: Book, start: int, stop: int) -> Iterator[Row]:
    query = f"SELECT entry, sections FROM {book}_entry WHERE seq >= ? AND seq < ? ORDER BY seq"
    yield from fetch(connection, query, (start, stop))
