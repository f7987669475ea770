"""What of ODM 1.3 a feed of audit records may hold: elements, attributes, and how they lie in each other.

From the schema (ODM1-3-2-foundation.xsd), as far as an import reads it. Whatever has a namespace of its own is a
vendor's and may stand anywhere.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the data: the field of a record that has its OID, and the attribute that the OID stands in."""

    tag: str
    field: str
    key: str
    repeat: str | None
    below: tuple[str, ...]


LEVELS: Final = {
    level.tag: level
    for level in (
        Level("SubjectData", "subject_key", "SubjectKey", None, ("StudyEventData",)),
        Level("StudyEventData", "study_event", "StudyEventOID", "StudyEventRepeatKey", ("FormData",)),
        Level("FormData", "form", "FormOID", "FormRepeatKey", ("ItemGroupData",)),
        Level("ItemGroupData", "item_group", "ItemGroupOID", "ItemGroupRepeatKey", ("ItemData",)),
        Level("ItemData", "item", "ItemOID", None, ()),
    )
}
ONCE: Final = {
    "SubjectData": ("AuditRecord", "Signature", "InvestigatorRef", "SiteRef"),
    "StudyEventData": ("AuditRecord", "Signature"),
    "FormData": ("AuditRecord", "Signature", "ArchiveLayoutRef"),
    "ItemGroupData": ("AuditRecord", "Signature"),
    "ItemData": ("AuditRecord", "Signature", "MeasurementUnitRef"),
    "AuditRecord": ("UserRef", "LocationRef", "DateTimeStamp", "ReasonForChange", "SourceID"),
}
"""Children that an element may have once; beside them a level may have Annotation, and the levels below it."""
NEEDED: Final = ("UserRef", "LocationRef", "DateTimeStamp")
ATTRIBUTES: Final = {
    "SubjectData": ("SubjectKey", "TransactionType"),
    "StudyEventData": ("StudyEventOID", "StudyEventRepeatKey", "TransactionType"),
    "FormData": ("FormOID", "FormRepeatKey", "TransactionType"),
    "ItemGroupData": ("ItemGroupOID", "ItemGroupRepeatKey", "TransactionType"),
    "ItemData": ("ItemOID", "TransactionType", "Value", "IsNull"),
    "AuditRecord": ("EditPoint", "UsedImputationMethod", "ID"),
    "UserRef": ("UserOID",),
    "LocationRef": ("LocationOID",),
    "SiteRef": ("LocationOID",),
    "InvestigatorRef": ("UserOID",),
    "MeasurementUnitRef": ("MeasurementUnitOID",),
    "DateTimeStamp": (),
    "ReasonForChange": (),
    "SourceID": (),
    "ClinicalData": ("StudyOID", "MetaDataVersionOID"),
}
TRANSACTIONS: Final = ("Insert", "Update", "Remove", "Upsert", "Context")
NOT_READ: Final = {
    "ClinicalData": ("Study", "AdminData", "ReferenceData", "Association"),
    "SubjectData": ("Signatures", "Annotations"),
}
"""What a feed may hold beside these; it is reported, and not imported."""
BY_REFERENCE: Final = "audit records by reference (AuditRecordID) are not read; they stand in the data they are about"
"""Of AuditRecords, and of ItemData with a type of its own: neither holds its audit record."""
