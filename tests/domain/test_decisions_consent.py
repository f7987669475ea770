"""Consent: an act while the trial takes subjects in, a fact when it is reported afterwards."""

from typing import Any

import pytest

from ledger.domain.events.consent import ConsentObtained
from tests.domain.story import CONSENT, IMPORT, Story, begun, consented, deviations_of

WHY = {"reason": "lack of financial support"}
P1 = {"subject": "P1", **CONSENT}
AGAIN = {"subject": "P1", "reason": "WRITTEN_CONFIRMATION"} | {k: v for k, v in CONSENT.items() if k != "site"}
WITHDRAWAL = {"subject": "P1", "giver": "PATIENT", "scope": "ALL"}

STOPS: list[tuple[str, dict[str, Any], str]] = [
    ("halt-trial", WHY, "halted"),
    ("suspend-trial", {**WHY, "authority": "AEMPS"}, "halted"),
    ("impose-clinical-hold", {**WHY, "authority": "FDA"}, "halted"),
    ("terminate-trial", WHY, "terminated"),
    ("close-site", {"site": "S01"}, "site-not-active"),
]


def stopped(type_: str, data: dict[str, Any], story: Story | None = None) -> Story:
    story = story or begun()
    story.tell(type_, data, "2020-05-20T12:00+02:00")
    return story


@pytest.mark.parametrize(("type_", "data", "rule"), [*STOPS, ("lock-database", WHY, "locked")])
@pytest.mark.parametrize("on", ["2020-05-20T12:00+02:00", "2020-05-20", "2020-05", "2020-05-21"])
def test_no_consent_is_taken_from_the_stop_on(type_: str, data: dict[str, Any], rule: str, on: str) -> None:
    assert stopped(type_, data).refused("record-consent", P1, on) == (rule, "occurred_at")


@pytest.mark.parametrize(("type_", "data", "rule"), STOPS)
@pytest.mark.parametrize("on", ["2020-05-19", "2020-05-20T09:59Z"])
def test_a_consent_of_before_the_stop_is_recorded_late_with_a_deviation(
    type_: str, data: dict[str, Any], rule: str, on: str
) -> None:
    story = stopped(type_, data)
    story.now = "2020-05-21T00:00:00.000000Z"
    decision = story.tell("record-consent", P1, on)
    assert decision.open[0].late, rule
    assert deviations_of(decision) == ["late-consent"]
    assert story.subject().known


def test_a_consent_of_before_the_lock_is_data_after_the_lock() -> None:
    decision = stopped("lock-database", WHY).tell("record-consent", P1, "2020-05-19")
    assert deviations_of(decision) == ["after-lock"]


def test_a_consent_given_during_a_halt_that_is_over_is_a_fact_with_a_deviation() -> None:
    story = stopped("halt-trial", WHY)
    story.tell("restart-trial", WHY, "2020-05-25")
    assert deviations_of(story.tell("record-consent", P1, "2020-05-22")) == ["consent-during-halt"]
    assert deviations_of(story.tell("record-consent", {**P1, "subject": "P2"}, "2020-05-26")) == []


def test_a_consent_before_the_site_opened_is_a_fact_with_a_deviation() -> None:
    assert deviations_of(begun().tell("record-consent", P1, "2020-05-06")) == ["before-activation"]


@pytest.mark.parametrize(
    ("story", "type_", "data", "on", "rule", "field"),
    [
        pytest.param(begun(), "record-consent", {**P1, "site": "S9"}, "2020-05-20", "site-not-active", "data.site"),
        pytest.param(consented(), "record-consent", P1, "2020-05-20", "consented-already", "data.subject"),
        pytest.param(begun(), "renew-consent", AGAIN, "2020-05-20", "subject-unknown", "data.subject"),
        pytest.param(begun(), "withdraw-consent", WITHDRAWAL, "2020-05-20", "subject-unknown", "data.subject"),
        pytest.param(consented(), "withdraw-consent", WITHDRAWAL, "2020-05-17", "before-consent", "occurred_at"),
        pytest.param(consented(), "renew-consent", AGAIN, "2020-05-17", "before-consent", "occurred_at"),
    ],
)
def test_what_contradicts_the_record_is_refused(
    story: Story, type_: str, data: dict[str, Any], on: str, rule: str, field: str
) -> None:
    assert story.refused(type_, data, on) == (rule, field)


def test_one_withdraws_from_one_thing_once() -> None:
    story = consented()
    story.tell("withdraw-consent", {**WITHDRAWAL, "scope": "INTERVENTION"}, role="participant")
    assert story.refused("withdraw-consent", {**WITHDRAWAL, "scope": "INTERVENTION"})[0] == "withdrawn-already"
    story.tell("withdraw-consent", WITHDRAWAL)


def test_an_import_is_taken_with_the_order_that_its_source_has() -> None:
    story = consented()
    story.tell("withdraw-consent", WITHDRAWAL, "2020-05-17", provenance=IMPORT)
    assert story.subject().withdrawn


def test_asking_again_goes_on_during_a_halt_but_not_after_a_withdrawal() -> None:
    story = stopped("halt-trial", WHY, consented())
    assert deviations_of(story.tell("renew-consent", AGAIN, "2020-05-22")) == []
    story.tell("withdraw-consent", WITHDRAWAL, "2020-05-23")
    assert story.refused("renew-consent", AGAIN, "2020-05-24") == ("halted", "occurred_at")


def test_names_lie_in_the_identity_section_alone() -> None:
    named = {**P1, "subject_name": "Ada L.", "giver_name": "Byron L."}
    event = begun().tell("record-consent", named).open[0]
    assert isinstance(event, ConsentObtained)
    sections = dict(event.payloads())
    assert b"Ada" in sections["identity"]
    assert b"Ada" not in sections["plain"]
    assert b"Byron" not in sections["plain"]
