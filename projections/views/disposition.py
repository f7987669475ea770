"""Where subjects' parts in the trial ended and why (CDISC DS), and which visits they did."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import Groups, SubjectCounts, groups_of
from projections.histories import History
from projections.subject import story_of

VISIT: Final = "VISIT"
_EVENT: Final = "DISPOSITION EVENT"


class Disposition(View):
    """Subjects by category and term; below each term its wordings as written (`verbatim`).

    Category VISIT counts who did the visit, in the order of the visits' numbers. `cells` hold randomized subjects,
    `not_randomized` the others. `ended_without_visit`: for each visit, the disposition events of randomized subjects
    who never did it (so that "terminated before week 24" can be read by reason).
    """

    name = "disposition"
    title = "Disposition"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("category"),
        Column("term"),
        Column("verbatim"),
        Column("number"),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        subject = {"randomized": story.randomized_on, "arm": story.arm}
        yield subject
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
        extra = {
            "arms": groups.arms(),
            "ended_without_visit": _ended_without(
                stored, groups, [row["term"] for row in listed if row["category"] == VISIT]
            ),
        }
        return Table(("category", "term", "verbatim", "cells", "not_randomized"), listed, extra)


def _ended_without(stored: list[Stored], groups: Groups, visits: list[Any]) -> list[dict[str, Any]]:
    done = {(row["key"], row["term"]) for row in stored if row["category"] == VISIT}
    ends = [row for row in stored if row["category"] == _EVENT and row["randomized"] is not None]
    listed = []
    for visit in visits:
        counts: dict[str, SubjectCounts] = {}
        for row in ends:
            if (row["key"], visit) not in done:
                counts.setdefault(row["term"] or "", SubjectCounts(groups)).add(groups.place(row), row["key"])
        listed += [{"visit": visit, "term": term, "cells": counts[term].subjects()} for term in sorted(counts)]
    return listed


VIEW = Disposition()
