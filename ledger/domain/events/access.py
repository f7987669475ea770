"""Who may see more than a role does, and who has seen, taken away, or been refused what. ICH E6(R3) 4.2.2, 4.3.

1. A look is recorded before the data are handed out, once a session and class; who looks is the actor of the entry.
2. Looks at arms are sealed, with all that they are about: that somebody looks may come from what an arm has done.
3. Who has arms in sight leaves no trace in the open book at all, whatever they look at, for the same reason. So there
   are two types of each: an open one, for those who do not know an arm, and a sealed one.
4. At which names somebody looked stands in the open event's section of class `identity`.
5. Looks are recorded by the ledger itself: no command makes such an event, and nobody corrects one.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import Code, Event, Facts, InSection, Name, Text, TrialEvent
from ledger.domain.vocabulary import Book, Role
from ledger.domain.when import When
from ledger.proof.sections import ARM, IDENTITY

ACCESS_STREAM = "access"
"""The stream of looks, of the same name in both books."""

Person = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""The pseudonym under which somebody gives commands, and looks."""
GrantedClass = Annotated[str, StringConstraints(pattern=f"^({ARM}|{IDENTITY})$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Grant(Facts):
    """Who may see which classes of data in which role, until when (for good, without), and why."""

    person: Person
    role: Role
    classes: Annotated[tuple[GrantedClass, ...], Field(min_length=1)]
    until: When | None = None
    reason: Text


class AccessGranted(Grant, TrialEvent):
    """An auditor or inspector was granted access to names or arms."""

    type: ClassVar[str] = "access.granted/1"
    title: ClassVar[str] = "Access granted"


class Revocation(Facts):
    """Whose grants, in which role, are revoked, and why."""

    person: Person
    role: Role
    reason: Text


class AccessRevoked(Revocation, TrialEvent):
    """All that a person was granted in a role was revoked."""

    type: ClassVar[str] = "access.revoked/1"
    title: ClassVar[str] = "Access revoked"


class _Look(Event):
    @property
    def stream(self) -> str:
        return ACCESS_STREAM


class IdentityAccessed(_Look):
    """Names of persons were looked at, of the sites named or (without any) of all."""

    type: ClassVar[str] = "identity.accessed/1"
    title: ClassVar[str] = "Names accessed"

    what: Annotated[Name, InSection(IDENTITY)]
    sites: Annotated[tuple[Code, ...], InSection(IDENTITY)] = ()


class SealedIdentityAccessed(_Look):
    """Names of persons were looked at by somebody who has arms in sight."""

    type: ClassVar[str] = "sealed-identity.accessed/1"
    title: ClassVar[str] = "Names accessed, by who knows arms"
    book: ClassVar[Book] = Book.SEALED

    what: Name
    sites: tuple[Code, ...] = ()


class ArmAccessed(_Look):
    """Arms were looked at, or what depends on them."""

    type: ClassVar[str] = "arm.accessed/1"
    title: ClassVar[str] = "Arms accessed"
    book: ClassVar[Book] = Book.SEALED

    what: Name


class Refused(Facts):
    """Which class of data somebody wanted and may not see, and what it was for."""

    wanted: Code
    what: Name


class AccessRefused(Refused, _Look):
    """Access was refused."""

    type: ClassVar[str] = "access.refused/1"
    title: ClassVar[str] = "Access refused"


class SealedAccessRefused(Refused, _Look):
    """Access was refused to somebody who has arms in sight."""

    type: ClassVar[str] = "sealed-access.refused/1"
    title: ClassVar[str] = "Access refused, to who knows arms"
    book: ClassVar[Book] = Book.SEALED


class Export(Facts):
    """What was taken out of the ledger: its kind, the classes of data in it, and the file's SHA-256 (hex)."""

    kind: Name
    classes: tuple[Code, ...]
    sha256: Sha256 | None = None


class ExportMade(Export, _Look):
    """Data of the open book were exported."""

    type: ClassVar[str] = "export.made/1"
    title: ClassVar[str] = "Export made"


class SealedExportMade(Export, _Look):
    """Data were exported with arms, or by somebody who has arms in sight."""

    type: ClassVar[str] = "sealed-export.made/1"
    title: ClassVar[str] = "Export made, with arms"
    book: ClassVar[Book] = Book.SEALED
