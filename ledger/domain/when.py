"""Dates and times as trials know them: ISO 8601, possibly partial, compared at their common precision.

`2020`, `2020-05`, `2020-05-06`, `2020-05-06T10:30+02:00`, seconds allowed. A time without an offset is local time
whose zone nobody wrote down: sources have them, so they can be held (`has_offset` is False), and the decisions
refuse them from people who could have said which zone they meant.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator

_FORM: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,6})?)?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)


def check_when(text: str) -> str:
    """`text` if it is a possibly partial ISO 8601 date or time; ValueError with the rule otherwise."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("is not an ISO 8601 date or time such as 2020, 2020-05, 2020-05-06 or 2020-05-06T10:30+02:00")
    year, month, day = match["year"], match["month"] or "01", match["day"] or "01"
    try:
        date(int(year), int(month), int(day))
        if match["hour"]:
            datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is not a possible date or time: {error}") from None
    return text


When = Annotated[str, AfterValidator(check_when)]
"""A possibly partial ISO 8601 date or time, kept exactly as it was stated."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a `When` says, for comparing."""

    text: str

    @property
    def precision(self) -> int:
        """How many characters of the date are known: 4 (year), 7 (month) or 10 (day)."""
        return min(len(self.text), 10)

    @property
    def has_time(self) -> bool:
        return "T" in self.text

    @property
    def has_offset(self) -> bool:
        return self.has_time and (self.text.endswith("Z") or self.text[-6] in "+-")

    @property
    def day(self) -> date | None:
        """The calendar day, or None where the day is not known."""
        return date.fromisoformat(self.text[:10]) if self.precision == 10 else None

    @property
    def instant(self) -> datetime | None:
        """The instant in UTC, or None unless time and offset are known."""
        return datetime.fromisoformat(self.text).astimezone(UTC) if self.has_offset else None


def compare(left: str, right: str) -> int:
    """-1, 0 or 1 as `left` lies before, with or after `right`, at their common precision.

    Two times with offsets compare as instants; else the known characters of the dates decide, so that a partial
    date equals whatever it may stand for.
    """
    one, two = Moment(left), Moment(right)
    first, second = one.instant, two.instant
    if first is not None and second is not None:
        return (first > second) - (first < second)
    common = min(one.precision, two.precision)
    if common == 10 and one.has_time and two.has_time:
        a, b = left[:16], right[:16]
    else:
        a, b = left[:common], right[:common]
    return (a > b) - (a < b)


def days_between(start: str, end: str) -> int | None:
    """Whole days from `start` to `end` by calendar day, or None where a day is not known."""
    first, last = Moment(start).day, Moment(end).day
    return None if first is None or last is None else (last - first).days


def parse_recorded(at: str) -> datetime:
    """A `recorded_at` (UTC, microseconds, `Z`) as a datetime."""
    return datetime.fromisoformat(at)


def recorded(at: datetime) -> str:
    """A datetime as `recorded_at` is written: `2020-05-06T10:30:00.000000Z`."""
    # isoformat, not strftime: six times as fast, in each append, and years before 1000 keep their four digits.
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def is_late(occurred_at: str, recorded_at: str, allowance_days: int) -> bool:
    """Whether something was recorded more than `allowance_days` after it happened (a partial date: its last day)."""
    moment = Moment(occurred_at)
    if moment.precision == 10:
        happened = date.fromisoformat(occurred_at[:10])
    elif moment.precision == 7:
        year, month = int(occurred_at[:4]), int(occurred_at[5:7])
        happened = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    else:
        happened = date(int(occurred_at[:4]), 12, 31)
    return (date.fromisoformat(recorded_at[:10]) - happened).days > allowance_days
