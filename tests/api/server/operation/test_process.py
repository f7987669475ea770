"""The server as a process: how it starts, how it ends, what slow clients cannot do to it, and what it logs."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from api.bootstrap import open_trial
from ledger.domain.events.access import AccessRefused
from ledger.proof.entry import Actor
from projections.runner import views_folder
from tests.api.server.operation.running import Running, environment, serving
from tests.api.server.operation.slow_routes import ADDED
from tests.tampering.ledgers import behind_its_back

IMPATIENT = f"{ADDED}; import api.server.operation.connections as c; c.serve.__kwdefaults__['request_seconds'] = 1.5"


def _cli(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(**variables))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_end_and_no_new_connection_is_taken(
    ledger: Path, number: int
) -> None:
    with serving(ledger, extra=ADDED) as server:
        answers: list[tuple[int, bytes]] = []

        def ask() -> None:
            status, _, body = server.get("/slow/2")
            answers.append((status, body))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        server.process.send_signal(number)
        time.sleep(0.7)
        with pytest.raises(OSError, match="refused"):
            server.connect()
        asking.join(20)
        assert answers == [(200, b'{"slept":2.0}')]
        assert server.process.wait(10) == 0


def test_the_tail_of_the_record_is_ended_whole_too(ledger: Path) -> None:
    with serving(ledger) as server:
        head = f"GET /v1/trials/{server.trial}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sponsor-1\r\n\r\n"
        client = server.connect(head.encode())
        assert b"text/event-stream" in client.recv(4096)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        rest = b""
        while piece := client.recv(65536):
            rest += piece
        assert rest.endswith(b"0\r\n\r\n")
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3
        client.close()
        assert [line for line in server.lines() if line["level"] == "error"] == []


def test_being_told_twice_to_end_cuts_off_nobody(ledger: Path) -> None:
    with serving(ledger, extra=ADDED) as server:
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(server.get("/slow/2")[0]))
        asking.start()
        time.sleep(0.5)
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            server.process.send_signal(number)
            time.sleep(0.2)
        asking.join(20)
        assert answers == [200]
        assert server.process.wait(10) == 0


def test_a_stream_is_ended_at_once_and_whole(ledger: Path) -> None:
    with serving(ledger, extra=ADDED) as server:
        client = server.connect(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"text/event-stream" in client.recv(4096)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        rest = b""
        while piece := client.recv(65536):
            rest += piece
        assert rest.endswith(b"0\r\n\r\n")  # the last chunk: the client knows that nothing was lost on the way
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3
        client.close()


def test_what_does_not_end_in_time_is_left_behind(ledger: Path) -> None:
    extra = f"{ADDED}; import api.server.operation.connections as c; c._LONGER = 1.0"
    with serving(ledger, extra=extra, TRIAL_LEDGER_STOP_SECONDS="1") as server:
        client = server.connect(b"GET /slow/60 HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 6
        client.close()


def test_a_port_that_is_taken_is_named(ledger: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _cli(str(ledger), "--development", "--port", str(port))
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "trials"),
        (("LEDGER",), "issuer"),
        (("LEDGER", "--development", "--host", "0.0.0.0"), "--host"),
        (("LEDGER", "--settings", "no-such.toml"), "no-such.toml"),
        (("no-such.db", "--development"), "no-such.db"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(ledger: Path, arguments: tuple[str, ...], said: str) -> None:
    done = _cli(*(str(ledger) if one == "LEDGER" else one for one in arguments), "--port", "0")
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_development_is_refused_in_production_by_the_environment_too(ledger: Path) -> None:
    done = _cli(str(ledger), "--development", TRIAL_LEDGER_PRODUCTION="1")
    assert done.returncode == 3
    assert "production" in done.stderr


def test_a_ledger_and_development_are_enough_on_this_machine_and_for_its_own_name(ledger: Path) -> None:
    command = [sys.executable, "-m", "api.cli", "serve", str(ledger), "--development", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        server = Running(process, int(said["url"].rpartition(":")[2]), ledger, ledger.stem)
        try:
            assert said["trials"] == ["trial"]
            assert server.get("/healthz")[0] == 200
            assert server.get("/v1/trials")[0] == 401
            assert server.get("/sign-in")[0] == 303
            for host in ("evil.example", "127.0.0.1.evil.example", "", "a b"):
                assert server.get("/sign-in", None, host=host)[0] in {400, 421}
            assert server.get("/sign-in", None, host="[::1]:8000")[0] == 303
        finally:
            assert server.stop() == 0


def test_who_dawdles_is_cut_off_and_others_are_not_kept_waiting(ledger: Path) -> None:
    with serving(ledger, extra=IMPATIENT, TRIAL_LEDGER_RATES__ADDRESS_BURST="100000") as server:
        server.until_ready()
        slow: list[socket.socket] = []
        for number in range(500):
            head = (
                b"GET /healthz HTTP/1.1\r\n" if number % 2 else b"POST /takes/x HTTP/1.1\r\ncontent-length: 9\r\n\r\n"
            )
            slow.append(server.connect(head))
        began = time.monotonic()
        for _ in range(50):
            assert server.get("/healthz")[0] == 200
        assert server.get("/v1/trials", "investigator-1")[0] == 200
        assert time.monotonic() - began < 5
        for client in slow:
            client.settimeout(10)
            while client.recv(4096):
                pass  # the second half is told 401 first
            client.close()


def test_who_does_not_take_the_answer_is_cut_off(ledger: Path) -> None:
    with serving(ledger, extra=IMPATIENT) as server:
        client = server.connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(4)
        got = 0
        with suppress(ConnectionError):
            while piece := client.recv(1 << 20):
                got += len(piece)
        assert got < 1600 * 65536
        client.close()


def test_the_log_holds_nothing_that_a_request_held(ledger: Path) -> None:
    planted = "PLANTED-5f2c"
    with serving(ledger, extra=ADDED) as server:
        server.get(f"/v1/trials/{planted}?q={planted}", "investigator-1", cookie=planted, referer=planted)
        server.get("/v1/trials", planted)
        server.get(f"/fails/{planted}", "investigator-1", **{"x-request-id": f"{planted} {planted}"})
        server.ask("POST", f"/takes/{planted}", "monitor-1", planted.encode(), {"content-type": planted})
        server.ask(planted, "/healthz", None, None, {})
        kept = server.get("/v1/trials", "investigator-1", **{"x-request-id": "from-a-proxy.1"})
        with server.connect(f"GET /\0{planted} HTTP/1.1\r\n{planted}\r\n\r\n".encode()) as client:
            client.recv(4096)
        assert server.stop() == 0
        lines = server.lines()
        text = server.log.read_text()
    assert planted not in text
    assert "investigator-1" not in text
    assert "monitor-1" not in text
    asked = [line for line in lines if line["logger"] == "trial_ledger.request"]
    assert [(one["route"], one["status"]) for one in asked] == [
        ("/v1/trials/{trial}", 404),
        ("/v1/trials", 401),
        ("/fails/{what}", 500),
        ("/takes/{what}", 200),
        ("/healthz", 405),
        ("/v1/trials", 200),
    ]
    persons = [one.get("person") for one in asked]
    assert persons[0] == persons[2] == persons[5] is not None
    assert persons[1] is persons[4] is None
    assert persons[3] not in {None, persons[0]}
    assert kept[1]["x-request-id"] == asked[5]["request"] == "from-a-proxy.1"
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    (failed,) = [line["error"] for line in lines if "error" in line]
    assert [one["type"] for one in failed] == ["builtins.RuntimeError", "builtins.ValueError"]
    assert any("slow_routes.py" in place for place in failed[0]["at"])


def test_a_disk_that_takes_no_more_makes_the_server_not_ready_and_a_health_probe_still_live(ledger: Path) -> None:
    # No file of this process may be longer than the ledger is: what a full disk is for everything that writes.
    least = sum(file.stat().st_size for file in ledger.parent.rglob("*") if file.is_file())
    full = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {least}))"
    with serving(ledger, extra=full, TRIAL_LEDGER_VERIFY_MINUTES="0") as server:
        status, headers, body = server.get("/readyz")
        said = json.loads(body)
        assert status == 503
        assert headers["content-type"] == "application/problem+json"
        assert said["type"] == "/problems/not-ready"
        assert "disk" in [one["reason"] for one in said["reasons"]]
        assert str(ledger.parent) not in body.decode()
        assert server.trial not in body.decode()
        assert server.get("/healthz")[0] == 200
        assert server.stop() == 0


def test_a_server_of_a_whole_trial_is_ready(ledger: Path) -> None:
    """The control of what makes one not ready."""
    with serving(ledger) as server:
        server.until_ready()
        _verified(server)
        assert server.get("/readyz")[0] == 200


def test_a_chain_that_is_broken_makes_the_server_not_ready(ledger: Path) -> None:
    flip(ledger)
    shorter = "import api.server.operation.health as h; h.Health.__init__.__kwdefaults__['kept_seconds'] = 0.2"
    with serving(ledger, extra=shorter) as server:
        _verified(server)
        time.sleep(0.5)  # what was found is kept for less
        status, _, body = server.get("/readyz")
        assert status == 503
        assert [one["reason"] for one in json.loads(body)["reasons"]] == ["verification"]
        assert "entry" not in body.decode()
        assert 'trial_ledger_verified_holds{trial="trial"} 0.0' in server.get("/metrics")[2].decode()


def test_views_come_to_the_head_by_themselves_after_what_another_process_recorded(ledger: Path) -> None:
    def metric(name: str) -> float:
        text = server.get("/metrics")[2].decode()
        return float(text.partition(f'{name}{{trial="trial"}} ')[2].partition("\n")[0])

    with serving(ledger) as server:
        before = metric("trial_ledger_open_entries")
        with closing(open_trial(ledger)) as trial:
            trial.record_access(AccessRefused, Actor("auditor-1", "FJD", "auditor"), wanted="arm", what="a view")
        kept = views_folder(ledger) / "open.db"
        until = time.monotonic() + 30
        while _folded(kept) <= before:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert metric("trial_ledger_open_entries") > before
        while metric("trial_ledger_views_lag_entries") != 0:
            assert time.monotonic() < until
            time.sleep(0.2)


def _folded(views: Path) -> int:
    """Up to how many open entries every kept view is folded; 0 before there are any."""
    if not views.exists():
        return 0
    connection = apsw.Connection(str(views), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute("SELECT coalesce(min(open_size), 0) FROM position").get)
    except apsw.Error:
        return 0
    finally:
        connection.close()


def flip(ledger: Path) -> None:
    """Alter one digit of a hash in the open book, behind the ledger's back: every entry can be read all the same."""
    with behind_its_back(ledger) as connection:
        ((entry,),) = connection.execute("SELECT entry FROM open_entry WHERE seq = 7").fetchall()
        place = entry.index(b'"prev":"') + len(b'"prev":"')
        digit = b"0" if entry[place : place + 1] != b"0" else b"1"
        altered = entry[:place] + digit + entry[place + 1 :]
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = 7", (altered,))


def _verified(server: Running, seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while b"trial_ledger_verified_position{" not in server.get("/metrics")[2]:
        assert time.monotonic() < until
        time.sleep(0.3)
