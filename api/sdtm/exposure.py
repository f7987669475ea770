"""The sealed half: the arm that a subject was allocated to, and what was given.

1. The arm is the planned one (ARM), as trials are published; ACTARM is noted where it differs.
2. Doses are numbered by their dates: EXSEQ only settles what began at the same time.
3. A row of EX is a run of equal doses from EXSTDTC to EXENDTC. A missing EXENDTC stays missing; views impute it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from api.sdtm.cells import CellError, Cells
from api.sdtm.dataset import Row
from api.sdtm.halves import SealedSubject, is_open_column
from api.sdtm.kept import kept_with_dose
from api.sdtm.mapped import Noted, Origin, Rejected
from api.sdtm.story import TREATMENT, Placed, placed
from api.sdtm.words import code_of
from ledger.domain.protocol import Protocol


def arm(subject: SealedSubject, protocol: Protocol) -> str:
    """The code of the planned arm. CellError where the protocol has no such arm."""
    cells = Cells("DM", subject.dm, sealed=True)
    code, name = cells.text("ARMCD", 200), cells.text("ARM", 200)
    for planned in protocol.arms:
        if (code and planned.code == code_of(code)) or (name and planned.label.casefold() == name.casefold()):
            return planned.code
    rule = f"is not an arm of the protocol ({', '.join(planned.label for planned in protocol.arms)})"
    raise CellError("ARM", f"{name or code!a} {rule}")


def note_actual_arm(cells: Cells) -> None:
    """Note an actual arm that is not the planned one."""
    planned, actual = cells.text("ARMCD", 200), cells.text("ACTARMCD", 200)
    if actual and actual != planned:
        cells.note("ACTARMCD", f"is {actual} where ARMCD is {planned}; recorded with the planned arm")


def texts_that_name_an_arm(domain: str, row: Row, protocol: Protocol) -> Iterator[Noted]:
    """Open texts in which an arm is named: who imports is told, for in the open book they stand as they are."""
    names = {name.casefold() for planned in protocol.arms for name in (planned.code, planned.label) if len(name) > 2}
    for column, value in row.values.items():
        words = value.casefold()
        if is_open_column(domain, column) and any(re.search(rf"\b{re.escape(name)}\b", words) for name in names):
            yield Noted(domain, row.number, column, "names an arm, and stands in the open book as it is", sealed=True)


def by_date(rows: Sequence[Row]) -> list[Row]:
    """The rows of EX in the order of their dates."""
    return sorted(rows, key=lambda row: (row.values.get("EXSTDTC", ""), _number(row), row.number))


def treatment(subject: str, number: int, cells: Cells, origin: Origin, reference: str | None = None) -> Placed:
    """One run of doses (sealed). `reference`: the subject's RFSTDTC."""
    sequence = cells.sequence("EXSEQ")
    started, ended = cells.when("EXSTDTC"), cells.when("EXENDTC")
    if started is None:
        raise CellError("EXSTDTC", "is missing, and a treatment needs its start")
    if ended and ended[: len(started)] < started[: len(ended)]:
        cells.note("EXENDTC", "lies before EXSTDTC; recorded as it is")
    unit = cells.required("EXDOSU", 200)
    data: dict[str, Any] = {
        "subject": subject,
        "dose_number": number,
        "product": cells.required("EXTRT", 200),
        "lot": cells.text("EXLOT", 64),
        "given_amount": cells.decimal("EXDOSE"),
        "unit": unit,
        "route": cells.text("EXROUTE", 200),
        "form": cells.text("EXDOSFRM", 200),
        "frequency": cells.text("EXDOSFRQ", 200),
        "visit": cells.text("VISIT", 200),
        "started_at": started,
        "ended_at": ended,
    }
    mapped = origin.command(
        "record-treatment",
        f"EX-{subject}-{sequence}",
        started,
        data,
        record=f"EX {subject} {sequence}",
        rows=[cells.id],
        imputed=("dose_number",),
        values=kept_with_dose(cells.row, {column: data[name] for name, column in _COLUMNS.items()}, reference),
    )
    return placed(TREATMENT, cells.row.number, mapped)


_COLUMNS: Final = {
    "product": "EXTRT",
    "lot": "EXLOT",
    "given_amount": "EXDOSE",
    "unit": "EXDOSU",
    "route": "EXROUTE",
    "form": "EXDOSFRM",
    "frequency": "EXDOSFRQ",
    "visit": "VISIT",
    "started_at": "EXSTDTC",
    "ended_at": "EXENDTC",
}


def unknown_arm(cells: Cells, error: CellError) -> Rejected:
    """What is said of an arm that the protocol does not have: to the person who imports, not to the open book."""
    return Rejected(cells.domain, cells.row.number, error.field, error.reason, sealed=True)


def _number(row: Row) -> int:
    text = row.values.get("EXSEQ", "").split(".")[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
