"""Rows are put in: another last one, one more than there were, one before the first."""

from pathlib import Path

from ledger.proof.tree import leaf_hash
from tests.tampering.ledgers import behind_its_back, entries, found, rows

NAMES = "seq, stream, version, command, entry, sections"


def test_another_last_entry_with_the_right_link_is_found_through_the_stored_head(ledger: Path) -> None:
    last = rows(ledger, "open_entry")[-1]
    changed = last["entry"].replace(b'"id":"', b'"id":"x', 1)
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (last["seq"],))
        connection.execute(
            f"INSERT INTO open_entry ({NAMES}) VALUES (?, ?, ?, ?, ?, ?)",
            (*list(last.values())[:4], changed, last["sections"]),
        )
    assert found(ledger) == [("altered", "open", last["seq"])]


def test_an_entry_after_the_stored_head_is_found(ledger: Path) -> None:
    last = rows(ledger, "open_entry")[-1]
    seq = last["seq"] + 1
    at = last["entry"].index(b'"prev":"') + 8
    entry = last["entry"][:at] + leaf_hash(last["entry"]).hex().encode() + last["entry"][at + 64 :]
    entry = entry.replace(b'"seq":%d' % last["seq"], b'"seq":%d' % seq)
    version = last["version"] + 1
    entry = entry.replace(b'"version":%d' % last["version"], b'"version":%d' % version)
    with behind_its_back(ledger) as connection:
        connection.execute(
            f"INSERT INTO open_entry ({NAMES}) VALUES (?, ?, ?, NULL, ?, ?)",
            (seq, last["stream"], version, entry, last["sections"]),
        )
    assert ("beyond", "open", seq) in found(ledger)


def test_a_copy_of_an_entry_at_another_seq_is_found_there(ledger: Path) -> None:
    row = rows(ledger, "sealed_entry")[2]
    with behind_its_back(ledger) as connection:
        connection.execute(
            "INSERT INTO sealed_entry (seq, open_seq, slot, command, entry, sections) VALUES (99, ?, ?, ?, ?, ?)",
            (row["open_seq"], "another", row["command"], row["entry"], row["sections"]),
        )
    assert ("misplaced", "sealed", 99) in found(ledger)


def test_a_row_before_the_first_is_found(ledger: Path) -> None:
    entry = entries(ledger, "open")[0]
    with behind_its_back(ledger) as connection:
        connection.execute(f"INSERT INTO open_entry ({NAMES}) VALUES (-5, 1, 77, NULL, ?, x'')", (entry,))
    assert found(ledger) == [("misplaced", "open", -5)]
