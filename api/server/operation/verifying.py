"""Verification in the background: the whole record read again now and then, and what came of it last.

1. A run is a process of its own (`verification.py`), of the lowest priority: it takes no time from whoever records or
   looks, holds no lock on the file, and what it needs of memory goes with it. One runs at a time.
2. Runs begin at fixed times. When one began is told, never how long it took; and what came of it appears only at the
   next whole `SLOT` seconds after its begin: how long it takes tells how long the sealed book is.
3. Masked people are told whether everything holds, and what was found in the open book and in the file: code, position
   and what the code means, for the sentence of a finding may speak of the sealed book. Of what was found elsewhere they
   learn that something was.
4. A run that failed (the file can't be read, the process was killed) is no verdict: the last one stays, and grows old.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.findings import CODES
from ledger.recording.live import utc_now

SLOT: Final = 5.0
"""Seconds."""
MOST_FINDINGS: Final = 50
"""Of each book, and of the file."""
_ELSEWHERE: Final = {
    "code": "elsewhere",
    "book": None,
    "seq": None,
    "stream": None,
    "message": "something outside of the open book does not hold",
}
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification of a trial said. `position`: the last open entry (None: there is none); `at`: when it began.

    `ok`: all of it holds, both books and the evidence. `level` and `external`: how far somebody outside vouches for the
    open book, and up to which size (`ledger/proof/assurance.py`). `witnessed_by`: the witnesses that cosigned, and the
    authorities that time-stamped, as the policy and the certificates name them.
    """

    position: int | None
    at: str
    ok: bool
    root: str
    head: str
    level: str
    """`consistent`, `signed`, `time-stamped`, `witnessed k of n`."""
    external: int
    witnessed_by: tuple[str, ...]
    findings: tuple[Mapping[str, Any], ...]
    """As in `verify --json`: `code`, `book`, `seq`, `stream`, `message`."""

    def seen(self, *, arms: bool) -> "Verified":
        """The same as somebody may see it who has `arms` in sight, or has not (rule 3)."""
        if arms:
            return self
        told = [one for one in self.findings if one["book"] != Book.SEALED.value]
        shown = [{**one, "stream": None, "message": CODES[one["code"]]} for one in told]
        if len(told) < len(self.findings):
            shown.append(_ELSEWHERE)
        return replace(self, findings=tuple(shown))


class Verifications:
    """The newest verification of each trial, and the thread that makes them. `close` ends both."""

    def __init__(
        self,
        trials: Mapping[str, Path],
        *,
        every: float = 0.0,
        policy: Path | None = None,
        authorities: Sequence[Path] = (),
        clock: Callable[[], datetime] = utc_now,
        slot: float = SLOT,
    ) -> None:
        """`trials`: where each lies, looked at anew for each run.

        `every`: seconds between two runs of a trial; 0: only those that somebody asks for.
        """
        self._paths = trials
        self._every = every
        self._trusted = [*([] if policy is None else ["--policy", str(policy)])]
        for path in authorities:
            self._trusted += ["--authority", str(path)]
        self._clock = clock
        self._slot = slot
        self._newest: dict[str, Verified] = {}
        self._failed: dict[str, str] = {}
        self._asked: list[str] = []
        self._running: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def newest(self, trial: str) -> Verified | None:
        """What the last verification of the trial said; None where there was none yet."""
        with self._changed:
            return self._newest.get(trial)

    def failed(self, trial: str) -> str | None:
        """Why the last run gave no verdict; None where it gave one. For the log and for whoever has arms in sight."""
        with self._changed:
            return self._failed.get(trial)

    def running(self, trial: str) -> bool:
        """Whether a verification of the trial is under way or waits for its turn."""
        with self._changed:
            return trial == self._running or trial in self._asked

    def begin(self, trial: str) -> None:
        """Have the trial verified next, unless that is under way or waits already. Raises KeyError for no trial."""
        self._paths[trial]
        with self._changed:
            if trial != self._running and trial not in self._asked:
                self._asked.append(trial)
                self._changed.notify_all()

    def wait(self, trial: str, seconds: float) -> Verified | None:
        """The next result of the trial that comes, or None where none comes in time."""
        until = time.monotonic() + seconds
        with self._changed:
            before = self._newest.get(trial)
            while (now := self._newest.get(trial)) is before:
                left = until - time.monotonic()
                if left <= 0 or self._closed:
                    return None
                self._changed.wait(left)
            return now

    def start(self) -> None:
        """Begin, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="verifications", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End what is under way."""
        with self._changed:
            self._closed = True
            if self._process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        due: dict[str, float] = {}
        while True:
            with self._changed:
                trial = None
                while trial is None:
                    if self._closed:
                        return
                    now = time.monotonic()
                    if self._every:
                        due = {name: due.get(name, now) for name in self._paths}
                    if self._asked:
                        trial = self._asked.pop(0)
                    else:
                        trial = next((name for name, at in due.items() if at <= now), None)
                        if trial is None:
                            self._changed.wait(min(due.values()) - now if due else None)
                self._running = trial
            if trial in due:
                due[trial] = time.monotonic() + self._every
            began = time.monotonic()
            found, why = self._verified(trial)
            with self._changed:
                if self._slot and not self._closed:  # rule 2
                    took = time.monotonic() - began
                    self._changed.wait_for(lambda: self._closed, self._slot - took % self._slot)
                if found is not None:
                    self._newest[trial] = found
                    self._failed.pop(trial, None)
                elif not self._closed:
                    self._failed[trial] = why
                    _log.error("verification of %s gave no verdict: %s", trial, why)
                self._running = None
                self._changed.notify_all()
            if found is not None and not found.ok:
                _log.error("verification of %s: it does not hold, %d findings", trial, len(found.findings))

    def _verified(self, trial: str) -> tuple[Verified | None, str]:
        at = recorded(self._clock())
        command = [sys.executable, "-m", "api.server.operation.verification", str(self._paths[trial]), *self._trusted]
        with self._changed:
            if self._closed:
                return None, ""
            try:
                self._process = process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is not for it, and it is ended with the processes that it starts
                )
            except OSError as error:
                return None, f"no process can be started ({error.strerror})"
        answer, complaint = process.communicate()
        with self._changed:
            self._process = None
        if process.returncode != 0:
            lines = complaint.decode("utf-8", "replace").splitlines()
            return None, lines[-1][:500] if lines else f"the process ended with {process.returncode}"
        return _verified(json.loads(answer), at), ""


def _verified(said: Mapping[str, Any], at: str) -> Verified:
    return Verified(
        position=said["size"] - 1 if said["size"] else None,
        at=at,
        ok=said["ok"],
        root=said["root"],
        head=said["head"],
        level=said["level"],
        external=said["external"],
        witnessed_by=tuple(said["witnessed_by"]),
        findings=tuple(said["findings"]),
    )


def _environment() -> dict[str, str]:
    """The environment of a run, in which the modules are found where this process found them."""
    root = str(Path(__file__).resolve().parents[3])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
