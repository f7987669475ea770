"""CONSORT counts: how many subjects reached each stage, by site and by month, against the target."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import SubjectCounts, groups_of
from projections.histories import History
from projections.subject import SubjectStory, happened, story_of

STAGES: Final = (
    "CONSENTED",
    "SCREENED",
    "SCREEN_FAILURE",
    "ELIGIBLE",
    "ENROLLED",
    "RANDOMIZED",
    "DISCONTINUED",
    "WITHDRAWN",
    "LOST_TO_FOLLOW_UP",
    "DIED",
    "COMPLETED",
)


class Enrolment(View):
    """Rows for each stage: in all (`site` and `month` null), by site, and by the month in which it was reached.

    `subjects` counts everybody; `cells` count the randomized ones, per arm for who may see arms. A subject can be
    in several stages, and in each once: at the first date of it.
    """

    name = "enrolment"
    title = "Enrolment (CONSORT)"
    stored = (
        Column("site"),
        *(Column(stage.lower()) for stage in STAGES),
        Column("arm", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        stages = _stages(story)
        if stages:
            yield {"site": story.site, "arm": story.arm, **{stage.lower(): when for stage, when in stages.items()}}

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        subjects = list(rows)
        groups = groups_of(subjects, context, audience)
        counts: dict[tuple[int, int, str], SubjectCounts] = {}
        totals: dict[tuple[int, int, str], set[str]] = {}
        for number, _ in enumerate(STAGES):
            counts[number, 0, ""], totals[number, 0, ""] = SubjectCounts(groups), set()
        for row in subjects:
            cell = groups.place(row)
            for number, stage in enumerate(STAGES):
                when = row[stage.lower()]
                if when is None:
                    continue
                for place in ((number, 0, ""), (number, 1, row["site"]), (number, 2, when[:7])):
                    if place[2] is None or (place[0:2] == (number, 2) and len(place[2]) < 7):
                        continue
                    counts.setdefault(place, SubjectCounts(groups)).add(cell, row["key"])
                    totals.setdefault(place, set()).add(row["key"])
        listed = [
            {
                "stage": STAGES[place[0]],
                "site": place[2] if place[1] == 1 else None,
                "month": place[2] if place[1] == 2 else None,
                "subjects": len(totals[place]),
                "cells": counts[place].subjects(),
            }
            for place in sorted(counts)
        ]
        extra = {"arms": groups.arms(), "target": context.plan.target, "cap": context.plan.cap}
        return Table(("stage", "site", "month", "subjects", "cells"), listed, extra)


def _stages(story: SubjectStory) -> dict[str, str]:
    """The stages that the subject has reached, each with when, as stated."""
    found: list[tuple[str, str | None]] = [
        ("CONSENTED", happened(story.consents[0]) if story.consents else None),
        ("SCREENED", happened(story.screening)),
        ("ENROLLED", happened(story.enrolled)),
        ("RANDOMIZED", story.randomized_on),
    ]
    if story.screening is not None:
        passed = "ELIGIBLE" if story.screening.data.get("eligible") else "SCREEN_FAILURE"
        if passed == "ELIGIBLE" or story.enrolled is None:
            found.append((passed, happened(story.screening)))
    if story.death is not None:
        found.append(("DIED", story.died_on or happened(story.death)))
    found += [(status, happened(fact)) for status, fact in story.ends()]
    found += [("DIED", happened(fact)) for fact in story.vitals if fact.data.get("status") == "DEAD"]
    stages: dict[str, str] = {}
    for stage, when in found:
        if when is not None and stage in STAGES:
            stages.setdefault(stage, when)
    return stages


VIEW = Enrolment()
