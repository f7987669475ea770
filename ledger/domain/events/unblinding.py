"""Who came to know an arm, and how; what such a person enters afterwards; and the erasure of a subject's names.

1. That somebody was unblinded is open, for whoever reads the open book has to know whose word is no longer masked. The
   arm itself stays sealed: no event here has a field for it.
2. `EnteredUnblinded` holds, in the sealed book, the event that the open book would have had from a masked person:
   its type and its content. Names of persons are not among it.
3. `ReporterNamed` says in the sealed book who reported a fact that is open whoever reports it, where to be named
   would tell the arm (a pharmacist has met the subject).
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import (
    TRIAL_STREAM,
    Code,
    Event,
    Facts,
    Name,
    SubjectEvent,
    SubjectId,
    Text,
    TrialEvent,
    subject_stream,
)
from ledger.domain.vocabulary import Book, Role

PersonId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""The pseudonym under which somebody gives commands."""


class CodeBreak(Facts):
    """Whose code is broken in an emergency, and why the subject's care needs it."""

    subject: SubjectId
    reason: Text


class CodeBroken(CodeBreak, SubjectEvent):
    """The code of one subject was broken in an emergency; the actor of the entry knows the arm from then on."""

    type: ClassVar[str] = "code.broken/1"
    title: ClassVar[str] = "Code broken"


class Unblinding(Facts):
    """Who is to know the arms, and of whom: of the subjects named, or (without any) of the whole trial."""

    person: PersonId
    role: Role
    subjects: tuple[SubjectId, ...] = ()


class UnblindingRequest(Unblinding):
    """A planned unblinding that is asked for, and why."""

    reason: Text


class UnblindingRequested(UnblindingRequest, TrialEvent):
    """A planned unblinding was asked for; it unblinds nobody until another person has approved it."""

    type: ClassVar[str] = "unblinding.requested/1"
    title: ClassVar[str] = "Unblinding requested"


class UnblindingApproval(Facts):
    """The request (its command's id) that is approved."""

    request: PersonId


class UnblindingApproved(Unblinding, TrialEvent):
    """A planned unblinding was approved by a second person; `person` knows the arms from then on."""

    type: ClassVar[str] = "unblinding.approved/1"
    title: ClassVar[str] = "Unblinding approved"

    request: PersonId


class InadvertentUnblinding(Facts):
    """Who came to know an arm without anybody's having meant it, of one subject or of all, and how."""

    person: PersonId
    role: Role
    subject: SubjectId | None = None
    how: Text


class UnblindingReported(InadvertentUnblinding, Event):
    """Somebody was unblinded inadvertently."""

    type: ClassVar[str] = "unblinding.reported/1"
    title: ClassVar[str] = "Inadvertent unblinding reported"

    @property
    def stream(self) -> str:
        return TRIAL_STREAM if self.subject is None else subject_stream(self.subject)


class EnvelopeExport(Facts):
    """Into whose keeping sealed envelopes were given, of how many subjects, and for what."""

    holder: PersonId
    subjects: Annotated[int, Field(ge=1)]
    reason: Text | None = None


class EnvelopesExported(EnvelopeExport, TrialEvent):
    """Sealed envelopes were made, one a subject, for times when the server is down."""

    type: ClassVar[str] = "envelopes.exported/1"
    title: ClassVar[str] = "Sealed envelopes exported"


class EnvelopeOpening(Facts):
    """Whose envelope was opened, why, and by whom, if not by whoever reports it."""

    subject: SubjectId
    person: PersonId | None = None
    reason: Text


class EnvelopeOpened(SubjectEvent):
    """A sealed envelope was opened; `person` knows the arm."""

    type: ClassVar[str] = "envelope.opened/1"
    title: ClassVar[str] = "Sealed envelope opened"

    person: PersonId
    reason: Text


class EnteredUnblinded(Event):
    """What somebody who knows the arm entered: the open event it would have been, as `recorded_type` and content.

    `unblinded_at` is when the record first said that this person knows; None where the role always does.
    """

    type: ClassVar[str] = "record.entered-unblinded/1"
    title: ClassVar[str] = "Entered after unblinding"
    book: ClassVar[Book] = Book.SEALED

    subject: SubjectId | None = None
    recorded_type: Code
    content: dict[str, Any]
    unblinded_at: Name | None = None

    @property
    def stream(self) -> str:
        return TRIAL_STREAM if self.subject is None else subject_stream(self.subject)


class ReporterNamed(SubjectEvent):
    """Who reported what the open book shows as recorded by the ledger, and the id that this command was given.

    The entry bears the mark of that id, as the open record of the same command does.
    """

    type: ClassVar[str] = "reporter.named/1"
    title: ClassVar[str] = "Reporter named"
    book: ClassVar[Book] = Book.SEALED

    recorded_type: Code
    person: PersonId
    role: Role
    org: Name
    command: PersonId
