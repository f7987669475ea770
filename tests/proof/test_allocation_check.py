"""A record of allocations that departs from the list, in any way, is found, with the subject."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ledger.proof.allocation import AllocationPlan, Parameters, commitment, list_of, seed_of
from ledger.proof.allocation_check import (
    CODES,
    AllocationFinding,
    Assigned,
    Bound,
    Committed,
    Draw,
    Lost,
    Opened,
    check_allocations,
)

SECRET, VALUE = bytes(range(32)), b"from outside"
TWO = (("CONTROL", 1), ("TREATMENT", 1))
BLOCKS: dict[str, Any] = {"block_sizes": [2, 4], "method": "PERMUTED_BLOCKS"}
SIMPLE: dict[str, Any] = {"method": "SIMPLE"}
WEIGHED: dict[str, Any] = {
    "measure": "RANGE",
    "method": "MINIMISATION",
    "probability": [4, 5],
    "weights": [1, 1],
}
METHODS = pytest.mark.parametrize("parameters", [BLOCKS, SIMPLE, WEIGHED], ids=lambda value: value["method"])


@dataclass
class Told:
    """A trial of 20 subjects in two strata, as its record has it."""

    committed: list[Committed]
    bound: list[Bound]
    opened: list[Opened]
    draws: list[Draw]
    assigned: list[Assigned] | None = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    factors: int | None = None

    def findings(self) -> list[AllocationFinding]:
        found = check_allocations(
            self.opened, self.committed, self.bound, TWO, self.draws, self.assigned,
            lost=self.lost, factors=self.factors,
        )  # fmt: skip
        assert {one.code for one in found} <= set(CODES)
        assert all(one.message for one in found)
        return found

    def found(self) -> set[tuple[str, str | None]]:
        return {(one.code, one.subject) for one in self.findings()}

    def places(self) -> dict[str, int]:
        return {draw.subject: at for at, draw in enumerate(self.draws)}

    def change(self, subject: str, **changes: Any) -> None:
        at = self.places()[subject]
        self.draws[at] = replace(self.draws[at], **changes)

    def reassign(self, arms: dict[str, str]) -> None:
        assert self.assigned is not None
        self.assigned = [replace(one, arm=arms.get(one.subject, one.arm)) for one in self.assigned]

    def arm(self, subject: str) -> str:
        assert self.assigned is not None
        return next(one.arm for one in self.assigned if one.subject == subject)


def told(parameters: dict[str, Any] = BLOCKS, *, seed: bytes | None = None, turns: Sequence[int] = ()) -> Told:
    """The record, with the arms of the list (of another `seed`, if one is given), indices as `turns` has them."""
    rules = Parameters.from_value(parameters)
    plan = AllocationPlan(seed or seed_of(SECRET, VALUE), rules, TWO)
    record = Told(
        [Committed(2, commitment(SECRET, rules), rules.method)],
        [Bound(3, VALUE, hashlib.sha256(VALUE).hexdigest())],
        [Opened(900, SECRET, parameters)],
        [],
    )
    counts: dict[str, int] = {}
    assert record.assigned is not None
    for number in range(20):
        stratum = "S01/F" if number % 3 else "S02/M"
        name = list_of(rules.method, stratum)
        counts[name] = counts.get(name, 0) + 1
        index = turns[number] if turns else counts[name]
        subject = f"P{number:02}"
        arm = plan.arm([(draw.index, draw.stratum) for draw in record.draws], stratum, index)
        own = None if name == stratum else name
        record.draws.append(Draw(10 + number, subject, stratum, index, own))
        record.assigned.append(Assigned(subject, arm, stratum, index))
    return record


@METHODS
def test_a_record_that_follows_its_list_has_no_finding(parameters: dict[str, Any]) -> None:
    assert told(parameters).findings() == []


def test_without_arms_order_and_commitment_are_checked_and_before_the_opening_order_alone() -> None:
    record = replace(told(), assigned=None)
    assert record.findings() == []
    record.opened = []
    assert record.findings() == []
    record.change("P05", index=7)
    assert ("order", "P05") in record.found()


@METHODS
def test_two_entries_swapped_are_found_with_both_subjects(parameters: dict[str, Any]) -> None:
    record = told(parameters)
    first = "P01"
    second = next(f"P{n:02}" for n in range(2, 20) if record.arm(f"P{n:02}") != record.arm(first))
    record.reassign({first: record.arm(second), second: record.arm(first)})
    assert record.found() == {("arm", first), ("arm", second)}


@METHODS
def test_every_single_arm_that_is_another_is_found(parameters: dict[str, Any]) -> None:
    for number in range(20):
        record, subject = told(parameters), f"P{number:02}"
        record.reassign({subject: "CONTROL" if record.arm(subject) == "TREATMENT" else "TREATMENT"})
        assert record.found() == {("arm", subject)}


def test_two_draws_swapped_with_their_arms_are_out_of_turn() -> None:
    record = told()
    record.change("P01", index=2)
    record.change("P02", index=1)
    assert {("order", "P01"), ("assignment", "P01"), ("assignment", "P02")} <= record.found()


@pytest.mark.parametrize("said", [True, False])
def test_an_allocation_out_of_turn_is_found_unless_an_event_says_so(said: bool) -> None:
    turns = [1, 3, *range(2, 3), *range(4, 21)]
    record = told(WEIGHED, turns=turns)
    record.change("P01", out_of_turn=said)
    assert record.found() == (set() if said else {("order", "P01")})


def test_a_skipped_index_is_due_before_those_beyond_it() -> None:
    record = told(WEIGHED, turns=[1, 3, 4, 2, *range(5, 21)])
    record.change("P01", out_of_turn=True)
    assert record.found() == {("order", "P02")}


def test_an_index_and_a_subject_drawn_twice_are_found() -> None:
    record = told()
    record.change("P04", index=record.draws[2].index)
    assert ("twice", "P04") in record.found()
    assert any("P02" in one.message for one in record.findings())
    again = told()
    again.draws.append(replace(again.draws[3], seq=50, index=8))
    assert ("twice", "P03") in again.found()


@METHODS
def test_another_secret_is_found_with_the_subjects_whose_arms_are_not_its(parameters: dict[str, Any]) -> None:
    record, other = told(parameters), bytes(32)
    record.opened = [Opened(900, other, parameters)]
    found = record.found()
    assert ("commitment", None) in found
    plan = AllocationPlan(seed_of(other, VALUE), Parameters.from_value(parameters), TWO)
    before: list[tuple[int, str]] = []
    differing = set()
    for draw in record.draws:
        if plan.arm(before, draw.stratum, draw.index) != record.arm(draw.subject):
            differing.add(("arm", draw.subject))
        before.append((draw.index, draw.stratum))
    assert differing
    assert found == {("commitment", None), *differing}


def test_other_parameters_and_another_method_are_found() -> None:
    record = told()
    record.opened = [Opened(900, SECRET, {**BLOCKS, "block_sizes": [4]})]
    assert ("commitment", None) in record.found()
    record.opened = [Opened(900, SECRET, SIMPLE)]
    assert sum(one.code == "commitment" for one in record.findings()) == 2
    record.opened = [Opened(900, SECRET, {"method": "DICE"})]
    assert record.found() == {("commitment", None)}
    record.opened = [Opened(900, SECRET[:31], BLOCKS)]
    assert record.found() == {("commitment", None)}


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(hashlib.sha256(SECRET).digest(), id="its digest"),
        pytest.param(SECRET, id="the secret"),
        pytest.param(seed_of(SECRET, hashlib.sha256(VALUE).digest()), id="the digest of the value"),
        pytest.param(seed_of(SECRET, b"chosen"), id="another value"),
    ],
)
def test_a_seed_that_is_not_bound_to_the_outside_value_is_found_with_the_subjects(seed: bytes) -> None:
    record, right = told(seed=seed), told()
    differing = {("arm", draw.subject) for draw in record.draws if record.arm(draw.subject) != right.arm(draw.subject)}
    assert differing
    known = seed != seed_of(SECRET, b"chosen")
    assert record.found() == {*differing, *([("seed", None)] if known else [])}


def test_a_bound_value_that_was_exchanged_is_found() -> None:
    record = told()
    record.bound = [replace(record.bound[0], value=b"another")]
    found = record.found()
    assert ("bound", None) in found
    assert any(code == "arm" for code, _ in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda told: told.committed.clear(), ("committed", "P00")),
        (lambda told: told.bound.clear(), ("bound", "P00")),
        (lambda told: told.bound.__setitem__(0, replace(told.bound[0], seq=1)), ("committed", None)),
        (lambda told: told.bound.append(replace(told.bound[0], seq=4)), ("bound", None)),
        (lambda told: told.committed.append(replace(told.committed[0], seq=4)), ("committed", None)),
        (lambda told: told.opened.append(replace(told.opened[0], seq=901)), ("opened", None)),
        (lambda told: told.change("P19", seq=901), ("opened", "P19")),
        (lambda told: told.assigned.pop(), ("assignment", "P19")),
        (lambda told: told.assigned.append(told.assigned[3]), ("assignment", "P03")),
        (lambda told: told.assigned.append(replace(told.assigned[3], subject="P77")), ("assignment", "P77")),
    ],
    ids=[
        "never committed to",
        "never bound",
        "bound before committed to",
        "bound twice",
        "committed to twice",
        "opened twice",
        "allocated after the opening",
        "a draw without an arm",
        "an arm twice",
        "an arm without a draw",
    ],
)
def test_what_is_missing_or_stands_in_the_wrong_place_is_found(
    change: Callable[[Told], None], expected: tuple[str, str | None]
) -> None:
    record = told()
    change(record)
    assert expected in record.found()


def test_an_allocation_before_the_binding_is_found() -> None:
    record = told()
    record.bound = [replace(record.bound[0], seq=12)]
    assert record.found() == {("bound", "P00"), ("bound", "P01")}


def test_a_list_of_another_stratum_is_found() -> None:
    record = told()
    record.change("P03", list_name="S09/F", index=1)
    assert ("order", "P03") in record.found()


def test_what_a_source_claims_is_exempt_but_takes_its_index() -> None:
    record = told()
    assert record.assigned is not None
    record.change("P00", claimed=True, seq=1)
    record.assigned[0] = replace(record.assigned[0], claimed=True, arm="SOMETHING ELSE")
    assert record.findings() == []
    record.change("P00", claimed=False)
    assert record.found() != set()


def test_what_is_claimed_after_the_list_was_committed_to_is_found_and_nothing_else_is_said_of_it() -> None:
    """Whoever may claim is exempt from the list: so nobody may, once there is one."""
    record = told()
    record.change("P00", claimed=True)
    record.reassign({"P00": "TREATMENT" if record.arm("P00") == "CONTROL" else "CONTROL"})
    assert record.found() == {("claimed", "P00")}
    record.change("P00", seq=1)
    assert record.found() == {("assignment", "P00")}
    assert record.findings()[0].message == "the draw has claimed true, and the arm claimed false"


@pytest.mark.parametrize("act", ["committed", "bound"])
def test_a_commitment_or_a_binding_that_cannot_be_read_is_held_against_no_draw(act: str) -> None:
    record = told()
    if act == "committed":
        record.committed = [Committed(2, None, None)]
    else:
        record.bound = [Bound(3, None, "")]
    assert record.findings() == []


@METHODS
def test_a_draw_that_cannot_be_read_is_held_against_no_other(parameters: dict[str, Any]) -> None:
    record = told(parameters)
    gone = record.draws.pop(3)
    assert record.found() != set()
    for subject in (gone.subject, None):
        record.lost = [Lost(gone.seq, gone.place[0], subject, "")]
        assert record.findings() == []
    record.change("P02", index=9)
    assert ("order", "P02") in record.found()  # it stands before the one that is lost


def test_the_weights_of_minimisation_are_one_for_each_factor() -> None:
    record = told(WEIGHED)
    record.factors = 2
    assert record.findings() == []
    record.factors = 3
    assert record.found() == {("commitment", None)}


def test_minimisation_does_not_count_what_a_source_claims() -> None:
    record = told(WEIGHED)
    assert record.assigned is not None
    plan = AllocationPlan(seed_of(SECRET, VALUE), Parameters.from_value(WEIGHED), TWO)
    before: list[tuple[int, str]] = []
    record.change("P00", claimed=True, seq=1)
    record.assigned[0] = replace(record.assigned[0], claimed=True)
    arms = {}
    for draw in record.draws[1:]:
        arms[draw.subject] = plan.arm(before, draw.stratum, draw.index)
        before.append((draw.index, draw.stratum))
    record.reassign(arms)
    assert record.findings() == []
