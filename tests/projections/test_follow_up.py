"""Follow-up that is due or overdue, and adverse events that are open, as of the day of the position."""

from typing import Any

from hypothesis import given

from ledger.domain.events.safety import AdverseEventFollowedUp
from ledger.domain.events.trial import TrialRegistered
from projections.base import Audience
from tests.projections import stories
from tests.projections.building import (
    PROTOCOL,
    MemoryLedger,
    adverse_event,
    alive,
    coded,
    consented,
    died,
    ended,
    randomize,
    registered,
    renewed,
    visit,
    withdrew,
)

MASKED = Audience.MASKED
VISITS: list[dict[str, Any]] = [
    {"name": "DAY 3", "day": 3, "early_days": 1, "late_days": 1},
    {"name": "MONTH 1", "day": 30, "early_days": 3, "late_days": 7},
]


def trial(*, visits: bool = False) -> MemoryLedger:
    """S1 is randomized on 12 May."""
    ledger = registered({**PROTOCOL, "settings": {"visits": VISITS}} if visits else None)
    randomize(ledger, "S1", "CONTROL")
    return ledger


def now(ledger: MemoryLedger, day: str) -> MemoryLedger:
    """The ledger with an entry of that day, which says nothing of any subject."""
    ledger.append(TrialRegistered(occurred_at=day, protocol=ledger.facts[0].data["protocol"]), at=day)
    return ledger


def contacts(ledger: MemoryLedger, day: str) -> list[tuple[str, str | None, str, int | None]]:
    """(contact, visit, state, days overdue) on that day."""
    rows = now(ledger, day).show("follow-up", MASKED).rows
    return [(row["contact"], row["visit"], row["state"], row["days_overdue"]) for row in rows]


def test_the_vital_status_is_due_on_the_last_day_of_the_time_frame_and_overdue_the_day_after() -> None:
    assert contacts(trial(), "2020-06-08") == []
    assert contacts(trial(), "2020-06-09") == [("VITAL STATUS", None, "DUE", None)]
    assert contacts(trial(), "2020-06-10") == [("VITAL STATUS", None, "OVERDUE", 1)]


def test_who_was_seen_alive_on_that_day_or_later_owes_no_vital_status() -> None:
    ledger = trial()
    ledger.append(alive("S1", "2020-06-08"))
    assert contacts(ledger, "2020-06-20") == [("VITAL STATUS", None, "OVERDUE", 11)]
    ledger.append(alive("S1", "2020-06-15"))
    assert contacts(ledger, "2020-06-20") == []


def test_a_safety_contact_is_owed_at_the_end_of_the_adverse_event_time_frame() -> None:
    ledger = trial()
    ledger.append(alive("S1", "2020-06-15"))
    assert contacts(ledger, "2020-11-12") == [("SAFETY CONTACT", None, "OVERDUE", 1)]


def test_a_visit_is_due_within_its_window_and_settled_by_being_recorded_as_done_or_missed() -> None:
    assert contacts(trial(visits=True), "2020-05-13") == []
    assert contacts(trial(visits=True), "2020-05-14") == [("VISIT", "DAY 3", "DUE", None)]
    assert contacts(trial(visits=True), "2020-05-16") == [("VISIT", "DAY 3", "DUE", None)]
    assert contacts(trial(visits=True), "2020-05-17") == [("VISIT", "DAY 3", "OVERDUE", 1)]
    for state in ("DONE", "MISSED"):
        ledger = trial(visits=True)
        ledger.append(visit("S1", "DAY 3", "2020-05-15", state=state))
        assert contacts(ledger, "2020-05-17") == []


def test_the_longest_overdue_comes_first() -> None:
    ledger = trial(visits=True)
    found = contacts(ledger, "2020-06-25")
    assert found == [
        ("VISIT", "DAY 3", "OVERDUE", 40),
        ("VITAL STATUS", None, "OVERDUE", 16),
        ("VISIT", "MONTH 1", "OVERDUE", 7),
    ]


def test_the_dead_the_lost_and_those_who_withdrew_from_follow_up_owe_nothing() -> None:
    ledger = registered()
    for number in range(1, 7):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
    ledger.append(died("S1", "2020-05-20"))
    ledger.append(ended("S2", "LOST TO FOLLOW-UP", "2020-05-20"))
    ledger.append(withdrew("S3", "2020-05-20", "ALL"))
    ledger.append(ended("S4", "COMPLETED", "2020-05-20", epoch="FOLLOW-UP"))
    ledger.append(withdrew("S5", "2020-05-20", "INTERVENTION"))
    ledger.append(withdrew("S6", "2020-05-20", "ALL"))
    ledger.append(renewed("S6", "2020-05-21"))
    result = now(ledger, "2020-06-20").show("follow-up", MASKED)
    assert [row["subject"] for row in result.rows] == ["S5", "S6"]
    assert result.table.extra["not_followed"] == {"COMPLETED": 1, "DIED": 1, "LOST_TO_FOLLOW_UP": 1, "WITHDRAWN": 1}
    assert (result.table.extra["followed"], result.table.extra["subjects_overdue"]) == (2, 2)


def test_a_contact_names_the_entries_that_show_the_last_one() -> None:
    ledger = trial()
    seen = ledger.append(alive("S1", "2020-06-01"))
    (row,) = now(ledger, "2020-06-20").show("follow-up", MASKED).rows
    assert row["last_contact"] == "2020-06-01"
    assert seen.seq in row["events"]


def test_who_is_not_randomized_owes_no_contact() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    assert contacts(ledger, "2020-12-31") == []


def open_events(ledger: MemoryLedger, day: str = "2020-06-20") -> list[dict[str, Any]]:
    return list(now(ledger, day).show("open-adverse-events", MASKED).rows)


def test_open_events_come_serious_ones_first_then_the_longest_open() -> None:
    ledger = trial()
    ledger.append(adverse_event("S1", "1", "2020-05-14"))
    ledger.append(adverse_event("S1", "2", "2020-06-01", serious=True, seriousness=("LIFE_THREATENING",)))
    ledger.append(adverse_event("S1", "3", "2020-05-13"))
    ledger.append(adverse_event("S1", "4", None, serious=True))
    rows = open_events(ledger)
    assert [row["ae"] for row in rows] == ["2", "4", "3", "1"]
    assert [row["days_open"] for row in rows] == [19, None, 38, 37]
    assert rows[0]["criteria"] == ["LIFE_THREATENING"]


def test_an_event_that_ended_was_resolved_or_whose_subject_died_is_not_open() -> None:
    ledger = trial()
    randomize(ledger, "S2", "CONTROL", index=2)
    ledger.append(adverse_event("S1", "1", "2020-05-14", ended="2020-05-16"))
    ledger.append(adverse_event("S1", "2", "2020-05-14", outcome="RECOVERED/RESOLVED"))
    ledger.append(adverse_event("S1", "3", "2020-05-14", outcome="UNKNOWN"))
    ledger.append(adverse_event("S2", "1", "2020-05-14"))
    ledger.append(died("S2", "2020-05-20"))
    assert [(row["subject"], row["ae"]) for row in open_events(ledger)] == [("S1", "3")]


def test_an_open_event_names_its_report_and_all_that_was_said_of_it() -> None:
    ledger = trial()
    report = ledger.append(adverse_event("S1", "1", "2020-05-14"))
    ledger.append(adverse_event("S1", "2", "2020-05-14", ended="2020-05-15"))
    code = ledger.append(coded("S1", "1", "Investigations", "Fever"))
    said = {"occurred_at": "2020-05-20", "subject": "S1", "ae": "1", "severity": "SEVERE"}
    further = ledger.append(AdverseEventFollowedUp.model_validate(said))
    correction = ledger.correct(report, term="High fever")
    (row,) = open_events(ledger)
    assert row["events"] == [report.seq, code.seq, further.seq, correction.seq]
    assert (row["severity"], row["term"]) == ("SEVERE", "High fever")


@given(stories.steps)
def test_as_many_events_are_open_as_the_subjects_view_says(steps: list[stories.Step]) -> None:
    ledger = stories.told(steps)
    for audience in Audience:
        rows = ledger.show("open-adverse-events", audience).rows
        listed = {row["subject"]: row["open_adverse_events"] for row in ledger.show("subjects", audience).rows}
        for subject, count in listed.items():
            assert sum(row["subject"] == subject for row in rows) == count
        assert all(row["events"] or row.get("sealed_events") for row in rows)


@given(stories.steps)
def test_nobody_dead_is_to_be_contacted_and_nothing_overdue_lies_ahead(steps: list[stories.Step]) -> None:
    ledger = stories.told(steps)
    result = ledger.show("follow-up")
    dead = {row["subject"] for row in ledger.show("subjects").rows if row["status"] == "DIED"}
    for row in result.rows:
        assert row["subject"] not in dead
        assert (row["until"] < result.table.extra["day"]) == (row["state"] == "OVERDUE") == bool(row["days_overdue"])


def test_a_disposition_of_the_treatment_ends_that_and_one_of_the_study_ends_the_follow_up() -> None:
    ledger = registered()
    for number, (term, epoch) in enumerate(
        [
            ("WITHDRAWAL BY SUBJECT", "TREATMENT"),
            ("ADVERSE EVENT", "TREATMENT"),
            ("WITHDRAWAL BY SUBJECT", "FOLLOW-UP"),
            ("ADVERSE EVENT", None),
            ("STUDY TERMINATED BY SPONSOR", "FOLLOW-UP"),
            ("LOST TO FOLLOW-UP", "TREATMENT"),
        ],
        1,
    ):
        randomize(ledger, f"S{number}", "CONTROL", index=number)
        ledger.append(ended(f"S{number}", term, "2020-05-20", **({} if epoch is None else {"epoch": epoch})))
    result = now(ledger, "2020-06-20").show("follow-up", MASKED)
    assert [row["subject"] for row in result.rows] == ["S1", "S2"]
    assert result.table.extra["not_followed"] == {"DISCONTINUED": 2, "LOST_TO_FOLLOW_UP": 1, "WITHDRAWN": 1}
    status = {row["subject"]: row["status"] for row in ledger.show("subjects", MASKED).rows}
    assert [status[f"S{number}"] for number in range(1, 5)] == [
        "DISCONTINUED",
        "DISCONTINUED",
        "WITHDRAWN",
        "DISCONTINUED",
    ]
