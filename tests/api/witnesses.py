"""Witnesses for tests: one in memory with its log, and real ones as processes."""

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.witness.core import Response, Witness
from api.witness.keys import cosigners
from api.witness.request import encode
from api.witness.store import Recorded, StoreError
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.note import COSIGNATURE, ML_DSA_44, Note, VerifierKey
from tests.api.cli_runs import command, environment
from tests.shared_data import ROOT
from tests.witness_soak.log import NOW, Log, leaves, seed

NAME = "witness.example/w1"
LOG = Log.named()
OTHER = Log.named("log.example/other")
HISTORY = leaves(40)
SIGNERS = cosigners(NAME, {COSIGNATURE: seed("w1"), ML_DSA_44: seed("w1 pq")})
KEYS = tuple(one.key for one in SIGNERS)

IMPATIENT = "import sys, api.witness.serving as s; s.REQUEST_SECONDS = 1.0; from api.cli import main; main()"
"""The program with a second of patience for a request, so that a test need not wait for twenty."""


@dataclass
class Server:
    """A witness that runs."""

    process: subprocess.Popen[bytes]
    said: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.said["url"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def keys(self) -> list[VerifierKey]:
        return [VerifierKey.parse(line) for line in self.said["keys"]]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; its exit code, and what it said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said.decode()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers, encode_chunked="Transfer-Encoding" in headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def raw(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """What comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    break
                time.sleep(pause)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except ConnectionResetError:
                pass
            return received


@contextmanager
def serving(folder: Path, logs: Path, name: str | None = None, *, program: str = "") -> Iterator[Server]:
    """A witness as a process, on a free port."""
    line = command("witness", "serve", folder, "--logs", logs, "--port", 0, "--json")
    if program:
        line[1:3] = ["-c", program]
    started = subprocess.Popen(
        [*line, *(["--name", name] if name else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment(),
    )
    try:
        assert started.stdout is not None
        said = started.stdout.readline()
        assert said, started.communicate()[1].decode()
        yield Server(started, json.loads(said))
    finally:
        started.kill()
        started.communicate()


class Memory:
    """A store without a disk, which can be told to fail."""

    def __init__(self) -> None:
        self.records: dict[str, Recorded] = {}
        self.fails = False

    def get(self, origin: str) -> Recorded | None:
        return self.records.get(origin)

    def put(self, record: Recorded) -> None:
        if self.fails:
            raise StoreError("the state cannot be written: no space left on device")
        self.records[record.checkpoint.origin] = record


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class InMemory:
    """A witness in memory for LOG, and short ways to ask it."""

    def __init__(self, *logs: Log) -> None:
        self.store, self.clock = Memory(), Clock()
        trusted = {log.origin: log.keys for log in logs or (LOG,)}
        self.witness = Witness(SIGNERS, trusted, self.store, self.clock)

    def add(self, history: list[bytes], old: int, size: int | None = None) -> Response:
        return self.witness.add_checkpoint(LOG.request(history, old, size))

    def offer(self, checkpoint: Checkpoint, old: int, proof: list[bytes] | None = None) -> Response:
        return self.witness.add_checkpoint(encode(old, proof or [], LOG.signed(checkpoint).encode()))


def cosigned(response: Response, checkpoint: Checkpoint) -> None:
    """That a response is 200 with cosignatures of both keys on this checkpoint, and nothing else."""
    assert response.status == 200, response
    note = Note.parse(f"{checkpoint.text()}\n".encode() + response.body)
    assert [(one.name, one.key_id) for one in note.signatures] == [(key.name, key.key_id) for key in KEYS]
    valid = open_checkpoint(note.encode(), KEYS).signatures
    assert {one.key: one.timestamp for one in valid} == dict.fromkeys(KEYS, NOW)
