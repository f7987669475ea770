"""A subject's story in the order of its dates: what stands before what, and dates read for that order.

Neither --SEQ nor VISITNUM says what came first. A partial date stands at the beginning of what it may mean.
"""

from typing import NamedTuple

from api.sdtm.cells import CellError, Cells
from api.sdtm.dataset import Row
from api.sdtm.mapped import Item, Mapped

SCREENING, ENROLMENT, CLAIM, MILESTONE, VISIT, TREATMENT, EVENT, ACTION, DISPOSITION, DEATH = range(10)
"""What stands before what on one day."""


class Placed(NamedTuple):
    """An item with its place in the subject's story: day, rank on that day, time, row."""

    day: str
    rank: int
    time: str
    row: int
    item: Item


def placed(rank: int, row: int, mapped: Mapped) -> Placed:
    """A command at the date on which it occurred."""
    at = str(mapped.command["occurred_at"])
    return Placed(at[:10], rank, at, row, mapped)


def readable(domain: str, row: Row, field: str) -> str | None:
    """A date, or None where it is missing or none: the row itself is rejected elsewhere for that."""
    try:
        return Cells(domain, row).when(field)
    except CellError:
        return None
