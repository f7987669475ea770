"""Exposure to the product, per arm: cumulative dose, average daily dose, duration. For those who may see arms.

Rules
- A record with a daily frequency (CDISC FREQ: QD, BID, TID, QID) is a run of days: given amount x times a day x
  (end - start + 1 day). Any other record is one administration, on its day, of its given amount.
- A run without an end is imputed with the date of the subject's last disposition event; one that still goes on, with
  the day of the position. Each is listed in `imputed`, with what it was imputed from.
- Duration is last day - first day + 1; the average daily dose is the cumulative dose over the duration.
- Each subject's average daily dose is rounded half up to 0.1 before it is summarised, as the published table of
  CDISCPILOT01 does (14-4.01); `rounding` says so in the answer. The other measures are summarised exact.
- SAFETY: randomized subjects who were given the product. COMPLETERS: those of them who did the completion visit
  (`projections/completion.py`; `completers` names it); where there is none, those who had all doses that the
  protocol plans for their arm.
- A subject with a day that is not known, or with two units, can't be summed: left out, and listed in `left_out`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import Any, Final

from ledger.domain.when import Moment
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.completion import completion_visit
from projections.groups import Groups, groups_of
from projections.histories import History
from projections.statistics import describe
from projections.subject import happened, story_of

PER_DAY: Final = {"QD": 1, "BID": 2, "TID": 3, "QID": 4}
_DAILY: Final = "average daily dose"
_STATISTICS: Final = ("mean", "sd", "median", "min", "max")
# Enough for a reader to round once more: 75.148 rounded to 75.15 would become 75.2.
_PLACES: Final = 3


@dataclass(frozen=True, slots=True)
class _Exposed:
    """One subject's sums. `cumulative` in `unit`, `days` from the first day to the last."""

    cell: int
    unit: str
    cumulative: Decimal
    days: int
    completer: bool


class Exposure(View):
    """One row a population and measure; `cells` per arm with n, mean, sd, median, min, max as decimal strings."""

    name = "exposure"
    title = "Exposure to the product"
    needs_arm = True
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("ended"),
        Column("visits"),
        Column("dose_number", "INTEGER", sealed=True),
        Column("visit", sealed=True),
        Column("amount", sealed=True),
        Column("unit", sealed=True),
        Column("frequency", sealed=True),
        Column("first_day", sealed=True),
        Column("last_day", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        ends = [fact for fact in story.dispositions if fact.data.get("category") == "DISPOSITION EVENT"]
        done = [fact.data for fact in story.visits if fact.data.get("state", "DONE") == "DONE"]
        subject = {"randomized": story.randomized_on, "arm": story.arm}
        yield {
            **subject,
            "ended": happened(ends[-1]) if ends else None,
            "visits": json.dumps([[visit.get("visit"), visit.get("number")] for visit in done]),
        }
        for fact in story.treatments:
            yield {
                **subject,
                "dose_number": fact.data.get("dose_number"),
                "visit": fact.data.get("visit"),
                "amount": fact.data.get("given_amount"),
                "unit": fact.data.get("unit"),
                "frequency": fact.data.get("frequency"),
                "first_day": fact.data.get("started_at"),
                "last_day": fact.data.get("ended_at"),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        subjects: dict[str, Stored] = {}
        doses: dict[str, list[Stored]] = {}
        for row in rows:
            if row["visits"] is not None:
                subjects[row["key"]] = row
            else:
                doses.setdefault(row["key"], []).append(row)
        groups = groups_of(subjects.values(), context, audience)
        last_visit = _last_visit(subjects, doses)
        report: dict[str, list[dict[str, Any]]] = {"imputed": [], "left_out": []}
        exposed = []
        for key, given in doses.items():
            found = _exposed(subjects[key], given, groups, last_visit, context, report)
            if found is not None:
                exposed.append(found)
        listed = [
            row
            for population in ("SAFETY", "COMPLETERS")
            for row in _measures(population, _members(exposed, population), groups)
        ]
        completers = {"visit": last_visit, "rule": "all planned doses" if last_visit is None else "did the visit"}
        rounding = {_DAILY: {"of": "each subject", "to": "0.1", "mode": "half up"}}
        extra = {"arms": groups.arms(), "completers": completers, "rounding": rounding, **report}
        return Table(("population", "measure", "unit", "cells"), listed, extra)


def _last_visit(subjects: Mapping[str, Stored], doses: Mapping[str, list[Stored]]) -> str | None:
    given_at = (row["visit"] for given in doses.values() for row in given)
    return completion_visit(given_at, (visit for row in subjects.values() for visit in json.loads(row["visits"])))


def _exposed(
    subject: Stored,
    given: list[Stored],
    groups: Groups,
    last_visit: str | None,
    context: Context,
    report: dict[str, list[dict[str, Any]]],
) -> _Exposed | None:
    name = subject["key"].removeprefix("subject/")
    cell = groups.place(subject)
    units = sorted({row["unit"] or "" for row in given})
    if cell is None or len(units) > 1:
        reason = "not randomized" if cell is None else f"several units: {', '.join(units)}"
        report["left_out"].append({"subject": name, "reason": reason})
        return None
    first: list[date] = []
    last: list[date] = []
    imputed = []
    total = Decimal(0)
    with localcontext(prec=60):
        for row in given:
            start = Moment(row["first_day"]).day if row["first_day"] is not None else None
            per_day = PER_DAY.get(row["frequency"] or "")
            end = Moment(row["last_day"]).day if row["last_day"] is not None else None
            if start is not None and row["last_day"] is None:
                if per_day is None:
                    end = start
                else:
                    end, basis = _imputed(start, subject["ended"], context)
                    if end is not None:
                        imputed.append(
                            {"subject": name, "dose_number": row["dose_number"], "end": end.isoformat(), "from": basis}
                        )
            if start is None or end is None or end < start or row["amount"] is None:
                report["left_out"].append({"subject": name, "reason": f"dose {row['dose_number']}: no usable days"})
                return None
            first.append(start)
            last.append(end)
            total += Decimal(row["amount"]) * (1 if per_day is None else per_day * ((end - start).days + 1))
    report["imputed"] += imputed
    days = (max(last) - min(first)).days + 1
    return _Exposed(cell, units[0], total, days, _completed(subject, given, last_visit, context))


def _imputed(start: date, ended: str | None, context: Context) -> tuple[date | None, str]:
    for text, basis in ((ended, "DISPOSITION"), (context.day, "AS_OF")):
        day = None if text is None else Moment(text).day
        if day is not None and day >= start:
            return day, basis
    return None, ""


def _completed(subject: Stored, given: list[Stored], last_visit: str | None, context: Context) -> bool:
    if last_visit is not None:
        return any(visit == last_visit for visit, _ in json.loads(subject["visits"]))
    planned = {arm.code: arm.doses for arm in context.plan.arms}.get(subject["arm"], 0)
    return 0 < planned <= len({row["dose_number"] for row in given})


def _members(exposed: list[_Exposed], population: str) -> list[_Exposed]:
    return [one for one in exposed if one.completer] if population == "COMPLETERS" else exposed


def _measures(population: str, members: list[_Exposed], groups: Groups) -> Iterator[dict[str, Any]]:
    for unit in sorted({one.unit for one in members}):
        of_unit = [one for one in members if one.unit == unit]
        cumulative = [(one.cell, one.cumulative) for one in of_unit]
        daily = [(one.cell, _to_a_tenth(Fraction(one.cumulative) / one.days)) for one in of_unit]
        yield _row(population, "cumulative dose", unit, cumulative, groups)
        yield _row(population, _DAILY, f"{unit}/day", daily, groups)
    yield _row(population, "duration", "days", [(one.cell, Decimal(one.days)) for one in members], groups)


def _to_a_tenth(exact: Fraction) -> Decimal:
    """The tenth nearest to a dose, which is not negative; half of one goes up."""
    return Decimal(floor(exact * 10 + Fraction(1, 2))).scaleb(-1)


def _row(population: str, measure: str, unit: str, values: list[tuple[int, Decimal]], groups: Groups) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    for cell in range(len(groups)):
        described = describe(value for place, value in values if place == cell)
        printed = described.printed(_PLACES)
        cells.append({"n": described.n, **{name: printed[name] for name in _STATISTICS}})
    return {"population": population, "measure": measure, "unit": unit, "cells": cells}


VIEW = Exposure()
