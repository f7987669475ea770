"""A column beside the entry says something else than the entry."""

from pathlib import Path

from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import behind_its_back, found


def test_a_renamed_stream_is_one_finding_at_its_first_entry(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_stream SET name = 'subject/ES-999' WHERE name = 'subject/ES-001'")
    report = verify_ledger(ledger)
    assert found(ledger) == [("stream", "open", 1)]
    assert report.findings[0].stream == "subject/ES-001"


def test_streams_that_changed_names_are_both_found(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_stream SET name = 'aside' WHERE name = 'subject/ES-000'")
        connection.execute("UPDATE open_stream SET name = 'subject/ES-000' WHERE name = 'subject/ES-001'")
        connection.execute("UPDATE open_stream SET name = 'subject/ES-001' WHERE name = 'aside'")
    assert found(ledger) == [("stream", "open", 0), ("stream", "open", 1)]


def test_a_stream_without_an_entry_is_found(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("INSERT INTO open_stream (name) VALUES ('subject/ES-900')")
    assert found(ledger) == [("stream", "open", None)]


def test_a_hidden_command_is_found(ledger: Path) -> None:
    """Without it in the column, the recorder would take the same command again."""
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET command = NULL WHERE seq = 3")
    assert found(ledger) == [("column", "open", 3)]


def test_a_sealed_entry_moved_to_another_open_seq_is_found(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET open_seq = open_seq + 1 WHERE seq = 4")
    assert found(ledger) == [("column", "sealed", 4)]
