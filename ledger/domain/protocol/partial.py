"""Partial dates: a string YYYY, YYYY-MM or YYYY-MM-DD that names a day, a month or a year of the calendar.

What is not known is not filled in: a partial date stands for the range from `earliest` to `latest`, and a
question whose answer differs within the range has no answer. The string carries the precision by itself.
"""

import re
from calendar import monthrange
from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator

Precision: TypeAlias = Literal["year", "month", "day"]

_SHAPE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


def check_partial_date(text: str) -> str:
    """`text` itself, if it is a partial date of the calendar; ValueError otherwise."""
    earliest(text)
    return text


def precision(text: str) -> Precision:
    """How much of the date `text` is known."""
    _, month, day = _parts(text)
    if day is not None:
        return "day"
    return "year" if month is None else "month"


def earliest(text: str) -> date:
    """The first day that `text` may mean."""
    year, month, day = _parts(text)
    return _day(text, year, month or 1, day or 1)


def latest(text: str) -> date:
    """The last day that `text` may mean."""
    year, month, day = _parts(text)
    first = _day(text, year, month or 1, day or 1)
    if day is not None:
        return first
    last_month = month or 12
    return date(year, last_month, monthrange(year, last_month)[1])


def months_before(day: date, months: int) -> date:
    """The same day of the month, `months` earlier; the month's last day where it has no such day."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _parts(text: str) -> tuple[int, int | None, int | None]:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date written YYYY, YYYY-MM or YYYY-MM-DD")
    year, month, day = match.groups()
    return int(year), None if month is None else int(month), None if day is None else int(day)


def _day(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None


PartialDate: TypeAlias = Annotated[str, AfterValidator(check_partial_date)]
"""A field that holds a partial date as it was written."""
