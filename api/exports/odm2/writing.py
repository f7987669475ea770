"""ODM 2.0: no forms but item groups in item groups, and values as elements. The audit record comes after the data.

A form of a source is an item group around its groups. A measurement unit has no element any more; it stands in ours.
"""

from pathlib import Path
from typing import ClassVar

from api.exports.odm.document import Document, write_file
from api.exports.odm.model import EVENT, FORM, GROUP, ITEM, SUBJECT, Definitions, Item, Record
from api.exports.odm.xml import Attributes
from api.exports.source import Source


def write(source: Source, folder: Path) -> None:
    """Write the file."""
    write_file(Odm20, source, folder)


class Odm20(Document):
    """A file of ODM 2.0."""

    namespace: ClassVar[str] = "http://www.cdisc.org/ns/odm/v2.0"
    odm_version: ClassVar[str] = "2.0"
    imputation: ClassVar[str] = "UsedMethod"

    def study(self, oid: str, versions: list[Definitions]) -> None:
        registration = self.source.protocol.registration
        names = {"OID": oid, "StudyName": oid, "ProtocolName": registration.org_study_id}
        with self.xml.element("Study", names):
            self._text("Description", registration.brief_title)
            for version in versions:
                self._version(version)

    def _version(self, version: Definitions) -> None:
        with self.xml.element("MetaDataVersion", {"OID": version.oid, "Name": version.name}):
            groups = {form.oid: form.holds for form in version.forms}
            for event in version.events:
                attributes = {"OID": event.oid, "Name": event.name, "Repeating": "Yes" if event.repeating else "No"}
                with self.xml.element("StudyEventDef", {**attributes, "Type": "Common"}):
                    # An event of ours has its groups at once; a source's has its forms.
                    held = [oid for form in event.holds for oid in ((form,) if version.claimed else groups[form])]
                    for number, oid in enumerate(held, 1):
                        self.xml.leaf("ItemGroupRef", _ref("ItemGroupOID", oid, number))
            for form in version.forms if version.claimed else ():
                repeating = "Simple" if form.repeating else "No"
                kind = {"OID": form.oid, "Name": form.name, "Repeating": repeating, "Type": "Form"}
                with self.xml.element("ItemGroupDef", kind):
                    for number, oid in enumerate(form.holds, 1):
                        self.xml.leaf("ItemGroupRef", _ref("ItemGroupOID", oid, number))
            mandatory = {item.oid for item in version.items if item.mandatory}
            for group in version.groups:
                described = {
                    "OID": group.oid,
                    "Name": group.name,
                    "Repeating": "Simple",
                    "IsReferenceData": "Yes" if group.reference else None,
                    "Type": "Section" if version.claimed else "Form",
                }
                with self.xml.element("ItemGroupDef", described):
                    if group.description is not None:
                        self._text("Description", group.description)
                    for number, oid in enumerate(group.items, 1):
                        self.xml.leaf("ItemRef", _ref("ItemOID", oid, number, mandatory=oid in mandatory))
            for item in version.items:
                length = None if item.length is None else str(item.length)
                type_ = "decimal" if item.type == "float" else item.type
                with self.xml.element(
                    "ItemDef", {"OID": item.oid, "Name": item.name, "DataType": type_, "Length": length}
                ):
                    if item.codes is not None:
                        self.xml.leaf("CodeListRef", {"CodeListOID": item.codes})
            for codes in version.codes:
                with self.xml.element("CodeList", {"OID": codes.oid, "Name": codes.name, "DataType": "text"}):
                    for term in codes.terms:
                        self.xml.leaf("CodeListItem", {"CodedValue": term})

    def _text(self, tag: str, text: str) -> None:
        with self.xml.element(tag, {}):
            self.xml.leaf("TranslatedText", {"xml:lang": "en", "Type": "text/plain"}, text)

    def admin(self) -> None:
        organisations = sorted({user.organisation for user in self.found.users if user.organisation is not None})
        with self.xml.element("AdminData", {"StudyOID": self.found.study}):
            for user in self.found.users:
                organisation = None if user.organisation is None else f"O.{user.organisation}"
                with self.xml.element("User", {"OID": user.oid, "OrganizationOID": organisation}):
                    self.xml.leaf("UserName", {}, user.name)
            for name in organisations:
                self.xml.leaf("Organization", {"OID": f"O.{name}", "Name": name or "not stated", "Type": "Other"})
            for place in self.found.locations:
                with self.xml.element("Location", {"OID": place.oid, "Name": place.name, "Role": place.kind}):
                    for version in place.versions:
                        known = {"StudyOID": place.study, "MetaDataVersionOID": version, "EffectiveDate": place.since}
                        self.xml.leaf("MetaDataVersionRef", known)

    def subject_data(self, record: Record) -> None:
        with self.level(SUBJECT, {"SubjectKey": record.subject}, record):
            if record.investigator is not None:
                self.xml.leaf("InvestigatorRef", {"UserOID": record.investigator})
            if record.site is not None:
                self.xml.leaf("SiteRef", {"LocationOID": record.site})
            if record.event is not None:
                keys = {"StudyEventOID": record.event, "StudyEventRepeatKey": record.event_repeat}
                with self.level(EVENT, keys, record):
                    self._groups(record)
                    self._ends(EVENT, record)
            self._ends(SUBJECT, record)

    def _groups(self, record: Record) -> None:
        if record.version == self.found.version and record.study == self.found.study:
            self.group_data(record, {})
        elif record.form is not None:
            own = record.transaction if record.level == FORM else None
            keys = {"ItemGroupOID": record.form, "ItemGroupRepeatKey": record.form_repeat, "TransactionType": own}
            with self.xml.element("ItemGroupData", {**keys, **self.qualified(record, FORM)}):
                if record.group is not None:
                    self.group_data(record, {})
                self._ends(FORM, record)

    def group_data(self, record: Record, attributes: Attributes) -> None:
        keys = {"ItemGroupOID": record.group, "ItemGroupRepeatKey": record.group_repeat, **attributes}
        with self.level(GROUP, keys, record):
            for item in record.items:
                self._item(item, record)
            self._ends(GROUP, record)

    def _item(self, item: Item, record: Record) -> None:
        attributes = {
            "ItemOID": item.oid,
            "TransactionType": item.transaction,
            "IsNull": "Yes" if item.is_null else None,
            "tl:OldValue": item.old,
            "tl:Withheld": "Yes" if item.withheld else None,
            "tl:MeasurementUnit": item.unit,
            **self.qualified(record, ITEM),
        }
        with self.xml.element("ItemData", attributes):
            if item.value is not None:
                self.xml.leaf("Value", {}, item.value)
            if record.level == ITEM:
                self._ends(ITEM, record)

    def _ends(self, tag: str, record: Record) -> None:
        if record.level == tag:
            self.audit(record.audit, record)
        self.elements(record, tag)


def _ref(attribute: str, oid: str, number: int, *, mandatory: bool = False) -> Attributes:
    return {attribute: oid, "OrderNumber": str(number), "Mandatory": "Yes" if mandatory else "No"}
