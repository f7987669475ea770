"""Marks that may stand in one place only, and stand in two. `docs/format.md` section 7, step 5.5.

SQLite sorts the columns (which the walk compares with the entries) in temporary files, so that memory is bounded, and
does so beside the walk. Indexes are not asked: they are what is to be checked.
"""

import sqlite3
from collections.abc import Collection
from typing import Final, NamedTuple

from ledger.proof.findings import MAX_FINDINGS, Findings

_TWICE: Final = {
    # In the open book the column holds the id at the first event of a command only.
    ("open", "command"): "count(*) > 1",
    # In the sealed book each event of a command has the mark, one after another.
    ("sealed", "command"): "max(seq) - min(seq) >= count(*)",
    ("sealed", "slot"): "count(*) > 1",
}


class Repeat(NamedTuple):
    """A value that stands at `seq`, and stood at `first` and, the last time, at `before`."""

    book: str
    column: str
    first: int
    before: int
    seq: int


def repeats(connection: sqlite3.Connection, tables: Collection[str]) -> list[Repeat]:
    """The repeats in the books that have a table, MAX_FINDINGS of each column at most. Raises sqlite3.Error."""
    found = []
    for (book, column), twice in _TWICE.items():
        if f"{book}_entry" in tables:
            found += _of_column(connection, book, column, twice)
    return found


def _of_column(connection: sqlite3.Connection, book: str, column: str, twice: str) -> list[Repeat]:
    rows = f"FROM {book}_entry NOT INDEXED WHERE {column} IS NOT NULL AND seq >= 0"
    values = connection.execute(
        f"SELECT {column}, min(seq) {rows} GROUP BY {column} HAVING {twice} LIMIT {MAX_FINDINGS}"
    ).fetchall()
    found: list[Repeat] = []
    if not values:
        return found
    seen = {value: (first, first) for value, first in values}
    for value, seq in connection.execute(f"SELECT {column}, seq {rows} ORDER BY seq"):
        if value in seen:
            first, before = seen[value]
            seen[value] = first, seq
            of_one_command = (book, column) == ("sealed", "command") and seq == before + 1
            if seq != first and not of_one_command:
                found.append(Repeat(book, column, first, before, seq))
                if len(found) == MAX_FINDINGS:
                    break
    return found


class HeaderIds:
    """The command ids of the sealed book, which no column has: kept in a temporary file until they are sorted."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript("PRAGMA journal_mode = OFF; CREATE TABLE command_id (id TEXT, seq INTEGER); BEGIN")

    def begins(self, seq: int, command_id: str) -> None:
        """A command of this id begins at `seq`."""
        self._file.execute("INSERT INTO command_id VALUES (?, ?)", (command_id.encode("utf-8", "surrogatepass"), seq))

    def repeats(self) -> list[tuple[int, int]]:
        """(first, again) where an id began twice, MAX_FINDINGS at most."""
        twice = "SELECT id, min(seq) AS first FROM command_id GROUP BY id HAVING count(*) > 1"
        try:
            return self._file.execute(
                f"SELECT first, seq FROM command_id JOIN ({twice}) USING (id) WHERE seq > first "
                f"ORDER BY seq LIMIT {MAX_FINDINGS}"
            ).fetchall()
        finally:
            self._file.close()


def find_repeats(found: Collection[Repeat], ends: dict[str, int], findings: Findings) -> None:
    """Add a finding for each repeat that nothing else explains: a damaged entry may have cut a command in two."""
    for book, column, first, before, seq in found:
        if seq >= ends[book] or findings.any_unsound(book, before, before) or findings.any_unsound(book, seq, seq):
            continue
        if column == "command" and findings.any_unsound(book, before, seq) and book == "sealed":
            continue
        if column == "slot":
            findings.add("header", book, seq, f"the entry has the slot of entry {first}")
        elif book == "open":
            findings.add("command", book, seq, f"begins a command whose id the one at entry {first} has")
        else:
            findings.add(
                "command", book, seq, f"has the mark of the command at entry {first}, and stands apart from it"
            )
