"""Study days and epochs (SDTMIG 4.4.4, 4.4.7): only where a day is known. There is no day 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger.domain.when import Moment, check_when, compare


def study_day(at: str | None, reference: str | None) -> int | None:
    """The study day of a date, counted from `reference`, which is day 1; None where one of the days is not known."""
    first, day = _day(reference), _day(at)
    if first is None or day is None:
        return None
    days = (day - first).days
    return days + 1 if days >= 0 else days


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return Moment(check_when(text)).day
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a subject: from `start` to `end` (None: it goes on, or nobody knows)."""

    epoch: str
    start: str
    end: str | None


def epoch_of(at: str | None, elements: Sequence[Element]) -> str | None:
    """The epoch in which something began; None where its date is too partial to tell. What began on the day on which
    an element begins is of that element."""
    day = None if at is None else Moment(at).day
    if at is None or day is None or not elements or compare(at, elements[0].start) < 0:
        return None
    found = None
    for element in elements:
        if Moment(element.start).day is None:
            return None
        if compare(at, element.start) >= 0:
            found = element.epoch
    return found
