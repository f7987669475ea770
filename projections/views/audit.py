"""The audit trail: who did what, in which role, when, why, what was recorded, and what stood there before.

Rules
- One row an entry, in the order of the books, as it was written: corrections and voids are rows of their own, with the
  entry that they are about (`target_type`, and `target_seq` of the open book, or of the sealed one where the row's
  `type` says so). A record that was voided stays, and so does what fell with it; `voided_by` is the seq of the entry
  that voided it, of the same book, or of `voided_in`.
- Those who may see arms meet what somebody entered after having been unblinded as a row of the sealed book, under the
  type that it would have had in the open one, with `after_unblinding`. Where the open book does not say who reported
  a fact, for to be named would tell the arm, they see who did: the same for every event of that command.
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

import msgspec

from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.history import CORRECTIONS, VOIDS, Fact, corrected
from ledger.domain.routing import MARK
from ledger.domain.vocabulary import SYSTEM, Book
from ledger.proof.canonical import encode_trusted
from ledger.proof.entry import Actor
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History, marked
from projections.spooled import in_order

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
_UNMASKED: Final = ("after_unblinding", "voided_in")
_INTEGERS: Final = ("seq", "target_seq", "voided_by", "late")
_JSON: Final = ("before", "after", "provenance")
_ELSEWHERE: Final = frozenset({"subject", "occurred_at", "late", "provenance", "reason", MARK})
_LONGEST: Final = 16_000
_FURTHER: Final = (
    "adverse-event.followed-up/1",
    "adverse-event.coded/1",
    "adverse-event.action-taken/1",
    "expectedness.assessed/1",
)
_OF_AN_EVENT: Final = ("adverse-event.", "expectedness.")
_REPORTER: Final = "reporter.named/1"
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


class Audit(View):
    """One row an entry. `why` is the reason that was given, if the event has one."""

    name = "audit"
    version = 3
    title = "Audit trail"
    stored = (
        Column("place", "INTEGER"),
        *(Column(name, "INTEGER" if name in _INTEGERS else "TEXT") for name in _COLUMNS),
        Column("after_unblinding", "INTEGER", sealed=True),
        Column("voided_in", sealed=True),
    )

    def takes(self, stream: str) -> bool:  # noqa: ARG002 - every stream
        return True

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        return self.rows_at(history, range(len(history.recorded)))

    def rows_at(self, history: History, places: Iterable[int]) -> Iterator[Mapping[str, Any]]:
        """The rows of the facts at these places of the history, for whoever reads the trail entry by entry."""
        voided = _voided(history.recorded)
        reporters = _reporters(history.recorded)
        for index in places:
            fact = history.recorded[index]
            known = CATALOGUE.get(fact.type)
            actor = reporters.get(fact.command, fact.actor) if fact.book is Book.OPEN else fact.actor
            by = voided.get((fact.book, fact.seq))
            row: dict[str, Any] = {
                "place": fact.open_seq,
                "book": fact.book.value,
                "seq": fact.seq,
                "recorded_at": fact.at,
                "who": actor.id,
                "org": actor.org,
                "role": actor.role,
                "type": fact.type,
                "what": fact.type if known is None else known.title,
                "voided_by": None if by is None else by.seq,
                "voided_in": None if by is None else by.book.value,
                "after_unblinding": int(marked(fact)),
                "late": 0,
            }
            if fact.stream != ANCHOR_STREAM:
                row |= _told(fact)
                if known is not None:
                    row |= _content(fact, history.recorded[:index])
            yield row

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        columns = self.shown_columns(audience)
        return Table(columns, in_order(rows, _order, lambda row: self.shown(row, columns)))

    def shown_columns(self, audience: Audience) -> tuple[str, ...]:
        """The columns of the table for an audience."""
        return (*_COLUMNS, *_UNMASKED) if audience is Audience.UNMASKED else _COLUMNS

    def shown(self, row: Stored, columns: Iterable[str]) -> dict[str, Any]:
        """One stored row (or one of `rows_at`) as the table has it."""
        values: dict[str, Any] = {name: row.get(name) for name in columns}
        for name in _JSON:
            values[name] = None if values[name] is None else json.loads(values[name])
        return values | {name: bool(values[name]) for name in ("late", "after_unblinding") if name in values}


def _order(row: Stored) -> list[Any]:
    """Where a row stands among those of both books."""
    return [row["place"], row["book"] == Book.SEALED.value, row["seq"]]


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
        if (
            known.type.startswith(_OF_AN_EVENT)
            and _names_of(known) is _names_of(fact)
            and known.data.get("ae") == fact.data.get("ae")
        ):
            said |= known.data
    return {name: said[name] for name in fact.data if name in said and name not in _ELSEWHERE and name != "ae"}


def _names_of(fact: Fact) -> Book:
    """The book whose names of adverse events a fact goes by; what was entered after unblinding goes by the open one."""
    return Book.OPEN if marked(fact) else fact.book


def _reporters(facts: tuple[Fact, ...]) -> dict[str, Actor]:
    """Command id of each open record that does not name who reported it -> who did.

    The companion was written in the same transaction: the record is the last one that stands before it, of its type,
    by the ledger itself, and without a companion yet.
    """
    nameless = [fact for fact in facts if fact.book is Book.OPEN and fact.actor.role == SYSTEM]
    found: dict[str, Actor] = {}
    for fact in facts:
        if fact.type != _REPORTER:
            continue
        data = fact.data
        for known in reversed(nameless):
            if known.order < fact.order and known.type == data["recorded_type"] and known.command not in found:
                found[known.command] = Actor(data["person"], data["org"], data["role"])
                break
    return found


def _voided(facts: tuple[Fact, ...]) -> dict[tuple[Book, int], Fact]:
    """(book, seq) of each record that no longer stands -> the entry that voided it."""
    voided: dict[tuple[Book, int], Fact] = {}
    for index, fact in enumerate(facts):
        if fact.type in VOIDS.values():
            standing = {(known.book, known.seq) for known in corrected(facts[: index + 1])}
            for known in facts[:index]:
                if (known.book, known.seq) not in standing:
                    voided.setdefault((known.book, known.seq), fact)
    return voided


def _shown(values: Mapping[str, Any]) -> str:
    return _json({name: _short(name, value) for name, value in values.items()})


def _short(name: str, value: Any) -> Any:
    if isinstance(value, dict | list | tuple) and (name == "protocol" or len(_ENCODER.encode(value)) > _LONGEST):
        return f"sha256:{hashlib.sha256(encode_trusted(value)).hexdigest()}"
    return value


def _json(value: Any) -> str:
    """Members sorted, nothing escaped that need not be: as the standard library writes it (and sooner)."""
    try:
        return _ENCODER.encode(value).decode()
    except UnicodeEncodeError:  # half a character, which UTF-8 has no bytes for
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


VIEW = Audit()
