"""Whether the server is ready: whether every trial can be recorded in and looked at, and its record is whole.

1. Not ready is it where, of any trial: `ledger` the file can't be opened; `disk` there is little room beside it, or a
   probe of some bytes can't be written there and kept; `restored` the file is an older copy than the one that was
   signed last; `verification` the last verification found what does not hold; `views` the kept views of masked people
   lie behind for too long, or those of anybody can't be kept.
2. Whoever asks is not known. So the answer names no trial, no file and no position, and is the same for all; what
   exactly it was goes to the log, once each time it begins.
3. How far views lie behind is looked at for masked people alone: the others' follow the sealed book, of which no time
   is to be told. That they cannot be kept at all is no matter of what was recorded.
4. What was found is kept for some seconds: asking often does not wear out the disk. One asks at a time.
5. A trial of a placement is one of many, and fails alone: the server is not ready only where none at all can be opened,
   or where there is no room beside their links. What is wrong with a single one, its page and the metrics tell.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.evidence.making import RestoredBackupError, check_not_restored
from api.server.operation.following import Following
from api.server.operation.verifying import Verifications
from api.server.placement import Database
from api.server.trials import Served
from ledger.keys.file import KeysError
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import StorageError
from projections.base import Audience

REASONS: Final = {
    "ledger": "a ledger cannot be opened",
    "disk": "there is no room, or too little, beside a ledger, or nothing can be written there",
    "restored": "a ledger is an older copy than the one that was signed last; nothing is recorded in it",
    "verification": "the last verification of a ledger found what does not hold",
    "views": "kept views lie behind their ledger",
}
"""Each reason with what it means, in the order in which they are told."""

KEPT_SECONDS: Final = 5.0
_PROBE: Final = 1 << 16
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong with one trial; `what` is for the log."""

    reason: str
    trial: str
    what: str


class Health:
    """Looks after the trials of a server."""

    def __init__(
        self,
        served: Iterable[Served],
        verifications: Verifications,
        following: Following | None,
        *,
        least_free: int,
        most_lag: float,
        now: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] | None = None,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        """`least_free`: bytes; `most_lag`: seconds; `free`: how many bytes are free in a folder."""
        self._served = served
        self._verifications = verifications
        self._following = following
        self._least_free = least_free
        self._most_lag = most_lag
        self._now = now
        self._free = free or free_bytes
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._found: list[Found] = []

    def reasons(self) -> list[str]:
        """Why the server is not ready, as keys of `REASONS`; none, if it is."""
        with self._lock:
            now = self._now()
            if now >= self._until:
                before = {(one.reason, one.trial) for one in self._found}
                self._found = list(self._all())
                for found in self._found:
                    if (found.reason, found.trial) not in before:
                        _log.error("not ready: %s: %s: %s", found.trial, found.reason, found.what)
                self._until = self._now() + self._kept_seconds
            wrong = {found.reason for found in self._found}
        return [reason for reason in REASONS if reason in wrong]

    def _all(self) -> Iterator[Found]:
        placed = []
        for served in self._served:
            if served.place.placed:
                placed.append(served)
            else:
                yield from self._look(served)
        if not placed:
            return
        folders: set[Path] = set()
        faults: dict[Database, str] = {}
        databases = {one.place.database: one for one in placed if one.place.database is not None}
        for database, served in databases.items():
            if (folder := served.path.parent) not in folders and folder.is_dir():
                folders.add(folder)
                yield from (Found(reason, served.name, what) for reason, what in self._disk(served))
            try:
                database.reach()
            except StorageError as error:
                faults[database] = str(error)
        if len(placed) == len(list(self._served)) and len(faults) == len(databases):
            yield Found("ledger", placed[0].name, "; ".join(faults.values()))

    def _look(self, served: Served) -> list[Found]:
        looks = (self._ledger, self._disk, self._restored, self._verification, self._views)
        return [Found(reason, served.name, what) for look in looks for reason, what in look(served)]

    def _ledger(self, served: Served) -> list[tuple[str, str]]:
        try:
            served.place.reach()
            if not served.path.is_file():  # a file that is gone is still open here, and would be read on
                return [("ledger", f"{served.path}: there is no such file")]
            with served.open_book() as reader:
                reader.head()
        except (LedgerFileError, StorageError, OSError) as error:
            return [("ledger", str(error))]
        return []

    def _disk(self, served: Served) -> list[tuple[str, str]]:
        folder = served.path.parent
        try:
            if (left := self._free(folder)) < self._least_free:
                return [("disk", f"{folder}: {left} bytes are free, and {self._least_free} are to be")]
            write_probe(served.path.with_name(f"{served.path.name}.probe"))
        except OSError as error:
            return [("disk", f"{folder}: {error.strerror}")]
        return []

    def _restored(self, served: Served) -> list[tuple[str, str]]:
        try:
            check_not_restored(served.path)
        except RestoredBackupError as error:
            return [("restored", str(error))]
        except (KeysError, LedgerFileError, StorageError, OSError) as error:
            return [("ledger", str(error))]
        return []

    def _verification(self, served: Served) -> list[tuple[str, str]]:
        last = self._verifications.newest(served.name)
        return [] if last is None or last.ok else [("verification", f"{len(last.findings)} findings, at {last.at}")]

    def _views(self, served: Served) -> list[tuple[str, str]]:
        if self._following is None:
            return []
        masked = self._following.lag(served.name, Audience.MASKED)
        if masked.failed or self._following.lag(served.name, Audience.UNMASKED).failed:
            return [("views", "they cannot be kept")]
        if masked.since is not None and masked.since > self._most_lag:
            entries = "an unknown number of" if masked.entries is None else masked.entries
            return [("views", f"{entries} entries behind, for {masked.since:.0f} s")]
        return []


def free_bytes(folder: Path) -> int:
    """How many bytes whoever runs the server can still write in a folder."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def write_probe(path: Path) -> None:
    """Write some bytes that the disk really has to take, and remove them. Raises OSError."""
    with suppress(FileNotFoundError):
        path.unlink()  # of a process that was killed while it probed
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            left = memoryview(os.urandom(_PROBE))  # a file system that compresses has to take them too
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    finally:
        with suppress(OSError):
            path.unlink()
