"""`trial-ledger publish` as a program."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from api.access import Session, viewer_of
from tests.api.cli_runs import process
from tests.api.publishing.published import Place, in_sqlite
from tests.shared_data import ROOT

WHO = ("--actor", "dashboards-1", "--org", "FJD")


def test_it_says_where_the_relations_stand(ledger: Path, places: dict[str, Place]) -> None:
    where = places["sponsor"].where
    first = process("publish", ledger, where, "--for", "sponsor", "--json", *WHO)
    assert first.code == 0, first.err
    said = first.json
    assert said["audience"] == "masked"
    assert said["changed"] is True
    assert "survival_v3" in said["relations"]
    assert places["sponsor"].rows("SELECT DISTINCT seq FROM position") == [(said["seq"],)]
    again = process("publish", ledger, where, "--for", "sponsor", "--json", *WHO)
    assert again.json == {"target": said["target"], "audience": "masked", "changed": False}
    assert "up to date" in process("publish", ledger, where, "--for", "sponsor", *WHO).out


def test_what_it_tells_masked_people_names_nothing_sealed(ledger: Path, tmp_path: Path) -> None:
    told = process("publish", ledger, f"sqlite:{tmp_path}/out", "--for", "monitor", "--json", *WHO).json
    assert not [name for name in told if "sealed" in name]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["TARGET", "--for", "sponsor"], 3, ["sqlite:FOLDER", "postgresql://"]),
        (["sqlite:/nowhere/at/all", "--for", "sponsor"], 3, ["/nowhere", "No such file"]),
        (["postgresql://u:secret@127.0.0.1:1/db", "--for", "sponsor"], 3, ["127.0.0.1/db"]),
        (["sqlite:x", "--for", "sponsor", "--actor", "two words"], 2, ["--actor"]),
    ],
)
def test_bad_input_is_refused_in_one_sentence(ledger: Path, arguments: list[str], code: int, words: list[str]) -> None:
    done = process("publish", ledger, *arguments)
    done.refused_in_one_sentence(*words, code=code)
    assert "secret" not in done.err


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    done = process("publish", tmp_path / "none.db", f"sqlite:{tmp_path}/out", "--for", "sponsor", *WHO)
    assert done.code == 3
    assert not (tmp_path / "out").exists()


def test_it_follows_the_head(ledger: Path, tmp_path: Path) -> None:
    where = f"sqlite:{tmp_path}/out"
    words = ["publish", str(ledger), where, "--for", "sponsor", "--follow", "1", "--json", *WHO]
    running = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        first = _next(running.stdout)
        with pytest.raises(PermissionError):
            Session(ledger, viewer_of("monitor-1", "monitor", "FJD")).show("identities")
        second = _next(running.stdout)
        assert second["seq"] == first["seq"] + 1
        assert in_sqlite(tmp_path / "out", "sponsor").rows("SELECT DISTINCT seq FROM position") == [(second["seq"],)]
    finally:
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Traceback" not in errors


def _next(lines: IO[str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(lines.readline())
    return found
