"""Events of the trial as a whole. They are acts of a closed list, open whoever reports them."""

from typing import Any, ClassVar

from pydantic import Field

from ledger.domain.events.base import Code, Facts, Name, SubjectId, Text, TrialEvent, Values
from ledger.domain.vocabulary import Book, DmcRecommendation
from ledger.domain.when import When


class Registration(Facts):
    """The protocol under which the trial begins (a `Protocol` as JSON)."""

    protocol: dict[str, Any]


class TrialRegistered(Registration, TrialEvent):
    """The trial exists in this ledger; always the first event."""

    type: ClassVar[str] = "trial.registered/1"
    title: ClassVar[str] = "Trial registered"


class Amendment(Facts):
    """A protocol amendment: its name, the whole protocol as amended, and why."""

    amendment: Code
    protocol: dict[str, Any]
    reason: Text


class ProtocolAmended(Amendment, TrialEvent):
    """From here on the protocol is the amended one."""

    type: ClassVar[str] = "protocol.amended/1"
    title: ClassVar[str] = "Protocol amended"


class SiteChange(Facts):
    """A site, and why it is opened or closed."""

    site: Code
    reason: Text | None = None


class SiteActivated(SiteChange, TrialEvent):
    """The site may obtain consents."""

    type: ClassVar[str] = "site.activated/1"
    title: ClassVar[str] = "Site activated"


class SiteClosed(SiteChange, TrialEvent):
    """The site may obtain no further consents; follow-up goes on."""

    type: ClassVar[str] = "site.closed/1"
    title: ClassVar[str] = "Site closed"


class Reason(Facts):
    """Why."""

    reason: Text


class AuthorityDecision(Reason):
    """Why, and by which authority."""

    authority: Name


class TrialTemporarilyHalted(Reason, TrialEvent):
    """Temporary halt: by the sponsor, meaning to resume (EU CTR article 2(2)(28))."""

    type: ClassVar[str] = "trial.temporarily-halted/1"
    title: ClassVar[str] = "Trial temporarily halted"


class TrialSuspended(AuthorityDecision, TrialEvent):
    """Suspension: by an authority (EU CTR article 77)."""

    type: ClassVar[str] = "trial.suspended/1"
    title: ClassVar[str] = "Trial suspended by an authority"


class ClinicalHoldImposed(AuthorityDecision, TrialEvent):
    """Clinical hold (21 CFR 312.42)."""

    type: ClassVar[str] = "trial.clinical-hold-imposed/1"
    title: ClassVar[str] = "Clinical hold imposed"


class TrialRestarted(Reason, TrialEvent):
    """The trial recruits again."""

    type: ClassVar[str] = "trial.restarted/1"
    title: ClassVar[str] = "Trial restarted"


class TrialTerminatedEarly(Reason, TrialEvent):
    """Early termination: the trial will not be resumed."""

    type: ClassVar[str] = "trial.terminated-early/1"
    title: ClassVar[str] = "Trial terminated early"


class Recommendation(Facts):
    """What the data monitoring committee recommends."""

    recommendation: DmcRecommendation
    text: Text | None = None


class DmcRecommended(Recommendation, TrialEvent):
    """The data monitoring committee has recommended something."""

    type: ClassVar[str] = "dmc.recommended/1"
    title: ClassVar[str] = "DMC recommendation"


class CutOff(Facts):
    """Up to when data count for an analysis, and for which."""

    cut_off: When
    purpose: Text


class DataCutOffDeclared(CutOff, TrialEvent):
    """A data cut-off has been declared."""

    type: ClassVar[str] = "data.cut-off-declared/1"
    title: ClassVar[str] = "Data cut-off declared"


class DatabaseLocked(Reason, TrialEvent):
    """No further data are expected; what still comes is recorded and raises a deviation."""

    type: ClassVar[str] = "database.locked/1"
    title: ClassVar[str] = "Database locked"


class DatabaseUnlocked(Reason, TrialEvent):
    """The database takes data again."""

    type: ClassVar[str] = "database.unlocked/1"
    title: ClassVar[str] = "Database unlocked"


class SourceFile(Facts):
    """One file of an import: its SHA-256 (hex), how many rows it has, how many became records."""

    name: Name
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int
    recorded: int
    rejected: int


class ImportReport(Facts):
    """Which files were imported, and the rows that could not be, each with its reason."""

    tool: Name
    files: tuple[SourceFile, ...]
    rejected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class KeptRow(Facts):
    """What stays of a row of an import as its source has it: of which dataset, of whom, and the values."""

    dataset: Name
    subject: SubjectId
    values: Values


class SealedImportReport(ImportReport):
    """The same of what depends on an arm, with the values that no other record takes. Large imports report in parts."""

    kept: tuple[KeptRow, ...] | None = None


class DataImported(ImportReport, TrialEvent):
    """An import has ended."""

    type: ClassVar[str] = "data.imported/1"
    title: ClassVar[str] = "Data imported"


class SealedDataImported(SealedImportReport, TrialEvent):
    """What of an import depends on an arm: whole files by their digest, rows of treatments, what was rejected there."""

    type: ClassVar[str] = "sealed-data.imported/1"
    title: ClassVar[str] = "Sealed data imported"
    book: ClassVar[Book] = Book.SEALED
