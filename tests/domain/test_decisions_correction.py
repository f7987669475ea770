"""Corrections: the old value stays beside the new one, and the record as corrected is one that could have been."""

from typing import Any

import pytest

from ledger.domain.decisions import Refusal
from ledger.domain.events.conduct import RecordCorrected, SealedRecordCorrected
from ledger.domain.history import corrected
from ledger.domain.vocabulary import Book
from tests.domain.story import (
    CONSENT,
    ELIGIBLE,
    IMPORT,
    TREATMENT,
    Story,
    begun,
    consented,
    deviations_of,
    randomized,
)

FEVER = {"subject": "P1", "ae": "1", "term": "Fever", "serious": False, "onset": "2020-05-19"}


def correction(command: str, n: int = 0, reason: str = "misread", **new: Any) -> dict[str, Any]:
    changes = [{"field": name, "new": value} for name, value in new.items()]
    return {"target": {"command": command, "n": n}, "changes": changes, "reason": reason}


def story_of_everything() -> Story:
    """A subject with one record of each kind; the command ids are the names of what they recorded."""
    story = begun()
    story.tell("record-consent", {"subject": "P1", **CONSENT, "subject_name": "Ada"}, "2020-05-18", id="consent")
    story.tell("record-screening", {"subject": "P1", "values": ELIGIBLE}, "2020-05-19", id="screening")
    story.tell("enrol-subject", {"subject": "P1"}, "2020-05-19", id="enrolment")
    story.tell("randomize-subject", {"subject": "P1"}, id="randomization")
    story.tell("record-visit", {"subject": "P1", "visit": "DAY 7"}, "2020-05-27", id="visit")
    story.tell("report-adverse-event", FEVER, id="fever")
    story.tell("record-death", {"subject": "P1", "died": "2020-05-28"}, "2020-05-28", id="death")
    story.tell("record-disposition", {"subject": "P1", "term": "DEATH"}, "2020-05-28", id="disposition")
    story.tell("record-treatment", {"subject": "P1", **TREATMENT}, "2020-05-21", id="dose")
    return story


ALL = story_of_everything()


def again() -> Story:
    return Story(facts=list(ALL.facts), commands=100)


def test_a_correction_names_its_target_the_old_and_the_new_value_and_the_reason() -> None:
    story = again()
    (event,) = story.tell("correct-record", correction("death", died="2020-05-27", cause="sepsis"), "2020-05-30").open
    assert isinstance(event, RecordCorrected)
    target = next(fact for fact in story.facts if fact.command == "death")
    assert (event.target_seq, event.target_id, event.target_type) == (target.seq, target.id, "death.recorded/1")
    assert event.stream == "subject/P1"
    assert [(change.field, change.old, change.new) for change in event.changes] == [
        ("died", "2020-05-28", "2020-05-27"),
        ("cause", None, "sepsis"),
    ]
    assert story.subject().died == "2020-05-27"
    assert target.data["died"] == "2020-05-28"


def test_a_second_correction_starts_from_the_first() -> None:
    story = again()
    story.tell("correct-record", correction("death", died="2020-05-27"))
    (event,) = story.tell("correct-record", correction("death", died="2020-05")).open
    assert isinstance(event, RecordCorrected)
    assert event.changes[0].old == "2020-05-27"
    assert story.refused("correct-record", correction("death", died="2020-05"))[0] == "no-change"


@pytest.mark.parametrize(
    ("data", "rule", "field"),
    [
        pytest.param(correction("nothing", died="2020"), "target-unknown", "data.target", id="no such command"),
        pytest.param(correction("death", 1, died="2020"), "target-unknown", "data.target", id="no such event"),
        pytest.param(correction("dose", lot="L-2"), "target-unknown", "data.target", id="a sealed record"),
        pytest.param(correction("c1", protocol={}), "not-correctable", "data.target", id="the protocol"),
        pytest.param(correction("enrolment", 1, site="S02"), "not-correctable", "data.target", id="the enrolment log"),
        pytest.param(correction("randomization", 1, index=2), "not-correctable", "data.target", id="the drawn index"),
        pytest.param(correction("randomization", index=2), "field-fixed", "data.changes[0].field", id="an index"),
        pytest.param(correction("death", subject="P2"), "field-fixed", "data.changes[0].field", id="the subject"),
        pytest.param(correction("consent", site="S02"), "field-fixed", "data.changes[0].field", id="the site"),
        pytest.param(correction("death", late=False), "field-fixed", "data.changes[0].field", id="that it was late"),
        pytest.param(correction("screening", eligible=False), "field-fixed", "data.changes[0].field", id="a result"),
        pytest.param(correction("death", mood="x"), "field-unknown", "data.changes[0].field", id="no such field"),
        pytest.param(correction("death", died="2020-05-28"), "no-change", "data.changes[0].new", id="the same value"),
        pytest.param(correction("death", cause=None), "no-change", "data.changes[0].new", id="nothing taken away"),
        pytest.param(correction("death", died="28 May"), "form", "data.changes[0].new", id="no date"),
        pytest.param(correction("death", died=None), "form", "data.changes[0].new", id="a value that is needed"),
        pytest.param(correction("consent", form="ORAL"), "form", "data.changes[0].new", id="a term not of the list"),
        pytest.param(correction("death", died="2021-01-01"), "future", "data.changes[0].new", id="the future"),
        pytest.param(correction("death", died="2020-05-27T10:00"), "offset", "data.changes[0].new", id="no offset"),
        pytest.param(correction("fever", serious=True), "seriousness", "data.changes", id="serious, no criterion"),
        pytest.param(
            correction("fever", ended="2020-05-18"), "end-before-start", "data.changes[0].new", id="ended early"
        ),
        pytest.param(
            correction("disposition", term="DIED"), "disposition-term", "data.changes[0].new", id="no CDISC term"
        ),
        pytest.param(
            correction("screening", values={**ELIGIBLE, "age_years": 400}),
            "screening-value",
            "data.changes[0].new.age_years",
            id="a screening value out of bounds",
        ),
        pytest.param(
            {**correction("death"), "changes": [{"field": "cause", "new": "a"}, {"field": "cause", "new": "b"}]},
            "field-twice",
            "data.changes[0].field",
            id="a field twice",
        ),
    ],
)
def test_what_cannot_be_corrected_is_refused_by_name(data: dict[str, Any], rule: str, field: str) -> None:
    assert again().refused("correct-record", data, "2020-05-30") == (rule, field)


def test_a_correction_is_not_corrected_itself() -> None:
    story = again()
    story.tell("correct-record", correction("death", died="2020-05-27"), id="first")
    assert story.refused("correct-record", correction("first", target_seq=1)) == ("not-correctable", "data.target")


def test_a_name_is_corrected_in_the_identity_section_alone() -> None:
    story = again()
    (event,) = story.tell("correct-record", correction("consent", subject_name="Ada L.", witnessed=False)).open
    assert isinstance(event, RecordCorrected)
    assert [change.field for change in event.changes] == ["witnessed"]
    assert [(change.old, change.new) for change in event.identity_changes] == [("Ada", "Ada L.")]
    assert b"Ada" not in dict(event.payloads())["plain"]
    consent = next(fact for fact in corrected(story.facts) if fact.command == "consent")
    assert (consent.data["subject_name"], consent.data["witnessed"]) == ("Ada L.", False)


def test_corrected_screening_values_are_computed_again_and_an_enrolled_subject_leaves_a_deviation() -> None:
    story = again()
    decision = story.tell("correct-record", correction("screening", values={**ELIGIBLE, "age_years": 17}))
    event = decision.open[0]
    assert isinstance(event, RecordCorrected)
    assert [change.field for change in event.changes] == ["values", "eligible", "results", "failed"]
    assert deviations_of(decision) == ["enrolled-not-eligible"]
    assert story.subject().unwaived == ("I2",)
    back = story.tell("correct-record", correction("screening", values=ELIGIBLE))
    assert deviations_of(back) == []
    assert story.subject().unwaived == ()


def test_a_claimed_screening_is_corrected_as_it_was_claimed() -> None:
    story = consented()
    claim = {"subject": "P1", "values": {}, "eligible": True}
    story.tell("claim-screening", claim, provenance=IMPORT, id="claim")
    story.tell("correct-record", correction("claim", eligible=False), provenance=IMPORT)
    assert not story.subject().screening.eligible  # type: ignore[union-attr]


def test_a_visit_corrected_out_of_its_window_leaves_a_deviation_once() -> None:
    story = again()
    assert deviations_of(story.tell("correct-record", correction("visit", occurred_at="2020-05-30"))) == [
        "visit-window",
        "after-death",
    ]
    assert deviations_of(story.tell("correct-record", correction("visit", occurred_at="2020-05-29"))) == []


def test_a_consent_corrected_to_after_the_enrolment_leaves_a_deviation() -> None:
    story = again()
    decision = story.tell("correct-record", correction("consent", occurred_at="2020-05-20"))
    assert deviations_of(decision) == ["enrolled-before-consent"]
    assert deviations_of(story.tell("correct-record", correction("consent", witnessed=False))) == []


def test_corrections_go_on_during_a_halt_and_after_the_lock_leave_a_deviation() -> None:
    story = again()
    story.tell("halt-trial", {"reason": "no money"})
    assert deviations_of(story.tell("correct-record", correction("death", died="2020-05-27"))) == []
    story.tell("lock-database", {"reason": "analysis"})
    assert deviations_of(story.tell("correct-record", correction("death", died="2020-05"))) == ["after-lock"]


def test_a_sealed_record_is_corrected_in_the_sealed_book_with_the_deviation_that_shows_now() -> None:
    story = again()
    decision = story.tell("correct-sealed-record", correction("dose", given_amount="12.0", lot=None))
    event = decision.sealed[0]
    assert isinstance(event, SealedRecordCorrected)
    assert [(change.field, change.old, change.new) for change in event.changes] == [
        ("given_amount", "120", "12.0"),
        ("lot", "L-1", None),
    ]
    assert deviations_of(decision) == ["amount"]
    assert decision.open == []
    assert deviations_of(story.tell("correct-sealed-record", correction("dose", given_amount="11"))) == []
    assert story.sealed().doses[0].given_amount == "11"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (correction("randomization", arm="CONTROL"), "not-correctable"),
        (correction("death", died="2020"), "target-unknown"),
        (correction("dose", given_amount="-1"), "form"),
        (correction("dose", ended_at="2020-05-20"), "end-before-start"),
    ],
)
def test_what_cannot_be_corrected_in_the_sealed_book_is_refused(data: dict[str, Any], rule: str) -> None:
    assert again().refused("correct-sealed-record", data)[0] == rule


def test_a_correction_of_the_open_book_reads_no_sealed_record() -> None:
    story = randomized()
    story.facts = [fact for fact in story.facts if fact.book is Book.OPEN]
    consent = next(fact.command for fact in story.facts if fact.type == "consent.obtained/1")
    story.tell("correct-record", correction(consent, document_version="2.0"))
    assert story.facts[-1].book is Book.OPEN


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (correction("death", died=None), "a death needs a date"),
        (correction("visit", visit=None), "a record of type visit.recorded/1 needs it"),
        (correction("nothing", 2, died="2020"), "no such record in the open book: command 'nothing', event 2"),
    ],
)
def test_a_refused_correction_says_in_words_what_is_wrong(data: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal) as caught:
        again().tell("correct-record", data)
    assert caught.value.message == message
