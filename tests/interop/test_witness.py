"""Witnesses (C2SP tlog-witness) across implementations.

Nobody else's witness installs on Debian 12 with its Python 3.11: those of transparency-dev and Sigsum are Go modules,
and aics-witness on PyPI needs Python 3.12. So each side of ours meets what Go makes with golang.org/x/mod/sumdb: our
witness cosigns for a log in Go, and our client asks a witness in Go (`go/making.go`; only HTTP is carried by Python).
"""

import base64
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.note import COSIGNATURE, ML_DSA_44, Note, VerifierKey
from tests.api.cli_runs import command, environment, here
from tests.interop.foreign import Program, identity, unpacked
from tests.interop.story import Story, stored

ORIGIN = "log.invalid/go"
SEED = bytes(range(32))
TIME = 1_600_000_000
ENTRIES = [b"entry %d" % number for number in range(300)]
FORK = [b"another", *ENTRIES[1:]]


def log(go: Program, size: int, before: int, entries: list[bytes] = ENTRIES) -> tuple[bytes, list[bytes], list[str]]:
    """A checkpoint of a log in Go (with its own signature only), a consistency proof, and the vkey of the log."""
    made = go.ask("sign", origin=ORIGIN, seed=SEED, time=TIME, entries=entries[:size], index=0, before=max(1, before))
    note = Note.parse(base64.b64decode(made["note"]))
    own = tuple(one for one in note.signatures if one.name == ORIGIN)
    return Note(note.text, own).encode(), unpacked(made.get("tree")) if before else [], made["vkeys"][:1]


def request(old: int, proof: list[bytes], note: bytes) -> bytes:
    """The body of add-checkpoint, as tlog-witness lays it out."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof), "", ""]
    return "\n".join(lines).encode() + note


def post(url: str, body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/add-checkpoint", body), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def our_witness(folder: Path, vkeys: list[str]) -> Iterator[tuple[str, list[str]]]:
    """`trial-ledger witness serve` as a process: its URL, and its vkeys."""
    (folder / "logs").write_text("".join(f"{vkey}\n" for vkey in vkeys))
    arguments = ("witness", "serve", folder / "witness", "--logs", folder / "logs", "--name", "witness.invalid/ours")
    process = subprocess.Popen(
        command(*arguments, "--port", 0),
        env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "http://" in said, said + process.stderr.read()
        url = said[said.index("http://") :].split(",")[0].strip()
        yield url, here("witness", "keys", folder / "witness").out.splitlines()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_our_witness_cosigns_for_a_log_in_go_and_go_and_noble_verify_it(
    go: Program, npm: Program, tmp_path: Path
) -> None:
    with our_witness(tmp_path, log(go, 1, 0)[2]) as (url, keys):
        assert [VerifierKey.parse(key).type for key in keys] == [COSIGNATURE, ML_DSA_44]
        before = 0
        for size in (3, 9, 9, 257, 300):
            note, proof, vkeys = log(go, size, before)
            status, lines = post(url, request(before, proof, note))
            assert status == 200, lines
            whole = note + lines
            found = go.ask("open", vkeys=[*vkeys, *keys], note=whole)
            assert found["ok"], found
            assert found["signed"] == [identity(vkeys[0]), identity(keys[0])]
            assert npm.accepts("ml-dsa-44 verify", vkey=keys[1], note=whole)
            altered = whole.replace(f"\n{size}\n".encode(), f"\n{size + 1}\n".encode())
            assert not go.accepts("open", vkeys=keys, note=altered)
            assert not npm.accepts("ml-dsa-44 verify", vkey=keys[1], note=altered)
            before = size
        # Another history of the same log, consistent in itself, that this witness has not seen.
        note, proof, _ = log(go, 300, 257, FORK)
        assert post(url, request(300, [], note))[0] == 422
        assert post(url, request(257, proof, note)) == (409, b"300\n")


@contextmanager
def go_witness(go: Program, log_keys: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A witness in Go behind HTTP: its URL, and what it cosigned last."""
    last: dict[str, Any] = {"size": 0, "root": b""}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = go.ask(
                "witness", vkeys=log_keys, entry=body, before=last["size"], root=last["root"],
                origin="witness.invalid/go", seed=SEED, time=TIME,
            )  # fmt: skip
            status = answer["status"]
            said = base64.b64decode(answer.get("note", ""))
            if status == 409:
                said = b"%d\n" % last["size"]
            if status == 200:
                last.update(size=answer["size"], root=base64.b64decode(answer["root"]), vkeys=answer["vkeys"])
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", last
    finally:
        server.shutdown()
        server.server_close()


def test_a_witness_in_go_cosigns_our_ledger_as_our_client_asks(go: Program, story: Story, tmp_path: Path) -> None:
    ledger = story.copy(tmp_path)
    vkey = go.ask("witness key", origin="witness.invalid/go", seed=SEED)["vkeys"][0]
    with go_witness(go, story.vkeys) as (url, last):
        policy = tmp_path / "policy"
        policy.write_text(f"log {story.vkeys[0]}\nwitness go {vkey} {url}\nquorum go\n")
        for size in story.sizes:
            file = tmp_path / f"{size}.checkpoint"
            file.write_bytes(story.checkpoints[size])
            done = here("witness", "add", ledger, "--policy", policy, "--checkpoint", file, "--json")
            assert done.code == 0, done.err
            assert (done.json["size"], done.json["cosigned"], done.json["quorum"]) == (size, 1, True)
            assert last["size"] == size
        kept = stored(ledger, story.checkpoints[story.sizes[-1]])
        opened = open_checkpoint(kept, [VerifierKey.parse(vkey)])
        assert [one.timestamp for one in opened.signatures] == [TIME]
        assert go.accepts("open", vkeys=[*story.vkeys, vkey], note=kept)
        # A witness that saw another history says so, and our client passes it on.
        last["root"] = bytes(32)
        story.grow(ledger, 1)
        assert here("checkpoint", ledger).code == 0
        assert here("witness", "add", ledger, "--policy", policy).code == 1
        assert last["size"] == story.sizes[-1]


@pytest.mark.parametrize("what", ["proof", "signature", "old"])
def test_our_witness_refuses_what_a_log_in_go_did_not_mean(go: Program, tmp_path: Path, what: str) -> None:
    with our_witness(tmp_path, log(go, 1, 0)[2]) as (url, _):
        assert post(url, request(0, [], log(go, 5, 0)[0]))[0] == 200
        note, proof, _ = log(go, 11, 5)
        if what == "proof":
            assert post(url, request(5, [bytes(32), *proof[1:]], note))[0] == 422
        elif what == "signature":
            assert post(url, request(5, proof, note.replace(b"\n11\n", b"\n12\n")))[0] == 403
        else:
            assert post(url, request(4, proof, note)) == (409, b"5\n")
        assert post(url, request(5, proof, note))[0] == 200
