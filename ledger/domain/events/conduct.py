"""Visits, deviations, dispositions; corrections of records, and records that were entered in error."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import (
    TRIAL_STREAM,
    Code,
    Event,
    Facts,
    InSection,
    Name,
    SubjectEvent,
    SubjectId,
    Text,
    subject_stream,
)
from ledger.domain.vocabulary import Book, DeviationCategory, DispositionCategory, Epoch, VisitState
from ledger.domain.when import When
from ledger.proof.sections import IDENTITY


class Visit(Facts):
    """A visit, by the name that the protocol gives it; `number` as a decimal string, for unplanned ones too."""

    subject: SubjectId
    visit: Name
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")] | None = None
    state: VisitState = VisitState.DONE
    started: When | None = None
    ended: When | None = None


class VisitRecorded(Visit, SubjectEvent):
    """A visit took place, or was missed."""

    type: ClassVar[str] = "visit.recorded/1"
    title: ClassVar[str] = "Visit recorded"


class Deviation(Facts):
    """A departure from the protocol, of a subject or (without one) of a site."""

    subject: SubjectId | None = None
    site: Code | None = None
    category: DeviationCategory
    important: bool = False
    detail: Text


class DeviationRaised(Deviation, Event):
    """A protocol deviation. `rule` names the rule where the ledger raised it itself, beside the fact that broke it."""

    type: ClassVar[str] = "deviation.raised/1"
    title: ClassVar[str] = "Deviation raised"

    rule: Code | None = None

    @property
    def stream(self) -> str:
        return TRIAL_STREAM if self.subject is None else subject_stream(self.subject)


class Disposition(Facts):
    """Where a subject's part in an epoch ended, and why: the CDISC term and what was written (DSTERM)."""

    subject: SubjectId
    category: DispositionCategory = DispositionCategory.DISPOSITION_EVENT
    epoch: Epoch | None = None
    term: Name
    verbatim: Text | None = None


class DispositionRecorded(Disposition, SubjectEvent):
    """A disposition event or milestone."""

    type: ClassVar[str] = "disposition.recorded/1"
    title: ClassVar[str] = "Disposition recorded"


class Target(Facts):
    """A record that is corrected or voided: the command that made it, and which of its events in that book."""

    command: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    n: Annotated[int, Field(ge=0)] = 0


class Change(Facts):
    """The new value of one field; None takes an optional value away."""

    field: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    new: Any = None


class AboutRecord(Facts):
    """Which record is meant, and why something is done about it.

    `subject` is needed for a record that was entered after unblinding: it is looked for where that subject's lie.
    """

    target: Target
    subject: SubjectId | None = None
    reason: Text


class Correction(AboutRecord):
    """Which record is to be corrected, how, and why."""

    changes: Annotated[tuple[Change, ...], Field(min_length=1)]


class Voiding(AboutRecord):
    """Which record was entered in error, and how that came."""


class RecordedChange(Change):
    """A change with the value that stood before it."""

    old: Any = None


class _AboutEntry(Event):
    """`target_seq`, `target_id` and `target_type` point at an earlier entry of the same book and stream."""

    on_stream: Name
    target_seq: int = Field(ge=0)
    target_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    target_type: Code
    reason: Text

    @property
    def stream(self) -> str:
        return self.on_stream


class _Corrected(_AboutEntry):
    changes: tuple[RecordedChange, ...] = ()


class RecordCorrected(_Corrected):
    """A record of the open book was corrected; it stays as it was written, beside its correction.

    Changes of fields that name a person lie in the section of class `identity`, as the fields themselves do.
    """

    type: ClassVar[str] = "record.corrected/1"
    title: ClassVar[str] = "Record corrected"

    identity_changes: Annotated[tuple[RecordedChange, ...], InSection(IDENTITY)] = ()


class SealedRecordCorrected(_Corrected):
    """A record of the sealed book was corrected."""

    type: ClassVar[str] = "sealed-record.corrected/1"
    title: ClassVar[str] = "Sealed record corrected"
    book: ClassVar[Book] = Book.SEALED


class RecordVoided(_AboutEntry):
    """A record of the open book was entered in error: it stays as it was written, and counts no longer."""

    type: ClassVar[str] = "record.voided/1"
    title: ClassVar[str] = "Record voided"


class SealedRecordVoided(_AboutEntry):
    """A record of the sealed book was entered in error."""

    type: ClassVar[str] = "sealed-record.voided/1"
    title: ClassVar[str] = "Sealed record voided"
    book: ClassVar[Book] = Book.SEALED
