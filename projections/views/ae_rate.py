"""The adverse event rate over the time frame of the protocol's safety outcome (6 months).

Rules
- The window of a subject is as many days as the time frame has, beginning with the day of randomization.
- Person-days run from that day to the last of: the window, the day of death, the last day known alive, the day of
  the position, whichever comes first; both ends count. Who was seen on the day of randomization alone has one day.
- An event counts if its onset lies within the window, compared at their common precision. Events without onset and
  events outside it are not counted, and said so in `not_counted`.
- Rates are per 100 person-years with the exact (Garwood) 95 % interval. A subject's several events are not
  independent, so `subjects` stands beside `events`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from ledger.domain.when import Moment, compare
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import group_members, groups_of
from projections.histories import History
from projections.statistics import fixed, per_100_person_years
from projections.subject import story_of

_DIGITS: Final = 2
_CATEGORIES: Final = {"ALL": None, "SERIOUS": "serious", "SEVERE": "severe", "RELATED": "related"}


class AdverseEventRate(View):
    """One row a group and category: all events, serious ones, severe ones, and those that the reporter related."""

    name = "ae-rate"
    version = 2
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
        for label, members in group_members(groups, stored):
            person_days = sum(_person_days(row, context) for row in members if row["ae"] is None)
            within = [row for row in members if row["ae"] is not None and _within(row, days)]
            for category, flag in _CATEGORIES.items():
                found = [row for row in within if flag is None or row[flag]]
                estimate = per_100_person_years(len(found), person_days)
                listed.append(
                    {
                        "group": label,
                        "category": category,
                        "subjects": len({row["key"] for row in found}),
                        "events": len(found),
                        "person_days": person_days,
                        "rate_per_100_person_years": fixed(estimate.estimate, _DIGITS),
                        "low": fixed(estimate.low, _DIGITS),
                        "high": fixed(estimate.high, _DIGITS),
                    }
                )
        events = [row for row in stored if row["ae"] is not None]
        extra = {
            "window_days": days,
            "not_counted": {
                "no_onset": sum(row["onset"] is None for row in events),
                "outside": sum(row["onset"] is not None and not _within(row, days) for row in events),
            },
        }
        columns = ("group", "category", "subjects", "events", "person_days", "rate_per_100_person_years", "low", "high")
        return Table(columns, listed, extra)


def _last_day(start: date, days: int) -> date:
    return start + timedelta(days=days - 1)


def _within(row: Stored, days: int) -> bool:
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
