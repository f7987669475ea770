"""The newest rows are cut off."""

from pathlib import Path

from ledger.proof.tree import Frontier, leaf_hash
from tests.tampering.ledgers import behind_its_back, entries, found


def test_a_cut_tail_is_missing_from_the_first_row_on(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= 21")
    assert found(ledger)[0] == ("missing", "open", 21)
    assert {code for code, _, _ in found(ledger)} <= {"missing", "tie"}


def cut_sealed(path: Path, size: int) -> None:
    """Cut the sealed book, and rewrite its head so that nothing within it shows."""
    tree = Frontier()
    for entry in entries(path, "sealed")[:size]:
        last = leaf_hash(entry)
        tree.append(last)
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM sealed_entry WHERE seq >= ?", (size,))
        connection.execute(
            "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = 'sealed'", (size, last, tree.to_bytes())
        )


def test_a_sealed_book_cut_with_its_head_is_found_through_the_anchors(ledger: Path) -> None:
    cut_sealed(ledger, 3)
    assert found(ledger) == [("missing", "sealed", 3)]


def test_an_open_book_cut_with_its_head_is_found_through_the_sealed_book(ledger: Path) -> None:
    tree = Frontier()
    for entry in entries(ledger, "open")[:9]:
        last = leaf_hash(entry)
        tree.append(last)
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= 9")
        connection.execute(
            "UPDATE head SET size = 9, hash = ?, frontier = ? WHERE book = 'open'", (last, tree.to_bytes())
        )
    assert "tie" in {code for code, book, _ in found(ledger) if book == "sealed"}
