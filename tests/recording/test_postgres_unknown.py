"""Commits whose outcome is not known: what was sent is recorded once, whenever the connection is cut.

The control is a recorder that sends again without looking: it records twice, so that the cuts do cut where it matters.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from eventsourcing.persistence import OperationalError, StoredEvent

from ledger.domain.vocabulary import Book
from ledger.proof.link import Link, read_link
from ledger.proof.sections import PLAIN
from ledger.recording.books import VersionConflict
from ledger.recording.drafts import Recorded
from ledger.recording.eventsourcing_recorder import SQLiteApplicationRecorder
from ledger.recording.mapper import upkeep
from ledger.recording.postgres.books import PostgresBooks
from ledger.recording.postgres.standing import Standing
from ledger.recording.postgres.steps import Planned
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import wait_until_durable
from ledger.verifying.fast import verify_fast
from tests.postgres import Server
from tests.recording.cutting import Moment, Proxy, proxied
from tests.recording.ledgers import KEYS, append, new_ledger


@pytest.fixture
def cut(server: Server, database: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy, and the URL of the database through it."""
    if server.dsn:
        pytest.skip("needs a server with a socket of its own")
    with proxied(database) as found:
        yield found


def through(path: Path, url: str) -> Path:
    """A link to the same ledger that leads through the proxy."""
    link = read_link(path)
    assert link is not None
    other = path.with_name("through")
    other.write_bytes(Link(url, link.trial, link.origin).encode())
    return other


def commands(path: Path) -> Counter[tuple[Book, str]]:
    """How many events there are of each command."""
    reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN}), keys=KEYS)
    with reader:
        found = Counter((fact.book, fact.command) for fact in reader.facts())
    reader.close()
    return found


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("every", [0, 2], ids=["one statement", "several statements and a COMMIT"])
@pytest.mark.usefixtures("in_postgres")
def test_a_command_whose_commit_is_cut_is_recorded_once(
    tmp_path: Path, cut: tuple[Proxy, str], moment: Moment, every: int
) -> None:
    path = new_ledger(tmp_path)
    proxy, url = cut
    books = PostgresBooks(through(path, url), keys=KEYS)
    if every:
        books.upkeep = upkeep(books.origin, every, books.randomness.open, KEYS)
    for number in range(1, 25):
        if number % 3 == 0:
            proxy.arm(moment, b"COMMIT\0" if every and number % 2 else b"cut-me")
        sealed = ["arm"] if number % 2 or not number % 5 else []
        events = [("cut-me", number - number // 5)] if number % 5 else []
        done = books.append(append(books, f"c-{number}", events, sealed))
        assert not done.repeated
        assert done.open_count == len(events)
    assert proxy.cuts >= 5
    books.close()
    counts = commands(path)
    assert {count for (book, name), count in counts.items() if name.startswith("c-")} == {1}
    wanted = {(Book.SEALED, f"c-{n}") for n in range(1, 25) if n % 2 or not n % 5}
    wanted |= {(Book.OPEN, f"c-{n}") for n in range(1, 25) if n % 5}
    assert {each for each in counts if each[1].startswith("c-")} == wanted
    assert verify_fast(path, keys=KEYS).ok


class SendsAgain(PostgresBooks):
    """The control: what was lost is taken for not recorded, and sent again."""

    def _recorded_as(self, planned: Planned) -> bool:  # noqa: ARG002
        return False


@pytest.mark.parametrize("kind", [PostgresBooks, SendsAgain])
@pytest.mark.usefixtures("in_postgres")
def test_raw_events_that_have_no_command_id_are_recorded_once_too_and_the_control_records_them_twice(
    tmp_path: Path, cut: tuple[Proxy, str], kind: type[PostgresBooks]
) -> None:
    path = new_ledger(tmp_path)
    proxy, url = cut
    story, books = Random(7), kind(through(path, url))
    recorder = SQLiteApplicationRecorder(books, originator_id_type="text")
    for number in range(40):
        if story.random() < 0.4:
            proxy.arm(story.choice(list(Moment)), b"cut-me")
        while True:  # as every writer does: who comes too late reads again
            version = len(recorder.select_events("s")) + 1
            try:
                recorder.insert_events([StoredEvent("s", version, "cut-me", b"%d" % number)])
                break
            except VersionConflict:
                continue
    assert proxy.cuts > 8
    found = Counter(event.state for event in recorder.select_events("s"))
    books.close()
    assert set(found) == {b"%d" % number for number in range(40)}
    assert (max(found.values()) > 1) is (kind is SendsAgain)
    assert verify_fast(path).ok


@pytest.mark.usefixtures("in_postgres")
def test_an_append_that_still_waits_for_the_lock_when_its_connection_is_gone_is_recorded_once(
    tmp_path: Path, cut: tuple[Proxy, str]
) -> None:
    path = new_ledger(tmp_path)
    proxy, url = cut
    books, holder = PostgresBooks(through(path, url), keys=KEYS), PostgresBooks(path, keys=KEYS)
    books.append(append(books, "first", [("s", 1)]))
    with holder._hold():
        proxy.arm(Moment.MEANWHILE, b"cut-me")
        told: list[Recorded] = []
        thread = threading.Thread(target=lambda: told.append(books.append(append(books, "cut-me", [("cut-me", 1)]))))
        thread.start()
        time.sleep(0.5)  # the one whose connection is gone waits before the one that looks for it
        assert told == []
    thread.join(30)
    assert [(done.open_seq, done.repeated) for done in told] == [(1, False)]
    assert books.append(append(books, "last", [("s", 2)])).open_seq == 2
    for each in (books, holder):
        each.close()
    assert commands(path)[Book.OPEN, "cut-me"] == 1
    assert verify_fast(path, keys=KEYS).ok


@pytest.mark.usefixtures("in_postgres")
def test_what_cannot_be_learnt_is_said_and_nothing_is_recorded_twice_when_it_is_sent_again(
    tmp_path: Path, cut: tuple[Proxy, str]
) -> None:
    path = new_ledger(tmp_path)
    proxy, url = cut
    books = PostgresBooks(through(path, url), keys=KEYS, settle_seconds=0.5)
    books.append(append(books, "first", [("s", 1)]))
    proxy.arm(Moment.AFTER, b"cut-me")
    proxy.close()
    again = append(books, "cut-me", [("cut-me", 1)])
    with pytest.raises(OperationalError, match="it is not known whether this was recorded"):
        books.append(again)
    other = PostgresBooks(path, keys=KEYS)
    assert other.append(again).repeated
    other.close()
    assert commands(path)[Book.OPEN, "cut-me"] == 1


@pytest.mark.parametrize("hears", [True, False], ids=["", "control: it does not hear the warning"])
@pytest.mark.usefixtures("in_postgres")
def test_a_commit_that_did_not_wait_for_its_standby_is_not_acknowledged_before_it_is_there(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, hears: bool
) -> None:
    if server.dsn:
        pytest.skip("changes the settings of the server")
    path = new_ledger(tmp_path)
    if not hears:
        monkeypatch.setattr(Standing, "noticed", lambda *_: None)
    books = PostgresBooks(path, keys=KEYS)
    books.append(append(books, "first", [("s", 1)]))
    _standby(server, "nobody")
    told: list[Recorded] = []
    thread = threading.Thread(target=lambda: told.append(books.append(append(books, "c", [("s", 2)]))))
    thread.start()
    try:
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        deadline = time.monotonic() + 20
        while not (waiting := server.run(waits)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for (pid,) in waiting:
            server.run(f"SELECT pg_cancel_backend({pid})")  # "canceling wait for synchronous replication"
        time.sleep(1)
        assert bool(told) is not hears
    finally:
        _standby(server, "")
        thread.join(30)
    assert [done.open_seq for done in told] == [1]
    books.close()
    assert commands(path)[Book.OPEN, "c"] == 1


def _standby(server: Server, name: str) -> None:
    server.run(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'", "SELECT pg_reload_conf()")
    deadline = time.monotonic() + 20
    while server.run("SHOW synchronous_standby_names") != [(name,)] and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.usefixtures("in_postgres")
def test_an_interruption_comes_after_the_commit_that_had_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import _thread

    path = new_ledger(tmp_path)
    books = PostgresBooks(path, keys=KEYS)
    books.append(append(books, "first", [("s", 1)]))
    at_once = books._quick

    def slowly(waiting: list[Planned]) -> list[Planned]:
        _thread.interrupt_main()
        time.sleep(0.3)
        return at_once(waiting)

    monkeypatch.setattr(books, "_quick", slowly)
    with pytest.raises(KeyboardInterrupt):
        books.append(append(books, "c", [("s", 2)]))
    monkeypatch.undo()
    assert commands(path)[Book.OPEN, "c"] == 1
    assert books.append(append(books, "last", [("s", 3)])).open_seq == 2
    books.close()


@pytest.mark.parametrize("first", [True, False], ids=["new books", "books that have recorded"])
@pytest.mark.usefixtures("in_postgres")
def test_what_was_seen_on_one_node_alone_is_neither_known_nor_answered_nor_signed(
    tmp_path: Path, server: Server, first: bool
) -> None:
    """While there is no standby: others' entries are there to be seen, but a failover would take them."""
    if server.dsn:
        pytest.skip("changes the settings of the server")
    path = new_ledger(tmp_path)
    other, books = (
        PostgresBooks(path, keys=KEYS, settle_seconds=0.3),
        PostgresBooks(path, keys=KEYS, settle_seconds=0.3),
    )
    for each in (other,) if first else (other, books):
        each.append(append(each, f"first-{id(each)}", [(f"s-{id(each)}", 1)]))
    before = books._at.open.size
    lost = append(other, "lost", [("lost", 1)])
    _standby(server, "nobody")
    stop = threading.Event()
    canceller = threading.Thread(target=_cancel_all, args=(server, stop))
    canceller.start()
    try:
        with pytest.raises(OperationalError, match="not known whether"):
            other.append(lost)
        assert commands(path)[Book.OPEN, "lost"] == 1, "there is nothing to be seen"
        for said in (lost, append(books, "mine", [("mine", 1)])):
            with pytest.raises(OperationalError, match="not known whether"):
                books.append(said)
            with pytest.raises(OperationalError, match="not known whether"):
                books.find("lost", lost.command.digest, with_sealed=False)
        with pytest.raises(OperationalError, match="may be on one node alone"):
            wait_until_durable(path)
        assert first or books._at.open.size == before
    finally:
        stop.set()
        canceller.join(30)
        _standby(server, "")
    wait_until_durable(path)
    assert books.find("lost", lost.command.digest, with_sealed=False) is not None
    for each in (other, books):
        each.close()


def _cancel_all(server: Server, stop: threading.Event) -> None:
    while not stop.is_set():
        for (pid,) in server.run("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
            server.run(f"SELECT pg_cancel_backend({pid})")
        stop.wait(0.02)
