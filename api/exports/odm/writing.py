"""ODM 1.3.2: forms, and values as attributes. The audit record comes first in an element."""

from pathlib import Path
from typing import ClassVar

from api.exports.odm.document import Document, write_file
from api.exports.odm.model import EVENT, FORM, GROUP, ITEM, SUBJECT, Definitions, Item, Record
from api.exports.odm.xml import Attributes
from api.exports.source import Source


def write(source: Source, folder: Path) -> None:
    """Write the file."""
    write_file(Odm132, source, folder)


class Odm132(Document):
    """A file of ODM 1.3.2."""

    namespace: ClassVar[str] = "http://www.cdisc.org/ns/odm/v1.3"
    odm_version: ClassVar[str] = "1.3.2"
    imputation: ClassVar[str] = "UsedImputationMethod"

    def study(self, oid: str, versions: list[Definitions]) -> None:
        registration = self.source.protocol.registration
        with self.xml.element("Study", {"OID": oid}):
            with self.xml.element("GlobalVariables", {}):
                self.xml.leaf("StudyName", {}, oid)
                self.xml.leaf("StudyDescription", {}, registration.brief_title)
                self.xml.leaf("ProtocolName", {}, registration.org_study_id)
            if self.found.units:
                with self.xml.element("BasicDefinitions", {}):
                    for unit in self.found.units:
                        with self.xml.element("MeasurementUnit", {"OID": unit, "Name": unit}):
                            self._text("Symbol", unit)
            for version in versions:
                self._version(version)

    def _version(self, version: Definitions) -> None:
        with self.xml.element("MetaDataVersion", {"OID": version.oid, "Name": version.name}):
            with self.xml.element("Protocol", {}):
                for number, event in enumerate(version.events, 1):
                    self.xml.leaf("StudyEventRef", _ref("StudyEventOID", event.oid, number))
            for event in version.events:
                attributes = {"OID": event.oid, "Name": event.name, "Repeating": _yes(event.repeating)}
                with self.xml.element("StudyEventDef", {**attributes, "Type": "Common"}):
                    for number, oid in enumerate(event.holds, 1):
                        self.xml.leaf("FormRef", _ref("FormOID", oid, number))
            for form in version.forms:
                with self.xml.element(
                    "FormDef", {"OID": form.oid, "Name": form.name, "Repeating": _yes(form.repeating)}
                ):
                    for number, oid in enumerate(form.holds, 1):
                        self.xml.leaf("ItemGroupRef", _ref("ItemGroupOID", oid, number))
            mandatory = {item.oid for item in version.items if item.mandatory}
            for group in version.groups:
                attributes = {"OID": group.oid, "Name": group.name, "Repeating": "Yes"}
                reference = "Yes" if group.reference else None
                with self.xml.element("ItemGroupDef", {**attributes, "IsReferenceData": reference}):
                    if group.description is not None:
                        self._text("Description", group.description)
                    for number, oid in enumerate(group.items, 1):
                        self.xml.leaf("ItemRef", _ref("ItemOID", oid, number, mandatory=oid in mandatory))
            for item in version.items:
                length = None if item.length is None else str(item.length)
                attributes = {"OID": item.oid, "Name": item.name, "DataType": item.type}
                with self.xml.element("ItemDef", {**attributes, "Length": length}):
                    if item.codes is not None:
                        self.xml.leaf("CodeListRef", {"CodeListOID": item.codes})
            for codes in version.codes:
                with self.xml.element("CodeList", {"OID": codes.oid, "Name": codes.name, "DataType": "text"}):
                    for term in codes.terms:
                        self.xml.leaf("EnumeratedItem", {"CodedValue": term})

    def _text(self, tag: str, text: str) -> None:
        with self.xml.element(tag, {}):
            self.xml.leaf("TranslatedText", {"xml:lang": "en"}, text)

    def admin(self) -> None:
        with self.xml.element("AdminData", {"StudyOID": self.found.study}):
            for user in self.found.users:
                with self.xml.element("User", {"OID": user.oid}):
                    self.xml.leaf("DisplayName", {}, user.name)
                    if user.organisation is not None:
                        self.xml.leaf("Organization", {}, user.organisation)
            for place in self.found.locations:
                with self.xml.element("Location", {"OID": place.oid, "Name": place.name, "LocationType": place.kind}):
                    for version in place.versions:
                        known = {"StudyOID": place.study, "MetaDataVersionOID": version, "EffectiveDate": place.since}
                        self.xml.leaf("MetaDataVersionRef", known)

    def subject_data(self, record: Record) -> None:
        with self.level(SUBJECT, {"SubjectKey": record.subject}, record):
            self._audit_at(SUBJECT, record)
            if record.investigator is not None:
                self.xml.leaf("InvestigatorRef", {"UserOID": record.investigator})
            if record.site is not None:
                self.xml.leaf("SiteRef", {"LocationOID": record.site})
            if record.event is not None:
                keys = {"StudyEventOID": record.event, "StudyEventRepeatKey": record.event_repeat}
                with self.level(EVENT, keys, record):
                    self._audit_at(EVENT, record)
                    self._form(record)
                    self.elements(record, EVENT)
            self.elements(record, SUBJECT)

    def _form(self, record: Record) -> None:
        if record.form is None:
            return
        with self.level(FORM, {"FormOID": record.form, "FormRepeatKey": record.form_repeat}, record):
            self._audit_at(FORM, record)
            if record.group is not None:
                self.group_data(record, {})
            self.elements(record, FORM)

    def group_data(self, record: Record, attributes: Attributes) -> None:
        keys = {"ItemGroupOID": record.group, "ItemGroupRepeatKey": record.group_repeat, **attributes}
        with self.level(GROUP, keys, record):
            self._audit_at(GROUP, record)
            for item in record.items:
                self._item(item, record)
            self.elements(record, GROUP)

    def _item(self, item: Item, record: Record) -> None:
        attributes = {
            "ItemOID": item.oid,
            "TransactionType": item.transaction,
            "IsNull": "Yes" if item.is_null else None,
            "Value": item.value,
            "tl:OldValue": item.old,
            "tl:Withheld": "Yes" if item.withheld else None,
            **self.qualified(record, ITEM),
        }
        if record.level != ITEM:
            self.xml.leaf("ItemData", attributes)
            return
        with self.xml.element("ItemData", attributes):
            self._audit_at(ITEM, record)
            if item.unit is not None:
                self.xml.leaf("MeasurementUnitRef", {"MeasurementUnitOID": item.unit})
            self.elements(record, ITEM)

    def _audit_at(self, tag: str, record: Record) -> None:
        if record.level == tag:
            self.audit(record.audit, record)


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def _ref(attribute: str, oid: str, number: int, *, mandatory: bool = False) -> Attributes:
    return {attribute: oid, "OrderNumber": str(number), "Mandatory": _yes(mandatory)}
