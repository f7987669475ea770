"""Adverse events, vital status and death: taken whenever they come, refused where they contradict the record."""

from typing import Any

import pytest

from tests.domain.story import IMPORT, Story, begun, consented, deviations_of

FEVER = {"subject": "P1", "ae": "1", "term": "Fever", "serious": False, "onset": "2020-05-19"}
GRAVE = {**FEVER, "serious": True, "seriousness": ["HOSPITALIZATION"]}
CODING = {
    "subject": "P1",
    "ae": "1",
    "dictionary": "MedDRA",
    "preferred_term": "Pyrexia",
    "system_organ_class": "General disorders",
}
DEATH = {"subject": "P1", "died": "2020-05-20"}


def with_fever(data: dict[str, Any] = FEVER) -> Story:
    story = consented()
    story.tell("report-adverse-event", data)
    return story


def dead() -> Story:
    story = consented()
    story.tell("record-death", DEATH)
    return story


def seen_alive() -> Story:
    story = consented()
    story.tell("record-vital-status", {"subject": "P1", "status": "ALIVE"}, "2020-05-25")
    return story


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("report-adverse-event", FEVER),
        ("follow-up-adverse-event", {"subject": "P1", "ae": "1", "note": "x"}),
        ("code-adverse-event", CODING),
        ("record-death", DEATH),
        ("record-vital-status", {"subject": "P1", "status": "ALIVE"}),
        ("record-visit", {"subject": "P1", "visit": "DAY 3"}),
        ("record-disposition", {"subject": "P1", "term": "COMPLETED"}),
        ("report-deviation", {"subject": "P1", "category": "OTHER", "detail": "x"}),
    ],
)
def test_of_somebody_who_never_consented_nothing_is_recorded(type_: str, data: dict[str, Any]) -> None:
    assert begun().refused(type_, data) == ("subject-unknown", "data.subject")


@pytest.mark.parametrize(
    ("story", "type_", "data", "rule", "field"),
    [
        pytest.param(with_fever(), "report-adverse-event", FEVER, "ae-exists", "data.ae", id="a number given twice"),
        pytest.param(
            consented(), "report-adverse-event", {**FEVER, "serious": True}, "seriousness", "data.seriousness",
            id="serious without a criterion",
        ),
        pytest.param(
            consented(), "report-adverse-event", {**GRAVE, "serious": False}, "seriousness", "data.seriousness",
            id="a criterion without being serious",
        ),
        pytest.param(
            consented(), "report-adverse-event", {**FEVER, "ended": "2020-05-18"}, "end-before-start", "data.ended",
            id="ended before onset",
        ),
        pytest.param(
            with_fever(), "follow-up-adverse-event", {"subject": "P1", "ae": "2", "note": "x"}, "ae-unknown", "data.ae",
            id="follow-up of nothing",
        ),
        pytest.param(
            with_fever(), "follow-up-adverse-event", {"subject": "P1", "ae": "1"}, "nothing-new", "data",
            id="follow-up that says nothing",
        ),
        pytest.param(
            with_fever(), "follow-up-adverse-event", {"subject": "P1", "ae": "1", "serious": True}, "seriousness",
            "data.seriousness", id="serious later without a criterion",
        ),
        pytest.param(
            with_fever(), "follow-up-adverse-event", {"subject": "P1", "ae": "1", "ended": "2020-05-18"},
            "end-before-start", "data.ended", id="ended before the onset reported first",
        ),
        pytest.param(consented(), "code-adverse-event", CODING, "ae-unknown", "data.ae", id="coding of nothing"),
        pytest.param(dead(), "record-death", {**DEATH, "died": "2020-05-21"}, "died", "data.died", id="died twice"),
        pytest.param(seen_alive(), "record-death", DEATH, "seen-alive", "data.died", id="seen alive since"),
    ],
)  # fmt: skip
def test_what_contradicts_the_record_is_refused(
    story: Story, type_: str, data: dict[str, Any], rule: str, field: str
) -> None:
    assert story.refused(type_, data) == (rule, field)


def test_a_source_is_taken_as_it_is() -> None:
    story = consented()
    odd = {**FEVER, "serious": True, "ended": "2020-05-01"}
    story.tell("report-adverse-event", odd, provenance=IMPORT)
    assert story.subject().adverse_events["1"].serious


def test_partial_dates_that_may_be_in_order_are_taken() -> None:
    story = with_fever({**FEVER, "onset": "2020-05", "ended": "2020-05-03"})
    assert story.subject().adverse_events["1"].onset == "2020-05"


def test_the_same_death_from_two_sources_is_recorded_twice() -> None:
    story = dead()
    story.tell("record-death", {**DEATH, "cause": "respiratory failure"})
    story.tell("record-death", {**DEATH, "died": "2020-05"})


def test_nobody_is_seen_alive_after_death_but_may_have_been_before() -> None:
    alive = {"subject": "P1", "status": "ALIVE"}
    assert dead().refused("record-vital-status", alive, "2020-05-21") == ("died", "data.status")
    dead().tell("record-vital-status", alive, "2020-05-19")


def test_safety_goes_on_during_a_halt_after_withdrawal_and_after_death() -> None:
    story = with_fever(GRAVE)
    story.tell("halt-trial", {"reason": "no money"})
    story.tell("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "ALL"})
    facts: list[tuple[str, dict[str, Any]]] = [
        ("record-death", DEATH),
        ("follow-up-adverse-event", {"subject": "P1", "ae": "1", "outcome": "FATAL", "seriousness": ["DEATH"]}),
        ("report-adverse-event", {**FEVER, "ae": "2"}),
        ("code-adverse-event", CODING),
        ("record-visit", {"subject": "P1", "visit": "AUTOPSY"}),
        ("record-disposition", {"subject": "P1", "term": "DEATH", "epoch": "FOLLOW-UP"}),
    ]
    for type_, data in facts:
        assert deviations_of(story.tell(type_, data)) == [], type_
