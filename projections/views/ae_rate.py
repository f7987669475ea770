"""The adverse event rate over the time frame of the protocol's safety outcome (6 months).

Rules
- The window of a subject is as many days as the time frame has, beginning with the day of randomization.
- Person-days run from that day to the last of: the window, the day of death, the last day known alive, the day of
  the position, whichever comes first; both ends count. Who was seen on the day of randomization alone has one day.
- An event counts if its onset lies within the window, compared at their common precision. Events without onset and
  events outside it are not counted, and said so in `not_counted`.
- Rates are per 100 person-years with the exact (Garwood) 95 % interval. A subject's several events are not
  independent, so `subjects` stands beside `events`.
- `incidence` is the proportion of subjects with an event, with the exact (Clopper-Pearson) 95 % interval.
- `incidence_rate_*` is the exposure-adjusted incidence rate: subjects with an event, per 100 person-years up to the
  onset of their first one (that day counts), again with the exact interval. `days_at_risk` are those person-days; an
  onset of which the day is not known is taken as early as it can have been.
- Between arms, for those who may see them: `comparisons` has the exposure-adjusted incidence rate of each arm against
  that of the reference (`projections/comparisons.py`), as a ratio with the exact conditional interval and as a
  difference per 100 person-years, whose limits are put together of the two exact ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from ledger.domain.when import Moment, compare
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.comparisons import compared_labels, pairs
from projections.groups import group_members, groups_of
from projections.histories import History
from projections.statistics import Rate, fixed, per_100_person_years, proportion, rate_difference, rate_ratio
from projections.subject import story_of

_DIGITS: Final = 2
_SHARE_DIGITS: Final = 4
_COLUMNS: Final = (
    "group",
    "category",
    "n",
    "subjects",
    "incidence",
    "incidence_low",
    "incidence_high",
    "events",
    "person_days",
    "rate_per_100_person_years",
    "low",
    "high",
    "days_at_risk",
    "incidence_rate_per_100_person_years",
    "incidence_rate_low",
    "incidence_rate_high",
)
_CATEGORIES: Final = {"ALL": None, "SERIOUS": "serious", "SEVERE": "severe", "RELATED": "related"}


class AdverseEventRate(View):
    """One row a group and category: all events, serious ones, severe ones, and those that the reporter related."""

    name = "ae-rate"
    version = 3
    title = "Adverse event rate"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("followed_to"),
        Column("ae"),
        Column("onset"),
        Column("serious", "INTEGER"),
        Column("severe", "INTEGER"),
        Column("related", "INTEGER"),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if story.randomized is None:
            return
        died = story.died_on
        known = died if died is not None and Moment(died).day is not None else story.last_alive
        subject = {"randomized": story.randomized_on, "arm": story.arm}
        yield {**subject, "followed_to": known}
        for event in sorted(story.adverse_events.values(), key=lambda event: event.order):
            yield {
                **subject,
                "ae": event.ae,
                "onset": event.onset,
                "serious": int(event.serious),
                "severe": int(event.severity == "SEVERE"),
                "related": int(event.related),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        groups = groups_of((row for row in stored if row["ae"] is None), context, audience)
        days = context.plan.adverse_event_days
        listed: list[dict[str, Any]] = []
        first: dict[str, dict[str, Rate]] = {category: {} for category in _CATEGORIES}
        for label, members in group_members(groups, stored):
            followed = {row["key"]: _person_days(row, context) for row in members if row["ae"] is None}
            inside = [row for row in members if row["ae"] is not None and within(row, days)]
            for category, flag in _CATEGORIES.items():
                found = [row for row in inside if flag is None or row[flag]]
                until = _until_first(found, followed)
                rate = per_100_person_years(len(found), sum(followed.values()))
                share = proportion(len(until), len(followed))
                incidence = first[category][label] = per_100_person_years(len(until), sum((followed | until).values()))
                listed.append(
                    {
                        "group": label,
                        "category": category,
                        "n": len(followed),
                        "subjects": len(until),
                        "incidence": fixed(share.estimate, _SHARE_DIGITS),
                        "incidence_low": fixed(share.low, _SHARE_DIGITS),
                        "incidence_high": fixed(share.high, _SHARE_DIGITS),
                        "events": len(found),
                        "person_days": sum(followed.values()),
                        "rate_per_100_person_years": fixed(rate.estimate, _DIGITS),
                        "low": fixed(rate.low, _DIGITS),
                        "high": fixed(rate.high, _DIGITS),
                        "days_at_risk": sum((followed | until).values()),
                        "incidence_rate_per_100_person_years": fixed(incidence.estimate, _DIGITS),
                        "incidence_rate_low": fixed(incidence.low, _DIGITS),
                        "incidence_rate_high": fixed(incidence.high, _DIGITS),
                    }
                )
        events = [row for row in stored if row["ae"] is not None]
        extra = {
            "window_days": days,
            "not_counted": {
                "no_onset": sum(row["onset"] is None for row in events),
                "outside": sum(row["onset"] is not None and not within(row, days) for row in events),
            },
        }
        labels = compared_labels(groups, context)
        if labels:
            extra["comparisons"] = [
                {"group": label, "reference": reference, "category": category, **_compared(here, there)}
                for category, rates in first.items()
                for label, reference, here, there in pairs(labels, rates)
            ]
        return Table(_COLUMNS, listed, extra)


def _until_first(found: Iterable[Stored], followed: Mapping[str, int]) -> dict[str, int]:
    """Subject -> person-days up to the onset of the first event found, of those with one."""
    until: dict[str, int] = {}
    for row in found:
        start, onset = Moment(row["randomized"]).day, row["onset"]
        if start is not None:
            earliest = max(start, date.fromisoformat(f"{onset}{'-01-01'[len(onset) - 4 :]}"[:10]))
            days = min((earliest - start).days + 1, followed[row["key"]])
            until[row["key"]] = min(days, until.get(row["key"], days))
    return until


def _compared(here: Rate, there: Rate) -> dict[str, str | None]:
    ratio, difference = rate_ratio(here, there), rate_difference(here, there)
    return {
        "ratio": fixed(ratio.estimate, _DIGITS),
        "ratio_low": fixed(ratio.low, _DIGITS),
        "ratio_high": fixed(ratio.high, _DIGITS),
        "difference": fixed(difference.estimate, _DIGITS),
        "difference_low": fixed(difference.low, _DIGITS),
        "difference_high": fixed(difference.high, _DIGITS),
    }


def _last_day(start: date, days: int) -> date:
    return start + timedelta(days=days - 1)


def within(row: Stored, days: int) -> bool:
    """Whether an event's row counts: its onset lies in the window of `days` that begins with the randomization."""
    start = Moment(row["randomized"]).day if row["randomized"] is not None else None
    if start is None or row["onset"] is None or compare(row["onset"], row["randomized"]) < 0:
        return False
    return compare(row["onset"], _last_day(start, days).isoformat()) <= 0


def _person_days(row: Stored, context: Context) -> int:
    start = Moment(row["randomized"]).day
    if start is None:
        return 0
    last = _last_day(start, context.plan.adverse_event_days)
    for until in (row["followed_to"] or start.isoformat(), context.day):
        day = None if until is None else Moment(until).day
        last = last if day is None else min(last, day)
    return max(0, (last - start).days + 1)


VIEW = AdverseEventRate()
