"""Who may claim, correct and void: only the importer claims, and only who makes a kind of record changes one."""

from typing import Any

import pytest

from ledger.domain.decisions.targets import MADE_BY
from ledger.domain.decisions.voiding import VOIDABLE
from ledger.domain.events import CATALOGUE
from ledger.domain.events.enrolment import WaiverGranted
from ledger.domain.history import corrected
from ledger.domain.roles import roles_for
from tests.domain.story import ELIGIBLE, IMPORT, Story, consented, deviations_of, screened
from tests.domain.test_decisions_correction import FEVER, again, correction

OF_THE_LEDGER = {
    *("trial.registered/1", "protocol.amended/1", "sealed-book.anchored/1", "clock.stepped-back/1"),
    *("enrolment.counted/1", "allocation.drawn/1", "arm.assigned/1"),
    *("record.corrected/1", "sealed-record.corrected/1", "record.voided/1", "sealed-record.voided/1"),
    *("allocation.committed/1", "allocation.bound/1", "allocation.exhausted/1", "allocation.opened/1"),
    *("allocation.out-of-turn/1", "ledger.continued/1", "checkpoint.timestamped/1"),
    # What somebody has seen cannot be taken back, nor can a destroyed key.
    *("code.broken/1", "unblinding.requested/1", "unblinding.approved/1", "unblinding.reported/1"),
    *("envelopes.exported/1", "envelope.opened/1", "identity.erased/1"),
    *("record.entered-unblinded/1", "reporter.named/1"),
    *("access.granted/1", "access.revoked/1", "identity.accessed/1", "sealed-identity.accessed/1"),
    *("arm.accessed/1", "access.refused/1", "sealed-access.refused/1", "export.made/1", "sealed-export.made/1"),
    # Whose signature was a mistake signs again.
    *("signature.made/1", "sealed-signature.made/1"),
}
"""What is amended, corrected by one more of the same, or written by the ledger: never corrected nor voided."""
OF_A_SOURCE = {"source-record.claimed/1"}
"""What a source claims: it corrects itself, by a further record."""


def voiding(command: str, n: int = 0) -> dict[str, Any]:
    return {"target": {"command": command, "n": n}, "reason": "meant another subject"}


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("record-treatment", {"subject": "P1", "dose_number": 2, "product": "x", "given_amount": "1", "unit": "mg"}),
        ("correct-sealed-record", correction("dose", lot="L-2")),
        ("void-sealed-record", voiding("dose")),
        ("correct-record", correction("death", died="2020-05-27")),
        ("enrol-subject", {"subject": "P1"}),
        ("halt-trial", {"reason": "x"}),
        ("lock-database", {"reason": "x"}),
    ],
)
def test_who_writes_that_a_command_is_an_imports_is_refused_whatever_it_says(type_: str, data: dict[str, Any]) -> None:
    if type_ == "record-treatment":
        data = {**data, "started_at": "2020-05-22"}
    told = again().refused(type_, data, provenance=IMPORT, importing=False)
    assert told == ("provenance", "provenance.kind")


def test_every_record_is_made_by_a_command_or_is_the_ledgers_own() -> None:
    types = {cls.type for cls in CATALOGUE}
    assert set(MADE_BY) | OF_THE_LEDGER | OF_A_SOURCE == types
    assert not set(MADE_BY) & (OF_THE_LEDGER | OF_A_SOURCE)
    assert set(MADE_BY) >= VOIDABLE


@pytest.mark.parametrize("role", ["outcomes-assessor", "investigator", "care-provider", "sponsor", "data-manager"])
@pytest.mark.parametrize(
    ("target", "changes", "maker"),
    [
        ("consent", {"witnessed": False}, "record-consent"),
        ("fever", {"term": "Pyrexia"}, "report-adverse-event"),
        ("death", {"cause": "sepsis"}, "record-death"),
        ("enrolment", {"occurred_at": "2020-05-20"}, "enrol-subject"),
    ],
)
def test_a_record_is_corrected_by_a_role_that_may_make_such_records(
    role: str, target: str, changes: dict[str, Any], maker: str
) -> None:
    story = again()
    if role in roles_for(maker):
        story.tell("correct-record", correction(target, **changes), role=role)
    else:
        assert story.refused("correct-record", correction(target, **changes), role=role) == ("role", "actor.role")


def test_a_halt_is_corrected_by_the_sponsor_alone() -> None:
    story = again()
    story.tell("halt-trial", {"reason": "money"}, "2020-05-30", id="halt")
    change = {"target": {"command": "halt"}, "changes": [{"field": "reason", "new": "no money"}], "reason": "wording"}
    for role in ("investigator", "data-manager", "outcomes-assessor"):
        assert story.refused("correct-record", change, role=role)[0] == "role"
    story.tell("correct-record", change, role="sponsor")


def test_a_deviation_that_the_ledger_raised_is_edited_and_voided_by_nobody() -> None:
    story = again()
    story.tell("record-visit", {"subject": "P1", "visit": "DAY 3"}, "2020-05-27", id="late")
    for role in ("investigator", "data-manager"):
        change = correction("late", 1, detail="nothing happened")
        assert story.refused("correct-record", change, role=role) == ("ledger-raised", "data.target")
        assert story.refused("void-record", voiding("late", 1), role=role) == ("ledger-raised", "data.target")


def test_who_may_not_see_names_cannot_find_one_out_by_correcting_it() -> None:
    story = screened(age_years=17)
    waiver = {"subject": "P1", "criterion": "I2", "reason": "x", "approved_by": "Dr Right"}
    story.tell("grant-waiver", waiver, id="waiver")
    told = []
    for name in ("Dr Right", "Dr Wrong", "", 7, None):
        change = correction("waiver", approved_by=name)
        told.append(story.refused("correct-record", change, role="sponsor"))
    assert set(told) == {("identity", "data.changes[0].field")}
    story.tell("correct-record", correction("waiver", approved_by="Dr Wrong"), role="investigator")


def test_who_approved_a_waiver_lies_in_the_identity_section() -> None:
    assert "approved_by" in WaiverGranted.sections["identity"]


@pytest.mark.parametrize("command", ["visit", "fever", "death", "disposition"])
def test_a_fact_about_a_subject_is_voided_and_stays_as_it_was_written(command: str) -> None:
    story = again()
    before = list(story.facts)
    event = story.tell("void-record", voiding(command), "2020-05-30").open[0]
    assert event.type == "record.voided/1"
    assert event.stream == "subject/P1"
    assert story.facts[: len(before)] == before
    assert command not in {fact.command for fact in corrected(story.facts)}
    assert story.refused("void-record", voiding(command), "2020-05-30") == ("target-unknown", "data.target")
    assert story.refused("correct-record", correction(command, late=True))[0] == "target-unknown"


def test_a_subject_whose_death_was_voided_lives() -> None:
    story = again()
    assert story.subject().dead_since == "2020-05-28"
    story.tell("void-record", voiding("death"))
    story.tell("void-record", voiding("disposition"))
    assert story.subject().dead_since is None
    story.tell("record-vital-status", {"subject": "P1", "status": "ALIVE"}, "2020-05-30")


def test_with_an_adverse_event_falls_what_was_said_of_it_and_its_number_is_free_again() -> None:
    story = again()
    story.tell("follow-up-adverse-event", {"subject": "P1", "ae": "1", "note": "worse"}, id="follow-up")
    story.tell("void-record", voiding("fever"))
    assert "follow-up" not in {fact.command for fact in corrected(story.facts)}
    story.tell("report-adverse-event", {**FEVER, "term": "Rash"}, id="rash")
    assert [fact.command for fact in corrected(story.facts) if fact.data.get("ae") == "1"] == ["rash"]


def test_with_a_visit_fall_the_deviations_that_the_ledger_raised_for_it() -> None:
    story = again()
    decision = story.tell("record-visit", {"subject": "P1", "visit": "DAY 3"}, "2020-05-27", id="late")
    assert deviations_of(decision) == ["visit-window"]
    story.tell("void-record", voiding("late"))
    assert not [fact for fact in corrected(story.facts) if fact.command == "late"]


@pytest.mark.parametrize(
    ("command", "n"),
    [("consent", 0), ("screening", 0), ("enrolment", 0), ("enrolment", 1), ("randomization", 0), ("c2", 0)],
)
def test_what_others_rest_on_is_not_voided(command: str, n: int) -> None:
    for role in ("investigator", "sponsor"):
        assert again().refused("void-record", voiding(command, n), role=role)[0] in ("not-voidable", "role")
    assert again().refused("void-record", voiding(command, n))[0] == "not-voidable"


def test_a_correction_is_not_voided() -> None:
    story = again()
    story.tell("correct-record", correction("death", cause="sepsis"), id="first")
    assert story.refused("void-record", voiding("first")) == ("not-voidable", "data.target")


def test_a_consent_of_which_nothing_came_is_voided_and_may_be_given_again() -> None:
    story = consented()
    consent = story.facts[-1].command
    story.tell("void-record", voiding(consent))
    assert not story.subject().known
    again_ = consented("P1", story)
    again_.tell("record-screening", {"subject": "P1", "values": ELIGIBLE}, "2020-05-19")
    assert again_.refused("void-record", voiding(again_.facts[-2].command))[0] == "not-voidable"


def test_a_dose_is_voided_in_the_sealed_book_and_may_be_recorded_anew() -> None:
    story = again()
    decision = story.tell("void-sealed-record", voiding("dose"))
    assert decision.open == []
    assert [event.type for event in decision.sealed] == ["sealed-record.voided/1"]
    assert story.sealed().doses == ()
    assert story.refused("void-sealed-record", voiding("randomization"))[0] == "not-voidable"


def test_voiding_needs_a_role_that_makes_such_records_and_after_the_lock_leaves_a_deviation() -> None:
    story = again()
    assert story.refused("void-record", voiding("fever"), role="data-manager") == ("role", "actor.role")
    story.tell("lock-database", {"reason": "analysis"})
    assert deviations_of(story.tell("void-record", voiding("fever"))) == ["after-lock"]


def test_a_story_refolds_to_the_same_state_with_voids() -> None:
    story = again()
    story.tell("void-record", voiding("visit"))
    assert Story(facts=list(story.facts)).subject() == story.subject()
    assert story.subject().visits == ()
