"""Every stored value of every table, changed one by one: the verifier finds each, and names the place."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, behind_its_back, build, found, found_without_keys, places, rows

TABLES = ("head", "open_stream", "open_entry", "sealed_entry")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("every-value") / "trial.db")


def changed(value: Any, fill: bytes) -> Iterator[Any]:
    """Values near this one, and far from it."""
    if value is None:
        yield "cmd-000099"
    elif isinstance(value, int):
        yield value + 1
        yield value + 1000
    elif isinstance(value, str):
        yield value + "x"
        yield None
    else:
        for at in {0, len(value) // 2, len(value) - 1} if value else set():
            yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        yield value + fill
        yield value[:-1]


def test_the_untouched_file_is_sound(ledger: Path) -> None:
    report = verify_ledger(ledger, keys=KEYS)
    assert report.ok
    assert list(report.sound) == [("open", 0, report.size - 1), ("sealed", 0, report.sealed.size - 1)]


@pytest.mark.parametrize("table", TABLES)
def test_a_changed_value_in_any_column_is_found_at_its_place(ledger: Path, tmp_path: Path, table: str) -> None:
    stored = rows(ledger, table)
    names = {row["id"]: row["name"] for row in rows(ledger, "open_stream")}
    first_of = {names[row["stream"]]: row["seq"] for row in reversed(rows(ledger, "open_entry"))}
    key = next(iter(stored[0]))
    tried = 0
    for row in stored:
        for column, value in row.items():
            for other in changed(value, b"\x00"):
                copy = tmp_path / "copy.db"
                shutil.copy(ledger, copy)
                try:
                    with behind_its_back(copy) as connection:
                        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (other, row[key]))
                except (sqlite3.IntegrityError, sqlite3.OperationalError):
                    continue  # the table itself refuses the value; test_bytes.py writes past it
                tried += 1
                seen = found(copy)
                what = (table, row[key], column, other, seen)
                assert seen, what
                if column == "sections":
                    assert found_without_keys(copy) == seen, what
                if table.endswith("_entry"):
                    book = table.removesuffix("_entry")
                    assert seen[0][1:] == (book, row["seq"]), what
                    if column != "seq":
                        assert len(seen) == 1, what
                    else:  # where it stood, and where it stands
                        assert {place for _, _, place in seen} <= {row["seq"], other}, what
                elif table == "open_stream":
                    assert seen[0][1:] == ("open", first_of[row["name"]]), what
                    assert len(seen) == 1, what
                else:
                    assert {finding[0] for finding in seen} <= {"head", "frontier", "beyond", "missing"}, what
                    assert seen[0][1] == row["book"] or column == "book", what
                    assert len(seen) == 1 or column == "book", what
    assert tried > len(stored)


@pytest.mark.parametrize("book", ["open", "sealed"])
def test_each_deleted_row_is_missing_and_nothing_else_is_wrong(ledger: Path, tmp_path: Path, book: str) -> None:
    for row in rows(ledger, f"{book}_entry"):
        copy = tmp_path / "copy.db"
        shutil.copy(ledger, copy)
        with behind_its_back(copy) as connection:
            connection.execute(f"DELETE FROM {book}_entry WHERE seq = ?", (row["seq"],))
        assert found(copy) == [("missing", book, row["seq"])]


@pytest.mark.parametrize("book", ["open", "sealed"])
def test_two_rows_that_changed_places_are_both_found(ledger: Path, tmp_path: Path, book: str) -> None:
    stored = rows(ledger, f"{book}_entry")
    columns = [column for column in stored[0] if column != "seq"]
    for first in range(len(stored)):
        for second in {first + 1, first + 2, len(stored) - 1}:
            if not first < second < len(stored):
                continue
            copy = tmp_path / "copy.db"
            shutil.copy(ledger, copy)
            with behind_its_back(copy) as connection:
                for column in columns:  # by way of values that no index holds
                    if column in ("command", "slot", "version"):
                        connection.execute(
                            f"UPDATE {book}_entry SET {column} = ? WHERE seq IN (?)",
                            (-1 if column == "version" else "aside", first),
                        )
                for seq, other in ((second, first), (first, second)):
                    connection.execute(
                        f"UPDATE {book}_entry SET {', '.join(f'{column} = ?' for column in columns)} WHERE seq = ?",
                        (*(stored[other][column] for column in columns), seq),
                    )
            seen = found(copy)
            assert {(b, seq) for _, b, seq in seen} == {(book, first), (book, second)}, (first, second, seen)


@pytest.mark.parametrize("table", ["head", "open_stream"])
def test_a_deleted_row_of_the_other_tables_is_found(ledger: Path, tmp_path: Path, table: str) -> None:
    for row in rows(ledger, table):
        copy = tmp_path / "copy.db"
        shutil.copy(ledger, copy)
        key = next(iter(row))
        with behind_its_back(copy) as connection:
            connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (row[key],))
        assert len(found(copy)) == 1, (row, found(copy))


def test_findings_come_with_their_stream(ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(ledger, copy)
    with behind_its_back(copy) as connection:
        connection.execute("UPDATE open_entry SET sections = x'00' WHERE seq = 0")
        connection.execute("UPDATE sealed_entry SET open_seq = 99 WHERE seq = 0")
    report = verify_ledger(copy, keys=KEYS)
    assert places(report) == [("section", "open", 0), ("column", "sealed", 0)]
    assert [finding.stream for finding in report.findings] == ["subject/ES-000", "subject/ES-001"]
    # The stream of a sealed entry stands in its header.
    assert [finding.stream for finding in verify_ledger(copy).findings] == ["subject/ES-000", None]
