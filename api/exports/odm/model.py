"""What both versions of ODM are written from: records, each with the audit record that it has.

1. Each event is one record with one audit record. An event of this ledger is an item group: its type is the group, its
   fields are the items. A record of a source stands where the source had it.
2. What ODM has no place for (the role, when it happened besides when it was recorded, the value before, our own time of
   recording of what a source claims) is an attribute of the namespace `TL`, on the audit record or the item.
3. A record without a subject is one of the trial as a whole; ODM has such data as reference data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TL: Final = "https://trial-ledger.org/ns/odm"
"""The namespace of what is ours. A name: nothing is fetched from there."""
SUBJECT, EVENT, FORM, GROUP, ITEM = LEVELS = ("SubjectData", "StudyEventData", "FormData", "ItemGroupData", "ItemData")
"""The levels of clinical data in ODM 1.3, outermost first."""


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit record. `ours`: attributes of the namespace TL, by their local names; None is left out."""

    user: str
    location: str
    at: str
    reason: str | None
    source_id: str | None
    edit_point: str | None = None
    used_imputation: bool | None = None
    ours: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A value, and the one before it."""

    oid: str
    value: str | None
    old: str | None = None
    transaction: str | None = None
    is_null: bool = False
    unit: str | None = None
    withheld: bool = False
    """It had a value, which was left out at the import."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What a source says beside: `name` of the element `on` is `value`. Names with a prefix are a vendor's."""

    on: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Record:
    """What one event says. The audit record and the transaction stand at `level`."""

    study: str
    version: str
    subject: str | None
    level: str
    transaction: str | None
    audit: Audit
    site: str | None = None
    investigator: str | None = None
    event: str | None = None
    event_repeat: str | None = None
    form: str | None = None
    form_repeat: str | None = None
    group: str | None = None
    group_repeat: str | None = None
    items: tuple[Item, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """Prefix -> namespace, of the names in `extras`."""
    extras: tuple[Extra, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeList:
    """The terms that an item may have."""

    oid: str
    name: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemDef:
    """`type` is a data type of ODM 1.3; a decimal is a `float` there."""

    oid: str
    name: str
    type: str
    mandatory: bool = False
    description: str | None = None
    length: int | None = None
    codes: str | None = None


@dataclass(frozen=True, slots=True)
class GroupDef:
    """An item group, by the OIDs of its items."""

    oid: str
    name: str
    items: tuple[str, ...]
    description: str | None = None
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """A form with its groups, or a study event with its forms (by OID). `repeating`: as far as the data show."""

    oid: str
    name: str
    holds: tuple[str, ...]
    repeating: bool = False


@dataclass(frozen=True, slots=True)
class Definitions:
    """A metadata version."""

    oid: str
    name: str
    events: tuple[Container, ...]
    forms: tuple[Container, ...]
    groups: tuple[GroupDef, ...]
    items: tuple[ItemDef, ...]
    codes: tuple[CodeList, ...] = ()
    claimed: bool = False
    """Of a source: inferred from what its records use."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody whom audit records name, by pseudonym. `organisation` is the one first seen."""

    oid: str
    name: str
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """A place that audit records or subjects refer to. `kind` is a location type of ODM 1.3."""

    oid: str
    name: str
    kind: str | None
    study: str
    versions: tuple[str, ...]
    since: str
    """The day from which on it is known (YYYY-MM-DD)."""
