"""The Grafana dashboard: each of its statements gives rows, in SQLite and in PostgreSQL, of masked relations alone."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from projections.base import Audience
from projections.sql.relations import fixed, relations
from tests.api.publishing.published import Place, publish
from tests.shared_data import ROOT

DASHBOARD: Final[dict[str, Any]] = json.loads((ROOT / "deploy" / "grafana" / "trial-ledger.json").read_text("utf-8"))
PANELS: Final[dict[str, dict[str, Any]]] = {panel["title"]: panel for panel in DASHBOARD["panels"]}
_TRIAL: Final = "${trial:sqlstring}"


def statements() -> dict[str, str]:
    found = {title: target["rawSql"] for title, panel in PANELS.items() for target in panel["targets"]}
    assert len(found) == len(PANELS)
    return found | {variable["name"]: variable["query"] for variable in DASHBOARD["templating"]["list"]}


@pytest.fixture
def published(the_demo: Path, places: dict[str, Place]) -> Place:
    publish(the_demo, "sponsor", places["sponsor"].where)
    return places["sponsor"]


def test_every_statement_gives_rows(published: Place) -> None:
    empty = []
    for title, sql in statements().items():
        if not published.rows(sql.replace(_TRIAL, "'NCT04348461'")):
            empty.append(title)
        if _TRIAL in sql:  # the control: of another trial there is nothing
            assert published.rows(sql.replace(_TRIAL, "'another'")) == [], title
    assert empty == []


def test_what_the_panels_show_is_what_the_record_says(published: Place) -> None:
    def shown(title: str) -> list[tuple[Any, ...]]:
        return published.rows(statements()[title].replace(_TRIAL, "'NCT04348461'"))

    ((randomized, target),) = shown("Randomized against target")
    assert (randomized, target) == (42, 100)
    assert sum(subjects for _, subjects in shown("Randomized by month")) == randomized
    sites = shown("Sites")
    assert sum(site[2] for site in sites) == randomized
    curve = shown("Survival (Kaplan-Meier), all randomized subjects")
    assert [float(curve[0][1]), curve[0][0]] == [1.0, 0]
    assert float(curve[-1][1]) == pytest.approx(0.7598)
    assert shown("Number at risk")[0][1] == randomized


def test_the_dashboard_asks_for_masked_relations_alone() -> None:
    masked = {relation.name for relation in (*relations(Audience.MASKED), *fixed(Audience.MASKED))}
    for title, sql in statements().items():
        asked = set(re.findall(r"\b(?:FROM|JOIN) ([a-z_]+)", sql))
        assert asked, title
        assert asked <= masked, title


def test_both_plug_ins_are_told_the_same_statement() -> None:
    for title, panel in PANELS.items():
        for target in panel["targets"]:
            assert target["rawSql"] == target["rawQueryText"] == target["queryText"], title
            assert target["datasource"] == panel["datasource"] == {"uid": "trial-ledger"}


def test_no_panel_lies_over_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for title, panel in PANELS.items():
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), title) == title
