"""CONSORT counts: how many subjects reached each stage, by site and by month, against the target.

Rules: how the counts add up (`flow` has those who did not come further)
- CONSENTED = SCREENED + not screened.
- SCREENED = SCREEN_FAILURE + ELIGIBLE + WAIVED, by the last screening: WAIVED is who did not meet the criteria and was
  enrolled all the same, on a waiver. A disposition SCREEN FAILURE says both that a subject was screened and that
  they failed. Whoever is enrolled is no screen failure.
- ELIGIBLE + WAIVED = ENROLLED + not enrolled; ENROLLED = RANDOMIZED + not randomized.
- What comes after that does not add up: a subject may be discontinued and later die. An end that was undone
  (`projections/subject.py`) is no stage.
- `screen_failure_reasons`: for each criterion that a screen failure did not meet, how many; a subject may fail
  several. NOT RECORDED is a screen failure without any.
"""

import json
from collections import Counter
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
    "WAIVED",
    "ENROLLED",
    "RANDOMIZED",
    "DISCONTINUED",
    "WITHDRAWN",
    "LOST_TO_FOLLOW_UP",
    "DIED",
    "COMPLETED",
)
NOT_RECORDED: Final = "NOT RECORDED"


class Enrolment(View):
    """Rows for each stage: in all (`site` and `month` null), by site, and by the month in which it was reached.

    `subjects` counts everybody; `cells` count the randomized ones, per arm for who may see arms. A subject can be
    in several stages, and in each once: at the first date of it.
    """

    name = "enrolment"
    version = 2
    title = "Enrolment (CONSORT)"
    stored = (
        Column("site"),
        *(Column(stage.lower()) for stage in STAGES),
        Column("failed"),
        Column("arm", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        stages = _stages(story)
        if stages:
            failed = [] if story.screening is None else story.screening.data.get("failed", ())
            yield {
                "site": story.site,
                "arm": story.arm,
                "failed": json.dumps(sorted(set(failed))) if "SCREEN_FAILURE" in stages else None,
                **{stage.lower(): when for stage, when in stages.items()},
            }

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
        extra = {
            "arms": groups.arms(),
            "target": context.plan.target,
            "cap": context.plan.cap,
            "flow": _flow(subjects),
            "screen_failure_reasons": _reasons(subjects),
        }
        return Table(("stage", "site", "month", "subjects", "cells"), listed, extra)


def _flow(subjects: list[Stored]) -> dict[str, int]:
    """How many did not come further than a stage."""

    def between(reached: tuple[str, ...], stage: str) -> int:
        return sum(any(row[name] is not None for name in reached) and row[stage] is None for row in subjects)

    return {
        "not_screened": between(("consented",), "screened"),
        "not_enrolled": between(("eligible", "waived"), "enrolled"),
        "not_randomized": between(("enrolled",), "randomized"),
    }


def _reasons(subjects: list[Stored]) -> dict[str, int]:
    """Screen failures by the criteria that they did not meet."""
    counts: Counter[str] = Counter()
    for row in subjects:
        if row["failed"] is not None:
            counts.update(json.loads(row["failed"]) or [NOT_RECORDED])
    return {criterion: counts[criterion] for criterion in sorted(counts)}


def _stages(story: SubjectStory) -> dict[str, str]:
    """The stages that the subject has reached, each with when, as stated."""
    ends = [(status, happened(fact)) for status, fact in story.ends()]
    failed = next((when for status, when in ends if status == "SCREEN_FAILURE"), None)
    found: list[tuple[str, str | None]] = [
        ("CONSENTED", happened(story.consents[0]) if story.consents else None),
        ("SCREENED", happened(story.screening) or failed),
        ("ENROLLED", happened(story.enrolled)),
        ("RANDOMIZED", story.randomized_on),
    ]
    if story.screening is not None and failed is None:
        passed = bool(story.screening.data.get("eligible"))
        unmet = "SCREEN_FAILURE" if story.enrolled is None else "WAIVED"
        found.append(("ELIGIBLE" if passed else unmet, happened(story.screening)))
    if story.dead:
        found.append(("DIED", story.died_on or happened(story.death)))
    found += ends
    stages: dict[str, str] = {}
    for stage, when in found:
        if when is not None and stage in STAGES:
            stages.setdefault(stage, when)
    return stages


VIEW = Enrolment()
