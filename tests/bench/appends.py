"""Durable appends: ours, the eventsourcing library's own SQLite recorder, and the raw insert of the same rows.

All three on the same disk, in WAL mode with synchronous=FULL: what was acknowledged survives a power cut. (FULL is
what the library gets by SQLite's default; it is set here by name, so that the comparison does not hang on it.)
Events of 400 bytes, ten to a stream. Ours also writes commitments, chain, tree and the heads.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import apsw
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder as LibraryRecorder
from eventsourcing.sqlite import SQLiteConnection, SQLiteDatastore

from ledger.recording.engine import connect, create_ledger, fetch
from ledger.recording.eventsourcing_recorder import SQLiteApplicationRecorder
from ledger.recording.sqlite import SQLiteBooks
from tests.bench.measure import Row, alternate, compare

SIZE: Final = 400
EVENTS_A_STREAM: Final = 10
ORIGIN: Final = "bench.example/NCT00000000/" + "0" * 32
TOPIC: Final = "bench.happened/1"
_INSERT: Final = "INSERT INTO open_entry (seq, stream, version, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)"


def events() -> Iterator[StoredEvent]:
    """Events without end."""
    while True:
        stream = UUID(bytes=os.urandom(16))
        for version in range(1, EVENTS_A_STREAM + 1):
            yield StoredEvent(stream, version, TOPIC, os.urandom(SIZE))


class _FullDatastore(SQLiteDatastore):
    """The library's datastore, with the durability that ours has, set by name."""

    def get_full(self) -> None:
        create = self.pool._create_connection

        def full() -> SQLiteConnection:
            connection = create()
            connection._sqlite_conn.execute("PRAGMA synchronous=FULL")
            return connection

        self.pool._create_connection = full  # type: ignore[method-assign]


def library_recorder(folder: Path) -> LibraryRecorder:
    """The library's recorder on a file, durable."""
    datastore = _FullDatastore(str(folder / "library.db"), pool_size=1, max_overflow=0, pool_timeout=60)
    datastore.get_full()
    recorder = LibraryRecorder(datastore)
    recorder.create_table()
    with datastore.get_connection(commit=False) as connection:
        sqlite: sqlite3.Connection = connection._sqlite_conn
        settings = [sqlite.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2], f"not durable: {settings}"
    return recorder


def our_recorder(folder: Path) -> SQLiteApplicationRecorder:
    """Ours, on a new ledger."""
    path = folder / "ours.db"
    create_ledger(path, ORIGIN)
    return SQLiteApplicationRecorder(SQLiteBooks(path))


class RawInsert:
    """The same rows as ours, made beforehand, inserted by SQLite alone: one transaction each."""

    def __init__(self, folder: Path) -> None:
        path = folder / "raw.db"
        create_ledger(path, ORIGIN)
        self._connection = connect(path)
        self._seq = 0
        recorder = our_recorder(folder)
        recorder.insert_events([next(events())])
        with recorder.books.reading() as reading:
            made = fetch(reading, "SELECT entry, sections FROM open_entry")
        self._entry, self._sections = made[0]
        recorder.books.close()
        for each in folder.glob("ours.db*"):
            each.unlink()

    def insert(self, count: int, batch: int = 1) -> None:
        connection = self._connection
        for _ in range(0, count, batch):
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(batch):
                stream, version = divmod(self._seq, EVENTS_A_STREAM)
                if not version:
                    connection.execute("INSERT INTO open_stream (name) VALUES (?)", (os.urandom(16).hex(),))
                connection.execute(_INSERT, (self._seq, stream + 1, version + 1, None, self._entry, self._sections))
                self._seq += 1
            connection.execute("COMMIT")


def _timed(count: int, work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def recording(recorder: ApplicationRecorder, count: int, *, batch: int = 1, writers: int = 1) -> Callable[[], float]:
    """A round that records `count` events, made before the clock starts."""

    def once() -> float:
        share = count // writers
        lanes = []
        for _ in range(writers):
            source = events()
            lane = [next(source) for _ in range(share)]
            lanes.append([lane[start : start + batch] for start in range(0, share, batch)])

        def write(lane: list[list[StoredEvent]]) -> None:
            for each in lane:
                recorder.insert_events(each)

        if writers == 1:
            return _timed(share, lambda: write(lanes[0]))
        threads = [threading.Thread(target=write, args=(lane,)) for lane in lanes]

        def together() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return _timed(share * writers, together)

    return once


def rows(folder: Path, *, quick: bool, wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows about appending."""
    few = 4 if quick else 1
    for name, count, batch, writers, rounds in (
        ("append/sqlite-full/1-writer", 600, 1, 1, 41),  # one writer waits for the disk: many short rounds
        ("append/sqlite-full/16-writers", 3200, 1, 16, 7),
        ("append/sqlite-full/bulk-1000", 20_000, 1000, 1, 5),
    ):
        names = [f"{name} vs eventsourcing", f"{name} vs raw insert"]
        if not any(map(wanted, names)):
            continue
        place = folder / name.replace("/", "-")
        place.mkdir()
        raw, ours, library = RawInsert(place), our_recorder(place), library_recorder(place)
        count, rounds = count // few, rounds // few + 1

        def insert(raw: RawInsert = raw, count: int = count, batch: int = batch) -> float:
            return _timed(count, lambda: raw.insert(count, batch))

        contestants = {
            "ours": recording(ours, count, batch=batch, writers=writers),
            "eventsourcing": recording(library, count, batch=batch, writers=writers),
            "raw insert": insert,
        }
        rates = alternate(contestants, rounds)
        ours.books.close()
        library.datastore.close()
        for full, reference in zip(names, ("eventsourcing", "raw insert"), strict=True):
            if wanted(full):
                yield compare(full, "events/s", rates["ours"], rates[reference])


def versions() -> dict[str, str]:
    """The two SQLites: the library uses Python's, ours apsw's."""
    return {"SQLite (ours)": apsw.sqlite_lib_version(), "SQLite (eventsourcing)": sqlite3.sqlite_version}
