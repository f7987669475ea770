"""The audit trail: who did what, in which role, when, why, and what stood there before.

Rules
- One row an entry, in the order of the books, as it was written: corrections are rows of their own.
- `before` and `after` are the values that a correction replaced. Where it changed only values that name a person,
  both say "[identity]": those values lie in no view.
- An anchor is a row of the system, without content.
- `what` is the catalogue's title of the type; a type that this version does not know is shown by its name.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.history import CORRECTIONS, Fact
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
    "why",
    "before",
    "after",
    "late",
    "provenance",
)
_JSON: Final = ("before", "after", "provenance")


class Audit(View):
    """One row an entry. `why` is the reason that was given, if the event has one."""

    name = "audit"
    title = "Audit trail"
    keyed_by = "fact"
    stored = tuple(Column(name, "INTEGER" if name in ("seq", "late") else "TEXT") for name in _COLUMNS)

    def takes(self, stream: str) -> bool:  # noqa: ARG002 - every stream
        return True

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        for fact in history.recorded:
            known = CATALOGUE.get(fact.type)
            row: dict[str, Any] = {
                "book": fact.book.value,
                "seq": fact.seq,
                "recorded_at": fact.at,
                "who": fact.actor.id,
                "org": fact.actor.org,
                "role": fact.actor.role,
                "type": fact.type,
                "what": fact.type if known is None else known.title,
                "late": 0,
            }
            if fact.stream != ANCHOR_STREAM:
                row |= _content(fact)
            yield row

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        listed = []
        for row in rows:
            shown = {name: row[name] for name in _COLUMNS}
            for name in _JSON:
                shown[name] = None if row[name] is None else json.loads(row[name])
            shown["late"] = bool(row["late"])
            listed.append(shown)
        return Table(_COLUMNS, listed)


def _content(fact: Fact) -> dict[str, Any]:
    data = fact.data
    subject = data.get("subject")
    if subject is None and fact.stream.startswith("subject/"):
        subject = fact.stream.removeprefix("subject/")
    before, after = _changes(fact)
    return {
        "occurred_at": data.get("occurred_at"),
        "subject": subject,
        "why": data.get("reason"),
        "before": before,
        "after": after,
        "late": int(bool(data.get("late"))),
        "provenance": _json(data["provenance"]) if data.get("provenance") else None,
    }


def _changes(fact: Fact) -> tuple[str | None, str | None]:
    if fact.type not in CORRECTIONS.values():
        return None, None
    changes = fact.data.get("changes") or ()
    if not changes:
        return _json(IDENTITY_WITHHELD), _json(IDENTITY_WITHHELD)
    return (
        _json({change["field"]: change.get("old") for change in changes}),
        _json({change["field"]: change.get("new") for change in changes}),
    )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


VIEW = Audit()
