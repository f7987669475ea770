"""States are folded from facts: the same facts give the same state, one by one or all at once, as corrected."""

import pytest

from ledger.domain.protocol import Protocol
from ledger.domain.state import CorrectionInFoldError, Halt, SealedSubjectState, SubjectState, TrialState, needs_refold
from ledger.domain.vocabulary import Book, TrialStatus
from tests.domain.story import CONSENT, PROTOCOL, TREATMENT, Story, begun, consented, enrolled, randomized, screened


def test_an_empty_ledger_has_no_trial_and_no_subject() -> None:
    assert not TrialState.fold([]).registered
    assert not SubjectState.fold([]).known
    assert TrialState.fold([]).status is TrialStatus.NOT_YET_RECRUITING


def test_applying_one_by_one_is_folding() -> None:
    story = randomized()
    story.tell("record-visit", {"subject": "P1", "visit": "DAY 3"}, "2020-05-23")
    story.tell("record-treatment", {"subject": "P1", **TREATMENT})
    trial, subject, sealed = TrialState(), SubjectState(), SealedSubjectState()
    for fact in story.facts:
        if fact.book is Book.SEALED:
            sealed = SealedSubjectState.apply(sealed, fact)
        elif fact.stream == "trial":
            trial = TrialState.apply(trial, fact)
        elif fact.stream == "subject/P1":
            subject = SubjectState.apply(subject, fact)
    assert (trial, subject, sealed) == (story.trial, story.subject(), story.sealed())


def test_a_subject_goes_from_consent_to_an_index_and_the_arm_stays_sealed() -> None:
    story = randomized()
    subject = story.subject()
    assert (subject.site, subject.number, subject.stratum, subject.index) == ("S01", 1, "S01", 1)
    assert subject.enrolled
    assert subject.randomized
    assert story.sealed().arm == "TREATMENT"
    assert "arm" not in SubjectState.__dataclass_fields__


def test_a_correction_counts_in_a_fold_and_cannot_be_applied_alone() -> None:
    story = consented()
    consent = story.facts[-1]
    before = story.subject()
    change = {"target": {"command": consent.command}, "changes": [{"field": "occurred_at", "new": "2020-05-17"}]}
    story.tell("correct-record", {**change, "reason": "misread"})
    correction = story.facts[-1]
    assert story.subject().consented_at == "2020-05-17"
    assert needs_refold([correction])
    assert not needs_refold([consent])
    with pytest.raises(CorrectionInFoldError, match="fold subject/P1 again"):
        SubjectState.apply(before, correction)


def test_a_type_of_a_later_version_changes_nothing() -> None:
    fact = consented().facts[-1]
    later = type(fact)(**{name: getattr(fact, name) for name in fact.__slots__} | {"type": "subject.cloned/3"})
    state = SubjectState.fold([fact])
    assert SubjectState.apply(state, later) == state


def test_a_halt_on_top_of_another_changes_its_kind_and_not_its_start() -> None:
    story = begun()
    story.tell("halt-trial", {"reason": "no money"}, "2020-05-10")
    assert story.trial.status is TrialStatus.TEMPORARILY_HALTED
    story.tell("suspend-trial", {"reason": "no insurance", "authority": "AEMPS"}, "2020-05-12")
    assert story.trial.halted == Halt(TrialStatus.SUSPENDED_BY_AUTHORITY, "2020-05-10", "no insurance")
    story.tell("restart-trial", {"reason": "insured"}, "2020-05-15")
    assert story.trial.halted is None
    assert story.trial.status is TrialStatus.RECRUITING


@pytest.mark.parametrize(
    ("when", "during"),
    [
        ("2020-05-09", False),
        ("2020-05-10", True),
        ("2020-05-14", True),
        ("2020-05-15", False),
        ("2020-05", False),  # may have been after it
        ("2020-05-09T23:59+00:00", False),
    ],
)
def test_a_past_halt_covers_what_happened_from_its_start_up_to_the_restart(when: str, during: bool) -> None:
    story = begun()
    story.tell("halt-trial", {"reason": "no money"}, "2020-05-10")
    story.tell("restart-trial", {"reason": "a donor"}, "2020-05-15")
    assert (story.trial.halted_at(when) is not None) is during


def test_a_site_that_opens_again_keeps_the_day_it_first_opened() -> None:
    story = begun()
    story.tell("close-site", {"site": "S01"}, "2020-05-10")
    assert not story.trial.site_active("S01")
    story.tell("activate-site", {"site": "S01"}, "2020-05-20")
    assert story.trial.site_active("S01")
    assert story.trial.sites["S01"].activated_at == "2020-05-07"


def test_an_amendment_puts_its_protocol_in_force() -> None:
    story = begun()
    amended = PROTOCOL.amended({"enrolment": {"count": 60, "cap": 60}})
    data = {"amendment": "A1", "protocol": amended.model_dump(mode="json"), "reason": "fewer subjects"}
    story.tell("amend-protocol", data)
    assert story.trial.amendments == ("A1",)
    assert story.trial.protocol == amended
    assert isinstance(story.trial.protocol, Protocol)


def withdraw(story: Story, on: str, scope: str = "ALL") -> None:
    story.tell("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": scope}, on)


def renew(story: Story, on: str) -> None:
    given = {name: value for name, value in CONSENT.items() if name != "site"}
    story.tell("renew-consent", {"subject": "P1", "reason": "OTHER", **given}, on)


def test_consent_given_again_takes_a_withdrawal_back_whichever_is_reported_first() -> None:
    story = consented()
    withdraw(story, "2020-05-20")
    renew(story, "2020-05-22")
    assert not story.subject().withdrawn
    withdraw(story, "2020-05-21", "INTERVENTION")
    assert not story.subject().withdrawn
    withdraw(story, "2020-05-25")
    assert story.subject().withdrawn == {"ALL": "2020-05-25"}
    renew(story, "2020-05-23")
    assert story.subject().withdrawn == {"ALL": "2020-05-25"}


def test_the_latest_screening_counts_and_waivers_are_taken_off_it() -> None:
    story = screened(age_years=17, ecmo_needed=True)
    assert story.subject().unwaived == ("I2", "E4")
    story.tell("grant-waiver", {"subject": "P1", "criterion": "I2", "reason": "17.9", "approved_by": "Medical monitor"})
    assert story.subject().unwaived == ("E4",)


def test_follow_up_changes_what_it_says_and_leaves_the_rest() -> None:
    story = enrolled()
    event = {"subject": "P1", "ae": "1", "term": "Fever", "serious": False, "onset": "2020-05-20"}
    story.tell("report-adverse-event", event)
    story.tell("follow-up-adverse-event", {"subject": "P1", "ae": "1", "ended": "2020-05-22"}, "2020-05-23")
    state = story.subject().adverse_events["1"]
    assert (state.serious, state.onset, state.ended) == (False, "2020-05-20", "2020-05-22")
