"""Serious adverse events, open and ended, one by one: what makes each serious, and the entries that say so.

Rules
- An event is here as long as what was said of it last makes it serious (`projections/subject.py`).
- Those of subjects who were never randomized (`randomized` is null), and of those who died, are listed too.
- `open` is as in the view `open-adverse-events`: without an end, without an outcome that is one, of somebody alive.
- `events` are seqs of the open book: the report, and all that was said of the event since, with corrections.
  `sealed_events` and `after_unblinding` are for those who may see arms.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History
from projections.subject import story_of
from projections.views.open_adverse_events import said_of

_TEXTS: Final = (
    "site",
    "randomized",
    "ae",
    "term",
    "pt",
    "soc",
    "onset",
    "ended",
    "severity",
    "causality",
    "outcome",
)


class SeriousEvents(View):
    """One row an event: open ones first, then by onset, then by subject."""

    name = "serious-events"
    title = "Serious adverse events"
    stored = (
        *(Column(name) for name in _TEXTS),
        Column("is_open", "INTEGER"),
        Column("criteria"),
        Column("made_by"),
        Column("made_by_sealed", sealed=True),
        Column("after_unblinding", "INTEGER", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        serious = [event for event in story.adverse_events.values() if event.serious]
        if not serious:
            return
        said = said_of(history, story)
        for event in sorted(serious, key=lambda event: event.order):
            entries = said[event.ae]
            yield {
                "site": story.site,
                "randomized": story.randomized_on,
                "ae": event.ae,
                "term": event.term,
                "pt": event.pt,
                "soc": event.soc,
                "onset": event.onset,
                "ended": event.ended,
                "severity": event.severity,
                "causality": event.causality,
                "outcome": event.outcome,
                "is_open": int(event.open and not story.dead),
                "criteria": json.dumps(sorted(event.seriousness)),
                "made_by": json.dumps(sorted(seq for book, seq in entries if book is Book.OPEN)),
                "made_by_sealed": json.dumps(sorted(seq for book, seq in entries if book is Book.SEALED)),
                "after_unblinding": int(event.after_unblinding),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        unmasked = audience is Audience.UNMASKED
        listed = []
        for row in rows:
            shown: dict[str, Any] = {
                "subject": row["key"].removeprefix("subject/"),
                **{name: row[name] for name in _TEXTS},
                "randomized": None if row["randomized"] is None else row["randomized"][:10],
                "open": bool(row["is_open"]),
                "criteria": json.loads(row["criteria"]),
                "events": json.loads(row["made_by"]),
            }
            if unmasked:
                shown["sealed_events"] = json.loads(row["made_by_sealed"])
                shown["after_unblinding"] = bool(row["after_unblinding"])
            listed.append(shown)
        listed.sort(key=lambda row: (not row["open"], row["onset"] or "~", row["subject"], row["ae"]))
        columns = ("subject", *_TEXTS, "open", "criteria", "events")
        extra = {"serious": len(listed), "open_serious": sum(row["open"] for row in listed)}
        return Table((*columns, "sealed_events", "after_unblinding") if unmasked else columns, listed, extra)


VIEW = SeriousEvents()
