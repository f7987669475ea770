"""Rows after the stored end: they are found, and say nothing of the entries before them."""

import json
from pathlib import Path

import pytest

from ledger.proof.canonical import encode
from ledger.proof.tree import leaf_hash
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, behind_its_back, found, places, rows

SIZES = {"open": 25, "sealed": 7}
WHOLE = [("open", 0, 24), ("sealed", 0, 6)]


def append(path: Path, book: str, *, linked: bool) -> None:
    """One more row like the last one, with its own seq; the head is left."""
    row = rows(path, f"{book}_entry")[-1]
    entry = json.loads(row["entry"])
    row["seq"] = entry["seq"] = row["seq"] + 1
    entry["prev"] = leaf_hash(row["entry"]).hex() if linked else "7" * 64
    if book == "open":
        row["version"] = entry["version"] = row["version"] + 1
        row["command"] = entry["command"]["id"] = "another"
        entry["command"].update(n=0, of=1)
    else:
        row["slot"] = entry["slot"] = "a" * 64
    row["entry"] = encode(entry)
    put(path, book, row)


def put(path: Path, book: str, row: dict[str, object]) -> None:
    with behind_its_back(path) as connection:
        places_ = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {book}_entry ({', '.join(row)}) VALUES ({places_})", tuple(row.values()))


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("book", ["open", "sealed"])
def test_an_appended_row_is_beyond_and_no_entry_is_blamed(ledger: Path, book: str, linked: bool) -> None:
    append(ledger, book, linked=linked)
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("beyond", book, SIZES[book])]
    assert list(report.sound) == WHOLE


def test_an_appended_row_that_is_no_entry_is_one_finding(ledger: Path) -> None:
    put(ledger, "open", {"seq": 25, "stream": 1, "version": 999, "entry": b"{}", "sections": b""})
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("beyond", "open", 25)]
    assert list(report.sound) == WHOLE


def test_rows_beyond_are_one_finding_at_the_first(ledger: Path) -> None:
    append(ledger, "open", linked=True)
    put(ledger, "open", {"seq": 90, "stream": 1, "version": 999, "entry": b"{}", "sections": b""})
    assert found(ledger) == [("beyond", "open", 25)]


@pytest.mark.parametrize("book", ["open", "sealed"])
def test_a_row_moved_far_away_leaves_no_gap_behind_the_end(ledger: Path, book: str) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute(f"UPDATE {book}_entry SET seq = 1000 WHERE seq = 3")
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("missing", book, 3), ("misplaced", book, 1000)]
    assert [finding.message for finding in report.findings] == [
        "entry 3 is missing",
        "the row holds the entry of seq 3",
    ]


def test_the_last_row_moved_far_away_is_missing_at_its_place(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET seq = 1006 WHERE seq = 6")
    assert found(ledger) == [("missing", "sealed", 6), ("misplaced", "sealed", 1006)]


def test_without_a_head_the_rows_that_hold_their_entries_are_the_book(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM head WHERE book = 'open'")
        connection.execute("UPDATE open_entry SET seq = 1000 WHERE seq = 6")
    assert found(ledger) == [("missing", "open", 6), ("misplaced", "open", 1000), ("head", "open", None)]
