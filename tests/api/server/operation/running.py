"""A server as a process of its own, where everybody's bearer token is the own pseudonym; and clients that are raw."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
from functools import partial
import api.server.composing as composing
from ledger.domain.vocabulary import Role
from tests.api.server.people import People, person
trials = json.loads(sys.argv.pop(1))
known = [person(role, trial=trials[0]) for role in Role]
known += [person(Role.SPONSOR, id=f"listener-{number}", trial=trials[0]) for number in range(20)]
composing.Server = partial(composing.Server, identity=People(known))
sys.argv[0] = "trial-ledger"
EXTRA
from api.cli import main
main()
"""
"""The program itself, but for who is known. `EXTRA`: what a test changes."""


def environment(**more: str) -> dict[str, str]:
    """The environment, without settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIAL_LEDGER_")}
    root = str(Path(__file__).resolve().parents[4])
    return {**kept, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Running:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    trial: str

    def get(self, path: str, who: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what is answered."""
        return self.ask("GET", path, who, None, headers)

    def ask(
        self, method: str, path: str, who: str | None, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        known = {} if who is None else {"authorization": f"Bearer {who}"}
        try:
            connection.request(method, path, body, {**known, **headers})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection on which some bytes were sent."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.sendall(sent)
        return client

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]

    def until_ready(self, seconds: float = 30.0) -> None:
        """Wait until it is."""
        until = time.monotonic() + seconds
        while (said := self.get("/readyz"))[0] != 200:
            assert time.monotonic() < until, said
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Send a signal; with what the process ended."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def serving(ledger: Path, *options: str, extra: str = "", seconds: float = 30.0, **variables: str) -> Iterator[Running]:
    """A server of one ledger, for as long as the block lasts."""
    log = ledger.with_name("server.log")
    trial = ledger.stem
    program = PROGRAM.replace("EXTRA", extra)
    command = [sys.executable, "-c", program, json.dumps([trial]), "serve", str(ledger), "--port", "0", "--json"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, env=environment(**variables)
        )
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else b""
        assert line, log.read_text()
        yield Running(process, int(json.loads(line)["url"].rpartition(":")[2]), log, trial)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(10)
        process.stdout.close()
