"""The erasure of a subject's names: the event stands before their key is destroyed, and stays for good."""

from typing import ClassVar

from ledger.domain.events.base import Facts, SubjectEvent, SubjectId, Text


class Erasure(Facts):
    """Whose names are erased, and why."""

    subject: SubjectId
    reason: Text


class IdentityErased(Erasure, SubjectEvent):
    """What names persons in the records of this subject can be read no more, by anybody."""

    type: ClassVar[str] = "identity.erased/1"
    title: ClassVar[str] = "Identity erased"
