"""What a crash may take: nothing that was acknowledged, and of the rest never a part."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from ledger.recording.drafts import Recorded
from tests.crash import cuts
from tests.crash.disk import Disk, Operation
from tests.crash.writer import Answer, from_line, plan, planned, to_line
from tests.shared_data import ROOT

KILLS = int(os.environ.get("TRIAL_LEDGER_KILLS", "40"))
CUTS = int(os.environ.get("TRIAL_LEDGER_CUTS", "150"))


def test_a_killed_writer_loses_nothing_that_it_acknowledged() -> None:
    # In a process of its own: forking one with threads, as test runners are, is not safe.
    run = subprocess.run(
        [sys.executable, "-m", "tests.crash.soak", "--kills", str(KILLS), "--seed", "1", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    met = json.loads(run.stdout)["kills"]
    assert met["kills"] == KILLS
    assert met["acknowledged"] > KILLS, "most writers got to write before they were killed"
    assert met["unacknowledged"] > 0, "some were killed between the commit and the acknowledgement"


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    met = cuts.series(tmp_path, CUTS, seed=1)
    assert met.lost == 0, met.first
    assert met.checkpoints > 0, "checkpoints were cut through too"
    assert met.acknowledged > CUTS


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_less_durable_setting_is_seen_to_lose_on_the_same_disk(tmp_path: Path, synchronous: str) -> None:
    met = cuts.series(tmp_path, 50, seed=1, synchronous=synchronous)
    assert met.lost > 5, "the simulation cannot find loss"


def test_the_disk_keeps_what_was_synced_and_may_lose_what_was_not() -> None:
    disk = Disk({"a": b"old!"})
    for operation in (Operation("write", "a", 0, b"new"), Operation("sync", "a"), Operation("write", "a", 3, b"??")):
        disk.play(operation)
    left = {disk.cut(Random(seed))["a"] for seed in range(60)}
    assert left == {b"new!", b"new??"}


def test_the_disk_tears_writes_between_sectors_only() -> None:
    disk = Disk({"a": b"o" * 1024})
    disk.play(Operation("write", "a", 0, b"n" * 1024))
    left = {disk.cut(Random(seed))["a"] for seed in range(400)}
    assert left == {b"o" * 1024, b"n" * 1024, b"n" * 512 + b"o" * 512, b"o" * 512 + b"n" * 512}


def test_an_unsynced_deletion_is_undone_without_what_came_after_it() -> None:
    disk = Disk({"a": b"first"})
    disk.play(Operation("delete", "a"))
    disk.play(Operation("write", "a", 0, b"2"))
    left = {disk.cut(Random(seed)).get("a") for seed in range(60)}
    assert left == {b"first", None, b"2"}


def test_both_sides_of_the_pipe_know_the_same_commands() -> None:
    todo = plan("run-1", 3, 14)
    assert planned(todo.id) == todo
    answer = Answer(todo, Recorded(7, todo.open, 0, todo.sealed, "2020-05-06T12:00:00.000000Z"))
    assert from_line(to_line(answer)) == answer
