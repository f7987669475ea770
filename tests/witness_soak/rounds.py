"""Rounds of: race forks of one log at a witness, kill it, leave rubbish, restart it, offer the forks again.

Whoever holds a log's key can sign several continuations of one history. All of them are offered at the same moment, by
threads that go on with whatever size the witness names, while the process is killed: at a random moment, or at once
after its first answer. After the restart each is offered again. Every cosignature that was ever handed out is kept,
and held against all others: two that lie on different histories are what must never be.
"""

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from api.witness.keys import load_keys
from api.witness.store import Recorded
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.note import Note, VerifierKey
from ledger.proof.tree import root
from tests.shared_data import ROOT
from tests.witness_soak.log import Log, leaves

START_SECONDS: Final = 60.0
_SLOWEST: Final = 0.012
"""Random kills fall within so many seconds of the requests: about as long as an answer takes."""


@dataclass
class Outcome:
    """What the rounds met."""

    rounds: int = 0
    answers: int = 0
    unanswered: int = 0
    """Requests under way when the process was killed."""
    kept_unanswered: int = 0
    """Rounds after which the witness held a checkpoint that it had told nobody of: killed between disk and answer."""
    problem: str = ""
    """Why the rounds ended early."""


@dataclass
class Cosigned:
    """A cosigned checkpoint with the history that it was made of."""

    history: list[bytes]
    size: int
    timestamp: int


@dataclass
class Rounds:
    """One witness through all rounds."""

    folder: Path
    seed: int
    careless: bool = False
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self._log = Log.named(post_quantum=False)  # its second key would only cost the time of a signature
        self._random = Random(self.seed)
        self._settled: list[bytes] = []
        self._time = 0
        self._dir, self._logs = self.folder / "witness", self.folder / "logs"
        self._logs.write_text("".join(f"{key.encode()}\n" for key in self._log.keys))

    def run(self, rounds: int, *, seconds: float = float("inf")) -> Outcome:
        """So many rounds, or until one of them finds two histories, or until the time is up."""
        process = self._start()
        deadline = time.monotonic() + seconds
        try:
            while self.outcome.rounds < rounds and not self.outcome.problem and time.monotonic() < deadline:
                process = self._round(process)
                self.outcome.rounds += 1
        finally:
            process.kill()
            process.wait()
        return self.outcome

    def _round(self, process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        number, random = self.outcome.rounds, self._random
        forks = [
            self._settled + leaves(random.randint(1, 3), f"round {number} fork {fork}")
            for fork in range(random.randint(2, 3))
        ]
        found = self._race(forks, process)
        told = max((one.size for one in found), default=len(self._settled))
        self._rubbish()
        process = self._start()
        if (held := self._held(forks)) is not None:
            self.outcome.kept_unanswered += held.size > told
            found.append(held)
        for fork in random.sample(forks, len(forks)):
            if (one := self._offer(fork)) is not None:
                found.append(one)
        self._judge(found)
        return process

    def _race(self, forks: Sequence[list[bytes]], process: subprocess.Popen[str]) -> list[Cosigned]:
        found: list[Cosigned] = []
        answered, ready = threading.Event(), threading.Barrier(len(forks) + 1)

        def offer(fork: list[bytes]) -> None:
            ready.wait()
            try:
                if (one := self._offer(fork)) is not None:
                    found.append(one)
                    answered.set()
            except (OSError, http.client.HTTPException):
                self.outcome.unanswered += 1

        threads = [threading.Thread(target=offer, args=[fork]) for fork in forks]
        for thread in threads:
            thread.start()
        after_an_answer = self._random.random() < 0.4
        delay = self._random.uniform(0, _SLOWEST)
        ready.wait()
        if after_an_answer:
            answered.wait(5)
        else:
            time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
        return found

    def _offer(self, fork: list[bytes]) -> Cosigned | None:
        """Offer a history, from whatever size the witness names; what it cosigned, None if it would not."""
        old = len(self._settled)
        for _ in range(3):
            status, body = self._call("POST", "/add-checkpoint", self._log.request(fork, old))
            if status == 200:
                return self._verified(Note.parse(self._log.note(fork).encode() + body).encode(), fork)
            if status != 409 or int(body) > len(fork):
                return None
            old = int(body)
        return None

    def _held(self, forks: Sequence[list[bytes]]) -> Cosigned | None:
        """What the witness shows to monitors."""
        status, body = self._call("GET", f"/{Recorded.hash_of(self._log.origin)}/checkpoint")
        if status == 404:
            return None
        checkpoint = open_checkpoint(body, self._keys()).checkpoint
        for history in (*forks, self._settled):
            if checkpoint.size <= len(history) and root(history[: checkpoint.size]) == checkpoint.root:
                return self._verified(body, history)
        raise AssertionError("the witness shows a checkpoint that nobody offered")

    def _verified(self, note: bytes, history: list[bytes]) -> Cosigned:
        keys = self._keys()
        opened = open_checkpoint(note, keys)
        assert opened.keys == set(keys), "a cosignature is missing"
        self.outcome.answers += 1
        return Cosigned(history, opened.checkpoint.size, opened.signatures[0].timestamp or 0)

    def _judge(self, found: Sequence[Cosigned]) -> None:
        """All that was cosigned in this round must begin the longest of it, and that must go on from all before."""
        longest = max(found, key=lambda one: one.size, default=None)
        if longest is None:
            return
        for one in found:
            if longest.history[: one.size] != one.history[: one.size]:
                self.outcome.problem = f"round {self.outcome.rounds}: two histories of {one.size} leaves are cosigned"
        latest = max(one.timestamp for one in found)
        if latest < self._time:
            self.outcome.problem = f"round {self.outcome.rounds}: the time went back to {latest}"
        if longest.size < len(self._settled):
            self.outcome.problem = f"round {self.outcome.rounds}: what was cosigned is forgotten"
        self._settled, self._time = longest.history[: longest.size], latest

    def _rubbish(self) -> None:
        """What a process or a power cut may leave in the middle of a write: drafts, whole and cut short."""
        state, pid = self._dir / "state", self._random.randint(2, 1 << 22)
        for path in [path for path in state.iterdir() if path.suffix != ".new"]:
            data = path.read_bytes()
            draft = state / f".{path.name}.{pid}.new"
            draft.write_bytes(data[: self._random.randint(0, len(data))])

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.witness_soak.server", str(self._dir), str(self._logs)]
        process = subprocess.Popen(
            [*command, *(["--careless"] if self.careless else [])], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.stdout.close()
        assert line, f"the witness does not start (seed {self.seed}, round {self.outcome.rounds})"
        self._port = int(line)
        return process

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=START_SECONDS)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _keys(self) -> tuple[VerifierKey, ...]:
        return tuple(signer.key for signer in load_keys(self._dir))
