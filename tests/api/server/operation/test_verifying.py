"""Verification in the background: what it says, to whom, and that it stands in nobody's way."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.evidence.making import make_checkpoint
from api.server.operation.verifying import Verifications, Verified
from ledger.proof.findings import CODES
from tests.api.cli_runs import here
from tests.api.evidence_ledgers import trial_of
from tests.api.server.operation.test_process import flip
from tests.api.test_cli_witness import log_file, policy_file
from tests.api.witnesses import serving
from tests.tampering.ledgers import behind_its_back


@contextmanager
def _verifications(
    ledger: Path, *, slot: float = 0.0, every: float = 0.0, policy: Path | None = None
) -> Iterator[Verifications]:
    made = Verifications({"balmys": ledger}, slot=slot, every=every, policy=policy)
    made.start()
    try:
        yield made
    finally:
        made.close()


def _verified(ledger: Path) -> Verified:
    with _verifications(ledger) as verifications:
        assert verifications.newest("balmys") is None
        verifications.begin("balmys")
        found = verifications.wait("balmys", 60)
    assert found is not None
    return found


def test_a_whole_trial_holds_up_to_its_last_open_entry(ledger: Path) -> None:
    found = _verified(ledger)
    with behind_its_back(ledger) as connection:
        ((size,),) = connection.execute("SELECT size FROM head WHERE book = 'open'")
    assert found.ok
    assert found.findings == ()
    assert found.position == size - 1
    assert found.level == "consistent"


def test_what_is_broken_in_the_open_book_is_told_to_everybody_by_place_and_code(ledger: Path) -> None:
    flip(ledger)
    found = _verified(ledger)
    assert not found.ok
    masked = found.seen(arms=False)
    assert masked.findings
    assert {one["book"] for one in masked.findings} == {"open"}
    assert all(one["message"] == CODES[one["code"]] and one["stream"] is None for one in masked.findings)
    assert found.seen(arms=True) is found


def test_of_what_is_broken_in_the_sealed_book_masked_people_learn_that_something_is(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET sections = substr(sections, 1, length(sections) - 1) WHERE seq = 1")
    found = _verified(ledger)
    assert not found.ok
    assert {one["book"] for one in found.findings} == {"sealed"}
    masked = found.seen(arms=False)
    assert not masked.ok
    assert [one["code"] for one in masked.findings] == ["elsewhere"]
    assert "sealed" not in str(masked)


def test_a_run_without_a_verdict_leaves_the_last_one(ledger: Path) -> None:
    with _verifications(ledger) as verifications:
        verifications.begin("balmys")
        first = verifications.wait("balmys", 60)
        assert first is not None
        ledger.rename(ledger.with_name("gone.db"))
        verifications.begin("balmys")
        until = time.monotonic() + 60
        while verifications.running("balmys"):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert verifications.newest("balmys") is first
        assert str(ledger) in str(verifications.failed("balmys"))


def test_runs_come_again_by_themselves(ledger: Path) -> None:
    with _verifications(ledger, every=0.2) as verifications:
        first = verifications.wait("balmys", 60)
        second = verifications.wait("balmys", 60)
        assert first is not None
        assert second is not None
        assert second.at > first.at


def test_what_came_of_a_run_appears_at_a_whole_slot_after_its_begin(ledger: Path) -> None:
    with _verifications(ledger, slot=4.0) as verifications:
        began = time.monotonic()
        verifications.begin("balmys")
        assert verifications.wait("balmys", 60) is not None
        took = time.monotonic() - began
    assert took % 4.0 < 0.7


def test_asking_twice_makes_one_run(ledger: Path) -> None:
    with _verifications(ledger) as verifications:
        for _ in range(10):
            verifications.begin("balmys")
        assert verifications.wait("balmys", 60) is not None
        assert not verifications.running("balmys")


def test_there_is_none_of_a_trial_that_is_not_there(ledger: Path) -> None:
    with _verifications(ledger) as verifications, pytest.raises(KeyError):
        verifications.begin("no-such")


def test_closing_ends_a_run_at_once(ledger: Path) -> None:
    with _verifications(ledger) as verifications:
        verifications.begin("balmys")
        time.sleep(0.3)
        began = time.monotonic()
        verifications.close()
        assert time.monotonic() - began < 2
        assert verifications.newest("balmys") is None


def test_who_witnessed_is_named_as_the_policy_names_them(tmp_path: Path) -> None:
    trial = trial_of(tmp_path)
    make_checkpoint(trial.path)
    with serving(tmp_path / "w0", log_file(trial), "w0.example/w") as witness:
        policy = policy_file(trial, [witness], 1)
        assert here("witness", "add", trial.path, "--policy", policy).code == 0
    with _verifications(trial.path, policy=policy) as verifications:
        verifications.begin("balmys")
        found = verifications.wait("balmys", 60)
    assert found is not None
    assert found.ok
    assert found.level.startswith("witnessed ")
    assert found.witnessed_by == ("w0-0", "w0-1")
    assert found.position is not None
    assert found.external == found.position + 1
    with _verifications(trial.path) as verifications:
        verifications.begin("balmys")
        alone = verifications.wait("balmys", 60)
    assert alone is not None
    assert alone.witnessed_by == ()
