"""What is due is reckoned by the day of the question, and not by that of the last entry."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.exports.kinds import KINDS
from api.exports.making import export
from tests.projections.whole_trial import protocol_masking, whole_trial

BY_DAY = ("duties", "follow-up", "open-adverse-events")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_trial(tmp_path_factory.mktemp("trial"), protocol_masking("NONE", ())).path


def session(ledger: Path, year: int) -> Session:
    return Session(ledger, viewer_of("a-1", "sponsor", "FJD"), clock=lambda: datetime(year, 2, 3, 23, 30, tzinfo=UTC))


def shown(ledger: Path, view: str, as_of: str | None = None, year: int = 2031) -> dict[str, Any]:
    return session(ledger, year).show(view, as_of).value()


@pytest.mark.parametrize("view", BY_DAY)
def test_without_a_position_the_day_is_the_present_one(ledger: Path, view: str) -> None:
    assert shown(ledger, view, year=2031)["day"] == "2031-02-03"
    assert shown(ledger, view, year=2032)["day"] == "2032-02-03"


@pytest.mark.parametrize("view", BY_DAY)
def test_of_a_time_it_is_its_day_by_utc_and_of_a_position_that_of_its_entry(ledger: Path, view: str) -> None:
    last = shown(ledger, view)["as_of"]
    assert shown(ledger, view, "2029-05-06")["day"] == "2029-05-06"
    assert shown(ledger, view, "2029-05-06T01:00:00+02:00")["day"] == "2029-05-05"
    assert shown(ledger, view, str(last["seq"]))["day"] == last["recorded_at"][:10]


def test_what_is_open_grows_older_though_nothing_is_recorded(ledger: Path) -> None:
    young, old = (shown(ledger, "open-adverse-events", f"{year}-01-01")["rows"] for year in (2030, 2031))
    assert young
    assert [row["days_open"] + 365 for row in young] == [row["days_open"] for row in old]


def test_an_export_has_the_day_that_was_asked_for_and_without_one_that_of_the_position(
    ledger: Path, tmp_path: Path
) -> None:
    made = [
        export(session(ledger, year), KINDS["csv"], tmp_path / f"{year}-{at}", at).path
        for year in (2031, 2032)
        for at in ("9", "2029-05-06")
    ]
    for name in ("follow_up.csv", "open_adverse_events.csv", "duties.csv"):
        nine, then, again_nine, again_then = [(path / name).read_bytes() for path in made]
        assert (nine, then) == (again_nine, again_then)
