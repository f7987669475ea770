"""Survival from randomization, by Kaplan and Meier, over the time frame of the protocol's survival outcome (28 days).

Rules
- Day 0 is the day of randomization, for every audience.
- A death counts on the day on which the subject died. Others are censored on the last day on which they are known
  to have been alive (`projections/subject.py` says by what), and nobody is followed beyond the day of the position.
- A death of which there is no record of its own, but a vital status DEAD or a disposition DEATH, counts on the day of
  the first of them: the subject died then at the latest. Each is listed in `deaths_without_record`.
- A death whose day is not known can't be placed: the subject is censored, and counted in `deaths_without_day`.
  Subjects whose day of randomization is not known, or who died before it, are left out, in `left_out`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.when import Moment, days_between
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import group_members, groups_of
from projections.histories import History
from projections.statistics import SurvivalPoint, fixed, kaplan_meier, survival_at
from projections.subject import story_of

_DIGITS: Final = 4


class Survival(View):
    """One row a group and day on which somebody died or was censored; `at_horizon` is the outcome itself.

    `survival`, `low` and `high` (95 %, log-log) are decimal strings; null where nothing can be estimated.
    """

    name = "survival"
    version = 2
    title = "Survival (Kaplan-Meier)"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("died"),
        Column("died_from"),
        Column("dead", "INTEGER"),
        Column("last_alive"),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if story.randomized is not None:
            yield {
                "randomized": story.randomized_on,
                "arm": story.arm,
                "died": story.died_on,
                "died_from": None if story.found_dead is None else story.found_dead[0],
                "dead": int(story.dead),
                "last_alive": story.last_alive,
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        subjects = list(rows)
        groups = groups_of(subjects, context, audience)
        horizon = context.plan.survival_days
        listed: list[dict[str, Any]] = []
        at_horizon = []
        for label, members in group_members(groups, subjects):
            followed = [time for row in members if (time := _time(row, context)) is not None]
            points = kaplan_meier(followed, horizon)
            listed += [_row(label, point) for point in points]
            last = survival_at(points, horizon)
            at_horizon.append(
                {
                    "group": label,
                    "subjects": len(followed),
                    "deaths": sum(point.events for point in points),
                    "at_risk": None if last is None else last.at_risk,
                    **_estimate(last),
                }
            )
        randomized = [row for row in subjects if row["randomized"] is not None]
        extra = {
            "horizon_days": horizon,
            "at_horizon": at_horizon,
            "deaths_without_day": sum(bool(row["dead"]) and not _day_known(row["died"]) for row in randomized),
            "deaths_without_record": [
                {"subject": row["key"].removeprefix("subject/"), "died": row["died"], "from": row["died_from"]}
                for row in randomized
                if row["died_from"] is not None
            ],
            "left_out": sum(_time(row, context) is None for row in randomized),
        }
        columns = ("group", "time", "at_risk", "events", "censored", "survival", "low", "high")
        return Table(columns, listed, extra)


def _day_known(when: str | None) -> bool:
    return when is not None and Moment(when).day is not None


def _time(row: Stored, context: Context) -> tuple[int, bool] | None:
    """(days followed, whether that ended in death); None for who can't be placed on the clock."""
    start = row["randomized"]
    if not _day_known(start):
        return None
    observed = None if context.day is None else days_between(start, context.day)
    died = days_between(start, row["died"]) if row["died"] is not None else None
    if died is not None and died < 0:
        return None
    if died is not None and (observed is None or died <= observed):
        return died, True
    alive = days_between(start, row["last_alive"] or start) or 0
    return max(0, alive if observed is None else min(alive, observed)), False


def _row(label: str, point: SurvivalPoint) -> dict[str, Any]:
    return {
        "group": label,
        "time": point.time,
        "at_risk": point.at_risk,
        "events": point.events,
        "censored": point.censored,
        **_estimate(point),
    }


def _estimate(point: SurvivalPoint | None) -> dict[str, str | None]:
    if point is None:
        return {"survival": None, "low": None, "high": None}
    return {
        "survival": fixed(point.survival, _DIGITS),
        "low": fixed(point.low, _DIGITS),
        "high": fixed(point.high, _DIGITS),
    }


VIEW = Survival()
