"""Where commands become entries: read what the decision needs, decide, append under guards, or refuse.

1. A command that was recorded before is answered as it was then, whatever has happened since.
2. What a decision reads becomes a guard: a stream and the version at which it was read. If it has moved on when
   the append takes the lock, everything is read and decided again. So two processes cannot race past a rule.
3. A refusal on remembered state is decided once more on fresh state before it is given.
4. The command of a masked person never reads the sealed book; the sealed half of it takes whichever version is
   free, and cannot fail for a sealed reason.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from ledger.domain.commands import COMMANDS, Command
from ledger.domain.decisions import CommandSpec, Decision, Reads, Refusal, counted_stream, decide, subject_of
from ledger.domain.events import Event
from ledger.domain.events.base import TRIAL_STREAM, Facts, subject_stream
from ledger.domain.events.conduct import AboutRecord
from ledger.domain.history import Fact, corrected
from ledger.domain.randomization import arm_at
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState, needs_refold
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.file import TrialKeys
from ledger.proof.canonical import encode
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.drafts import Append, CommandMark, Guard, Randomness, Recorded
from ledger.recording.engine import create_ledger
from ledger.recording.mapper import THE_LEDGER, open_drafts, sealed_drafts, upkeep
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks, VersionConflict, utc_now

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

    The same for a command that comes again, but for `repeated`. A masked person's answer tells of the open book only.
    """

    id: str
    book: Book
    seq: int
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
    version: int
    state: SealedSubjectState


@dataclass(frozen=True, slots=True)
class _Read:
    """What a decision read, and the guards that say so."""

    reads: Reads
    guards: tuple[Guard, ...]


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
        self._books = SQLiteBooks(path, clock=clock, randomness=randomness, key=keys.marks)
        self._open = LedgerReader(
            path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN, IDENTITY}), key=keys.marks
        )
        self._sealed = LedgerReader(path, books=frozenset({Book.SEALED}), classes=frozenset({ARM}), key=keys.marks)
        self._lock = threading.RLock()  # of what is remembered and read; appends of several threads share commits
        self._trial: tuple[int, TrialState] | None = None
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()
        self._sealed_subjects: OrderedDict[str, _Sealed] = OrderedDict()
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
    ) -> "TrialLedger":
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
        digest = self._digest(command, spec)
        earlier = self._books.find(command.id, digest, with_sealed=spec.sealed)
        if earlier is not None:
            return self._answer(command.id, spec, earlier)
        fresh = False
        for _ in range(_ATTEMPTS):
            try:
                with self._lock:
                    read = self._read(command, spec, fresh=fresh, importing=importing)
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

    def arm_of(self, subject: str) -> str | None:
        """The arm of a subject, for who may see arms; None while there is none."""
        with self._lock:
            return self._read_sealed(subject_stream(subject), fresh=True).state.arm

    # -- what a command says, and what it needs ----------------------------------------------------------------------

    def _digest(self, command: Command[Facts], spec: CommandSpec) -> str:
        """The keyed digest of all that the command says, under the key of its most guarded class."""
        tells_arm = spec.sealed or "arm" in type(command.data).model_fields
        said = command.model_dump(mode="json", exclude_none=True)
        return self._keys.digest_of(ARM if tells_arm else IDENTITY, encode(said))

    def _read(self, command: Command[Facts], spec: CommandSpec, *, fresh: bool, importing: bool) -> _Read:
        trial_version, trial = self._read_trial(fresh=fresh)
        guards = [Guard(Book.OPEN, TRIAL_STREAM, trial_version)]
        reads = Reads(trial, arm_of=self._arm_at)
        if isinstance(command.data, AboutRecord):
            reads = replace(reads, target=self._target(command.data, Book.SEALED if spec.sealed else Book.OPEN))
        if (subject := subject_of(command, reads.target)) is not None:
            stream = subject_stream(subject)
            known = self._read_subject(stream, fresh=fresh)
            guards.append(Guard(Book.OPEN, stream, known.version))
            reads = replace(reads, subject=known.state)
            if spec.sealed:  # the only commands that read the sealed book, and they write no other
                sealed = self._read_sealed(stream, fresh=fresh)
                guards.append(Guard(Book.SEALED, stream, sealed.version))
                reads = replace(reads, sealed=sealed.state)
        if (counted := counted_stream(command, reads, importing=importing)) is not None:
            with self._open:
                version = self._open.version(counted)
            guards.append(Guard(Book.OPEN, counted, version))
            reads = replace(reads, versions={counted: version})
        return _Read(reads, tuple(guards))

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
            known = _Sealed(len(facts), SealedSubjectState.fold(facts))
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

    def _arm_at(self, stratum: str, index: int) -> str | None:
        """The arm at a place of the allocation list, which lies with the keys and not in a book."""
        protocol = self._read_trial()[1].protocol
        if protocol is None:
            return None
        ratios = [(arm.code, arm.ratio) for arm in protocol.arms]
        return arm_at(self._keys.allocation, stratum, index, ratios, protocol.settings.stratification.block_sizes)

    # -- recording ---------------------------------------------------------------------------------------------------

    def _drafts(self, command: Command[Facts], digest: str, read: _Read, decision: Decision, *, sealed: bool) -> Append:
        actor = command.actor.in_entry
        mark = CommandMark(command.id, digest)
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
                actor=actor,
                command=mark,
                random=self._books.randomness.open,
            ),
            sealed_drafts(
                decision.sealed,
                {guard.stream: guard.version for guard in read.guards if guard.book is Book.SEALED},
                # What is sealed of an open command (the arm that a list gives) is the ledger's doing, not the actor's.
                actor=actor if sealed or command.imported else THE_LEDGER,
            ),
            read.guards,
        )

    def _answer(self, command_id: str, spec: CommandSpec, done: Recorded, decision: Decision | None = None) -> Answer:
        """The answer to a command; without its decision (it was recorded before) the types are read from the book."""
        book = Book.SEALED if spec.sealed else Book.OPEN
        seq, count = (done.sealed_seq, done.sealed_count) if spec.sealed else (done.open_seq, done.open_count)
        if decision is not None and not done.repeated:
            types = [event.type for event in (decision.sealed if spec.sealed else decision.open)]
        else:
            reader = self._sealed if spec.sealed else self._open
            with self._lock, reader:
                types = reader.types(book, seq, count)
        return Answer(command_id, book, seq, count, done.at, tuple(types), done.repeated)

    def _learn(self, command: Command[Facts], decision: Decision, done: Recorded, read: _Read) -> None:
        """Carry what was just recorded into what is remembered, so that the next command need not read it."""
        versions = {guard.stream: guard.version for guard in read.guards if guard.book is Book.OPEN}
        for n, event in enumerate(decision.open):
            stream = event.stream
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
            self._books.upkeep = upkeep(self.origin, every, self._books.randomness.open)


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
