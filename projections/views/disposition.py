"""Where subjects' parts in the trial ended and why (CDISC DS), and which visits they did.

Rules
- Category VISIT counts who did the visit, in the order of the visits' numbers.
- `cells` hold randomized subjects, `not_randomized` the others.
- `early_termination` (for those who may see arms): of the randomized subjects, those who did the completion visit
  (`projections/completion.py`), and those who did not and have a disposition event; who has neither is still on the
  way. Their reason is the first such event that is not COMPLETED: what ended the treatment, not what came after it.
  Who is said to have completed without that visit stands under COMPLETED. A SCREENING epoch completed ends nothing.
  The member is null where no visit completes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from projections.base import Audience, Column, Context, Stored, Table, View
from projections.completion import completion_visit
from projections.groups import Groups, SubjectCounts, groups_of
from projections.histories import History
from projections.subject import SubjectStory, story_of

VISIT: Final = "VISIT"
_EVENT: Final = "DISPOSITION EVENT"


class Disposition(View):
    """Subjects by category and term; below each term its wordings as written (`verbatim`)."""

    name = "disposition"
    version = 2
    title = "Disposition"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("category"),
        Column("term"),
        Column("verbatim"),
        Column("number"),
        Column("given_at", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        subject = {"randomized": story.randomized_on, "arm": story.arm}
        given_at = {visit for fact in story.treatments if (visit := fact.data.get("visit")) is not None}
        yield {**subject, **_reason(story), "given_at": json.dumps(sorted(given_at))}
        for fact in story.dispositions:
            data = fact.data
            yield {
                **subject,
                "category": data.get("category", _EVENT),
                "term": data.get("term"),
                "verbatim": data.get("verbatim"),
            }
        for fact in story.visits:
            if fact.data.get("state", "DONE") == "DONE":
                yield {
                    **subject,
                    "category": VISIT,
                    "term": fact.data.get("visit"),
                    "number": fact.data.get("number"),
                }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        groups = groups_of((row for row in stored if row["category"] is None), context, audience)
        counts: dict[tuple[str, str, str], SubjectCounts] = {}
        numbers: dict[str, Decimal] = {}
        for row in stored:
            if row["category"] is None:
                continue
            category, term = row["category"], row["term"] or ""
            for wording in {"", row["verbatim"] or ""}:
                counts.setdefault((category, term, wording), SubjectCounts(groups)).add(groups.place(row), row["key"])
            if row["number"] is not None:
                number = Decimal(row["number"])
                numbers[term] = min(number, numbers.get(term, number))

        def order(place: tuple[str, str, str]) -> tuple[str, bool, Decimal, str, str]:
            category, term, wording = place
            number = numbers.get(term) if category == VISIT else None
            return category, number is None, number or Decimal(0), term, wording

        listed = [
            {
                "category": category,
                "term": term,
                "verbatim": wording or None,
                "cells": counts[category, term, wording].subjects(),
                "not_randomized": counts[category, term, wording].not_randomized,
            }
            for category, term, wording in sorted(counts, key=order)
        ]
        extra: dict[str, Any] = {"arms": groups.arms()}
        if audience is Audience.UNMASKED:
            extra["early_termination"] = _early_termination(stored, groups)
        return Table(("category", "term", "verbatim", "cells", "not_randomized"), listed, extra)


def _reason(story: SubjectStory) -> dict[str, str | None]:
    """Term and wording of why the subject's part ended, as far as it has; those of COMPLETED if nothing else did."""
    ends = [fact.data for _, fact in story.ends() if fact.type.startswith("disposition.recorded/")]
    if not ends:
        return {}
    end = next((end for end in ends if end.get("term") != "COMPLETED"), ends[0])
    return {"term": end.get("term", ""), "verbatim": end.get("verbatim")}


def _early_termination(stored: list[Stored], groups: Groups) -> dict[str, Any] | None:
    subjects = [row for row in stored if row["category"] is None]
    visits = [row for row in stored if row["category"] == VISIT]
    given_at = {visit for row in subjects for visit in json.loads(row["given_at"])}
    visit = completion_visit(given_at, ((row["term"], row["number"]) for row in visits))
    if visit is None:
        return None
    did = {row["key"] for row in visits if row["term"] == visit}
    completed, ended = SubjectCounts(groups), SubjectCounts(groups)
    reasons: dict[tuple[str, str], SubjectCounts] = {}
    for row in subjects:
        cell, key = groups.place(row), row["key"]
        if cell is None:
            continue
        if key in did:
            completed.add(cell, key)
        elif row["term"] is not None:
            ended.add(cell, key)
            for wording in {"", row["verbatim"] or ""}:
                reasons.setdefault((row["term"], wording), SubjectCounts(groups)).add(cell, key)
    return {
        "visit": visit,
        "completed": completed.subjects(),
        "ended": ended.subjects(),
        "reasons": [
            {"term": term, "verbatim": wording or None, "cells": reasons[term, wording].subjects()}
            for term, wording in sorted(reasons)
        ],
    }


VIEW = Disposition()
