"""What was recorded between two positions, event by event: rows of the audit trail, each with the kind of change it is.

1. Listed are events of the trial and of its subjects. What the ledger notes of its own running (anchors, the allocation
   log, looks, exports, time stamps) is counted: no hash of it stands in a dossier.
2. A row is of the first kind that fits: CORRECTION (with old and new values), VOID, AFTER_UNBLINDING (which masked
   audiences never meet), LATE, OTHER. They come in the order of the books.
3. They are sorted in a file, so that their number costs no memory.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import apsw

from api.dossier import words
from api.dossier.model import OPEN, SEALED, Ref
from api.exports.source import Source
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import ABOUT, CORRECTIONS, VOIDS
from ledger.recording.reader import Position
from projections.histories import History, visible
from projections.parts import fold
from projections.views.audit import VIEW as AUDIT

SCRATCH: Final = ".{}.db"
COLUMNS: Final = (
    "kind",
    "book",
    "seq",
    "recorded_at",
    "occurred_at",
    "who",
    "role",
    "type",
    "what",
    "subject",
    "target_seq",
    "why",
    "before",
    "after",
)
_JSON: Final = ("before", "after")


@dataclass(frozen=True, slots=True)
class Changes:
    """What was recorded from `start` up to `stop`. `unlisted`: how many entries are of the ledger's own running."""

    start: Position
    stop: Position
    counts: dict[str, int]
    unlisted: int
    _db: apsw.Connection

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order of the books."""
        for row in self._db.execute(f"SELECT {', '.join(COLUMNS)} FROM change ORDER BY place, book = 'sealed', seq"):
            found = dict(zip(COLUMNS, row, strict=True))
            yield found | {name: None if found[name] is None else json.loads(found[name]) for name in _JSON}


def refs_of(row: dict[str, Any]) -> list[Ref]:
    """The entry of a change, and that which it is about."""
    about = ABOUT.get(row["type"])
    target = [] if row["target_seq"] is None or about is None else [(about.value, row["target_seq"])]
    return [(row["book"], row["seq"]), *target]


@contextmanager
def changes(source: Source, start: Position, stop: Position, folder: Path, name: str) -> Iterator[Changes]:
    """Fold the trail up to `stop`, and keep what is not before `start`; `folder` has a scratch file meanwhile."""
    scratch = folder / SCRATCH.format(name)
    try:
        with closing(apsw.Connection(str(scratch))) as db:
            db.pragma("journal_mode", "OFF")
            db.pragma("synchronous", "OFF")
            db.execute(f"CREATE TABLE change (place, {', '.join(COLUMNS)})")
            counts = dict.fromkeys(words.KINDS, 0)
            with db:
                _fill(db, replace(source, position=stop), start, counts)
            entries = stop.open - start.open
            if source.unmasked:
                entries += (stop.sealed or 0) - (start.sealed or 0)
            yield Changes(start, stop, counts, entries - sum(counts.values()), db)
    finally:
        scratch.unlink(missing_ok=True)


def _fill(db: apsw.Connection, source: Source, start: Position, counts: dict[str, int]) -> None:
    first = {OPEN: start.open, SEALED: start.sealed or 0}
    names = [column.name for column in AUDIT.columns(source.audience)]
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    for _, rows in fold(AUDIT, source.audience, _histories(source, start)):
        for values in rows:
            row = dict(zip(names, values, strict=True))
            if row["seq"] < first[row["book"]]:
                continue
            row["kind"] = _kind(row)
            counts[row["kind"]] += 1
            db.execute(f"INSERT INTO change VALUES ({marks})", (row["place"], *(row[name] for name in COLUMNS)))


def _histories(source: Source, start: Position) -> Iterator[History]:
    """The whole histories of the streams in which something was recorded from `start` on."""
    since = visible(source.reader.facts(start, source.position), sealed=source.unmasked)
    for stream in sorted({fact.stream for fact in since}):
        if stream == TRIAL_STREAM or stream.startswith("subject/"):
            facts = source.reader.stream(stream, stop=source.position)
            yield History(stream, tuple(visible(facts, sealed=source.unmasked)))


def _kind(row: dict[str, Any]) -> str:
    if row["type"] in CORRECTIONS.values():
        return "CORRECTION"
    if row["type"] in VOIDS.values():
        return "VOID"
    if row.get("after_unblinding"):
        return "AFTER_UNBLINDING"
    return "LATE" if row["late"] else "OTHER"
