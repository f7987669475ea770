"""Rows are deleted from the middle."""

from pathlib import Path

from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import behind_its_back, found, relink


def test_a_deleted_range_is_one_finding_and_the_rest_is_sound(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq BETWEEN 8 AND 10")
    report = verify_ledger(ledger)
    assert found(ledger) == [("missing", "open", 8)]
    assert "8 to 10" in report.findings[0].message
    # Nothing that is left names entry 7.
    assert list(report.sound) == [("open", 0, 6), ("open", 11, 24), ("sealed", 0, 6)]


def test_several_holes_are_each_found(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq IN (2, 3, 9, 24)")
        connection.execute("DELETE FROM sealed_entry WHERE seq = 3")
    assert found(ledger) == [
        ("missing", "open", 2), ("missing", "open", 9), ("missing", "open", 24), ("missing", "sealed", 3)
    ]  # fmt: skip


def test_a_deleted_row_whose_gap_was_closed_is_found(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = 8")
        connection.execute("UPDATE open_entry SET seq = seq - 1 WHERE seq > 8")
        relink(connection, "open", 7, head=True)
    assert found(ledger)[0] == ("misplaced", "open", 8)


def test_an_emptied_book_is_missing(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM sealed_entry")
    assert found(ledger) == [("missing", "sealed", 0)]
