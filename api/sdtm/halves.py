"""The two halves of an import: what the open book may be made of, and the rest.

1. The open half never sees the arm (ARM*, ACTARM*), the reference dates that are those of exposure (RFST*, RFEN*,
   RFX*), study days (they count from RFSTDTC), action taken with the product (AEACN*), SUPP-- (treatment-emergent
   and population flags) or EX. It is handed rows without them, so that no code of it can look.
2. Of the arm it is told one thing, the screening status, which everybody at the site knows: screen failure, not
   assigned, or assigned.
3. The sealed half sees everything. What it says (treatments, actions, arms, and whatever is wrong with them) goes
   into the sealed book or to the person who imports, never into the open one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from api.sdtm.dataset import Dataset, Row

OPEN_DOMAINS: Final = ("DM", "DS", "AE", "SV", "TS", "TA", "TV")
SUBJECT_DOMAINS: Final = ("DS", "AE", "SV", "EX")
"""The domains, beside DM, whose rows become commands of a subject."""

_SEALED: Final = re.compile(
    r"(?:ACT)?ARM.*|RF(?:ST|EN|X).*|AEACN.*|(?:DM|AE|DS|SV)(?:ST|EN)?DY|.*TRTEM.*|.{2}(?:ST|EN)(?:RF|RTPT|TPT)"
)
_NO_ARM: Final = {
    "SCRNFAIL": "SCREEN FAILURE",
    "SCREEN FAILURE": "SCREEN FAILURE",
    "NOTASSGN": "NOT ASSIGNED",
    "NOT ASSIGNED": "NOT ASSIGNED",
}
_NOT_PLANNED: Final = (*_NO_ARM, "NOTTRT", "NOT TREATED", "UNPLAN", "UNPLANNED TREATMENT")


class Screened(Enum):
    """What DM tells of a subject's screening by the way it fills the arm."""

    FAILED = "SCREEN FAILURE"
    NOT_ASSIGNED = "NOT ASSIGNED"
    ASSIGNED = "ASSIGNED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class OpenSubject:
    """One subject's rows in the open half."""

    id: str
    screened: Screened
    dm: Row
    ds: list[Row]
    ae: list[Row]
    sv: list[Row]


@dataclass(frozen=True, slots=True)
class SealedSubject:
    """One subject's rows as the sealed half sees them, whole."""

    id: str
    dm: Row
    ds: list[Row]
    ae: list[Row]
    sv: list[Row]
    ex: list[Row]


def is_sealed_column(column: str) -> bool:
    """Whether a column's values may depend on an arm."""
    return _SEALED.fullmatch(column) is not None


def is_planned_arm(code: str | None, name: str | None) -> bool:
    """Whether ARMCD and ARM name an arm, and not why there is none."""
    stated = [text.upper() for text in (code, name) if text]
    return bool(stated) and not any(text in _NOT_PLANNED for text in stated)


def screened(dm: Row) -> Screened:
    """The screening status that DM states; it is the same for all arms."""
    stated = [dm.values.get(column, "").upper() for column in ("ARMNRS", "ARMCD", "ARM")]
    for text in stated:
        if text in _NO_ARM:
            return Screened(_NO_ARM[text])
    return Screened.ASSIGNED if any(stated) else Screened.UNKNOWN


def open_rows(dataset: Dataset) -> list[Row]:
    """The rows of a dataset without the columns that may depend on an arm."""
    hidden = {column for column in dataset.columns if is_sealed_column(column)}
    return [
        Row(row.number, {column: value for column, value in row.values.items() if column not in hidden})
        for row in dataset.rows
    ]


def by_subject(rows: Mapping[str, list[Row]]) -> dict[str, dict[str, list[Row]]]:
    """Subject -> domain -> rows, in the order of the files. A row without USUBJID lies under the empty id."""
    found: dict[str, dict[str, list[Row]]] = {}
    for domain, listed in rows.items():
        for row in listed:
            found.setdefault(row.values.get("USUBJID", ""), {}).setdefault(domain, []).append(row)
    return found
