"""Writers who record through the door to the primary while the cluster is hurt, and what is found of it afterwards.

1. Each writer has books, a connection and a stream of its own. What was acknowledged is noted when it was.
2. What fails is sent again under the same command id, by new books where the old ones found a fork, until it is
   acknowledged or the writers are stopped: as every client does.
3. Afterwards the copy of each node is read whole, by the verifier and by a reading that shares no code with it: every
   acknowledged command once, none twice, the chain and the tree whole, and the same in all of them.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from eventsourcing.persistence import PersistenceError

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, read_link
from ledger.recording.mapper import upkeep
from ledger.recording.postgres.books import PostgresBooks
from ledger.recording.postgres.connecting import Address, close_pools
from ledger.recording.postgres.migrating import migrate
from ledger.recording.postgres.standing import ForkError
from ledger.recording.stores import InDatabase
from ledger.verifying.fast import verify_fast
from tests.cluster.cluster import Cluster, Node
from tests.cluster.processes import until
from tests.crash.whole import Watch
from tests.recording.ledgers import KEYS, ORIGIN, append

WRITERS: Final = 8
_PAUSE: Final = 0.005
"""Between two appends of a writer: what watches over the cluster has the same two processors."""


@dataclass
class Told:
    """What the writers were told, and when."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    repeated: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    forks: int = 0

    def since(self, moment: float) -> int:
        """How many were acknowledged after a moment of the monotonic clock."""
        return sum(at > moment for at in list(self.acknowledged.values()))

    def longest_wait(self) -> float:
        """The longest time in which nobody was acknowledged anything (seconds)."""
        times = sorted(self.acknowledged.values())
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the books in the end."""

    recorded: int
    lost: int
    twice: int
    whole: int
    """On how many nodes the chain is whole, and the same."""


def new_trial(cluster: Cluster, folder: Path, name: str) -> Path:
    """A trial of its own in the cluster; the link to it, through the door to the primary."""
    if not cluster.run("SELECT 1 FROM pg_database WHERE datname = 'trials'"):
        cluster.run("CREATE DATABASE trials TEMPLATE template0 ENCODING 'UTF8'")
        migrate(Address.parse(cluster.url("trials")))
        cluster.run(f"CREATE ROLE recorder LOGIN PASSWORD '{cluster.password}' IN ROLE trials_pharmacy_writer")
    path = folder / name
    InDatabase(cluster.url("trials", "recorder"), name).create(path, ORIGIN)
    return path


def straight_to(cluster: Cluster, node: Node, path: Path) -> Path:
    """A link to the same trial that leads to one node, past the doors."""
    link = read_link(path)
    assert link is not None
    other = path.with_name(f"{path.name}-{node.name}")
    other.write_bytes(Link(cluster.url("trials", "recorder", node.port), link.trial, link.origin).encode())
    return other


@contextmanager
def writing(path: Path, *, straight: Path | None = None, settle_seconds: float = 90.0) -> Iterator[Told]:
    """Eight writers, from here to the end; the last of them by the link `straight`, where one is given."""
    told, stop = Told(), threading.Event()
    paths = [path] * (WRITERS - 1) + [straight or path]
    threads = [
        threading.Thread(target=_write, args=(lane, place, told, stop, settle_seconds), name=f"writer {lane}")
        for lane, place in enumerate(paths)
    ]
    for thread in threads:
        thread.start()
    try:
        until("all writers to write", lambda: len(told.acknowledged) > WRITERS * 10 or stop.is_set())
        yield told
    finally:
        stop.set()
        for thread in threads:
            thread.join(settle_seconds + 60)
            assert not thread.is_alive(), f"{thread.name} hangs"
        close_pools()


def _write(lane: int, path: Path, told: Told, stop: threading.Event, settle_seconds: float) -> None:
    books: PostgresBooks | None = None
    number = 0
    while not stop.is_set():
        command = f"{lane}.{number}"
        try:
            if books is None:
                books = PostgresBooks(path, keys=KEYS, settle_seconds=settle_seconds)
                if lane % 2:  # half of them record anchors: several statements and a COMMIT
                    books.upkeep = upkeep(books.origin, 50, books.randomness.open, KEYS)
            sealed = ["arm"] if number % 4 == 0 else []
            done = books.append(append(books, command, [(f"lane/{lane}", number + 1)], sealed))
        except (PersistenceError, LedgerFileError) as error:
            told.errors[type(error).__name__] += 1
            if isinstance(error, ForkError):
                told.forks += 1
                break  # as it says: nothing is recorded any more
            if books is not None:
                with contextlib.suppress(Exception):
                    books.close()
                books = None
            stop.wait(0.3)
            continue
        told.acknowledged[command] = time.monotonic()
        told.repeated += done.repeated
        number += 1
        stop.wait(_PAUSE)
    if books is not None:
        with contextlib.suppress(Exception):
            books.close()


def found(cluster: Cluster, path: Path, told: Told) -> Found:
    """Read the copy of each node, once it has all that the primary has."""
    primary = cluster.settled(120)
    ((end,),) = cluster.run("SELECT pg_current_wal_flush_lsn()", port=primary.port)
    reached = f"SELECT pg_last_wal_replay_lsn() >= '{end}'"
    for node in cluster.nodes:
        if node is not primary:
            until(f"{node.name} to catch up", lambda node=node: cluster.run(reached, port=node.port)[0][0])  # type: ignore[misc]
    counts, ends, whole = Counter[str](), set[object](), 0
    for node in cluster.nodes:
        place = straight_to(cluster, node, path)
        report = verify_fast(place, keys=KEYS)
        counts = Watch(place).check().open
        ends.add((report.size, report.root, report.sealed.size, report.sealed.root))
        whole += report.ok
    close_pools()
    return Found(
        recorded=len(counts),
        lost=sum(counts[command] == 0 for command in told.acknowledged),
        twice=sum(count > 1 for count in counts.values()),
        whole=whole if len(ends) == 1 else 0,
    )
