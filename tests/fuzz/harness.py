"""Cases in processes of their own, each case with 2 seconds and 256 MB.

1. Before the first case every seed is judged as it is, and has to be good: a harness that refuses all would pass.
2. Time is that of the processor, so that a machine with other work says the same; a process that gives no answer for a
   minute, whatever it does, is ended and counts as a hang.
3. Memory is the room of addresses beyond what a process has after rule 1 (RLIMIT_AS). An allocation beyond it fails,
   and MemoryError is a failure. The largest that a process ever had in memory is reported too.
4. A process that dies names its case, and another takes its place.
"""

import multiprocessing
import os
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final

from tests.fuzz import plants
from tests.fuzz.cases import WEIGHTS, Case, case_of
from tests.fuzz.seeds import Seeds, load
from tests.fuzz.targets import SAME, Failure, Targets

SECONDS: Final = 2.0
MEMORY: Final = 256 << 20
_STUCK: Final = 60.0
_BATCH: Final = 20


class Overdue(BaseException):
    """Two seconds are over. Not an Exception, which a target might catch."""


@dataclass(slots=True)
class Tally:
    """What came of the cases: by (kind, how, outcome), and the failures."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: list[tuple[int, str, str, str]] = field(default_factory=list)
    """(number, kind, how, what happened)"""
    slowest: float = 0.0
    """Seconds of the processor."""
    memory: int = 0
    """Bytes: the most that a process had in memory."""

    @property
    def counted(self) -> int:
        """The cases to which no honest verifier says "ok"."""
        return sum(count for (_, _, outcome), count in self.counts.items() if outcome != SAME)


def run(
    folder: Path, seed: str, cases: int, *, workers: int = 2, kinds: Sequence[str] = tuple(WEIGHTS), plant: str = "",
    most: int = 20,
) -> Tally:  # fmt: skip
    """Run cases on the seeds in a folder until so many count, or `most` failed. `plant`: a fault to be caught."""
    tally, following = Tally(), 0
    asked = (folder, seed, tuple(kinds), plant)
    running: list[_Worker] = []
    try:
        while (tally.counted < cases and len(tally.failures) < most) or any(one.pending for one in running):
            for one in list(running):
                if not one.alive:
                    running.remove(one)
                elif not one.pending and tally.counted < cases and len(tally.failures) < most:
                    one.give(range(following, following + _BATCH))
                    following += _BATCH
            while len(running) < workers:
                running.append(_Worker(asked))
            wait([one.connection for one in running if one.pending], timeout=1.0)
            for one in running:
                one.take(tally)
    finally:
        for one in running:
            one.end()
    return tally


class _Worker:
    def __init__(self, asked: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        with _one_arena():
            self.process = context.Process(target=_work, args=(theirs, *asked), daemon=True)
            self.process.start()
        theirs.close()
        self.pending: list[int] = []
        self.alive, self._heard = True, time.monotonic()

    def give(self, numbers: range) -> None:
        self.pending = list(numbers)
        self._heard = time.monotonic()
        self.connection.send((numbers.start, numbers.stop))

    def take(self, tally: Tally) -> None:
        """What it says, until it has no more to say now."""
        try:
            while self.pending and self.connection.poll():
                number, kind, how, outcome, failure, seconds, memory = self.connection.recv()
                self._heard = time.monotonic()
                self.pending.remove(number)
                tally.slowest, tally.memory = max(tally.slowest, seconds), max(tally.memory, memory)
                if failure:
                    tally.failures.append((number, kind, how, failure))
                else:
                    tally.counts[kind, how, outcome] += 1
        except (EOFError, OSError):
            self._lost(tally, f"the process died ({self.process.exitcode})")
        if self.pending and time.monotonic() - self._heard > _STUCK:
            self._lost(tally, "hang: no answer for a minute")

    def _lost(self, tally: Tally, why: str) -> None:
        tally.failures.append((self.pending[0], "?", "?", why))
        self.pending, self.alive = [], False
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection: Connection, folder: Path, seed: str, kinds: tuple[str, ...], plant: str) -> None:
    """A process: judges the numbers that it is given."""
    signal.signal(signal.SIGPROF, _overdue)
    seeds = load(folder)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        targets = Targets(seeds, Path(place))
        for case in untouched(seeds):
            if targets.judge(case) != SAME:
                raise AssertionError(f"a seed is not good: {case.kind} {case.how}")
        if plant:
            plants.PLANTS[plant]()
        beyond = _address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (beyond, beyond))
        while True:
            try:
                start, stop = connection.recv()
            except EOFError:
                return
            for number in range(start, stop):
                connection.send(_judged(targets, case_of(seeds, seed, number, kinds), number))


def _judged(targets: Targets, case: Case, number: int) -> tuple[int, str, str, str, str, float, int]:
    outcome = failure = ""
    began = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            outcome = targets.judge(case)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except Overdue:
        failure = "hang: more than 2 s"
    except MemoryError:
        failure = "memory: more than 256 MB"
    except Failure as error:
        failure = f"verdict: {error}"
    except BaseException as error:  # whatever it is, it is a crash
        failure = f"crash: {type(error).__name__}: {error}"[:500]
    took = time.process_time() - began
    if took > SECONDS and not failure:
        failure = f"hang: {took:.1f} s"
    return number, case.kind, case.how, outcome, failure, took, _peak()


def _peak() -> int:
    """Bytes: the most that this program had in memory. (`ru_maxrss` has in it what the one that began it had.)"""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) * 1024


def untouched(seeds: Seeds) -> Iterator[Case]:
    """The seeds themselves, as cases."""
    for name, data in seeds.bundles.items():
        yield Case("bundle", name, data, True)
    yield Case("note", "seed", seeds.notes[0], True)
    for proof, entry in seeds.proofs:
        yield Case("proof", "seed", proof, True, entry)
    for token, message in seeds.tokens:
        yield Case("token", "seed", token, True, message)
    for path, tile in seeds.tiles.items():
        yield Case("tile", "bytes", tile, True, path.encode())
    for body in seeds.requests:
        yield Case("request", "seed", body, True)
    yield Case("ledger", "seed", seeds.ledger, True)


def _overdue(*_: object) -> None:
    raise Overdue


def _address_space() -> int:
    """Bytes of addresses that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@contextmanager
def _one_arena() -> Iterator[None]:
    """Processes that begin here have one arena for all threads: each more would reserve addresses and not use them."""
    before = os.environ.get("MALLOC_ARENA_MAX")
    os.environ["MALLOC_ARENA_MAX"] = "1"
    try:
        yield
    finally:
        os.environ.pop("MALLOC_ARENA_MAX")
        if before is not None:
            os.environ["MALLOC_ARENA_MAX"] = before
