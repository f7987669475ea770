"""Several writers at once: threads of one process, and processes of one ledger."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.books import Books, CommandReused, VersionConflict
from ledger.recording.combining import Ticket
from ledger.recording.drafts import Append, Guard, Recorded
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks
from ledger.recording.stores import open_books as open_anywhere
from tests.crash.whole import Watch
from tests.recording import racers
from tests.recording.ledgers import append, new_ledger, open_books

pytestmark = pytest.mark.usefixtures("anywhere")


def streams(path: Path) -> list[str]:
    """The stream of each open entry, by position."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
    with reader:
        found = [fact.stream for fact in reader.facts()]
    reader.close()
    return found


def count_commits(books: Books) -> list[None]:
    """A list that grows by one with each commit from now on."""
    commits: list[None] = []
    if not isinstance(books, SQLiteBooks):
        private: Any = books
        at_once = private._quick

        def counted(waiting: Any) -> Any:
            commits.append(None)
            return at_once(waiting)

        private._quick = counted
        return commits
    books._connection.set_commit_hook(lambda: commits.append(None) or False)  # type: ignore[func-returns-value]
    return commits


def together(books: Books, appends: list[Append]) -> list[Recorded | BaseException]:
    """Hand in appends from threads while another holds the lock, so that they are committed as one batch."""

    def hand_in(each: Append) -> Recorded | BaseException:
        try:
            return books.append(each)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(appends)) as pool:
        with books._combiner.lock:
            answers = []
            for count, each in enumerate(appends, 1):
                answers.append(pool.submit(hand_in, each))
                while len(books._combiner.waiting) < count:
                    pass
        return [answer.result() for answer in answers]


@pytest.mark.parametrize("consenting", [1, 3])
def test_no_consent_that_was_decided_before_the_halt_is_recorded_after_it(tmp_path: Path, consenting: int) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    books.append(append(books, "register", [("trial", 1)]))
    books.close()
    doing: list[racers.Racer] = [racers.consent_until_halted] * consenting
    *counts, halt = racers.race(path, [*doing, racers.halt_after_a_while])
    recorded = streams(path)
    assert recorded[halt] == "trial"
    assert halt == len(recorded) - 1, "something guarded by the running trial came after its halt"
    assert [recorded.count(f"subject/{number}") for number in range(consenting)] == counts
    assert sum(counts) >= 20
    Watch(path).check()


@pytest.mark.parametrize("processes", [2, 4])
def test_a_cap_that_processes_race_for_is_met_exactly(tmp_path: Path, processes: int) -> None:
    path = new_ledger(tmp_path)
    enrolled = racers.race(path, [racers.enrol_up_to_cap] * processes)
    recorded = streams(path)
    assert sum(enrolled) == 40
    assert recorded.count("enrolments") == 40
    assert sum(stream.startswith("enrolled/") for stream in recorded) == 40
    Watch(path).check()


def test_processes_that_send_the_same_commands_record_each_once_and_hear_the_same(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    heard = racers.race(path, [racers.send_the_same] * 4)
    for answers in zip(*heard, strict=True):
        assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
        assert len({answer._replace(repeated=False) for answer in answers}) == 1
    grown = Watch(path).check()
    assert set(grown.open.values()) == {2}
    assert set(grown.sealed.values()) == {1}
    assert (len(grown.open), len(grown.sealed)) == (30, 30)


def test_sixteen_threads_leave_no_gap_and_no_duplicate_and_share_commits(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    commits = count_commits(books)

    def write(lane: int) -> list[int]:
        return [books.append(append(books, f"{lane}.{n}", [(f"lane/{lane}", n + 1)])).open_seq for n in range(200)]

    with ThreadPoolExecutor(16) as pool:
        positions = list(pool.map(write, range(16)))
    books.close()
    assert all(mine == sorted(mine) for mine in positions)
    assert sorted(position for mine in positions for position in mine) == list(range(3200))
    assert len(commits) < 1600, "threads that wait for the lock are committed together"
    Watch(path).check()


def test_the_same_command_from_many_threads_is_recorded_once(tmp_path: Path) -> None:
    books = open_books(new_ledger(tmp_path), every=0)
    answers = together(books, [append(books, "once", [("s", 1)], ["arm/s"]) for _ in range(8)])
    books.close()
    assert {answer._replace(repeated=False) for answer in answers if isinstance(answer, Recorded)} == {
        next(answer for answer in answers if isinstance(answer, Recorded))._replace(repeated=False)
    }
    assert sorted(answer.repeated for answer in answers if isinstance(answer, Recorded)) == [False] + [True] * 7


def test_a_refused_append_harms_none_of_those_committed_with_it(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    books.append(append(books, "first", [("trial", 1)]))
    commits = count_commits(books)
    answers = together(
        books,
        [
            append(books, "good-1", [("a", 1)], ["arm/a"]),
            append(books, "wrong-version", [("b", 1), ("b", 3)]),
            append(books, "first", [("c", 1)], content="other"),
            append(books, "guarded", [("d", 1)], guards=[Guard(Book.OPEN, "trial", 7)]),
            append(books, "good-2", [("a", 2)], ["arm/a"]),
            append(books, "wrong-version", [("b", 1)]),
        ],
    )
    books.close()
    kinds = [Recorded, VersionConflict, CommandReused, VersionConflict, Recorded, Recorded]
    assert [type(answer) for answer in answers] == kinds
    assert len(commits) == 1
    assert streams(path) == ["trial", "a", "a", "b"]
    Watch(path).check()


def test_what_fails_in_the_middle_of_being_written_harms_none_of_those_committed_with_it(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_anywhere(path)  # without the key of the sealed book
    unwritable = append(books, "unwritable", [("b", 1), ("b\ud800", 1)])  # no UTF-8 for half a character
    answers = together(
        books,
        [
            append(books, "good-1", [("a", 1)]),
            append(books, "sealed", [("c", 1)], ["arm/c"]),
            unwritable,
            append(books, "good-2", [("a", 2)]),
        ],
    )
    assert [type(answer) for answer in answers] == [Recorded, LedgerFileError, UnicodeEncodeError, Recorded]
    assert books.append(append(books, "good-3", [("a", 3)])).open_seq == 2
    books.close()
    assert streams(path) == ["a", "a", "a"]
    Watch(path).check()


def test_closing_finishes_the_appends_that_wait(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    appends = [append(books, f"c-{n}", [(f"s/{n}", 1)]) for n in range(5)]
    answers: list[Recorded] = []
    do: Callable[[Append], None] = lambda each: answers.append(books.append(each))  # noqa: E731
    threads = [threading.Thread(target=do, args=(each,)) for each in appends]
    with books._combiner.lock:
        for thread in threads:
            thread.start()
        while len(books._combiner.waiting) < 5:
            pass
    books.close()
    for thread in threads:
        thread.join()
    assert sorted(answer.open_seq for answer in answers) == list(range(5))


def test_another_process_s_appends_are_seen_by_the_next_one_here(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    here, there = open_books(path, every=4), open_books(path, every=4)
    for n in range(1, 30, 2):
        here.append(append(here, f"h-{n}", [("shared", n)], ["arm"]))
        there.append(append(there, f"t-{n}", [("shared", n + 1)], ["arm"]))
    with pytest.raises(VersionConflict):
        here.append(append(here, "late", [("shared", 30)]))
    here.close()
    there.close()
    grown = Watch(path).check()
    assert len(grown.open) == 30
    assert grown.anchors == (30 + grown.anchors) // 4


def test_an_interrupted_thread_that_was_to_lead_leaves_nobody_waiting(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    books = open_books(path, every=0)
    combiner = books._combiner

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            raise KeyboardInterrupt

    interrupted, last = (Ticket[Append, Recorded](append(books, name, [(name, 1)])) for name in ("interrupted", "last"))
    combiner._led = True  # a third thread commits
    interrupted.woken = Interrupted()
    combiner.waiting.append(interrupted)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(combiner.submit, last)
        while len(combiner.waiting) < 2:
            pass
        combiner._hand_on()  # it is done, and the first that waits is to lead
        with pytest.raises(KeyboardInterrupt):
            combiner._sleep(interrupted, interrupted.woken)
        answer.result(10)
    assert last.result is not None
    books.close()
    assert streams(path) == ["last"]
