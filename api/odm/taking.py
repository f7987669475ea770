"""From the element of a subject to records: one for each AuditRecord, in the order of the feed.

1. An AuditRecord is about the element that it stands in. Data without one of their own have that of the nearest element
   around them (`claimed.on` says which); data without any are refused, for the feed does not say who entered them.
2. What has no field in a record is kept as an extension of it: the attributes of vendors on its element and on those
   around it, and with the element's own record whatever else it holds (queries, comments, annotations, signatures).
3. A subject's label on the screen (`mdsol:SubjectName`) is left out: sites write initials and numbers of charts into
   it. It is in no field, so that nothing here needs to be erased. A feed whose subjects have no other key is refused.
4. So are the values of the items that whoever imports names (initials, say); the record tells that there was one.
5. Times are full dates with a time of day, with an offset or without, and such as there are.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from api.odm.grammar import ATTRIBUTES, BY_REFERENCE, LEVELS, NEEDED, ONCE, TRANSACTIONS, Level
from api.odm.xml import ODM, Feed, Name, Node
from ledger.domain.commands import IN_WORDS
from ledger.domain.events.source import SourceRecord
from ledger.domain.protocol.base import problems_of

MDSOL: Final = "http://www.mdsol.com/ns/odm/metadata"
LABELS: Final = frozenset({(MDSOL, "SubjectName")})
"""Attributes that may name a person, which are left out."""
_KEY_TYPE: Final = (MDSOL, "SubjectKeyType")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,29}")
_TEXTS: Final = ("DateTimeStamp", "ReasonForChange", "SourceID")
_IMPUTATION: Final = {"Yes": True, "No": False}

Taken = tuple[SourceRecord, int]
"""A record, and the line that it stands on."""


def records(feed: Feed, subject: Node, leave_out: frozenset[str] = frozenset()) -> Iterator[Taken]:
    """The records of an element SubjectData; `leave_out`: the OIDs of items without their values. Raises OdmError."""
    clinical = subject.parent
    assert clinical is not None
    _check(feed, clinical)
    place = {
        "study": _needed(feed, clinical, "StudyOID"),
        "metadata_version": _needed(feed, clinical, "MetaDataVersionOID"),
    }
    found = False
    for record, line in _level(feed, subject, place, None, (clinical,)):
        found = True
        named = record.item in leave_out and record.value is not None
        yield (record.model_copy(update={"value": None, "withheld": True}) if named else record), line
    if not found:
        raise feed.error(subject.line, "SubjectData", "has no AuditRecord in it, so nobody says who did this")


def occurred_at(at: str) -> str:
    """What a time of a feed is in a record of ours: the same, to the microsecond at most."""
    match = _TIME.fullmatch(at)
    assert match is not None
    return match[1] + (match[2] or "")[:7] + (match[3] or "")


def _level(
    feed: Feed, node: Node, place: dict[str, Any], around: Node | None, outer: tuple[Node, ...]
) -> Iterator[Taken]:
    assert node.tag is not None
    level = LEVELS[node.tag]
    _check(feed, node)
    place = place | _place(feed, node, level)
    own = _once(feed, node, "AuditRecord")
    audit = own or around
    if own is not None or not level.below:
        if audit is None:
            raise feed.error(node.line, node.tag, "has no AuditRecord, nor has anything around it: who entered it?")
        yield _record(feed, node, place, audit, outer), (own or node).line
    elif "TransactionType" in node.attributes and audit is None and not _leads_on(node, level):
        raise feed.error(node.line, node.tag, "has a TransactionType, and no AuditRecord that says whose it is")
    for child in node.children:
        if child.tag in level.below:
            yield from _level(feed, child, place, audit, (*outer, node))


def _leads_on(node: Node, level: Level) -> bool:
    return any(child.tag in level.below for child in node.children)


def _place(feed: Feed, node: Node, level: Level) -> dict[str, Any]:
    found: dict[str, Any] = {level.field: _needed(feed, node, level.key)}
    if level.repeat is not None:
        found[f"{level.field}_repeat"] = node.attributes.get(level.repeat)
    if level.tag == "SubjectData":
        _check_key(feed, node)
        refs = (("SiteRef", "site", "LocationOID"), ("InvestigatorRef", "investigator", "UserOID"))
        for tag, name, attribute in refs:
            if (child := _once(feed, node, tag)) is not None:
                _check(feed, child)
                found[name] = _needed(feed, child, attribute)
    return found


def _check_key(feed: Feed, node: Node) -> None:
    for name, value in node.qualified.items():
        if (name.uri, name.local) == _KEY_TYPE and value == "SubjectName":
            rule = "SubjectKey is the subject's label, which may name a person; have the feed made with SubjectUUID"
            raise feed.error(node.line, "SubjectData", rule)


def _record(feed: Feed, node: Node, place: dict[str, Any], audit: Node, outer: tuple[Node, ...]) -> SourceRecord:
    assert node.tag is not None
    said = place | {"claimed": _claimed(feed, audit, node), "transaction": _transaction(feed, node)}
    if node.tag == "ItemData":
        said |= _value(feed, node)
    prefixes = _Prefixes()
    said["extensions"] = list(_extensions(node, outer, audit, prefixes))
    said["namespaces"] = prefixes.listed()
    try:
        return SourceRecord.model_validate({name: value for name, value in said.items() if value is not None})
    except ValidationError as error:
        first = problems_of(error)[0]
        _, _, pattern = first.rule.partition("match pattern ")
        rule = IN_WORDS.get(pattern.strip("'"), first.rule)
        raise feed.error(node.line, f"{node.tag} ({first.field})", rule) from None


def _value(feed: Feed, node: Node) -> dict[str, Any]:
    null = node.attributes.get("IsNull")
    if null not in (None, "Yes"):
        raise feed.error(node.line, "ItemData/@IsNull", f"{null[:40]!r} is not Yes")
    if null and "Value" in node.attributes:
        raise feed.error(node.line, "ItemData", "has a Value, and IsNull beside it")
    unit = _once(feed, node, "MeasurementUnitRef")
    return {
        "value": node.attributes.get("Value"),
        "is_null": null is not None,
        "unit": None if unit is None else _needed(feed, unit, "MeasurementUnitOID"),
    }


def _claimed(feed: Feed, audit: Node, node: Node) -> dict[str, Any]:
    _check(feed, audit)
    children = {tag: _once(feed, audit, tag) for tag in ONCE["AuditRecord"]}
    for tag in NEEDED:
        if children[tag] is None:
            raise feed.error(audit.line, "AuditRecord", f"has no {tag}")
    for child in children.values():
        if child is not None:
            _check(feed, child)
            if child.children or (child.tag not in _TEXTS and child.text.strip()):
                raise feed.error(child.line, child.tag, "holds what does not belong there")
    user, location, stamp = (children[tag] for tag in NEEDED)
    reason, source = children["ReasonForChange"], children["SourceID"]
    assert user is not None
    assert location is not None
    assert stamp is not None
    imputation = audit.attributes.get("UsedImputationMethod")
    if imputation is not None and imputation not in _IMPUTATION:
        raise feed.error(audit.line, "AuditRecord/@UsedImputationMethod", f"{imputation[:40]!r} is not Yes or No")
    claimed = {
        "user": _needed(feed, user, "UserOID"),
        "location": _needed(feed, location, "LocationOID"),
        "at": _time(feed, stamp),
        "reason": None if reason is None else reason.text,
        "source_id": None if source is None else source.text.strip() or None,
        "edit_point": audit.attributes.get("EditPoint"),
        "used_imputation": None if imputation is None else _IMPUTATION[imputation],
        "on": None if audit.parent is node or audit.parent is None else audit.parent.tag,
    }
    return {name: value for name, value in claimed.items() if value is not None}


def _time(feed: Feed, node: Node) -> str:
    text = node.text.strip()
    if not _TIME.fullmatch(text):
        rule = f"{text[:40]!r} is not a whole date and time (YYYY-MM-DDThh:mm:ss, with an offset or without)"
        raise feed.error(node.line, "DateTimeStamp", rule)
    try:
        datetime.fromisoformat(occurred_at(text))
    except ValueError as error:
        raise feed.error(node.line, "DateTimeStamp", f"{text} is no possible date and time: {error}") from None
    return text


def _transaction(feed: Feed, node: Node) -> str | None:
    said = node.attributes.get("TransactionType")
    if said is not None and said not in TRANSACTIONS:
        where = f"{node.tag}/@TransactionType"
        raise feed.error(node.line, where, f"{said[:40]!r} is none of {', '.join(TRANSACTIONS)}")
    return said


def _check(feed: Feed, node: Node) -> None:
    """Refuse attributes, children and text that ODM does not have there."""
    tag = node.tag
    assert tag is not None
    for name in node.attributes:
        if name not in ATTRIBUTES[tag]:
            raise feed.error(node.line, f"{tag}/@{name[:60]}", "is no attribute of ODM 1.3 there")
    if tag not in LEVELS:
        return
    _transaction(feed, node)
    allowed = (*ONCE[tag], *LEVELS[tag].below, "Annotation")
    for child in node.children:
        if child.tag is None or child.tag in allowed:
            continue
        typed = child.tag.startswith("ItemData")
        raise feed.error(child.line, f"{tag}/{child.tag[:60]}", BY_REFERENCE if typed else "does not belong there")
    if node.text.strip():
        raise feed.error(node.line, tag, "holds text, which does not belong there")
    for once in ONCE[tag]:
        _once(feed, node, once)


def _once(feed: Feed, node: Node, tag: str) -> Node | None:
    found = node.of(tag)
    if len(found) > 1:
        raise feed.error(found[1].line, f"{node.tag}/{tag}", "stands there twice")
    return found[0] if found else None


def _needed(feed: Feed, node: Node, attribute: str) -> str:
    value = node.attributes.get(attribute)
    if not value:
        raise feed.error(node.line, node.tag, f"has no {attribute}")
    return value


class _Prefixes:
    """The namespaces that a record's extensions have, each under one prefix."""

    def __init__(self) -> None:
        self._uris: dict[str, str] = {}

    def written(self, name: Name) -> str:
        """The name as a record has it; one of ODM, or without a namespace, bare."""
        if name.uri in ("", ODM):
            return name.local
        for prefix, uri in self._uris.items():
            if uri == name.uri:
                return f"{prefix}:{name.local}"
        number = 1
        wanted = prefix = name.prefix if _PREFIX.fullmatch(name.prefix) else "ns"
        while prefix in self._uris:
            number += 1
            prefix = f"{wanted}{number}"
        self._uris[prefix] = name.uri
        return f"{prefix}:{name.local}"

    def listed(self) -> list[dict[str, str]]:
        return [{"prefix": prefix, "uri": uri} for prefix, uri in self._uris.items()]


def _extensions(node: Node, outer: tuple[Node, ...], audit: Node, prefixes: _Prefixes) -> Iterator[dict[str, str]]:
    for one in (*outer, node):
        assert one.tag is not None
        yield from _qualified(one, one.tag, prefixes)
        if one is not node and "TransactionType" in one.attributes and not one.of("AuditRecord"):
            yield {"on": one.tag, "name": "TransactionType", "value": one.attributes["TransactionType"]}
        if one is node or (one.tag in LEVELS and not one.of("AuditRecord")):
            known = (*ONCE[one.tag], *LEVELS[one.tag].below)
            others = [child for child in one.children if child.tag not in known or child.tag == "Signature"]
            yield from _elements(others, one.tag, prefixes)
    yield from _qualified(audit, "AuditRecord", prefixes)
    if "ID" in audit.attributes:
        yield {"on": "AuditRecord", "name": "ID", "value": audit.attributes["ID"]}
    others = [child for child in audit.children if child.tag not in ONCE["AuditRecord"]]
    yield from _elements(others, "AuditRecord", prefixes)


def _qualified(node: Node, on: str, prefixes: _Prefixes) -> Iterator[dict[str, str]]:
    for name, value in node.qualified.items():
        if (name.uri, name.local) not in LABELS:
            yield {"on": on, "name": prefixes.written(name), "value": value}


def _elements(nodes: list[Node], on: str, prefixes: _Prefixes) -> Iterator[dict[str, str]]:
    for number, node in enumerate(nodes, 1):
        path = f"{on}/{prefixes.written(node.name)}[{number}]"
        yield {"on": path, "name": ".", "value": node.text.strip()}
        for name, value in node.attributes.items():
            yield {"on": path, "name": name, "value": value}
        yield from _qualified(node, path, prefixes)
        yield from _elements(node.children, path, prefixes)
