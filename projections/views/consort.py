"""The flow of participants as CONSORT 2025 draws it: assessed, excluded, randomized; of those, what became of them.

Rules
- ASSESSED: whoever has been screened, or has come further, or whose part has ended. Who has only consented is
  AWAITING_SCREENING, and in no other row. ASSESSED = EXCLUDED + NOT_YET_RANDOMIZED + RANDOMIZED.
- EXCLUDED: whose part ended before randomization. The first of these that holds says why: NOT_MEETING_CRITERIA (the
  last screening failed and nobody enrolled them all the same, or a disposition SCREEN FAILURE), DECLINED (consent
  withdrawn), OTHER_REASON. `detail` is empty for all of a stage together. Below stand the criteria not met (a subject
  may fail several; NOT RECORDED: none is); of the others, the disposition's term or the scope of the withdrawal.
- RANDOMIZED and all after it come by `group`: each arm and Total for those who may see arms, Total for all others.
- LOST_TO_FOLLOW_UP and DISCONTINUED are ends that stand (`projections/subject.py`), a subject once in each, and once
  in each reason of theirs; DIED counts apart. FOLLOWED: alive, and no end took the subject out of follow-up
  (`projections/leaving.py`), which an end of the treatment alone does not; COMPLETED: that end was one of completion.
  ANALYSED: who is in the tables of the view that `detail` names.
- What tells the arm is for those who may see arms alone. RECEIVED: was given the product; in an arm in which nothing is
  given, was not. NOT_RECEIVED, `detail`: GIVEN THE PRODUCT (in such an arm); what ended the subject's part before; NOT
  GIVEN YET. ALL_DOSES: as many doses as the protocol plans for the arm. Who has no known arm is in none of them.
- `events` are seqs of the open book: the entries that make the subjects of a row count in it, with their corrections.
  `sealed_events`, for those who may see arms, are of the sealed book.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import TOTAL, group_members, groups_of
from projections.histories import History
from projections.leaving import left
from projections.subject import Entry, SubjectStory, story_of
from projections.views.survival import followed_for

NOT_RECORDED: Final = "NOT RECORDED"
NOT_GIVEN_YET: Final = "NOT GIVEN YET"
GIVEN: Final = "GIVEN THE PRODUCT"
_WHY: Final = ("NOT_MEETING_CRITERIA", "DECLINED", "OTHER_REASON")
BEFORE: Final = ("AWAITING_SCREENING", "ASSESSED", "EXCLUDED", *_WHY, "NOT_YET_RANDOMIZED")
"""Stages before randomization, which have no arm."""
GIVING: Final = ("RECEIVED", "ALL_DOSES", "NOT_RECEIVED")
"""Stages that depend on the product."""
_AFTER: Final = ("LOST_TO_FOLLOW_UP", "DISCONTINUED", "DIED", "COMPLETED", "FOLLOWED")
STAGES: Final = (*BEFORE, "RANDOMIZED", *GIVING, *_AFTER, "ANALYSED")
_ANALYSED: Final = ("survival", "ae-rate")
_WITHDRAWN: Final = "WITHDRAWN"
_Cells = dict[tuple[str, str, str], tuple[set[str], set[tuple[str, int]]]]


class Consort(View):
    """Rows in the order of the flow; of a stage, first all of it, then its details; of these, the groups."""

    name = "consort"
    title = "Participant flow (CONSORT 2025)"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("died"),
        Column("last_alive"),
        Column("stages"),
        Column("doses", "INTEGER", sealed=True),
        Column("given_by", sealed=True),
        Column("not_given", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        stages = list(_stages(story))
        if not stages:
            return
        row: dict[str, Any] = {
            "randomized": story.randomized_on,
            "arm": story.arm,
            "died": story.died_on,
            "last_alive": story.last_alive,
            "stages": json.dumps(stages),
        }
        if story.randomized is not None:
            why = _ended(story)
            row["doses"] = len({fact.data.get("dose_number", fact.seq) for fact in story.treatments})
            row["given_by"] = json.dumps(_entries(story, story.treatments))
            row["not_given"] = json.dumps([why[0], _entries(story, [why[1]])] if why else [NOT_GIVEN_YET, []])
        yield row

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        groups = groups_of(stored, context, audience)
        cells: _Cells = {}
        for row in stored:
            for stage, detail, entries in json.loads(row["stages"]):
                if stage in BEFORE:
                    _count(cells, (stage, detail, TOTAL), row, entries)
        members = group_members(groups, stored)
        giving = GIVING if audience is Audience.UNMASKED else ()
        always = [(stage, "", TOTAL) for stage in BEFORE]
        untreated = {arm.label for arm in context.plan.arms if arm.untreated}
        always += [
            (stage, "", label)
            for label, _ in members
            for stage in ("RANDOMIZED", *giving, *_AFTER)
            if stage != "ALL_DOSES" or label not in untreated
        ]
        always += [("ANALYSED", view, label) for label, _ in members for view in _ANALYSED]
        for cell in always:
            cells.setdefault(cell, (set(), set()))
        for label, subjects in members:
            for row in subjects:
                _place(cells, label, row, context, audience)
        labels = {label: place for place, (label, _) in enumerate(members)}

        def order(cell: tuple[str, str, str]) -> tuple[int, str, int]:
            return STAGES.index(cell[0]), cell[1], labels[cell[2]]

        unmasked = audience is Audience.UNMASKED
        listed = []
        for stage, detail, label in sorted(cells, key=order):
            keys, entries = cells[stage, detail, label]
            shown: dict[str, Any] = {
                "stage": stage,
                "detail": detail or None,
                "group": label,
                "subjects": len(keys),
                "events": sorted(seq for book, seq in entries if book == Book.OPEN),
            }
            if unmasked:
                shown["sealed_events"] = sorted(seq for book, seq in entries if book == Book.SEALED)
            listed.append(shown)
        columns = ("stage", "detail", "group", "subjects", "events", *(("sealed_events",) if unmasked else ()))
        extra = {"arms": groups.arms(), "target": context.plan.target, "cap": context.plan.cap}
        return Table(columns, listed, extra)


def _count(cells: _Cells, cell: tuple[str, str, str], row: Stored, entries: Iterable[Any]) -> None:
    keys, found = cells.setdefault(cell, (set(), set()))
    keys.add(row["key"])
    found.update((book, seq) for book, seq in entries)


def _place(cells: _Cells, label: str, row: Stored, context: Context, audience: Audience) -> None:
    """Count a randomized subject in a group."""
    listed = json.loads(row["stages"])
    by: list[Any] = next((entries for stage, _, entries in listed if stage == "RANDOMIZED"), [])
    for stage, detail, entries in listed:
        if stage not in BEFORE:
            _count(cells, (stage, detail, label), row, entries)
    for view in _ANALYSED:
        if view != "survival" or followed_for(row, context) is not None:
            _count(cells, ("ANALYSED", view, label), row, by)
    if audience is Audience.MASKED:
        return
    planned = next((arm for arm in context.plan.arms if arm.code == row["arm"]), None)
    if row["arm"] is None:
        return
    untreated, given = planned is not None and planned.untreated, json.loads(row["given_by"])
    if bool(row["doses"]) is not untreated:
        _count(cells, ("RECEIVED", "", label), row, given or by)
        if planned is not None and not untreated and planned.doses and row["doses"] >= planned.doses:
            _count(cells, ("ALL_DOSES", "", label), row, given)
        return
    why, entries = (GIVEN, given) if untreated else json.loads(row["not_given"])
    for detail in ("", why):
        _count(cells, ("NOT_RECEIVED", detail, label), row, entries or by)


def _stages(story: SubjectStory) -> Iterator[tuple[str, str, list[Any]]]:
    """(stage, detail, entries) for each stage of the subject that depends on no arm."""
    ends = list(story.ends())
    screening, randomized = story.screening, story.randomized
    steps = [fact for fact in (screening, story.enrolled, randomized) if fact is not None]
    steps += [fact for _, fact in ends]
    if story.dead:
        steps += _death(story)
    if not steps:
        if story.consents:
            yield "AWAITING_SCREENING", "", _entries(story, story.consents[:1])
        return
    yield "ASSESSED", "", _entries(story, steps[:1])
    if randomized is None:
        why = _excluded(story, ends)
        if why is None:
            yield "NOT_YET_RANDOMIZED", "", _entries(story, steps[-1:])
            return
        stage, details, fact = why
        entries = _entries(story, [fact])
        for place in ("EXCLUDED", stage):
            yield place, "", entries
        for detail in details:
            yield stage, detail, entries
        return
    yield "RANDOMIZED", "", _entries(story, [randomized])
    for status, fact in ends:
        if status in ("LOST_TO_FOLLOW_UP", "DISCONTINUED", _WITHDRAWN):
            stage = status if status == "LOST_TO_FOLLOW_UP" else "DISCONTINUED"
            yield stage, "", _entries(story, [fact])
            if stage == "DISCONTINUED":
                yield stage, _term(fact) or NOT_RECORDED, _entries(story, [fact])
    gone = left(story)
    if story.dead:
        yield "DIED", "", _entries(story, _death(story))
    elif gone is None:
        yield "FOLLOWED", "", _entries(story, [randomized])
    elif gone[0] == "COMPLETED":
        yield "COMPLETED", "", _entries(story, [gone[1]])


def _excluded(story: SubjectStory, ends: list[tuple[str, Fact]]) -> tuple[str, list[str], Fact] | None:
    """(stage, details, entry) of why somebody who was not randomized is excluded; None if nothing says so."""
    screening = story.screening
    said = next((fact for status, fact in ends if status == "SCREEN_FAILURE"), None)
    failed = screening is not None and not screening.data.get("eligible") and story.enrolled is None
    if screening is not None and failed:
        return "NOT_MEETING_CRITERIA", sorted(set(screening.data.get("failed", ()))) or [NOT_RECORDED], screening
    if said is not None:
        return "NOT_MEETING_CRITERIA", [NOT_RECORDED], said
    withdrew = next((fact for status, fact in ends if status == _WITHDRAWN), None)
    if withdrew is not None:
        return "DECLINED", [_term(withdrew) or NOT_RECORDED], withdrew
    other = next((fact for _, fact in ends), None)
    if other is not None:
        return "OTHER_REASON", [_term(other) or NOT_RECORDED], other
    if story.dead:
        return "OTHER_REASON", ["DEATH"], _death(story)[0]
    return None


def _ended(story: SubjectStory) -> tuple[str, Fact] | None:
    """What ended a randomized subject's part, if anything has: a death first, else the first end."""
    if story.dead:
        return "DEATH", _death(story)[0]
    end = next((fact for status, fact in story.ends() if status != "COMPLETED"), None)
    return None if end is None else (_term(end) or NOT_RECORDED, end)


def _death(story: SubjectStory) -> list[Fact]:
    if story.death is not None:
        return [story.death]
    return [] if story.found_dead is None else [story.found_dead[1]]


def _term(fact: Fact) -> str | None:
    """A disposition's term, or `WITHDREW: ` and the scope of a withdrawal."""
    scope = fact.data.get("scope")
    return fact.data.get("term") if scope is None else f"WITHDREW: {scope}"


def _entries(story: SubjectStory, facts: Iterable[Fact]) -> list[list[Any]]:
    """Book and seq of facts, and of what corrected them."""
    own: list[Entry] = [(fact.book, fact.seq) for fact in facts]
    return [
        [book.value, seq]
        for book, seq in sorted({one for entry in own for one in (entry, *story.corrections.get(entry, ()))})
    ]


VIEW = Consort()
