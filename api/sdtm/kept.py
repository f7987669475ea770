"""What an import keeps of a row beside its events: the values that no field of an event gives back, as they stand.

1. Of a row of the open half, variables that SDTMIG has go with the event (`Provenance.values`), by their SDTM names.
2. What may depend on an arm goes into the sealed book, in `sealed-data.imported/1`: the columns that
   `halves.py` hides, and the rows of SUPP--. A study day that follows from its date and RFSTDTC is not kept: whoever
   sees the one can reckon the other.
3. What names a person (a date of birth, an investigator's name, initials; of SUPP-- by QNAM, and an evaluator who is
   none of CDISC's terms) is kept nowhere.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from api.exports.sdtm.days import study_day
from api.sdtm.dataset import Row
from api.sdtm.halves import KEYS, is_open_column, names_a_person
from api.sdtm.mapped import Kept, Noted
from ledger.domain.events.base import LINES

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
    found = {name: value for name, value in _values(row) if is_open_column(domain, name) and given.get(name) != value}
    return found or None


def kept_with_dose(row: Row, given: Mapping[str, str | None], reference: str | None) -> dict[str, str] | None:
    """The same of a row of EX, whose event is sealed already: every column."""
    return {name: value for name, value in _values(row) if not _follows(name, row, given, reference)} or None


def kept_sealed(domain: str, row: Row, given: Mapping[str, str | None], reference: str | None) -> Kept | None:
    """The values of a row that may depend on an arm and that no sealed event gives back."""
    found = {
        name: value
        for name, value in _values(row)
        if not is_open_column(domain, name) and not _follows(name, row, given, reference)
    }
    if not found:
        return None
    if key := row.values.get(key_of(domain)):
        found[key_of(domain)] = key
    return Kept(domain, row.number, row.values["USUBJID"], found)


def kept_supplement(domain: str, row: Row) -> Kept:
    """A row of SUPP--, without what names a person."""
    unnamed = {name for name, _ in named_persons(row)}
    values = {name: value for name, value in _values(row) if name not in unnamed}
    return Kept(domain, row.number, row.values["USUBJID"], values)


def named_persons(row: Row) -> Iterator[tuple[str, str]]:
    """(column, why) for values of a row of SUPP-- that name a person, or may."""
    qualifier = row.values.get("QNAM", "")
    if row.values.get("QVAL") and names_a_person(qualifier):
        yield "QVAL", f"is of {qualifier}, which names a person; not kept"
    if (evaluator := row.values.get("QEVAL", "")) and evaluator.upper() not in _EVALUATORS:
        yield "QEVAL", "is none of CDISC's terms for an evaluator, and may name a person; not kept"


def noted_supplement(domain: str, row: Row) -> Iterator[Noted]:
    """The remarks on a row of SUPP--, for the sealed report."""
    for column, reason in (*named_persons(row), *unkept(row)):
        yield Noted(domain, row.number, column, reason, sealed=True)


def _follows(name: str, row: Row, given: Mapping[str, str | None], reference: str | None) -> bool:
    if given.get(name) == row.values[name]:
        return True
    if name not in _DAYS:
        return False
    day = study_day(row.values.get(_DAYS[name]), reference)
    return day is not None and str(day) == row.values[name]


_EVALUATORS: Final = frozenset(
    re.findall(
        r"[A-Z]+(?: [A-Z]+)*",
        """
        ADJUDICATION COMMITTEE | ADJUDICATOR | ANESTHESIOLOGIST | BROTHER | CAREGIVER | CHILD | CLINICAL PATHOLOGIST
        CLINICAL RESEARCH ASSOCIATE | CLINICAL RESEARCH COORDINATOR | CLINICAL STUDY SPONSOR | DAUGHTER
        DERMATOLOGIST | DOMESTIC PARTNER | FAMILY MEMBER | FATHER | FRIEND | GUARDIAN | HEALTH CARE PROFESSIONAL
        HUSBAND | INDEPENDENT ASSESSOR | INTERVIEWER | INVESTIGATOR | MICROSCOPIST | MOTHER | NEUROLOGIST | NURSE
        OBSERVER | ONCOLOGIST | PARENT | PATHOLOGIST | PHARMACIST | PHYSICIAN | PROXY | RADIOLOGIST | RATER | READER
        SISTER | SON | SPONSOR | SPOUSE | STATISTICIAN | STUDY SUBJECT | SUBJECT | TEACHER | VENDOR | WIFE
        """,
    )
)
"""Terms of the codelist Evaluator (CDISC C78735) and plain words for one; none of them names anybody."""


def unkept(row: Row) -> Iterator[tuple[str, str]]:
    """(column, why) for values that are kept nowhere: those that no event may hold."""
    for name, value in row.values.items():
        if name not in KEYS and not names_a_person(name) and not _fits(value):
            yield name, f"has {len(value)} characters, or some that no event may hold; not kept"


def _fits(value: str) -> bool:
    return len(value) <= 4000 and _TEXT.fullmatch(value) is not None


def _values(row: Row) -> Iterator[tuple[str, str]]:
    """The values that can be kept."""
    for name, value in row.values.items():
        if name not in KEYS and not names_a_person(name) and _fits(value):
            yield name, value
