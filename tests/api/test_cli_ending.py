"""How the program ends: usage errors, help, pipes that break, interrupts, and disks without room."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import look
from api.cli.app import app
from tests.api.cli_runs import (
    CTGOV,
    Demo,
    command,
    environment,
    here,
    ndjson,
    process,
    recommendation,
    size_of,
    small_disk,
)

WITH_HELP: tuple[tuple[str, ...], ...] = (
    (),
    ("demo",),
    ("init",),
    ("submit",),
    ("import",),
    ("import", "sdtm"),
    ("import", "ctgov"),
    ("show",),
    ("rebuild",),
    ("verify",),
    ("entry",),
    ("allocation",),
    ("allocation", "commit"),
    ("allocation", "bind"),
    ("allocation", "assign"),
    ("allocation", "open"),
    ("allocation", "check"),
    ("unblind",),
    ("unblinding",),
    ("unblinding", "request"),
    ("unblinding", "approve"),
    ("erase",),
    ("rotate",),
    ("disclose",),
    ("outbox",),
    ("export",),
    ("export", "envelopes"),
    ("export", "odm"),
    ("reconstruct",),
    ("diff",),
    ("import", "odm-audit"),
    ("import", "usdm"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "nonsense",
        "import",
        "import nonsense x",
        "demo --nonsense",
        "demo extra",
        "demo --subjects 0",
        "demo --subjects 101",
        "demo --subjects x",
        "demo --seed x",
        "init",
        "init a.db b.db",
        "submit",
        "submit -",
        "show",
        "show audit",
        "show nonsense a.db",
        "show audit a.db --role king",
        "show audit a.db --json --csv",
        "show audit a.db --as-of",
        "rebuild",
        "verify",
        "verify a.db --policy",
        "entry a.db",
        "entry a.db x",
        "entry a.db -1",
        "import sdtm dir",
        "import ctgov",
        "allocation",
        "allocation commit",
        "allocation commit a.db --block-sizes two",
        "allocation commit a.db --method COIN",
        "allocation bind a.db",
        "allocation assign a.db",
        "allocation assign a.db S-1 --role king",
        "unblind",
        "unblind a.db S-1",
        "unblind a.db --reason x",
        "unblinding request a.db --person p --reason x",
        "unblinding approve a.db",
        "erase a.db S-1",
        "rotate a.db --only none",
        "disclose a.db",
        "disclose a.db -o b --class plain",
        "export envelopes a.db",
        "outbox",
    ],
)
def test_wrong_usage_ends_with_2_and_touches_nothing(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = here(*arguments.split())
    assert done.code == 2
    assert re.search("^(Usage|Error): ", done.err + done.out, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_as_a_process_ends_with_2_and_no_traceback() -> None:
    done = process("show", "nonsense", "a.db")
    assert (done.code, done.stdout) == (2, b"")
    assert "Traceback" not in done.err
    assert "'audit'" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        "show audit PIPE --role sponsor",
        "verify PIPE",
        "reconstruct PIPE --at 1 -o out --role sponsor",
        "export csv PIPE -o out --for sponsor",
        "diff PIPE PIPE",
        "init --from-bundle PIPE new.db",
        "import odm-audit PIPE new.db",
        "keys PIPE",
    ],
)
def test_a_pipe_where_a_file_is_read_more_than_once_is_refused_and_not_waited_for(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("PIPE")
    done = here(*arguments.split())
    assert done.code in {2, 3}
    assert "regular file" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["PIPE"]


@pytest.mark.parametrize("words", WITH_HELP, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    done = here(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage:" in done.out


def test_help_comes_without_importing_what_the_commands_need() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from api.cli.app import app\n"
        f"for words in {WITH_HELP!r}:\n"
        "    assert CliRunner().invoke(app, [*words, '--help']).exit_code == 0\n"
        "    if not words:\n"
        "        assert 'pydantic' not in sys.modules\n"  # typer itself needs it for the options of a command
        "print(' '.join({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"apsw", "scipy", "numpy", "eventsourcing", "cryptography", "projections", "rich"}


def test_a_fault_of_the_program_is_neither_a_verdict_nor_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("api.bootstrap.rebuild_all", broken)
    result = CliRunner().invoke(app, ["rebuild", "a.db"])
    assert result.exit_code == 70
    assert "ZeroDivisionError: a fault" in result.stderr
    assert "this is a fault of trial-ledger itself" in result.stderr
    assert str(look.rebuild.__doc__).startswith("Rebuild the projections of every audience.")


# -- pipes ---------------------------------------------------------------------------------------------------------

WRITERS = {
    "show": "show audit {ledger}",
    "show --json": "show audit {ledger} --json",
    "show --csv": "show audit {ledger} --csv",
    "verify": "verify {ledger}",
    "verify --json": "verify {ledger} --json",
    "entry": "entry {ledger} 0",
    "submit": "submit {commands} {ledger} --json",
    "submit --schema": "submit --schema",
    "import ctgov": "import ctgov {ctgov}",
    "allocation check": "allocation check {ledger}",
    "unblind": "unblind {ledger} S01-001 --reason x",
    "outbox": "outbox {ledger} --json",
}


def arguments_of(writer: str, demo: Demo, tmp_path: Path) -> list[str]:
    commands = tmp_path / "commands.ndjson"
    commands.write_bytes(ndjson(*(recommendation(number) for number in range(3))))
    ledger = demo.copy(tmp_path)
    return [word.format(ledger=ledger, commands=commands, ctgov=CTGOV) for word in WRITERS[writer].split()]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_reader_that_went_away_ends_it_quietly_and_not_with_a_verdict(
    demo: Demo, tmp_path: Path, writer: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = process(*arguments_of(writer, demo, tmp_path), stdout=write)
    finally:
        os.close(write)
    assert (done.code, done.err) == (141, "")
    size_of(tmp_path / "copy.db")


@pytest.mark.parametrize("writer", ["show", "show --json", "verify", "entry", "submit"])
def test_an_output_without_room_is_an_io_error(demo: Demo, tmp_path: Path, writer: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = process(*arguments_of(writer, demo, tmp_path), stdout=full)
    done.refused_in_one_sentence("the output cannot be written: No space left on device")


def test_the_first_line_of_a_long_table_can_be_taken_off_by_head(demo: Demo) -> None:
    run = subprocess.Popen(
        command("show", "audit", demo.ledger), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert run.stdout is not None
    assert run.stderr is not None
    assert run.stdout.readline().startswith(b"Audit trail")
    run.stdout.close()
    assert run.stderr.read() == b""
    run.stderr.close()
    assert run.wait(60) in (0, 141)  # 0: all of it was in the pipe already


# -- interrupts ----------------------------------------------------------------------------------------------------


def test_ctrl_c_during_a_demo_leaves_a_ledger_that_verifies_and_the_next_demo_replaces(tmp_path: Path) -> None:
    run = subprocess.Popen(
        command("demo", "--dir", tmp_path, "--no-serve", "--subjects", "100"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    log = tmp_path / "NCT04348461.db-wal"
    until = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size > 400_000):  # it is well into the story
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert err.splitlines()[-1] == b"error: interrupted; what was recorded before stays recorded"
    assert size_of(tmp_path / "NCT04348461.db") > 10
    done = here("demo", "--dir", tmp_path, "--no-serve", "--subjects", 1)
    assert done.code == 0, done.err


def test_ctrl_c_during_submit_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "trial.db"
    assert here("init", path).code == 0
    run = subprocess.Popen(
        command("submit", "-", path, "--json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert run.stdin is not None
    assert run.stdout is not None
    assert run.stderr is not None
    for number in range(5):  # answered one by one, before the next is even sent
        run.stdin.write(ndjson(recommendation(number)))
        run.stdin.flush()
        assert b'"recorded"' in run.stdout.readline()
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert run.stderr.read() == b"error: interrupted; what was recorded before stays recorded\n"
    for pipe in (run.stdin, run.stdout, run.stderr):
        pipe.close()
    assert size_of(path) == 6


# -- a disk without room -------------------------------------------------------------------------------------------


def test_a_full_disk_ends_cleanly_keeps_what_was_acknowledged_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    commands = tmp_path / "commands.ndjson"
    commands.write_bytes(ndjson(*(recommendation(number) for number in range(80))))
    with small_disk(tmp_path / "disk", "2m") as disk:
        path = disk.path / "trial.db"
        assert here("init", path).code == 0
        filler = disk.path / "filler"
        filler.write_bytes(bytes(1_300_000))
        done = process("submit", commands, path, "--json")
        assert done.code == 3
        recorded = [answer["id"] for answer in done.lines]
        assert 0 < len(recorded) < 80
        assert len(done.err.splitlines()) == 1, done.err
        assert done.err.startswith(f"error: {commands}, line {len(recorded) + 1}: {path}: the disk is full")
        assert re.search(rf"{len(recorded)} recorded, 0 refused before it\. Send the same commands again", done.err)
        assert here("verify", path).code == 0
        assert size_of(path) == len(recorded) + 1

        again = process("submit", commands, path, "--json")
        assert again.code == 3
        assert "Traceback" not in again.err

        filler.unlink()
        done = process("submit", commands, path, "--json")
        assert done.code == 0, done.err
        assert [answer["id"] for answer in done.lines if answer["status"] == "repeated"][: len(recorded)] == recorded
        assert len(done.lines) == 80
        assert size_of(path) >= 81
