"""Electronic signatures become entries: what is signed is looked up, and bound to the entry that lies there.

1. What is signed is told apart by position and leaf hash, both as they lie in the book when it is signed; a hash that
   the signer brings along has to be that of the entry.
2. The same id of the same person is the same signature: it is answered as it was, whatever was authenticated since.
3. A masked person's signature reads the open book alone. Of somebody who knows the arm that it is about, the signature
   and what it is compared with are of the sealed book; where in it is not told to who has no arms in sight.
4. What decides into which book it goes is guarded, as it is for commands; so is the signer's own stream, so that no two
   signatures are made upon one authentication. (A sealed one is held against both books, an open one against the open
   book alone: it must not tell of a sealed one.)
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ledger.application.answers import Answer, CommandRefusedError
from ledger.application.reading import Reading, knows_some_arm
from ledger.domain.decisions import CommandActor, Refusal
from ledger.domain.decisions.signing import check_authentication, check_role, check_signed, is_sealed
from ledger.domain.events.base import TRIAL_STREAM, subject_stream
from ledger.domain.events.signature import (
    SEALED_SIGNERS,
    SIGNERS,
    Authentication,
    Extent,
    Meaning,
    SealedSignatureMade,
    SignatureMade,
    Signed,
)
from ledger.domain.history import Fact
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.file import TrialKeys
from ledger.proof.canonical import encode
from ledger.proof.tree import leaf_hash
from ledger.recording.books import Books, VersionConflict
from ledger.recording.drafts import Append, CommandMark, Guard, Recorded
from ledger.recording.mapper import open_drafts, sealed_drafts
from ledger.recording.reader import LedgerReader, Position

_ATTEMPTS: Final = 50
_NONCE: Final = b"trial-ledger signature/1\0"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to sign. `hash`: of the entry as the signer saw it; demanded of an ENTRY."""

    id: str
    meaning: Meaning
    extent: Extent
    book: Book
    seq: int
    hash: str | None = None
    subject: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """The same, bound to what lies in the book. `said` is all that is signed, as a JSON value."""

    wanted: Wanted
    signer: CommandActor
    signed: Signed
    sealed: bool
    guards: tuple[Guard, ...]
    said: dict[str, Any]

    @property
    def digest(self) -> bytes:
        """SHA-256 over what is signed (canonical JSON, after a domain tag): to which an authentication is bound."""
        return hashlib.sha256(_NONCE + encode(self.said)).digest()

    @property
    def mark(self) -> str:
        """The id under which the books have it: nobody else's signature has it, whatever id it was given."""
        return "signature-" + hashlib.sha256(encode([self.signer.id, self.wanted.id])).hexdigest()


class Signing:
    """Makes the signatures of one ledger."""

    def __init__(self, reading: Reading, keys: TrialKeys, books: Books, clock: Callable[[], datetime]) -> None:
        self._reading = reading
        self._keys = keys
        self._books = books
        self._clock = clock

    def bound(self, wanted: Wanted, signer: CommandActor) -> Bound:
        """What would be signed. What is sealed is looked up for whoever asks: arms have to be in sight.

        Raises CommandRefusedError.
        """
        with self._reading.lock:
            try:
                return self._bound(wanted, signer)
            except Refusal:  # on what was remembered: others may have written since
                self._again(wanted.subject)
            try:
                return self._bound(wanted, signer)
            except Refusal as refusal:
                raise CommandRefusedError(refusal) from None

    def earlier(self, bound: Bound, *, arms: bool) -> Answer | None:
        """The answer that was given, if it was signed before. Raises CommandReused: another thing was, by that id."""
        for sealed in (False, True) if bound.sealed else (False,):
            found = self._books.find(bound.mark, self._digest(bound, sealed=sealed), with_sealed=sealed)
            if found is not None:
                return _answer(bound, found, sealed=sealed, arms=arms)
        return None

    def sign(self, wanted: Wanted, signer: CommandActor, name: str, by: Authentication, *, arms: bool) -> Answer:
        """Record a signature, durably. `name`: as it is printed. `arms`: whether the signer has arms in sight.

        Raises CommandRefusedError, CommandReused, StorageError, KeysError; then nothing is recorded.
        """
        for _ in range(_ATTEMPTS):
            bound = self.bound(wanted, signer)
            if (answer := self.earlier(bound, arms=arms)) is not None:
                return answer
            try:
                with self._reading.lock:
                    append = self._append(bound, name, by)
            except Refusal as refusal:
                raise CommandRefusedError(refusal) from None
            try:
                done = self._books.append(append)
            except VersionConflict:
                with self._reading.lock:
                    self._again(bound.signed.subject)
                continue
            return _answer(bound, done, sealed=bound.sealed, arms=arms)
        raise CommandRefusedError(Refusal("busy", "id", f"others wrote {_ATTEMPTS} times in between; send it again"))

    def _again(self, subject: str | None) -> None:
        self._reading.trial(fresh=True)
        if subject is not None:
            self._reading.subject(subject_stream(subject), fresh=True)

    def _bound(self, wanted: Wanted, signer: CommandActor) -> Bound:
        check_role(signer.role)
        version, trial = self._reading.trial()
        if trial.protocol is None:
            raise Refusal("trial-unregistered", "type", "the trial is not registered yet")
        guards = [Guard(Book.OPEN, TRIAL_STREAM, version)]
        reader = self._reading.open if wanted.book is Book.OPEN else self._reading.closed
        with reader:
            fact, leaf = _entry(reader, wanted)
        subject = wanted.subject if wanted.extent is not Extent.ENTRY else _subject(fact)
        state = None
        if subject is not None:
            known = self._reading.subject(subject_stream(subject), fresh=False)
            state = known.state
            guards.append(Guard(Book.OPEN, subject_stream(subject), known.version))
        signed = Signed(extent=wanted.extent, signed_book=wanted.book, signed_seq=wanted.seq, signed_hash=leaf,
                        subject=subject)  # fmt: skip
        if wanted.extent is Extent.ENTRY:
            of = {"signed_type": fact.type, "command": fact.command[:200] or None, "n": fact.n}
            signed = Signed.model_validate({**signed.model_dump(), **of})
        check_signed(signed, wanted.meaning, signer.id, fact.actor.id, state)
        some = ROLES[signer.role].arms is True
        if not some and subject is None and wanted.book is Book.OPEN:
            with self._reading.open:
                some = knows_some_arm(self._reading.open, trial, signer.id)
        sealed = is_sealed(signed, signer.id, signer.role, trial, state, some)
        said = {
            "origin": self._books.origin,
            "id": wanted.id,
            "signer": signer.model_dump(mode="json"),
            "meaning": wanted.meaning.value,
            "of": signed.model_dump(mode="json", exclude_none=True),
            **({} if wanted.words is None else {"words": wanted.words}),
        }
        return Bound(wanted, signer, signed, sealed, tuple(guards), said)

    def _append(self, bound: Bound, name: str, by: Authentication) -> Append:
        person = bound.signer.id
        cls = SealedSignatureMade if bound.sealed else SignatureMade
        stream = (SEALED_SIGNERS if bound.sealed else SIGNERS) + person
        with self._reading.open:
            opened = self._reading.open.stream(SIGNERS + person)
        mine, guards = opened, bound.guards
        if bound.sealed:
            with self._reading.closed:
                mine = self._reading.closed.stream(stream)
            guards = (*guards, Guard(Book.OPEN, SIGNERS + person, len(opened)))
        # What goes into the open book is held against the open book alone: rule 3.
        last = max((fact.data["authenticated_at"] for fact in (*opened, *mine)), default=None)
        check_authentication(by.authenticated_at, last)
        event = cls.model_validate(
            {
                **bound.signed.model_dump(),
                **by.model_dump(),
                "occurred_at": recorded(self._clock()),
                "signer": person,
                "meaning": bound.wanted.meaning,
                "words": bound.wanted.words,
                "printed_name": name,
            }
        )
        mark = CommandMark(bound.mark, self._digest(bound, sealed=bound.sealed))
        at = {stream: mine[-1].version if mine else 0}
        actor = bound.signer.in_entry
        if bound.sealed:
            return Append(mark, (), sealed_drafts([event], at, actor=actor), guards)
        drafts = open_drafts(
            [event], at, origin=self._books.origin, actor=actor, command=mark,
            random=self._books.randomness.open, keys=self._books.writing_keys,
        )  # fmt: skip
        return Append(mark, drafts, (), guards)

    def _digest(self, bound: Bound, *, sealed: bool) -> str:
        return self._keys.digest_of("arm" if sealed else "open", encode(bound.said))


def _entry(reader: LedgerReader, wanted: Wanted) -> tuple[Fact, str]:
    """What lies at a position, and its leaf hash. Raises Refusal."""
    raw = next(reader.stored(wanted.book, wanted.seq, wanted.seq + 1), None)
    field = "of.seq" if wanted.extent is Extent.ENTRY else "of.upto"
    if raw is None:
        raise Refusal("no-entry", field, f"the {wanted.book} book has no entry {wanted.seq}")
    leaf = leaf_hash(raw[1]).hex()
    if wanted.hash is not None and wanted.hash != leaf:
        raise Refusal("other-entry", "of.hash", f"is not the leaf hash of entry {wanted.seq}: look again, then sign")
    start = Position(wanted.seq, None) if wanted.book is Book.OPEN else Position(0, wanted.seq)
    stop = Position(wanted.seq + 1, None) if wanted.book is Book.OPEN else Position(0, wanted.seq + 1)
    return next(iter(reader.facts(start, stop))), leaf


def _subject(fact: Fact) -> str | None:
    """The subject whom an entry is about."""
    named = fact.data.get("subject")
    if isinstance(named, str):
        return named
    prefix, _, subject = fact.stream.partition("/")
    return subject if prefix == "subject" else None


def _answer(bound: Bound, done: Recorded, *, sealed: bool, arms: bool) -> Answer:
    book, cls = (Book.SEALED, SealedSignatureMade) if sealed else (Book.OPEN, SignatureMade)
    told = not sealed or arms
    seq = done.sealed_seq if sealed else done.open_seq
    return Answer(
        bound.wanted.id, book, seq if told else None, 1, done.at if told else None, (cls.type,), done.repeated
    )
