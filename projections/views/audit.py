"""The audit trail: who did what, in which role, when, why, what was recorded, and what stood there before.

Rules
- One row an entry, in the order of the books, as it was written: corrections and voids are rows of their own, with the
  entry that they are about (`target_seq` of the same book, `target_type`). A record that was voided stays, and so does
  what fell with it; `voided_by` is the seq, in its own book, of the entry that voided it.
- `after` is the content of the event but for what has a column of its own. Of a correction it is the new values, and
  `before` those which they replaced; of what was said further of an adverse event, `before` is what was said last, as
  far as it is in the ledger, with the corrections and without the voided records of that time.
- A protocol, and whatever else of more than 16,000 bytes is no text, is shown as the SHA-256 of its canonical bytes.
- Values that name a person lie in no view. Where a correction changed those alone, both say "[identity]".
- An anchor is a row of the system, without content. `what` is the catalogue's title of the type; a type that this
  version does not know is shown by its name, without content: nothing says which of its values name a person.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.history import CORRECTIONS, VOIDS, Fact, corrected
from ledger.domain.vocabulary import Book
from ledger.proof.canonical import encode_trusted
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History

IDENTITY_WITHHELD: Final = "[identity]"
_COLUMNS: Final = (
    "book",
    "seq",
    "recorded_at",
    "occurred_at",
    "who",
    "org",
    "role",
    "type",
    "what",
    "subject",
    "target_seq",
    "target_type",
    "why",
    "before",
    "after",
    "voided_by",
    "late",
    "provenance",
)
_INTEGERS: Final = ("seq", "target_seq", "voided_by", "late")
_JSON: Final = ("before", "after", "provenance")
_ELSEWHERE: Final = frozenset({"subject", "occurred_at", "late", "provenance", "reason"})
_LONGEST: Final = 16_000
_FURTHER: Final = ("adverse-event.followed-up/1", "adverse-event.coded/1", "adverse-event.action-taken/1")


class Audit(View):
    """One row an entry. `why` is the reason that was given, if the event has one."""

    name = "audit"
    version = 2
    title = "Audit trail"
    stored = (
        Column("place", "INTEGER"),
        *(Column(name, "INTEGER" if name in _INTEGERS else "TEXT") for name in _COLUMNS),
    )

    def takes(self, stream: str) -> bool:  # noqa: ARG002 - every stream
        return True

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        voided = _voided(history.recorded)
        for index, fact in enumerate(history.recorded):
            known = CATALOGUE.get(fact.type)
            row: dict[str, Any] = {
                "place": fact.open_seq,
                "book": fact.book.value,
                "seq": fact.seq,
                "recorded_at": fact.at,
                "who": fact.actor.id,
                "org": fact.actor.org,
                "role": fact.actor.role,
                "type": fact.type,
                "what": fact.type if known is None else known.title,
                "voided_by": voided.get((fact.book, fact.seq)),
                "late": 0,
            }
            if fact.stream != ANCHOR_STREAM:
                row |= _told(fact)
                if known is not None:
                    row |= _content(fact, history.recorded[:index])
            yield row

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        listed = []
        for row in sorted(rows, key=lambda row: (row["place"], row["book"] == Book.SEALED.value, row["seq"])):
            shown = {name: row[name] for name in _COLUMNS}
            for name in _JSON:
                shown[name] = None if row[name] is None else json.loads(row[name])
            shown["late"] = bool(row["late"])
            listed.append(shown)
        return Table(_COLUMNS, listed)


def _told(fact: Fact) -> dict[str, Any]:
    """What every event says."""
    data = fact.data
    subject = data.get("subject")
    if subject is None and fact.stream.startswith("subject/"):
        subject = fact.stream.removeprefix("subject/")
    return {
        "occurred_at": data.get("occurred_at"),
        "subject": subject,
        "why": data.get("reason"),
        "late": int(bool(data.get("late"))),
        "provenance": _json(data["provenance"]) if data.get("provenance") else None,
    }


def _content(fact: Fact, earlier: tuple[Fact, ...]) -> dict[str, Any]:
    """What this event says; `earlier` are the facts of its stream before it."""
    data = fact.data
    target = {"target_seq": data.get("target_seq"), "target_type": data.get("target_type")}
    if fact.type in VOIDS.values():
        return target
    if fact.type in CORRECTIONS.values():
        changes = data.get("changes") or ()
        if not changes:
            return {**target, "before": _json(IDENTITY_WITHHELD), "after": _json(IDENTITY_WITHHELD)}
        before = {change["field"]: change.get("old") for change in changes}
        return {**target, "before": _shown(before), "after": _shown({c["field"]: c.get("new") for c in changes})}
    content = {name: value for name, value in data.items() if name not in _ELSEWHERE}
    before = _before(fact, earlier) if fact.type in _FURTHER else {}
    return {"before": _shown(before) if before else None, "after": _shown(content) if content else None}


def _before(fact: Fact, earlier: tuple[Fact, ...]) -> dict[str, Any]:
    """What was said last, before `fact`, of that which it says of its adverse event."""
    said: dict[str, Any] = {}
    for known in corrected(earlier):
        of_an_event = known.book is fact.book and known.type.startswith("adverse-event.")  # a book has its own names
        if of_an_event and known.data.get("ae") == fact.data.get("ae"):
            said |= known.data
    return {name: said[name] for name in fact.data if name in said and name not in _ELSEWHERE and name != "ae"}


def _voided(facts: tuple[Fact, ...]) -> dict[tuple[Book, int], int]:
    """(book, seq) of each record that no longer stands -> seq of the entry that voided it."""
    voided: dict[tuple[Book, int], int] = {}
    for index, fact in enumerate(facts):
        if fact.type == VOIDS[fact.book]:
            standing = {(known.book, known.seq) for known in corrected(facts[: index + 1])}
            for known in facts[:index]:
                if (known.book, known.seq) not in standing:
                    voided.setdefault((known.book, known.seq), fact.seq)
    return voided


def _shown(values: Mapping[str, Any]) -> str:
    return _json({name: _short(name, value) for name, value in values.items()})


def _short(name: str, value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        written = encode_trusted(value)
        if name == "protocol" or len(written) > _LONGEST:
            return f"sha256:{hashlib.sha256(written).hexdigest()}"
    return value


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


VIEW = Audit()
