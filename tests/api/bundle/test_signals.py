"""Ended midway by a signal, nothing half-made is left behind; what a kill left, the next run takes away."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ledger.keys.file import keys_folder
from tests.api.bundle.making import made
from tests.api.cli_runs import environment

_ENDED: Final = """
import os, sys
from importlib import import_module
place, number, *arguments = sys.argv[1:]
module, name = place.rsplit(".", 1)
at = import_module(module)
whole = getattr(at, name)
def ended(*arguments, **named):
    done = whole(*arguments, **named)
    os.kill(os.getpid(), int(number))
    return done
setattr(at, name, ended)
sys.argv[1:] = arguments
from api.cli import main
main()
"""
"""The command line, to which a signal comes right after a function has returned."""

ENDING: Final = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


def run(place: str, number: int, scratch: Path, *arguments: object) -> int:
    """The exit code of a command that is signalled at `place`; 0 as the number sends nothing."""
    scratch.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _ENDED, place, str(number), *map(str, arguments)],
        env=environment(TMPDIR=str(scratch)),
        check=False,
        capture_output=True,
        timeout=100,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode


def lying(folder: Path) -> set[str]:
    beside = ("-wal", "-shm")
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.endswith(beside)}


COMMANDS: Final = {
    "export": ("api.exports.making._manifest", ["export", "csv", "LEDGER", "-o", "OUT", "--for", "statistician"]),
    "bundle": ("api.bundle.writing.write_zip", ["export", "bundle", "LEDGER", "-o", "OUT", "--for", "archive"]),
    "dossier": (
        "api.dossier.bundles.restore",
        ["reconstruct", "BUNDLE", "--at", "20", "-o", "OUT", "--role", "statistician", "--keys", "KEYS"],
    ),
}


@pytest.fixture
def given(mine: Path) -> dict[str, Path]:
    """What stands for the words in COMMANDS; the output has a folder of its own."""
    (out := mine.parent / "out").mkdir()
    return {"LEDGER": mine, "BUNDLE": made(mine, "archive"), "KEYS": keys_folder(mine), "OUT": out / "made"}


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_that_asks_to_end_leaves_nothing_half_made(
    command: str, number: int, given: dict[str, Path], tmp_path: Path
) -> None:
    place, words = COMMANDS[command]
    code = run(place, number, tmp_path / "scratch", *(given.get(word, word) for word in words))
    assert code == 128 + number
    assert lying(given["OUT"].parent) == set()
    assert lying(tmp_path / "scratch") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_kill_left_is_taken_away_by_the_next_run(command: str, given: dict[str, Path], tmp_path: Path) -> None:
    place, words = COMMANDS[command]
    arguments = [given.get(word, word) for word in words]
    assert run(place, signal.SIGKILL, tmp_path / "scratch", *arguments) == -signal.SIGKILL
    assert lying(given["OUT"].parent) | lying(tmp_path / "scratch")
    assert not given["OUT"].exists()
    assert run(place, 0, tmp_path / "scratch", *arguments) == 0
    assert {path.name for path in given["OUT"].parent.iterdir()} == {"made"}
    assert lying(tmp_path / "scratch") == set()
