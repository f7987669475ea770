"""Power cuts under a witness's state: what a disk may hold after one, if only what was synced is certain.

Contents of a file are certain once the file was synced, names once their folder was: until then the disk may have the
old name or the new, and of a file's contents any beginning. `careless` is the control: the same code on a disk whose
folder syncs do nothing, which must be caught.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

_fsync, _replace = os.fsync, os.replace


class PowerCut(BaseException):
    """The power is gone; nothing after it happens."""


@dataclass
class Disk:
    """Watches a folder while code writes into it; the power is cut before operation number `cut`."""

    folder: Path
    cut: int
    careless: bool = False
    done: int = 0
    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    _open: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path in self.folder.iterdir():
            self._take(path)
        self.names = self._now()

    def fsync(self, handle: int) -> None:
        """Sync a file or a folder."""
        self._count()
        told = os.fstat(handle)
        if stat.S_ISDIR(told.st_mode):
            if not self.careless and told.st_ino == self.folder.stat().st_ino:
                self.names = self._now()
            return
        for path in self.folder.iterdir():
            if path.stat().st_ino == told.st_ino:
                self._take(path)

    def replace(self, source: Any, target: Any) -> None:
        """Rename."""
        self._count()
        _replace(source, target)

    @contextmanager
    def used(self) -> Iterator[None]:
        """All that writes goes through this disk."""
        try:
            with patch("os.fsync", self.fsync), patch("os.replace", self.replace):
                yield
        finally:
            for handle in self._open:
                os.close(handle)

    def after(self, random: Random, place: Path) -> None:
        """Lay out in `place` one of the states that a cut now may leave."""
        now = self._now()
        for name in self.names.keys() | now.keys():
            inode = random.choice([self.names.get(name), now.get(name)])
            if inode is None:
                continue
            data = self.contents.get(inode)
            if data is None:
                data = next(p for p in self.folder.iterdir() if p.stat().st_ino == inode).read_bytes()
                data = data[: random.randint(0, len(data))]
            (place / name).write_bytes(data)

    def _count(self) -> None:
        if self.done >= self.cut:
            raise PowerCut
        self.done += 1

    def _now(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.folder.iterdir()}

    def _take(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)  # held open, so that no later file is given the same number
        self._open.append(handle)
        self.contents[os.fstat(handle).st_ino] = path.read_bytes()
