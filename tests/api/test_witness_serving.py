"""`witness serve` and `witness keys`: a real witness on loopback, spoken to over HTTP and worse."""

import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from api.witness.store import Recorded
from ledger.proof.checkpoint import open_checkpoint
from tests.api.cli_runs import here, process
from tests.api.witnesses import HISTORY, IMPATIENT, LOG, serving

PATH = f"/{Recorded.hash_of(LOG.origin)}/checkpoint"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    path = tmp_path / "logs"
    path.write_text("".join(f"{key.encode()}\n" for key in LOG.keys))
    return path


def test_a_witness_tells_its_keys_and_ends_well_and_knows_what_it_cosigned(tmp_path: Path, logs: Path) -> None:
    folder = tmp_path / "w"
    with serving(folder, logs, "w.example/w") as server:
        assert server.call("GET", PATH)[0] == 404
        assert server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 7))[0] == 200
        keys, shown = server.said["keys"], server.call("GET", PATH)
        assert open_checkpoint(shown[1], server.keys).keys == set(server.keys)
        code, said = server.stop()
        assert code == 0
        assert "cosigned at 7, after 0" in said
        assert said.endswith("stopped\n")
    assert here("witness", "keys", folder).out.splitlines() == keys
    assert here("witness", "keys", folder, "--json").json == {"name": "w.example/w", "keys": keys}
    with serving(folder, logs) as server:
        assert server.said["keys"] == keys
        assert server.call("GET", PATH) == shown
        assert server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 9)) == (409, b"7\n")
        assert server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 7, 9))[0] == 200
        assert server.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(folder, logs) as server:
        assert server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 9)) == (409, b"9\n")
        assert server.stop(signal.SIGINT)[0] == 0


def test_a_witness_that_cannot_start_says_why(tmp_path: Path, logs: Path) -> None:
    folder = tmp_path / "w"
    serve = ("witness", "serve", folder, "--logs")
    process(*serve, logs).refused_in_one_sentence("--name")
    process(*serve, tmp_path / "missing", "--name", "w.example/w").refused_in_one_sentence("missing")
    process(*serve, logs, "--name", "w example").refused_in_one_sentence("no spaces")
    here("witness", "keys", tmp_path / "nothing").refused_in_one_sentence("missing")
    with serving(folder, logs, "w.example/w") as server:
        process(*serve, logs).refused_in_one_sentence("another witness")
        process(
            "witness", "serve", tmp_path / "v", "--logs", logs, "--name", "v", "--port", server.port
        ).refused_in_one_sentence(f"127.0.0.1:{server.port}", "in use")
        server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 7))
    (folder / "state" / Recorded.hash_of(LOG.origin)).unlink()
    process(*serve, logs).refused_in_one_sentence("is missing, though a checkpoint was cosigned")


def test_nothing_but_the_two_paths_of_the_specification_is_answered(tmp_path: Path, logs: Path) -> None:
    with serving(tmp_path / "w", logs, "w.example/w") as server:
        server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 7))
        for method, path, status in (
            ("GET", "/add-checkpoint", 405), ("PUT", "/add-checkpoint", 405), ("POST", "/add-checkpoint/", 404),
            ("HEAD", PATH, 405), ("POST", PATH, 405), ("GET", PATH + "/", 404), ("GET", PATH.upper(), 404),
            ("GET", "/", 404), ("GET", "/docs", 404), ("POST", "/sign-subtree", 404), ("OPTIONS", "*", 404),
            ("GET", "/../state/index", 404), ("GET", "/%2e%2e%2fstate/checkpoint", 404),
        ):  # fmt: skip
            assert server.call(method, path)[0] == status, (method, path)


def test_no_body_is_read_beyond_its_limit_whatever_its_head_promises(tmp_path: Path, logs: Path) -> None:
    with serving(tmp_path / "w", logs, "w.example/w") as server:
        big = bytes(300_000)
        head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
        assert server.call("POST", "/add-checkpoint", big)[0] == 413
        assert server.call("POST", "/add-checkpoint", iter([big]), **{"Transfer-Encoding": "chunked"})[0] == 413
        for length in (b"262145", b"9" * 19):
            assert server.raw(head + b"Content-Length: " + length + b"\r\n\r\n").startswith(b"HTTP/1.1 413 "), length
        for length in (b"9" * 4000, b"-1", b"+5", b"0x10", b"1, 2", b"five", b""):
            assert server.raw(head + b"Content-Length: " + length + b"\r\n\r\n").startswith(b"HTTP/1.1 400 "), length
        assert server.raw(head + b"X: " + b"x" * 40_000).startswith(b"HTTP/1.1 400 ")
        assert server.raw(b"\x16\x03\x01\x00\xff\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert server.call("POST", "/add-checkpoint", LOG.request(HISTORY, 0, 7))[0] == 200
        code, said = server.stop()
        assert code == 0
        assert "Traceback" not in said
        assert "xxxx" not in said


def test_who_dawdles_is_cut_off_and_others_are_served_meanwhile(tmp_path: Path, logs: Path) -> None:
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
    body = LOG.request(HISTORY, 0, 7)
    with serving(tmp_path / "w", logs, "w.example/w", program=IMPATIENT) as server:
        dawdlers = {
            "says nothing": (),
            "never ends its head": (head,),
            "drips its head": tuple(bytes([byte]) for byte in head),
            "never sends its body": (head + b"Content-Length: 100\r\n\r\n",),
            "drips its body": (head + b"Content-Length: 100\r\n\r\n", *[b"x"] * 60),
            "drips its chunks": (head + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 60),
            "drips into nowhere": (b"POST /nowhere HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 60),
            "dawdles the second time": (b"GET / HTTP/1.1\r\nHost: w\r\n\r\n", *[b"G"] * 60),
            "dawdles behind a first": (b"GET / HTTP/1.1\r\nHost: w\r\n\r\n" + head + b"Content-Length: 9\r\n\r\n",),
        }
        took: dict[str, float] = {}

        def dawdle(name: str) -> None:
            begun = time.monotonic()
            server.raw(*dawdlers[name], pause=0.1)
            took[name] = time.monotonic() - begun

        threads = [threading.Thread(target=dawdle, args=[name]) for name in dawdlers]
        for thread in threads:
            thread.start()
        assert server.call("POST", "/add-checkpoint", body)[0] == 200
        for thread in threads:
            thread.join()
        assert took.keys() == dawdlers.keys()
        assert max(took.values()) < 5, took
        assert server.call("GET", PATH)[0] == 200


def test_a_request_under_way_is_answered_before_the_witness_stops(tmp_path: Path, logs: Path) -> None:
    body = LOG.request(HISTORY, 0, 7)
    with serving(tmp_path / "w", logs, "w.example/w") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % len(body))
            connection.sendall(body[:100])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            connection.sendall(body[100:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert server.stop()[0] == 0
