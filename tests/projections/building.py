"""A ledger in memory, for tests of the read side: events in, facts out, with the ordering rules of the real one."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from ledger.domain.events import CATALOGUE, Event
from ledger.domain.events.conduct import DispositionRecorded, RecordCorrected, VisitRecorded
from ledger.domain.events.consent import ConsentObtained, ConsentRenewed, ConsentWithdrawn
from ledger.domain.events.enrolment import ArmAssigned, ScreeningCompleted, SubjectEnrolled, SubjectRandomized
from ledger.domain.events.safety import AdverseEventCoded, AdverseEventReported, DeathRecorded, VitalStatusRecorded
from ledger.domain.events.treatment import TreatmentRecorded
from ledger.domain.events.trial import TrialRegistered
from ledger.domain.history import CORRECTIONS, VOIDS, Fact
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.reader import Position
from projections.base import Audience
from projections.result import Result
from projections.runner import show

PROTOCOL: Final[dict[str, Any]] = {
    "arms": [
        {"code": "CONTROL", "label": "Control", "type": "NO_INTERVENTION"},
        {"code": "TREATMENT", "label": "Treatment", "type": "EXPERIMENTAL", "doses_planned": 2},
    ],
    "enrolment": {"count": 100, "cap": 100},
    "outcomes": [
        {"measure": "Survival rate", "time_frame": {"text": "28 days", "days": 28}},
        {"measure": "Adverse event rate", "time_frame": {"text": "6 months", "days": 183, "months": 6}},
    ],
}
SEEING: Final = {
    Audience.MASKED: Sight(frozenset({Book.OPEN}), frozenset({PLAIN, IDENTITY}), None),
    Audience.UNMASKED: Sight(frozenset(Book), frozenset({PLAIN, IDENTITY, ARM}), None),
}
"""All that somebody of an audience can have in sight."""
INVESTIGATOR: Final = Actor("inv-1", "FJD", "investigator")


@dataclass
class MemoryLedger:
    """Facts in the order in which they were appended, and the heads of both books."""

    facts: list[Fact] = field(default_factory=list)
    heads: dict[Book, list[str]] = field(default_factory=lambda: {Book.OPEN: [], Book.SEALED: []})
    identity: bool = True
    _versions: dict[tuple[Book, str], int] = field(default_factory=dict)

    def append(self, event: Event, at: str = "2020-06-01", actor: Actor = INVESTIGATOR) -> Fact:
        """Record an event on the day `at`."""
        book = event.book
        seq = len(self.heads[book])
        version = self._versions.get((book, event.stream), 0) + 1
        self._versions[book, event.stream] = version
        data = event.model_dump(mode="json", exclude_none=True)
        earlier = self.heads[book][-1] if seq else ""
        self.heads[book].append(hashlib.sha256(f"{earlier}{event.type}{data}{at}".encode()).hexdigest())
        fact = Fact(
            book=book,
            seq=seq,
            open_seq=seq if book is Book.OPEN else len(self.heads[Book.OPEN]) - 1,
            at=f"{at}T12:00:00.000000Z",
            id=f"{len(self.facts):032x}",
            actor=actor,
            command=f"c{len(self.facts)}",
            n=0,
            stream=event.stream,
            version=version,
            type=event.type,
            data=data,
        )
        self.facts.append(fact)
        return fact

    def correct(
        self, target: Fact, reason: str = "transcription error", at: str = "2020-06-01", **changes: Any
    ) -> Fact:
        """Record a correction of `target`: new values by field, None to take one away."""
        cls = CATALOGUE.get(CORRECTIONS[target.book])
        assert cls is not None
        return self.append(
            cls.read(
                {
                    "occurred_at": at,
                    "on_stream": target.stream,
                    "target_seq": target.seq,
                    "target_id": target.id,
                    "target_type": target.type,
                    "changes": [
                        {"field": name, "old": target.data.get(name), "new": new} for name, new in changes.items()
                    ],
                    "reason": reason,
                }
            ),
            at,
        )

    def void(self, target: Fact, reason: str = "wrong subject", at: str = "2020-06-01") -> Fact:
        """Record that `target` was entered in error."""
        cls = CATALOGUE.get(VOIDS[target.book])
        assert cls is not None
        about = {"target_seq": target.seq, "target_id": target.id, "target_type": target.type}
        return self.append(
            cls.read({"occurred_at": at, "on_stream": target.stream, **about, "reason": reason}),
            at,
        )

    def cut(self, size: int) -> "MemoryLedger":
        """The ledger as it was after its first `size` events."""
        ledger = MemoryLedger(identity=self.identity)
        for fact in self.facts[:size]:
            ledger.facts.append(fact)
            ledger.heads[fact.book].append(self.heads[fact.book][fact.seq])
        return ledger

    def reader(self, audience: Audience = Audience.UNMASKED) -> "MemoryReader":
        """A reader for an audience."""
        return MemoryReader(self, sealed=audience is Audience.UNMASKED)

    def show(self, view: str, audience: Audience = Audience.UNMASKED, as_of: int | str | None = None) -> Result:
        """The view, made in memory, as somebody is shown it who may see all that its audience may, and all names."""
        return show(self.reader(audience), view, audience, sight=SEEING[audience], role="auditor", as_of=as_of)


@dataclass
class MemoryReader:
    """The port of the read side over a `MemoryLedger`. Entering it takes a snapshot, as the real one does."""

    ledger: MemoryLedger
    sealed: bool
    _snapshot: tuple[Fact, ...] | None = None
    streams_read: int = 0

    def __enter__(self) -> Self:
        assert self._snapshot is None, "entered twice"
        self._snapshot = tuple(
            sorted(
                (fact for fact in self.ledger.facts if self.sealed or fact.book is Book.OPEN),
                key=lambda fact: fact.order,
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._snapshot = None

    @property
    def _facts(self) -> tuple[Fact, ...]:
        assert self._snapshot is not None, "not entered"
        return self._snapshot

    def head(self) -> Position:
        sealed = sum(fact.book is Book.SEALED for fact in self._facts)
        return Position(len(self._facts) - sealed, sealed if self.sealed else None)

    def head_hash(self, book: Book, size: int) -> str:
        return self.ledger.heads[book][size - 1]

    def recorded_at(self, size: int) -> str | None:
        return next((fact.at for fact in self._facts if fact.book is Book.OPEN and fact.seq == size - 1), None)

    def position_at(self, as_of: str | int | None) -> Position:
        if as_of is None:
            return self.head()
        sealed = sum(fact.book is Book.SEALED and fact.open_seq <= int(as_of) for fact in self._facts)
        return Position(int(as_of) + 1, sealed if self.sealed else None)

    def facts(self, start: Position | None = None, stop: Position | None = None) -> Iterator[Fact]:
        begin, end = start or Position(0, 0), stop or self.head()
        for fact in self._facts:
            is_open = fact.book is Book.OPEN
            low, high = (begin.open, end.open) if is_open else (begin.sealed or 0, end.sealed or 0)
            if low <= fact.seq < high:
                yield fact

    def streams(self, start: Position | None = None, stop: Position | None = None) -> Counter[str]:
        return Counter(fact.stream for fact in self.facts(start, stop))

    def stream(self, stream: str, stop: Position | None = None) -> list[Fact]:
        self.streams_read += 1
        return [fact for fact in self.facts(stop=stop) if fact.stream == stream]

    def stream_by_stream(
        self, streams: Sequence[str], stop: Position | None = None
    ) -> Iterator[tuple[str, list[Fact]]]:
        for stream in streams:
            yield stream, self.stream(stream, stop)


def registered(protocol: dict[str, Any] | None = None) -> MemoryLedger:
    """A ledger in which the trial is registered."""
    ledger = MemoryLedger()
    ledger.append(TrialRegistered(occurred_at="2020-05-06", protocol=PROTOCOL if protocol is None else protocol))
    return ledger


def consented(subject: str, day: str = "2020-05-10", site: str = "FJD", **more: Any) -> ConsentObtained:
    """A consent obtained, verbally from the family unless said otherwise."""
    given: dict[str, Any] = {"form": "VERBAL", "giver": "FAMILY_MEMBER", "document_version": "1.0", **more}
    return ConsentObtained(occurred_at=day, subject=subject, site=site, **given)


def screened(subject: str, day: str = "2020-05-11", *, eligible: bool = True) -> ScreeningCompleted:
    """A screening completed."""
    return ScreeningCompleted(
        occurred_at=day,
        subject=subject,
        values={"age_years": 60},
        eligible=eligible,
        failed=() if eligible else ("I2",),
    )


def randomize(
    ledger: MemoryLedger, subject: str, arm: str, day: str = "2020-05-12", index: int = 1, site: str = "FJD"
) -> None:
    """Consent, screening, enrolment, randomization and the sealed arm of a subject, all on their days."""
    ledger.append(consented(subject, site=site))
    ledger.append(screened(subject))
    ledger.append(SubjectEnrolled(occurred_at=day, subject=subject, site=site, number=index))
    ledger.append(SubjectRandomized(occurred_at=day, subject=subject, site=site, stratum=site, index=index))
    ledger.append(ArmAssigned(occurred_at=day, subject=subject, arm=arm, stratum=site, index=index))


def visit(subject: str, name: str, day: str, number: str | None = None, **more: Any) -> VisitRecorded:
    """A visit done."""
    return VisitRecorded(occurred_at=day, subject=subject, visit=name, number=number, started=day, **more)


def adverse_event(subject: str, ae: str, onset: str | None, **more: Any) -> AdverseEventReported:
    """An adverse event reported on the day of its onset."""
    said: dict[str, Any] = {"term": "Fever", "serious": False, **more}
    return AdverseEventReported(occurred_at=onset or "2020-05-20", subject=subject, ae=ae, onset=onset, **said)


def coded(subject: str, ae: str, soc: str, pt: str) -> AdverseEventCoded:
    """An adverse event coded."""
    return AdverseEventCoded(
        occurred_at="2020-06-01",
        subject=subject,
        ae=ae,
        dictionary="MedDRA",
        preferred_term=pt,
        system_organ_class=soc,
    )


def treated(subject: str, number: int, start: str, amount: str = "100", **more: Any) -> TreatmentRecorded:
    """The product given: once, unless a frequency is said."""
    return TreatmentRecorded.model_validate(
        {
            "occurred_at": start,
            "subject": subject,
            "dose_number": number,
            "product": "MSC",
            "given_amount": amount,
            "unit": "10^6 cells",
            "started_at": start,
            **more,
        }
    )


def ended(subject: str, term: str, day: str, verbatim: str | None = None, **more: Any) -> DispositionRecorded:
    """A disposition event."""
    return DispositionRecorded(occurred_at=day, subject=subject, term=term, verbatim=verbatim, **more)


def died(subject: str, day: str) -> DeathRecorded:
    """A death on that day."""
    return DeathRecorded(occurred_at=day, subject=subject, died=day)


def alive(subject: str, day: str) -> VitalStatusRecorded:
    """Somebody was seen alive."""
    return VitalStatusRecorded.model_validate({"occurred_at": day, "subject": subject, "status": "ALIVE"})


def found_dead(subject: str, day: str) -> VitalStatusRecorded:
    """Somebody was found to be dead."""
    return VitalStatusRecorded.model_validate({"occurred_at": day, "subject": subject, "status": "DEAD"})


def renewed(subject: str, day: str) -> ConsentRenewed:
    """Consent given again, by the patient."""
    given = {"form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0", "reason": "OTHER"}
    return ConsentRenewed.model_validate({"occurred_at": day, "subject": subject, **given})


def withdrew(subject: str, day: str, scope: str = "ALL") -> ConsentWithdrawn:
    """A withdrawal of consent."""
    return ConsentWithdrawn.model_validate({"occurred_at": day, "subject": subject, "giver": "PATIENT", "scope": scope})


def identity_corrected(target: Fact, name: str) -> RecordCorrected:
    """A correction of the subject's name alone."""
    return RecordCorrected.model_validate(
        {
            "occurred_at": "2020-06-01",
            "on_stream": target.stream,
            "target_seq": target.seq,
            "target_id": target.id,
            "target_type": target.type,
            "identity_changes": [{"field": "subject_name", "old": target.data.get("subject_name"), "new": name}],
            "reason": "misspelt",
        }
    )
