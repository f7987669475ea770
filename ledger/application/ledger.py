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

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from ledger.application.answers import Answer, CommandRefusedError
from ledger.application.deciding import ATTEMPTS, Asked, Decided, Deciding
from ledger.application.reading import Read, Reading
from ledger.application.saying import Saying
from ledger.application.signing import Signing
from ledger.domain.commands import COMMANDS, Command
from ledger.domain.decisions import CommandSpec, Decision, Refusal, check_role, decide
from ledger.domain.decisions.routing import entered_as
from ledger.domain.events import Event
from ledger.domain.events.allocation import AllocationCommitment
from ledger.domain.events.base import Facts, subject_stream
from ledger.domain.events.unblinding import CodeBreak
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import KeysError, TrialKeys, keys_folder
from ledger.keys.folder import claim, require_own
from ledger.proof.allocation import commitment
from ledger.proof.entry import Actor
from ledger.proof.sealed import half_of
from ledger.proof.sections import ARM
from ledger.recording.books import VersionConflict
from ledger.recording.drafts import Append, CommandMark, Randomness, Recorded
from ledger.recording.engine import StorageError
from ledger.recording.live import utc_now
from ledger.recording.mapper import NO_DIGEST, THE_LEDGER, open_drafts, sealed_drafts, upkeep
from ledger.recording.stores import IN_FILE, Store, open_books


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
        self._books = open_books(path, clock=clock, randomness=randomness, keys=keys)
        require_own(path, self._books.origin)
        self._reading = Reading(path, keys)
        self._saying = Saying(
            self._reading, keys, self._books.writing_keys, lambda count: self._books.randomness.open(count)
        )
        self._deciding = Deciding(self._books, self._decide, self._learn)
        self.signatures = Signing(self._reading, keys, self._books, clock)
        self._anchored(self._reading.trial()[1])

    @property
    def origin(self) -> str:
        """The origin of the open book."""
        return self._books.origin

    def close(self) -> None:
        """Let go of the file."""
        self._reading.close()
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
        store: Store = IN_FILE,
    ) -> Self:
        """Make a ledger, in a file or where `store` says, whose first event is the trial's registration.

        If the registration is refused, no ledger is left behind.
        """
        store.create(path, origin)
        try:
            claim(path, origin)
            ledger = cls(path, keys, clock=clock, randomness=randomness)
            ledger.submit(register, importing=importing)
        except BaseException:
            store.discard(path)
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
        if isinstance(command.data, AllocationCommitment):
            self._check_commitment(command.data)
        digest = self._saying.digest(command, spec)
        for known_as in {command.id: None, self._saying.known_as(command): None}:
            earlier = self._books.find(known_as, digest, with_sealed=spec.sealed)
            if earlier is not None:
                return self._answer(command.id, spec, earlier)
        done, decision = self._deciding.submit(Asked(command, spec, digest, importing))
        return self._answer(command.id, spec, done, decision)

    def forget_destroyed_keys(self) -> None:
        """Use no data key any more that was destroyed elsewhere, from now on and not only from a moment later."""
        self._keys.forget_destroyed()

    def _check_commitment(self, committed: AllocationCommitment) -> None:
        """A commitment to what nobody here holds could never be drawn from, nor opened, nor be made good."""
        kept = kept_allocation(self._keys)
        if kept is None or commitment(*kept) != committed.commitment:
            message = "is not that of the secret that the keys hold: `trial-ledger allocation commit` draws one"
            raise CommandRefusedError(Refusal("commitment-unknown", "data.commitment", message))

    def _decide(self, asked: Asked) -> Decided | Recorded:
        command, importing = asked.command, asked.importing
        with self._reading.lock:
            read = self._reading.read(command, asked.spec, fresh=asked.fresh, importing=importing)
            if read.entered:
                check_role(command, importing=importing)
                if (earlier := self._find_entered(command, asked.digest)) is not None:
                    return earlier
            decision = decide(command, read.reads, recorded(self._clock()), importing=importing)
            append = self._drafts(command, asked.digest, read, decision, sealed=asked.spec.sealed)
        return Decided(read, decision, append)

    def _learn(self, asked: Asked, decided: Decided, done: Recorded) -> None:
        with self._reading.lock:
            self._reading.learn(asked.command, decided.decision, done, decided.read)
            self._anchored(self._reading.trial()[1])

    def _find_entered(self, command: Command[Facts], digest: str) -> Recorded | None:
        return self._books.find(entered_as(command), digest, with_sealed=True)

    def break_code(self, command: Command[CodeBreak]) -> tuple[Answer, str | None]:
        """Break a code: record that it is broken, durably, and only then read the arm, which is given back.

        Raises what `submit` raises; then no arm was read.
        """
        if command.type != "break-code":
            raise ValueError(f"{command.type} breaks no code")
        if self._keys.marks is None:  # or the record would say that somebody knows what nobody could be told
            raise KeysError(f"{keys_folder(self.path)}: the key `sealed` is not here, so no arm: open the envelope")
        stream = subject_stream(command.data.subject)
        if self._books.sealed_under(ARM, stream) and self._keys.section_key(ARM, stream) is None:
            raise KeysError(f"{keys_folder(self.path)}: the key of this subject's arm is not here: open the envelope")
        answer = self.submit(command)
        return answer, self.arm_of(command.data.subject)

    def arm_of(self, subject: str) -> str | None:
        """The arm of a subject, for who may see arms; None while there is none."""
        with self._reading.lock:
            return self._reading.sealed(subject_stream(subject), fresh=True).state.arm

    # -- what a command says, and what it needs ----------------------------------------------------------------------

    def _check_role(self, command: Command[Facts], *, importing: bool) -> None:
        """Before a sealed command's id is looked for: who may not give it would learn that another one has it."""
        try:
            check_role(command, importing=importing)
        except Refusal as refusal:
            raise CommandRefusedError(refusal) from None

    # -- recording ---------------------------------------------------------------------------------------------------

    def _drafts(self, command: Command[Facts], digest: str, read: Read, decision: Decision, *, sealed: bool) -> Append:
        actor = command.actor.in_entry
        known_as = entered_as(command) if read.entered else self._saying.known_as(command)
        of_open = half_of(known_as) if decision.open and not decision.nameless else None
        mark = CommandMark(known_as, digest, of_open)
        theirs = sealed or command.imported or read.entered or decision.nameless
        at = {guard.stream: guard.version for guard in read.guards if guard.book is Book.OPEN}
        for event in decision.open:
            if event.stream not in at:
                with self._reading.open:
                    at[event.stream] = self._reading.open.version(event.stream)
        return Append(
            mark,
            open_drafts(
                decision.open,
                at,
                origin=self.origin,
                actor=THE_LEDGER if decision.nameless else actor,
                command=mark,
                random=self._books.randomness.open,
                keys=self._books.writing_keys,
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
            reader = self._reading.closed if sealed else self._reading.open
            with self._reading.lock, reader:
                types = reader.types(book, seq, count)
        entered = sealed and not spec.sealed
        place, at = (None, None) if entered else (seq, done.at)
        return Answer(command_id, book, place, count, at, tuple(types), done.repeated)

    def _anchored(self, trial: TrialState) -> None:
        """Keep the cadence of anchors that the protocol in force sets."""
        if trial.protocol is not None:
            every = trial.protocol.settings.anchor_every
            self._books.upkeep = upkeep(self.origin, every, self._books.randomness.open, self._books.writing_keys)

    def record_access(self, cls: type[Event], actor: Actor, **said: object) -> None:
        """Record, durably, that `actor` looks, was refused, or took data away: an event of `events/access.py`.

        No command, so that nobody can submit one: only what hands out data says that it did. It reads nothing that
        a decision reads, and guards nothing. A sealed one draws from the sealed book's random source and appends to
        that book alone, so that the open book is the same whether or not somebody looked.

        Raises StorageError or KeysError; then nothing is recorded.
        """
        self.record_own(cls, actor, "access", **said)

    def record_own(self, cls: type[Event], actor: Actor, act: str, **said: object) -> None:
        """Record, durably, what is no command: an act that the ledger itself carries out for `actor`.

        `act` begins the id under which it is recorded. As for `record_access`, of which this is the general form.
        """
        event = cls.model_validate({"occurred_at": recorded(self._clock()), **said})
        sealed = event.book is Book.SEALED
        random = self._books.randomness.sealed if sealed else self._books.randomness.open
        mark = CommandMark(f"{act}-{random(16).hex()}", NO_DIGEST)
        if sealed:
            self._books.append(Append(mark, (), sealed_drafts([event], {}, actor=actor)))
            return
        for _ in range(ATTEMPTS):
            with self._reading.lock, self._reading.open:
                at = {event.stream: self._reading.open.version(event.stream)}
            drafts = open_drafts(
                [event], at, origin=self.origin, actor=actor, command=mark, random=random, keys=self._books.writing_keys
            )
            try:
                self._books.append(Append(mark, drafts))
            except VersionConflict:
                continue
            return
        raise StorageError(f"{self.path}: others wrote {ATTEMPTS} times in between")
