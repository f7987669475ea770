"""Verify, read back and rebuild, in entries a second.

Verify and read: a ledger of both books, its events small and alike. Rebuild: the demo's trial of 100 subjects, every
view of both audiences made anew in its file.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from api.bootstrap import rebuild_all
from api.cli.demo import SeededRandomness, play
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.reader import LedgerReader
from tests.bench.measure import Row, alone
from tests.recording.ledgers import KEYS, append, new_ledger, open_books

COMMANDS: Final = 2_000


def rows(folder: Path, *, quick: bool, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows about reading."""
    works = {"verify/whole-ledger": _verify, "read/all-facts": _read, "rebuild/all-views-of-both-audiences": _rebuild}
    if not any(map(wanted, works)):
        return
    written = _written(folder, COMMANDS // (8 if quick else 1))
    played = _played(folder, 20 if quick else 100)
    for name, work in works.items():
        path, entries = played if work is _rebuild else written
        if wanted(name):
            work(path, entries)
            yield alone(name, "entries/s", [work(path, entries) for _ in range(2 if quick else 5)])


def _written(folder: Path, commands: int) -> tuple[Path, int]:
    """A ledger of commands of ten open and five sealed events, with anchors; how many entries it has."""
    path = new_ledger(folder, "reads.db")
    books = open_books(path, every=64)
    for number in range(commands):
        stream = f"subject/{number // 4}"
        first = number % 4 * 10
        events = [(stream, first + version) for version in range(1, 11)]
        books.append(append(books, f"command-{number}", events, [f"dose/{number // 4}"] * 5))
    books.close()
    reader = LedgerReader(path, books=frozenset(Book), classes=frozenset(), keys=KEYS)
    with reader:
        opened, sealed = reader.head()
    reader.close()
    return path, opened + (sealed or 0)


def _played(folder: Path, subjects: int) -> tuple[Path, int]:
    """The demo's trial; the entries that its views are made from, each as often as there are audiences."""
    path = folder / "NCT04348461.db"
    play(path, 1, subjects, SeededRandomness(1))
    report = verify_ledger(path)
    return path, 2 * report.size + report.sealed.size


def _rebuild(path: Path, entries: int) -> float:
    begun = time.perf_counter()
    rebuild_all(path)
    return entries / (time.perf_counter() - begun)


def _verify(path: Path, entries: int) -> float:
    begun = time.perf_counter()
    report = verify_ledger(path, keys=KEYS)
    assert report.ok, report.findings[:3]
    return entries / (time.perf_counter() - begun)


def _read(path: Path, entries: int) -> float:
    begun = time.perf_counter()
    reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN, ARM}), keys=KEYS)
    with reader:
        assert entries == sum(1 for _ in reader.facts())
    reader.close()
    return entries / (time.perf_counter() - begun)
