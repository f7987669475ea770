"""Interruptions: a piece of work that ends at its n-th step, as if the process had been killed there.

A step is a statement of SQLite, an opening, renaming or unlinking of a file, or an fsync. From the n-th on nothing is
carried out any more, so that what cleans up after an exception does not clean up here. A file that was written and not
yet synced is found empty afterwards, as after a power cut.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

_FILES = frozenset({"open", "os.rename", "os.remove", "os.mkdir"})


class Interrupted(BaseException):  # as KeyboardInterrupt: no handler of errors may take it for one
    """The process is dead from here on."""


class Steps:
    """Counts the steps that concern a folder, and ends them at one of them."""

    def __init__(self, folder: Path, stop: int | None) -> None:
        self.folder, self.stop = folder, stop
        self.names: list[str] = []
        self.unsynced: set[Path] = set()

    def step(self, name: str) -> None:
        self.names.append(name)
        if self.stop is not None and len(self.names) > self.stop:
            raise Interrupted(name)

    @property
    def dead(self) -> bool:
        return self.stop is not None and len(self.names) > self.stop


_now: list[Steps] = []


def _audited(event: str, arguments: tuple[object, ...]) -> None:
    if _now and event in _FILES and str(arguments[0]).startswith(f"{_now[0].folder}"):
        path = Path(str(arguments[0]))
        _now[0].step(f"{event} {path.name}")
        if event == "open" and int(str(arguments[2])) & os.O_CREAT:
            _now[0].unsynced.add(path)


sys.addaudithook(_audited)


@contextmanager
def interrupted(folder: Path, stop: int | None = None) -> Iterator[Steps]:
    """Count what is done in a folder, and stop before the step of that number (from 0)."""
    steps = Steps(folder, stop)

    def traced(_: object, statement: str, __: object) -> bool:
        steps.step(statement.split("(")[0])
        return True

    def connected(connection: apsw.Connection) -> None:
        connection.set_exec_trace(traced)

    real = os.fsync

    def fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}")) if os.path.exists("/proc/self/fd") else folder
        steps.step(f"fsync {path.name}")
        real(handle)
        steps.unsynced.discard(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        apsw.connection_hooks.append(connected)
        _now.append(steps)
        try:
            yield steps
        except Interrupted:
            pass
        finally:
            _now.clear()
            apsw.connection_hooks.remove(connected)
    if steps.dead:
        for path in steps.unsynced:
            if path.exists():
                path.write_bytes(b"")


def at_every_step(new: Callable[[], Path], work: Callable[[Path], object]) -> Iterator[tuple[Path, str]]:
    """(folder, step) for each step of `work` on a new folder, interrupted before it."""
    with interrupted(folder := new()) as steps:
        work(folder)
    assert not steps.unsynced, "all that is written is synced"
    for stop in range(len(steps.names)):
        with interrupted(folder := new(), stop) as broken:
            work(folder)
        assert broken.dead
        yield folder, broken.names[stop]
