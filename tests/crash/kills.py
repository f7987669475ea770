"""SIGKILL at random times: what a killed writer had acknowledged is there, the rest is whole or absent.

One run: a forked child appends and tells each answer through a pipe after `append` has returned; the parent kills
it, reads the pipe to its end and looks at the file. A ledger lives through many kills, then a fresh one begins.
The parent has no connection open when it forks: SQLite's locks would not survive that.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ledger.proof.sealed import command_mark
from ledger.proof.verify import verify_ledger
from ledger.recording.drafts import CommandMark
from tests.crash.whole import Grown, Watch
from tests.crash.writer import EVERY, Answer, as_append, from_line, plan, planned, write_until_killed
from tests.recording.ledgers import KEY, KEYS, append, mark, new_ledger, open_books

KILLS_A_LEDGER: Final = 25
MOST: Final = 24
LONGEST: Final = 0.003
"""A writer is killed at a time drawn from [0, LONGEST) seconds after up to MOST acknowledgements came through."""


@dataclass
class Killed:
    """What a battery of kills met."""

    kills: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    entries: int = 0


def battery(folder: Path, kills: int, seed: int) -> Killed:
    """Kill `kills` writers, looking after each. Raises AssertionError at the first loss."""
    random, total = Random(seed), Killed()
    watch = Watch(new_ledger(folder, "0.db"))
    for number in range(kills):
        if number and number % KILLS_A_LEDGER == 0:
            total.entries += _finish(watch)
            watch = Watch(new_ledger(folder, f"{number}.db"))
        lanes = 4 if random.random() < 0.25 else 1
        run = f"run-{seed}-{number}"
        answers = _kill_one(watch.path, run, lanes, random.randint(0, MOST), random.random() * LONGEST)
        total.kills += 1
        total.acknowledged += len(answers)
        total.unacknowledged += look(watch, run, lanes, answers)
    total.entries += _finish(watch)
    return total


def look(watch: Watch, run: str, lanes: int, answers: list[Answer]) -> int:
    """Check the ledger after a crash of `run`; how many commands it holds that were never acknowledged."""
    grown = watch.check()
    acknowledged = {answer.plan.id for answer in answers}
    found = commands_in(grown, run, lanes, len(answers))
    lost = acknowledged - found
    assert not lost, f"acknowledged and lost: {sorted(lost)}"
    extra = found - acknowledged
    assert len({planned(identity).lane for identity in extra}) == len(extra) <= lanes, f"recorded: {sorted(extra)}"
    for identity in found:
        todo = planned(identity)
        sealed = grown.sealed[command_mark(KEY, identity)]
        assert (grown.open[identity], sealed) == (todo.open, todo.sealed), f"{identity} is not whole"
    books = open_books(watch.path, every=EVERY)
    try:
        for answer in answers:
            asked = CommandMark(answer.plan.id, mark(answer.plan.id).digest)
            again = books.find(asked.id, asked.digest, with_sealed=bool(answer.plan.sealed))
            assert again == answer.recorded._replace(repeated=True), f"{asked.id} is answered otherwise"
        if answers:  # the whole command again: its first answer again, whatever its guards say by now
            answer = answers[-1]
            again = books.append(as_append(books, answer.plan, 0))
            assert again == answer.recorded._replace(repeated=True)
        done = books.append(append(books, f"after-{run}", [(f"after/{run}", 1)], ["after"]))
        assert not done.repeated
    finally:
        books.close()
    after = watch.check()
    assert after.open == {f"after-{run}": 1}, "a new append goes on after the crash, and nothing else"
    return len(extra)


def commands_in(grown: Grown, run: str, lanes: int, answered: int) -> set[str]:
    """The commands of the run of which anything was recorded."""
    found = {identity for identity in grown.open if identity.startswith(run)}
    assert found == set(grown.open), "somebody else wrote"
    marks = dict(grown.sealed)
    for lane in range(lanes):
        for number in range(answered + 2):
            identity = plan(run, lane, number).id
            if marks.pop(command_mark(KEY, identity), 0):
                found.add(identity)
    assert not marks, "sealed entries of no known command"
    return found


def _kill_one(path: Path, run: str, lanes: int, after: int, wait: float) -> list[Answer]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, b"\n")  # begun
            write_until_killed(path, run, lanes, lambda line: os.write(writing, line))
        finally:
            os._exit(70)
    os.close(writing)
    told = bytearray()
    try:
        # One line says that it began. The pipe is never left full: a writer must not wait for room in it.
        while told.count(b"\n") < 1 + after:
            some = os.read(reading, 65536)
            assert some, "the writer ended by itself"
            told += some
        time.sleep(wait)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    while some := os.read(reading, 65536):
        told += some
    os.close(reading)
    return [from_line(line) for line in bytes(told).split(b"\n") if line]


def _finish(watch: Watch) -> int:
    fresh = Watch(watch.path)
    fresh.check()
    assert fresh.size == watch.size
    report = verify_ledger(watch.path, keys=KEYS)
    assert report.ok, f"verify: {report.findings[:3]}"
    for name in (watch.path, *watch.path.parent.glob(f"{watch.path.name}-*")):
        name.unlink(missing_ok=True)
    return fresh.size
