"""What the audit trail of another system claims, record by record (CDISC ODM 1.3, element AuditRecord).

1. A claim of a source is data. Its users, locations, times and reasons are not ours: they stand in `claimed`, apart
   from the actor and the time of the entry, which are those of the import.
2. Claims lie in the open book: an electronic data capture system holds what masked people write. What only unblinded
   people may see there is kept out of its feed by its own administrators, and belongs into no import of it. The
   importer refuses what looks like it (`api/odm/arms.py`).
3. Each subject of the source has a stream of its own, `source/<key>`. It is no subject of this ledger: no view
   counts it.
4. `old_value` is what the source last stated of the same item before. The source does not say so: the importer finds it
   in the records before, and it is listed among what was synthesised.
"""

import hashlib
import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from ledger.domain.events.base import LINES, NO_CONTROLS, Event, Facts, Name

SOURCE_PREFIX: Final = "source/"
Transaction = Literal["Insert", "Update", "Remove", "Upsert", "Context"]
Stated = Annotated[str, StringConstraints(max_length=16_000, pattern=LINES)]
"""A value as the source writes it; it may be empty."""
Remark = Annotated[str, StringConstraints(max_length=4000, pattern=LINES)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9._-]{0,39}$")]
Step = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=NO_CONTROLS)]
_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ClaimedAudit(Facts):
    """Who did it, where, when, why and under which id, as the source says.

    `at` is as written: a time without an offset stays without. `on` names the element around that the record stood on,
    where it was not the data's own.
    """

    user: Name
    location: Name
    at: Annotated[str, StringConstraints(min_length=19, max_length=60, pattern=NO_CONTROLS)]
    reason: Remark | None = None
    source_id: Name | None = None
    edit_point: Literal["Monitoring", "DataManagement", "DBAudit"] | None = None
    used_imputation: bool | None = None
    on: Name | None = None


class Namespace(Facts):
    """What a prefix in the names of a record's extensions stands for."""

    prefix: Prefix
    uri: Name


class Extension(Facts):
    """One thing that the source says and that has no field here: an attribute, or the text (`.`) of an element.

    `on` is the element, from the level that it stands at: `SubjectData`, `ItemData/mdsol:Query[1]`.
    """

    on: Step
    name: Step
    value: Remark = ""


class SourceRecord(Facts):
    """One record of the audit trail of a source: where it stands by OIDs and repeat keys, and what was done there.

    `withheld`: the item had a value there, which names a person and was left out at the import.
    """

    study: Name
    metadata_version: Name
    subject_key: Name
    study_event: Name | None = None
    study_event_repeat: Name | None = None
    form: Name | None = None
    form_repeat: Name | None = None
    item_group: Name | None = None
    item_group_repeat: Name | None = None
    item: Name | None = None
    site: Name | None = None
    investigator: Name | None = None
    transaction: Transaction | None = None
    value: Stated | None = None
    is_null: bool = False
    withheld: bool = False
    old_value: Stated | None = None
    unit: Name | None = None
    claimed: ClaimedAudit
    namespaces: Annotated[tuple[Namespace, ...], Field(max_length=20)] = ()
    extensions: Annotated[tuple[Extension, ...], Field(max_length=200)] = ()


class SourceRecordClaimed(SourceRecord, Event):
    """A source says that this was done. `occurred_at` is when it says so (`claimed.at`, to the microsecond)."""

    type: ClassVar[str] = "source-record.claimed/1"
    title: ClassVar[str] = "Record of a source"

    @property
    def stream(self) -> str:
        return source_stream(self.subject_key)


def source_stream(subject_key: str) -> str:
    """The stream of a subject of a source: by its key, or, where that is no plain id, by its SHA-256."""
    if _SUBJECT.fullmatch(subject_key):
        return SOURCE_PREFIX + subject_key
    return f"{SOURCE_PREFIX}sha256/{hashlib.sha256(subject_key.encode()).hexdigest()}"
