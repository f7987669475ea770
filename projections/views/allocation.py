"""The allocation list as it was used: what was committed to and bound, and every index drawn, list by list.

Rules
- One row a draw, sorted by list and index. `list` is the stratum, but where the method has one list for all.
- `due` is the index that was next, of a draw out of turn; `belongs_to` the stratum found right later. The draw stays.
- `claimed` draws are an imported source's: they are none of our list.
- The arm is for those who may see arms. The secret and the parameters, once opened, are in the audit trail.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History

_LISTS: Final = "allocation/"
_COLUMNS: Final = ("list", "index", "stratum", "subject", "occurred_at", "seq", "due", "belongs_to", "claimed")
_ACTS: Final = {
    "allocation.committed/1": ("committed", ("method", "commitment")),
    "allocation.bound/1": ("bound", ("kind", "sha256", "note")),
    "allocation.exhausted/1": ("exhausted", ("list_name", "length")),
    "allocation.opened/1": ("opened", ("reason",)),
}


class Allocation(View):
    """Beside the draws: `committed`, `bound` and `opened` (null if not), and the lists that are `exhausted`."""

    name = "allocation"
    title = "Allocation list"
    stored = (
        Column("place", "INTEGER"),
        Column("act"),
        Column("told"),
        Column("stratum"),
        Column("list_index", "INTEGER"),
        Column("subject"),
        Column("occurred_at"),
        Column("due", "INTEGER"),
        Column("belongs_to"),
        Column("claimed", "INTEGER"),
        Column("arm", sealed=True),
    )

    def takes(self, stream: str) -> bool:
        return stream == TRIAL_STREAM or stream.startswith(_LISTS) or super().takes(stream)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        if history.key.startswith(_LISTS):
            yield from (_draw(fact) for fact in history.corrected if fact.type == "allocation.drawn/1")
        elif history.key == TRIAL_STREAM:
            yield from (_act(fact) for fact in history.corrected if fact.type in _ACTS)
        else:
            yield from _of_a_subject(history)

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        unmasked = audience is Audience.UNMASKED
        labels: dict[str | None, str] = {arm.code: arm.label for arm in context.plan.arms}
        about = {row["subject"]: row for row in stored if row["act"] == "subject"}
        listed = []
        for row in sorted((row for row in stored if row["act"] == "drawn"), key=_order):
            subject = about.get(row["subject"], {})
            shown = {
                "list": row["key"].removeprefix(_LISTS),
                "index": row["list_index"],
                "stratum": row["stratum"],
                "subject": row["subject"],
                "occurred_at": row["occurred_at"],
                "seq": row["place"],
                "due": subject.get("due"),
                "belongs_to": subject.get("belongs_to"),
                "claimed": bool(row["claimed"]),
            }
            if unmasked:
                arm = subject.get("arm")
                shown["arm"] = labels.get(arm, arm)
            listed.append(shown)
        acts = sorted((row for row in stored if row["told"] is not None), key=lambda row: row["place"])
        said = [(row["act"], json.loads(row["told"])) for row in acts]
        extra: dict[str, Any] = {
            name: next((told for act, told in said if act == name), None) for name in ("committed", "bound", "opened")
        }
        extra["exhausted"] = [told for act, told in said if act == "exhausted"]
        return Table((*_COLUMNS, "arm") if unmasked else _COLUMNS, listed, extra)


def _order(row: Stored) -> tuple[str, int, int]:
    return (row["key"], row["list_index"], row["place"])


def _draw(fact: Fact) -> dict[str, Any]:
    data = fact.data
    return {
        "place": fact.seq,
        "act": "drawn",
        "stratum": data.get("stratum"),
        "list_index": data.get("index"),
        "subject": data.get("subject"),
        "occurred_at": data.get("occurred_at"),
        "claimed": int(bool(data.get("claimed"))),
    }


def _act(fact: Fact) -> dict[str, Any]:
    act, fields = _ACTS[fact.type]
    told = {name: fact.data.get(name) for name in fields}
    told |= {"by": fact.actor.id, "role": fact.actor.role, "recorded_at": fact.at, "seq": fact.seq}
    return {"place": fact.seq, "act": act, "told": json.dumps(told, sort_keys=True)}


def _of_a_subject(history: History) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {}
    for fact in history.corrected:
        if fact.type == "allocation.out-of-turn/1":
            row["due"] = fact.data.get("due")
        elif fact.type == "stratum.found-wrong/1":
            row["belongs_to"] = fact.data.get("stratum")
        elif fact.type == "arm.assigned/1":
            row["arm"] = fact.data.get("arm")
    if row:
        yield {"act": "subject", "subject": history.key.removeprefix("subject/"), **row}


VIEW = Allocation()
