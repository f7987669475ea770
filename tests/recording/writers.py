"""Writers at once on one ledger; at full length (`soak.py`) 32 writers of 1,000 appends each.

Each writer has books of its own where it is a process, and shares them where it is a thread of one. After that the
ledger is read whole: every position once, every append once, the stream's versions in their order.
"""

import multiprocessing
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ledger.domain.vocabulary import Book
from ledger.recording.books import Books, VersionConflict
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import InDatabase, open_books
from tests.crash.whole import Watch
from tests.recording.ledgers import KEYS, ORIGIN, append

_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Found:
    """What was recorded, and how often somebody came too late."""

    recorded: int
    conflicts: int
    seconds: float


def on_one_stream(path: Path, *, writers: int, appends: int, processes: int) -> Found:
    """All append to one stream; who comes too late reads again."""
    return _run(path, _one, writers, appends, processes, 1)


def on_many_streams(path: Path, *, writers: int, appends: int, processes: int) -> Found:
    """Each appends to a stream of its own."""
    return _run(path, _many, writers, appends, processes, writers)


def _run(path: Path, work: Any, writers: int, appends: int, processes: int, streams: int) -> Found:
    line, answers = _SPAWN.Barrier(processes), _SPAWN.SimpleQueue()
    lanes = [range(number, writers, processes) for number in range(processes)]
    running = [_SPAWN.Process(target=_process, args=(path, work, lane, appends, line, answers)) for lane in lanes]
    for process in running:
        process.start()
    told: list[Any] = [answers.get() for _ in running]
    for process in running:
        process.join()
    failed = [each for each in told if isinstance(each, BaseException)]
    if failed:
        raise failed[0]
    seqs = sorted(seq for each in told for seq in each[0])
    _check(path, seqs, writers * appends, streams)
    return Found(len(seqs), sum(each[1] for each in told), max(each[2] for each in told))


def _check(path: Path, seqs: list[int], wanted: int, streams: int) -> None:
    assert seqs == list(range(wanted)), "a gap, or a position that was given twice"
    grown = Watch(path).check()
    assert set(grown.open.values()) == {1}
    assert len(grown.open) == wanted
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
    with reader:
        facts = list(reader.facts())
    reader.close()
    by_stream = dict[str, list[int]]()
    for fact in facts:
        by_stream.setdefault(fact.stream, []).append(fact.version)
    assert len(by_stream) == streams
    assert all(versions == list(range(1, len(versions) + 1)) for versions in by_stream.values())


def _process(path: Path, work: Any, lanes: range, appends: int, line: Any, answers: Any) -> None:
    try:
        books = open_books(path, keys=KEYS)
        line.wait()
        began = time.monotonic()
        with ThreadPoolExecutor(len(lanes)) as pool:
            told = list(pool.map(lambda lane: work(books, path, lane, appends), lanes))
        seconds = time.monotonic() - began
        books.close()
        answers.put(([seq for seqs, _ in told for seq in seqs], sum(conflicts for _, conflicts in told), seconds))
    except BaseException as error:
        answers.put(error)


def _one(books: Books, path: Path, lane: int, appends: int) -> tuple[list[int], int]:
    seqs, conflicts = list[int](), 0
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
    while len(seqs) < appends:
        with reader:
            version = reader.version("shared")
        try:
            done = books.append(append(books, f"{lane}.{len(seqs)}", [("shared", version + 1)]))
        except VersionConflict:
            conflicts += 1
            continue
        assert not done.repeated
        seqs.append(done.open_seq)
    reader.close()
    return seqs, conflicts


def _many(books: Books, path: Path, lane: int, appends: int) -> tuple[list[int], int]:  # noqa: ARG001
    return [books.append(append(books, f"{lane}.{n}", [(f"lane/{lane}", n + 1)])).open_seq for n in range(appends)], 0


def soak(url: str, *, writers: int = 32, appends: int = 1000) -> None:
    """Both, at full length, in the database of a URL."""
    with TemporaryDirectory() as folder:
        for name, run in (("one stream", on_one_stream), ("many streams", on_many_streams)):
            for processes in (1, 4):
                path = Path(folder) / secrets.token_hex(4)
                InDatabase(url, f"writers-{path.name}").create(path, ORIGIN)
                found = run(path, writers=writers, appends=appends, processes=processes)
                rate = found.recorded / found.seconds
                print(
                    f"{name}, {writers} writers in {processes} processes: {found.recorded} recorded at {rate:.0f}/s, "
                    f"{found.conflicts} conflicts; no gap, no duplicate"
                )
