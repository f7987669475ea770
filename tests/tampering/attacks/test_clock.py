"""The clock of the ledger is wrong, or was set: into the future, or into the past.

Attacker: whoever can set the clock of the machine. Found by: those who have clocks of their own. An entry that says to
be from after the time stamp or the cosignature that covers it is from a future clock; an entry that names a time stamp
from after its own time is from a past one. A clock that is set back while the ledger runs does not bring recorded time
back. Not found by: the file, its keys, the log's signature, for they have no other clock than that one.
"""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from api.evidence import store
from api.evidence.making import make_checkpoint
from ledger.proof.assess import TOLERANCE
from ledger.proof.entry import parse_open
from ledger.proof.evidence import as_signed
from tests.api.witnesses import Memory
from tests.tampering.attacks.world import (
    FILE,
    KEYS,
    QUORUM,
    SIGNED,
    STAMPED,
    World,
    cosigned,
    meeting,
    new_trial,
    record_token,
)  # fmt: skip
from tests.tampering.ledgers import entries
from tests.trials import START, Trial

LEVELS = (FILE, KEYS, SIGNED, STAMPED, QUORUM)
HOUR = timedelta(hours=1)


def seen(world: World, trial: Trial, at: datetime, *, named: bool = False) -> int:
    """A checkpoint that authority and witnesses see then; its size, which is the seq of the entry that names it."""
    stored = make_checkpoint(trial.path, clock=trial.clock)
    token = world.authority.made(as_signed(stored.note), at=at)
    store.put_token(trial.path, stored.checkpoint, token)
    for number in range(3):
        cosigned(trial.path, stored, number, Memory(), lambda: int(at.timestamp()))
    if named:
        record_token(trial, stored, token, world.authority, f"{at:%Y-%m-%dT%H:%M:%SZ}")
    return stored.checkpoint.size


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return new_trial(tmp_path / "clock")


def test_a_clock_in_the_future_is_found_by_time_stamp_and_by_cosignature(world: World, trial: Trial) -> None:
    trial.clock.at = START + HOUR  # at a true time of START
    meeting(trial, "Continue.")
    size = seen(world, trial, START)
    late = [("time", "open", size - 1)]
    assert world.found(trial.path, levels=LEVELS) == {level: [] for level in LEVELS} | {STAMPED: late, QUORUM: late}


def test_a_clock_in_the_past_is_found_by_the_time_stamp_that_the_ledger_names(world: World, trial: Trial) -> None:
    meeting(trial, "Continue.")  # at a true time of an hour later
    size = seen(world, trial, trial.clock.at + HOUR, named=True)
    found = world.found(trial.path, levels=LEVELS)
    assert found == {level: [] for level in LEVELS} | {STAMPED: [("time", "open", size)]}


def test_clocks_that_differ_by_less_than_is_allowed_for_are_not_found(world: World, trial: Trial) -> None:
    meeting(trial, "Continue.")
    seen(world, trial, trial.clock.at - TOLERANCE, named=True)
    assert world.found(trial.path, levels=LEVELS) == {level: [] for level in LEVELS}


def test_a_clock_set_back_while_the_ledger_runs_brings_no_recorded_time_back(world: World, trial: Trial) -> None:
    meeting(trial, "Continue.")
    trial.clock.at = START - timedelta(days=300)
    meeting(trial, "Stop.", occurred_at="2019-07-10")
    times = [parse_open(entry).at for entry in entries(trial.path, "open")]
    assert times == sorted(times)
    assert world.found(trial.path, levels=[FILE]) == {FILE: []}
