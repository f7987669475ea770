"""Rows are put into another order."""

from pathlib import Path

from tests.tampering.ledgers import behind_its_back, found


def test_a_row_moved_to_the_end_is_missing_where_it_was(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET seq = 1000 WHERE seq = 6")
    seen = found(ledger)
    assert seen[0] == ("missing", "open", 6)
    assert ("misplaced", "open", 1000) in seen


def test_a_book_in_reverse_order_is_misplaced_throughout(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET seq = -1 - seq")
        connection.execute("UPDATE sealed_entry SET seq = 7 + seq")
    assert {seq for code, book, seq in found(ledger) if (code, book) == ("misplaced", "sealed")} == {0, 1, 2, 4, 5, 6}
