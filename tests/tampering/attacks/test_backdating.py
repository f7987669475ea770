"""Entries are made today and said to be from long ago.

Attacker: an insider with all keys of the ledger, who tells a story in one day with the machine's clock put back, so
that it reads as if it had been recorded over months. Found by: the first time stamp that he has to show, where the
ledger names it (its time is after that of the entry which names it), or else by what the report says of the time from
which on anything is shown to exist. Not found by: the file, its keys, the log's signatures; nor by cosignatures and
time stamps as such, for they only say that a thing existed by then, which is true.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.evidence import store
from api.evidence.making import make_checkpoint
from ledger.proof.evidence import as_signed, evidence_folder, read_evidence
from tests.api.witnesses import Memory
from tests.tampering.attacks.world import (
    FILE,
    KEYS,
    QUORUM,
    SIGNED,
    STAMPED,
    Told,
    World,
    cosigned,
    meeting,
    new_trial,
    record_token,
    tell,
)  # fmt: skip
from tests.tampering.ledgers import entries

TODAY = datetime(2021, 3, 1, 12, 0, tzinfo=UTC)
LEVELS = (FILE, KEYS, SIGNED, STAMPED, QUORUM)


@pytest.fixture
def backdated(world: World, tmp_path: Path) -> Told:
    """Told on TODAY as of 2020, stamped and cosigned on TODAY; witnesses and authority never heard of it before."""
    told, memories = Told(new_trial(tmp_path / "backdated")), (Memory(), Memory(), Memory())

    def evidence(_: object) -> None:
        stored = make_checkpoint(told.path, clock=told.trial.clock)
        for number, memory in enumerate(memories):
            cosigned(told.path, stored, number, memory, lambda: int(TODAY.timestamp()), (told.sizes or [0])[-1])
        token = world.authority.made(as_signed(stored.note), at=TODAY)
        store.put_token(told.path, stored.checkpoint, token)
        told.tokens.append(token)
        told.sizes.append(stored.checkpoint.size)

    tell(told.trial, evidence)
    return told


def test_a_time_stamp_that_the_ledger_names_finds_it(world: World, backdated: Told) -> None:
    newest = read_evidence(evidence_folder(backdated.path)).checkpoints[-1]
    record_token(backdated.trial, newest, backdated.tokens[-1], world.authority, f"{TODAY:%Y-%m-%dT%H:%M:%SZ}")
    meeting(backdated.trial, "Continue.")
    named = next(seq for seq in range(backdated.sizes[-1], 100) if _names_token(backdated.path, seq))
    found = [("time", "open", named)]
    assert world.found(backdated.path, levels=LEVELS) == {level: [] for level in LEVELS} | {STAMPED: found}


def test_a_ledger_that_names_none_is_only_said_to_have_existed_since_today(world: World, backdated: Told) -> None:
    assert world.found(backdated.path, levels=LEVELS) == {level: [] for level in LEVELS}
    report = world.report(STAMPED, backdated.path)
    assert {stamp.time for stamp in report.assurance.stamped} == {"2021-03-01T12:00:00Z"}


def _names_token(path: Path, seq: int) -> bool:
    return b'"type":"checkpoint.timestamped/1"' in entries(path, "open")[seq]
