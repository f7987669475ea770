"""The open half of what happens to a subject in the trial: visits, dispositions, death.

1. A disposition is one row of DS, the milestone of randomization too: category, CDISC term, and what was written.
2. A death is recorded once, from DM, else DS, else a fatal adverse event; where they disagree, that is noted.
3. The term of the fatal adverse event is given as the cause, and labelled as imputed: SDTM's AE does not say so.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from api.sdtm.cells import CellError, Cells
from api.sdtm.halves import OpenSubject
from api.sdtm.kept import kept_open
from api.sdtm.mapped import Origin, RowId
from api.sdtm.story import DEATH, DISPOSITION, MILESTONE, VISIT, Placed, placed, readable
from ledger.domain.vocabulary import DispositionCategory, Epoch

_NUMBER: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")


def visit(subject: OpenSubject, cells: Cells, origin: Origin, times_seen: int) -> Placed:
    """A visit; `times_seen` counts earlier rows of the same VISITNUM, which SDTM allows to be split."""
    at, field = cells.first_when("SVSTDTC", "SVENDTC")
    if at is None:
        raise CellError("SVSTDTC", "is missing, and SVENDTC too: a visit needs a date")
    number, name = cells.text("VISITNUM", 10), cells.text("VISIT", 200)
    if number is not None and not _NUMBER.fullmatch(number):
        raise CellError("VISITNUM", f"is a number such as 8.1; here it is {number!a}")
    missed = cells.flag("SVOCCUR") is False
    suffix = f"-{times_seen + 1}" if times_seen else ""
    key = f"SV-{subject.id}-{number or 'unnumbered'}{suffix}"
    data: dict[str, Any] = {
        "subject": subject.id,
        "visit": name or (f"VISIT {number}" if number else "UNNAMED VISIT"),
        "number": number,
        "state": "MISSED" if missed else "DONE",
        "started": cells.when("SVSTDTC"),
        "ended": cells.when("SVENDTC"),
    }
    return placed(
        VISIT,
        cells.row.number,
        origin.command(
            "record-visit",
            key,
            at,
            data,
            record=f"SV {subject.id} {number or '(no VISITNUM)'}",
            rows=[cells.id],
            synthesised=() if name else ("visit",),
            imputed=() if field == "SVSTDTC" else ("occurred_at",),
            values=kept_open(
                "SV",
                cells.row,
                {"VISITNUM": number, "VISIT": name, "SVSTDTC": data["started"], "SVENDTC": data["ended"]},
            ),
        ),
    )


def disposition(subject: OpenSubject, cells: Cells, origin: Origin) -> Placed:
    """A disposition event, a milestone (randomization too) or another event of DS."""
    sequence = cells.sequence("DSSEQ")
    at, field = cells.first_when("DSSTDTC", "DSDTC")
    if at is None:
        raise CellError("DSSTDTC", "is missing, and DSDTC too: a disposition needs a date")
    category = cells.required("DSCAT").upper()
    if category not in set(DispositionCategory):
        raise CellError("DSCAT", f"is one of {', '.join(DispositionCategory)}; here it is {category!a}")
    decoded, verbatim = cells.text("DSDECOD", 200), cells.text("DSTERM")
    milestone = category == DispositionCategory.PROTOCOL_MILESTONE
    epoch = cells.term("EPOCH", set(Epoch))
    given = {"DSCAT": category, "DSDECOD": decoded, "DSTERM": verbatim, "DSSTDTC": at, "EPOCH": epoch}
    return placed(
        MILESTONE if milestone else DISPOSITION,
        cells.row.number,
        origin.command(
            "record-disposition",
            f"DS-{subject.id}-{sequence}",
            at,
            {
                "subject": subject.id,
                "category": category,
                "epoch": epoch,
                "term": decoded or cells.required("DSTERM", 200),
                "verbatim": verbatim,
            },
            record=f"DS {subject.id} {sequence}",
            rows=[cells.id],
            imputed=(*(() if field == "DSSTDTC" else ("occurred_at",)), *(() if decoded else ("term",))),
            values=kept_open("DS", cells.row, given),
        ),
    )


def death(subject: OpenSubject, origin: Origin) -> Iterator[Placed]:
    """The subject's death, if any source states it with a date."""
    cells = Cells("DM", subject.dm)
    stated: list[tuple[str, str, RowId]] = []
    try:
        died = cells.when("DTHDTC")
    except CellError as error:
        died = None
        yield Placed("", DEATH, "", subject.dm.number, cells.rejected(error))
    if died:
        stated.append(("DTHDTC", died, cells.id))
    for row in subject.ds:
        if row.values.get("DSDECOD") == "DEATH" and (at := readable("DS", row, "DSSTDTC")):
            stated.append(("DSSTDTC", at, ("DS", row.number)))
    fatal = [row for row in subject.ae if row.values.get("AEOUT") == "FATAL" or row.values.get("AESDTH") == "Y"]
    for row in fatal:
        if at := readable("AE", row, "AEENDTC") or readable("AE", row, "AEDTC"):
            stated.append(("AEENDTC", at, ("AE", row.number)))
    if stated:
        field, at, _ = stated[0]
        causes = [row.values["AETERM"] for row in fatal if row.values.get("AETERM")]
        if len({when[:10] for _, when, _ in stated}) > 1:
            dates = ", ".join(f"{name} {when}" for name, when, _ in stated)
            cells.note("DTHDTC", f"{subject.id}: the dates of death differ ({dates}); recorded with {field}")
        yield placed(
            DEATH,
            subject.dm.number,
            origin.command(
                "record-death",
                f"DM-{subject.id}-death",
                at,
                {"subject": subject.id, "died": at, "cause": "; ".join(causes)[:4000] or None},
                record=f"DM {subject.id}",
                rows=[row for _, _, row in stated],
                imputed=(*(() if field == "DTHDTC" else ("died",)), *(("cause",) if causes else ())),
            ),
        )
    elif subject.dm.values.get("DTHFL") == "Y":
        cells.note("DTHFL", f"{subject.id} died, on a date that is nowhere stated; no death recorded")
    for noted in cells.notes:
        yield Placed("", DEATH, "", subject.dm.number, noted)
