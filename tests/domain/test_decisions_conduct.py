"""Visits in and out of their windows, deviations that people report, dispositions."""

from typing import Any

import pytest

from tests.domain.story import IMPORT, Story, begun, consented, deviations_of, randomized

VISIT = {"subject": "P1", "visit": "DAY 7"}
RANDOMIZED = randomized()


@pytest.mark.parametrize(
    ("visit", "on", "rules"),
    [
        pytest.param(VISIT, "2020-05-27", [], id="on the day"),
        pytest.param(VISIT, "2020-05-26", [], id="a day early"),
        pytest.param(VISIT, "2020-05-28", [], id="a day late"),
        pytest.param(VISIT, "2020-05-25", ["visit-window"], id="two days early"),
        pytest.param(VISIT, "2020-05-29", ["visit-window"], id="two days late"),
        pytest.param({**VISIT, "started": "2020-05-27"}, "2020-05-30", [], id="the start counts, not the report"),
        pytest.param({**VISIT, "visit": "UNPLANNED"}, "2020-05-29", [], id="not planned"),
        pytest.param(VISIT, "2020-05", [], id="the day is not known"),
        pytest.param({**VISIT, "state": "MISSED"}, "2020-05-30", [], id="missed"),
    ],
)
def test_windows_count_days_from_randomization(visit: dict[str, Any], on: str, rules: list[str]) -> None:
    story = Story(facts=list(RANDOMIZED.facts), commands=100)
    assert deviations_of(story.tell("record-visit", visit, on)) == rules


def test_before_randomization_no_visit_has_a_window() -> None:
    assert deviations_of(consented().tell("record-visit", VISIT, "2020-05-30")) == []


def test_a_visit_that_ends_before_it_starts_is_refused() -> None:
    data = {**VISIT, "started": "2020-05-27", "ended": "2020-05-26"}
    assert randomized().refused("record-visit", data, "2020-05-27") == ("end-before-start", "data.ended")


@pytest.mark.parametrize(
    ("scope", "on", "rules"),
    [
        ("ALL", "2020-05-27", ["visit-after-withdrawal"]),
        ("FOLLOW_UP", "2020-05-27", ["visit-after-withdrawal"]),
        ("INTERVENTION", "2020-05-27", []),
        ("ALL", "2020-05-26", []),
    ],
)
def test_a_visit_after_a_withdrawal_from_follow_up_raises_a_deviation(scope: str, on: str, rules: list[str]) -> None:
    story = Story(facts=list(RANDOMIZED.facts), commands=100)
    story.tell("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": scope}, "2020-05-26")
    assert deviations_of(story.tell("record-visit", VISIT, on)) == rules


def test_a_deviation_is_of_a_subject_or_of_a_site_of_the_trial() -> None:
    story = begun()
    data = {"category": "PROCEDURE", "detail": "the freezer was warm"}
    assert story.refused("report-deviation", data) == ("subject-or-site", "data")
    assert story.refused("report-deviation", {**data, "site": "S99"}) == ("site-unknown", "data.site")
    reported = story.tell("report-deviation", {**data, "site": "S01"}, role="monitor").open
    assert [event.stream for event in reported] == ["trial"]


def test_a_disposition_event_has_a_term_of_cdisc_and_a_milestone_any() -> None:
    story = randomized()
    data = {"subject": "P1", "epoch": "TREATMENT"}
    assert story.refused("record-disposition", {**data, "term": "WENT HOME"}) == ("disposition-term", "data.term")
    story.tell("record-disposition", {**data, "term": "RANDOMIZED", "category": "PROTOCOL MILESTONE"})
    story.tell("record-disposition", {**data, "term": "DOSE 1 GIVEN", "category": "PROTOCOL MILESTONE"})
    story.tell("record-disposition", {**data, "term": "COMPLETED"})


def test_an_epoch_ends_once_unless_a_source_has_it_twice() -> None:
    story = randomized()
    data = {"subject": "P1", "epoch": "TREATMENT", "term": "COMPLETED"}
    story.tell("record-disposition", data)
    assert story.refused("record-disposition", {**data, "term": "DEATH"}) == ("disposition-exists", "data.epoch")
    story.tell("record-disposition", {**data, "epoch": "FOLLOW-UP"})
    story.tell("record-disposition", {**data, "term": "DEATH"}, provenance=IMPORT)
