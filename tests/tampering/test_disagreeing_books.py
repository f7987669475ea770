"""One book is written anew, heads and all: the other tells, and neither's doubtful entries are called sound."""

import json
from pathlib import Path

from ledger.proof.canonical import encode
from ledger.proof.entry import parse_sealed
from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.proof.words import in_words
from tests.tampering.ledgers import behind_its_back, entries, found, relink, sound


def edit(path: Path, book: str, seq: int, *, head: bool = True) -> None:
    """Another id for an entry, and the chain made whole after it."""
    entry = json.loads(entries(path, book)[seq])
    entry["id"] = "0" * 32
    with behind_its_back(path) as connection:
        connection.execute(f"UPDATE {book}_entry SET entry = ? WHERE seq = ?", (encode(entry), seq))
        relink(connection, book, seq, head=head)


def cut(path: Path, book: str, size: int) -> None:
    """The book ends before `size`, and its head says so."""
    with behind_its_back(path) as connection:
        connection.execute(f"DELETE FROM {book}_entry WHERE seq >= ?", (size,))
        tree, last = Frontier(), bytes(32)
        for (entry,) in connection.execute(f"SELECT entry FROM {book}_entry ORDER BY seq"):
            last = leaf_hash(entry)
            tree.append(last)
        connection.execute("UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = ?",
                           (size, last, tree.to_bytes(), book))  # fmt: skip


def named(path: Path) -> list[int]:
    """The open seq that each sealed entry names."""
    return [parse_sealed(entry).open_head_seq for entry in entries(path, "sealed")]


def test_an_open_book_written_anew_is_one_finding_and_nothing_after_it_is_sound(ledger: Path) -> None:
    ties = named(ledger)
    first = next(seq for seq, at in enumerate(ties) if at >= ties[2] + 1)
    edit(ledger, "open", ties[2] + 1)
    assert found(ledger) == [("tie", "sealed", first)]
    # The edited entry is after the one that sealed entry 2 names; all sealed entries that name a later one disagree.
    assert sound(ledger) == {("open", seq) for seq in range(ties[2] + 1)} | {("sealed", seq) for seq in range(first)}


def test_the_same_with_the_head_left(ledger: Path) -> None:
    ties = named(ledger)
    edit(ledger, "open", ties[2] + 1, head=False)
    assert {("altered", "open", 24), ("frontier", "open", None)} < set(found(ledger))
    assert {seq for book, seq in sound(ledger) if book == "open"} == set(range(ties[2] + 1))


def test_a_cut_open_book_leaves_no_sealed_entry_sound_that_names_what_is_gone(ledger: Path) -> None:
    ties = named(ledger)
    size = ties[-1]
    gone = [seq for seq, at in enumerate(ties) if at >= size]
    cut(ledger, "open", size)
    assert found(ledger)[-1] == ("tie", "sealed", gone[0])
    assert not {("sealed", seq) for seq in gone} & sound(ledger)


def test_a_sealed_book_written_anew_leaves_no_anchor_sound_that_knew_it(ledger: Path) -> None:
    edit(ledger, "sealed", 0)
    seen = found(ledger)
    assert seen[0][:2] == ("anchor", "open")
    assert seen[1:] == [("sealed", "sealed", 0)]  # its header is sealed for the id that it had
    anchors = [seq for seq, entry in enumerate(entries(ledger, "open")) if b"sealed-book.anchored" in entry]
    later = {("open", seq) for seq in anchors if seq >= (seen[0][2] or 0)}
    assert len(later) > 1
    assert not later & sound(ledger)
    assert not {book for book, _ in sound(ledger)} & {"sealed"}


def test_a_sealed_book_written_anew_is_not_found_by_one_who_cannot_open_the_anchors(ledger: Path) -> None:
    """And the report says so."""
    edit(ledger, "sealed", 0)
    report = verify_ledger(ledger)
    assert report.ok
    assert report.closed["anchor"] > 0
    assert "not checked: what the open book's anchors say of the sealed book" in in_words(report)


def test_a_cut_sealed_book_is_sound_as_far_as_an_anchor_confirms_it(ledger: Path) -> None:
    cut(ledger, "sealed", 6)
    # Entry 5 begins a command of two events, so that its end is missed too.
    assert found(ledger) == [("command", "sealed", 5), ("missing", "sealed", 6)]
    assert {seq for book, seq in sound(ledger) if book == "sealed"} == set(range(5))


def test_a_sealed_entry_that_lies_about_its_open_head_is_alone_at_fault(ledger: Path) -> None:
    """Those after it confirm the open book."""
    with behind_its_back(ledger) as connection:
        entry = json.loads(connection.execute("SELECT entry FROM sealed_entry WHERE seq = 1").fetchone()[0])
        entry["open_head"]["hash"] = "0" * 64
        connection.execute("UPDATE sealed_entry SET entry = ? WHERE seq = 1", (encode(entry),))
        relink(connection, "sealed", 1, head=True)
    assert ("tie", "sealed", 1) in found(ledger)
    # The anchors hold it against the sealed book, which was written anew; no other open entry is in doubt.
    unsound = {("open", seq) for seq in range(25)} - sound(ledger)
    assert all(b"sealed-book.anchored" in entries(ledger, "open")[seq] for _, seq in unsound)
