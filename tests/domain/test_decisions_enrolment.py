"""Nobody is enrolled without consent and eligibility, nobody is allocated beyond the cap or while halted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.decisions import Refusal
from ledger.domain.events.enrolment import ScreeningCompleted, SubjectEnrolled, SubjectRandomized
from tests.domain.story import (
    CONSENT,
    ELIGIBLE,
    IMPORT,
    PROTOCOL,
    Story,
    begun,
    consented,
    deviations_of,
    enrolled,
    randomized,
    screened,
)

P1 = {"subject": "P1"}
WHY = {"reason": "lack of financial support"}
WAIVER = {**P1, "criterion": "I2", "reason": "17 years and 11 months", "approved_by": "Medical monitor"}


def then(story: Story, type_: str, data: dict[str, Any], on: str = "2020-05-20") -> Story:
    story.tell(type_, data, on)
    return story


def withdrawn(story: Story) -> Story:
    return then(story, "withdraw-consent", {**P1, "giver": "PATIENT", "scope": "INTERVENTION"})


def dead(story: Story) -> Story:
    return then(story, "record-death", {**P1, "died": "2020-05-20"})


@pytest.mark.parametrize(
    ("story", "on", "rule"),
    [
        pytest.param(begun(), "2020-05-20", "subject-unknown", id="nobody consented"),
        pytest.param(consented(), "2020-05-20", "not-screened", id="not screened"),
        pytest.param(screened(age_years=17), "2020-05-20", "not-eligible", id="too young"),
        pytest.param(screened(failing_organs=4), "2020-05-20", "not-eligible", id="four organs failing"),
        pytest.param(
            then(screened(age_years=17, ecmo_needed=True), "grant-waiver", WAIVER),
            "2020-05-20",
            "not-eligible",
            id="one of two waived",
        ),
        pytest.param(withdrawn(screened()), "2020-05-20", "withdrawn", id="withdrawn"),
        pytest.param(dead(screened()), "2020-05-20", "died", id="dead"),
        pytest.param(enrolled(), "2020-05-20", "enrolled-already", id="twice"),
        pytest.param(then(screened(), "halt-trial", WHY), "2020-05-19", "halted", id="halted"),
        pytest.param(then(screened(), "terminate-trial", WHY), "2020-05-19", "terminated", id="ended"),
        pytest.param(then(screened(), "lock-database", WHY), "2020-05-19", "locked", id="locked"),
        pytest.param(then(screened(), "close-site", {"site": "S01"}), "2020-05-20", "site-not-active", id="site"),
        pytest.param(screened(), "2020-05-17", "before-consent", id="before consent"),
        pytest.param(screened(), "2020-05-18", "before-screening", id="before screening"),
    ],
)
def test_enrolment_is_refused(story: Story, on: str, rule: str) -> None:
    assert story.refused("enrol-subject", P1, on)[0] == rule


@pytest.mark.parametrize(
    ("story", "on", "rule"),
    [
        pytest.param(begun(), "2020-05-20", "subject-unknown", id="nobody consented"),
        pytest.param(screened(), "2020-05-20", "not-enrolled", id="not enrolled"),
        pytest.param(randomized(), "2020-05-20", "randomized-already", id="twice"),
        pytest.param(withdrawn(enrolled()), "2020-05-20", "withdrawn", id="withdrawn"),
        pytest.param(dead(enrolled()), "2020-05-20", "died", id="dead"),
        pytest.param(then(enrolled(), "halt-trial", WHY), "2020-05-19", "halted", id="halted"),
        pytest.param(then(enrolled(), "terminate-trial", WHY), "2020-05-19", "terminated", id="ended"),
        pytest.param(then(enrolled(), "lock-database", WHY), "2020-05-19", "locked", id="locked"),
        pytest.param(then(enrolled(), "close-site", {"site": "S01"}), "2020-05-20", "site-not-active", id="site"),
        pytest.param(enrolled(), "2020-05-18", "before-enrolment", id="before enrolment"),
    ],
)
def test_randomization_is_refused(story: Story, on: str, rule: str) -> None:
    assert story.refused("randomize-subject", P1, on)[0] == rule


def test_there_is_no_randomization_without_a_list() -> None:
    story = enrolled()
    story.arm_of = lambda *_: None
    assert story.refused("randomize-subject", P1) == ("no-allocation-list", "type")


def test_enrolment_stops_at_the_cap_whoever_holds_the_places() -> None:
    small = PROTOCOL.amended({"enrolment": {"count": 2, "cap": 2}})
    story = begun(small)
    for subject in ("P1", "P2"):
        enrolled(subject, story)
    screened("P3", story)
    assert story.refused("enrol-subject", {"subject": "P3"})[0] == "cap"
    assert [fact.data["number"] for fact in story.facts_of("enrolment-log")] == [1, 2]


def test_a_screening_is_computed_criterion_by_criterion() -> None:
    event = consented().tell("record-screening", {**P1, "values": {**ELIGIBLE, "age_years": 17}}).open[0]
    assert isinstance(event, ScreeningCompleted)
    assert not event.eligible
    assert event.failed == ("I2",)
    assert [one.criterion for one in event.results] == [one.id for one in PROTOCOL.eligibility.criteria]
    assert event.basis == "COMPUTED"


def test_what_is_not_known_stands_in_the_way() -> None:
    story = consented()
    story.tell("record-screening", {**P1, "values": {k: v for k, v in ELIGIBLE.items() if k != "age_years"}})
    assert story.subject().unwaived == ("I2",)


@pytest.mark.parametrize(
    ("values", "on", "field"),
    [
        ({"age_years": "old"}, "2020-05-19", "data.values.age_years"),
        ({"shoe_size": 43}, "2020-05-19", "data.values.shoe_size"),
        ({"sex": True}, "2020-05-19", "data.values.sex"),
        (ELIGIBLE, "2020-05", "occurred_at"),
    ],
)
def test_values_that_the_protocol_does_not_know_are_refused_by_name(
    values: dict[str, Any], on: str, field: str
) -> None:
    assert consented().refused("record-screening", {**P1, "values": values}, on)[1] == field


def test_a_test_made_before_consent_is_recorded_and_raises_a_deviation() -> None:
    story = consented()
    assert deviations_of(story.tell("record-screening", {**P1, "values": ELIGIBLE}, "2020-05-17")) == [
        "screening-before-consent"
    ]
    assert deviations_of(story.tell("record-screening", {**P1, "values": ELIGIBLE}, "2020-05-18")) == []


def test_who_is_found_not_eligible_after_enrolment_leaves_a_deviation() -> None:
    data = {**P1, "values": {**ELIGIBLE, "age_years": 17}}
    assert deviations_of(enrolled().tell("record-screening", data)) == ["enrolled-not-eligible"]


def test_enrolment_on_a_waiver_leaves_a_deviation_that_names_the_criterion() -> None:
    story = then(screened(age_years=17), "grant-waiver", WAIVER)
    decision = story.tell("enrol-subject", P1)
    assert deviations_of(decision) == ["enrolled-on-waiver"]
    enrolment, _, deviation = decision.open
    assert isinstance(enrolment, SubjectEnrolled)
    assert enrolment.waived == ("I2",)
    assert "I2" in deviation.model_dump()["detail"]


@pytest.mark.parametrize(
    ("story", "rule"),
    [
        (consented(), "criterion-not-failed"),
        (screened(), "criterion-not-failed"),
        (then(screened(age_years=17), "grant-waiver", WAIVER), "waived-already"),
        (enrolled(), "enrolled-already"),
    ],
)
def test_only_what_has_failed_is_waived_once_and_beforehand(story: Story, rule: str) -> None:
    assert story.refused("grant-waiver", WAIVER)[0] == rule


def test_each_stratum_counts_its_own_indices_and_arms_come_from_the_list() -> None:
    story = begun()
    story.tell("activate-site", {"site": "S02"})
    story.arms = {("S01", 1): "CONTROL", ("S01", 2): "TREATMENT", ("S02", 1): "CONTROL"}
    for subject, site in [("P1", "S01"), ("P2", "S02"), ("P3", "S01")]:
        story.tell("record-consent", {"subject": subject, **CONSENT, "site": site}, "2020-05-20")
        story.tell("record-screening", {"subject": subject, "values": ELIGIBLE}, "2020-05-20")
        story.tell("enrol-subject", {"subject": subject})
        story.tell("randomize-subject", {"subject": subject})
    places = {one: (story.subject(one).stratum, story.subject(one).index) for one in ("P1", "P2", "P3")}
    assert places == {"P1": ("S01", 1), "P2": ("S02", 1), "P3": ("S01", 2)}
    assert [story.sealed(one).arm for one in ("P1", "P2", "P3")] == ["CONTROL", "CONTROL", "TREATMENT"]


def test_the_open_half_of_a_randomization_is_the_same_whatever_the_arm() -> None:
    halves = []
    for arm in ("CONTROL", "TREATMENT"):
        story = enrolled()
        story.arms = {("S01", 1): arm}
        decision = story.tell("randomize-subject", P1)
        halves.append([event.payloads() for event in decision.open])
        assert [event.type for event in decision.sealed] == ["arm.assigned/1"]
    assert halves[0] == halves[1]
    assert not any(b"CONTROL" in payload for event in halves[0] for _, payload in event)


@pytest.mark.parametrize(
    ("factors", "stratum"),
    [(["SITE"], "S01"), (["SITE", "SEX"], "S01/M"), (["SEX"], "M"), ([], "ALL"), (["SEVERITY"], None)],
)
def test_the_stratum_is_made_of_the_factors_of_the_protocol(factors: list[str], stratum: str | None) -> None:
    raw = PROTOCOL.settings.model_dump(mode="json")
    raw["stratification"]["factors"] = factors
    story = enrolled("P1", begun(PROTOCOL.amended({"settings": raw})))
    if stratum is None:
        assert story.refused("randomize-subject", P1)[0] == "stratum-unknown"
    else:
        event = story.tell("randomize-subject", P1).open[0]
        assert isinstance(event, SubjectRandomized)
        assert event.stratum == stratum


def test_an_import_claims_eligibility_and_arm_and_both_say_so() -> None:
    story = consented("P1", begun(listed=False))
    story.tell("claim-screening", {**P1, "values": {}, "eligible": True}, provenance=IMPORT)
    story.tell("enrol-subject", P1, provenance=IMPORT)
    bad = {**P1, "arm": "PLACEBO"}
    assert story.refused("claim-randomization", bad, provenance=IMPORT) == ("arm-unknown", "data.arm")
    decision = story.tell("claim-randomization", {**P1, "arm": "CONTROL"}, provenance=IMPORT)
    assert [event.model_dump().get("claimed") for event in (*decision.open, *decision.sealed)] == [True, True, True]
    assert story.sealed().arm == "CONTROL"
    assert story.subject().index == 1


def test_a_claim_of_screening_agrees_with_itself() -> None:
    data = {**P1, "values": {}, "eligible": True, "failed": ["I2"]}
    assert consented().refused("claim-screening", data, provenance=IMPORT)[0] == "eligible-with-failures"


STEPS: dict[str, dict[str, Any]] = {
    "record-consent": CONSENT,
    "renew-consent": {k: v for k, v in CONSENT.items() if k != "site"} | {"reason": "OTHER"},
    "withdraw-consent": {"giver": "PATIENT", "scope": "ALL"},
    "record-screening": {"values": ELIGIBLE},
    "grant-waiver": {"criterion": "I2", "reason": "because", "approved_by": "MM"},
    "enrol-subject": {},
    "randomize-subject": {},
    "record-death": {"died": "2020-05-20"},
}
FAILING = {"values": {**ELIGIBLE, "age_years": 17}}
CONDUCT = {"halt-trial": WHY, "restart-trial": WHY, "lock-database": WHY, "unlock-database": WHY}
moves = st.one_of(
    st.tuples(st.sampled_from([*STEPS, "failing", "record-screening", "enrol-subject"]), st.sampled_from(["P1", "P2"])),
    st.tuples(st.sampled_from(list(CONDUCT)), st.none()),
)
BEGUN = begun(PROTOCOL.amended({"enrolment": {"count": 1, "cap": 1}})).facts


@settings(max_examples=60)
@given(st.lists(moves, max_size=25))
def test_no_sequence_of_commands_enrols_without_consent_and_eligibility_or_beyond_the_cap(
    sequence: list[tuple[str, str | None]],
) -> None:
    story = Story(facts=list(BEGUN), commands=100)
    for step, subject in sequence:
        type_ = "record-screening" if step == "failing" else step
        data = (
            CONDUCT[step]
            if subject is None
            else {"subject": subject, **(FAILING if step == "failing" else STEPS[step])}
        )
        before = None if subject is None else story.subject(subject)
        trial = story.trial
        try:
            story.tell(type_, data)
        except Refusal:
            continue
        if type_ in ("enrol-subject", "randomize-subject"):
            assert before is not None
            assert before.known
            assert not before.withdrawn
            assert before.died is None
            assert before.screening is not None
            assert trial.halted is None
            assert not trial.locked
            if type_ == "enrol-subject":
                assert before.screening.eligible or not before.unwaived
            else:
                assert before.enrolled
    numbers = [fact.data["number"] for fact in story.facts_of("enrolment-log")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) <= 1
    drawn = [fact.data["index"] for fact in story.facts_of("allocation/S01")]
    assert drawn == list(range(1, len(drawn) + 1))
    again = Story(facts=list(story.facts))
    assert (again.trial, again.subject("P1"), again.subject("P2")) == (
        story.trial,
        story.subject("P1"),
        story.subject("P2"),
    )
