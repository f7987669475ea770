"""The values of one row, read by rule: dates, numbers, terms of closed lists.

1. A value that an event cannot do without, or that is impossible (30 February, a dose of "many"), is a `CellError`:
   the row is rejected with field and reason.
2. A term that its closed list does not have is left out of the event and noted, for the rest of the row is true.
3. A date keeps the precision it has. Where SDTM marks an unknown part in the middle (2013---15, 2013-05-06T-:30),
   what stands before that part is kept, and this is noted.
"""

import re
from collections.abc import Container
from decimal import Decimal
from typing import Final

from api.sdtm.dataset import Row
from api.sdtm.mapped import Noted, Rejected, RowId
from ledger.domain.when import check_when

_UNKNOWN_PART: Final = re.compile(r"([0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)(?:--.*|-{2,}|T-.*|T[0-9]{2})")
_DECIMAL: Final = re.compile(r"[0-9]{1,14}(\.[0-9]{1,6})?")
_SEQUENCE: Final = re.compile(r"([0-9]{1,9})(\.0*)?")


class CellError(Exception):
    """A value that makes its row unusable: which field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Cells:
    """One row of a domain; what is to be said of its values collects in `notes`."""

    def __init__(self, domain: str, row: Row, *, sealed: bool = False) -> None:
        self.domain = domain
        self.row = row
        self.sealed = sealed
        self.notes: list[Noted] = []

    @property
    def id(self) -> RowId:
        return self.domain, self.row.number

    def note(self, field: str, reason: str) -> None:
        """Keep a remark on a value."""
        self.notes.append(Noted(self.domain, self.row.number, field, reason, self.sealed))

    def rejected(self, error: CellError) -> Rejected:
        """The row's rejection."""
        return Rejected(self.domain, self.row.number, error.field, error.reason, self.sealed)

    def text(self, field: str, limit: int = 4000) -> str | None:
        """The value without blanks around it; CellError if it is longer than `limit` characters."""
        value = self.row.values.get(field, "").strip()
        if len(value) > limit:
            raise CellError(field, f"has {len(value)} characters; the ledger takes {limit}")
        return value or None

    def required(self, field: str, limit: int = 4000) -> str:
        """The value; CellError where it is missing."""
        value = self.text(field, limit)
        if value is None:
            raise CellError(field, "is missing, and an event cannot do without it")
        return value

    def when(self, field: str) -> str | None:
        """A date or time as it is written; CellError where it is none."""
        value = self.text(field)
        if value is None:
            return None
        shortened = _UNKNOWN_PART.fullmatch(value)
        try:
            if shortened is None:
                return check_when(value)
            self.note(field, f"{value} has an unknown part; recorded as {shortened[1]}")
            return check_when(shortened[1])
        except ValueError as error:
            raise CellError(field, f"{_shown(value)} {error}") from None

    def first_when(self, *fields: str) -> tuple[str | None, str | None]:
        """The first of these dates that is there, and its field."""
        for field in fields:
            value = self.when(field)
            if value is not None:
                return value, field
        return None, None

    def term(self, field: str, terms: Container[str], limit: int = 200) -> str | None:
        """A term of a closed list, in capitals; another one is noted and left out."""
        value = self.text(field, limit)
        if value is None:
            return None
        if value.upper() in terms:
            return value.upper()
        self.note(field, f"{_shown(value)} is not a term of the ledger's list; recorded without it")
        return None

    def flag(self, field: str) -> bool | None:
        """Y or N; CellError for anything else."""
        value = self.text(field)
        if value is None:
            return None
        if value not in ("Y", "N"):
            raise CellError(field, f"is Y or N; here it is {_shown(value)}")
        return value == "Y"

    def sequence(self, field: str) -> int:
        """A sequence number, 1 or more; CellError otherwise."""
        value = self.required(field)
        match = _SEQUENCE.fullmatch(value)
        if match is None or int(match[1]) < 1:
            raise CellError(field, f"is a whole number from 1; here it is {_shown(value)}")
        return int(match[1])

    def decimal(self, field: str) -> str:
        """A number of 0 or more as its digits; CellError otherwise."""
        value = self.required(field)
        if not _DECIMAL.fullmatch(value):
            raise CellError(field, f"is a number of 0 or more, with at most 6 decimals; here it is {_shown(value)}")
        return format(Decimal(value), "f")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "…")
