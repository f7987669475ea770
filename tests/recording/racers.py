"""What racing processes do: run in processes of their own, started together."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.domain.vocabulary import Book
from ledger.recording.books import Books, VersionConflict
from ledger.recording.drafts import Guard, Recorded
from ledger.recording.reader import LedgerReader
from tests.recording.ledgers import append, open_books

_SPAWN = multiprocessing.get_context("spawn")
Racer = Callable[[Books, int], Any]


def race(path: Path, racers: list[Racer]) -> list[Any]:
    """What each racer returns, given books of its own and its number; all start when the last is ready."""
    line, answers = _SPAWN.Barrier(len(racers)), _SPAWN.SimpleQueue()
    running = [
        _SPAWN.Process(target=_run, args=(path, racer, number, line, answers)) for number, racer in enumerate(racers)
    ]
    for process in running:
        process.start()
    by_number = dict(answers.get() for _ in running)
    for process in running:
        process.join(30)
        assert process.exitcode == 0
    failed = [answer for answer in by_number.values() if isinstance(answer, BaseException)]
    if failed:
        raise failed[0]
    return [by_number[number] for number in range(len(racers))]


def _run(path: Path, racer: Racer, number: int, line: Any, answers: Any) -> None:
    try:
        books = open_books(path, every=0)
        line.wait(30)
        answer = racer(books, number)
        books.close()
    except BaseException as error:
        answer = error
    answers.put((number, answer))


def version(path: Path, stream: str) -> int:
    """How far a stream of the open book has come."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
    with reader:
        found = reader.version(stream)
    reader.close()
    return found


def consent_until_halted(books: Books, number: int) -> int:
    """Consents, each decided while the trial was recruiting, until one is refused; how many were recorded."""
    stream, count = f"subject/{number}", 0
    while True:
        try:
            guards = [Guard(Book.OPEN, "trial", 1)]
            books.append(append(books, f"consent-{number}-{count}", [(stream, count + 1)], guards=guards))
        except VersionConflict:
            return count
        count += 1


def halt_after_a_while(books: Books, number: int) -> int:
    """Halt the trial once every other racer's consents are coming in; where the halt stands."""
    others = [other for other in range(4) if other != number]
    while not any(version(books.path, f"subject/{other}") >= 20 for other in others):
        pass
    return books.append(append(books, "halt", [("trial", 2)])).open_seq


def enrol_up_to_cap(books: Books, number: int) -> int:
    """Enrol while the count of enrolments is below 40; how many this racer enrolled."""
    enrolled = 0
    while (count := version(books.path, "enrolments")) < 40:
        events = [(f"enrolled/{number}/{enrolled}", 1), ("enrolments", count + 1)]
        try:
            books.append(append(books, f"enrol-{number}-{enrolled}-{count}", events))
        except VersionConflict:
            continue
        enrolled += 1
    return enrolled


def send_the_same(books: Books, number: int) -> list[Recorded]:
    """The same thirty commands as every other racer, in another order."""
    ids = [f"same-{n}" for n in range(30)]
    turned = ids[number * 7 :] + ids[: number * 7]
    answers = {
        command: books.append(append(books, command, [(command, 1), (command, 2)], [f"arm/{command}"]))
        for command in turned
    }
    return [answers[command] for command in ids]
