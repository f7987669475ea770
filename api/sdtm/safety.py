"""Adverse events: the report and its coding in the open half, the action taken with the product in the sealed one.

1. One event for one row, numbered by AESEQ: tables count rows, and AESPID may stand on several of them.
2. Seriousness is what AESER says, and the criteria are what their flags say, also where the two contradict.
3. An adverse event is never lost for want of a date: without any it is dated with the consent, and says so.
4. Whether it was treatment-emergent is not taken from anywhere: views compute it, for those who may see exposure.
"""

from collections.abc import Iterator
from typing import Any, Final

from api.sdtm.cells import CellError, Cells
from api.sdtm.kept import kept_open
from api.sdtm.mapped import Mapped, Origin
from api.sdtm.story import ACTION, EVENT, Placed, placed
from ledger.domain.vocabulary import ActionTaken, AeOutcome, Causality, Severity

_CRITERIA: Final = {
    "AESDTH": "DEATH",
    "AESLIFE": "LIFE_THREATENING",
    "AESHOSP": "HOSPITALIZATION",
    "AESDISAB": "DISABILITY",
    "AESCONG": "CONGENITAL_ANOMALY",
    "AESMIE": "MEDICALLY_IMPORTANT",
}
_NO_CRITERION: Final = ("AESCAN", "AESOD")
_CAUSALITY: Final = {"Y": "RELATED", "N": "NOT RELATED"}


def adverse_event(subject: str, cells: Cells, origin: Origin, consented: str) -> Iterator[Placed]:
    """The report of an adverse event and, where the row has the terms, its coding."""
    sequence = cells.sequence("AESEQ")
    onset, ended = cells.when("AESTDTC"), cells.when("AEENDTC")
    at, field = cells.first_when("AEDTC", "AESTDTC", "AEENDTC")
    criteria = [criterion for column, criterion in _CRITERIA.items() if cells.flag(column)]
    stated = cells.flag("AESER")
    serious = bool(criteria) if stated is None else stated
    _note_contradictions(cells, stated, criteria)
    data: dict[str, Any] = {
        "subject": subject,
        "ae": str(sequence),
        "term": cells.required("AETERM"),
        "severity": cells.term("AESEV", set(Severity)),
        "serious": serious,
        "seriousness": criteria,
        "causality": _causality(cells),
        "outcome": cells.term("AEOUT", set(AeOutcome)),
        "onset": onset,
        "ended": ended,
    }
    coding = _coding(subject, sequence, cells, origin, at or consented)
    report = origin.command(
        "report-adverse-event",
        f"AE-{subject}-{sequence}",
        at or consented,
        data,
        record=_record(subject, sequence, cells),
        rows=[cells.id],
        synthesised=(*(() if at else ("occurred_at",)), *(("serious",) if stated is None else ())),
        imputed=() if field == "AEDTC" or at is None else ("occurred_at",),
        values=kept_open("AE", cells.row, _given_back(data, coding)),
    )
    yield placed(EVENT, cells.row.number, report)
    if coding:
        yield placed(EVENT, cells.row.number, coding)


_COLUMNS: Final = {
    "term": "AETERM",
    "severity": "AESEV",
    "causality": "AEREL",
    "outcome": "AEOUT",
    "onset": "AESTDTC",
    "ended": "AEENDTC",
    "lowest_level_term": "AELLT",
    "preferred_term": "AEDECOD",
    "high_level_term": "AEHLT",
    "high_level_group_term": "AEHLGT",
    "system_organ_class": "AESOC",
}


def _given_back(data: dict[str, Any], coding: Mapped | None) -> dict[str, str | None]:
    """Column -> what the events of an adverse event say of it. A flag of seriousness that is N is none of theirs."""
    said = {**data, **(coding.command["data"] if coding else {})}
    given = {column: said.get(name) for name, column in _COLUMNS.items()}
    flags = {column: "Y" for column, criterion in _CRITERIA.items() if criterion in data["seriousness"]}
    return {**given, **flags, "AESER": "Y" if data["serious"] else "N"}


def action_taken(subject: str, cells: Cells, origin: Origin, consented: str) -> Iterator[Placed]:
    """What was done with the product (sealed); nothing where AEACN is empty."""
    action = cells.term("AEACN", set(ActionTaken))
    if action is None:
        return
    sequence = cells.sequence("AESEQ")
    at, _ = cells.first_when("AEDTC", "AESTDTC", "AEENDTC")
    mapped = origin.command(
        "record-action-taken",
        f"AE-{subject}-{sequence}-action",
        at or consented,
        {"subject": subject, "ae": str(sequence), "action": action},
        record=_record(subject, sequence, cells),
        rows=[cells.id],
        imputed=("occurred_at",),
    )
    yield placed(ACTION, cells.row.number, mapped)


def _coding(subject: str, sequence: int, cells: Cells, origin: Origin, at: str) -> Mapped | None:
    preferred, organ_class = cells.text("AEDECOD"), cells.text("AESOC") or cells.text("AEBODSYS")
    if preferred is None or organ_class is None:
        if preferred or organ_class:
            cells.note("AEDECOD", "AEDECOD and AESOC (or AEBODSYS) belong together; one is missing, not coded")
        return None
    if cells.text("AEBODSYS") not in (None, organ_class):
        cells.note("AEBODSYS", "differs from AESOC; coded with AESOC")
    return origin.command(
        "code-adverse-event",
        f"AE-{subject}-{sequence}-coding",
        at,
        {
            "subject": subject,
            "ae": str(sequence),
            "dictionary": "MedDRA",
            "lowest_level_term": cells.text("AELLT"),
            "preferred_term": preferred,
            "high_level_term": cells.text("AEHLT"),
            "high_level_group_term": cells.text("AEHLGT"),
            "system_organ_class": organ_class,
        },
        record=_record(subject, sequence, cells),
        rows=[cells.id],
        synthesised=("dictionary",),
        imputed=("occurred_at",),
    )


def _causality(cells: Cells) -> str | None:
    value = (cells.text("AEREL", 200) or "").upper()
    return _CAUSALITY[value] if value in _CAUSALITY else cells.term("AEREL", set(Causality))


def _note_contradictions(cells: Cells, serious: bool | None, criteria: list[str]) -> None:
    for column in _NO_CRITERION:
        if cells.text(column) == "Y":
            cells.note(column, "is Y, which none of the six criteria of seriousness says; kept as it stands")
    if serious is False and criteria:
        cells.note("AESER", f"is N, yet a criterion of seriousness is Y ({', '.join(criteria)}); recorded as it is")
    if serious and not criteria:
        cells.note("AESER", "is Y, and no criterion of seriousness is; recorded as it is")
    if serious is False and cells.text("AEOUT") == "FATAL":
        cells.note("AEOUT", "is FATAL, yet AESER is N; recorded as it is")
    try:
        onset, ended = cells.text("AESTDTC") or "", cells.text("AEENDTC") or ""
    except CellError:
        return
    if onset and ended and ended[: len(onset)] < onset[: len(ended)]:
        cells.note("AEENDTC", "lies before AESTDTC; recorded as it is")


def _record(subject: str, sequence: int, cells: Cells) -> str:
    sponsors = cells.text("AESPID", 60)
    return f"AE {subject} {sequence}" + (f" (AESPID {sponsors})" if sponsors else "")
