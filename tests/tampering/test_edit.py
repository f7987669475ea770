"""An entry is edited in place."""

from pathlib import Path

import pytest

from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import behind_its_back, entries, found, relink, sound


def edit(path: Path, book: str, seq: int, old: bytes, new: bytes) -> None:
    entry = entries(path, book)[seq]
    assert old in entry
    with behind_its_back(path) as connection:
        connection.execute(f"UPDATE {book}_entry SET entry = ? WHERE seq = ?", (entry.replace(old, new, 1), seq))


@pytest.mark.parametrize("seq", [0, 7, 23, 24])
def test_a_changed_actor_is_found_wherever_the_entry_stands(ledger: Path, seq: int) -> None:
    role = b"system" if b'"role":"system"' in entries(ledger, "open")[seq] else b"investigator"
    edit(ledger, "open", seq, role, b"sponsor")
    assert found(ledger) == [("altered", "open", seq)]


def test_what_lies_around_an_edited_entry_is_sound(ledger: Path) -> None:
    edit(ledger, "open", 7, b"investigator", b"sponsor")
    report = verify_ledger(ledger)
    assert list(report.sound) == [("open", 0, 6), ("open", 8, 24), ("sealed", 0, 6)]


def test_two_edited_neighbours_are_both_named(ledger: Path) -> None:
    edit(ledger, "open", 6, b"investigator", b"sponsor")
    edit(ledger, "open", 7, b"investigator", b"sponsor")
    assert {(book, seq) for _, book, seq in found(ledger)} == {("open", 6), ("open", 7)}


def test_an_edited_entry_and_another_missing_one_are_both_named(ledger: Path) -> None:
    edit(ledger, "open", 4, b"investigator", b"sponsor")
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = 12")
    assert found(ledger) == [("altered", "open", 4), ("missing", "open", 12)]


def test_an_edit_with_the_chain_made_whole_after_it_is_found_through_the_stored_head(ledger: Path) -> None:
    edit(ledger, "open", 20, b"investigator", b"sponsor")
    with behind_its_back(ledger) as connection:
        relink(connection, "open", 20, head=False)
    seen = found(ledger)
    assert ("altered", "open", 24) in seen
    assert ("frontier", "open", None) in seen
    # Nothing that is sound confirms what stands between the edit and the head.
    assert not {("open", seq) for seq in range(20, 25)} & sound(ledger)


def test_an_edit_with_chain_and_head_made_whole_is_found_where_the_sealed_book_names_it(ledger: Path) -> None:
    edit(ledger, "open", 4, b"investigator", b"sponsor")
    with behind_its_back(ledger) as connection:
        relink(connection, "open", 4, head=True)
    assert [finding[:2] for finding in found(ledger)] == [("tie", "sealed")]


def test_an_entry_that_is_another_json_of_the_same_meaning_is_no_entry(ledger: Path) -> None:
    edit(ledger, "open", 7, b'"investigator"', b'"\\u0069nvestigator"')
    assert found(ledger) == [("entry", "open", 7)]
