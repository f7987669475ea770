"""Two people are shown two ledgers.

Attacker: an insider with all keys of the ledger, who keeps two of them and signs both: one for the auditor, one for the
authority. Found by: the two of them comparing checkpoints (each has the other's as one that was kept); a quorum of
witnesses, since no two quorums can be had for two histories while fewer than two witnesses lie. Not found by: either
ledger with all of its keys and all of its own signatures.
"""

from pathlib import Path

import pytest

from api.evidence.making import make_checkpoint
from api.witness.asking import Outcome
from ledger.keys.signing import load_signing_keys
from ledger.proof.checking import check, load_trusted
from ledger.proof.evidence import checkpoint_name, evidence_folder, read_evidence
from tests.api.witnesses import Memory
from tests.tampering.attacks.world import (
    ASKED,
    FILE,
    KEPT,
    KEYS,
    NOTHING,
    QUORUM,
    SIGNED,
    STAMPED,
    UNSIGNED,
    Told,
    World,
    cosigned,
    meeting,
)  # fmt: skip
from tests.tampering.ledgers import places
from tests.verifying.both import judged


@pytest.fixture
def other(world: World, tmp_path: Path) -> Told:
    """The ledger that somebody else is shown."""
    return world.forged(tmp_path / "other")


def test_each_view_is_in_order_by_all_that_comes_from_the_insider(world: World, ledger: Path, other: Told) -> None:
    own = [FILE, KEYS, SIGNED, STAMPED]
    assert world.found(ledger, levels=own) == world.found(other.path, levels=own) == {level: [] for level in own}
    assert world.found(ledger) == NOTHING


def test_comparing_checkpoints_finds_it_from_either_side(world: World, ledger: Path, other: Told) -> None:
    for mine, yours in ((ledger, other.path), (other.path, ledger)):
        newest = read_evidence(evidence_folder(yours)).checkpoints[-1]
        path = evidence_folder(yours) / "checkpoints" / checkpoint_name(newest.checkpoint)
        report = check(mine, load_trusted(world.policy(quorum=False), [], [path]), walk=judged)
        assert places(report) == [("checkpoint", "open", 0)]
        assert "two histories of this ledger were made" in report.findings[0].message


def test_one_witness_who_saw_nothing_yet_makes_no_quorum(world: World, other: Told) -> None:
    """New to the log, or in league with the insider: one of three can be had for the other history."""
    stored = read_evidence(evidence_folder(other.path)).checkpoints[-1]
    cosigned(other.path, stored, 2, Memory(), world.clock)
    assert world.found(other.path, levels=[QUORUM]) == {QUORUM: [UNSIGNED]}
    seen = world.report(QUORUM, other.path).assurance.witnessed
    assert seen is not None
    assert (seen.count, seen.of, seen.quorum) == (1, 3, False)


def test_two_witnesses_in_league_would_make_one_and_only_who_asks_the_third_or_kept_something_finds_it(
    world: World, other: Told
) -> None:
    for stored in read_evidence(evidence_folder(other.path)).checkpoints:
        for number in (1, 2):
            cosigned(other.path, stored, number, Memory(), world.clock)
    other_history = [("checkpoint", "open", 0)]
    assert world.found(other.path) == NOTHING | {ASKED: other_history, KEPT: other_history}


def test_the_witnesses_refuse_whatever_goes_on_from_the_other_history(world: World, other: Told) -> None:
    meeting(other.trial, "Continue, as before.")
    stored = make_checkpoint(other.path, clock=other.trial.clock)
    assert stored.checkpoint.size > world.sizes[1]
    assert stored.checkpoint.origin == load_signing_keys(world.path).origin
    for number in range(3):
        asked = world.ask(other.path, stored, number)
        assert (asked.outcome, asked.signatures) == (Outcome.CONTRADICTED, ())
        assert "holds another history" in asked.sentence
