"""What is dated to when it cannot have been is refused; what is reported afterwards leaves a deviation."""

from typing import Any

import pytest

from tests.domain.story import (
    CONSENT,
    ELIGIBLE,
    IMPORT,
    PROTOCOL,
    TREATMENT,
    Story,
    begun,
    consented,
    deviations_of,
    enrolled,
    randomized,
    screened,
)
from tests.domain.test_decisions_correction import FEVER, again, correction

P1 = {"subject": "P1"}
WHY = {"reason": "no money"}
DIED = [
    pytest.param("record-death", {**P1, "died": "2020-05-20"}, id="death"),
    pytest.param("record-vital-status", {**P1, "status": "DEAD"}, id="vital status"),
    pytest.param("record-disposition", {**P1, "term": "DEATH"}, id="disposition"),
]


def halted_and_on_again() -> Story:
    story = screened()
    story.tell("halt-trial", WHY, "2020-05-21", now="2020-05-21T09:00:00.000000Z")
    story.tell("restart-trial", WHY, "2020-05-25")
    return story


def closed_and_open_again(story: Story) -> Story:
    story.tell("close-site", {"site": "S01"}, "2020-05-21")
    story.tell("activate-site", {"site": "S01"}, "2020-05-25")
    return story


@pytest.mark.parametrize(
    ("story", "on", "now"),
    [
        pytest.param(halted_and_on_again(), "2020-05-22", "2020-05-26", id="in a halt that is over"),
        pytest.param(closed_and_open_again(screened()), "2020-05-22", "2020-05-26", id="while the site was closed"),
        pytest.param(screened(), "2020-05-19", "2020-05-27", id="eight days ago"),
        pytest.param(screened(), "2020-05", "2020-05-20", id="some day in May"),
        pytest.param(screened(), "2020", "2020-05-20", id="some day in 2020"),
    ],
)
def test_what_the_ledger_does_itself_it_does_now(story: Story, on: str, now: str) -> None:
    now += "T12:00:00.000000Z"
    assert story.refused("enrol-subject", P1, on, now=now) == ("act-not-now", "occurred_at")
    story.tell("enrol-subject", P1, on, now=now, provenance=IMPORT)


def test_randomization_is_done_now_as_well() -> None:
    late = "2020-05-28T12:00:00.000000Z"
    assert enrolled().refused("randomize-subject", P1, "2020-05-20", now=late)[0] == "act-not-now"
    enrolled().tell("randomize-subject", P1, "2020-05-21", now=late)


@pytest.mark.parametrize(("type_", "data"), DIED)
def test_who_is_dead_by_any_record_is_not_taken_in_nor_seen_alive(type_: str, data: dict[str, Any]) -> None:
    for story, act in ((screened(), "enrol-subject"), (enrolled(), "randomize-subject")):
        story.tell(type_, data)
        assert story.refused(act, P1)[0] == "died"
        assert story.refused("record-vital-status", {**P1, "status": "ALIVE"}, "2020-05-21")[0] == "died"
        given = {name: value for name, value in CONSENT.items() if name != "site"}
        assert story.refused("renew-consent", {**P1, **given, "reason": "OTHER"}, "2020-05-21")[0] == "died"


@pytest.mark.parametrize(("type_", "data"), DIED)
def test_what_is_dated_after_death_leaves_a_deviation_unless_imported(type_: str, data: dict[str, Any]) -> None:
    story = consented()
    story.tell(type_, data)
    late: list[tuple[str, dict[str, Any], list[str]]] = [
        ("record-visit", {**P1, "visit": "X"}, ["after-death"]),
        ("report-adverse-event", {**FEVER, "onset": "2020-05-21"}, ["after-death"]),
        ("report-adverse-event", {**FEVER, "ae": "2", "onset": "2020-05-19"}, []),
    ]
    for kind, what, rules in late:
        assert deviations_of(story.tell(kind, what, "2020-05-22")) == rules
    assert deviations_of(story.tell("record-visit", {**P1, "visit": "Y"}, "2020-05-22", provenance=IMPORT)) == []


def test_a_death_before_a_visit_that_was_done_leaves_a_deviation() -> None:
    story = consented()
    story.tell("record-visit", {**P1, "visit": "X"}, "2020-05-22")
    assert deviations_of(story.tell("record-death", {**P1, "died": "2020-05-21"}, "2020-05-23")) == ["after-death"]


def test_nobody_is_dead_before_having_been_seen_alive_or_having_consented() -> None:
    story = consented()
    story.tell("record-vital-status", {**P1, "status": "ALIVE"}, "2020-05-25")
    assert story.refused("record-vital-status", {**P1, "status": "DEAD"}, "2020-05-24")[0] == "seen-alive"
    assert consented().refused("record-death", {**P1, "died": "2020-05-17"}) == ("before-consent", "data.died")


@pytest.mark.parametrize(("scope", "rules"), [("ALL", ["visit-after-withdrawal"]), ("INTERVENTION", [])])
def test_a_withdrawal_reported_after_a_later_visit_leaves_a_deviation(scope: str, rules: list[str]) -> None:
    story = consented()
    story.tell("record-visit", {**P1, "visit": "X"}, "2020-05-22")
    data = {**P1, "giver": "PATIENT", "scope": scope}
    assert deviations_of(story.tell("withdraw-consent", data, "2020-05-21")) == rules


def test_a_halt_recorded_after_its_day_has_what_came_since_reviewed() -> None:
    story = begun()
    told = story.tell("halt-trial", WHY, "2020-05-21", now="2020-05-22T00:30:00.000000Z")
    assert deviations_of(told) == ["halt-recorded-late"]
    assert told.open[1].stream == "trial"
    assert deviations_of(begun().tell("halt-trial", WHY, "2020-05-21", now="2020-05-21T23:30:00.000000Z")) == []


@pytest.mark.parametrize(("on", "rules"), [("2022-05-10", []), ("2022-05-11", ["restart-after-two-years"])])
def test_a_restart_more_than_two_years_after_the_halt_leaves_a_deviation(on: str, rules: list[str]) -> None:
    story = begun()
    story.tell("halt-trial", WHY, "2020-05-10", now="2020-05-10T09:00:00.000000Z")
    assert deviations_of(story.tell("restart-trial", WHY, on, now="2022-06-01T12:00:00.000000Z")) == rules


def test_a_consent_given_while_the_site_was_closed_leaves_a_deviation() -> None:
    story = closed_and_open_again(begun())
    told = [deviations_of(story.tell("record-consent", {"subject": f"P{n}", **CONSENT}, f"2020-05-{day}"))
            for n, day in enumerate((20, 21, 24, 25))]  # fmt: skip
    assert told == [[], ["consent-while-closed"], ["consent-while-closed"], []]


def test_a_consent_on_another_version_than_the_one_in_force_leaves_a_deviation() -> None:
    story = begun()
    changed = {**PROTOCOL.settings.model_dump(mode="json"), "consent_document_version": "1.1"}
    protocol = PROTOCOL.amended({"settings": changed}).model_dump(mode="json")
    story.tell("amend-protocol", {"amendment": "A1", "protocol": protocol, "reason": "x"}, "2020-05-20")
    told = {}
    for n, (day, version) in enumerate([(19, "1.0"), (19, "1.1"), (20, "1.0"), (20, "1.1"), (21, "1.0"), (21, "1.1")]):
        data = {"subject": f"P{n}", **CONSENT, "document_version": version}
        told[day, version] = deviations_of(story.tell("record-consent", data, f"2020-05-{day}"))
    assert [key for key, rules in told.items() if rules == ["document-version"]] == [(19, "1.1"), (21, "1.0")]
    assert sum(map(len, told.values())) == 2


@pytest.mark.parametrize(
    ("type_", "changes", "rule"),
    [
        ("record-consent", {"witnessed": False, "witness_name": "W"}, "witness"),
        ("record-consent", {"giver": "PATIENT"}, "relation"),
        ("renew-consent", {"reason": "CAPACITY_REGAINED"}, "capacity"),
    ],
)
def test_the_parts_of_a_consent_fit_each_other(type_: str, changes: dict[str, Any], rule: str) -> None:
    data = {"subject": "P2" if type_ == "record-consent" else "P1", **CONSENT, **changes}
    if type_ == "renew-consent":
        del data["site"]
    assert consented().refused(type_, data)[0] == rule
    consented().tell(type_, data, provenance=IMPORT)


@pytest.mark.parametrize(
    ("record", "changes", "rule"),
    [
        pytest.param("death", {"died": "2020-05-17"}, "before-consent", id="death before consent"),
        pytest.param("death", {"died": "2020-05-25"}, "seen-alive", id="death before being seen alive"),
        pytest.param("alive", {"occurred_at": "2020-05-29"}, "died", id="alive after death"),
        pytest.param("fever", {"onset": "2020-05-24"}, "end-before-start", id="onset after the end of a follow-up"),
        pytest.param("follow-up", {"ended": "2020-05-18"}, "end-before-start", id="a follow-up's end before onset"),
        pytest.param("enrolment", {"occurred_at": "2020-05-17"}, "before-consent", id="enrolled before consent"),
        pytest.param("enrolment", {"occurred_at": "2020-05-18"}, "before-screening", id="enrolled before screening"),
        pytest.param("enrolment", {"occurred_at": "2020-05-21"}, "after-randomization", id="after randomization"),
        pytest.param("randomization", {"occurred_at": "2020-05-18"}, "before-enrolment", id="before enrolment"),
        pytest.param("consent", {"giver": "PATIENT"}, "relation", id="a patient with a relation"),
        pytest.param("consent", {"occurred_at": "2020-05-29"}, "died", id="consent after death"),
        pytest.param("fever", {"outcome": "FATAL"}, "fatal", id="fatal but not serious"),
    ],
)
def test_a_correction_is_refused_for_what_the_first_entry_would_have_been(
    record: str, changes: dict[str, Any], rule: str
) -> None:
    story = again()
    story.tell("record-vital-status", {**P1, "status": "ALIVE"}, "2020-05-26", id="alive")
    story.tell("follow-up-adverse-event", {**P1, "ae": "1", "ended": "2020-05-23"}, "2020-05-24", id="follow-up")
    assert story.refused("correct-record", correction(record, **changes), "2020-05-30")[0] == rule


def test_a_vital_status_is_corrected_without_contradicting_itself() -> None:
    story = consented()
    story.tell("record-vital-status", {**P1, "status": "DEAD"}, "2020-05-26", id="dead")
    story.tell("correct-record", correction("dead", status="ALIVE", occurred_at="2020-05-27"))
    assert story.subject().dead_since is None


def test_a_fatal_event_is_serious_because_of_the_death_unless_a_source_has_it_otherwise() -> None:
    fatal = {**FEVER, "outcome": "FATAL"}
    for more in ({}, {"serious": True, "seriousness": ["HOSPITALIZATION"]}):
        assert consented().refused("report-adverse-event", {**fatal, **more}) == ("fatal", "data.seriousness")
    consented().tell("report-adverse-event", {**fatal, "serious": True, "seriousness": ["DEATH"]})
    consented().tell("report-adverse-event", fatal, provenance=IMPORT)


def test_an_interruption_lies_within_its_dose() -> None:
    ended = {**P1, **TREATMENT, "ended_at": "2020-05-21T11:00+02:00"}
    for pause in ({"stopped_at": "2020-05-21T11:01+02:00"},
                  {"stopped_at": "2020-05-21T10:30+02:00", "resumed_at": "2020-05-21T11:01+02:00"}):  # fmt: skip
        data = {**ended, "interruptions": [{**pause, "reason": "x"}]}
        assert randomized().refused("record-treatment", data, "2020-05-21")[0] == "outside-dose"


@pytest.mark.parametrize(
    ("changes", "rules"),
    [({"product": "MSC"}, ["product"]), ({"route": "ORAL"}, ["route"]), ({"route": "Intravenous"}, [])],
)
def test_another_product_or_route_than_planned_is_a_sealed_deviation(changes: dict[str, Any], rules: list[str]) -> None:
    decision = randomized().tell("record-treatment", {**P1, **TREATMENT, **changes}, "2020-05-21")
    assert (deviations_of(decision), decision.open) == (rules, [])


def test_a_planned_visit_goes_by_its_name_in_any_case() -> None:
    assert deviations_of(randomized().tell("record-visit", {**P1, "visit": "Day 7"}, "2020-05-30")) == ["visit-window"]


def test_a_screening_after_a_withdrawal_leaves_a_deviation() -> None:
    story = consented()
    story.tell("withdraw-consent", {**P1, "giver": "PATIENT", "scope": "ALL"}, "2020-05-20")
    told = story.tell("record-screening", {**P1, "values": ELIGIBLE}, "2020-05-21")
    assert deviations_of(told) == ["screening-after-withdrawal"]


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        ("2020-06-01T12:05Z", True),
        ("2020-06-01T12:06Z", False),
        ("2020-06-01T14:05+02:00", True),
        ("2020-06-01T14:06+02:00", False),
        ("2020-06-02", True),
    ],
)
def test_a_full_time_is_compared_with_now_to_the_minute(when: str, taken: bool) -> None:
    alive = {**P1, "status": "ALIVE"}
    if taken:
        consented().tell("record-vital-status", alive, when)
    else:
        assert consented().refused("record-vital-status", alive, when) == ("future", "occurred_at")


def test_a_site_that_the_protocol_does_not_have_is_not_activated() -> None:
    assert begun().refused("activate-site", {"site": "TYPO9"}) == ("site-unknown", "data.site")


@pytest.mark.parametrize(
    "changes",
    [
        {"masking": "SINGLE", "masked_roles": ["PARTICIPANT"]},
        {"masking": "NONE", "masked_roles": []},
        {"masking": "TRIPLE", "masked_roles": ["PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR"]},
    ],
)
def test_an_amendment_unmasks_nobody(changes: dict[str, Any]) -> None:
    data = {"amendment": "A1", "protocol": PROTOCOL.amended(changes).model_dump(mode="json"), "reason": "x"}
    assert begun().refused("amend-protocol", data) == ("unmasking", "data.protocol.masked_roles")


def test_an_amendment_may_mask_more() -> None:
    story = begun(PROTOCOL.amended({"masking": "SINGLE", "masked_roles": ["PARTICIPANT"]}))
    data = {"amendment": "A1", "protocol": PROTOCOL.model_dump(mode="json"), "reason": "x"}
    story.tell("amend-protocol", data)
    assert story.trial.protocol == PROTOCOL
