"""What an import keeps of a row beside its events: the values that no field of an event gives back, as they stand.

1. Of a row of the open half, variables that SDTMIG has go with the event (`Provenance.values`), by their SDTM names.
2. What may depend on an arm goes into the sealed book, in `sealed-data.imported/1`: the columns that `halves.py` hides,
   where a row lies in the course of its arm (EPOCH, TAETORD: arms may differ in their epochs), columns that SDTMIG
   does not have (nobody knows what they tell), and the rows of SUPP--. A study day that follows from its date and
   RFSTDTC is not kept: whoever sees the one can reckon the other.
3. A date of birth and an investigator's name name a person. They are kept nowhere.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from api.exports.sdtm.days import study_day
from api.exports.sdtm.variables import is_variable
from api.sdtm.dataset import Row
from api.sdtm.halves import is_sealed_column
from api.sdtm.mapped import Kept
from ledger.domain.events.base import LINES

NAMING: Final = ("BRTHDTC", "INVNAM")
"""Columns that name a person."""
_COURSE: Final = ("EPOCH", "TAETORD")
_KEYS: Final = ("STUDYID", "DOMAIN", "RDOMAIN", "USUBJID")
_TEXT: Final = re.compile(LINES)
_DAYS: Final = {
    f"{of}DY": f"{of}DTC" for of in ("DM", "AE", "AEST", "AEEN", "DS", "DSST", "SVST", "SVEN", "EXST", "EXEN")
}
"""Study day -> the date that it is of."""


def key_of(domain: str) -> str:
    """The variable that tells the rows of one subject apart, for what is kept of them."""
    return "VISITNUM" if domain == "SV" else f"{domain}SEQ"


def kept_open(domain: str, row: Row, given: Mapping[str, str | None]) -> dict[str, str] | None:
    """The values of a row of the open half that `given`, what its event gives back, does not have."""
    found = {name: value for name, value in _values(row) if not _hidden(domain, name) and given.get(name) != value}
    return found or None


def kept_with_dose(row: Row, given: Mapping[str, str | None], reference: str | None) -> dict[str, str] | None:
    """The same of a row of EX, whose event is sealed already: every column."""
    return {name: value for name, value in _values(row) if not _follows(name, row, given, reference)} or None


def kept_sealed(domain: str, row: Row, given: Mapping[str, str | None], reference: str | None) -> Kept | None:
    """The values of a row that may depend on an arm and that no sealed event gives back."""
    found = {
        name: value
        for name, value in _values(row)
        if _hidden(domain, name) and not _follows(name, row, given, reference)
    }
    if not found:
        return None
    if key := row.values.get(key_of(domain)):
        found[key_of(domain)] = key
    return Kept(domain, row.number, row.values["USUBJID"], found)


def kept_supplement(domain: str, row: Row) -> Kept:
    """A row of SUPP--."""
    return Kept(domain, row.number, row.values["USUBJID"], dict(_values(row)))


def _hidden(domain: str, name: str) -> bool:
    """Whether a column is none for the open half, or was never known to be one."""
    return is_sealed_column(name) or name in _COURSE or not is_variable(domain, name)


def _follows(name: str, row: Row, given: Mapping[str, str | None], reference: str | None) -> bool:
    if given.get(name) == row.values[name]:
        return True
    if name not in _DAYS:
        return False
    day = study_day(row.values.get(_DAYS[name]), reference)
    return day is not None and str(day) == row.values[name]


def unkept(row: Row) -> Iterator[tuple[str, str]]:
    """(column, why) for values that are kept nowhere: those that no event may hold."""
    for name, value in row.values.items():
        if name not in _KEYS and name not in NAMING and not _fits(value):
            yield name, f"has {len(value)} characters, or some that no event may hold; not kept"


def _fits(value: str) -> bool:
    return len(value) <= 4000 and _TEXT.fullmatch(value) is not None


def _values(row: Row) -> Iterator[tuple[str, str]]:
    """The values that can be kept."""
    for name, value in row.values.items():
        if name not in _KEYS and name not in NAMING and _fits(value):
            yield name, value
