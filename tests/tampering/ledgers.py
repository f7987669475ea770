"""A small ledger with both books and anchors, the same bytes each time; and ways to change a file behind its back."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from ledger.proof.canonical import encode
from ledger.proof.entry import Actor
from ledger.proof.findings import Report
from ledger.proof.schema import STATEMENTS
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.recording.drafts import Append, CommandMark, Drafter, OpenDraft, SealedDraft
from ledger.recording.engine import create_ledger
from ledger.recording.mapper import upkeep
from ledger.recording.sqlite import SQLiteBooks
from tests.derived_keys import DerivedKeys

ORIGIN: Final = "ledger.example/NCT00000000/" + "0" * 32
KEY: Final = bytes(range(32))
KEYS: Final = DerivedKeys(KEY)
ACTOR: Final = Actor("inv-07", "site-01", "investigator")
PHARMACIST: Final = Actor("phar-02", "site-01", "pharmacist")
COMMANDS: Final = 14


class Drawn:
    """Randomness that comes out the same each time: one source a book."""

    def __init__(self) -> None:
        self._open, self._sealed = Random("open"), Random("sealed")

    def open(self, count: int) -> bytes:
        return self._open.randbytes(count)

    def sealed(self, count: int) -> bytes:
        return self._sealed.randbytes(count)


def new_books(path: Path, *, every: int = 4) -> SQLiteBooks:
    """An empty ledger with set clock, randomness and key, and an anchor in each run of `every` open entries."""
    create_ledger(path, ORIGIN)
    times = (datetime(2020, 5, 4, 9, 30, tzinfo=UTC) + timedelta(seconds=7 * n) for n in range(10**9))
    drawn = Drawn()
    return SQLiteBooks(
        path,
        clock=lambda: next(times),
        randomness=drawn,
        keys=KEYS,
        upkeep=upkeep(ORIGIN, every, drawn.open, KEYS),
    )


def fill(books: SQLiteBooks, commands: int = COMMANDS) -> None:
    """Consents with a name apart, visits (two in a command), and doses in the sealed book (two in each third)."""
    versions: dict[str, int] = {}
    for number in range(commands):
        command = CommandMark(f"cmd-{number:06d}", f"{number:064x}")
        subject = f"ES-{number % 3:03d}"
        random = books.randomness.open
        opened: list[OpenDraft] = []
        if number < 3:
            versions[f"subject/{subject}"] = 1
            opened.append(
                Drafter(ORIGIN, ACTOR, command, random, KEYS).draft(f"subject/{subject}", 1, "consent.given/1", [
                        (IDENTITY, encode({"giver_name": 'María "Mari" Núñez'})),
                        (PLAIN, encode({"occurred_at": "2020-05-04T10:00+02:00", "of": [1, {"n": -2}], "who": None})),
                    ], 0, 1)
            )  # fmt: skip
        elif number % 4:
            for n in range(2):
                stream = f"visit/{subject}" if n else 'site/"01"'
                versions[stream] = versions.get(stream, 0) + 1
                opened.append(
                    Drafter(ORIGIN, ACTOR, command, random).draft(
                        stream,
                        versions[stream],
                        "visit.done/1",
                        [(PLAIN, encode({"occurred_at": "2020-05-06", "subject": subject, "week": number}))],
                        n,
                        2,
                    )
                )  # fmt: skip
        doses = 0 if number < 3 or number % 2 else 2 if number % 3 == 0 else 1
        sealed = [
            SealedDraft(
                f"subject/{subject}", None, "treatment.given/1", PHARMACIST,
                [(ARM, encode({"cells": "71.5", "lot": f"L{number}"}))], n, doses,
            )
            for n in range(doses)
        ]  # fmt: skip
        if opened or sealed:
            books.append(Append(command, opened, sealed))


def build(path: Path, *, every: int = 4, commands: int = COMMANDS) -> Path:
    """A small ledger at `path`."""
    books = new_books(path, every=every)
    fill(books, commands)
    books.close()
    settle(path)
    return path


def settle(path: Path) -> None:
    """Leave no write-ahead log beside the file, and no page within it that is not used."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()


@contextmanager
def behind_its_back(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may change everything; the triggers are back afterwards."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN")
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for statement in STATEMENTS:
            if statement.startswith("CREATE TRIGGER"):
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        connection.close()


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    columns = ", ".join(stored_columns(connection, table))
    found = [dict(row) for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")]
    connection.close()
    return found


def stored_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table that are stored."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def entries(path: Path, book: str) -> list[bytes]:
    """The stored entries of a book."""
    return [row["entry"] for row in rows(path, f"{book}_entry")]


def relink(connection: sqlite3.Connection, book: str, start: int, *, head: bool) -> None:
    """Make the chain whole again from `start` on, and the stored head too if `head` says so."""
    stored = connection.execute(f"SELECT seq, entry FROM {book}_entry ORDER BY seq").fetchall()
    tree, last = Frontier(), bytes(32)
    for seq, entry in stored:
        if seq > start:
            at = entry.index(b'"prev":"') + 8
            entry = entry[:at] + last.hex().encode() + entry[at + 64 :]
            connection.execute(f"UPDATE {book}_entry SET entry = ? WHERE seq = ?", (entry, seq))
        last = leaf_hash(entry)
        tree.append(last)
    if head:
        connection.execute(
            "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = ?",
            (tree.size, last, tree.to_bytes(), book),
        )


def places(report: Report) -> list[tuple[str, str | None, int | None]]:
    """(code, book, seq) of each finding, in their order."""
    return [(finding.code, finding.book, finding.seq) for finding in report.findings]


def found(path: Path) -> list[tuple[str, str | None, int | None]]:
    """What verifying the file finds, as `places`; with all keys."""
    return places(verify_ledger(path, keys=KEYS))


def found_without_keys(path: Path) -> list[tuple[str, str | None, int | None]]:
    """What whoever holds the file alone finds."""
    return places(verify_ledger(path))


def sound(path: Path) -> set[tuple[str, int]]:
    """(book, seq) of each entry that is said to be sound; with all keys."""
    ranges = verify_ledger(path, keys=KEYS).sound
    return {(book, seq) for book, first, last in ranges for seq in range(first, last + 1)}


def root64(root: bytes) -> str:
    return base64.b64encode(root).decode()
