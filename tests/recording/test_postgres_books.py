"""Books in PostgreSQL: the same bytes as in a file, for many writers, and what a database may not do to them."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from ledger.domain.vocabulary import Book
from ledger.proof.file_reader import StoredHead
from ledger.proof.findings import Findings
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, read_link
from ledger.proof.sections import ANCHOR, ARM, HEADER, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.books import VersionConflict
from ledger.recording.drafts import Append, Guard
from ledger.recording.mapper import upkeep
from ledger.recording.postgres.connecting import Address
from ledger.recording.postgres.standing import ForkError
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import IN_FILE
from ledger.recording.stores import open_books as open_anywhere
from ledger.verifying.fast import verify_fast
from ledger.verifying.postgres import PostgresBooks
from tests.postgres import Server
from tests.recording.conftest import Scattered
from tests.recording.ledgers import KEYS, NOON, ORIGIN, Seeded, append, new_ledger, open_books, ticking


def play(path: Path, *, steps: int = 60, seed: int = 5) -> None:
    """A stream of commands with all that may come: both books, guards, commands again, clocks that step back."""
    now, random, story, versions = [NOON], Turns(), Random(seed), dict[str, int]()
    books = open_anywhere(path, clock=lambda: now[0], randomness=random, keys=KEYS)
    books.upkeep = upkeep(books.origin, 8, random.open, KEYS)
    for number in range(steps):
        now[0] = NOON + timedelta(hours=number - 5 * (number in (20, 21, 40)))
        random.turn(seed * steps + number)
        streams = sorted({f"s{story.randrange(4)}" for _ in range(story.randrange(1, 4))})
        events = []
        for stream in streams if number % 7 or not number else []:
            versions[stream] = versions.get(stream, 0) + 1
            events.append((stream, versions[stream]))
        sealed = [f"arm/{story.randrange(3)}" for _ in range(story.randrange(3))]
        guards = [Guard(Book.OPEN, "s0", versions.get("s0", 0) - ("s0" in streams and bool(events)))]
        done = books.append(append(books, f"c-{number}", events, sealed, guards))
        if number % 10 == 3:
            again = append(books, f"c-{number}", events, sealed)
            assert books.append(again) == done._replace(repeated=True)
    books.close()


class Turns:
    """Randomness of its own for each command: what one of them did not need is not left over for the next."""

    def turn(self, number: int) -> None:
        self._seeded = Seeded(number)

    def open(self, count: int) -> bytes:
        return self._seeded.open(count)

    def sealed(self, count: int) -> bytes:
        return self._seeded.sealed(count)


def heads(path: Path) -> dict[str, StoredHead]:
    """The stored heads of a ledger, wherever it lies."""
    reader = LedgerReader(path, books=frozenset(Book), classes=frozenset())
    with reader:
        rows = reader._query("SELECT book, origin, size, hash, frontier FROM head", ())
    reader.close()
    return {book: StoredHead(origin.encode(), size, hash_, frontier) for book, origin, size, hash_, frontier in rows}


def test_the_same_commands_give_the_same_bytes_in_a_file_and_in_a_database(tmp_path: Path, database: str) -> None:
    here, there = tmp_path / "here.db", tmp_path / "there"
    IN_FILE.create(here, ORIGIN)
    Scattered(database).create(there, ORIGIN)
    for path in (here, there):
        play(path)
    assert heads(here) == heads(there)
    assert heads(here)["open"].size > 80
    reports = [verify_ledger(here, keys=KEYS), verify_fast(there, keys=KEYS)]
    assert [report.ok for report in reports] == [True, True]
    assert reports[0].root == reports[1].root
    assert reports[0].sealed.root == reports[1].sealed.root
    facts = []
    for path in (here, there):
        classes = frozenset({PLAIN, ANCHOR, ARM, HEADER})
        reader = LedgerReader(path, books=frozenset(Book), classes=classes, keys=KEYS)
        with reader:
            stored = [(book, list(reader.stored(book, 0, 10**6))) for book in Book]
            facts.append((stored, list(reader.facts()), reader.stream("s1"), reader.position_at("30")))
        reader.close()
    assert facts[0] == facts[1]


def test_two_trials_of_one_database_know_nothing_of_each_other(tmp_path: Path, database: str) -> None:
    store = Scattered(database)
    for name in ("one", "two"):
        store.create(tmp_path / name, ORIGIN)
        books = open_books(tmp_path / name, seed=1, clock=ticking())
        for number in range(1, 5):
            assert books.append(append(books, f"c-{number}", [("s", number)], ["arm"])).open_seq == number - 1
        books.close()
    assert heads(tmp_path / "one") == heads(tmp_path / "two")


@pytest.mark.usefixtures("in_postgres")
def test_what_a_superuser_changed_is_found(tmp_path: Path, server: Server, database: str) -> None:
    path = new_ledger(tmp_path)
    play(path)
    assert verify_fast(path, keys=KEYS).ok
    link = read_link(path)
    assert link is not None
    of = f"(SELECT trial FROM trial_ledger.trial WHERE name = '{link.trial}')"
    name = database.partition("?")[0].rpartition("/")[2]
    server.run(
        "SET session_replication_role = replica; UPDATE open_book.entry SET entry = "
        f"convert_to(replace(convert_from(entry, 'UTF8'), 'a-17', 'a-18'), 'UTF8') WHERE seq = 5 AND trial = {of}",
        database=name,
    )
    report = verify_fast(path, keys=KEYS)
    assert not report.ok
    assert {finding.seq for finding in report.findings if finding.book == "open"} == {5}


@pytest.mark.usefixtures("in_postgres")
def test_a_trigger_that_is_switched_off_and_a_right_that_was_given_are_found(
    tmp_path: Path, server: Server, database: str
) -> None:
    path = new_ledger(tmp_path)
    play(path, steps=5)
    name = database.partition("?")[0].rpartition("/")[2]
    server.run(
        "ALTER TABLE open_book.entry DISABLE TRIGGER no_change",
        f"GRANT UPDATE ON sealed_book.entry TO {name}_auditor",
        database=name,
    )
    try:
        with PostgresBooks(path) as books:
            findings = Findings()
            books.check_schema(findings)
        assert [finding.message for finding in findings.sorted()] == [
            "the trigger no_change of open_book.entry is missing, or switched off",
            f"{name}_auditor may change the table sealed_book.entry, which is for its owner alone",
        ]
    finally:
        server.run(
            "ALTER TABLE open_book.entry ENABLE TRIGGER no_change",
            f"REVOKE UPDATE ON sealed_book.entry FROM {name}_auditor",
            database=name,
        )
    assert verify_fast(path, keys=KEYS).ok


@pytest.mark.usefixtures("in_postgres")
def test_a_database_that_lost_what_was_recorded_is_written_no_more(
    tmp_path: Path, server: Server, database: str
) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    for number in range(1, 4):
        books.append(append(books, f"c-{number}", [("s", number)]))
    link = read_link(path)
    assert link is not None
    of = f"trial = (SELECT trial FROM trial_ledger.trial WHERE name = '{link.trial}')"
    (raw,) = server.run(f"SELECT entry FROM open_book.entry WHERE seq = 1 AND {of}", database=_name(database))[0]
    assert raw
    server.run(
        f"SET session_replication_role = replica; DELETE FROM open_book.entry WHERE seq = 2 AND {of}; "
        f"UPDATE open_book.book SET size = 2, hash = (SELECT sha256('\\x00'::bytea || entry) FROM open_book.entry "
        f"WHERE seq = 1 AND {of}) WHERE {of}",
        database=_name(database),
    )
    for _ in range(2):
        with pytest.raises(ForkError, match="run verify"):
            books.append(append(books, "c-9", [("other", 1)]))
    books.close()


def _name(database: str) -> str:
    return database.partition("?")[0].rpartition("/")[2]


@pytest.mark.usefixtures("in_postgres")
def test_a_link_to_another_ledger_under_the_same_name_is_refused(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    link = read_link(path)
    assert link is not None
    other = tmp_path / "other"
    other.write_bytes(Link(link.url, link.trial, ORIGIN.replace("0", "1")).encode())
    with pytest.raises(LedgerFileError, match="another ledger under the name"):
        open_books(other)
    missing = tmp_path / "missing"
    missing.write_bytes(Link(link.url, "nobody", ORIGIN).encode())
    with pytest.raises(LedgerFileError, match="has no trial nobody"):
        open_books(missing)


@pytest.mark.usefixtures("in_postgres")
def test_a_sealed_version_that_another_writer_took_is_chosen_anew(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    here, there = open_books(path, every=4), open_books(path, every=4)
    for number in range(1, 20):
        here.append(append(here, f"h-{number}", [("h", number)], ["arm", "arm"]))
        there.append(append(there, f"t-{number}", [("t", number)], ["arm"]))
    here.close()
    there.close()
    assert verify_fast(path, keys=KEYS).ok
    assert heads(path)["sealed"].size == 57


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:secret@host/db", "holds a password"),
        ("postgresql://host/db?trial=..", "no name of a trial"),
        ("postgresql://host/db?nothing=1", "no URL of PostgreSQL"),
    ],
)
def test_what_is_no_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(LedgerFileError, match=said):
        Address.parse(url)


def test_an_append_that_is_out_of_turn_among_its_own_is_a_conflict(tmp_path: Path, database: str) -> None:
    Scattered(database).create(tmp_path / "t", ORIGIN)
    books = open_books(tmp_path / "t")
    wrong: Append = append(books, "c", [("s", 1), ("s", 1)])
    with pytest.raises(VersionConflict):
        books.append(wrong)
    books.close()
