"""The open half of how a subject comes into the trial: consent, screening, enrolment, the place on the list.

1. SDTM has no consent but its date (RFICDTC, often empty) and no screening but its end. Both are synthesised and
   say so; a consent without a date is dated with the earliest visit or demography collection.
2. A subject is eligible if randomized (DS), not if a screen failure (DS, else the status that DM states).
3. Enrolment is the milestone of randomization, or one that names enrolment; without any nobody is enrolled.
4. A claim of a place on the list is made here without its arm: `mapping.py` adds that from the sealed half.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from api.sdtm.cells import CellError, Cells
from api.sdtm.halves import OpenSubject, Screened
from api.sdtm.kept import kept_open
from api.sdtm.mapped import Mapped, Origin, RowId
from api.sdtm.story import CLAIM, ENROLMENT, SCREENING, Placed, placed, readable
from api.sdtm.words import code_of, term_of
from ledger.domain.protocol import Protocol

ENROLLED: Final = ("RANDOMIZED", "ENROLLED", "ENTERED INTO TRIAL")
"""Milestones (DSDECOD) with which a subject is enrolled; with the first one the subject is randomized as well."""


class Milestones(NamedTuple):
    """What the DS rows of a subject say of enrolment, by date and row: the first of each kind counts."""

    randomized: tuple[str, RowId] | None
    enrolled: tuple[str, RowId] | None
    failed: tuple[str, RowId] | None


def consent(subject: OpenSubject, origin: Origin) -> Mapped:
    """The synthesised consent. CellError where the subject has no date at all, or DM no site."""
    cells = Cells("DM", subject.dm)
    site = code_of(cells.required("SITEID"))
    at, field = cells.first_when("RFICDTC")
    if at is None:
        at, field = earliest(subject, cells), None
    if at is None:
        raise CellError("DMDTC", "the subject has no date (RFICDTC, DMDTC, visits, dispositions, adverse events)")
    dated = field == "RFICDTC"
    return origin.command(
        "record-consent",
        f"DM-{subject.id}-consent",
        at,
        {
            "subject": subject.id,
            "site": site,
            "form": "WRITTEN",
            "giver": "PATIENT",
            "document_version": "unknown",
        },
        record=f"DM {subject.id}",
        rows=[cells.id],
        synthesised=(*(() if dated else ("consent", "occurred_at")), "form", "giver", "document_version"),
        imputed=() if dated else ("occurred_at",),
        values={**(kept_open("DM", subject.dm, {}) or {}), "USUBJID": subject.id},
    )


def earliest(subject: OpenSubject, cells: Cells) -> str | None:
    """DMDTC or the first visit, whichever is earlier; without both, the first disposition or adverse event."""
    visits = [at for row in subject.sv if (at := readable("SV", row, "SVSTDTC"))]
    collected = cells.when("DMDTC")
    known = [*visits, *([collected] if collected else [])] or [
        at
        for domain, rows, fields in (("DS", subject.ds, ("DSSTDTC", "DSDTC")), ("AE", subject.ae, ("AEDTC", "AESTDTC")))
        for row in rows
        for field in fields
        if (at := readable(domain, row, field))
    ]
    return min(known, default=None)


def milestones(subject: OpenSubject) -> Milestones:
    """The first date of randomization, enrolment and screen failure among the readable DS rows."""
    found: dict[str, tuple[str, RowId]] = {}
    for row in subject.ds:
        decoded = row.values.get("DSDECOD", row.values.get("DSTERM", "")).strip().upper()
        at = readable("DS", row, "DSSTDTC") or readable("DS", row, "DSDTC")
        if at is not None and (decoded not in found or at < found[decoded][0]):
            found[decoded] = (at, ("DS", row.number))
    return Milestones(
        found.get("RANDOMIZED"),
        min((found[word] for word in ENROLLED if word in found), default=None),
        found.get("SCREEN FAILURE"),
    )


def screening(subject: OpenSubject, protocol: Protocol, origin: Origin, consented: str) -> Iterator[Placed]:
    """Screening as its end tells it, enrolment, and the claim of a place on the list (its arm comes from elsewhere)."""
    cells = Cells("DM", subject.dm)
    known = milestones(subject)
    if known.enrolled and known.failed:
        cells.note("DSDECOD", f"{subject.id} is a screen failure and enrolled; taken as eligible")
    if known.enrolled:
        eligible: bool | None = True
    elif known.failed or subject.screened is Screened.FAILED:
        eligible = False
    else:
        eligible = None if subject.screened is Screened.UNKNOWN else True
    ended = known.enrolled or known.failed
    values = _values(cells, protocol)
    rows: list[RowId] = [cells.id, *([ended[1]] if ended else [])]
    if eligible is None:
        cells.note("ARMNRS", f"whether {subject.id} passed screening is not stated; no screening recorded")
    else:
        mapped = origin.command(
            "claim-screening",
            f"DM-{subject.id}-screening",
            ended[0] if ended else consented,
            {"subject": subject.id, "values": values, "eligible": eligible, "failed": []},
            record=f"DM {subject.id}",
            rows=rows,
            synthesised=("screening", "occurred_at", "failed"),
            imputed=("occurred_at", "eligible"),
        )
        yield placed(SCREENING, subject.dm.number, mapped)
    if known.enrolled:
        at, row = known.enrolled
        record = f"DS {subject.id} {_sequence(subject, row)}"
        rows = [cells.id, row]
        mapped = origin.command(
            "enrol-subject",
            f"DS-{subject.id}-enrolment",
            at,
            {"subject": subject.id},
            record=record,
            rows=rows,
            synthesised=("enrolment",),
            imputed=("occurred_at",),
        )
        yield placed(ENROLMENT, row[1], mapped)
    elif subject.screened is Screened.ASSIGNED:
        cells.note("DSDECOD", f"{subject.id} has an arm and no milestone of randomization; not enrolled here")
    if known.randomized:
        at, row = known.randomized
        record = f"DS {subject.id} {_sequence(subject, row)}"
        mapped = origin.command(
            "claim-randomization",
            f"DS-{subject.id}-randomization",
            at,
            {"subject": subject.id},
            record=record,
            rows=[cells.id, row],
        )
        yield placed(CLAIM, row[1], mapped)
    for noted in cells.notes:
        yield Placed(consented[:10], SCREENING, "", subject.dm.number, noted)


def _values(cells: Cells, protocol: Protocol) -> dict[str, Any]:
    """Demography as screening values, of the names that the protocol declares."""
    values: dict[str, Any] = {}
    age, unit = cells.text("AGE", 200), cells.text("AGEU", 200)
    if age and age.isascii() and age.isdigit() and len(age) < 4 and unit in (None, "YEARS"):
        values["age_years"] = int(age)
    elif age:
        cells.note("AGE", f"{age!a} {unit} is not a whole number of years; recorded without it")
    for name, column in (("sex", "SEX"), ("race", "RACE"), ("ethnicity", "ETHNIC")):
        if term := term_of(cells.text(column, 200)):
            values[name] = term
    declared = {variable.name for variable in protocol.eligibility.variables}
    for name in sorted(set(values) - declared):
        cells.note(name.upper(), f"the protocol declares no value {name}; recorded without it")
        del values[name]
    return values


def _sequence(subject: OpenSubject, row: RowId) -> str:
    return next((ds.values.get("DSSEQ", "") for ds in subject.ds if ds.number == row[1]), "")
