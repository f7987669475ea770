"""The stored head is rewritten, the entries are not."""

from pathlib import Path

import pytest

from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, behind_its_back, entries, found, places


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("hash = zeroblob(32)", "head"),
        ("size = size - 1", "head"),
        ("size = size + 1", "head"),
        ("origin = 'elsewhere'", "head"),
        ("frontier = zeroblob(length(frontier))", "frontier"),
        ("frontier = x''", "frontier"),
    ],
)
@pytest.mark.parametrize("book", ["open", "sealed"])
def test_a_rewritten_head_is_not_blamed_on_an_entry(ledger: Path, book: str, change: str, code: str) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute(f"UPDATE head SET {change} WHERE book = ?", (book,))
    assert found(ledger) == [(code, book, None)]


@pytest.mark.parametrize("size", ["size + 1", "size - 1", "9223372036854775807", "-1", "0"])
@pytest.mark.parametrize("book", ["open", "sealed"])
def test_a_head_with_another_size_and_hash_is_not_blamed_on_an_entry(ledger: Path, book: str, size: str) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute(f"UPDATE head SET size = {size}, hash = zeroblob(32) WHERE book = ?", (book,))
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("head", book, None)]
    assert list(report.sound) == [("open", 0, 24), ("sealed", 0, 6)]


def turned_back(path: Path, size: int) -> Frontier:
    """The tree of the first entries; the head gets their size and hash."""
    tree = Frontier()
    for entry in entries(path, "open")[:size]:
        last = leaf_hash(entry)
        tree.append(last)
    with behind_its_back(path) as connection:
        connection.execute("UPDATE head SET size = ?, hash = ? WHERE book = 'open'", (size, last))
    return tree


def test_a_head_turned_back_is_found_through_the_frontier(ledger: Path) -> None:
    turned_back(ledger, 20)
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("head", "open", None)]
    assert list(report.sound) == [("open", 0, 24), ("sealed", 0, 6)]


def test_a_head_wholly_turned_back_leaves_entries_beyond_it(ledger: Path) -> None:
    tree = turned_back(ledger, 24)
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE head SET frontier = ? WHERE book = 'open'", (tree.to_bytes(),))
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("beyond", "open", 24)]
    assert list(report.sound) == [("open", 0, 23), ("sealed", 0, 6)]


def test_a_head_that_can_be_none_says_nothing(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE head SET size = 10000000, hash = x'00', frontier = x'01' WHERE book = 'open'")
    report = verify_ledger(ledger, keys=KEYS)
    assert places(report) == [("head", "open", None)]
    # Nothing names the last entry.
    assert list(report.sound) == [("open", 0, 23), ("sealed", 0, 6)]
