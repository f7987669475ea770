"""From a fact to the record that it is in ODM.

1. An event is the insertion of an item group, whose repeat key is its place in the book. A correction is an update of
   the group that it is about, with the values before; a voiding removes it.
2. The time of an audit record is when we recorded it, its user is the actor, its location the actor's organisation.
   When it happened is ours to add, as are the role and the command.
3. A record of a source keeps what the source claims as its audit record; when and by whom we recorded it, we add.
4. An anchor says nothing here: what it commits to is for a verifier, and would tell two ledgers apart that differ in
   nothing that a masked person may see.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from api.exports.odm.definitions import EVENT_OID, as_text, fields_of, form_oid, group_oid, item_oid
from api.exports.odm.model import EVENT, FORM, GROUP, ITEM, SUBJECT, Audit, Extra, Item, Record
from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.events.source import SOURCE_PREFIX, SourceRecordClaimed
from ledger.domain.history import ABOUT, VOIDS, Fact, changes_of
from ledger.domain.routing import MARK
from ledger.domain.vocabulary import Book

SUBJECT_PREFIX: Final = "subject/"
NOT_STATED: Final = "not stated"
"""The location of an actor without an organisation."""


_EDIT_POINTS: Final = {
    "monitor": "Monitoring",
    "data-manager": "DataManagement",
    "auditor": "DBAudit",
    "inspector": "DBAudit",
}
"""Role -> when in the processing of data it acts (ODM, AuditRecord/@EditPoint)."""


def is_claimed(fact: Fact) -> bool:
    """Whether a fact is a record of a source."""
    return fact.type == SourceRecordClaimed.type


def of_subject(fact: Fact) -> bool:
    """Whether a fact is about somebody: of the ledger, or of a source."""
    return fact.stream.startswith((SUBJECT_PREFIX, SOURCE_PREFIX))


def user_oid(actor: str) -> str:
    """The OID of an actor of this ledger, apart from those of sources."""
    return f"U.{actor}"


def organisation_oid(organisation: str) -> str:
    """The OID of an organisation as a location."""
    return f"L.{organisation or NOT_STATED}"


def site_oid(site: str) -> str:
    """The OID of a site of this trial."""
    return f"S.{site}"


def native(fact: Fact, study: str, version: str, sites: Mapping[str, str]) -> Record:
    """The record of an event of this ledger. `sites`: the subjects' own."""
    subject = fact.stream.removeprefix(SUBJECT_PREFIX) if fact.stream.startswith(SUBJECT_PREFIX) else None
    about = ABOUT.get(fact.type)
    if about is None:
        type_, book, seq, transaction = fact.type, fact.book, fact.seq, "Insert"
        items = _items(fact)
    else:
        type_, book, seq = fact.data["target_type"], about, fact.data["target_seq"]
        transaction = "Remove" if fact.type in VOIDS.values() else "Update"
        items = _changes(fact, type_)
    site = sites.get(fact.stream)
    return Record(
        study,
        version,
        subject,
        GROUP,
        transaction,
        _audit(fact),
        site=None if site is None else site_oid(site),
        event=None if subject is None else EVENT_OID,
        form=None if subject is None else form_oid(type_),
        group=group_oid(type_, reference=subject is None),
        group_repeat=f"{'sealed ' if book is Book.SEALED else ''}{seq}",
        items=items,
    )


def claimed(fact: Fact) -> Record:
    """The record of a source, as it had it."""
    data, said = fact.data, fact.data["claimed"]
    level = next(
        (
            at
            for at, name in ((ITEM, "item"), (GROUP, "item_group"), (FORM, "form"), (EVENT, "study_event"))
            if name in data
        ),
        SUBJECT,
    )
    transaction = data.get("transaction")
    items: tuple[Item, ...] = ()
    if level == ITEM:
        null = bool(data.get("is_null"))
        old, unit = data.get("old_value"), data.get("unit")
        items = (Item(data["item"], data.get("value"), old, transaction, null, unit, bool(data.get("withheld"))),)
    audit = Audit(
        said["user"],
        said["location"],
        said["at"],
        said.get("reason"),
        said.get("source_id"),
        said.get("edit_point"),
        said.get("used_imputation"),
        {
            "RecordedAt": fact.at,
            "RecordedBy": fact.actor.id,
            "StoodOn": said.get("on"),
            **_ours(fact),
        },
    )
    return Record(
        data["study"],
        data["metadata_version"],
        data["subject_key"],
        level,
        transaction,
        audit,
        data.get("site"),
        data.get("investigator"),
        data.get("study_event"),
        data.get("study_event_repeat"),
        data.get("form"),
        data.get("form_repeat"),
        data.get("item_group"),
        data.get("item_group_repeat"),
        items,
        {one["prefix"]: one["uri"] for one in data.get("namespaces", ())},
        tuple(Extra(one["on"], one["name"], one.get("value", "")) for one in data.get("extensions", ())),
    )


def _audit(fact: Fact) -> Audit:
    data = fact.data
    return Audit(
        user_oid(fact.actor.id),
        organisation_oid(fact.actor.org),
        fact.at,
        as_text(data.get("reason")),
        fact.id or None,
        _EDIT_POINTS.get(fact.actor.role),
        True if (data.get("provenance") or {}).get("imputed") else None,
        {"OccurredAt": data.get("occurred_at"), **_ours(fact)},
    )


def _ours(fact: Fact) -> dict[str, str | None]:
    data = fact.data
    provenance = data.get("provenance")
    return {
        "Book": fact.book.value,
        "Seq": str(fact.seq),
        "Event": fact.type,
        "Role": fact.actor.role,
        "Organisation": fact.actor.org,
        "Command": fact.command,
        "Late": "Yes" if data.get("late") else None,
        "AfterUnblinding": "Yes" if data.get(MARK) else None,
        "Provenance": None if not provenance else _json(provenance),
    }


def _items(fact: Fact) -> tuple[Item, ...]:
    if fact.stream == ANCHOR_STREAM:
        return ()
    known = fields_of(fact.type)
    return tuple(
        Item(item_oid(fact.type, name), as_text(value), transaction="Insert")
        for name, value in sorted(fact.data.items())
        if name in known and value is not None
    )


def _changes(fact: Fact, type_: str) -> tuple[Item, ...]:
    known = fields_of(type_)
    return tuple(
        _change(change, type_)
        for change in changes_of(fact)
        if change["field"] in known and fact.type not in VOIDS.values()
    )


def _change(change: Mapping[str, Any], type_: str) -> Item:
    new, old = as_text(change.get("new")), as_text(change.get("old"))
    # A value that was taken away is removed, and one that was not there before is still part of an update.
    return Item(item_oid(type_, change["field"]), new, old, "Remove" if new is None else "Update")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
