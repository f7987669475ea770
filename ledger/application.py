"""Where commands become entries: read what the decision needs, decide, append under guards, or refuse.

1. A command that was recorded before is answered as it was then, whatever has happened since.
2. What a decision reads becomes a guard: a stream and the version at which it was read. If it has moved on when
   the append takes the lock, everything is read and decided again. So two processes cannot race past a rule.
3. A refusal on remembered state is decided once more on fresh state before it is given.
4. The command of a masked person never reads the sealed book; the sealed half of it takes whichever version is
   free, and cannot fail for a sealed reason.
5. What somebody enters about a subject whose arm the record says he knows goes into the sealed book alone
   (`decisions/routing.py`): such a command is decided on both books, under guards on both. A command whose giver the
   open book does not name stands there under a mark of its id, by which it is found again when it is sent again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from ledger.domain.allocation import ListState, plan_of
from ledger.domain.commands import COMMANDS, Command
from ledger.domain.decisions import (
    CommandSpec,
    Decision,
    Reads,
    Refusal,
    check_role,
    counted_stream,
    decide,
    subject_of,
)
from ledger.domain.decisions.routing import check_unblinded, nameless, unblinded, with_entered
from ledger.domain.decisions.targets import target_subject
from ledger.domain.events import CATALOGUE, Event
from ledger.domain.events.base import ENROLMENT_LOG, TRIAL_STREAM, Facts, identifying, subject_stream
from ledger.domain.events.conduct import AboutRecord, Correction
from ledger.domain.events.enrolment import AllocationDrawn
from ledger.domain.events.unblinding import CodeBreak, EnteredUnblinded
from ledger.domain.history import Fact, corrected
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState, needs_refold
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import DestroyedKeyError, KeysError, TrialKeys, keys_folder
from ledger.proof.allocation import AllocationPlan
from ledger.proof.canonical import encode
from ledger.proof.entry import Actor
from ledger.proof.sealed import command_mark
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.drafts import Append, CommandMark, Guard, Randomness, Recorded
from ledger.recording.engine import StorageError, create_ledger
from ledger.recording.live import utc_now
from ledger.recording.mapper import NO_DIGEST, THE_LEDGER, open_drafts, sealed_drafts, upkeep
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks, VersionConflict

_T = TypeVar("_T")

_ATTEMPTS: Final = 50
_REMEMBERED: Final = 10_000


class CommandRefusedError(Exception):
    """A command was refused; nothing of it was recorded. Carries the `Refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.field}: {refusal.message} (rule {refusal.rule})")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a command's events stand: the first seq, the count and the types in `book`, and when they were recorded.

    The same for a command that comes again, but for `repeated`. A masked person's answer tells of the open book only;
    that of somebody unblinded for some subjects does not say where in the sealed book (`seq` is None), for that tells
    how much there is of others.
    """

    id: str
    book: Book
    seq: int | None
    count: int
    at: str
    types: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Subject:
    """A subject's stream as it was last read: how far it had come in a book, and what that means."""

    version: int
    state: SubjectState


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The same in the sealed book; `entered` is what was entered after unblinding, and what changes it."""

    version: int
    state: SealedSubjectState
    entered: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """What a decision read, and the guards that say so. `entered`: by somebody who knows the arm, so it is sealed."""

    reads: Reads
    guards: tuple[Guard, ...]
    entered: bool = False


class TrialLedger:
    """One trial's ledger, for recording. Safe for several threads, and several processes."""

    def __init__(
        self,
        path: Path,
        keys: TrialKeys,
        *,
        clock: Callable[[], datetime] = utc_now,
        randomness: Randomness | None = None,
    ) -> None:
        self.path = path
        self._keys = keys
        self._clock = clock
        self._books = SQLiteBooks(path, clock=clock, randomness=randomness, keys=keys)
        self._open = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN, IDENTITY}), keys=keys)
        self._sealed = LedgerReader(path, books=frozenset({Book.SEALED}), classes=frozenset({ARM}), keys=keys)
        self._lock = threading.RLock()  # of what is remembered and read; appends of several threads share commits
        self._trial: tuple[int, TrialState] | None = None
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()
        self._sealed_subjects: OrderedDict[str, _Sealed] = OrderedDict()
        self._lists: dict[str, ListState] = {}
        self._plan: AllocationPlan | None = None
        self._anchored(self._read_trial()[1])

    @property
    def origin(self) -> str:
        """The origin of the open book."""
        return self._books.origin

    def close(self) -> None:
        """Let go of the file."""
        self._open.close()
        self._sealed.close()
        self._books.close()
        self._keys.close()

    @classmethod
    def create(
        cls,
        path: Path,
        keys: TrialKeys,
        *,
        register: Command[Facts],
        importing: bool = False,
        origin: str,
        clock: Callable[[], datetime] = utc_now,
        randomness: Randomness | None = None,
    ) -> Self:
        """Make a ledger file whose first event is the trial's registration.

        If the registration is refused, no file is left behind.
        """
        create_ledger(path, origin)
        try:
            ledger = cls(path, keys, clock=clock, randomness=randomness)
            ledger.submit(register, importing=importing)
        except BaseException:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            raise
        return ledger

    def submit(self, command: Command[Facts], *, importing: bool = False) -> Answer:
        """Record a command, durably, whole or not at all.

        `importing` is the licence of an importer: without it, a command that claims to come from one is refused.

        Raises CommandRefusedError (a rule forbids it), CommandReused (its id was recorded with other content), or
        StorageError (disk, lock).
        """
        spec = COMMANDS[command.type]
        if spec.sealed:
            self._check_role(command, importing=importing)
        digest = self._digest(command, spec)
        for known_as in {command.id: None, self._known_as(command): None}:
            earlier = self._books.find(known_as, digest, with_sealed=spec.sealed)
            if earlier is not None:
                return self._answer(command.id, spec, earlier)
        fresh = False
        for _ in range(_ATTEMPTS):
            try:
                with self._lock:
                    read = self._read(command, spec, fresh=fresh, importing=importing)
                    if read.entered:
                        check_role(command, importing=importing)
                    if read.entered and (earlier := self._books.find(command.id, digest, with_sealed=True)) is not None:
                        return self._answer(command.id, spec, earlier)
                    decision = decide(command, read.reads, recorded(self._clock()), importing=importing)
                    drafts = self._drafts(command, digest, read, decision, sealed=spec.sealed)
            except Refusal as refusal:
                if fresh:
                    raise CommandRefusedError(refusal) from None
                fresh = True
                continue
            try:
                done = self._books.append(drafts)
            except VersionConflict:
                fresh = True
                continue
            if not done.repeated:
                with self._lock:
                    self._learn(command, decision, done, read)
            return self._answer(command.id, spec, done, decision)
        raise CommandRefusedError(Refusal("busy", "id", f"others wrote {_ATTEMPTS} times in between; send it again"))

    def break_code(self, command: Command[CodeBreak]) -> tuple[Answer, str | None]:
        """Break a code: record that it is broken, durably, and only then read the arm, which is given back.

        Raises what `submit` raises; then no arm was read.
        """
        if command.type != "break-code":
            raise ValueError(f"{command.type} breaks no code")
        if self._keys.marks is None:  # or the record would say that somebody knows what nobody could be told
            raise KeysError(f"{keys_folder(self.path)}: the key `sealed` is not here, so no arm: open the envelope")
        answer = self.submit(command)
        return answer, self.arm_of(command.data.subject)

    def arm_of(self, subject: str) -> str | None:
        """The arm of a subject, for who may see arms; None while there is none."""
        with self._lock:
            return self._read_sealed(subject_stream(subject), fresh=True).state.arm

    # -- what a command says, and what it needs ----------------------------------------------------------------------

    def _check_role(self, command: Command[Facts], *, importing: bool) -> None:
        """Before a sealed command's id is looked for: who may not give it would learn that another one has it."""
        try:
            check_role(command, importing=importing)
        except Refusal as refusal:
            raise CommandRefusedError(refusal) from None

    def _digest(self, command: Command[Facts], spec: CommandSpec) -> str:
        """The keyed digest of all that the command says, under the key of its most guarded class.

        What names a person is digested under that subject's own key, and its digest ends with it.
        """
        said = encode(command.model_dump(mode="json", exclude_none=True))
        if spec.sealed or "arm" in type(command.data).model_fields or nameless(command):
            return self._keys.digest_of("arm", said)
        subject = self._named(command, spec)
        if subject is None:
            return self._keys.digest_of("open", said)
        stream = subject_stream(subject)
        if self._keys.section_key(IDENTITY, stream) is None:
            self._refuse_names_of_unblinded(command, subject)
        try:
            self._keys.make_section_key(IDENTITY, stream, self._books.randomness.open)
            return self._keys.digest_of(f"identity:{stream}", said)
        except DestroyedKeyError:
            message = f"the names of {subject} were erased; no new ones are recorded"
            raise CommandRefusedError(Refusal("identity-erased", "data", message)) from None

    def _refuse_names_of_unblinded(self, command: Command[Facts], subject: str) -> None:
        """Before a key is made for them: who knows an arm draws nothing from the open book's source of randomness."""
        with self._lock:
            target = self._target(command.data, Book.OPEN) if isinstance(command.data, AboutRecord) else None
            state = self._read_subject(subject_stream(subject), fresh=False).state
            try:
                check_unblinded(command, unblinded(command, self._read_trial()[1], subject, state, target), target)
            except Refusal as refusal:
                raise CommandRefusedError(refusal) from None

    def _known_as(self, command: Command[Facts]) -> str:
        """The id under which the open book has a command: a mark of it where it does not say whose it is."""
        if not nameless(command):
            return command.id
        if (marks := self._keys.marks) is None:
            folder = keys_folder(self.path)
            raise KeysError(f"{folder}: who gives this command is sealed, and the key for that is not here")
        return f"masked-{command_mark(marks, command.id)}"

    def _named(self, command: Command[Facts], spec: CommandSpec) -> str | None:
        """The subject of whom the command names somebody; None where it names nobody."""
        data = command.data
        if isinstance(data, Correction):
            target = None if spec.sealed else self._target(data, Book.OPEN)
            known = None if target is None else CATALOGUE.get(target.type)
            fields = frozenset(() if known is None else known.sections.get(IDENTITY, ()))
            return target_subject(target) if any(change.field in fields for change in data.changes) else None
        if any(getattr(data, name, None) is not None for name in identifying(type(data))):
            return subject_of(command)
        return None

    def _read(self, command: Command[Facts], spec: CommandSpec, *, fresh: bool, importing: bool) -> _Read:
        trial_version, trial = self._read_trial(fresh=fresh)
        guards = [Guard(Book.OPEN, TRIAL_STREAM, trial_version)]
        reads, entered = Reads(trial), False
        if isinstance(command.data, AboutRecord):
            reads = replace(reads, target=self._target(command.data, Book.SEALED if spec.sealed else Book.OPEN))
        if (subject := subject_of(command, reads.target)) is not None:
            stream = subject_stream(subject)
            known = self._read_subject(stream, fresh=fresh)
            guards.append(Guard(Book.OPEN, stream, known.version))
            reads = replace(reads, subject=known.state)
        if not spec.sealed:
            entered = unblinded(command, trial, subject, reads.subject, reads.target) is not None
        if subject is not None and (spec.sealed or entered):  # the only ones to read the sealed book write no other
            sealed = self._read_sealed(stream, fresh=fresh)
            guards.append(Guard(Book.SEALED, stream, sealed.version))
            reads = replace(reads, sealed=sealed.state)
            if sealed.entered:
                with self._open:
                    opened = self._open.stream(stream)
                reads = with_entered(command, reads, opened, sealed.entered)
        if (counted := counted_stream(command, reads, importing=importing)) is not None:
            drawn = self._read_list(counted)
            guards.append(Guard(Book.OPEN, counted, drawn.version))
            arm_of = partial(self._arm_at, trial, drawn)
            reads = replace(reads, versions={counted: drawn.version}, drawn=drawn, arm_of=arm_of)
        return _Read(reads, tuple(guards), entered)

    def _read_trial(self, *, fresh: bool = False) -> tuple[int, TrialState]:
        if self._trial is None or fresh:
            with self._open:
                facts = self._open.stream(TRIAL_STREAM)
            self._trial = (len(facts), TrialState.fold(facts))
        return self._trial

    def _read_subject(self, stream: str, *, fresh: bool) -> _Subject:
        known = None if fresh else self._subjects.get(stream)
        if known is None:
            with self._open:
                facts = self._open.stream(stream)
            known = _Subject(len(facts), SubjectState.fold(facts))
            _remember(self._subjects, stream, known)
        return known

    def _read_sealed(self, stream: str, *, fresh: bool) -> _Sealed:
        known = None if fresh else self._sealed_subjects.get(stream)
        if known is None:
            with self._sealed:
                facts = self._sealed.stream(stream)
            entered = tuple(fact for fact in facts if fact.type == EnteredUnblinded.type)
            known = _Sealed(len(facts), SealedSubjectState.fold(facts), entered)
            _remember(self._sealed_subjects, stream, known)
        return known

    def _target(self, about: AboutRecord, book: Book) -> Fact | None:
        """The fact that a correction or a void is about, with earlier corrections applied; None where there is none."""
        reader = self._open if book is Book.OPEN else self._sealed
        with reader:
            found = reader.of_command(book, about.target.command, about.target.n)
            if found is None:
                return None
            standing = corrected(reader.stream(found.stream))
        return next((fact for fact in standing if (fact.book, fact.seq) == (book, found.seq)), None)

    def _read_list(self, stream: str) -> ListState:
        """How far a list is drawn; of the enrolment log, how long it is."""
        with self._open:
            version = self._open.version(stream)
            if stream == ENROLMENT_LOG:
                return ListState(version=version)
            known = self._lists.get(stream)
            if known is None or known.version != version:
                known = self._lists[stream] = ListState.fold(self._open.stream(stream))
        return known

    def _arm_at(self, trial: TrialState, drawn: ListState, stratum: str, index: int) -> str | None:
        """The arm at a place of the allocation list, which follows from what the keys hold and from no book's arms."""
        if self._plan is None and trial.protocol is not None and (value := trial.allocation.outside_value) is not None:
            kept = kept_allocation(self._keys)
            self._plan = None if kept is None else plan_of(*kept, value, trial.protocol)
        return None if self._plan is None else self._plan.arm(drawn.draws, stratum, index)

    # -- recording ---------------------------------------------------------------------------------------------------

    def _drafts(self, command: Command[Facts], digest: str, read: _Read, decision: Decision, *, sealed: bool) -> Append:
        actor = command.actor.in_entry
        known_as = self._known_as(command)
        # With a space in it, it is no command's own id.
        of_open = f"of {known_as}" if decision.open and not decision.nameless else None
        mark = CommandMark(known_as, digest, of_open)
        theirs = sealed or command.imported or read.entered or decision.nameless
        at = {guard.stream: guard.version for guard in read.guards if guard.book is Book.OPEN}
        for event in decision.open:
            if event.stream not in at:
                with self._open:
                    at[event.stream] = self._open.version(event.stream)
        return Append(
            mark,
            open_drafts(
                decision.open,
                at,
                origin=self.origin,
                actor=THE_LEDGER if decision.nameless else actor,
                command=mark,
                random=self._books.randomness.open,
                keys=self._keys,
            ),
            sealed_drafts(
                decision.sealed,
                {guard.stream: guard.version for guard in read.guards if guard.book is Book.SEALED},
                # What is sealed of an open command (the arm that a list gives) is the ledger's doing, not the actor's.
                actor=actor if theirs else THE_LEDGER,
            ),
            read.guards,
        )

    def _answer(self, command_id: str, spec: CommandSpec, done: Recorded, decision: Decision | None = None) -> Answer:
        """The answer to a command; without its decision (it was recorded before) the types are read from the book."""
        sealed = spec.sealed or not done.open_count
        book = Book.SEALED if sealed else Book.OPEN
        seq, count = (done.sealed_seq, done.sealed_count) if sealed else (done.open_seq, done.open_count)
        if decision is not None and not done.repeated:
            types = [event.type for event in (decision.sealed if sealed else decision.open)]
        else:
            reader = self._sealed if sealed else self._open
            with self._lock, reader:
                types = reader.types(book, seq, count)
        place = None if sealed and not spec.sealed else seq
        return Answer(command_id, book, place, count, done.at, tuple(types), done.repeated)

    def _learn(self, command: Command[Facts], decision: Decision, done: Recorded, read: _Read) -> None:
        """Carry what was just recorded into what is remembered, so that the next command need not read it."""
        versions = {guard.stream: guard.version for guard in read.guards if guard.book is Book.OPEN}
        for n, event in enumerate(decision.open):
            stream = event.stream
            if isinstance(event, AllocationDrawn):
                drawn = read.reads.drawn
                if self._lists.get(stream) == drawn:  # no other thread has read or written it since
                    self._lists[stream] = drawn.after(event.index, event.stratum, claimed=event.claimed)
            if stream == TRIAL_STREAM:
                self._trial = None
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
                self._subjects[stream] = _Subject(known.version + 1, SubjectState.apply(known.state, fact))
        for event in decision.sealed:
            self._sealed_subjects.pop(event.stream, None)
        if self._trial is None:
            self._anchored(self._read_trial()[1])

    def _anchored(self, trial: TrialState) -> None:
        """Keep the cadence of anchors that the protocol in force sets."""
        if trial.protocol is not None:
            every = trial.protocol.settings.anchor_every
            self._books.upkeep = upkeep(self.origin, every, self._books.randomness.open, self._keys)

    def record_access(self, cls: type[Event], actor: Actor, **said: object) -> None:
        """Record, durably, that `actor` looks, was refused, or took data away: an event of `events/access.py`.

        No command, so that nobody can submit one: only what hands out data says that it did. It reads nothing that
        a decision reads, and guards nothing. A sealed one draws from the sealed book's random source and appends to
        that book alone, so that the open book is the same whether or not somebody looked.

        Raises StorageError or KeysError; then nothing is recorded.
        """
        event = cls.model_validate({"occurred_at": recorded(self._clock()), **said})
        sealed = event.book is Book.SEALED
        random = self._books.randomness.sealed if sealed else self._books.randomness.open
        mark = CommandMark(f"access-{random(16).hex()}", NO_DIGEST)
        if sealed:
            self._books.append(Append(mark, (), sealed_drafts([event], {}, actor=actor)))
            return
        for _ in range(_ATTEMPTS):
            with self._lock, self._open:
                at = {event.stream: self._open.version(event.stream)}
            drafts = open_drafts(
                [event], at, origin=self.origin, actor=actor, command=mark, random=random, keys=self._keys
            )
            try:
                self._books.append(Append(mark, drafts))
            except VersionConflict:
                continue
            return
        raise StorageError(f"{self.path}: others wrote {_ATTEMPTS} times in between")


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
