"""The audit trail: one AuditEvent an entry, with what the view `audit` says of it, and the entry's place.

1. `recorded` is when the ledger recorded it, `occurred` when it happened, as stated (possibly partial).
2. Nothing is deleted in a ledger: a correction and a voiding are updates (action U), a look is a read (R), and so is an
   export; everything else is a creation (C). What somebody was refused has the outcome `error`.
3. Contents, before and after, are details, as JSON. Of an anchor only its place is told, as in the view.
4. Where a source claims another actor, that is an agent of its own; what else it claims stands in the content.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.exports.fhir import codes
from api.exports.fhir.elements import Ids, Resource, coding, concept, put_time, reference, who
from api.exports.fhir.subjects import patient_id, subject_id
from ledger.domain.events.access import (
    AccessRefused,
    ArmAccessed,
    ExportMade,
    IdentityAccessed,
    SealedAccessRefused,
    SealedExportMade,
    SealedIdentityAccessed,
)
from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.events.source import SourceRecordClaimed
from ledger.domain.history import ABOUT, VOIDS, Fact
from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor
from projections.histories import History
from projections.views.audit import VIEW

_SUBJECT: Final = "subject/"
_REFUSED: Final = frozenset({AccessRefused.type, SealedAccessRefused.type})
_LOOKS: Final = frozenset({IdentityAccessed.type, SealedIdentityAccessed.type, ArmAccessed.type}) | _REFUSED
_EXPORTS: Final = frozenset({ExportMade.type, SealedExportMade.type})
_KINDS: Final = {"consent": "Consent", "adverse-event.reported": "AdverseEvent"}
_JSON: Final = ("before", "after", "provenance")
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def audit_events(history: History, ids: Ids) -> Iterator[tuple[Fact, Resource]]:
    """The entries of one stream as audit events."""
    for fact, row in zip(history.recorded, VIEW.rows(history), strict=True):
        yield fact, _audit_event(fact, row, ids)


def _audit_event(fact: Fact, row: Mapping[str, Any], ids: Ids) -> Resource:
    made: Resource = {
        "resourceType": "AuditEvent",
        "id": ids.entry(fact.book, fact.seq),
        "category": [concept(coding(codes.LIFECYCLE, _lifecycle(fact)))],
        "code": concept(coding(codes.EVENT_TYPE, fact.type, row["what"])),
        "action": _action(fact),
    }
    put_time(made, "occurredDateTime", row.get("occurred_at"))
    made["recorded"] = fact.at
    refused = fact.type in _REFUSED
    made["outcome"] = {"code": coding(codes.AUDIT_OUTCOME, "error" if refused else "success")}
    if row.get("why"):
        made["authorization"] = [concept(text=row["why"])]
    if fact.stream.startswith(_SUBJECT):
        made["patient"] = reference("Patient", patient_id(fact.stream, ids))
    made["agent"] = _agents(fact, Actor(row["who"], row["org"], row["role"]))
    made["source"] = {"observer": reference("Device", ids.of("ledger"))}
    made["entity"] = [{"what": _what(fact, ids), "detail": _details(fact, row)}]
    return made


def _lifecycle(fact: Fact) -> str:
    if fact.type in ABOUT:
        return "deprecate" if fact.type in VOIDS.values() else "amend"
    if fact.type in _LOOKS:
        return "access"
    return "disclose" if fact.type in _EXPORTS else "originate"


def _action(fact: Fact) -> str:
    return "U" if fact.type in ABOUT else "R" if fact.type in _LOOKS | _EXPORTS else "C"


def _agents(fact: Fact, actor: Actor) -> list[Resource]:
    listed: list[Resource] = [
        {"role": [concept(coding(codes.ROLE, actor.role))], "who": who(actor), "requestor": True},
    ]
    if fact.type == SourceRecordClaimed.type:
        claimed = fact.data["claimed"]["user"]
    else:
        claimed = (fact.data.get("provenance") or {}).get("claimed_actor")
    if claimed:
        kind = concept(coding(codes.PARTICIPANT, "informant"), text="as claimed by the source")
        listed.append({"type": kind, "who": {"display": claimed}, "requestor": False})
    return listed


def _what(fact: Fact, ids: Ids) -> Resource:
    """The resource that the entry is of: of what it corrects, if it corrects something."""
    about = ABOUT.get(fact.type)
    type_, book, seq = fact.type, fact.book, fact.seq
    if about is not None:
        type_, book, seq = fact.data["target_type"], about, fact.data["target_seq"]
    if fact.stream.startswith(_SUBJECT):
        kind = _KINDS.get(type_.partition("/")[0]) or _KINDS.get(type_.partition(".")[0])
        if kind is not None:
            return reference(kind, ids.entry(book, seq))
        return reference("ResearchSubject", subject_id(fact.stream, ids))
    return reference("ResearchStudy", ids.of("study"))


def _details(fact: Fact, row: Mapping[str, Any]) -> list[Resource]:
    details = [
        _detail("book", "String", fact.book.value),
        _detail("seq", "Integer", fact.seq),
        _detail("event", "String", fact.id),
        _detail("stream", "String", fact.stream),
        _detail("type", "String", fact.type),
        _detail("command", "String", fact.command),
    ]
    if fact.stream == ANCHOR_STREAM:
        return details
    if row.get("target_seq") is not None:
        details.append(_detail("target-seq", "Integer", row["target_seq"]))
        details.append(_detail("target-type", "String", row["target_type"]))
    if row.get("voided_by") is not None:
        details.append(_detail("voided-by", "Integer", row["voided_by"]))
        if row["voided_in"] != fact.book.value:
            details.append(_detail("voided-in", "String", row["voided_in"]))
    details += [_detail(name, "String", row[name]) for name in _JSON if row.get(name) is not None]
    details += [_detail(name, "Boolean", True) for name in ("late", "after_unblinding") if row.get(name)]
    return details


def _detail(name: str, kind: str, value: Any) -> Resource:
    return {"type": concept(coding(codes.DETAIL, name.replace("_", "-"))), f"value{kind}": value}


def line(resource: Resource) -> str:
    """A resource as one line of NDJSON, without its end."""
    return _ENCODE(resource)


def in_sequence(fact: Fact) -> list[Any]:
    """Where an entry stands among those of both books."""
    return [fact.open_seq, fact.book is Book.SEALED, fact.seq]
