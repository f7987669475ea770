"""What decisions read of a ledger, remembered from one command to the next, and the guards that say so.

The command of a masked person never reads the sealed book. Of the allocation list is asked what the keys and the open
book make of it. Whoever uses this holds `lock`: appends of several threads share commits, reads do not share readers.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from ledger.domain.allocation import ListState, plan_of
from ledger.domain.commands import Command
from ledger.domain.decisions import CommandSpec, Decision, Reads, counted_stream, subject_of
from ledger.domain.decisions.routing import may_be_sealed, unblinded, with_entered
from ledger.domain.events import Event
from ledger.domain.events.base import ENROLMENT_LOG, TRIAL_STREAM, Facts, subject_stream
from ledger.domain.events.conduct import AboutRecord
from ledger.domain.events.enrolment import AllocationDrawn
from ledger.domain.events.unblinding import EnteredUnblinded
from ledger.domain.history import Fact, corrected
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState, needs_refold
from ledger.domain.unblinded import LEARNED
from ledger.domain.vocabulary import Book
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import TrialKeys
from ledger.proof.allocation import AllocationPlan, commitment
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.drafts import Guard, Recorded
from ledger.recording.reader import LedgerReader

_T = TypeVar("_T")

_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class SubjectRead:
    """A subject's stream as it was last read: how far it had come in a book, and what that means."""

    version: int
    state: SubjectState


@dataclass(frozen=True, slots=True)
class SealedRead:
    """The same in the sealed book; `entered` is what was entered after unblinding, and what changes it."""

    version: int
    state: SealedSubjectState
    entered: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """What a decision read, and the guards that say so. `entered`: by somebody who knows the arm, so it is sealed."""

    reads: Reads
    guards: tuple[Guard, ...]
    entered: bool = False


class Reading:
    """The readers of one ledger, and what was read with them last."""

    def __init__(self, path: Path, keys: TrialKeys) -> None:
        self.lock = threading.RLock()
        self.open = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN, IDENTITY}), keys=keys)
        self.closed = LedgerReader(path, books=frozenset({Book.SEALED}), classes=frozenset({ARM}), keys=keys)
        self._keys = keys
        self._trial: tuple[int, TrialState] = (0, TrialState())
        self._trial_moved = True
        """Whether the stream `trial` was written since it was read, as far as is known here."""
        self._subjects: OrderedDict[str, SubjectRead] = OrderedDict()
        self._sealed_subjects: OrderedDict[str, SealedRead] = OrderedDict()
        self._lists: dict[str, ListState] = {}
        self._plan: AllocationPlan | None = None

    def close(self) -> None:
        """Let go of the file."""
        self.open.close()
        self.closed.close()

    def read(self, command: Command[Facts], spec: CommandSpec, *, fresh: bool, importing: bool) -> Read:
        """What a command needs to be decided. Raises Refusal where the reads do not tell."""
        trial_version, trial = self.trial(fresh=fresh)
        guards = [Guard(Book.OPEN, TRIAL_STREAM, trial_version)]
        reads, entered = Reads(trial), False
        if isinstance(command.data, AboutRecord):
            reads = replace(reads, target=self.target(command.data, Book.SEALED if spec.sealed else Book.OPEN))
        if (subject := subject_of(command, reads.target)) is not None:
            stream = subject_stream(subject)
            known = self.subject(stream, fresh=fresh)
            guards.append(Guard(Book.OPEN, stream, known.version))
            reads = replace(reads, subject=known.state)
        if not spec.sealed:
            if subject is None and may_be_sealed(command, reads.target):
                with self.open:
                    knows = knows_some_arm(self.open, trial, command.actor.id)
                reads = replace(reads, knows_some_arm=knows)
            some = reads.knows_some_arm
            entered = unblinded(command, trial, subject, reads.subject, reads.target, some=some) is not None
        if subject is not None and (spec.sealed or entered):  # the only ones to read the sealed book write no other
            sealed = self.sealed(stream, fresh=fresh)
            guards.append(Guard(Book.SEALED, stream, sealed.version))
            reads = replace(reads, sealed=sealed.state)
            if sealed.entered:
                with self.open:
                    opened = self.open.stream(stream)
                reads = with_entered(command, reads, opened, sealed.entered)
        if (counted := counted_stream(command, reads, importing=importing)) is not None:
            drawn = self.drawn(counted)
            guards.append(Guard(Book.OPEN, counted, drawn.version))
            arm_of = partial(self.arm_at, trial, drawn)
            reads = replace(reads, versions={counted: drawn.version}, drawn=drawn, arm_of=arm_of)
        return Read(reads, tuple(guards), entered)

    def trial(self, *, fresh: bool = False) -> tuple[int, TrialState]:
        """The version of the stream `trial`, and what it means: folded on from what is remembered (it may be long)."""
        if self._trial_moved or fresh:
            version, state = self._trial
            with self.open:
                later = self.open.later(TRIAL_STREAM, version)
                if needs_refold(later):
                    version, state, later = 0, TrialState(), self.open.stream(TRIAL_STREAM)
            state = TrialState.fold_on(state, later) if version else TrialState.fold(later)
            self._trial = (version + len(later), state)
            self._trial_moved = False
        return self._trial

    def subject(self, stream: str, *, fresh: bool = False) -> SubjectRead:
        """A subject's stream in the open book."""
        known = None if fresh else self._subjects.get(stream)
        if known is None:
            with self.open:
                facts = self.open.stream(stream)
            known = SubjectRead(len(facts), SubjectState.fold(facts))
            _remember(self._subjects, stream, known)
        return known

    def sealed(self, stream: str, *, fresh: bool = False) -> SealedRead:
        """A subject's stream in the sealed book."""
        known = None if fresh else self._sealed_subjects.get(stream)
        if known is None:
            with self.closed:
                facts = self.closed.stream(stream)
            entered = tuple(fact for fact in facts if fact.type == EnteredUnblinded.type)
            known = SealedRead(len(facts), SealedSubjectState.fold(facts), entered)
            _remember(self._sealed_subjects, stream, known)
        return known

    def target(self, about: AboutRecord, book: Book) -> Fact | None:
        """The fact that a correction or a void is about, with earlier corrections applied; None where there is none."""
        reader = self.open if book is Book.OPEN else self.closed
        with reader:
            found = reader.of_command(book, about.target.command, about.target.n)
            if found is None:
                return None
            standing = corrected(reader.stream(found.stream))
        return next((fact for fact in standing if (fact.book, fact.seq) == (book, found.seq)), None)

    def drawn(self, stream: str) -> ListState:
        """How far a list is drawn; of the enrolment log, how long it is."""
        with self.open:
            version = self.open.version(stream)
            if stream == ENROLMENT_LOG:
                return ListState(version=version)
            known = self._lists.get(stream)
            if known is None or known.version != version:
                known = self._lists[stream] = ListState.fold(self.open.stream(stream))
        return known

    def arm_at(self, trial: TrialState, drawn: ListState, stratum: str, index: int) -> str | None:
        """The arm at a place of the allocation list, which follows from what the keys hold and from no book's arms."""
        if self._plan is None and trial.protocol is not None and (value := trial.allocation.outside_value) is not None:
            kept = kept_allocation(self._keys)
            # A secret that is not the one committed to would allocate by a list that can never be opened.
            if kept is not None and commitment(*kept) == trial.allocation.commitment:
                self._plan = plan_of(*kept, value, trial.protocol)
        return None if self._plan is None else self._plan.arm(drawn.draws, stratum, index)

    def learn(self, command: Command[Facts], decision: Decision, done: Recorded, read: Read) -> None:
        """Carry what was just recorded into what is remembered, so that the next command need not read it."""
        versions = {guard.stream: guard.version for guard in read.guards if guard.book is Book.OPEN}
        for n, event in enumerate(decision.open):
            stream = event.stream
            if isinstance(event, AllocationDrawn):
                drawn = read.reads.drawn
                if self._lists.get(stream) == drawn:  # no other thread has read or written it since
                    self._lists[stream] = drawn.after(event.index, event.stratum, claimed=event.claimed)
            if stream == TRIAL_STREAM:
                self._trial_moved = True
                continue
            known = self._subjects.get(stream)
            if known is None:
                continue
            if known.version != versions.get(stream):  # another thread has read or written it since
                del self._subjects[stream]
                continue
            versions[stream] = known.version + 1
            fact = _fact(event, command, done, n, known.version + 1)
            if needs_refold([fact]):
                del self._subjects[stream]
            else:
                self._subjects[stream] = SubjectRead(known.version + 1, SubjectState.apply(known.state, fact))
        for event in decision.sealed:
            self._sealed_subjects.pop(event.stream, None)


def knows_some_arm(reader: LedgerReader, trial: TrialState, person: str) -> bool:
    """Whether the record says that somebody knows an arm, of whomever, as an entered `reader` of the open book has it.

    It looks at every entry of the book, and is seldom asked.
    """
    known = trial.unblinded
    if person not in known.persons:
        for fact in reader.of_types(tuple(LEARNED)):
            known = LEARNED[fact.type](known, fact)
    return person in known.persons


def _remember(known: "OrderedDict[str, _T]", stream: str, value: _T) -> None:
    known[stream] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _fact(event: Event, command: Command[Facts], done: Recorded, n: int, version: int) -> Fact:
    seq = done.open_seq + n
    data = event.model_dump(mode="json", exclude_none=True)
    return Fact(
        Book.OPEN, seq, seq, done.at, "", command.actor.in_entry, command.id, n, event.stream, version, event.type, data
    )
