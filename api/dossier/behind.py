"""Which events stand behind the numbers of the outcome tables: those of the very subjects and events that were counted.

1. Who is counted where is asked of the views themselves (their rows, their rules); here only the events are kept.
2. One pass over the histories; of each subject some numbers and references are held, and nothing of what was said.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from api.dossier.model import Ref
from api.exports.source import Source
from ledger.domain.history import Fact
from projections.base import Audience, Context, Stored
from projections.groups import TOTAL, Groups, groups_of
from projections.histories import History
from projections.subject import SubjectStory, story_of
from projections.views import adverse_events, ae_rate, enrolment, survival

_SAYING: Final = ("adverse-event.reported/", "adverse-event.followed-up/", "adverse-event.coded/")
_CATEGORIES: Final = {"ALL": None, "SERIOUS": "serious", "SEVERE": "severe", "RELATED": "related"}
DOSE: Final = ("dose_number", "product", "given_amount", "unit", "started_at")
Refs: TypeAlias = tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class _Event:
    """An adverse event: its rows in the two views, and what was said of it."""

    rated: Stored | None
    coded: Stored
    refs: Refs


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject's part in the numbers."""

    key: str
    randomized: str | None
    arm: str | None
    time: tuple[int, bool] | None
    by: Refs
    died: Refs
    alive: Refs
    stages: Mapping[str, tuple[str, Refs]]
    site: str | None
    events: tuple[_Event, ...]
    given: Refs
    doses: tuple[tuple[Mapping[str, Any], Refs], ...]

    def row(self) -> Stored:
        """What `Groups.place` asks."""
        return {"key": self.key, "randomized": self.randomized, "arm": self.arm}


@dataclass(slots=True)
class Behind:
    """The subjects of a dossier, and what stands behind each number of a view."""

    context: Context
    audience: Audience
    subjects: list[Subject] = field(default_factory=list)
    _groups: Groups | None = None

    @property
    def groups(self) -> Groups:
        if self._groups is None:
            self._groups = groups_of((one.row() for one in self.subjects), self.context, self.audience)
        return self._groups

    def members(self, label: str) -> Iterator[Subject]:
        """The randomized subjects of a group."""
        for one in self.subjects:
            cell = self.groups.place(one.row())
            if cell is not None and label in (TOTAL, self.groups.labels[cell]):
                yield one

    def survival(self, row: Mapping[str, Any]) -> Iterator[tuple[str, list[Refs]]]:
        """(column, what stands behind it) for a row of `survival`."""
        at, horizon = row["time"], self.context.plan.survival_days
        timed = [(one, one.time) for one in self.members(row["group"]) if one.time is not None]
        yield "at_risk", [one.by for one, time in timed if time[0] >= at]
        yield "events", [one.died for one, time in timed if time == (at, True)]
        yield (
            "censored",
            [
                one.died if time[1] else one.alive  # of a death after the time frame, the death shows it
                for one, time in timed
                if time != (at, True) and (time[0] >= at if at == horizon else time == (at, False))
            ],
        )

    def ae_rate(self, row: Mapping[str, Any]) -> Iterator[tuple[str, list[Refs]]]:
        """The same for a row of `ae-rate`."""
        flag, members = _CATEGORIES[row["category"]], list(self.members(row["group"]))
        days = self.context.plan.adverse_event_days
        found = [
            [event.refs for event in one.events if event.rated and self._rated(event.rated, days, flag)]
            for one in members
        ]
        yield "n", [one.by for one in members]
        yield "subjects", [_joined(refs) for refs in found if refs]
        yield "events", [refs for of in found for refs in of]

    def adverse_events(
        self, row: Mapping[str, Any], column: Callable[[str, str], str]
    ) -> Iterator[tuple[str, list[Refs]]]:
        """The same for a row of `adverse-events`; `column` names the column of an arm's count."""
        clock = adverse_events.clock_of(self.context, self.audience)
        for label in self.groups.labels:
            found = []
            for one in self.members(label):
                cell = self.groups.place(one.row())
                found.append([
                    event.refs
                    for event in one.events
                    if event.coded["soc"] == row["soc"]
                    and row["pt"] in (None, event.coded["pt"])
                    and adverse_events.why_not_counted(event.coded, cell, clock(event.coded)) is None
                ])  # fmt: skip
            yield column(label, "subjects"), [_joined(refs) for refs in found if refs]
            yield column(label, "events"), [refs for of in found for refs in of]

    def enrolment(self, row: Mapping[str, Any]) -> list[Refs]:
        """What stands behind `subjects` in a row of `enrolment`."""
        stage, site, month = row["stage"].lower(), row["site"], row["month"]
        reached = ((one, one.stages[stage]) for one in self.subjects if stage in one.stages)
        return [refs for one, (when, refs) in reached if site in (None, one.site) and month in (None, when[:7])]

    def _rated(self, row: Stored, days: int, flag: str | None) -> bool:
        return ae_rate.within(row, days) and (flag is None or bool(row[flag]))


def behind(source: Source, context: Context) -> Behind:
    """Read the histories once."""
    found = Behind(context, source.audience)
    for history in source.histories():
        story = story_of(history)
        (counted, *_) = (*enrolment.VIEW.rows(history), None)
        if counted is None:
            continue
        found.subjects.append(_subject(story, history, counted, context))
    return found


def _subject(story: SubjectStory, history: History, counted: Mapping[str, Any], context: Context) -> Subject:
    curve = next(survival.VIEW.rows(history), None)
    own = [] if story.randomized is None else [story.randomized]
    death = [story.death] if story.death is not None else [] if story.found_dead is None else [story.found_dead[1]]
    return Subject(
        key=history.key,
        randomized=story.randomized_on,
        arm=story.arm,
        time=None if curve is None else survival.followed_for(curve, context),
        by=_refs(story, own),
        died=_refs(story, death),
        alive=tuple((book.value, seq) for book, seq in story.alive_by) or _refs(story, own),
        stages={
            stage: (counted[stage], _refs(story, facts))
            for stage, facts in _steps(story, death).items()
            if counted.get(stage) is not None
        },
        site=story.site,
        events=tuple(_events(story, history)),
        given=_refs(story, story.treatments),
        doses=tuple(({name: fact.data.get(name) for name in DOSE}, _refs(story, [fact])) for fact in story.treatments),
    )


def _steps(story: SubjectStory, death: list[Fact]) -> dict[str, list[Fact]]:
    """The facts that may bring a subject to each stage of `enrolment`."""
    screening = [] if story.screening is None else [story.screening]
    ends: dict[str, list[Fact]] = {}
    for status, fact in story.ends():
        ends.setdefault(status.lower(), [fact])
    failed = ends.pop("screen_failure", [])
    return {
        "consented": story.consents[:1],
        "screened": screening or failed,
        "screen_failure": failed or screening,
        "eligible": screening,
        "waived": screening,
        "enrolled": [] if story.enrolled is None else [story.enrolled],
        "randomized": [] if story.randomized is None else [story.randomized],
        **ends,
        "died": death,
    }


def _events(story: SubjectStory, history: History) -> Iterator[_Event]:
    rated = dict(enumerate(_after_first(ae_rate.VIEW.rows(history))))
    coded = list(_after_first(adverse_events.VIEW.rows(history)))
    said: dict[str, list[Fact]] = {}
    for fact in history.corrected:
        if fact.type.startswith(_SAYING):
            said.setdefault(fact.data.get("ae", ""), []).append(fact)
    for place, event in enumerate(sorted(story.adverse_events.values(), key=lambda event: event.order)):
        yield _Event(rated.get(place), coded[place], _refs(story, said.get(event.ae, ())))


def _after_first(rows: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The rows of events, which come after that of the subject."""
    next(rows, None)
    return rows


def _refs(story: SubjectStory, facts: Iterable[Fact]) -> Refs:
    own = [(fact.book, fact.seq) for fact in facts]
    return tuple((book.value, seq) for entry in own for book, seq in (entry, *story.corrections.get(entry, ())))


def _joined(refs: Iterable[Refs]) -> Refs:
    return tuple(ref for of in refs for ref in of)
