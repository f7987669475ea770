"""The two halves of an import: what the open book may be made of, and the rest.

1. The open half never sees the arm (ARM*, ACTARM*), the reference dates that are those of exposure (RFST*, RFEN*,
   RFX*, RFCST*, RFCEN*), study days (they count from RFSTDTC), action taken with the product (AEACN*), overdoses
   (AESOD), where a row lies in the course of its arm (EPOCH, TAETORD), columns that SDTMIG does not have, SUPP--
   (treatment-emergent and population flags) or EX. It is handed rows without them, so that no code of it can look.
   `is_open_column` alone says which columns are open, but for one: of a disposition, an epoch that TA has for every
   arm. Where arms may differ in their epochs, rows of DS about the treatment are refused (`Epochs`).
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

from api.exports.sdtm.variables import is_variable
from api.sdtm.dataset import Dataset, Row, SdtmError
from ledger.domain.vocabulary import Epoch

OPEN_DOMAINS: Final = ("DM", "DS", "AE", "SV", "TS", "TA", "TV")
SUBJECT_DOMAINS: Final = ("DS", "AE", "SV", "EX")
"""The domains, beside DM, whose rows become commands of a subject."""

_SEALED: Final = re.compile(
    r"(?:ACT)?ARM.*|RF(?:ST|EN|X|C(?:ST|EN)).*|AEACN.*|AESOD|(?:DM|AE|DS|SV)(?:ST|EN)?DY|.*TRTEM.*|.{2}(?:ST|EN)(?:RF|RTPT|TPT)"
)
KEYS: Final = ("STUDYID", "DOMAIN", "RDOMAIN", "USUBJID")
_COURSE: Final = ("EPOCH", "TAETORD")
_NAMING: Final = re.compile(
    r"BRTHDTC|INVNAM|NAME?|(?:.*[^A-Z])?INIT(?:S|IALS?)?|.*(?:BIRTH|BRTH|DOB|SSN|MRN|PHONE|EMAIL).*"
    r"|(?:PAT|SUBJ?|INV|PHYS|DR|DOC|NURS|RATER|EVAL|MON|MED|PI|FIRST|LAST|FULL|SUR|MID)[A-Z]*(?:NAME?|INIT(?:S|IALS?)?)"
)
_ON_TREATMENT: Final = re.compile(r"TREAT|DRUG|DOS(?:E|ING)|INTERVENTION|PRODUCT", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class Epochs:
    """What the arms have in common of their course: the epochs that TA has for each of them; none without TA."""

    shared: frozenset[str] = frozenset()

    @classmethod
    def of(cls, datasets: Mapping[str, Dataset]) -> "Epochs":
        """Those of a study; of one whose arms differ in their epochs, none."""
        arms: dict[str, set[str]] = {}
        for row in datasets["TA"].rows if "TA" in datasets else ():
            arms.setdefault(row.values.get("ARMCD", ""), set()).add(row.values.get("EPOCH", ""))
        first = next(iter(arms.values()), set[str]())
        alike = all(epochs == first for epochs in arms.values())
        return cls(frozenset(first & set(Epoch)) if alike else frozenset())

    def tells(self, domain: str, row: Row) -> bool:
        """Whether an epoch is open: of a disposition, where every arm has it."""
        return domain == "DS" and row.values.get("EPOCH") in self.shared

    def check(self, dataset: Dataset) -> None:
        """Of DS: refuse rows about the treatment, unless every arm has the same epochs. Raises SdtmError.

        Whether a subject has such a row tells the arm, where an arm has no treatment. It cannot be hidden: numbers
        and lines that are missing would tell of it.
        """
        for row in () if self.shared else dataset.rows:
            about = row.values.get("DSSCAT", "")
            if _ON_TREATMENT.search(about) is not None:
                rule = f"{about!a} is of the treatment, which may tell the arm: {_REFUSED}"
                raise SdtmError(dataset.path, row.number, "DSSCAT", rule, counted=dataset.counted)


_REFUSED: Final = "give TA, with the same epochs for every arm, or leave these rows out"


def names_a_person(name: str) -> bool:
    """Whether a column, qualifier or parameter of this name holds what names a person, as far as names tell."""
    return _NAMING.fullmatch(name.upper()) is not None


def is_open_column(domain: str, column: str) -> bool:
    """Whether the open half may see a column: SDTMIG has it, it names nobody, and it does not depend on an arm."""
    if column in KEYS:
        return True
    if column in _COURSE or names_a_person(column):
        return False
    return is_variable(domain, column) and _SEALED.fullmatch(column) is None


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


def open_rows(dataset: Dataset, epochs: Epochs) -> list[Row]:
    """The rows of a dataset without the columns that are not open."""
    domain = dataset.domain
    hidden = {column for column in dataset.columns if not is_open_column(domain, column)}
    return [
        Row(row.number, {name: value for name, value in row.values.items() if name not in without})
        for row in dataset.rows
        for without in [hidden - {"EPOCH"} if epochs.tells(domain, row) else hidden]
    ]


def without_persons(summary: Dataset) -> list[Row]:
    """The rows of TS but those of a parameter that names a person."""
    return [row for row in summary.rows if not names_a_person(row.values.get("TSPARMCD", ""))]


def by_subject(rows: Mapping[str, list[Row]]) -> dict[str, dict[str, list[Row]]]:
    """Subject -> domain -> rows, in the order of the files. A row without USUBJID lies under the empty id."""
    found: dict[str, dict[str, list[Row]]] = {}
    for domain, listed in rows.items():
        for row in listed:
            found.setdefault(row.values.get("USUBJID", ""), {}).setdefault(domain, []).append(row)
    return found
