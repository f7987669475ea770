"""Electronic signatures: who signed what, when and meaning what, and whether that is still what is known.

Rules
- One row a signature, in the order of the books. `recorded_at` is when it was signed (21 CFR 11.50(a)(2)), `meaning`
  what for; `extent` says whether one entry was signed, a subject's record up to it, or the book up to it.
- `state`, as of the position: CURRENT; CORRECTED or VOIDED, where the record that was signed was changed since; ADDED,
  where a subject's record has gone on since. Of a whole book it is null: a book always goes on. What was signed is not
  changed by that: a correction is an entry of its own.
- No hash of an entry is in it: the entry of the signature has that of what it is of, and `verify` compares them.
- Printed names are in no view: the route of signatures adds them for who has names in sight.
- Signatures of the sealed book, and of open entries by who knows the arm, are rows for those who may see arms alone.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.events.signature import (
    SEALED_SIGNERS,
    SIGNERS,
    Extent,
    SealedSignatureMade,
    SignatureMade,
)
from ledger.domain.history import ABOUT, VOIDS
from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History

_TYPES: Final = frozenset({SignatureMade.type, SealedSignatureMade.type})
_COLUMNS: Final = (
    "book",
    "seq",
    "recorded_at",
    "person",
    "org",
    "role",
    "meaning",
    "extent",
    "signed_book",
    "signed_seq",
    "signed_type",
    "subject",
    "state",
    "words",
    "authenticated_at",
    "methods",
    "level",
)
_SAID: Final = (
    "meaning",
    "extent",
    "signed_book",
    "signed_seq",
    "signed_type",
    "subject",
    "words",
    "authenticated_at",
    "level",
)
"""Columns that are members of the event."""
_FOR_ARMS: Final = frozenset({"book", "signed_book"})
_NUMBERS: Final = frozenset({"place", "seq", "signed_seq"})
_SIGNED: Final = "signed"
_CHANGED: Final = "changed"
_LAST: Final = "last"  # where the record of a subject has come to


class SignaturesView(View):
    """One row a signature; `methods` and `level` are what the issuer said of the authentication."""

    name = "signatures"
    title = "Electronic signatures"
    stored = tuple(Column(name, "INTEGER" if name in _NUMBERS else "TEXT") for name in ("kind", "place", *_COLUMNS))

    def takes(self, stream: str) -> bool:
        return stream == TRIAL_STREAM or stream.startswith((SIGNERS, SEALED_SIGNERS)) or super().takes(stream)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        last = -1
        for fact in history.recorded:
            about = ABOUT.get(fact.type)
            if about is not None:
                state = "VOIDED" if fact.type == VOIDS[about] else "CORRECTED"
                of = {"signed_book": about.value, "signed_seq": fact.data["target_seq"]}
                yield {"kind": _CHANGED, "place": fact.open_seq, "state": state, **of}
            if fact.type in _TYPES:
                data = fact.data
                yield {
                    "kind": _SIGNED,
                    "place": fact.open_seq,
                    "book": fact.book.value,
                    "seq": fact.seq,
                    "recorded_at": fact.at,
                    "person": fact.actor.id,
                    "org": fact.actor.org,
                    "role": fact.actor.role,
                    "methods": json.dumps(list(data.get("methods", ()))),
                    **{name: data.get(name) for name in _SAID},
                }
            if fact.book is Book.OPEN:
                last = fact.seq
        if last >= 0 and super().takes(history.key):
            yield {"kind": _LAST, "subject": history.key.partition("/")[2], "seq": last}

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        kinds = defaultdict[str, list[Stored]](list)
        for row in rows:
            kinds[row["kind"]].append(row)
        ends = {row["subject"]: row["seq"] for row in kinds[_LAST]}
        changed: dict[tuple[str, int], str] = {}
        for row in sorted(kinds[_CHANGED], key=lambda row: row["place"]):
            changed[row["signed_book"], row["signed_seq"]] = row["state"]
        columns = tuple(name for name in _COLUMNS if audience is Audience.UNMASKED or name not in _FOR_ARMS)
        listed = []
        for row in sorted(kinds[_SIGNED], key=lambda row: (row["place"], row["book"] == Book.SEALED.value, row["seq"])):
            shown = {name: row[name] for name in columns}
            shown["methods"] = json.loads(row["methods"])
            shown["state"] = _state(row, changed, ends)
            listed.append(shown)
        return Table(columns, listed)


def _state(row: Stored, changed: Mapping[tuple[str, int], str], ends: Mapping[str, int]) -> str | None:
    if row["extent"] == Extent.ENTRY.value:
        return changed.get((row["signed_book"], row["signed_seq"]), "CURRENT")
    if row["extent"] == Extent.SUBJECT.value:
        return "ADDED" if ends.get(row["subject"], -1) > row["signed_seq"] else "CURRENT"
    return None


VIEW = SignaturesView()
