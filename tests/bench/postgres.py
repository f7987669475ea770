"""Ledgers in PostgreSQL: durable appends beside the eventsourcing library's own recorder, and verifying beside SQLite.

Both record on one new server of this machine, durable (fsync, synchronous_commit), each over a socket, the events of
`appends`. The library has a connection for each writer, as many as it can use; ours combines what comes together. Where
there is no PostgreSQL (tests/postgres.py), these rows are left out.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from ledger.proof.link import Link
from ledger.recording.copying import BATCH, origin_and_books
from ledger.recording.eventsourcing_recorder import SQLiteApplicationRecorder
from ledger.recording.postgres.books import PostgresBooks
from ledger.recording.postgres.connecting import close_pools
from ledger.recording.stores import InDatabase
from ledger.verifying.fast import verify_fast
from tests.bench.appends import ORIGIN, recording
from tests.bench.measure import Row, alternate, compare
from tests.bench.verifying import build
from tests.postgres import Server, database, server
from tests.recording.copier import copy

VERIFIED: Final = "verify/postgres vs sqlite"
_APPENDS: Final = (
    ("append/postgres/1-writer vs eventsourcing", 400, 1, 15),
    ("append/postgres/64-writers vs eventsourcing", 6400, 64, 5),
)


def rows(folder: Path, *, quick: bool, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows about PostgreSQL."""
    names = [name for name, *_ in _APPENDS]
    if not any(map(wanted, [*names, VERIFIED])):
        return
    with ExitStack() as stack:
        try:
            on = stack.enter_context(server(durable=True))
        except pytest.skip.Exception:
            return
        url = stack.enter_context(database(on, "bench"))
        stack.callback(close_pools)
        few = 4 if quick else 1
        for name, count, writers, rounds in _APPENDS:
            if wanted(name):
                yield _append(folder, on, url, name, count // few, writers, rounds // few)
        if wanted(VERIFIED):
            yield _verify(folder, url, 20_000 if quick else 100_000, 3)


def _append(folder: Path, on: Server, url: str, name: str, count: int, writers: int, rounds: int) -> Row:
    path = folder / name.replace("/", "-").replace(" ", "-")
    InDatabase(url, path.name).create(path, ORIGIN)
    ours = SQLiteApplicationRecorder(PostgresBooks(path))
    datastore = PostgresDatastore(
        url.partition("?")[0].rpartition("/")[2], str(on.folder), "5432", "administrator", "none",
        pool_size=writers, max_overflow=0, connect_timeout=120,
    )  # fmt: skip
    try:
        library = PostgresApplicationRecorder(datastore, events_table_name=f"library_{writers}")
        library.create_table()
        rates = alternate(
            {
                "ours": recording(ours, count, writers=writers),
                "eventsourcing": recording(library, count, writers=writers),
            },
            rounds,
        )
    finally:
        ours.books.close()
        datastore.close()
    return compare(name, "events/s", rates["ours"], rates["eventsourcing"])


def _verify(folder: Path, url: str, count: int, rounds: int) -> Row:
    here = build(folder / "verified.db", count)
    there = folder / "verified"
    copy(here, there, Link(url, there.name, origin_and_books(here)[0]), batch=BATCH)

    def once(path: Path) -> Callable[[], float]:
        def verify() -> float:
            begun = time.perf_counter()
            report = verify_fast(path)
            assert report.size >= count
            return report.size / (time.perf_counter() - begun)

        return verify

    rates = alternate({"ours": once(there), "sqlite": once(here)}, rounds)
    return compare(VERIFIED, "events/s", rates["ours"], rates["sqlite"])
