"""Adverse events that are open: without an end, and without an outcome that is one. Serious ones first.

Rules
- What is open is said in `projections/subject.py`: events of somebody who died are not.
- Events of subjects who were never randomized are listed too, and say so (`randomized` is null).
- `days_open` counts from the onset to the day of the position; null where the day of the onset is not known.
- `events` are seqs of the open book: the report, and all that was said of the event since, with corrections.
  `sealed_events` and `after_unblinding` are for those who may see arms.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.vocabulary import Book
from ledger.domain.when import Moment, days_between
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History, marked
from projections.subject import Entry, SubjectStory, standing_of, story_of

_TEXTS: Final = (
    "site",
    "status",
    "randomized",
    "ae",
    "term",
    "pt",
    "soc",
    "onset",
    "severity",
    "causality",
    "outcome",
)
_SAYING: Final = ("adverse-event.reported/", "adverse-event.followed-up/", "adverse-event.coded/")


class OpenAdverseEvents(View):
    """One row an event: serious ones first, then by how long they have been open, then by subject."""

    name = "open-adverse-events"
    title = "Open adverse events"
    by_day = True
    stored = (
        *(Column(name) for name in _TEXTS),
        Column("serious", "INTEGER"),
        Column("criteria"),
        Column("made_by"),
        Column("made_by_sealed", sealed=True),
        Column("after_unblinding", "INTEGER", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if story.dead:
            return
        standing, said = standing_of(story), said_of(history, story)
        for event in sorted(story.adverse_events.values(), key=lambda event: event.order):
            if not event.open:
                continue
            entries = said[event.ae]
            yield {
                "site": story.site,
                "status": None if standing is None else standing.status,
                "randomized": story.randomized_on,
                "ae": event.ae,
                "term": event.term,
                "pt": event.pt,
                "soc": event.soc,
                "onset": event.onset,
                "severity": event.severity,
                "causality": event.causality,
                "outcome": event.outcome,
                "serious": int(event.serious),
                "criteria": json.dumps(sorted(event.seriousness)),
                "made_by": json.dumps(sorted(seq for book, seq in entries if book is Book.OPEN)),
                "made_by_sealed": json.dumps(sorted(seq for book, seq in entries if book is Book.SEALED)),
                "after_unblinding": int(event.after_unblinding),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        unmasked = audience is Audience.UNMASKED
        listed = []
        for row in rows:
            shown: dict[str, Any] = {
                "subject": row["key"].removeprefix("subject/"),
                **{name: row[name] for name in _TEXTS},
                "randomized": None if row["randomized"] is None else row["randomized"][:10],
                "serious": bool(row["serious"]),
                "criteria": json.loads(row["criteria"]),
                "days_open": _days_open(row["onset"], context.today),
                "events": json.loads(row["made_by"]),
            }
            if unmasked:
                shown["sealed_events"] = json.loads(row["made_by_sealed"])
                shown["after_unblinding"] = bool(row["after_unblinding"])
            listed.append(shown)
        listed.sort(key=lambda row: (not row["serious"], -(row["days_open"] or 0), row["subject"], row["ae"]))
        columns = ("subject", *_TEXTS, "serious", "criteria", "days_open", "events")
        extra = {
            "day": context.today,
            "open": len(listed),
            "open_serious": sum(row["serious"] for row in listed),
        }
        return Table((*columns, "sealed_events", "after_unblinding") if unmasked else columns, listed, extra)


def _days_open(onset: str | None, day: str | None) -> int | None:
    if onset is None or day is None or Moment(onset).day is None:
        return None
    return max(0, days_between(onset, day) or 0)


def said_of(history: History, story: SubjectStory) -> dict[str, set[Entry]]:
    """Name of an adverse event -> the entries that speak of it. Names that a sealed record has used are its own."""
    found: dict[str, set[Entry]] = {}
    for fact in history.corrected:
        if fact.type.startswith(_SAYING) and (fact.book is Book.OPEN or marked(fact)):
            entry = (fact.book, fact.seq)
            found.setdefault(fact.data.get("ae", ""), set()).update((entry, *story.corrections.get(entry, ())))
    return found


VIEW = OpenAdverseEvents()
