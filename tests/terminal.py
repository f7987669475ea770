"""A program at a terminal: its own session, what it shows there, and Ctrl-C typed at it."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_CTRL_C: Final = b"\x03"


class Terminal:
    """A program at a terminal, and what it has shown so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process = process
        self.shown = ""
        self._end = end

    def until(self, pattern: re.Pattern[str], seconds: float = 60) -> str:
        """Wait for something to be shown; the first of it."""
        until = time.monotonic() + seconds
        while (found := pattern.search(self.shown)) is None:
            assert time.monotonic() < until, self.shown
            assert self._read(until - time.monotonic()), self.shown
        return found[0]

    def ctrl_c(self, seconds: float = 30) -> int:
        """Press it; with what the program ends."""
        os.write(self._end, _CTRL_C)
        until = time.monotonic() + seconds
        while self._read(until - time.monotonic()):
            assert time.monotonic() < until, self.shown
        return self.process.wait(seconds)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._end], [], [], max(0.0, seconds))
        try:
            data = os.read(self._end, 65536) if ready else b""
        except OSError:  # nobody holds the other end any more
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def at_a_terminal(command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None) -> Iterator[Terminal]:
    """The program, for as long as the block lasts."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=lambda: _controlled(theirs),  # there is no other way to a controlling terminal
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(10)
        os.close(ours)


def _controlled(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
