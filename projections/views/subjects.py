"""The status of each subject, since when, and which entries made it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History
from projections.subject import happened, standing_of, story_of

_TEXTS = (
    "site",
    "status",
    "since",
    "consented",
    "consent_form",
    "consent_giver",
    "screened",
    "enrolled",
    "randomized",
    "stratum",
)


class Subjects(View):
    """One row a subject. Dates are as stated, without their time; `consent_*` are those of the last consent.

    `events` are seqs of the open book; `sealed_events` are of what unblinded persons entered.
    """

    name = "subjects"
    version = 2
    title = "Status of each subject"
    stored = (
        *(Column(name) for name in _TEXTS),
        Column("list_index", "INTEGER"),
        Column("last_contact"),
        Column("open_adverse_events", "INTEGER"),
        Column("made_by"),
        Column("made_by_sealed", sealed=True),
        Column("arm", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        standing = standing_of(story)
        if standing is None:
            return
        randomized = {} if story.randomized is None else story.randomized.data
        consent = story.consents[-1].data if story.consents else {}
        yield {
            "site": story.site,
            "status": standing.status,
            "since": _day(standing.since),
            "consented": _day(happened(story.consents[0]) if story.consents else None),
            "consent_form": consent.get("form"),
            "consent_giver": consent.get("giver"),
            "screened": _day(happened(story.screening)),
            "enrolled": _day(happened(story.enrolled)),
            "randomized": _day(story.randomized_on),
            "stratum": randomized.get("stratum"),
            "list_index": randomized.get("index"),
            "last_contact": story.last_alive,
            "open_adverse_events": story.open_adverse_events,
            "made_by": json.dumps(standing.seqs(Book.OPEN)),
            "made_by_sealed": json.dumps(standing.seqs(Book.SEALED)),
            "arm": story.arm,
        }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        labels = {arm.code: arm.label for arm in context.plan.arms}
        tail = ("index", "last_contact", "open_adverse_events", "events")
        columns = ("subject", *_TEXTS, *tail, *(("sealed_events", "arm") if audience is Audience.UNMASKED else ()))
        listed = []
        for row in rows:
            shown = {
                "subject": row["key"].removeprefix("subject/"),
                **{name: row[name] for name in _TEXTS},
                "index": row["list_index"],
                "last_contact": row["last_contact"],
                "open_adverse_events": row["open_adverse_events"],
                "events": json.loads(row["made_by"]),
            }
            if audience is Audience.UNMASKED:
                shown["sealed_events"] = json.loads(row["made_by_sealed"])
                shown["arm"] = labels.get(row["arm"], row["arm"])
            listed.append(shown)
        return Table(columns, listed)


def _day(when: str | None) -> str | None:
    return None if when is None else when[:10]


VIEW = Subjects()
