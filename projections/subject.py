"""One subject's story, folded from the corrected facts of that subject: what all views of subjects begin with.

Rules
- Facts count in the order in which they were recorded; a later statement replaces an earlier one of the same thing.
- Status is the highest of: died; the last end that stands (disposition, withdrawal); randomized; enrolled; the last
  screening; consented. A death stands whatever is recorded after it.
- An end stands unless something later undid it: consent given again undoes a withdrawal, as it does for decisions
  (`ledger/domain/state.py`); another screening, or enrolment, undoes a SCREEN FAILURE. Later is what occurred later;
  of what occurred at the same time, what was recorded later. SCREEN FAILURE of somebody enrolled is DISCONTINUED.
- Of a subject without a record of the death, vital status DEAD and disposition DEATH say that they died, at the
  latest when the first of them occurred: that is taken as when.
- A completed TREATMENT epoch leaves a subject IN_FOLLOW_UP; withdrawal from the intervention alone, or a disposition
  of the TREATMENT epoch that says so, is DISCONTINUED, and takes nobody out of follow-up (`of_treatment`).
- Severity of an adverse event is the worst ever stated; all else about it is as last stated.
- An adverse event is open unless it has an end, an outcome that is one, or the subject has died.
- Somebody was alive on the day of a visit done, of vital status ALIVE, of a consent given by themselves, of the
  randomization, of an adverse event's onset or report, and of a disposition, unless that says lost or dead. No
  record of the product counts, and only days that are known, so that masked and unmasked tables agree, but for what
  somebody entered after having been unblinded.
- Names of adverse events are a book's own: a masked person cannot know that an unblinded one has used a name. What
  an unblinded person says further is of the event that was entered after unblinding, else of the open one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

from ledger.domain.history import ABOUT, Fact
from ledger.domain.vocabulary import Book
from ledger.domain.when import Moment, compare
from projections.histories import History, marked

_DISPOSITION: Final = "DISPOSITION"
_VITAL_STATUS: Final = "VITAL STATUS"
_SEVERITIES: Final = ("MILD", "MODERATE", "SEVERE")
_RESOLVED: Final = ("RECOVERED/RESOLVED", "RECOVERED/RESOLVED WITH SEQUELAE", "FATAL")
RELATED: Final = ("POSSIBLE", "PROBABLE", "DEFINITE", "RELATED")
"""Opinions of causality that count as related; REMOTE does not."""

Entry: TypeAlias = tuple[Book, int]
"""A book and a seq in it."""

_ENDS: Final = {
    "COMPLETED": "COMPLETED",
    "DEATH": "DIED",
    "LOST TO FOLLOW-UP": "LOST_TO_FOLLOW_UP",
    "SCREEN FAILURE": "SCREEN_FAILURE",
    "WITHDRAWAL BY PARENT/GUARDIAN": "WITHDRAWN",
    "WITHDRAWAL BY SUBJECT": "WITHDRAWN",
}


@dataclass
class AdverseEventStory:
    """An adverse event as it is known now."""

    ae: str
    order: tuple[int, bool, int]
    term: str | None
    onset: str | None
    ended: str | None
    severity: str | None
    serious: bool
    seriousness: tuple[str, ...]
    causality: str | None
    outcome: str | None
    soc: str | None = None
    pt: str | None = None
    after_unblinding: bool = False
    """Whether anything of it was entered by somebody who had been unblinded."""

    @property
    def open(self) -> bool:
        return self.ended is None and self.outcome not in _RESOLVED

    @property
    def related(self) -> bool:
        return self.causality in RELATED


@dataclass
class SubjectStory:
    """Everything that the views ask about one subject. Lists are in recorded order."""

    subject: str
    site: str | None = None
    consents: list[Fact] = field(default_factory=list)
    renewals: list[Fact] = field(default_factory=list)
    withdrawals: list[Fact] = field(default_factory=list)
    screening: Fact | None = None
    enrolled: Fact | None = None
    randomized: Fact | None = None
    arm: str | None = None
    treatments: list[Fact] = field(default_factory=list)
    visits: list[Fact] = field(default_factory=list)
    adverse_events: dict[tuple[str, bool], AdverseEventStory] = field(default_factory=dict)
    """(name, whether reported after unblinding) -> the event."""
    dispositions: list[Fact] = field(default_factory=list)
    death: Fact | None = None
    vitals: list[Fact] = field(default_factory=list)
    alive_on: list[tuple[str, Entry]] = field(default_factory=list)
    """(when the subject was alive, as stated; the entry that says so)"""
    corrections: dict[Entry, list[Entry]] = field(default_factory=dict)
    """Entry -> the entries that corrected it."""

    @property
    def randomized_on(self) -> str | None:
        """When the subject was randomized, as stated."""
        return happened(self.randomized)

    @property
    def died_on(self) -> str | None:
        """When the subject died, as stated (possibly partial) or imputed; None too for a death without any date."""
        if self.death is not None:
            return self.death.data.get("died")
        found = self.found_dead
        return None if found is None else happened(found[1])

    @cached_property
    def found_dead(self) -> tuple[str, Fact] | None:
        """Without a record of the death: what kind of record first says that the subject is dead, and that record.

        The first one whose day is known, if there is one; else the first as recorded.
        """
        if self.death is not None:
            return None
        found = [(_VITAL_STATUS, fact) for fact in self.vitals if fact.data.get("status") == "DEAD"]
        found += [(_DISPOSITION, fact) for status, fact in self.ends() if status == "DIED"]
        return min(found, key=lambda one: (_day_of(one[1]), one[1].order), default=None)

    @property
    def dead(self) -> bool:
        return self.death is not None or self.found_dead is not None

    @cached_property
    def last_alive(self) -> str | None:
        """The last day (YYYY-MM-DD) on which the subject is known to have been alive."""
        days = [day.isoformat() for text, _ in self.alive_on if (day := Moment(text).day) is not None]
        return max(days, default=None)

    @property
    def alive_by(self) -> list[Entry]:
        """The entries that say so of that day, with their corrections."""
        last = self.last_alive
        own = [entry for text, entry in self.alive_on if last is not None and text[:10] == last]
        return sorted({entry for one in own for entry in (one, *self.corrections.get(one, ()))})

    @property
    def first_treatment(self) -> str | None:
        """When the product was first given, as stated; the earliest text of those that sort together."""
        return min((fact.data["started_at"] for fact in self.treatments if "started_at" in fact.data), default=None)

    @property
    def open_adverse_events(self) -> int:
        return 0 if self.dead else sum(event.open for event in self.adverse_events.values())

    def ends(self) -> Iterator[tuple[str, Fact]]:
        """(status, fact) for each disposition event and withdrawal that stands, in recorded order."""
        listed: list[tuple[str, Fact]] = []
        for fact in self.dispositions:
            if fact.data.get("category") != "DISPOSITION EVENT":
                continue
            status = _ENDS.get(fact.data.get("term", ""), "DISCONTINUED")
            if status == "COMPLETED" and fact.data.get("epoch") == "TREATMENT":
                status = "IN_FOLLOW_UP"
            if status == "SCREEN_FAILURE" and self.enrolled is not None:
                status = "DISCONTINUED"
            if status == "WITHDRAWN" and of_treatment(fact):
                status = "DISCONTINUED"
            if not (status == "COMPLETED" and fact.data.get("epoch") == "SCREENING") and not self._undone(fact):
                listed.append((status, fact))
        for fact in self.withdrawals:
            scope = fact.data.get("scope")
            if not self._undone(fact):
                listed.append(("DISCONTINUED" if scope == "INTERVENTION" else "WITHDRAWN", fact))
        return iter(sorted(listed, key=lambda end: end[1].order))

    def _undone(self, end: Fact) -> bool:
        """Whether something later undid this end."""
        term = _ENDS.get(end.data.get("term", ""))
        if term == "SCREEN_FAILURE":
            steps = (self.screening, self.enrolled, self.randomized)
            return any(step is not None and _later(step, end) for step in steps)
        withdrawn = term == "WITHDRAWN" or end.type.startswith("consent.withdrawn/")
        return withdrawn and any(_later(renewal, end) for renewal in self.renewals)


@dataclass(frozen=True, slots=True)
class Standing:
    """A subject's status, since when (as stated), and the entries that made it."""

    status: str
    since: str | None
    made_by: frozenset[Entry]

    def seqs(self, book: Book) -> list[int]:
        """The seqs of those entries that lie in a book."""
        return sorted(seq for of, seq in self.made_by if of is book)


def of_treatment(end: Fact) -> bool:
    """Whether an end (but a loss or a death, which are ends of all) is that of the treatment alone."""
    return end.data.get("scope") == "INTERVENTION" or end.data.get("epoch") == "TREATMENT"


def happened(fact: Fact | None) -> str | None:
    """When a fact occurred, as stated."""
    return None if fact is None else fact.data.get("occurred_at")


def _later(fact: Fact, than: Fact) -> bool:
    order = compare(fact.data["occurred_at"], than.data["occurred_at"])
    return order > 0 or (order == 0 and fact.order > than.order)


def _day_of(fact: Fact) -> str:
    """The day of a fact as text that sorts; behind all days where it is not known."""
    day = Moment(fact.data["occurred_at"]).day
    return "~" if day is None else day.isoformat()


def story_of(history: History) -> SubjectStory:
    """The story of the subject whose stream `history` is; folded once for all views, which leave it as it is."""
    story: SubjectStory | None = history.folded.get("subject")
    if story is None:
        story = history.folded["subject"] = SubjectStory(history.key.removeprefix("subject/"))
        for fact in history.recorded:
            if fact.type in ABOUT:
                about = (ABOUT[fact.type], fact.data["target_seq"])
                story.corrections.setdefault(about, []).append((fact.book, fact.seq))
        for fact in history.corrected:
            _take(story, fact)
    return story


def standing_of(story: SubjectStory) -> Standing | None:
    """The subject's status; None where nothing has been recorded that gives one."""
    steps: list[tuple[str, str | None, Fact]] = []
    if story.consents:
        steps.append(("CONSENTED", happened(story.consents[0]), story.consents[0]))
    if story.screening is not None:
        passed = "ELIGIBLE" if story.screening.data.get("eligible") else "SCREEN_FAILURE"
        steps.append((passed, happened(story.screening), story.screening))
    if story.enrolled is not None:
        steps.append(("ENROLLED", happened(story.enrolled), story.enrolled))
    if story.randomized is not None:
        steps.append(("RANDOMIZED", happened(story.randomized), story.randomized))
    steps += [(status, happened(fact), fact) for status, fact in story.ends()]
    steps += [("DIED", happened(fact), fact) for fact in story.vitals if fact.data.get("status") == "DEAD"]
    if story.death is not None:
        steps.append(("DIED", happened(story.death), story.death))
    if not steps:
        return None
    # A death outranks whatever end was recorded after it.
    status, since, _ = next((step for step in reversed(steps) if step[0] == "DIED"), steps[-1])
    if status == "DIED":
        since = story.died_on or since
    own = {(fact.book, fact.seq) for _, _, fact in steps}
    return Standing(status, since, frozenset(own.union(*(story.corrections.get(entry, ()) for entry in own))))


def _take(story: SubjectStory, fact: Fact) -> None:
    data = fact.data
    match fact.type.partition("/")[0]:
        case "consent.obtained" | "consent.renewed":
            story.consents.append(fact)
            if fact.type.startswith("consent.renewed/"):
                story.renewals.append(fact)
            story.site = data.get("site", story.site)
            if data.get("giver") == "PATIENT":
                _alive(story, happened(fact), fact)
        case "consent.withdrawn":
            story.withdrawals.append(fact)
        case "screening.completed":
            story.screening = fact
        case "subject.enrolled":
            story.enrolled = fact
            story.site = data.get("site", story.site)
        case "subject.randomized":
            story.randomized = fact
            story.site = data.get("site", story.site)
            _alive(story, happened(fact), fact)
        case "arm.assigned":
            story.arm = data.get("arm")
        case "treatment.recorded":
            story.treatments.append(fact)
        case "visit.recorded":
            story.visits.append(fact)
            if data.get("state", "DONE") == "DONE":
                _alive(story, data.get("ended") or data.get("started") or happened(fact), fact)
        case "adverse-event.reported" | "adverse-event.followed-up" | "adverse-event.coded":
            _take_adverse_event(story, fact)
        case "disposition.recorded":
            story.dispositions.append(fact)
            if data.get("term") not in ("DEATH", "LOST TO FOLLOW-UP"):
                _alive(story, happened(fact), fact)
        case "vital-status.recorded":
            story.vitals.append(fact)
            if data.get("status") == "ALIVE":
                _alive(story, happened(fact), fact)
        case "death.recorded":
            story.death = fact


def _alive(story: SubjectStory, when: str | None, fact: Fact) -> None:
    if when is not None:
        story.alive_on.append((when, (fact.book, fact.seq)))


def _take_adverse_event(story: SubjectStory, fact: Fact) -> None:
    data: Any = fact.data
    ae = data.get("ae")
    if fact.type.startswith("adverse-event.reported"):
        story.adverse_events[ae, marked(fact)] = AdverseEventStory(
            ae=ae,
            order=fact.order,
            term=data.get("term"),
            onset=data.get("onset"),
            ended=data.get("ended"),
            severity=data.get("severity"),
            serious=bool(data.get("serious")),
            seriousness=tuple(data.get("seriousness", ())),
            causality=data.get("causality"),
            outcome=data.get("outcome"),
            after_unblinding=marked(fact),
        )
        if data.get("onset"):
            _alive(story, data["onset"], fact)
        if data.get("outcome") != "FATAL":
            _alive(story, happened(fact), fact)
        return
    event = story.adverse_events.get((ae, marked(fact))) or story.adverse_events.get((ae, False))
    if event is None:  # its report is withheld from this reader
        return
    event.after_unblinding |= marked(fact)
    if fact.type.startswith("adverse-event.coded"):
        event.soc, event.pt = data.get("system_organ_class"), data.get("preferred_term")
        return
    event.severity = max((event.severity, data.get("severity")), key=_rank)
    event.serious = data.get("serious", event.serious)
    event.seriousness = tuple(data.get("seriousness", event.seriousness))
    event.causality = data.get("causality", event.causality)
    event.outcome = data.get("outcome", event.outcome)
    event.ended = data.get("ended", event.ended)


def _rank(severity: str | None) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else -1
