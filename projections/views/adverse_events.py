"""Adverse events by system organ class and preferred term: subjects and events.

Rules
- Those who may see arms get treatment-emergent events: onset on or after the first administration of the product,
  compared at their common precision. In an arm in which nothing is given, the clock starts at randomization.
- Masked audiences get events with onset on or after randomization: a clock that starts at a dose would tell the arm.
- Not counted, and said so in `not_counted`: events without onset, before the clock, of subjects not randomized or
  (where the clock is the product) not treated.
- For those who may see arms, `after_unblinding` lists the events of which anything was entered by somebody who had
  been unblinded: an opinion of theirs is not a masked one.
- What is not coded yet stands under the class UNCODED with the term as reported.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.when import compare
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import Groups, SubjectCounts, groups_of
from projections.histories import History
from projections.subject import story_of

UNCODED: Final = "UNCODED"
NOT_RECORDED: Final = "NOT RECORDED"
_REASONS: Final = ("before", "no_onset", "not_randomized", "not_treated")


class AdverseEvents(View):
    """Rows sorted by class and term; the row of a class (`pt` null) comes before its terms.

    `any` counts all of them together; `by` breaks them down by seriousness, its criteria, severity and causality,
    a subject once in each value that any of its events has.
    """

    name = "adverse-events"
    title = "Adverse events"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("ae"),
        Column("soc"),
        Column("pt"),
        Column("severity"),
        Column("serious", "INTEGER"),
        Column("criteria"),
        Column("causality"),
        Column("onset"),
        Column("after_randomization", "INTEGER"),
        Column("after_treatment", "INTEGER", sealed=True),
        Column("after_unblinding", "INTEGER", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        subject = {"randomized": story.randomized_on, "arm": story.arm}
        yield subject
        for event in sorted(story.adverse_events.values(), key=lambda event: event.order):
            yield {
                **subject,
                "ae": event.ae,
                "soc": event.soc or UNCODED,
                "pt": event.pt or event.term or NOT_RECORDED,
                "severity": event.severity,
                "serious": int(event.serious),
                "criteria": json.dumps(sorted(event.seriousness)),
                "causality": event.causality,
                "onset": event.onset,
                "after_randomization": _after(event.onset, story.randomized_on),
                "after_treatment": _after(event.onset, story.first_treatment),
                "after_unblinding": int(event.after_unblinding),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        groups = groups_of((row for row in stored if row["ae"] is None), context, audience)
        clock = clock_of(context, audience)
        not_counted: Counter[str] = Counter()
        counted: list[tuple[int, Stored]] = []
        for row in stored:
            if row["ae"] is None:
                continue
            cell = groups.place(row)
            why = why_not_counted(row, cell, clock(row))
            if why is None and cell is not None:
                counted.append((cell, row))
            elif why is not None:
                not_counted[why] += 1
        terms: dict[tuple[str, str], SubjectCounts] = {}
        for cell, row in counted:
            for pt in ("", row["pt"]):
                terms.setdefault((row["soc"], pt), SubjectCounts(groups)).add(cell, row["key"])
        listed = [
            {"soc": soc, "pt": pt or None, "cells": terms[soc, pt].subjects_and_events()} for soc, pt in sorted(terms)
        ]
        together = SubjectCounts(groups)
        for cell, row in counted:
            together.add(cell, row["key"])
        extra = {
            "arms": groups.arms(),
            "any": {"cells": together.subjects_and_events()},
            "by": {
                "seriousness": _breakdown(
                    counted, groups, lambda row: ["SERIOUS" if row["serious"] else "NOT SERIOUS"]
                ),
                "criteria": _breakdown(counted, groups, lambda row: json.loads(row["criteria"])),
                "severity": _breakdown(counted, groups, lambda row: [row["severity"] or NOT_RECORDED]),
                "causality": _breakdown(counted, groups, lambda row: [row["causality"] or NOT_RECORDED]),
            },
            "not_counted": {reason: not_counted[reason] for reason in _REASONS},
        }
        if audience is Audience.UNMASKED:
            extra["after_unblinding"] = _listed(row for row in stored if row["after_unblinding"])
        return Table(("soc", "pt", "cells"), listed, extra)


def _listed(rows: Iterable[Stored]) -> list[dict[str, Any]]:
    """The events of which anything was entered by somebody who had been unblinded, counted or not."""
    return [
        {"subject": row["key"].removeprefix("subject/"), "ae": row["ae"], "soc": row["soc"], "pt": row["pt"]}
        for row in rows
    ]


def _after(onset: str | None, start: str | None) -> int | None:
    return None if onset is None or start is None else int(compare(onset, start) >= 0)


def clock_of(context: Context, audience: Audience) -> Callable[[Stored], int | None]:
    """Whether an event's row lies after the start of its clock; None where one of the two has no date."""
    if audience is Audience.MASKED:
        return lambda row: row["after_randomization"]
    untreated = {arm.code for arm in context.plan.arms if arm.untreated}
    return lambda row: row["after_randomization" if row["arm"] in untreated else "after_treatment"]


def why_not_counted(row: Stored, cell: int | None, after: int | None) -> str | None:
    """Which member of `not_counted` an event's row is in; None if it is counted."""
    if cell is None:
        return "not_randomized"
    if row["onset"] is None:
        return "no_onset"
    if after is None:
        return "not_treated"
    return None if after else "before"


def _breakdown(
    counted: list[tuple[int, Stored]], groups: Groups, values: Callable[[Stored], list[str]]
) -> list[dict[str, Any]]:
    counts: dict[str, SubjectCounts] = {}
    for cell, row in counted:
        for value in values(row):
            counts.setdefault(value, SubjectCounts(groups)).add(cell, row["key"])
    return [{"value": value, "cells": counts[value].subjects_and_events()} for value in sorted(counts)]


VIEW = AdverseEvents()
