"""`allocation commit|bind|assign|open|check`: a list that nobody can choose, and that anybody can check at the end."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.unblinding import allocated
from ledger.application import TrialLedger
from ledger.domain.allocation import arms_of, plan_of
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import load_keys
from ledger.proof.allocation import AllocationPlan, Parameters, commitment
from tests.api.cli_runs import Demo, here, process
from tests.api.test_cli_verify import tampered
from tests.trials import ELIGIBLE, SITE, Trial

ARMS = [word for arm in reference_protocol().arms for word in (arm.code, arm.label)]


def kept(ledger: Path) -> tuple[bytes, Parameters]:
    with closing(load_keys(ledger)) as keys:
        found = kept_allocation(keys)
    assert found is not None
    return found


def keeps(ledger: Path) -> bool:
    with closing(load_keys(ledger)) as keys:
        return kept_allocation(keys) is not None


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A ledger without a list."""
    path = tmp_path / "trial.db"
    assert here("init", path).code == 0
    return path


def bound(ledger: Path, *options: object) -> Path:
    value = ledger.with_name("beacon.json")
    value.write_bytes(b'{"round": 1}')
    assert here("allocation", "commit", ledger, *options).code == 0
    assert here("allocation", "bind", ledger, value).code == 0
    return ledger


# -- commit ----------------------------------------------------------------------------------------------------------


def test_a_commitment_is_recorded_and_its_secret_is_kept_with_the_keys_and_nowhere_else(fresh: Path) -> None:
    done = here("allocation", "commit", fresh, "--json")
    assert (done.code, done.err) == (0, "")
    secret, parameters = kept(fresh)
    assert done.json["commitment"] == commitment(secret, parameters)
    assert done.json["events"] == ["allocation.committed/1"]
    assert parameters.block_sizes == (2, 4, 6)
    told = here("allocation", "check", fresh)
    for text in (done.out, told.out, told.err):
        assert secret.hex() not in text
    for file in fresh.parent.rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes()
            assert secret.hex().encode() not in file.read_bytes()


def test_block_sizes_and_method_are_those_that_were_asked_for(fresh: Path, tmp_path: Path) -> None:
    assert here("allocation", "commit", fresh, "--block-sizes", "4, 8").code == 0
    assert kept(fresh)[1].to_value() == {"method": "PERMUTED_BLOCKS", "block_sizes": [4, 8]}
    other = tmp_path / "other.db"
    assert here("init", other).code == 0
    assert here("allocation", "commit", other, "--method", "SIMPLE").code == 0
    assert kept(other)[1].to_value() == {"method": "SIMPLE"}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--block-sizes", "3"), 3, "block_sizes: each must be a multiple of 2"),
        (("--block-sizes", "0"), 3, "block_sizes"),
        (("--method", "SIMPLE", "--block-sizes", "2"), 3, "SIMPLE has none"),
        (("--block-sizes", "2,x"), 2, "must be whole numbers"),
        (("--method", "COIN"), 2, "COIN"),
        (("--role", "investigator"), 3, "rule role"),
        (("--actor", "a b"), 2, "--actor"),
    ],
)
def test_what_makes_no_list_is_refused_with_the_reason(
    fresh: Path, options: Sequence[str], code: int, words: str
) -> None:
    done = here("allocation", "commit", fresh, *options)
    assert done.code == code
    assert words in done.err
    assert here("allocation", "commit", fresh).code == 0  # and nothing of it stands in the way


def test_a_second_commitment_ends_with_3_says_when_the_first_was_and_leaves_the_secret(fresh: Path) -> None:
    assert here("allocation", "commit", fresh).code == 0
    before = kept(fresh)
    done = here("allocation", "commit", fresh)
    done.refused_in_one_sentence("committed to already (20")
    assert kept(fresh) == before


def test_a_secret_that_a_crash_left_without_a_commitment_is_the_one_that_is_committed_to(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(TrialLedger, "submit", crash)
        assert here("allocation", "commit", fresh).code == 130
    before = kept(fresh)
    here("allocation", "commit", fresh, "--method", "SIMPLE").refused_in_one_sentence("keep a secret with other param")
    done = here("allocation", "commit", fresh, "--json")
    assert done.code == 0
    assert kept(fresh) == before
    assert done.json["commitment"] == commitment(*before)


def test_no_secret_is_drawn_where_the_record_has_a_commitment_whose_keys_are_gone(fresh: Path) -> None:
    assert here("allocation", "commit", fresh).code == 0
    other = fresh.with_name("other.db")
    assert here("init", other).code == 0
    shutil.rmtree(f"{fresh}.keys")
    shutil.copytree(f"{other}.keys", f"{fresh}.keys")
    assert here("allocation", "commit", fresh).code == 3
    assert not keeps(fresh)


# -- bind ------------------------------------------------------------------------------------------------------------


def test_the_value_from_outside_is_recorded_as_it_is_with_its_kind_and_note(fresh: Path) -> None:
    assert here("allocation", "commit", fresh).code == 0
    value = fresh.with_name("token")
    value.write_bytes(bytes(range(256)))
    done = here(
        "allocation", "bind", fresh, value, "--kind", "TIMESTAMP_TOKEN", "--note", "of the commitment", "--json"
    )
    assert done.code == 0
    entry = here("show", "audit", fresh, "--json")
    assert sha256(bytes(range(256))).hexdigest() in entry.out
    assert "TIMESTAMP_TOKEN" in entry.out


@pytest.mark.parametrize(("content", "words"), [(b"", "1 to 16384 bytes"), (bytes(16_385), "1 to 16384 bytes")])
def test_an_empty_or_endless_value_is_refused(fresh: Path, content: bytes, words: str) -> None:
    assert here("allocation", "commit", fresh).code == 0
    value = fresh.with_name("value")
    value.write_bytes(content)
    here("allocation", "bind", fresh, value).refused_in_one_sentence(str(value), words)


def test_a_value_is_bound_once_and_not_before_the_commitment(fresh: Path) -> None:
    value = fresh.with_name("value")
    value.write_bytes(b"outside")
    here("allocation", "bind", fresh, value).refused_in_one_sentence("rule allocation-not-committed")
    assert here("allocation", "commit", fresh).code == 0
    assert here("allocation", "bind", fresh, value).code == 0
    here("allocation", "bind", fresh, value).refused_in_one_sentence("rule allocation-bound")
    here("allocation", "bind", fresh, fresh.with_name("none")).refused_in_one_sentence("none")


# -- assign ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def enrolled(tmp_path: Path) -> Path:
    """A ledger with three enrolled subjects, and no list."""
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    for subject in ("S-1", "S-2", "S-3"):
        trial.consent(subject)
        trial.do("record-screening", {"subject": subject, "values": ELIGIBLE})
        trial.do("enrol-subject", {"subject": subject})
    trial.ledger.close()
    return trial.path


def test_a_subject_gets_the_next_index_and_nobody_is_told_the_arm(enrolled: Path) -> None:
    bound(enrolled)
    first = here("allocation", "assign", enrolled, "S-2", "--actor", "inv-1", "--json")
    second = here("allocation", "assign", enrolled, "S-1", "--actor", "inv-1")
    assert (first.code, second.code) == (0, 0)
    assert (first.json["subject"], first.json["index"]) == ("S-2", 1)
    assert f"S-1 is randomized: stratum {first.json['stratum']}, index 2" in second.out
    for done in (first, second):
        for word in ARMS:
            assert word not in done.out + done.err
    assert allocated(enrolled) == ["S-2", "S-1"]


def test_nobody_is_assigned_before_the_list_is_committed_to_and_bound(enrolled: Path) -> None:
    here("allocation", "assign", enrolled, "S-1").refused_in_one_sentence("rule no-allocation-list")
    assert here("allocation", "commit", enrolled).code == 0
    here("allocation", "assign", enrolled, "S-1").refused_in_one_sentence("allocation bind")
    assert allocated(enrolled) == []


def test_the_rules_of_randomize_subject_hold(enrolled: Path) -> None:
    bound(enrolled)
    here("allocation", "assign", enrolled, "S-9").refused_in_one_sentence("SUBJECT", "rule subject-unknown")
    here("allocation", "assign", enrolled, "S-1", "--role", "sponsor").refused_in_one_sentence("rule role")
    here("allocation", "assign", enrolled, "S 1").refused_in_one_sentence("SUBJECT", code=2)
    assert here("allocation", "assign", enrolled, "S-1").code == 0
    here("allocation", "assign", enrolled, "S-1").refused_in_one_sentence("rule randomized-already")


# -- open and check --------------------------------------------------------------------------------------------------


def test_on_the_demos_ledger_the_list_is_opened_without_options_and_check_passes(demo: Demo, tmp_path: Path) -> None:
    ledger = demo.copy(tmp_path)
    here("allocation", "commit", ledger).refused_in_one_sentence("committed to already (2020-")
    before = here("allocation", "check", ledger, "--json")
    assert (before.code, before.json["stage"], before.json["with_secret_of_keys"]) == (0, "BOUND", True)
    opened = here("allocation", "open", ledger)
    assert opened.code == 0, opened.err
    done = process("allocation", "check", ledger)
    assert (done.code, done.err) == (0, "")
    count = len(allocated(ledger))
    assert count > 1
    assert f"the arms of all {count} subjects are those of the list committed to" in done.out
    assert here("verify", ledger).code == 0
    here("allocation", "open", ledger).refused_in_one_sentence("rule allocation-opened")


def test_before_opening_check_says_that_only_order_and_commitments_were_checked(demo: Demo, tmp_path: Path) -> None:
    done = here("allocation", "check", demo.copy(tmp_path, keys=False))
    assert (done.code, done.err) == (0, "")
    assert "Only order and commitments were checked: its secret is not opened" in done.out
    with_keys = here("allocation", "check", demo.ledger)
    assert "by the secret that the keys beside the ledger hold" in with_keys.out


def test_after_opening_the_keys_of_the_ledger_are_needed_for_the_arms_alone(demo: Demo, tmp_path: Path) -> None:
    ledger = demo.copy(tmp_path)
    assert here("allocation", "open", ledger).code == 0
    shutil.rmtree(f"{ledger}.keys")
    done = here("allocation", "check", ledger, "--json")
    assert (done.code, done.json["stage"], done.json["arms"]) == (0, "OPENED", 0)


def test_a_recruiting_trial_does_not_open_its_list(enrolled: Path) -> None:
    bound(enrolled)
    here("allocation", "open", enrolled).refused_in_one_sentence("rule recruiting")


def test_what_has_no_list_has_nothing_to_open_or_to_check(fresh: Path) -> None:
    here("allocation", "open", fresh).refused_in_one_sentence("no secret of an allocation list")
    here("allocation", "check", fresh).refused_in_one_sentence("there is no allocation list")


def test_a_damaged_ledger_without_a_list_is_not_said_to_have_none(fresh: Path) -> None:
    damaged = tampered(fresh, "UPDATE open_entry SET version = version + 1000 WHERE seq = ?", 0)
    here("allocation", "check", damaged).refused_in_one_sentence("does not verify", code=1)


class Swapped:
    """A plan in which two entries of each list have changed places."""

    def __init__(self, plan: AllocationPlan, one: int, other: int) -> None:
        self._plan = plan
        self._places = {one: other, other: one}

    def arm(self, drawn: Sequence[tuple[int, str]], stratum: str, index: int) -> str:
        return self._plan.arm(drawn, stratum, self._places.get(index, index))


def swapped(secret: bytes, parameters: Parameters, outside: bytes, protocol: Protocol) -> Any:
    plan = plan_of(secret, parameters, outside, protocol)
    stratum = SITE
    other = next(index for index in range(2, 7) if plan.arm((), stratum, index) != plan.arm((), stratum, 1))
    return Swapped(plan, 1, other)


def of_another_secret(secret: bytes, parameters: Parameters, outside: bytes, protocol: Protocol) -> Any:
    return plan_of(sha256(secret).digest(), parameters, outside, protocol)


def not_bound(secret: bytes, parameters: Parameters, outside: bytes, protocol: Protocol) -> Any:  # noqa: ARG001
    return AllocationPlan(sha256(secret).digest(), parameters, arms_of(protocol))


@pytest.mark.parametrize("plan", [swapped, of_another_secret, not_bound])
def test_a_list_other_than_the_one_that_was_fixed_is_found_with_the_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Callable[..., Any]
) -> None:
    subjects = [f"S-{number}" for number in range(1, 9)]

    def played(folder: str, planned: Callable[..., Any]) -> tuple[Path, dict[str, str | None]]:
        (tmp_path / folder).mkdir()
        with monkeypatch.context() as planted:
            planted.setattr("ledger.application.reading.plan_of", planned)
            trial = Trial(tmp_path / folder)
            trial.do("activate-site", {"site": SITE})
            for subject in subjects:
                trial.randomized(subject)
        trial.do("halt-trial", {"reason": "the end"})
        arms = {subject: trial.ledger.arm_of(subject) for subject in subjects}
        trial.ledger.close()
        assert here("allocation", "open", trial.path).code == 0
        return trial.path, arms

    right, arms = played("right", plan_of)
    assert here("allocation", "check", right).code == 0  # the control: the same story with the list as it was fixed
    wrong, altered = played("wrong", plan)
    differing = {subject for subject in subjects if arms[subject] != altered[subject]}
    assert differing
    done = here("allocation", "check", wrong, "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert {one["subject"] for one in done.json["findings"] if one["code"] == "arm"} == differing
    told = here("allocation", "check", wrong)
    assert told.code == 1
    assert all(subject in told.out for subject in differing)
    assert ("its seed was not bound to the outside value" in told.out) == (plan is not_bound)
    assert here("verify", wrong).code == 1


def test_check_of_a_ledger_that_does_not_verify_ends_with_1(demo: Demo) -> None:
    done = here("allocation", "check", demo.folder / "tampered.db")
    assert done.code == 1
    assert "The ledger itself does not verify" in done.out
