"""Whoever is censored in the survival curve is listed, with the day, the reason, and the entries that show it."""

from typing import Any

from hypothesis import given, settings

from ledger.domain.routing import wrapped
from projections.base import Audience
from tests.projections.building import (
    MemoryLedger,
    adverse_event,
    alive,
    died,
    ended,
    found_dead,
    randomize,
    registered,
    renewed,
    treated,
    visit,
    withdrew,
)
from tests.projections.stories import Step, steps, told

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
LATER = "2021-06-01"


def begun() -> MemoryLedger:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")  # on 2020-05-12, entry 4
    return ledger


def only(ledger: MemoryLedger, audience: Audience = MASKED) -> dict[str, Any]:
    (row,) = ledger.show("censoring", audience).rows
    return row


def why(ledger: MemoryLedger) -> tuple[Any, ...]:
    row = only(ledger)
    return row["last_alive"], row["day"], row["reason"], row["detail"]


def test_who_was_alive_at_the_end_of_the_time_frame_leaves_as_planned() -> None:
    ledger = begun()
    seen = ledger.append(alive("S1", "2020-06-30"), LATER)
    assert why(ledger) == ("2020-06-30", 28, "TIME FRAME ENDED", None)
    assert only(ledger)["events"] == [seen.seq]


def test_who_died_after_the_time_frame_was_alive_at_its_end() -> None:
    ledger = begun()
    death = ledger.append(died("S1", "2020-06-30"), LATER)
    assert why(ledger) == ("2020-05-12", 28, "TIME FRAME ENDED", None)
    assert only(ledger)["events"] == [death.seq]


def test_a_death_within_the_time_frame_is_no_censoring() -> None:
    ledger = begun()
    ledger.append(died("S1", "2020-06-09"), LATER)
    assert ledger.show("censoring", MASKED).rows == []


def test_withdrawal_loss_and_other_ends_are_told_apart_with_the_entries_that_say_so() -> None:
    for event, reason, detail in (
        (withdrew("S1", "2020-05-22"), "WITHDREW CONSENT", "ALL"),
        (ended("S1", "LOST TO FOLLOW-UP", "2020-05-22"), "LOST TO FOLLOW-UP", "LOST TO FOLLOW-UP"),
        (ended("S1", "WITHDRAWAL BY SUBJECT", "2020-05-20"), "WITHDREW CONSENT", "WITHDRAWAL BY SUBJECT"),
        (ended("S1", "PHYSICIAN DECISION", "2020-05-20"), "ENDED", "PHYSICIAN DECISION"),
        (ended("S1", "COMPLETED", "2020-05-20"), "COMPLETED", "COMPLETED"),
    ):
        ledger = begun()
        seen = ledger.append(visit("S1", "DAY 8", "2020-05-20"), LATER)
        end = ledger.append(event, LATER)
        assert why(ledger) == ("2020-05-20", 8, reason, detail)
        assert only(ledger)["events"] == [seen.seq, end.seq]


def test_the_end_of_the_treatment_takes_nobody_out_of_follow_up() -> None:
    ledger = begun()
    ledger.append(withdrew("S1", "2020-05-20", "INTERVENTION"), LATER)
    ledger.append(ended("S1", "COMPLETED", "2020-05-21", epoch="TREATMENT"), LATER)
    assert why(ledger) == ("2020-05-21", 9, "NO LATER RECORD", None)


def test_a_withdrawal_that_was_taken_back_is_no_reason() -> None:
    ledger = begun()
    ledger.append(withdrew("S1", "2020-05-20"), LATER)
    ledger.append(renewed("S1", "2020-05-24"), LATER)
    assert why(ledger) == ("2020-05-24", 12, "NO LATER RECORD", None)


def test_where_the_data_end_is_not_where_nobody_asked() -> None:
    ledger = begun()
    ledger.append(visit("S1", "DAY 8", "2020-05-20"), "2020-05-20")
    assert why(ledger) == ("2020-05-20", 8, "DATA END HERE", None)
    ledger.append(adverse_event("S1", "1", "2020-05-18"), "2020-05-25")
    assert why(ledger) == ("2020-05-20", 8, "NO LATER RECORD", None)


def test_a_death_without_a_day_censors_with_both_entries() -> None:
    ledger = begun()
    seen = ledger.append(visit("S1", "DAY 8", "2020-05-20"), LATER)
    death = ledger.append(died("S1", "2020-06"), LATER)
    assert why(ledger) == ("2020-05-20", 8, "DIED, DAY NOT KNOWN", "2020-06")
    assert only(ledger)["events"] == [seen.seq, death.seq]


def test_a_correction_stands_among_the_entries_and_moves_the_day() -> None:
    ledger = begun()
    seen = ledger.append(visit("S1", "DAY 8", "2020-05-20"), LATER)
    corrected = ledger.correct(seen, at=LATER, started="2020-05-23")
    row = only(ledger)
    assert (row["last_alive"], row["events"]) == ("2020-05-23", [seen.seq, corrected.seq])


def test_the_group_is_the_arm_for_those_alone_who_may_see_it() -> None:
    ledger = begun()
    ledger.append(treated("S1", 1, "2020-05-13"))
    assert only(ledger)["group"] == "Total"
    row = only(ledger, UNMASKED)
    assert (row["group"], row["sealed_events"]) == ("Control", [])
    assert "sealed_events" not in only(ledger)


def test_what_an_unblinded_person_saw_is_a_sealed_entry_and_none_of_the_masked() -> None:
    ledger = begun()
    seen = ledger.append(wrapped(visit("S1", "DAY 8", "2020-05-20"), None), LATER)
    assert why(ledger)[0] == "2020-05-12"
    row = only(ledger, UNMASKED)
    assert (row["last_alive"], row["events"], row["sealed_events"]) == ("2020-05-20", [], [seen.seq])


def test_reasons_are_counted_by_group() -> None:
    ledger = begun()
    randomize(ledger, "S2", "TREATMENT", index=2)
    ledger.append(alive("S2", "2020-06-30"), LATER)
    told_of = ledger.show("censoring", UNMASKED)
    assert told_of.value()["reasons"] == [
        {"group": "Control", "reason": "NO LATER RECORD", "subjects": 1},
        {"group": "Treatment", "reason": "TIME FRAME ENDED", "subjects": 1},
    ]
    assert "censored, Control, NO LATER RECORD: 1 subject" in told_of.notes()


def test_somebody_found_dead_within_the_time_frame_is_not_censored() -> None:
    ledger = begun()
    ledger.append(found_dead("S1", "2020-05-25"), LATER)
    assert ledger.show("censoring", MASKED).rows == []


@settings(max_examples=60, deadline=None)
@given(steps)
def test_whoever_is_censored_in_the_curve_is_a_row_and_nobody_else(story: list[Step]) -> None:
    ledger = told(story)
    for audience in Audience:
        curve, listed = ledger.show("survival", audience), ledger.show("censoring", audience)
        by_group: dict[tuple[str, int], int] = {}
        for row in listed.rows:
            by_group[row["group"], row["day"]] = by_group.get((row["group"], row["day"]), 0) + 1
            assert row["events"] or row.get("sealed_events"), row
        wanted = {
            (row["group"], row["time"]): row["censored"]
            for row in curve.rows
            if row["censored"] and (audience is MASKED or row["group"] != "Total")
        }
        assert by_group == wanted
