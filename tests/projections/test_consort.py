"""The CONSORT flow: who was assessed, excluded, randomized, and what became of them; who told whom stays apart."""

from typing import Any

from hypothesis import given

from ledger.domain.events.enrolment import ScreeningCompleted
from projections.base import Audience
from projections.groups import TOTAL
from projections.views.consort import GIVING
from tests.projections import stories
from tests.projections.building import (
    MemoryLedger,
    adverse_event,
    consented,
    died,
    ended,
    found_dead,
    randomize,
    registered,
    screened,
    treated,
    withdrew,
)

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED


def flow(ledger: MemoryLedger, audience: Audience = UNMASKED) -> dict[tuple[str, str | None, str], Any]:
    """Each number of the flow, by stage, detail and group."""
    rows = ledger.show("consort", audience).rows
    found = {(row["stage"], row["detail"], row["group"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def count(ledger: MemoryLedger, stage: str, detail: str | None = None, group: str = TOTAL) -> int:
    row = flow(ledger).get((stage, detail, group))
    return 0 if row is None else int(row["subjects"])


def screening(subject: str, *failed: str) -> ScreeningCompleted:
    return ScreeningCompleted(
        occurred_at="2020-05-11", subject=subject, values={"age_years": 17}, eligible=not failed, failed=failed
    )


def test_who_has_only_consented_is_not_assessed_yet() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    assert (count(ledger, "AWAITING_SCREENING"), count(ledger, "ASSESSED")) == (1, 0)


def test_the_excluded_are_told_apart_by_why_and_by_criterion() -> None:
    ledger = registered()
    for subject in ("S1", "S2", "S3", "S4", "S5", "S6"):
        ledger.append(consented(subject))
    ledger.append(screening("S1", "I2", "E5"))
    ledger.append(screening("S2", "I2"))
    ledger.append(screened("S3"))
    ledger.append(withdrew("S3", "2020-05-12"))
    ledger.append(screened("S4"))
    ledger.append(ended("S4", "PHYSICIAN DECISION", "2020-05-12"))
    ledger.append(screened("S5"))
    ledger.append(ended("S6", "SCREEN FAILURE", "2020-05-12"))
    assert count(ledger, "ASSESSED") == 6
    assert count(ledger, "EXCLUDED") == 5
    assert count(ledger, "NOT_MEETING_CRITERIA") == 3
    assert count(ledger, "NOT_MEETING_CRITERIA", "I2") == 2
    assert count(ledger, "NOT_MEETING_CRITERIA", "E5") == 1
    assert count(ledger, "NOT_MEETING_CRITERIA", "NOT RECORDED") == 1
    assert count(ledger, "DECLINED", "WITHDREW: ALL") == 1
    assert count(ledger, "OTHER_REASON", "PHYSICIAN DECISION") == 1
    assert count(ledger, "NOT_YET_RANDOMIZED") == 1


def test_who_received_what_they_were_allocated_to_is_counted_by_arm() -> None:
    ledger = registered()
    for number, (subject, arm) in enumerate(
        {"S1": "CONTROL", "S2": "CONTROL", "S3": "TREATMENT", "S4": "TREATMENT", "S5": "TREATMENT"}.items(), start=1
    ):
        randomize(ledger, subject, arm, index=number)
    ledger.append(treated("S2", 1, "2020-05-13"))  # against the allocation
    ledger.append(treated("S3", 1, "2020-05-13"))
    ledger.append(treated("S3", 2, "2020-05-16"))
    ledger.append(died("S4", "2020-05-13"))
    assert count(ledger, "RECEIVED", group="Control") == 1
    assert count(ledger, "NOT_RECEIVED", "GIVEN THE PRODUCT", "Control") == 1
    assert count(ledger, "RECEIVED", group="Treatment") == 1
    assert count(ledger, "ALL_DOSES", group="Treatment") == 1
    assert count(ledger, "NOT_RECEIVED", group="Treatment") == 2
    assert count(ledger, "NOT_RECEIVED", "DEATH", "Treatment") == 1
    assert count(ledger, "NOT_RECEIVED", "NOT GIVEN YET", "Treatment") == 1


def test_a_dose_given_twice_is_one_of_the_planned_ones() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    ledger.append(treated("S1", 1, "2020-05-13"))
    ledger.append(treated("S1", 1, "2020-05-13"))
    assert (count(ledger, "RECEIVED", group="Treatment"), count(ledger, "ALL_DOSES", group="Treatment")) == (1, 0)


def test_follow_up_and_analysis_count_each_subject_once() -> None:
    ledger = registered()
    for number, subject in enumerate(("S1", "S2", "S3"), start=1):
        randomize(ledger, subject, "CONTROL", index=number)
    ledger.append(ended("S1", "LOST TO FOLLOW-UP", "2020-06-12"))
    ledger.append(withdrew("S2", "2020-06-12", "INTERVENTION"))
    ledger.append(ended("S2", "WITHDRAWAL BY SUBJECT", "2020-06-12"))
    ledger.append(found_dead("S3", "2020-06-12"))
    assert count(ledger, "LOST_TO_FOLLOW_UP", group="Control") == 1
    assert count(ledger, "DISCONTINUED", group="Control") == 1
    assert count(ledger, "DISCONTINUED", "WITHDREW: INTERVENTION", "Control") == 1
    assert count(ledger, "DISCONTINUED", "WITHDRAWAL BY SUBJECT", "Control") == 1
    assert count(ledger, "DIED", group="Control") == 1
    for view in ("survival", "ae-rate"):
        assert count(ledger, "ANALYSED", view, "Control") == 3


def test_of_the_randomized_each_has_died_or_left_or_is_still_followed() -> None:
    ledger = registered()
    for number in range(1, 7):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    ledger.append(ended("S1", "LOST TO FOLLOW-UP", "2020-06-12"))
    ledger.append(withdrew("S2", "2020-06-12", "INTERVENTION"))
    ledger.append(ended("S2", "WITHDRAWAL BY SUBJECT", "2020-06-12", epoch="TREATMENT"))
    ledger.append(found_dead("S3", "2020-06-12"))
    ledger.append(ended("S4", "COMPLETED", "2020-06-12", epoch="FOLLOW-UP"))
    ledger.append(ended("S5", "PHYSICIAN DECISION", "2020-06-12", epoch="FOLLOW-UP"))
    told = {stage: count(ledger, stage, group="Control") for stage in ("DIED", "COMPLETED", "FOLLOWED", "DISCONTINUED")}
    assert told == {"DIED": 1, "COMPLETED": 1, "FOLLOWED": 2, "DISCONTINUED": 2}


def test_a_number_has_the_events_behind_it_with_their_corrections() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    end = ledger.append(ended("S1", "LOST TO FOLLOW-UP", "2020-06-12"))
    correction = ledger.correct(end, term="LOST TO FOLLOW-UP", verbatim="moved away")
    dose = ledger.append(treated("S1", 1, "2020-05-13"))
    rows = flow(ledger)
    assert rows["LOST_TO_FOLLOW_UP", None, "Treatment"]["events"] == [end.seq, correction.seq]
    assert rows["RECEIVED", None, "Treatment"]["sealed_events"] == [dose.seq]


def test_the_masked_flow_has_totals_alone_and_nothing_of_the_product() -> None:
    one, other = registered(), registered()
    for ledger, arms in ((one, ("CONTROL", "TREATMENT")), (other, ("TREATMENT", "CONTROL"))):
        for number, arm in enumerate(arms, start=1):
            randomize(ledger, f"S{number}", arm, index=number)
            if arm == "TREATMENT":
                ledger.append(treated(f"S{number}", 1, "2020-05-13"))
        ledger.append(adverse_event("S1", "1", "2020-05-14"))
    masked = flow(one, MASKED)
    assert masked == flow(other, MASKED)
    assert {group for _, _, group in masked} == {TOTAL}
    assert not {stage for stage, _, _ in masked} & set(GIVING)
    assert flow(one) != flow(other)


@given(stories.steps)
def test_the_flow_adds_up_whatever_was_recorded(steps: list[stories.Step]) -> None:
    ledger = stories.told(steps)
    for audience in Audience:
        rows = flow(ledger, audience)
        number = {place: int(row["subjects"]) for place, row in rows.items()}

        def of(stage: str, number: dict[tuple[str, str | None, str], int] = number) -> int:
            return number[stage, None, TOTAL]

        assert of("ASSESSED") == of("EXCLUDED") + of("NOT_YET_RANDOMIZED") + of("RANDOMIZED")
        assert of("EXCLUDED") == of("NOT_MEETING_CRITERIA") + of("DECLINED") + of("OTHER_REASON")
        for stage in ("RANDOMIZED", "LOST_TO_FOLLOW_UP", "DISCONTINUED", "DIED"):
            arms = [
                n for (name, detail, group), n in number.items() if (name, detail) == (stage, None) and group != TOTAL
            ]
            assert audience is MASKED or sum(arms) == of(stage)
            assert of(stage) <= of("RANDOMIZED")
        assert all(bool(row["events"] or row.get("sealed_events")) == bool(row["subjects"]) for row in rows.values())
        if audience is UNMASKED:
            known = sum(row["arm"] != "NOT ASSIGNED" and row["n"] for row in ledger.show("consort").table.extra["arms"])
            assert of("RECEIVED") + of("NOT_RECEIVED") == known
