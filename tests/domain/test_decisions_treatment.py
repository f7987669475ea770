"""The product is sealed: every dose that was given is recorded, and what it departs from is a sealed deviation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.vocabulary import Book
from tests.domain.story import IMPORT, TREATMENT, Story, consented, deviations_of, enrolled, randomized

DOSE = {"subject": "P1", **TREATMENT}
WHY = {"reason": "no money"}


def in_arm(arm: str) -> Story:
    story = enrolled()
    story.arms = {("S01", 1): arm}
    story.tell("randomize-subject", {"subject": "P1"})
    return story


TREATED = in_arm("TREATMENT")


def on(day: str, **changes: Any) -> dict[str, Any]:
    return {**DOSE, "started_at": day, **changes}


@pytest.mark.parametrize(
    ("dose", "rules"),
    [
        pytest.param(DOSE, [], id="as planned"),
        pytest.param({**DOSE, "given_amount": "144"}, [], id="at the upper bound of the tolerance"),
        pytest.param({**DOSE, "given_amount": "96"}, [], id="at the lower bound"),
        pytest.param({**DOSE, "given_amount": "144.000001"}, ["amount"], id="just above"),
        pytest.param({**DOSE, "given_amount": "95.999999"}, ["amount"], id="just below"),
        pytest.param({**DOSE, "given_amount": "0"}, ["amount"], id="nothing given"),
        pytest.param({**DOSE, "weight_kg": "40"}, ["amount"], id="twice the dose of that weight"),
        pytest.param({**DOSE, "planned_amount": "200"}, ["plan"], id="planned wrongly"),
        pytest.param({**DOSE, "unit": "mL"}, ["unit"], id="another unit"),
        pytest.param({k: v for k, v in DOSE.items() if k != "weight_kg"}, ["no-weight"], id="no weight"),
        pytest.param({**DOSE, "dose_number": 3}, ["too-many-doses"], id="a third dose of two"),
        pytest.param(on("2020-05-19"), ["before-randomization"], id="before randomization"),
    ],
)
def test_a_dose_departs_from_the_plan_or_not(dose: dict[str, Any], rules: list[str]) -> None:
    story = Story(facts=list(TREATED.facts), commands=100)
    decision = story.tell("record-treatment", dose, "2020-05-21")
    assert decision.sealed[0].type == "treatment.recorded/1"
    assert deviations_of(decision) == rules


def test_a_dose_in_the_arm_without_intervention_is_recorded_as_in_the_wrong_arm() -> None:
    assert deviations_of(in_arm("CONTROL").tell("record-treatment", DOSE, "2020-05-21")) == ["wrong-arm"]


def test_a_dose_without_randomization_is_recorded() -> None:
    assert deviations_of(consented().tell("record-treatment", DOSE, "2020-05-21")) == ["not-randomized"]


def test_a_dose_during_a_halt_after_withdrawal_and_after_death_is_recorded_with_each_reason() -> None:
    story = randomized()
    story.tell("halt-trial", WHY, "2020-05-21")
    story.tell("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "INTERVENTION"}, "2020-05-22")
    story.tell("record-death", {"subject": "P1", "died": "2020-05-23"}, "2020-05-23")
    decision = story.tell("record-treatment", on("2020-05-24"), "2020-05-24")
    assert deviations_of(decision) == ["during-halt", "after-withdrawal", "after-death"]


def test_a_dose_after_the_lock_is_recorded_and_its_deviation_is_sealed() -> None:
    story = randomized()
    story.tell("lock-database", WHY)
    assert deviations_of(story.tell("record-treatment", DOSE, "2020-05-21")) == ["after-lock"]


@pytest.mark.parametrize(
    ("data", "rule", "field"),
    [
        ({"ended_at": "2020-05-21T09:00+02:00"}, "end-before-start", "data.ended_at"),
        (
            {"interruptions": [{"stopped_at": "2020-05-21T11:00Z", "resumed_at": "2020-05-21T10:00Z", "reason": "x"}]},
            "end-before-start",
            "data.interruptions[0].resumed_at",
        ),
        (
            {"interruptions": [{"stopped_at": "2020-05-20T11:00Z", "reason": "x"}]},
            "end-before-start",
            "data.interruptions[0].stopped_at",
        ),
        ({"started_at": "2020-05-21T10:00"}, "offset", "data.started_at"),
        ({"started_at": "2020-06-21"}, "future", "data.started_at"),
        ({"subject": "P9"}, "subject-unknown", "data.subject"),
    ],
)
def test_what_cannot_have_been_is_refused(data: dict[str, Any], rule: str, field: str) -> None:
    assert randomized().refused("record-treatment", {**DOSE, **data}, "2020-05-21") == (rule, field)


def test_a_dose_is_recorded_once_unless_a_source_has_it_twice() -> None:
    story = randomized()
    story.tell("record-treatment", DOSE, "2020-05-21")
    assert story.refused("record-treatment", DOSE, "2020-05-21") == ("dose-exists", "data.dose_number")
    story.tell("record-treatment", DOSE, "2020-05-21", provenance=IMPORT)


def test_action_is_taken_for_an_adverse_event_that_is_reported() -> None:
    story = randomized()
    action = {"subject": "P1", "ae": "1", "action": "DRUG WITHDRAWN"}
    assert story.refused("record-action-taken", action) == ("ae-unknown", "data.ae")
    story.tell("report-adverse-event", {"subject": "P1", "ae": "1", "term": "Fever", "serious": False})
    assert [event.type for event in story.tell("record-action-taken", action).sealed] == [
        "adverse-event.action-taken/1"
    ]


amounts = st.decimals(0, 500, places=3).map(str)


@given(amounts, st.sampled_from(["CONTROL", "TREATMENT"]), st.integers(1, 4))
def test_no_dose_leaves_anything_in_the_open_book(amount: str, arm: str, number: int) -> None:
    facts = [
        type(fact)(**{name: getattr(fact, name) for name in fact.__slots__} | {"data": {**fact.data, "arm": arm}})
        if fact.type == "arm.assigned/1"
        else fact
        for fact in TREATED.facts
    ]
    story = Story(facts=facts, commands=100)
    decision = story.tell("record-treatment", {**DOSE, "given_amount": amount, "dose_number": number}, "2020-05-21")
    assert decision.open == []
    assert {event.book for event in decision.sealed} == {Book.SEALED}
