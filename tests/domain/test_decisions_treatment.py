"""The product is sealed: every dose that was given is recorded, and what it departs from is a sealed deviation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.decisions.base import Reads
from ledger.domain.decisions.treatment import dose_faults
from ledger.domain.events.treatment import Treatment
from ledger.domain.protocol import Protocol
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState
from ledger.domain.vocabulary import Book
from tests.domain.story import IMPORT, PROTOCOL, TREATMENT, Story, consented, deviations_of, enrolled, randomized

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


# -- the product against the arm -------------------------------------------------------------------------------------


def faults_of(product: str, protocol: Protocol, arm: str) -> list[str]:
    """The rules that a dose of `product` departs from, in an arm of another protocol."""
    reads = Reads(
        TrialState(protocol=protocol),
        SubjectState(id="P1", consented_at="2020-05-18", randomized_at="2020-05-20"),
        SealedSubjectState(arm=arm),
    )
    return [rule for rule, _ in dose_faults(Treatment.model_validate({**DOSE, "product": product}), reads)]


def test_another_product_in_an_active_arm_is_a_deviation() -> None:
    story = Story(facts=list(TREATED.facts), commands=100)
    assert deviations_of(story.tell("record-treatment", {**DOSE, "product": "Saline"}, "2020-05-21")) == ["product"]


def two_drugs(*, dosing: bool) -> Protocol:
    arms = [{"code": code, "label": code, "type": "ACTIVE_COMPARATOR"} for code in ("A", "B")]
    drugs = [{"name": f"Drug {code}", "type": "DRUG", "arms": [code]} for code in ("A", "B")]
    plan = {"intervention": "Drug A", "arm": "A", "doses": 1, "amount": "120", "unit": "million cells"}
    for arm in arms if dosing else []:
        arm["doses_planned"] = 1 if arm["code"] == "A" else 0  # type: ignore[assignment]
    plans = [{**plan, "per_kg": False, "route": "ORAL", "tolerance_percent": "20"}] if dosing else []
    return PROTOCOL.amended({"arms": arms, "interventions": drugs, "dosing": plans})


@pytest.mark.parametrize("dosing", [True, False], ids=["a dose is planned", "no dose is planned"])
def test_the_product_of_the_other_arm_is_a_deviation_in_either(dosing: bool) -> None:
    protocol = two_drugs(dosing=dosing)
    for arm, other in (("A", "B"), ("B", "A")):
        assert faults_of(f"Drug {other}", protocol, arm) == ["product"]
        assert faults_of(f" drug {arm.lower()} ", protocol, arm) == []


def test_where_the_protocol_names_no_product_for_an_arm_nothing_can_be_said_of_one() -> None:
    protocol = two_drugs(dosing=False).amended({"interventions": []})
    assert faults_of("Drug A", protocol, "B") == []


# -- made ready ------------------------------------------------------------------------------------------------------

MADE = {"subject": "P1", "dose_number": 1, "product": TREATMENT["product"], "lot": "L-1"}


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        pytest.param(MADE, [], id="as planned"),
        pytest.param({**MADE, "prepared_amount": "120", "unit": "million cells"}, [], id="with its amount"),
        pytest.param({**MADE, "product": "Saline"}, ["product"], id="another product"),
        pytest.param({**MADE, "dose_number": 3}, ["too-many-doses"], id="a third dose of two"),
    ],
)
def test_a_preparation_departs_from_the_plan_or_not(made: dict[str, Any], rules: list[str]) -> None:
    decision = Story(facts=list(TREATED.facts), commands=100).tell("prepare-product", made, "2020-05-21")
    assert (decision.open, decision.sealed[0].type) == ([], "product.prepared/1")
    assert deviations_of(decision) == rules


def test_a_preparation_for_who_gets_nothing_or_is_not_randomized_is_recorded_as_a_deviation() -> None:
    assert deviations_of(in_arm("CONTROL").tell("prepare-product", MADE, "2020-05-21")) == ["wrong-arm"]
    assert deviations_of(consented().tell("prepare-product", MADE, "2020-05-21")) == ["not-randomized"]


def test_a_dose_is_made_ready_again_of_another_lot_only() -> None:
    story = in_arm("TREATMENT")
    story.tell("prepare-product", MADE, "2020-05-21")
    assert story.refused("prepare-product", MADE, "2020-05-21") == ("preparation-exists", "data.dose_number")
    story.tell("prepare-product", {**MADE, "lot": "L-2"}, "2020-05-21")
    story.tell("prepare-product", MADE, "2020-05-21", provenance=IMPORT)


def test_an_amount_has_a_unit() -> None:
    story = in_arm("TREATMENT")
    for half in ({"prepared_amount": "120"}, {"unit": "mL"}):
        assert story.refused("prepare-product", {**MADE, **half}) == ("amount-and-unit", "data.unit")


# -- interrupted -----------------------------------------------------------------------------------------------------

PAUSE = {"subject": "P1", "dose_number": 1, "stopped_at": "2020-05-21T10:10+02:00", "reason": "rash"}


def treated(**changes: Any) -> Story:
    story = in_arm("TREATMENT")
    story.tell("record-treatment", {**DOSE, "ended_at": "2020-05-21T10:30+02:00", **changes}, "2020-05-21")
    return story


def test_an_interruption_is_of_a_dose_and_leaves_nothing_in_the_open_book() -> None:
    decision = treated().tell("record-interruption", {**PAUSE, "resumed_at": "2020-05-21T10:20+02:00"}, "2020-05-21")
    assert (decision.open, [event.type for event in decision.sealed]) == ([], ["product.interrupted/1"])


@pytest.mark.parametrize(
    ("pause", "rule", "field"),
    [
        ({"dose_number": 2}, "dose-unknown", "data.dose_number"),
        ({"product": "Saline"}, "dose-unknown", "data.dose_number"),
        ({"resumed_at": "2020-05-21T10:05+02:00"}, "end-before-start", "data.resumed_at"),
        ({"stopped_at": "2020-05-21T09:59+02:00"}, "outside-dose", "data.stopped_at"),
        ({"resumed_at": "2020-05-21T10:31+02:00"}, "outside-dose", "data.resumed_at"),
        ({"subject": "P9"}, "subject-unknown", "data.subject"),
    ],
)
def test_an_interruption_lies_within_a_recorded_dose(pause: dict[str, Any], rule: str, field: str) -> None:
    story = treated()
    assert story.refused("record-interruption", {**PAUSE, **pause}, "2020-05-21") == (rule, field)


def test_a_dose_without_an_end_may_have_been_interrupted_at_any_time_after_its_start() -> None:
    story = in_arm("TREATMENT")
    story.tell("record-treatment", DOSE, "2020-05-21")
    story.tell("record-interruption", {**PAUSE, "stopped_at": "2020-05-21T23:00+02:00"}, "2020-05-22")


# -- corrected and voided --------------------------------------------------------------------------------------------


def change(command: str, field: str, new: Any) -> dict[str, Any]:
    return {"target": {"command": command}, "changes": [{"field": field, "new": new}], "reason": "misread"}


def test_a_preparation_is_corrected_and_what_it_departs_from_only_then_is_a_deviation() -> None:
    story = in_arm("TREATMENT")
    story.tell("prepare-product", MADE, "2020-05-21", id="made")
    assert deviations_of(story.tell("correct-sealed-record", change("made", "lot", "L-9"))) == []
    assert story.sealed().prepared == {(1, TREATMENT["product"], "L-9")}
    assert deviations_of(story.tell("correct-sealed-record", change("made", "product", "Saline"))) == ["product"]


def test_an_interruption_as_corrected_lies_within_its_dose_too() -> None:
    story = treated()
    story.tell("record-interruption", PAUSE, "2020-05-21", id="pause")
    late = change("pause", "stopped_at", "2020-05-21T10:40+02:00")
    assert story.refused("correct-sealed-record", late) == ("outside-dose", "data.changes[0].new")
    story.tell("correct-sealed-record", change("pause", "stopped_at", "2020-05-21T10:15+02:00"))


def test_what_was_prepared_in_error_is_voided_and_may_be_recorded_again() -> None:
    story = in_arm("TREATMENT")
    story.tell("prepare-product", MADE, "2020-05-21", id="made")
    story.tell("void-sealed-record", {"target": {"command": "made"}, "reason": "another subject's"})
    assert story.sealed().prepared == frozenset()
    story.tell("prepare-product", MADE, "2020-05-21")


@pytest.mark.parametrize("role", ["safety-physician", "investigator"])
def test_who_prepares_no_product_corrects_no_preparation(role: str) -> None:
    story = in_arm("TREATMENT")
    story.tell("prepare-product", MADE, "2020-05-21", id="made")
    assert story.refused("correct-sealed-record", change("made", "lot", "L-9"), role=role)[0] == "role"


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
