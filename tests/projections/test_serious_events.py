"""Serious adverse events, open and ended, one by one."""

from typing import Any

from hypothesis import given

from ledger.domain.events.safety import AdverseEventFollowedUp
from projections.base import Audience
from tests.projections import stories
from tests.projections.building import MemoryLedger, adverse_event, died, randomize, registered

MASKED = Audience.MASKED


def trial() -> MemoryLedger:
    """S1 is randomized."""
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    return ledger


def listed(ledger: MemoryLedger) -> list[dict[str, Any]]:
    return list(ledger.show("serious-events", MASKED).rows)


def test_ended_events_are_listed_after_open_ones_and_those_that_are_not_serious_are_not() -> None:
    ledger = trial()
    ledger.append(adverse_event("S1", "1", "2020-05-14", serious=True, seriousness=("DEATH",), ended="2020-05-16"))
    ledger.append(adverse_event("S1", "2", "2020-05-20", serious=True, seriousness=("HOSPITALIZATION",)))
    ledger.append(adverse_event("S1", "3", "2020-05-13"))
    rows = listed(ledger)
    assert [(row["ae"], row["open"], row["ended"]) for row in rows] == [("2", True, None), ("1", False, "2020-05-16")]
    assert rows[0]["criteria"] == ["HOSPITALIZATION"]


def test_an_event_becomes_serious_by_what_is_said_of_it_later() -> None:
    ledger = trial()
    report = ledger.append(adverse_event("S1", "1", "2020-05-14"))
    assert listed(ledger) == []
    said = {"occurred_at": "2020-05-20", "subject": "S1", "ae": "1", "serious": True, "seriousness": ["DISABILITY"]}
    further = ledger.append(AdverseEventFollowedUp.model_validate(said))
    (row,) = listed(ledger)
    assert (row["criteria"], row["events"]) == (["DISABILITY"], [report.seq, further.seq])


def test_no_event_of_somebody_who_died_is_open() -> None:
    ledger = trial()
    ledger.append(adverse_event("S1", "1", "2020-05-14", serious=True, seriousness=("LIFE_THREATENING",)))
    ledger.append(died("S1", "2020-05-20"))
    (row,) = listed(ledger)
    assert row["open"] is False


@given(stories.steps)
def test_the_open_ones_are_those_that_the_view_of_open_events_has_as_serious(steps: list[stories.Step]) -> None:
    ledger = stories.told(steps)
    for audience in Audience:
        result = ledger.show("serious-events", audience)
        opened = [row for row in ledger.show("open-adverse-events", audience).rows if row["serious"]]
        assert {(row["subject"], row["ae"]) for row in result.rows if row["open"]} == {
            (row["subject"], row["ae"]) for row in opened
        }
        assert result.table.extra["open_serious"] == sum(row["open"] for row in result.rows)
        assert all(row["events"] or row.get("sealed_events") for row in result.rows)
