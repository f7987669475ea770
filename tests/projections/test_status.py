"""How subjects stand once an end was undone, a death was found, or a record was voided; and how the counts add up."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from api.bootstrap import viewing
from api.cli import demo
from ledger.domain.events.enrolment import SubjectEnrolled, SubjectRandomized
from ledger.domain.events.safety import AdverseEventFollowedUp
from ledger.domain.history import corrected
from projections.base import Audience
from projections.runner import catch_up, show
from tests.projections.building import (
    MemoryLedger,
    adverse_event,
    alive,
    consented,
    died,
    ended,
    found_dead,
    randomize,
    registered,
    renewed,
    screened,
    treated,
    visit,
    withdrew,
)
from tests.projections.stories import Step, steps, told
from tests.projections.test_views import LATER, MASKED, UNMASKED, rows, said, status


def stages(answer: Any) -> dict[str, int]:
    """The subjects of each stage in all."""
    return {row["stage"]: row["subjects"] for row in answer["rows"] if row["site"] is None and row["month"] is None}


def enrolled(subject: str, day: str, **more: Any) -> SubjectEnrolled:
    return SubjectEnrolled(occurred_at=day, subject=subject, site="FJD", number=1, **more)


# -- Ends that were undone -----------------------------------------------------------------------------------------


def test_consent_given_again_undoes_the_withdrawal_in_status_and_counts() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    ledger.append(withdrew("S1", "2020-05-11"))
    ledger.append(ended("S1", "WITHDRAWAL BY SUBJECT", "2020-05-11"))
    assert (status(ledger), stages(said(ledger, "enrolment"))["WITHDRAWN"]) == ("WITHDRAWN", 1)
    ledger.append(renewed("S1", "2020-05-12"))
    assert status(ledger) == "CONSENTED"
    ledger.append(screened("S1", "2020-05-12"))
    ledger.append(enrolled("S1", "2020-05-13"))
    randomized = {"occurred_at": "2020-05-13", "subject": "S1", "site": "FJD", "stratum": "FJD", "index": 1}
    ledger.append(SubjectRandomized.model_validate(randomized))
    assert (status(ledger), stages(said(ledger, "enrolment"))["WITHDRAWN"]) == ("RANDOMIZED", 0)
    ledger.append(withdrew("S1", "2020-05-20"))
    assert status(ledger) == "WITHDRAWN"


@pytest.mark.parametrize(("again", "expected"), [("2020-05-19", "WITHDRAWN"), ("2020-05-21", "RANDOMIZED")])
def test_a_withdrawal_recorded_late_stands_unless_consent_was_given_after_it(again: str, expected: str) -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(renewed("S1", again))
    ledger.append(withdrew("S1", "2020-05-20"))
    assert status(ledger) == expected


def test_who_was_screened_again_and_enrolled_is_no_screen_failure() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    ledger.append(screened("S1", "2020-05-11", eligible=False))
    ledger.append(ended("S1", "SCREEN FAILURE", "2020-05-11"))
    assert status(ledger) == "SCREEN_FAILURE"
    ledger.append(screened("S1", "2020-05-14"))
    assert status(ledger) == "ELIGIBLE"
    ledger.append(enrolled("S1", "2020-05-15"))
    assert status(ledger) == "ENROLLED"
    found = stages(said(ledger, "enrolment", MASKED))
    assert (found["SCREEN_FAILURE"], found["ELIGIBLE"], found["ENROLLED"]) == (0, 1, 1)


def test_a_screen_failure_found_after_enrolment_is_a_discontinuation() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(ended("S1", "SCREEN FAILURE", "2020-05-20"))
    found = stages(said(ledger, "enrolment"))
    assert status(ledger) == "DISCONTINUED"
    assert (found["SCREEN_FAILURE"], found["ELIGIBLE"], found["DISCONTINUED"]) == (0, 1, 1)


# -- Deaths without a record of their own --------------------------------------------------------------------------


def test_who_was_found_dead_died_by_the_first_record_that_says_so() -> None:
    ledger = registered()
    for number in (1, 2, 3):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    ledger.append(found_dead("S1", "2020-05-25"), LATER)
    ledger.append(ended("S1", "DEATH", "2020-05-22"), LATER)
    ledger.append(ended("S2", "DEATH", "2020-05"), LATER)
    ledger.append(alive("S3", "2020-06-30"), LATER)
    answer = said(ledger, "survival", MASKED)
    assert answer["deaths_without_record"] == [
        {"subject": "S1", "died": "2020-05-22", "from": "DISPOSITION"},
        {"subject": "S2", "died": "2020-05", "from": "DISPOSITION"},
    ]
    assert answer["deaths_without_day"] == 1
    assert [row["time"] for row in answer["rows"] if row["events"]] == [10]
    row = rows(ledger, "subjects")[0]
    assert (row["status"], row["since"]) == ("DIED", "2020-05-22")


def test_the_record_of_a_death_says_when_in_place_of_what_found_it() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(found_dead("S1", "2020-05-25"), LATER)
    death = ledger.append(died("S1", "2020-05-20"), LATER)
    answer = said(ledger, "survival", MASKED)
    assert answer["deaths_without_record"] == []
    assert [row["time"] for row in answer["rows"] if row["events"]] == [8]
    ledger.void(death, at=LATER)
    assert [row["time"] for row in rows(ledger, "survival", MASKED) if row["events"]] == [13]


# -- Voided records ------------------------------------------------------------------------------------------------


def test_a_voided_death_does_not_count_and_stays_in_the_audit_trail_beside_the_void() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    death = ledger.append(died("S1", "2020-05-20"))
    void = ledger.void(death)
    assert status(ledger) == "RANDOMIZED"
    *_, before, after = rows(ledger, "audit")
    assert (before["type"], before["voided_by"], before["after"]["died"]) == (death.type, void.seq, "2020-05-20")
    assert (after["type"], after["why"], after["voided_by"]) == ("record.voided/1", "wrong subject", None)
    assert (after["target_seq"], after["target_type"]) == (death.seq, death.type)


@pytest.mark.parametrize("audience", [MASKED, UNMASKED])
def test_a_void_is_taken_into_views_that_were_stored_before_it(tmp_path: Path, audience: Audience) -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    death = ledger.append(died("S1", "2020-05-20"))
    catch_up(ledger.reader(audience), audience, tmp_path)
    void = ledger.void(death)
    for view in ("subjects", "audit"):
        stored = show(ledger.reader(audience), view, audience, folder=tmp_path)
        assert stored.to_json() == ledger.show(view, audience).to_json()
    assert [row["voided_by"] for row in stored.rows[-2:]] == [void.seq, None]


@given(story=steps)
def test_the_audit_trail_marks_as_voided_exactly_what_the_other_views_leave_out(story: list[Step]) -> None:
    ledger = told(story)
    for audience in (MASKED, UNMASKED):
        with ledger.reader(audience) as reader:
            recorded = list(reader.facts())
        gone = {(fact.book, fact.seq) for fact in recorded} - {(fact.book, fact.seq) for fact in corrected(recorded)}
        trail = rows(ledger, "audit", audience)
        assert {(row["book"], row["seq"]) for row in trail if row["voided_by"] is not None} == gone
        assert {(row["book"], row["target_seq"]) for row in trail if "voided" in row["type"]} <= gone
        assert [(row["book"], row["seq"]) for row in trail] == [(fact.book, fact.seq) for fact in recorded]


# -- What the audit trail shows ------------------------------------------------------------------------------------


def follow(ledger: MemoryLedger, day: str, **said_of_it: Any) -> dict[str, Any]:
    follow_up = {"occurred_at": day, "subject": "S1", "ae": "1", **said_of_it}
    ledger.append(AdverseEventFollowedUp.model_validate(follow_up))
    return rows(ledger, "audit")[-1]


def test_a_follow_up_shows_what_was_said_before_with_its_corrections() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(adverse_event("S1", "2", "2020-05-14", severity="SEVERE"))
    report = ledger.append(adverse_event("S1", "1", "2020-05-14", severity="MILD", outcome="UNKNOWN"))
    ledger.correct(report, severity="MODERATE")
    row = follow(ledger, "2020-05-16", severity="SEVERE", ended="2020-05-16")
    assert row["before"] == {"severity": "MODERATE"}
    assert row["after"] == {"ae": "1", "severity": "SEVERE", "ended": "2020-05-16"}
    assert follow(ledger, "2020-05-17", severity="MILD")["before"] == {"severity": "SEVERE"}


def test_every_entry_shows_its_content_and_a_protocol_its_hash() -> None:
    ledger = registered()
    ledger.append(consented("S1", subject_name="Ada Byron", witnessed=True))
    first, consent = rows(ledger, "audit", MASKED)
    assert first["after"]["protocol"].startswith("sha256:")
    assert consent["after"]["document_version"] == "1.0"
    assert consent["after"]["witnessed"] is True
    assert "subject_name" not in consent["after"]


# -- How the counts add up -----------------------------------------------------------------------------------------


def test_a_waived_subject_and_the_reasons_of_screen_failures_are_counted() -> None:
    ledger = registered()
    for subject in ("S1", "S2", "S3"):
        ledger.append(consented(subject))
    for subject in ("S1", "S2"):
        ledger.append(screened(subject, eligible=False))
    ledger.append(enrolled("S1", "2020-05-12", waived=("I2",)))
    ledger.append(ended("S3", "SCREEN FAILURE", "2020-05-12"))
    answer = said(ledger, "enrolment", MASKED)
    assert {stage: n for stage, n in stages(answer).items() if n} == {
        "CONSENTED": 3,
        "SCREENED": 3,
        "SCREEN_FAILURE": 2,
        "WAIVED": 1,
        "ENROLLED": 1,
    }
    assert answer["screen_failure_reasons"] == {"I2": 1, "NOT RECORDED": 1}
    assert answer["flow"] == {"not_screened": 0, "not_enrolled": 0, "not_randomized": 1}


@given(story=steps)
def test_screened_subjects_failed_were_eligible_or_were_waived_and_nothing_else(story: list[Step]) -> None:
    ledger = told(story)
    for audience in (MASKED, UNMASKED):
        found = stages(said(ledger, "enrolment", audience))
        assert found["SCREENED"] == found["SCREEN_FAILURE"] + found["ELIGIBLE"] + found["WAIVED"]


@pytest.mark.parametrize("role", ["investigator", "statistician"])
def test_the_flow_of_the_demo_adds_up_from_consent_to_randomization(tmp_path: Path, role: str) -> None:
    path = tmp_path / "NCT04348461.db"
    demo.play(path, 4, 14, demo.SeededRandomness(4))
    answer = viewing(path, role).show("enrolment", None).value()
    found, flow = stages(answer), answer["flow"]
    assert found["CONSENTED"] == found["SCREENED"] + flow["not_screened"]
    assert found["SCREENED"] == found["SCREEN_FAILURE"] + found["ELIGIBLE"] + found["WAIVED"]
    assert found["ELIGIBLE"] + found["WAIVED"] == found["ENROLLED"] + flow["not_enrolled"]
    assert found["ENROLLED"] == found["RANDOMIZED"] + flow["not_randomized"]
    assert found["WAIVED"] > 0
    assert found["SCREEN_FAILURE"] <= sum(answer["screen_failure_reasons"].values())


# -- Beside a table for people -------------------------------------------------------------------------------------


def test_a_table_for_people_names_its_position_and_what_stands_beside_its_rows() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(adverse_event("S1", "1", "2020-05-14", severity="MILD"))
    ledger.append(found_dead("S1", "2020-05-25"), LATER)
    shown = ledger.show("survival", MASKED)
    head = ledger.heads[ledger.facts[0].book][6]
    assert shown.caption() == f"as of entry 6 (recorded {LATER}T12:00:00.000000Z), head {head}, view v3"
    assert "sealed entry 0 (head " in ledger.show("survival").caption()
    assert "death without a record of its own: S1, died 2020-05-25 (from VITAL STATUS)" in shown.notes()
    assert "target, subjects: 100" in ledger.show("enrolment").notes()
    events = ledger.show("adverse-events", MASKED).notes()
    assert "subjects with any event: Total 1 (1 event)" in events
    assert "by severity, MILD: Total 1 (1 event)" in events
    assert MemoryLedger().show("subjects").caption() == "as of an empty ledger, view v2"


def test_exposure_and_disposition_say_their_rules_and_reasons_to_people() -> None:
    ledger = registered()
    for number in (1, 2):
        randomize(ledger, f"S{number}", "TREATMENT", index=number)
        ledger.append(treated(f"S{number}", 1, "2020-05-12", "1", frequency="QD", visit="DAY 0"))
    ledger.append(visit("S1", "DAY 0", "2020-05-12", "1"))
    ledger.append(ended("S2", "ADVERSE EVENT", "2020-05-20", "RASH"))
    exposure = ledger.show("exposure").notes()
    assert "completers: who did the visit DAY 0" in exposure
    assert "imputed: S2, dose 1 ends 2020-05-20 (from DISPOSITION)" in exposure
    assert any(line.startswith("rounding: average daily dose") for line in exposure)
    disposition = ledger.show("disposition").notes()
    assert "completed DAY 0: Control 0; Treatment 1" in disposition
    assert "ended before DAY 0, ADVERSE EVENT, as written: RASH: Control 0; Treatment 1" in disposition
