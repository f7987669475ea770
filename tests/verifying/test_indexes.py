"""Indexes that lie, rows of wrong types and pages that are not sound: both verifiers see them, whoever looks for them.

An index is a b-tree of records, and so is a table without rowids: each index is edited as such a table, behind the back
of the one that it belongs to.
"""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ledger.proof.verify import verify_ledger
from ledger.verifying import indexed
from ledger.verifying.fast import try_fast
from ledger.verifying.indexed import damage
from ledger.verifying.reading import open_snapshot
from tests.tampering.ledgers import build
from tests.tampering.test_bytes import patch
from tests.verifying.both import judged
from tests.verifying.ledgers import common_ledger

KEYS_OF: Final = {
    "open_entry_version": "stream, version",
    "open_entry_command": "command",
    "sealed_entry_slot": "slot",
    "sealed_entry_command": "command",
    "sealed_entry_open_seq": "open_seq",
    "sqlite_autoindex_open_stream_1": "name",
}
LIES: Final = {
    "an entry is missing": "DELETE FROM aside WHERE row = {row}",
    "an entry of no row": "INSERT INTO aside ({keys}, row) SELECT {keys}, 1000000 FROM aside WHERE row = {row}",
    "an entry of a row before all": "INSERT INTO aside ({keys}, row) SELECT {keys}, -1 FROM aside WHERE row = {row}",
    "an entry of another key too": "INSERT INTO aside ({keys}, row) SELECT {other}, {row} FROM aside WHERE row = {row}",
    "an entry of another row too": "INSERT INTO aside ({keys}, row) SELECT {keys}, {last} FROM aside WHERE row = {row}",
    "another row instead": "UPDATE aside SET row = 1000000 WHERE row = {row}",
    "another key instead": "UPDATE aside SET ({keys}) = ({other}) WHERE row = {row}",
    "two rows exchanged": "UPDATE aside SET row = {row} + {last} - row WHERE row IN ({row}, {last})",
}
LONGER: Final = "UPDATE aside SET more = 7 WHERE row = {row}"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("indexes") / "trial.db", commands=12)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of so many rows that SQLite's own check is stopped among them."""
    return common_ledger(tmp_path_factory.mktemp("long") / "trial.db", 3000)


def aside(path: Path, of: str, table: str, *statements: str) -> None:
    """Run statements with the b-tree of a table or index called `aside`."""
    for step in range(3):
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA writable_schema = ON")
        if step == 0:
            connection.execute(
                "INSERT INTO sqlite_schema SELECT 'table', 'aside', 'aside', rootpage, ? FROM sqlite_schema "
                "WHERE name = ?",
                (f"CREATE TABLE aside {table}", of),
            )
        elif step == 1:
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, "nothing was changed"
        else:
            connection.execute("DELETE FROM sqlite_schema WHERE name = 'aside'")
        connection.close()


def lie(path: Path, index: str, statement: str, more: str = "") -> None:
    """Edit an index, and nothing else: the entry of `{row}`, and that of `{last}`, whose keys differ.

    `more`: a column after all others; what is written has it.
    """
    keys = KEYS_OF[index]
    *before, key = keys.split(", ")
    connection = sqlite3.connect(path)
    ((table,),) = connection.execute("SELECT tbl_name FROM sqlite_schema WHERE name = ?", (index,)).fetchall()
    rows = connection.execute(f"SELECT rowid, {keys} FROM {table} WHERE {key} IS NOT NULL ORDER BY rowid").fetchall()
    connection.close()
    (row, *of_row), (last, *of_last) = rows[1], rows[-1]
    assert of_row != of_last
    # Without the types of the table, values go in as they are.
    aside(
        path,
        index,
        f"({keys}, row{more}, PRIMARY KEY ({keys}, row)) WITHOUT ROWID",
        statement.format(keys=keys, other=", ".join([*before, f"{key} || 7"]), row=row, last=last),
    )


@pytest.mark.parametrize("index", KEYS_OF)
@pytest.mark.parametrize("kind", LIES)
def test_an_index_that_lies_is_found(ledger: Path, tmp_path: Path, index: str, kind: str) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "trial.db"))
    lie(copy, index, LIES[kind])
    report = judged(copy)
    assert {finding.code for finding in report.findings} == {"database"}


def test_editing_an_index_as_a_table_does_no_harm_by_itself(ledger: Path, tmp_path: Path) -> None:
    for index in KEYS_OF:
        copy = Path(shutil.copy(ledger, tmp_path / f"{index}.db"))
        lie(copy, index, "UPDATE aside SET row = row WHERE row = {row}")
        assert judged(copy).ok


@pytest.mark.parametrize("index", ["open_entry_version", "open_entry_command"])
def test_an_entry_of_an_index_that_does_not_end_in_its_rowid_is_not_passed_over(
    ledger: Path, tmp_path: Path, index: str
) -> None:
    """Older releases of SQLite find nothing in this: the standard library has one of its own."""
    copy = Path(shutil.copy(ledger, tmp_path / "trial.db"))
    lie(copy, index, LONGER, more=", more")
    assert try_fast(copy) is None


def test_an_entry_for_a_row_without_a_command_is_found(ledger: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "trial.db"))
    connection = sqlite3.connect(copy)
    (without,) = connection.execute("SELECT max(seq) FROM open_entry WHERE command IS NULL").fetchone()
    connection.close()
    lie(copy, "open_entry_command", f"INSERT INTO aside (command, row) VALUES ('zzz', {without})")
    assert {finding.code for finding in judged(copy).findings} == {"database"}


@pytest.mark.parametrize(
    ("index", "of"),
    [
        ("open_entry_version", "sealed_entry_open_seq"),
        ("open_entry_command", "sealed_entry_command"),
        ("open_entry_command", "open_entry_version"),
    ],
)
def test_an_index_of_another_table_is_found(ledger: Path, tmp_path: Path, index: str, of: str) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "trial.db"))
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_schema"))
    for one, other in ((index, of), (of, index)):
        connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = ?", (roots[one], other))
    connection.close()
    assert not judged(copy).ok


@pytest.mark.parametrize("index", ["open_entry_version", "open_entry_command", "sealed_entry_slot"])
def test_an_index_out_of_order_is_found(ledger: Path, tmp_path: Path, index: str) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "trial.db"))
    page = _leaf(copy, index)
    content = copy.read_bytes()
    first, third = content[page + 8 : page + 10], content[page + 12 : page + 14]
    patch(copy, page + 8, third)
    patch(copy, page + 12, first)
    assert not judged(copy).ok


@pytest.mark.parametrize("which", ["ledger", "long"])
@pytest.mark.parametrize(
    "set_",
    [
        "stream = CAST(stream AS REAL)",
        "version = CAST(version AS REAL)",
        "stream = CAST(stream AS TEXT)",
        "version = CAST(version AS BLOB)",
        "command = CAST(command AS BLOB)",
        "entry = CAST(entry AS TEXT)",
        "sections = CAST(sections AS TEXT)",
        "sections = NULL",
        "version = NULL",
    ],
)
def test_a_value_of_a_wrong_type_is_found(
    which: str, set_: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    copy = Path(shutil.copy(request.getfixturevalue(which), tmp_path / "trial.db"))
    columns = "(seq INTEGER PRIMARY KEY, stream, version, command, entry, sections)"
    last = "SELECT max(seq) FROM aside WHERE command IS NOT NULL"
    aside(copy, "open_entry", columns, f"UPDATE aside SET {set_} WHERE seq = ({last})")
    assert not judged(copy).ok


def _fragments(path: Path) -> None:
    page = _leaf(path, "open_entry")
    patch(path, page + 7, bytes([path.read_bytes()[page + 7] ^ 1]))


def _free_pages(path: Path) -> None:
    patch(path, 39, bytes([path.read_bytes()[39] ^ 5]))


@pytest.mark.parametrize("which", ["ledger", "long"])
@pytest.mark.parametrize("harm", [_fragments, _free_pages])
def test_what_is_wrong_with_a_page_alone_is_found(
    which: str, harm: Callable[[Path], None], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    copy = Path(shutil.copy(request.getfixturevalue(which), tmp_path / "trial.db"))
    harm(copy)
    assert damage(copy)
    report = judged(copy)
    assert {finding.code for finding in report.findings} == {"database"}


def test_sqlites_own_check_is_stopped_among_the_rows(long: Path, tmp_path: Path) -> None:
    """On this rests what it costs; on what the walk sees instead rests that nothing is lost."""
    copy = Path(shutil.copy(long, tmp_path / "trial.db"))
    lie(copy, "open_entry_command", "DELETE FROM aside WHERE row = (SELECT max(row) FROM aside)")
    assert damage(copy) == []
    assert try_fast(copy) is None
    assert not verify_ledger(copy).ok


def test_where_it_cannot_be_told_that_all_pages_were_looked_at_the_whole_check_runs(
    long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy(long, tmp_path / "trial.db"))
    lie(copy, "open_entry_command", "DELETE FROM aside WHERE row = (SELECT max(row) FROM aside)")
    monkeypatch.setattr(indexed, "_LEAST_STEPS", 1)
    monkeypatch.setattr(indexed, "_STOPS", 1 << 60)  # stopped at the first step after the last page
    found = damage(copy)
    assert found
    assert all("open_entry_command" in line for line in found)
    assert damage(long) == []


def test_a_check_that_is_stopped_among_the_pages_is_not_taken_for_a_whole_one(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "_PAGES", "SELECT 1")
    monkeypatch.setattr(indexed, "_LEAST_STEPS", 10)
    connection = open_snapshot(long)
    try:
        assert indexed._pages(connection) is None
    finally:
        connection.close()


def test_indexes_may_grow_while_they_are_counted(ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    rows, commands = connection.execute("SELECT count(*), count(command) FROM open_entry").fetchone()
    (before,) = connection.execute("SELECT count(command) FROM open_entry WHERE seq < 5").fetchone()
    connection.close()
    assert indexed.index_entries(ledger, rows) == (rows, commands)
    assert indexed.index_entries(ledger, 5) == (5, before)


def _leaf(path: Path, name: str) -> int:
    """Where the first leaf of a b-tree begins in the file."""
    connection = sqlite3.connect(path)
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
    connection.close()
    content, page = path.read_bytes(), int(page)
    while content[(page - 1) * 4096] in (2, 5):
        cell = (page - 1) * 4096 + int.from_bytes(content[(page - 1) * 4096 + 12 : (page - 1) * 4096 + 14], "big")
        page = int.from_bytes(content[cell : cell + 4], "big")
    return (page - 1) * 4096
