"""Pictures show what the tables beside them say."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from api.pages import charts, flow
from api.pages.svg import Picture, wrapped
from api.pages.words import IN
from projections.groups import TOTAL
from projections.statistics import fixed, kaplan_meier
from tests.api.pages.hypertext import get
from tests.api.server.people import NAME, client_of

WORDS = IN["en"]
FOLLOWED = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=40)
_SVG = {"s": "http://www.w3.org/2000/svg"}


def _rows(followed: list[tuple[int, bool]], horizon: int, group: str = TOTAL) -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "time": point.time,
            "at_risk": point.at_risk,
            "events": point.events,
            "censored": point.censored,
            **{name: fixed(getattr(point, name), 4) for name in ("survival", "low", "high")},
        }
        for point in kaplan_meier(followed, horizon)
    ]


def _curve(followed: list[tuple[int, bool]], horizon: int) -> charts.Curve:
    rows = _rows(followed, horizon)
    (curve,) = charts.curves_of(rows, [{"group": TOTAL, "subjects": len(followed)}])
    return curve


def _drawn(markup: str) -> Any:
    return etree.fromstring(markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@given(followed=FOLLOWED, horizon=st.integers(1, 40))
def test_the_number_at_risk_is_how_many_were_followed_for_as_many_days_or_more(
    followed: list[tuple[int, bool]], horizon: int
) -> None:
    curve = _curve(followed, horizon)
    for day in charts.days_of(horizon):
        assert curve.at_risk(day) == sum(time >= day for time, _ in followed)


@given(followed=FOLLOWED.filter(bool), horizon=st.integers(1, 40))
def test_the_line_steps_where_the_rows_do_and_to_what_they_say(followed: list[tuple[int, bool]], horizon: int) -> None:
    curve = _curve(followed, horizon)
    steps = curve.steps("survival", horizon)
    assert steps[0] == (0, 1.0)
    assert [time for time, _ in steps] == sorted(time for time, _ in steps)
    for row in curve.rows:
        after = [value for time, value in steps if time == row["time"]][-1]
        assert after == float(row["survival"])
    furthest = max(time for time, _ in followed)
    assert steps[-1][0] == min(horizon, furthest)


@given(followed=FOLLOWED.filter(bool), horizon=st.integers(1, 40))
def test_the_curve_is_drawn_at_the_numbers_of_its_rows(followed: list[tuple[int, bool]], horizon: int) -> None:
    curve = _curve(followed, horizon)
    root = _drawn(str(charts.survival([curve], horizon, WORDS, "Survival")))
    (line,) = root.xpath("//s:path[starts-with(@class, 'line')]/@d", namespaces=_SVG)
    corners = [tuple(map(float, pair.split())) for pair in re.split("[ML]", line) if pair]
    for (day, share), (x, y) in zip(curve.steps("survival", horizon), corners, strict=True):
        assert x == pytest.approx(64 + 640 * day / horizon, abs=0.01)
        assert y == pytest.approx(16 + 300 * (1 - share), abs=0.01)
    ticks = root.xpath("//s:line[starts-with(@class, 'tick')]", namespaces=_SVG)
    assert len(ticks) == sum(bool(row["censored"]) for row in curve.rows)


def test_nobody_followed_makes_no_line() -> None:
    root = _drawn(str(charts.survival([_curve([], 28)], 28, WORDS, "Survival")))
    assert root.xpath("//s:path", namespaces=_SVG) == []


@given(st.dictionaries(st.integers(0, 30), st.integers(1, 50), max_size=12))
def test_months_have_no_gap_and_add_up(counts: dict[int, int]) -> None:
    def named(month: int) -> str:
        return f"{2020 + month // 12}-{month % 12 + 1:02d}"

    rows = [{"stage": "RANDOMIZED", "month": named(month), "subjects": count} for month, count in counts.items()]
    months = charts.months_of([*rows, {"stage": "RANDOMIZED", "month": None, "subjects": 99}])
    assert [one["month"] for one in months] == (
        [named(month) for month in range(min(counts), max(counts) + 1)] if counts else []
    )
    assert sum(one["randomized"] for one in months) == sum(counts.values())
    assert not months or months[-1]["randomized_in_all"] == sum(counts.values())
    heights = _bars(months)
    assert len(heights) == len(months)
    for one, height in zip(months, heights, strict=True):
        assert (height == 0) is (one["randomized"] == 0)


def _bars(months: list[dict[str, Any]]) -> list[float]:
    root = _drawn(str(charts.enrolment(months, 100, WORDS, "Enrolment")))
    return [float(bar.get("height")) for bar in root.xpath("//s:rect[@class='bar']", namespaces=_SVG)]


def test_the_days_of_the_axis_begin_at_nought_and_end_at_the_horizon() -> None:
    for horizon in range(1, 2000):
        days = charts.days_of(horizon)
        assert (days[0], days[-1]) == (0, horizon)
        assert days == sorted(set(days))
        assert len(days) <= 9


@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
def test_the_numbers_of_the_flow_are_those_of_its_list_and_its_table(ledger: Path, who: str) -> None:
    page = get(client_of(ledger), f"/t/{NAME}/consort", who)
    drawn = re.findall(r"\(n = (\d+)\)", " ".join(page.texts("//*[local-name()='svg']/*[local-name()='text']")))
    listed = re.findall(r"\(n = (\d+)\)", page.texts("//ul[@id='flow']")[0])
    assert sorted(drawn) == sorted(listed)
    table = {(row[0], row[1]): row[2] for row in page.cells("stages")}
    assert table["Assessed for eligibility", "Total"] == listed[0] == "4"
    assert table["Randomized", "Total"] == "4"


@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
def test_the_survival_page_has_the_number_at_risk_of_each_group_that_is_drawn(ledger: Path, who: str) -> None:
    page = get(client_of(ledger), f"/t/{NAME}/survival", who)
    risk = {row[0]: row[1] for row in page.cells("at-risk")}
    ends = {row[0]: row[1] for row in page.cells("horizon")}
    assert risk == ends
    assert set(page.texts("//ul[@class='key']/li")) <= set(risk)
    lines = page.root.xpath("//figure//*[local-name()='path'][starts-with(@class, 'line')]")
    assert len(lines) == len(page.root.xpath("//ul[@class='key']/li")) == (1 if who == "sponsor-1" else 2)


@given(st.text(), st.integers(30, 400))
def test_text_in_lines_loses_nothing(text: str, width: int) -> None:
    assert "".join(wrapped(text, width)).replace(" ", "") == "".join(text.split())


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_text_of_a_picture_is_markup(text: str) -> None:
    picture = Picture("p", 10, 10, text, text)
    picture.text(0, 0, f"<script>{text}</script>")
    root = _drawn(str(picture.markup()))
    assert [child.tag.split("}")[1] for child in root] == ["title", "desc", "text"]
    assert root[2].text.startswith("<script>")


def test_a_flow_with_many_arms_has_a_column_for_each() -> None:
    rows = [
        {"stage": stage, "detail": None, "group": group, "subjects": 3}
        for stage in ("RANDOMIZED", "DIED")
        for group in ("A", "B", "C", "D", TOTAL)
    ]
    boxes = flow.boxes_of(rows, WORDS)
    assert [group for group, _ in boxes.columns] == ["A", "B", "C", "D"]
    assert _drawn(str(flow.picture(boxes, WORDS, "Flow"))).xpath("count(//s:rect)", namespaces=_SVG) == 3 + 4 * 2
