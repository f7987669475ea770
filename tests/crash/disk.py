"""A disk that loses power: SQLite's own files, with every write, truncation, sync and deletion recorded in order.

What a real disk may keep after a power cut, per file: all that was written before the last completed sync, and of
what came later any part, in any order, torn at sector boundaries. Two rules bound it. Bytes beside a write stay as
they were (the "powersafe overwrite" that SQLite takes for granted). A deletion that was never synced may be undone,
and then nothing of a later file of that name is there. `-shm` is memory, and lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Literal

import apsw

SECTORS: Final = (512, 4096)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that happened, in order; `told` is no operation of the disk: an append was acknowledged then."""

    kind: Literal["write", "truncate", "sync", "delete", "told"]
    file: str = ""
    offset: int = 0
    data: bytes = b""


class RecordingFile(apsw.VFSFile):
    """A file of the unix VFS that tells its log what happens to it. Syncs reach the log, and not the real disk."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], log: list[Operation]) -> None:
        super().__init__("unix", name, flags)
        full = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(full).name if full else ""
        self._log = log

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  (SQLite's names)
        super().xWrite(data, offset)
        self._tell(Operation("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._tell(Operation("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802, ARG002
        self._tell(Operation("sync", self._name))

    def _tell(self, operation: Operation) -> None:
        if self._name:
            self._log.append(operation)


class RecordingVFS(apsw.VFS):
    """The unix VFS, recorded."""

    def __init__(self, name: str, log: list[Operation]) -> None:
        super().__init__(name, "unix")
        self._log = log

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return RecordingFile(name, flags, self._log)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._log.append(Operation("delete", Path(filename).name, int(syncdir)))


@contextmanager
def recorded_disk(log: list[Operation]) -> Iterator[None]:
    """While this is held, every new connection of this process works on a recorded disk."""
    before = apsw.vfs_names()[0]
    name = f"recorded-{id(log)}"
    vfs = RecordingVFS(name, log)
    apsw.set_default_vfs(name)
    try:
        yield
    finally:
        apsw.set_default_vfs(before)
        vfs.unregister()


@dataclass
class _File:
    durable: bytearray | None = None
    pending: list[Operation] = field(default_factory=list)


class Disk:
    """Plays a log forward, and says at any point what a power cut could leave."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = {name: _File(bytearray(data)) for name, data in files.items()}

    def play(self, operation: Operation) -> None:
        """The next operation of the log."""
        if operation.kind == "told":
            return
        file = self._files.setdefault(operation.file, _File())
        if operation.kind != "sync":
            file.pending.append(operation)
        if operation.kind == "sync" or (operation.kind == "delete" and operation.offset):
            for each in file.pending:
                file.durable = _applied(file.durable, each)
            file.pending.clear()

    def cut(self, random: Random) -> dict[str, bytes]:
        """The files as one power cut at this point may leave them."""
        left = {}
        for name, file in self._files.items():
            content = None if file.durable is None else bytearray(file.durable)
            for operation in _surviving(file.pending, random):
                content = _applied(content, operation)
            if content is not None:
                left[name] = bytes(content)
        return left


def _applied(content: bytearray | None, operation: Operation) -> bytearray | None:
    if operation.kind == "delete":
        return None
    content = bytearray() if content is None else content
    if operation.kind == "truncate":
        del content[operation.offset :]
    end = operation.offset + len(operation.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[operation.offset : end] = operation.data
    return content


def _surviving(pending: list[Operation], random: Random) -> list[Operation]:
    """Of unsynced operations, those that reached the disk: none, all, a prefix, or any of their sectors."""
    reached = list(pending)
    for index, operation in enumerate(pending):
        if operation.kind == "delete" and random.random() < 0.5:
            reached = pending[:index]
            break
    manner = random.choice(["none", "all", "prefix", "subset", "sectors", "sectors"])
    if manner == "none":
        return [operation for operation in reached if operation.kind == "delete"]
    if manner == "all":
        return reached
    if manner == "prefix":
        return reached[: random.randint(0, len(reached))]
    pieces = reached
    if manner == "sectors":
        size = random.choice(SECTORS)
        pieces = [piece for operation in reached for piece in _pieces(operation, size)]
    share = random.random()
    return [piece for piece in pieces if piece.kind == "delete" or random.random() < share]


def _pieces(operation: Operation, sector: int) -> Iterator[Operation]:
    """A write, cut at the boundaries of sectors: each of them keeps its old or gets its new bytes."""
    if operation.kind != "write":
        yield operation
        return
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        stop = min(end, (start // sector + 1) * sector)
        yield Operation(
            "write", operation.file, start, operation.data[start - operation.offset : stop - operation.offset]
        )
        start = stop
