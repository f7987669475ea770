"""A ledger file made anew of rows that exist already: entries and sections go in as they are, heads are recomputed.

Used to restore; never to record. The rows have been verified by whoever calls; what does not fit the file's tables is
refused all the same. Memory does not grow with the ledger: rows come as a stream, and go in some thousands at a time.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import apsw

from ledger.domain.vocabulary import Book
from ledger.proof.bundle import BookHead
from ledger.proof.entry import GENESIS, EntryError, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.tree import Frontier, leaf_hash
from ledger.recording.engine import connect, create_ledger, fetch, translated

Row = tuple[bytes, bytes]
"""An entry as it is stored, and its sections as the file is to store them."""
_BATCH: Final = 5000
_MOST_STREAMS: Final = 100_000
_OPEN: Final = "INSERT INTO open_entry (seq, stream, version, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)"
_SEALED: Final = "INSERT INTO sealed_entry (seq, open_seq, slot, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)"
_HEAD: Final = "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = ?"


def rebuild_ledger(path: Path, origin: str, opened: Iterable[Row], sealed: Iterable[Row] | None) -> dict[str, BookHead]:
    """Make a ledger file of these rows, whole and durable; gives the heads of its books.

    `sealed` None: there is no sealed book, and no head of it, in the file to be.

    Raises LedgerFileError (rows that fit no ledger), StorageError. What is there after an error is to be dropped.
    """
    create_ledger(path, origin, [Book.OPEN] if sealed is None else Book)
    try:
        connection = connect(path)
        try:
            # Nobody sees the file before it is whole; it is made durable once, at the end.
            connection.pragma("synchronous", "OFF")
            heads = {"open": _fill(connection, "open", _OPEN, _open_values(connection, opened))}
            if sealed is not None:
                heads["sealed"] = _fill(connection, "sealed", _SEALED, _sealed_values(sealed))
            connection.pragma("synchronous", "FULL")
            fetch(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except apsw.Error as error:
        raise translated(error, path) from error
    except EntryError as error:
        raise LedgerFileError(f"{path}: a row is no entry ({error})") from None
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return heads


_Values = tuple[int | str | bytes | None, ...]


def go_on(connection: apsw.Connection, book: Book, rows: Iterable[Row]) -> BookHead:
    """Put the rows that follow what a book has into its tables, some thousands a commit. Raises as `rebuild_ledger`."""
    size, last, frontier = fetch(connection, "SELECT size, hash, frontier FROM head WHERE book = ?", (book.value,))[0]
    start = BookHead(size, last, frontier)
    if book is Book.OPEN:
        return _fill(connection, "open", _OPEN, _open_values(connection, rows), start)
    return _fill(connection, "sealed", _SEALED, _sealed_values(rows), start)


def _fill(
    connection: apsw.Connection, book: str, statement: str, rows: Iterator[_Values],
    start: BookHead = BookHead(0, GENESIS, b""),  # noqa: B008  (a tuple of constants)
) -> BookHead:  # fmt: skip
    tree, last, more = Frontier.from_bytes(start.size, start.frontier), start.head, True
    while more:
        with connection:
            more = False
            for values in islice(rows, _BATCH):
                more = True
                raw = values[4]
                assert isinstance(raw, bytes)
                if values[0] != tree.size:
                    raise LedgerFileError(f"entry {values[0]!r} of the {book} book stands where {tree.size} belongs")
                last = leaf_hash(raw)
                tree.append(last)
                connection.execute(statement, values)
            connection.execute(_HEAD, (tree.size, last, tree.to_bytes(), book))
    return BookHead(tree.size, last, tree.to_bytes())


def _open_values(connection: apsw.Connection, rows: Iterable[Row]) -> Iterator[_Values]:
    known = dict[str, int]()
    for raw, sections in rows:
        entry = parse_open(raw)
        stream = known.get(entry.stream)
        if stream is None:
            if len(known) > _MOST_STREAMS:
                known.clear()
            stream = known[entry.stream] = _stream(connection, entry.stream)
        command = entry.command_id if entry.n == 0 and entry.command_id else None
        yield entry.seq, stream, entry.version, command, raw, sections


def _stream(connection: apsw.Connection, name: str) -> int:
    found = fetch(connection, "SELECT id FROM open_stream WHERE name = ?", (name,))
    if not found:
        connection.execute("INSERT INTO open_stream (name) VALUES (?)", (name,))
        return connection.last_insert_rowid()
    return int(found[0][0])


def _sealed_values(rows: Iterable[Row]) -> Iterator[_Values]:
    for raw, sections in rows:
        entry = parse_sealed(raw)
        yield entry.seq, entry.open_head_seq, entry.slot, entry.command, raw, sections
