"""Survival from randomization, by Kaplan and Meier, over the time frame of the protocol's survival outcome (28 days).

Rules
- Day 0 is the day of randomization, for every audience.
- A death counts on the day on which the subject died. Others are censored on the last day on which they are known
  to have been alive (`projections/subject.py` says by what), and nobody is followed beyond the day of the position.
- A death of which there is no record of its own, but a vital status DEAD or a disposition DEATH, counts on the day of
  the first of them: the subject died then at the latest. Each is listed in `deaths_without_record`.
- A death whose day is not known can't be placed: the subject is censored, and counted in `deaths_without_day`.
  Subjects whose day of randomization is not known, or who died before it, are left out, in `left_out`.
- The view `censoring` lists who was censored, when and why.
- Medians are those of the curve shown: one that it does not come down to within the time frame is null.
- Between arms, for those who may see them: `log_rank` compares all arms over the time frame (`projections/statistics`
  says how), `risk_difference` each arm with the reference (`projections/comparisons.py`) on its last day, the risk of
  dying in the arm less that in the reference. KAPLAN-MEIER, with Greenwood's variances, is the estimate of this view:
  it takes in everybody, the censored up to their day. NEWCOMBE stands beside it, for it holds where an arm has no
  death: of those of whom it is known whether they were dead on that day; `left_out` counts the others.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.when import Moment, days_between
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.comparisons import compared_labels, pairs
from projections.groups import Groups, group_members, groups_of
from projections.histories import History
from projections.statistics import (
    Difference,
    Subject,
    SurvivalPoint,
    fixed,
    kaplan_meier,
    log_rank,
    median_survival,
    newcombe,
    survival_at,
    survival_difference,
)
from projections.subject import story_of

_DIGITS: Final = 4
_LEAST_P: Final = 0.0001


class Survival(View):
    """One row a group and day on which somebody died or was censored; `at_horizon` is the outcome itself.

    `survival`, `low` and `high` (95 %, log-log) are decimal strings; null where nothing can be estimated.
    """

    name = "survival"
    version = 3
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
        times: dict[str, list[Subject]] = {}
        for label, members in group_members(groups, subjects):
            followed = times[label] = [time for row in members if (time := followed_for(row, context)) is not None]
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
                    **_median(followed, horizon),
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
            "left_out": sum(followed_for(row, context) is None for row in randomized),
            **_between_arms(groups, context, times),
        }
        columns = ("group", "time", "at_risk", "events", "censored", "survival", "low", "high")
        return Table(columns, listed, extra)


def _day_known(when: str | None) -> bool:
    return when is not None and Moment(when).day is not None


def followed_for(row: Stored, context: Context) -> Subject | None:
    """(days followed, whether that ended in death); None for who can't be placed on the clock.

    `row` has `randomized`, `died` and `last_alive`.
    """
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


def _median(followed: list[Subject], horizon: int) -> dict[str, Any]:
    median = median_survival(followed, horizon)
    return {"median": fixed(median.time, 1), "median_low": median.low, "median_high": median.high}


def _between_arms(groups: Groups, context: Context, times: Mapping[str, list[Subject]]) -> dict[str, Any]:
    """`log_rank` and `risk_difference`; nothing where fewer than two arms are in sight."""
    labels, horizon = compared_labels(groups, context), context.plan.survival_days
    if not labels:
        return {}
    test = log_rank([times[label] for label in labels], horizon)
    differences = []
    for label, reference, here, there in pairs(labels, times):
        by_curve = survival_difference(_at_end(here, horizon), _at_end(there, horizon))
        known, other = _known(here, horizon), _known(there, horizon)
        names = {"group": label, "reference": reference}
        differences += [
            {**names, "method": "KAPLAN-MEIER", **_difference(by_curve), "left_out": 0},
            {
                **names,
                "method": "NEWCOMBE",
                **_difference(newcombe(known, other)),
                "left_out": len(here) + len(there) - known[1] - other[1],
            },
        ]
    return {
        "log_rank": {
            "chi_square": fixed(test.chi_square, _DIGITS),
            "df": test.df,
            "p": None if test.p is None else f"<{_LEAST_P}" if test.p < _LEAST_P else fixed(test.p, _DIGITS),
            "groups": [
                {"group": label, "observed": observed, "expected": fixed(expected, 2)}
                for label, observed, expected in zip(labels, test.observed, test.expected, strict=True)
            ],
        },
        "risk_difference": differences,
    }


def _at_end(followed: list[Subject], horizon: int) -> SurvivalPoint | None:
    return survival_at(kaplan_meier(followed, horizon), horizon)


def _known(followed: list[Subject], horizon: int) -> tuple[int, int]:
    """(dead, all) of those of whom it is known whether they were dead at the horizon."""
    dead = sum(died and time <= horizon for time, died in followed)
    return dead, dead + sum(time >= horizon and not (died and time <= horizon) for time, died in followed)


def _difference(found: Difference) -> dict[str, str | None]:
    return {
        "difference": fixed(found.estimate, _DIGITS),
        "low": fixed(found.low, _DIGITS),
        "high": fixed(found.high, _DIGITS),
    }


VIEW = Survival()
