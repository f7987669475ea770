"""Views folded from a long ledger, beside the eventsourcing library's projection runners.

1. The ledger is the demo's trial with subjects who were contacted often (`trials.py`); the library has the same events
   (`runners.py`). What is timed of ours is the whole of it: reading, the grammar of each entry, folding, and the views
   in their file. Nobody checks events against their classes, neither here nor there.
2. Each of our rounds is a process of its own, and its memory is that of all processes that it starts.
3. All views are those of somebody who may see arms: every kept view there is, of both books.
4. What PostgreSQL is asked for lies on this machine; where there is none (tests/postgres.py), its row is left out.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Final

import pytest

from api.bootstrap import _reader, origin_of, viewing
from ledger.domain.vocabulary import Book
from ledger.proof.link import Link
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader
from projections.parts import Others
from projections.runner import catch_up
from tests.bench.measure import Round, Row, alone, alternate, compare
from tests.bench.processes import watched
from tests.bench.runners import Library
from tests.bench.trials import build
from tests.postgres import database, server
from tests.recording.copier import copy

ONE: Final = "rebuild/one-view"
ALL: Final = "rebuild/all-views"
IN_MEMORY: Final = "eventsourcing's runner in memory"
PERSISTED: Final = "eventsourcing's runner, persisted"
MEMORY: Final = f"{ALL}, memory"
_PAIRS: Final = {
    f"{ONE} vs {IN_MEMORY}": ("one", "in memory"),
    f"{ONE} by two processes vs {IN_MEMORY}": ("one by two", "in memory"),
    f"{ONE} vs {PERSISTED}": ("one", "persisted"),
    f"{ALL} vs {PERSISTED}": ("all", "persisted"),
    f"{ONE}, two processes vs one": ("one by two", "one"),
    f"{ALL}, two processes vs one": ("all by two", "all"),
    f"{ALL}, PostgreSQL vs SQLite": ("in PostgreSQL", "all"),
}
_VIEW: Final = "subjects"
_PERSISTED: Final = 4_000
"""Events that the library's persisted runner takes in."""


def rows(folder: Path, *, quick: bool, wanted: Callable[[str], bool], count: int) -> Iterator[Row]:
    """The rows about folding a ledger of `count` events."""
    if not any(map(wanted, [*_PAIRS, MEMORY])):
        return
    path = build(folder / "rebuilding.db", count)
    memory: list[float] = []
    with ExitStack() as stack:
        contestants: dict[str, Round] = {
            "one": partial(_folded, path, folder, 1, _VIEW, memory),
            "one by two": partial(_folded, path, folder, 2, _VIEW, memory),
            "all": partial(_folded, path, folder, 1, "", memory),
            "all by two": partial(_folded, path, folder, 2, "", memory),
        }
        asked = {each for name, pair in _PAIRS.items() if wanted(name) for each in pair}
        if asked & {"in memory", "persisted"}:
            library = stack.enter_context(closing(_library(path, folder)))
            contestants |= {"in memory": library.in_memory, "persisted": library.in_sqlite}
        if "in PostgreSQL" in asked and (copied := _copied(path, folder, stack)) is not None:
            contestants["in PostgreSQL"] = partial(_folded, copied, folder, 1, "", memory)
        if wanted(MEMORY):
            asked |= {"all", "all by two"}
        rates = alternate({name: contestants[name] for name in contestants if name in asked}, 1 if quick else 3)
    for name, (ours, theirs) in _PAIRS.items():
        if wanted(name) and ours in rates and theirs in rates:
            yield compare(name, "events/s", rates[ours], rates[theirs])
    if wanted(MEMORY):
        yield alone(MEMORY, "MB", memory)


def _folded(path: Path, folder: Path, count: int, view: str, memory: list[float]) -> float:
    """Entries a second of one fold by so many processes."""
    made = folder / "folded.views"
    rmtree(made, ignore_errors=True)
    told, largest = watched(["-m", __name__, str(path), str(made), str(count), view])
    memory.append(largest)
    return float(told["entries"] / told["seconds"])


def _library(path: Path, folder: Path) -> Library:
    with (
        closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))) as reader,
        reader,
    ):
        return Library(folder, reader.facts(), _PERSISTED)


def _copied(path: Path, folder: Path, stack: ExitStack) -> Path | None:
    """The same ledger in PostgreSQL: the path of a link to it, with the keys beside it."""
    try:
        on = stack.enter_context(server())
    except pytest.skip.Exception as why:
        print(f"PostgreSQL: left out ({why})", file=sys.stderr)
        return None
    there = folder / "in-postgresql"
    copy(path, there, Link(stack.enter_context(database(on, "bench")), "rebuilding", origin_of(path)), batch=2000)
    there.with_name(there.name + ".keys").symlink_to(path.with_name(path.name + ".keys"))
    return there


def main() -> None:
    """One fold, in this process: LEDGER FOLDER PROCESSES [VIEW]. Prints seconds and entries."""
    path, folder, count, view = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    seen = viewing(path, "statistician")
    open_reader = partial(_reader, path, seen.sight)
    with closing(open_reader()) as reader:
        begun = time.perf_counter()
        others = Others(count - 1, open_reader) if count > 1 else None
        head = catch_up(reader, seen.audience, folder, [view] if view else None, others=others)
        spent = time.perf_counter() - begun
    print(json.dumps({"seconds": spent, "entries": head.open + (head.sealed or 0)}))


if __name__ == "__main__":
    main()
