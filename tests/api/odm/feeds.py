"""Feeds for tests: a small one put together record by record, and the real one of the shared data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from api.odm.importing import OdmImported, import_feed
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.sections import PLAIN
from ledger.recording.reader import LedgerReader
from tests.shared_data import shared_data

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
MDSOL = "{http://www.mdsol.com/ns/odm/metadata}"
HEAD = (
    '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:v="urn:vendor" ODMVersion="1.3.2" FileType="Transactional"'
    ' FileOID="F1" CreationDateTime="2021-01-01T00:00:00">'
)


def rave() -> Path:
    """The real feed."""
    return shared_data("odm/rave-audit-feed/car_message.xml")


@dataclass(frozen=True)
class Entry:
    """A record of a value of an item; what is changed of it is a string of XML."""

    id: str
    value: str | None = "1"
    transaction: str = "Upsert"
    subject: str = "P-1"
    item: str = "VS.PULSE"
    at: str = "2020-05-06T10:30:00"
    user: str = "mkoch"
    reason: str = ""
    more: str = ""
    audit: str | None = None

    def but(self, **changes: Any) -> "Entry":
        return replace(self, **changes)

    @property
    def audit_record(self) -> str:
        if self.audit is not None:
            return self.audit
        return (
            f'<AuditRecord><UserRef UserOID="{self.user}"/><LocationRef LocationOID="S01"/>'
            f"<DateTimeStamp>{self.at}</DateTimeStamp><ReasonForChange>{self.reason}</ReasonForChange>"
            f"<SourceID>{self.id}</SourceID></AuditRecord>"
        )

    @property
    def item_data(self) -> str:
        value = "" if self.value is None else f' Value="{self.value}"'
        head = f'<ItemData ItemOID="{self.item}" TransactionType="{self.transaction}"{value}>'
        return f"{head}{self.audit_record}{self.more}</ItemData>"

    def __str__(self) -> str:
        return subject_data(self.item_data, self.subject)


def subject_data(items: str, subject: str = "P-1") -> str:
    """The items of a subject, in the levels around them."""
    return (
        f'<ClinicalData StudyOID="T1" MetaDataVersionOID="7">\n<SubjectData SubjectKey="{subject}">'
        '<SiteRef LocationOID="S01"/><StudyEventData StudyEventOID="V1" StudyEventRepeatKey="1"><FormData FormOID="VS">'
        f'<ItemGroupData ItemGroupOID="VS">{items}</ItemGroupData></FormData></StudyEventData></SubjectData>\n'
        "</ClinicalData>\n"
    )


def feed(*entries: Entry | str, head: str = HEAD) -> str:
    """A feed of these records."""
    return f"{head}\n{''.join(map(str, entries))}</ODM>\n"


FIRST = Entry("1", "60")


def imported(folder: Path, *entries: Entry | str, name: str = "feed.xml", **options: Any) -> OdmImported:
    """What comes of an import of a feed of these records into `folder / "t.db"`."""
    path = folder / name
    path.write_text(feed(*entries), encoding="utf-8")
    return import_feed(path, folder / "t.db", **options)


def claims(ledger: Path) -> list[Fact]:
    """The records of sources in a ledger."""
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with reader:
        found = [fact for fact in reader.facts() if fact.type == "source-record.claimed/1"]
    reader.close()
    return found


Said = dict[str, Any]


def records_of(path: Path) -> Iterator[Said]:
    """What each AuditRecord of a file of ODM 1.3 says, and of what: read by another library, without what is ours."""
    for audit in etree.parse(path).getroot().iterfind(f"{ODM}ClinicalData//{ODM}AuditRecord"):
        about = audit.getparent()
        assert about is not None
        around = [about, *about.iterancestors()]
        said: Said = {"level": etree.QName(about).localname}
        for element in around:
            for name, value in element.attrib.items():
                if name == f"{MDSOL}SubjectName" or (name == "TransactionType" and element is not about):
                    continue
                if not str(name).startswith("{https://trial-ledger.org") and element.tag != f"{ODM}ODM":
                    said[f"{etree.QName(element).localname}/@{name}"] = value
        for child in audit:
            said[etree.QName(child).localname] = child.text or dict(child.attrib)
        said["vendor"] = [(child.tag, dict(child.attrib)) for child in about if not str(child.tag).startswith(ODM)]
        units = [child.get("MeasurementUnitOID") for child in about.iterfind(f"{ODM}MeasurementUnitRef")]
        sites = [child.get("LocationOID") for child in around[-3].iterfind(f"{ODM}SiteRef")]
        yield said | {"units": units, "sites": sites}
