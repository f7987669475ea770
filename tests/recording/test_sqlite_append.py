"""What one append promises: once, whole, in time, with anchors at their cadence."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from eventsourcing.persistence import DatabaseError, IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.vocabulary import Book
from ledger.proof.entry import parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ANCHOR, ARM, HEADER, PLAIN
from ledger.proof.tree import root
from ledger.recording.books import CommandReused, VersionConflict
from ledger.recording.drafts import Guard
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import open_books as open_anywhere
from tests.crash.whole import Watch
from tests.recording.ledgers import KEYS, NOON, append, new_ledger, open_books, ticking

pytestmark = pytest.mark.usefixtures("anywhere")
Rows = list[tuple[bytes, bytes]]


def rows(path: Path, book: Book) -> Rows:
    """(entry, sections) of each row of a book."""
    connection = open_reading(path)
    found = fetch(connection, f"SELECT entry, sections FROM {book}_entry ORDER BY seq")
    connection.close()
    return found


def contents(path: Path) -> list[object]:
    """All that the books hold."""
    connection = open_reading(path)
    tables = ("head", "open_stream", "open_entry", "sealed_entry")
    found: list[object] = [fetch(connection, f"SELECT * FROM {table}") for table in tables]
    connection.close()
    return found


def test_a_command_sent_twice_is_recorded_once_and_answered_the_same(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, clock=ticking())
    first = books.append(append(books, "c-1", [("s", 1), ("t", 1)], ["arm/s"]))
    books.append(append(books, "c-2", [("s", 2)]))
    before = contents(path)
    assert books.append(append(books, "c-1", [("s", 1), ("t", 1)], ["arm/s"])) == first._replace(repeated=True)
    books.close()
    assert contents(path) == before


@pytest.mark.parametrize(
    ("events", "sealed"), [([("s", 1)], []), ([], ["arm/s"]), ([("s", 1), ("s", 2)], ["a", "b", "c"])]
)
def test_a_reopened_ledger_answers_a_repeated_command_the_same(
    tmp_path: Path, events: Sequence[tuple[str, int]], sealed: Sequence[str]
) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, clock=ticking())
    books.append(append(books, "before", [("other", 1)], ["arm/other"]))
    first = books.append(append(books, "c-1", events, sealed))
    books.close()
    books = open_books(path, clock=ticking())
    asked = append(books, "c-1", events, sealed)
    assert books.append(asked) == first._replace(repeated=True)
    found = books.find(asked.command.id, asked.command.digest, with_sealed=bool(sealed))
    assert found == first._replace(repeated=True)
    books.close()


@pytest.mark.parametrize(("events", "sealed"), [([("s", 1)], []), ([], ["arm/s"]), ([("s", 1)], ["arm/s"])])
def test_an_id_that_comes_again_with_other_content_is_refused(
    tmp_path: Path, events: Sequence[tuple[str, int]], sealed: Sequence[str]
) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path)
    books.append(append(books, "before", [("other", 1)]))
    books.append(append(books, "c-1", events, sealed))
    before = contents(path)
    other = append(books, "c-1", events, sealed, content="other")
    with pytest.raises(CommandReused, match="command c-1 was recorded before, with other content"):
        books.append(other)
    with pytest.raises(CommandReused):
        books.find("c-1", other.command.digest, with_sealed=bool(sealed))
    books.close()
    assert contents(path) == before


@pytest.mark.parametrize(
    ("events", "guards"),
    [
        ([("s", 3)], []),
        ([("s", 1)], []),
        ([("new", 2)], []),
        ([("new", 1), ("new", 3)], []),
        ([("new", 1), ("s", 5)], []),
        ([("new", 1)], [Guard(Book.OPEN, "s", 0)]),
        ([("new", 1)], [Guard(Book.OPEN, "absent", 1)]),
        ([("new", 1)], [Guard(Book.SEALED, "arm/s", 0)]),
        ([("new", 1)], [Guard(Book.OPEN, "s", 1), Guard(Book.SEALED, "arm/s", 2)]),
    ],
)
def test_a_refused_append_writes_nothing(
    tmp_path: Path, events: Sequence[tuple[str, int]], guards: Sequence[Guard]
) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path)
    books.append(append(books, "c-1", [("s", 1)], ["arm/s"]))
    before = contents(path)
    with pytest.raises(VersionConflict):
        books.append(append(books, "c-2", events, ["arm/s"], guards))
    assert contents(path) == before
    holds = [Guard(Book.OPEN, "s", 1), Guard(Book.OPEN, "absent", 0), Guard(Book.SEALED, "arm/s", 1)]
    assert not books.append(append(books, "c-2", [("s", 2)], ["arm/s"], holds)).repeated
    books.close()
    Watch(path).check()


def test_a_sealed_entry_needs_an_open_one_to_name_and_the_key(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path)
    with pytest.raises(IntegrityError, match="the open book is empty"):
        books.append(append(books, "c-1", [], ["arm/s"]))
    books.append(append(books, "c-2", [("s", 1)]))
    books.close()
    keyless = open_anywhere(path)
    with pytest.raises(LedgerFileError, match="without the trial's key"):
        keyless.append(append(keyless, "c-3", [("s", 2)], ["arm/s"]))
    assert keyless.append(append(keyless, "c-4", [("s", 2)])).open_seq == 1
    keyless.close()


def test_a_closed_ledger_takes_nothing_more(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path)
    late = append(books, "late", [("s", 1)])
    books.close()
    for _ in range(2):
        with pytest.raises(DatabaseError):
            books.append(late)
    assert rows(path, Book.OPEN) == []


def test_recorded_times_stand_still_while_the_clock_runs_backwards(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    hours = iter([0, -5, 1, -1, -9, 2])
    version = 0
    for _ in range(2):  # the second time by a recorder that has to look the last time up
        books = open_books(path, every=0, clock=lambda: NOON + timedelta(hours=next(hours)))
        for opened in (1, 0, 1):
            events = [("s", version + 1)] if opened else []
            books.append(append(books, f"c-{version}-{opened}-{len(rows(path, Book.SEALED))}", events, ["arm"]))
            version += opened
        books.close()
    opens = [parse_open(entry).at[11:13] for entry, _ in rows(path, Book.OPEN)]
    sealed = [parse_sealed(entry).at[11:13] for entry, _ in rows(path, Book.SEALED)]
    assert opens == ["12", "13", "13", "14"]
    assert sealed == ["12", "12", "13", "13", "13", "14"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=30), st.integers(1, 9))
def test_an_anchor_is_written_in_each_run_of_open_entries_whatever_the_sealed_book_does(
    sizes: list[tuple[int, int]], every: int
) -> None:
    with TemporaryDirectory() as name:
        path = new_ledger(Path(name))
        books = open_books(path, every=every, seed=1)
        version, covered = 0, 0
        for number, (opened, sealed) in enumerate([(1, 0), *sizes]):
            before = len(rows(path, Book.OPEN))
            events = [("s", version + 1 + n) for n in range(opened)]
            version += opened
            books.append(append(books, f"c-{number}", events, ["arm"] * sealed))
            due = opened > 0 and (before + opened) // every > covered // every
            assert len(rows(path, Book.OPEN)) == before + opened + due
            if due:
                covered = before + opened + 1
        books.close()
        Watch(path).check()
        reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN, ANCHOR, ARM, HEADER}), keys=KEYS)
        hashes = [parse_sealed(entry).hash for entry, _ in rows(path, Book.SEALED)]
        with reader:
            sealed_before = 0
            for fact in reader.facts():
                if fact.book is Book.SEALED:
                    sealed_before += 1
                elif fact.stream == ANCHOR_STREAM:
                    size = int(fact.data["size"])
                    assert size <= len(hashes)
                    assert fact.data["root"] == root(hashes[:size]).hex()
        reader.close()


_COMMIT = re.compile(rb'("class":"anchor","commit":")[0-9a-f]{64}')
_PREV = re.compile(rb'("prev":")[0-9a-f]{64}')


def _masked(path: Path) -> list[tuple[bytes, bytes | int]]:
    """The open book without what may depend on the sealed one: anchors' commitments, what links to them follows."""
    seen: list[tuple[bytes, bytes | int]] = []
    for entry, sections in rows(path, Book.OPEN):
        is_anchor = parse_open(entry).stream == ANCHOR_STREAM
        masked = _PREV.sub(rb"\1", _COMMIT.sub(rb"\1", entry))
        seen.append((masked, len(sections) if is_anchor else sections))
    return seen


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(1, 5), max_size=3), min_size=1, max_size=25))
def test_the_open_book_is_the_same_with_and_without_sealed_appends(worlds: list[list[int]]) -> None:
    seen = []
    for sealing in (False, True):
        with TemporaryDirectory() as name:
            path = new_ledger(Path(name))
            now = [NOON]
            books = open_books(path, every=4, seed=7, clock=lambda now=now: now[0])  # type: ignore[misc]
            for number, between in enumerate(worlds):
                now[0] += timedelta(minutes=1)
                sealed = ["arm/of"] * len(between) if sealing else []
                books.append(append(books, f"c-{number}", [("s", number + 1)], sealed))
                for other, count in enumerate(between if sealing else []):
                    now[0] += timedelta(seconds=1)
                    books.append(append(books, f"sealed-{number}-{other}", [], [f"arm/{other}"] * count))
                now[0] = NOON + timedelta(minutes=number + 1)
            books.close()
            seen.append(_masked(path))
    assert seen[0] == seen[1]


def test_both_books_with_the_same_seed_and_clock_come_out_byte_for_byte(tmp_path: Path) -> None:
    made = []
    for number in range(2):
        path = new_ledger(tmp_path, f"{number}.db")
        books = open_books(path, seed=3, clock=ticking())
        for n in range(1, 30):
            books.append(append(books, f"c-{n}", [("s", n)], ["arm/s"] * (n % 3)))
        books.close()
        made.append((rows(path, Book.OPEN), rows(path, Book.SEALED)))
    assert made[0] == made[1]
