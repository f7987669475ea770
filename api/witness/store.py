"""What a witness has cosigned last, kept so that it can never be forgotten unnoticed.

    <folder>/lock               held by the one process that uses the folder
    <folder>/state/index        for each log ever cosigned: its hash, the size, the time, its origin
    <folder>/state/<hash>       the cosigned checkpoint, a signed note; the hash is SHA-256 of the origin, in hex

Both end in a line with the SHA-256 of all lines before it.

1. A file is replaced whole (temporary file, fsync, rename, fsync of the folder), first the checkpoint, then the index,
   and only then is anything answered. So the index never says more than what lies beside it.
2. Therefore: a checkpoint that is missing, damaged, or smaller or older than the index says was deleted or put back
   from an older copy. Nothing is ever cosigned from such a state: to start from less than what was cosigned is how a
   witness comes to vouch for two histories.
3. A checkpoint is believed if all the witness's own cosignatures on it verify: no file of somebody else passes.
4. What a process that was killed may have renamed but not synced is synced before it is used.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api import durable
from ledger.keys.folder import sync_folder
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import NoteError, VerifierKey

FOLDER: Final = "state"
INDEX: Final = "index"
LOCK: Final = "lock"
_FIRST: Final = "trial-ledger witness index 1"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_LINE: Final = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) ([1-9][0-9]{0,18}) (.+)")


class StoreError(Exception):
    """The state of a witness is missing, damaged, older than it was, in use, or cannot be written."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A checkpoint that was cosigned."""

    data: bytes
    """The signed note, with the log's signatures and the cosignatures."""
    checkpoint: Checkpoint
    timestamp: int
    """When it was cosigned, POSIX seconds."""

    @staticmethod
    def hash_of(origin: str) -> str:
        """What a log is called in file names and paths: SHA-256 of its origin, in lower-case hex."""
        return hashlib.sha256(origin.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Mark:
    size: int
    timestamp: int
    origin: str


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Hold the folder of a witness for this process alone. Raises StoreError where another has it."""
    with durable.locked(folder / LOCK, wait=False) as handle:
        if handle is None:
            raise StoreError(f"{folder}: another witness is using this folder")
        yield


def prepare(folder: Path) -> None:
    """The empty state of a witness that has no keys yet. Raises StoreError where there is one of another; OSError."""
    state = folder / FOLDER
    if not state.exists():
        state.mkdir(mode=0o700)
        sync_folder(folder)
    if any(_HASH.fullmatch(path.name) for path in state.iterdir()):
        raise StoreError(f"{state}: holds checkpoints, and the keys that cosigned them are missing; {_NEVER}")
    if not (state / INDEX).exists():
        durable.write(state / INDEX, _index({}))


class FolderStore:
    """The state in a folder, which `in_use` must hold. Raises StoreError where it is not whole."""

    def __init__(self, folder: Path, keys: Sequence[VerifierKey]) -> None:
        self._folder = folder / FOLDER
        self._keys = tuple(keys)
        self._records: dict[str, Recorded] = {}
        try:
            for draft in self._folder.glob(".*.new"):
                draft.unlink()
            sync_folder(self._folder)
            self._marks = _marks(self._folder / INDEX)
            names = {path.name for path in self._folder.iterdir() if _HASH.fullmatch(path.name)}
            for name in sorted(names | self._marks.keys()):
                record = self._load(name)
                self._records[record.checkpoint.origin] = record
                self._mark(record)  # after a cut between checkpoint and index
        except OSError as error:
            raise StoreError(f"{error.filename or self._folder}: {error.strerror}; {_NEVER}") from None

    def origins(self) -> tuple[str, ...]:
        """The logs that something was cosigned for."""
        return tuple(sorted(self._records))

    def get(self, origin: str) -> Recorded | None:
        """What was cosigned last for a log."""
        name = Recorded.hash_of(origin)
        if origin not in self._records:
            # Never seen, or a write failed in the middle: then what is on the disk counts, once it is durable.
            try:
                sync_folder(self._folder)
                if name in self._marks or (self._folder / name).exists():
                    record = self._load(name)
                    self._mark(record)
                    self._records[origin] = record
            except OSError as error:
                raise StoreError(f"the state cannot be read: {error.strerror}") from None
        return self._records.get(origin)

    def put(self, record: Recorded) -> None:
        """Keep this in place of what was there, durably."""
        origin = record.checkpoint.origin
        self._records.pop(origin, None)
        try:
            durable.write(self._folder / Recorded.hash_of(origin), _sealed(record.data), replace=True)
            self._mark(record)
        except OSError as error:
            raise StoreError(f"the state cannot be written: {error.strerror}") from None
        self._records[origin] = record

    def _mark(self, record: Recorded) -> None:
        name = Recorded.hash_of(record.checkpoint.origin)
        mark = _Mark(record.checkpoint.size, record.timestamp, record.checkpoint.origin)
        if self._marks.get(name) == mark:
            return
        marks = self._marks | {name: mark}
        durable.write(self._folder / INDEX, _index(marks), replace=True)
        self._marks = marks

    def _load(self, name: str) -> Recorded:
        path, mark = self._folder / name, self._marks.get(name)
        try:
            data = _unsealed(path)
        except FileNotFoundError:
            raise StoreError(f"{path}: is missing, though a checkpoint was cosigned; {_NEVER}") from None
        try:
            opened = open_checkpoint(data, self._keys)
        except NoteError as error:
            raise StoreError(f"{path}: is damaged ({error}); {_NEVER}") from None
        times = {one.key: one.timestamp for one in opened.signatures}
        timestamp = min((time or 0 for time in times.values()), default=0)
        if set(times) != set(self._keys) or len(set(times.values())) != 1 or timestamp == 0:
            raise StoreError(f"{path}: does not have the cosignatures of this witness; {_NEVER}")
        if Recorded.hash_of(opened.checkpoint.origin) != name:
            raise StoreError(f"{path}: holds the checkpoint of another log; {_NEVER}")
        if mark is not None and (opened.checkpoint.size, timestamp) < (mark.size, mark.timestamp):
            raise StoreError(f"{path}: is older than what was cosigned last; {_NEVER}")
        return Recorded(data, opened.checkpoint, timestamp)


_NEVER: Final = "a witness cannot go on from less than it has cosigned, see docs/witness.md"


def _sealed(data: bytes) -> bytes:
    return data + f"sha256 {hashlib.sha256(data).hexdigest()}\n".encode()


def _unsealed(path: Path) -> bytes:
    whole = path.read_bytes()
    data = whole[: -len(_sealed(b""))]
    if whole != _sealed(data):
        raise StoreError(f"{path}: is damaged (its checksum is not that of its lines); {_NEVER}")
    return data


def _index(marks: dict[str, _Mark]) -> bytes:
    lines = [f"{name} {mark.size} {mark.timestamp} {mark.origin}" for name, mark in sorted(marks.items())]
    return _sealed("".join(f"{line}\n" for line in (_FIRST, *lines)).encode())


def _marks(path: Path) -> dict[str, _Mark]:
    try:
        text = _unsealed(path).decode("utf-8", "replace")
    except FileNotFoundError:
        raise StoreError(f"{path}: is missing; {_NEVER}") from None
    first, *lines = text.removesuffix("\n").split("\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    if first != _FIRST or None in matches:
        raise StoreError(f"{path}: is damaged; {_NEVER}")
    return {found[1]: _Mark(int(found[2]), int(found[3]), found[4]) for found in matches if found is not None}
