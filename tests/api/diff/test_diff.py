"""Two histories compared: what they share, where they part, what each has alone, and what that is worth."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from api.bootstrap import create_trial, open_trial
from api.diff.comparing import DiffError, compare
from api.diff.words import in_words
from api.evidence.continuing import continue_ledger
from api.restoring.making import restore
from ledger.domain.protocol import reference_protocol
from ledger.keys.file import keys_folder
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.entry import Actor, parse_open
from ledger.proof.tree import Frontier, leaf_hash
from tests.api.bundle.making import made
from tests.api.diff.conftest import Fork
from tests.api.evidence_ledgers import SPONSOR, grow
from tests.api.restoring.looking import rows
from tests.proof.bundle_parts import fitted, frames, lines, read, with_rows, zipped
from tests.tampering.ledgers import behind_its_back
from tests.trials import Trial


def root_of(ledger: Path, size: int) -> bytes:
    tree = Frontier()
    tree.extend(leaf_hash(row[4]) for row in rows(ledger, "open", size))
    return tree.root()


def test_a_history_is_the_same_as_itself(mine: Path) -> None:
    done = compare(mine, mine)
    assert done.same
    opened, sealed = done.books
    assert (opened.common, opened.parts) == (len(rows(mine, "open")), None)
    assert opened.root == root_of(mine, opened.common)
    assert sealed.common == len(rows(mine, "sealed"))
    assert not opened.sections
    assert "Same history" in in_words(done)


def test_a_bundle_begins_the_ledger_that_it_is_of(mine: Path) -> None:
    bundle = made(mine, "sponsor", "20")
    for pair in ((mine, bundle), (bundle, mine)):
        done = compare(*pair)
        assert done.same
        assert done.books[0].common == done.books[0].sizes["b" if pair[1] == bundle else "a"] == 21
        longer = done.books[0].only["a" if pair[0] == mine else "b"]
        assert longer.count == len(rows(mine, "open")) - 21
        assert longer.entries[0]["seq"] == 21
        assert done.missing == [f"sealed in {'a' if pair[0] == mine else 'b'}"]


def test_what_one_gives_and_the_other_withholds_is_named_and_is_no_difference(mine: Path) -> None:
    masked, unmasked = made(mine, "sponsor", "20"), made(mine, "investigator", "20")
    done = compare(masked, unmasked)
    assert done.same
    assert done.books[0].sections.keys() == {("identity", "withheld", "given")}
    assert "identity: withheld in A, given in B" in in_words(done)
    done = compare(masked, mine)
    assert done.same
    assert ("identity", "withheld", "sealed") in done.books[0].sections


def test_a_restored_copy_is_the_same_history_sealed_under_other_keys(mine: Path, tmp_path: Path) -> None:
    bundle = made(mine, "statistician", "20")
    copy = restore(bundle, tmp_path / "copy.db").path
    done = compare(mine, copy)
    assert done.same
    assert ("header", "sealed", "sealed") in done.books[1].sections
    assert ("identity", "sealed", "withheld") in done.books[0].sections
    assert "under different keys" in in_words(done)
    archived = restore(made(mine, "archive", "20"), tmp_path / "archived.db", keys=[keys_folder(mine)]).path
    assert not any(book.sections for book in compare(mine, archived).books)


def test_of_sealed_entries_it_is_told_what_the_bundle_gives(mine: Path) -> None:
    early, late = made(mine, "dmc", "20"), made(mine, "dmc", "40", name="late")
    (_, sealed) = compare(early, late).books
    assert sealed.only["b"].count
    assert all(entry["type"] and entry["stream"] and entry["actor"]["id"] for entry in sealed.only["b"].entries)
    (_, sealed) = compare(early, mine).books
    assert {entry["type"] for entry in sealed.only["b"].entries} == {None}  # no key is used, even where one lies there


def test_where_two_histories_part_is_named_with_what_each_has_alone(fork: Callable[..., Fork]) -> None:
    pair = fork(left=2, right=4)
    done = compare(pair.a.path, pair.b.path)
    book = done.books[0]
    assert not done.same
    assert (book.parts, book.common, book.root) == (pair.common, pair.common, root_of(pair.a.path, pair.common))
    assert {name: [entry["seq"] for entry in found.entries] for name, found in book.only.items()} == {
        "a": [6, 7],
        "b": [6, 7, 8, 9],
    }
    for name, side in (("a", pair.a), ("b", pair.b)):
        stored = [parse_open(row[4]) for row in rows(side.path, "open")[pair.common :]]
        assert [(entry["at"], entry["type"], entry["stream"]) for entry in book.only[name].entries] == [
            (entry.at, entry.type, entry.stream) for entry in stored
        ]
        assert book.only[name].entries[0]["actor"]["role"] == stored[0].actor.role
    words = in_words(done)
    assert "they part at entry 6" in words
    assert "only in B: 4 entries" in words


def test_a_long_list_is_cut_and_counted(fork: Callable[..., Fork]) -> None:
    pair = fork(left=2, right=4)
    found = compare(pair.a.path, pair.b.path, limit=1).books[0].only["b"]
    assert (found.count, [entry["seq"] for entry in found.entries]) == (4, [6])


def test_a_ledger_that_was_continued_is_compared_with_the_one_that_it_continues(fork: Callable[..., Fork]) -> None:
    pair = fork(left=0, right=0)
    continue_ledger(pair.b.path, reason="the key was stolen", actor=SPONSOR)
    done = compare(pair.a.path, pair.b.path)
    assert done.same
    assert [entry["type"] for entry in done.books[0].only["b"].entries] == ["ledger.continued/1"]
    pair.a.ledger = open_trial(pair.a.path, clock=pair.a.clock)
    grow(pair.a, 1)
    pair.a.ledger.close()
    done = compare(pair.a.path, pair.b.path)
    assert done.books[0].parts == pair.common
    assert not done.evidence.split


def test_two_ledgers_are_not_compared(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    create_trial(other, reference_protocol(), actor=Actor("s", "s", "sponsor"), host="h").close()
    with pytest.raises(DiffError, match="no two histories of one ledger"):
        compare(mine, other)


# -- altered, cut, damaged -------------------------------------------------------------------------------------------


@contextmanager
def changed(mine: Path, to: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the ledger in which anything may be written."""
    shutil.copyfile(mine, to)
    if (log := mine.with_name(f"{mine.name}-wal")).exists():
        shutil.copyfile(log, to.with_name(f"{to.name}-wal"))
    with behind_its_back(to) as connection:
        yield connection


def test_an_entry_that_was_edited_in_its_place_is_named_and_the_side_does_not_hold_together(
    mine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "edited.db"
    with changed(mine, other) as connection:
        connection.execute(
            "UPDATE open_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'FJD', 'XXX') AS BLOB) WHERE seq = 9"
        )
    done = compare(mine, other)
    book = done.books[0]
    assert not done.same
    assert (book.parts, book.common) == (9, 9)
    assert [entry["seq"] for entry in book.only["a"].entries] == [9]
    assert [entry["actor"]["org"] for entry in book.only["b"].entries] == ["XXX"]
    assert book.unsound.keys() == {"b"}
    assert "entry 10 does not name the one before it" in in_words(done)


def test_a_section_that_was_edited_is_named_though_the_entries_are_the_same(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "edited.db"
    with changed(mine, other) as connection:
        seq, stored = next(
            (seq, sections)
            for seq, sections in connection.execute("SELECT seq, sections FROM open_entry").fetchall()
            if b'"MILD"' in sections
        )
        connection.execute(
            "UPDATE open_entry SET sections = ? WHERE seq = ?", (stored.replace(b'"MILD"', b'"NONE"'), seq)
        )
    done = compare(other, mine)
    assert not done.same
    assert done.books[0].parts is None
    assert (done.books[0].altered["a"].count, done.books[0].altered["b"].count) == (1, 0)
    assert done.books[0].altered["a"].entries[0]["class"] == "plain"
    assert "altered in A, and not what the entry commits to" in in_words(done)


def test_a_ciphertext_that_was_damaged_is_no_section_sealed_under_other_keys(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "damaged.db"
    with changed(mine, other) as connection:
        ((stored,),) = connection.execute("SELECT sections FROM sealed_entry WHERE seq = 2").fetchall()
        connection.execute("UPDATE sealed_entry SET sections = ? WHERE seq = 2", (stored[:-1] + b"\x00",))
    done = compare(mine, other)
    assert not done.same
    assert done.books[1].altered["b"].entries[0]["seq"] == 2


def test_a_book_cut_with_its_head_is_a_beginning_and_without_it_does_not_hold_together(
    mine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "cut.db"
    with changed(mine, other) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= 30")
    done = compare(mine, other)
    assert not done.same
    assert done.books[0].parts is None
    assert done.books[0].common == 30
    assert "is said to end with entry" in done.books[0].unsound["b"]
    assert "Nothing is certain" in in_words(done)
    with changed(other, tmp_path / "neat.db") as connection:
        tree = Frontier()
        leaves = [leaf_hash(row[4]) for row in rows(other, "open")]
        tree.extend(leaves)
        connection.execute(
            "UPDATE head SET size = 30, hash = ?, frontier = ? WHERE book = 'open'", (leaves[-1], tree.to_bytes())
        )
    assert compare(mine, tmp_path / "neat.db").same


def test_a_hole_is_where_they_part(mine: Path, tmp_path: Path) -> None:
    other = tmp_path / "hole.db"
    with changed(mine, other) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = 12")
    done = compare(mine, other)
    assert done.books[0].parts == 12
    assert [entry["seq"] for entry in done.books[0].only["a"].entries] == [12]
    assert done.books[0].only["b"].count == 0
    assert "there is no entry 12" in done.books[0].unsound["b"]


def test_an_edited_bundle_is_found_out_by_the_one_that_was_kept(mine: Path, tmp_path: Path) -> None:
    bundle = made(mine, "sponsor", "20")
    files = read(bundle)
    entries = lines(files)
    entries[7] = b"this is no entry"
    edited = tmp_path / "edited.zip"
    edited.write_bytes(zipped(fitted(with_rows(files, entries, frames(files)))))
    done = compare(bundle, edited)
    assert not done.same
    assert done.books[0].parts == 7
    assert done.books[0].only["b"].entries == [{"seq": 7, "at": None, "type": None, "actor": None, "stream": None}]


def test_a_truncated_file_is_refused_in_a_sentence(mine: Path, tmp_path: Path) -> None:
    bundle = made(mine, "sponsor", "20")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-1000])
    with pytest.raises(Exception, match=r"cut\.zip"):
        compare(bundle, cut)


def test_nothing_is_written_by_a_comparison(mine: Path, trial: Trial) -> None:
    bundle = made(mine, "sponsor", "20")
    before: dict[str, Any] = {path.name: path.stat().st_mtime_ns for path in mine.parent.iterdir()}
    compare(mine, bundle)
    after = {path.name: path.stat().st_mtime_ns for path in mine.parent.iterdir()}
    kept = {name for name in before if not name.endswith(("-shm", "-wal"))}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert {name for name in after if not name.endswith(("-shm", "-wal"))} == kept
    with BundleBooks(bundle) as books:
        assert books.manifest.origin
    with closing(apsw.Connection(str(trial.path))) as connection:
        assert connection.execute("PRAGMA user_version").fetchall() == [(1,)]
