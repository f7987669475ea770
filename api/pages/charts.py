"""The pictures of a trial, each made of the rows of a view: survival and enrolment.

1. Nothing is reckoned here that a view could have: a picture draws the rows that its table shows.
2. The number at risk at a day is how many were followed for as many days or more: count(time >= day).
3. Groups are told apart by colour and by the pattern of the line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from api.pages.svg import Picture
from api.pages.words import Words
from projections.groups import TOTAL

_WIDTH: Final = 720.0
_LEFT, _RIGHT, _TOP = 64.0, 16.0, 16.0
_PLOT: Final = 300.0
_STYLES: Final = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve of one group: its rows of the view `survival` in the order of days."""

    group: str
    style: str
    rows: tuple[Mapping[str, Any], ...]
    subjects: int

    def at_risk(self, day: int) -> int:
        """How many were followed for as many days or more."""
        for row in self.rows:
            if row["time"] >= day:
                return int(row["at_risk"])
        if not self.rows:
            return self.subjects
        last = self.rows[-1]
        return int(last["at_risk"] - last["events"] - last["censored"])

    def steps(self, column: str, horizon: int) -> list[tuple[int, float]]:
        """(day, value) of the corners of the step line of a column, from day 0 on; up to where somebody is at risk."""
        corners: list[tuple[int, float]] = []
        value = 1.0
        for row in self.rows:
            if row[column] is None:
                continue
            corners.append((row["time"], value))
            value = float(row[column])
            corners.append((row["time"], value))
        if not self.rows:
            return []
        end = horizon if self.at_risk(horizon) > 0 else min(self.rows[-1]["time"], horizon)
        return [(0, 1.0), *corners, (end, value)]


def curves_of(rows: Iterable[Mapping[str, Any]], at_horizon: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """A curve for each group. The total is not drawn beside arms: its table has it."""
    by: dict[str, list[Mapping[str, Any]]] = {one["group"]: [] for one in at_horizon}
    for row in rows:
        by[row["group"]].append(row)
    n = {one["group"]: one["subjects"] for one in at_horizon}
    return [
        Curve(group, "st" if group == TOTAL else f"s{place % _STYLES}", tuple(listed), n[group])
        for place, (group, listed) in enumerate(by.items())
    ]


def days_of(horizon: int) -> list[int]:
    """The days at which the axis is marked and the number at risk is told."""
    step = next(step for step in (1, 2, 5, 7, 10, 14, 20, 28, 30, 60, 90, 180, 365, 730, 10**6) if horizon / step <= 7)
    days = list(range(0, horizon + 1, step))
    return days if days[-1] == horizon else [*(day for day in days if horizon - day >= step / 2), horizon]


def survival(curves: Sequence[Curve], horizon: int, words: Words, title: str) -> Markup:
    """The curves with their confidence bands, and a tick where somebody was censored."""
    drawn = [curve for curve in curves if curve.group != TOTAL or len(curves) == 1]
    picture = Picture("survival", _WIDTH, _TOP + _PLOT + 56, title, words.say("survival.description", days=horizon))
    width = _WIDTH - _LEFT - _RIGHT

    def place(day: float, share: float) -> tuple[float, float]:
        return _LEFT + width * day / max(1, horizon), _TOP + _PLOT * (1 - share)

    for percent in range(0, 101, 20):
        _, y = place(0, percent / 100)
        picture.line(_LEFT, y, _WIDTH - _RIGHT, y, "grid")
        picture.text(_LEFT - 8, y + 4, f"{percent} %", anchor="end")
    for day in days_of(horizon):
        x, y = place(day, 0)
        picture.line(x, y, x, y + 5, "axis")
        picture.text(x, y + 20, str(day), anchor="middle")
    picture.line(*place(0, 0), *place(horizon, 0), "axis")
    picture.line(*place(0, 0), *place(0, 1), "axis")
    picture.text(_LEFT + width / 2, _TOP + _PLOT + 44, words.say("survival.axis"), anchor="middle")
    for curve in drawn:
        low, high = _limits(curve, horizon)
        if low and high:
            picture.path([place(*one) for one in [*high, *reversed(low)]], f"band {curve.style}", closed=True)
    for curve in drawn:
        picture.path([place(*one) for one in curve.steps("survival", horizon)], f"line {curve.style}")
        for row in curve.rows:
            if row["censored"] and row["survival"] is not None:
                x, y = place(row["time"], float(row["survival"]))
                picture.line(x, y - 5, x, y + 5, f"tick {curve.style}")
    return picture.markup()


def _limits(curve: Curve, horizon: int) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """The corners of the lower and the upper limit, over the days on which there is one."""
    limited = tuple(row for row in curve.rows if row["low"] is not None and row["high"] is not None)
    if not limited:
        return [], []
    ended = next((row["time"] for row in curve.rows if row["time"] > limited[-1]["time"] and row["low"] is None), None)
    whole = curve.steps("survival", horizon)
    end = whole[-1][0] if ended is None else ended
    sides = []
    for column in ("low", "high"):
        corners: list[tuple[int, float]] = []
        for number, row in enumerate(limited):
            until = limited[number + 1]["time"] if number + 1 < len(limited) else end
            corners += [(row["time"], float(row[column])), (until, float(row[column]))]
        sides.append(corners)
    return sides[0], sides[1]


def key_line(style: str) -> Markup:
    """The sample of a line, for the key beside a picture."""
    return Markup(
        '<svg viewBox="0 0 32 10" aria-hidden="true" focusable="false">'
        '<line x1="0" y1="5" x2="32" y2="5" class="line {}"></line></svg>'
    ).format(style)


def months_of(rows: Iterable[Mapping[str, Any]], stage: str = "RANDOMIZED") -> list[dict[str, Any]]:
    """Month by month, without a gap: how many reached the stage in it, and how many had by its end."""
    counts = {row["month"]: row["subjects"] for row in rows if row["stage"] == stage and row["month"] is not None}
    months: list[dict[str, Any]] = []
    if not counts:
        return months
    month, last, sum_ = min(counts), max(counts), 0
    while month <= last:
        sum_ += counts.get(month, 0)
        months.append({"month": month, "randomized": counts.get(month, 0), "randomized_in_all": sum_})
        year, number = int(month[:4]), int(month[5:7])
        month = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
    return months


def enrolment(months: Sequence[Mapping[str, Any]], target: int | None, words: Words, title: str) -> Markup:
    """Bars: randomized in the month; the line: randomized so far; dashes: how many are planned."""
    height = 260.0
    picture = Picture("enrolment", _WIDTH, _TOP + height + 56, title, words.say("enrolment.description"))
    width = _WIDTH - _LEFT - _RIGHT
    most = max([target or 0, *(one["randomized_in_all"] for one in months), 1])
    top = _round_up(most)

    def high(count: float) -> float:
        return _TOP + height * (1 - count / top)

    for part in range(5):
        count = top * part / 4
        picture.line(_LEFT, high(count), _WIDTH - _RIGHT, high(count), "grid")
        picture.text(_LEFT - 8, high(count) + 4, words.say("chart.count", n=int(count)), anchor="end")
    picture.line(_LEFT, high(0), _WIDTH - _RIGHT, high(0), "axis")
    slot = width / max(1, len(months))
    every = max(1, round(len(months) / 9 + 0.49))
    corners: list[tuple[float, float]] = [(_LEFT, high(0))]
    for number, one in enumerate(months):
        x = _LEFT + slot * number
        picture.box(x + slot * 0.15, high(one["randomized"]), slot * 0.7, high(0) - high(one["randomized"]), "bar")
        corners.append((x + slot, high(one["randomized_in_all"])))
        if number % every == 0:
            picture.text(x + slot / 2, high(0) + 18, one["month"], anchor="middle", cls="small")
    picture.path(corners, "line s1")
    if target:
        picture.line(_LEFT, high(target), _WIDTH - _RIGHT, high(target), "target")
        picture.text(_WIDTH - _RIGHT, high(target) - 5, words.say("enrolment.target", n=target), anchor="end")
    picture.text(_LEFT + width / 2, _TOP + height + 44, words.say("enrolment.axis"), anchor="middle")
    return picture.markup()


def _round_up(count: int) -> int:
    """A round number at or above a count, that four divides."""
    size = 1
    while True:
        for step in (4, 8, 12, 20, 40):
            if step * size >= count:
                return step * size
        size *= 10
