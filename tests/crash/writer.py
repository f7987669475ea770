"""The writer that crashes: commands that follow from (seed, number), so that both sides know what belongs in them."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ledger.domain.vocabulary import Book
from ledger.recording.books import Books
from ledger.recording.drafts import Append, Guard, Recorded
from ledger.recording.reader import LedgerReader
from tests.recording.ledgers import append, open_books

EVERY: Final = 8


@dataclass(frozen=True)
class Plan:
    """What one command records: how many open events, how many sealed ones, and whether under a guard."""

    id: str
    lane: int
    open: int
    sealed: int
    guarded: bool


@dataclass(frozen=True)
class Answer:
    """What was acknowledged: the command and where it stands."""

    plan: Plan
    recorded: Recorded


def plan(run: str, lane: int, number: int) -> Plan:
    """The `number`-th command of a thread (`lane`) of a run."""
    random = Random(f"{run} {lane} {number}")
    opened, sealed = random.choice([(1, 0), (1, 0), (1, 1), (3, 0), (3, 2), (12, 4), (0, 1)])
    if number == 0 and not opened:
        opened = 1
    return Plan(f"{run}.{lane}.{number}", lane, opened, sealed, bool(opened) and random.random() < 0.5)


def planned(identity: str) -> Plan:
    """The command that bears this id."""
    run, lane, number = identity.rsplit(".", 2)
    return plan(run, int(lane), int(number))


class Writer:
    """Appends the commands of one lane of a run, one after another."""

    def __init__(self, books: Books, run: str, lane: int) -> None:
        self._books, self._run, self._lane = books, run, lane
        self._stream = f"lane/{lane}"
        with_reader = LedgerReader(books.path, books=frozenset({Book.OPEN}), classes=frozenset())
        with with_reader as reader:
            self._version = reader.version(self._stream)
        with_reader.close()
        self._number = 0

    def next(self) -> tuple[Plan, Append]:
        """The next command, as an append."""
        todo = plan(self._run, self._lane, self._number)
        self._number += 1
        return todo, as_append(self._books, todo, self._version)

    def write(self) -> Answer:
        """Append the next command."""
        todo, made = self.next()
        recorded = self._books.append(made)
        self._version += todo.open
        return Answer(todo, recorded)


def as_append(books: Books, todo: Plan, version: int) -> Append:
    """A planned command, for a lane that stands at `version`."""
    stream = f"lane/{todo.lane}"
    guards = [Guard(Book.OPEN, stream, version)] if todo.guarded else []
    events = [(stream, version + 1 + n) for n in range(todo.open)]
    return append(books, todo.id, events, [f"arm/{n}" for n in range(todo.sealed)], guards)


def write_until_killed(path: Path, run: str, lanes: int, acknowledge: Callable[[bytes], object]) -> None:
    """Append for ever from `lanes` threads; each answer goes out as one line, after `append` has returned."""
    books = open_books(path, every=EVERY)

    def work(lane: int) -> None:
        writer = Writer(books, run, lane)
        while True:
            acknowledge(to_line(writer.write()))

    threads = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in range(1, lanes)]
    for thread in threads:
        thread.start()
    work(0)


def to_line(answer: Answer) -> bytes:
    """An answer as one line, shorter than what a pipe takes at once."""
    return json.dumps([answer.plan.id, answer.recorded._asdict()]).encode() + b"\n"


def from_line(line: bytes) -> Answer:
    """The answer of a line."""
    identity, recorded = json.loads(line)
    return Answer(planned(identity), Recorded(**recorded))
