"""From screening to the place on the allocation list. The arm itself is sealed (`ArmAssigned`)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from ledger.domain.events.base import (
    ENROLMENT_LOG,
    NO_CONTROLS,
    Code,
    Event,
    Facts,
    InSection,
    Name,
    SubjectEvent,
    SubjectId,
    Text,
    allocation_stream,
)
from ledger.domain.vocabulary import Book
from ledger.proof.sections import IDENTITY

Value = StrictBool | StrictInt | Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROLS)]
"""A screening value: yes/no, an integer, or text (terms, dates, and decimals as strings)."""


class Screening(Facts):
    """The values that were found at screening, by the names that the protocol gives them."""

    subject: SubjectId
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Value]


class CriterionOutcome(Facts):
    """What came of one eligibility criterion, with the values that decided it."""

    criterion: Code
    result: Literal["MET", "NOT_MET", "NOT_APPLICABLE", "MISSING"]
    sentence: Text


class ScreeningCompleted(Screening, SubjectEvent):
    """Eligibility as computed from the values, criterion by criterion, or (`CLAIMED`) as a source states it.

    `failed` lists the criteria that stand in the way.
    """

    type: ClassVar[str] = "screening.completed/1"
    title: ClassVar[str] = "Screening completed"

    basis: Literal["COMPUTED", "CLAIMED"] = "COMPUTED"
    eligible: bool
    results: tuple[CriterionOutcome, ...] = ()
    failed: tuple[Code, ...] = ()


class Waiver(Facts):
    """A failed criterion that was waived for a subject, why, and by whom."""

    subject: SubjectId
    criterion: Code
    reason: Text
    approved_by: Annotated[Name, InSection(IDENTITY)]


class WaiverGranted(Waiver, SubjectEvent):
    """An eligibility criterion was waived; whoever enrols on it leaves a protocol deviation."""

    type: ClassVar[str] = "waiver.granted/1"
    title: ClassVar[str] = "Eligibility waiver granted"


class Enrolment(Facts):
    """Whom to enrol."""

    subject: SubjectId


class SubjectEnrolled(Enrolment, SubjectEvent):
    """The subject is in the trial, as number `number` of the enrolment log."""

    type: ClassVar[str] = "subject.enrolled/1"
    title: ClassVar[str] = "Subject enrolled"

    site: Code
    number: int = Field(ge=1)
    waived: tuple[Code, ...] = ()


class EnrolmentCounted(Event):
    """The enrolment log goes up by one. Its version is the number: the guard of the enrolment cap."""

    type: ClassVar[str] = "enrolment.counted/1"
    title: ClassVar[str] = "Enrolment counted"

    subject: SubjectId
    site: Code
    number: int = Field(ge=1)

    @property
    def stream(self) -> str:
        return ENROLMENT_LOG


class Randomization(Facts):
    """Whom to randomize."""

    subject: SubjectId


class SubjectRandomized(Randomization, SubjectEvent):
    """The subject holds entry `index` (from 1) of the list of `stratum`. `claimed`: by an imported source.

    By minimisation all strata have one list, and `AllocationDrawn` names it.
    """

    type: ClassVar[str] = "subject.randomized/1"
    title: ClassVar[str] = "Subject randomized"

    site: Code
    stratum: Code
    index: int = Field(ge=1)
    claimed: bool = False


class AllocationDrawn(Event):
    """An index of the allocation list is taken: the smallest that is left, or with an `AllocationOutOfTurn` beside it.

    `list_name`: the list, where it isn't the stratum's own. Guards on the list's stream keep two from drawing the same.
    """

    type: ClassVar[str] = "allocation.drawn/1"
    title: ClassVar[str] = "Allocation index drawn"

    subject: SubjectId
    stratum: Code
    index: int = Field(ge=1)
    list_name: Code | None = None
    claimed: bool = False

    @property
    def stream(self) -> str:
        return allocation_stream(self.list_name or self.stratum)


class ArmAssigned(SubjectEvent):
    """Which arm the drawn index stands for."""

    type: ClassVar[str] = "arm.assigned/1"
    title: ClassVar[str] = "Arm assigned"
    book: ClassVar[Book] = Book.SEALED

    arm: Code
    stratum: Code
    index: int = Field(ge=1)
    claimed: bool = False
