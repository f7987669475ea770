"""What both versions of ODM are written with: the order of the parts, vendors' attributes and elements, ours.

1. Order: studies, people and places, then what is about no subject, then the subjects' data, each in the order of
   recording. An element ClinicalData is begun anew where study, version or a vendor's attributes on it change.
2. What a source has of vendors goes back to where it stood, in its namespace. What it has of ODM itself beside its data
   (annotations, signatures) stands in ours: an element of ours is valid whatever it holds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from api.exports.odm.mapping import claimed, is_claimed, native, of_subject
from api.exports.odm.model import TL, Audit, Definitions, Record
from api.exports.odm.surveying import Surveyed, survey
from api.exports.odm.xml import Attributes, Xml
from api.exports.source import Source
from ledger.domain.history import Fact

FILE: Final = "odm.xml"


@dataclass
class _Element:
    """An element that a source has beside ODM's own data."""

    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    below: "dict[str, _Element]" = field(default_factory=dict)


class Document(ABC):
    """One file of one version of ODM."""

    namespace: ClassVar[str]
    odm_version: ClassVar[str]
    imputation: ClassVar[str]
    """The attribute of an audit record that says whether a value was imputed."""

    def __init__(self, source: Source, xml: Xml) -> None:
        self.source, self.xml = source, xml
        self.found: Surveyed = survey(source)

    def write(self) -> None:
        """Write all of it."""
        with self.xml.element("ODM", self._root()):
            for oid, versions in self.found.studies.items():
                self.study(oid, versions)
            self.admin()
            self._reference()
            self._clinical()

    @abstractmethod
    def study(self, oid: str, versions: list[Definitions]) -> None:
        """A study with its definitions."""

    @abstractmethod
    def admin(self) -> None:
        """People and places."""

    @abstractmethod
    def subject_data(self, record: Record) -> None:
        """A record about a subject, from the element SubjectData on."""

    @abstractmethod
    def group_data(self, record: Record, attributes: Attributes) -> None:
        """The item group of a record, with its items. `attributes`: further ones."""

    def audit(self, audit: Audit, record: Record) -> None:
        """An audit record."""
        attributes = {
            "EditPoint": audit.edit_point,
            self.imputation: None if audit.used_imputation is None else "Yes" if audit.used_imputation else "No",
            **{f"tl:{name}": value for name, value in audit.ours.items()},
            **self.qualified(record, "AuditRecord"),
        }
        with self.xml.element("AuditRecord", attributes):
            self.xml.leaf("UserRef", {"UserOID": audit.user})
            self.xml.leaf("LocationRef", {"LocationOID": audit.location})
            self.xml.leaf("DateTimeStamp", {}, audit.at)
            if audit.reason is not None:
                self.xml.leaf("ReasonForChange", {}, audit.reason)
            if audit.source_id is not None:
                self.xml.leaf("SourceID", {}, audit.source_id)
            self.elements(record, "AuditRecord")

    def qualified(self, record: Record, tag: str) -> dict[str, str]:
        """The attributes that a source has on an element of ODM beside ODM's own."""
        return {self._prefixed(record, one.name, bare="tl:"): one.value for one in record.extras if one.on == tag}

    def elements(self, record: Record, tag: str) -> None:
        """The elements that a source has in an element of ODM beside ODM's data."""
        below: dict[str, _Element] = {}
        for one in record.extras:
            head, *path = one.on.split("/")
            if head == tag and path:
                place = below
                for step in path[:-1]:
                    place = place.setdefault(step, _Element()).below
                element = place.setdefault(path[-1], _Element())
                if one.name == ".":
                    element.text = one.value
                else:
                    element.attributes[self._prefixed(record, one.name, bare="")] = one.value
        self._emit(record, below)

    def _emit(self, record: Record, elements: dict[str, _Element]) -> None:
        for step, element in elements.items():
            tag = self._prefixed(record, step.rpartition("[")[0], bare="tl:")
            if not element.below:
                self.xml.leaf(tag, element.attributes, element.text or None)
                continue
            with self.xml.element(tag, element.attributes):
                if element.text:
                    self.xml.leaf("tl:Text", {}, element.text)
                self._emit(record, element.below)

    def _prefixed(self, record: Record, name: str, *, bare: str) -> str:
        """A name as this file writes it. One without a prefix gets `bare`."""
        prefix, colon, local = name.rpartition(":")
        return f"{self.found.prefixes[record.namespaces[prefix]]}:{local}" if colon else bare + name

    def _root(self) -> Attributes:
        made_at = self.source.made_at
        return {
            "xmlns": self.namespace,
            "xmlns:tl": TL,
            **{f"xmlns:{prefix}": _apart(uri) for uri, prefix in self.found.prefixes.items()},
            "FileType": "Transactional",
            "Granularity": "All",
            "FileOID": f"{self.source.origin}@{self.source.as_of}",
            "CreationDateTime": made_at,
            "AsOfDateTime": made_at,
            "ODMVersion": self.odm_version,
            "Originator": self.source.protocol.sponsor.name,
            "SourceSystem": "trial-ledger",
        }

    def _reference(self) -> None:
        with ExitStack() as within:
            begun = False
            for fact in self.source.facts():
                if of_subject(fact):
                    continue
                if not begun:
                    begun = True
                    where = {"StudyOID": self.found.study, "MetaDataVersionOID": self.found.version}
                    within.enter_context(self.xml.element("ReferenceData", where))
                self.group_data(self._record(fact), {})

    def _clinical(self) -> None:
        current: dict[str, str] | None = None
        for fact in self.source.facts():
            if not of_subject(fact):
                continue
            record = self._record(fact)
            wanted = {
                "StudyOID": record.study,
                "MetaDataVersionOID": record.version,
                **self.qualified(record, "ClinicalData"),
            }
            if wanted != current:
                if current is not None:
                    self.xml.end()
                current = wanted
                self.xml.start("ClinicalData", wanted)
            self.subject_data(record)
        if current is not None:
            self.xml.end()

    def _record(self, fact: Fact) -> Record:
        if is_claimed(fact):
            return claimed(fact)
        return native(fact, self.found.study, self.found.version, self.found.sites)

    @contextmanager
    def level(self, tag: str, attributes: Attributes, record: Record) -> Iterator[None]:
        """An element of the data, with the transaction if it is the record's own, and with vendors' attributes."""
        own = record.transaction if tag == record.level else None
        with self.xml.element(tag, {**attributes, "TransactionType": own, **self.qualified(record, tag)}):
            yield


def _apart(uri: str) -> str:
    """The namespace of a source as this file has it: what another ledger's export says in ours is not ours to say."""
    return f"{uri}/source" if uri.startswith(TL) else uri


def write_file(cls: type[Document], source: Source, folder: Path) -> None:
    """Write the file of an export."""
    with (folder / FILE).open("w", encoding="utf-8", newline="\n") as file:
        cls(source, Xml(file)).write()
