"""Programs of the cluster: who runs them, what they leave behind, and how they are stopped by their numbers alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from tests.unprivileged import NOBODY

T = TypeVar("T")
_READS: Final = "-all,+dac_read_search"


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def as_nobody(words: Sequence[str | Path]) -> list[str]:
    """A command that runs as somebody without rights, where we are root: PostgreSQL refuses to be.

    He may read whatever there is, since the interpreter itself may lie in a home that is closed to others.
    """
    said = [str(word) for word in words]
    if os.geteuid() != 0:
        return said
    who = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    return ["setpriv", *who, "--inh-caps", _READS, "--ambient-caps", _READS, "--", *said]


def start(words: Sequence[str | Path], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program as nobody; what it says goes to the end of `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            as_nobody(words), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd="/",
            env=environment(log.parent, env),
        )  # fmt: skip


def environment(home: Path, more: dict[str, str]) -> dict[str, str]:
    """All that a program finds in its environment."""
    here = [more.get("PATRONI_POSTGRESQL_BIN_DIR", ""), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    path = os.pathsep.join([*filter(None, here), "/usr/sbin", "/usr/bin"])
    return {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": str(home), **more}


def below(pid: int) -> list[int]:
    """The children of a process, theirs, and so on, as they are now."""
    parents = dict[int, int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, front = list[int](), {pid}
    while front:
        front = {child for child, parent in parents.items() if parent in front}
        found += sorted(front)
    return found


def send(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def command_of(pid: int) -> str:
    """What a process calls itself: PostgreSQL's say what they do."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def until(what: str, ask: Callable[[], T | None], seconds: float = 60.0, pause: float = 0.2) -> T:
    """What `ask` gives as soon as it is true of it. Raises TimeoutError, saying what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
