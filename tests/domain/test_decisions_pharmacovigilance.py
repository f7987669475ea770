"""What is asked of an adverse event because of a product is sealed: expectedness, and what was reported of it."""

from typing import Any

import pytest

from tests.domain.story import IMPORT, Story, deviations_of, randomized

SERIOUS = {
    "subject": "P1",
    "ae": "1",
    "term": "Anaphylaxis",
    "serious": True,
    "seriousness": ["LIFE_THREATENING"],
    "onset": "2020-05-21",
}
MILD = {"subject": "P1", "ae": "2", "term": "Rash", "serious": False}
UNEXPECTED = {"subject": "P1", "ae": "1", "expectedness": "UNEXPECTED", "reference": "Investigator's brochure"}
REPORT = {"subject": "P1", "ae": "1", "report": "SUSAR-1", "authority": "AEMPS", "aware_at": "2020-05-22"}


def happened() -> Story:
    story = randomized()
    story.tell("report-adverse-event", SERIOUS, "2020-05-22")
    story.tell("report-adverse-event", MILD, "2020-05-22")
    return story


def assessed(**changes: Any) -> Story:
    story = happened()
    story.tell("assess-expectedness", {**UNEXPECTED, **changes}, "2020-05-23", id="assessed")
    return story


def test_an_unexpected_serious_reaction_is_reported_and_the_open_book_has_nothing_of_it() -> None:
    story = happened()
    told = [story.tell("assess-expectedness", UNEXPECTED, "2020-05-23")]
    told.append(story.tell("report-unexpected-reaction", REPORT, "2020-05-24"))
    assert [decision.open for decision in told] == [[], []]
    types = [event.type for decision in told for event in decision.sealed]
    assert types == ["expectedness.assessed/1", "unexpected-reaction.reported/1"]


@pytest.mark.parametrize(
    ("story", "report", "rule", "field"),
    [
        pytest.param(happened(), {"ae": "9"}, "ae-unknown", "data.ae", id="no such event in the open book"),
        pytest.param(assessed(ae="2"), {"ae": "2"}, "not-serious", "data.ae", id="not serious"),
        pytest.param(happened(), {}, "not-assessed", "data.ae", id="expectedness not assessed"),
        pytest.param(assessed(expectedness="EXPECTED"), {}, "expected", "data.ae", id="expected"),
        pytest.param(assessed(), {"aware_at": "2020-05-25"}, "end-before-start", "data.aware_at", id="sent too soon"),
        pytest.param(assessed(), {"aware_at": "2020-07-01"}, "future", "data.aware_at", id="known in the future"),
        pytest.param(assessed(), {"follows": "SUSAR-0"}, "report-unknown", "data.follows", id="follows nothing"),
    ],
)
def test_what_is_not_to_be_reported_is_refused(story: Story, report: dict[str, Any], rule: str, field: str) -> None:
    assert story.refused("report-unexpected-reaction", {**REPORT, **report}, "2020-05-24") == (rule, field)


def test_the_latest_assessment_counts() -> None:
    story = assessed(expectedness="EXPECTED")
    story.tell("assess-expectedness", UNEXPECTED, "2020-05-23")
    story.tell("report-unexpected-reaction", REPORT, "2020-05-24")


def test_an_event_that_becomes_serious_later_is_reported_then() -> None:
    story = assessed(ae="2")
    story.tell("follow-up-adverse-event", {"subject": "P1", "ae": "2", "serious": True, "seriousness": ["DEATH"]})
    story.tell("report-unexpected-reaction", {**REPORT, "ae": "2"}, "2020-05-24")


def test_a_report_has_its_number_once_and_may_be_followed_up() -> None:
    story = assessed()
    story.tell("report-unexpected-reaction", REPORT, "2020-05-24")
    assert story.refused("report-unexpected-reaction", REPORT, "2020-05-25") == ("report-exists", "data.report")
    follow_up = {**REPORT, "report": "SUSAR-2", "follows": "SUSAR-1"}
    story.tell("report-unexpected-reaction", follow_up, "2020-05-30")


def test_an_expectedness_is_of_an_event_that_the_open_book_has() -> None:
    assert randomized().refused("assess-expectedness", UNEXPECTED, "2020-05-23") == ("ae-unknown", "data.ae")


@pytest.mark.parametrize("role", ["pharmacist", "investigator", "sponsor", "statistician", "dmc"])
def test_only_a_safety_physician_assesses_and_reports(role: str) -> None:
    story = assessed()
    for type_, data in (("assess-expectedness", UNEXPECTED), ("report-unexpected-reaction", REPORT)):
        assert story.refused(type_, data, "2020-05-24", role=role) == ("role", "actor.role")


def test_an_import_reports_what_its_source_has_reported() -> None:
    happened().tell("report-unexpected-reaction", REPORT, "2020-05-24", provenance=IMPORT)


def test_after_the_lock_it_is_recorded_with_a_sealed_deviation() -> None:
    story = assessed()
    story.tell("lock-database", {"reason": "done"})
    decision = story.tell("report-unexpected-reaction", REPORT, "2020-05-24")
    assert (decision.open, deviations_of(decision)) == ([], ["after-lock"])


def test_an_assessment_is_corrected_by_a_safety_physician_and_what_follows_changes_with_it() -> None:
    story = assessed()
    change = {
        "target": {"command": "assessed"},
        "changes": [{"field": "expectedness", "new": "EXPECTED"}],
        "reason": "the brochure names it",
    }
    assert story.refused("correct-sealed-record", change, role="pharmacist")[0] == "role"
    story.tell("correct-sealed-record", change, role="safety-physician")
    assert story.refused("report-unexpected-reaction", REPORT, "2020-05-24") == ("expected", "data.ae")


def test_a_report_as_corrected_was_not_sent_before_anybody_knew() -> None:
    story = assessed()
    story.tell("report-unexpected-reaction", REPORT, "2020-05-24", id="sent")
    change = {
        "target": {"command": "sent"},
        "changes": [{"field": "aware_at", "new": "2020-05-25"}],
        "reason": "misread",
    }
    assert story.refused("correct-sealed-record", change, role="safety-physician")[0] == "end-before-start"


def test_a_voided_report_frees_its_number() -> None:
    story = assessed()
    story.tell("report-unexpected-reaction", REPORT, "2020-05-24", id="sent")
    story.tell("void-sealed-record", {"target": {"command": "sent"}, "reason": "not sent"}, role="safety-physician")
    story.tell("report-unexpected-reaction", REPORT, "2020-05-24")
