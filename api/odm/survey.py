"""The first reading of a feed, before anything is recorded: is all of it right, and what is in it?

1. The file is checked to its end: every rule of `taking.py`, one study, no record twice, no time that is still to come.
2. A record is known by its SourceID and where it stands: a SourceID may come again elsewhere (one act of the source
   touches several items), and at the same place means that the feed holds a record twice, which is refused. Without a
   SourceID a record is known by all that it says, and by how often that was said before.
3. What may tell an arm (`arms.py`) and of which whoever imports has not said what is to become, is refused: all OIDs
   in one sentence, so that they can be decided on at once. Of records that are left out nothing is counted but how many
   they are, by OID.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from api.odm.arms import NO_OID, Choice, oids_of
from api.odm.fault import OdmError
from api.odm.grammar import BY_REFERENCE, NOT_READ
from api.odm.taking import LABELS, occurred_at, records
from api.odm.xml import ODM, Feed, Node
from ledger.domain.events.source import SourceRecord
from ledger.proof.canonical import encode

_AHEAD: Final = timedelta(minutes=5)
_ANYWHERE: Final = timedelta(hours=14)
_NAMED: Final = 60
"""How many OIDs a refusal names."""
_PLACE: Final = (
    *("study", "subject_key", "study_event", "study_event_repeat", "form", "form_repeat"),
    *("item_group", "item_group_repeat", "item"),
)

OnLeft = Callable[[SourceRecord, str], None]


@dataclass(frozen=True, slots=True)
class Identified:
    """A record of a feed, the line that it stands on, and the id of the command that records it."""

    record: SourceRecord
    line: int
    command: str


@dataclass
class Survey:
    """What a feed holds."""

    sha256: str = ""
    study: str = ""
    header: dict[str, str] = field(default_factory=dict)
    records: int = 0
    labels: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    """How many records were left out whole, by the OID for which they were."""
    open_sha256: str = ""
    """Where any may have been, of the others, in the order of the feed: each as canonical JSON."""
    subjects: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    with_reason: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)
    without_id: int = 0
    without_offset: int = 0
    not_read: Counter[str] = field(default_factory=Counter)
    first: str = ""
    last: str = ""


def survey(
    path: Path, now: datetime, *, choice: Choice, on_record: Callable[[], None] = lambda: None
) -> tuple[Survey, Choice]:
    """Read and check a whole feed; and the choice, once it is known what it is about. Raises OdmError, OSError."""
    choice = _settled(path, choice)
    found = Survey()
    lines: dict[bytes, int] = {}
    ids: dict[str, int] = {}
    suspects: dict[str, tuple[int, str]] = {}
    said = hashlib.sha256()
    feed = _feed(path, found)
    for one in identified(feed, choice, lambda _, oid: found.left.update([oid])):
        record, line = one.record, one.line
        if found.study and record.study != found.study:
            rule = f"{record.study} is another study than {found.study}; a ledger is of one trial"
            raise feed.error(line, "ClinicalData/@StudyOID", rule)
        key = bytes.fromhex(one.command.removeprefix("odm-"))
        if key in lines:
            rule = f"SourceID {record.claimed.source_id} stands there already, in line {lines[key]}"
            raise feed.error(line, "AuditRecord", rule)
        lines[key] = line
        _check_id(feed, record, line, ids)
        _check_time(feed, record, line, now)
        _count(found, record)
        for suspect in choice.suspects(record):
            suspects.setdefault(suspect.oid, (line, suspect.why))
        if choice.leave_out:
            said.update(encode(record.model_dump(mode="json", exclude_none=True)))
        on_record()
    if suspects:
        raise _may_tell(feed, suspects)
    if not found.records:
        raise feed.error(None, None, "has no AuditRecord in it" if not found.left else "has no record that is taken")
    found.sha256, found.open_sha256 = feed.sha256, said.hexdigest()
    return found, choice


def _settled(path: Path, choice: Choice) -> Choice:
    """The choice, held against the OIDs of the feed, which has to be read for it. Raises OdmError, OSError."""
    named = choice.leave_out | choice.no_arm
    if not named:
        return choice
    items, others, whole = set[str](), {NO_OID}, set[str]()
    feed = _feed(path, Survey())
    for subject in feed:
        for record, _ in records(feed, subject):
            oids = oids_of(record)
            items.update([] if record.item is None else oids[-1:])
            others.update(oids if record.item is None else oids[:-1])
            whole.update(one.oid for one in choice.arms.suspects(record) if one.whole)
    if unknown := sorted(named - items - others):
        raise feed.error(None, None, f"has no item {unknown[0]}, nor a form, group or event of that OID")
    return choice.settled(items - others, whole)


def _may_tell(feed: Feed, suspects: dict[str, tuple[int, str]]) -> OdmError:
    oid, (line, why) = next(iter(suspects.items()))
    others = sorted(suspects.keys() - {oid})
    beyond = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    more = f" The same goes for {', '.join(others[:_NAMED])}{beyond}." if others else ""
    rule = (
        f"{why}, and the trial masks people who read the open book.{more} Say of each: --leave-out OID, or, if it"
        " tells no arm, --not-of-an-arm OID"
    )
    return feed.error(line, oid, rule)


def read(path: Path, choice: Choice, on_left: OnLeft = lambda *_: None) -> tuple[Feed, Iterator[Identified]]:
    """A further reading of a feed that was surveyed."""
    feed = _feed(path, Survey())
    return feed, identified(feed, choice, on_left)


def identified(feed: Feed, choice: Choice, on_left: OnLeft = lambda *_: None) -> Iterator[Identified]:
    """The records of a feed with their ids; `on_left` is told of those that are left out, and for which OID."""
    said: Counter[bytes] = Counter()
    for subject in feed:
        for record, line in records(feed, subject, choice.values):
            if (oid := choice.left(record)) is not None:
                on_left(record, oid)
                continue
            if record.claimed.source_id is not None:
                value = record.model_dump(include=set(_PLACE), exclude_none=True)
                known: list[object] = [value, record.claimed.source_id, record.claimed.on]
                yield Identified(record, line, _id(known))
                continue
            content = hashlib.sha256(encode(record.model_dump(mode="json", exclude_none=True))).digest()
            said[content] += 1
            yield Identified(record, line, _id([content.hex(), said[content]]))


def _id(value: object) -> str:
    return f"odm-{hashlib.sha256(encode(value)).hexdigest()[:40]}"


def _feed(path: Path, found: Survey) -> Feed:
    return Feed(path, lambda node: node.tag == "SubjectData", entered=lambda feed, node: _enter(feed, node, found))


def _enter(feed: Feed, node: Node, found: Survey) -> None:
    """An element outside of the subjects' data begins."""
    parent = node.parent
    if parent is None:
        _check_root(feed, node)
        plain = (one for one in sorted(node.attributes.items()) if len(one[1]) <= 200 and one[1].isprintable())
        found.header = dict(plain)
    elif parent.parent is None or parent.tag == "ClinicalData":
        inside = "SubjectData" if parent.tag == "ClinicalData" else "ClinicalData"
        if node.tag is None or node.tag in NOT_READ[inside]:
            found.not_read[node.name.text[:100]] += 1
        elif node.tag != inside:
            known = node.tag == "AuditRecords"
            raise feed.error(node.line, node.tag, BY_REFERENCE if known else "is no element of ODM 1.3 there")
    if node.tag == "SubjectData":
        if parent is None or parent.tag != "ClinicalData":
            raise feed.error(node.line, node.tag, "does not stand in ClinicalData")
        found.labels += sum((name.uri, name.local) in LABELS for name in node.qualified)
    elif node.tag == "AuditRecord":
        raise feed.error(node.line, node.tag, "stands in no subject's data, and is not read there")


def _check_root(feed: Feed, root: Node) -> None:
    if root.tag != "ODM":
        raise feed.error(root.line, root.name.text[:60], f"is not the element ODM of the namespace {ODM}")
    kind, version = root.attributes.get("FileType"), root.attributes.get("ODMVersion", "1.3")
    if kind != "Transactional":
        raise feed.error(root.line, "ODM/@FileType", f"is {kind}; only a Transactional file is an audit trail")
    if version not in ("1.3", "1.3.0", "1.3.1", "1.3.2"):
        raise feed.error(root.line, "ODM/@ODMVersion", f"is {version[:40]}; read here are 1.3 to 1.3.2")


def _check_id(feed: Feed, record: SourceRecord, line: int, ids: dict[str, int]) -> None:
    for one in record.extensions:
        if (one.on, one.name) == ("AuditRecord", "ID") and record.claimed.on is None:
            if one.value in ids:
                rule = f"{one.value[:60]!r} is the ID of the record in line {ids[one.value]} already"
                raise feed.error(line, "AuditRecord/@ID", rule)
            ids[one.value] = line


def _check_time(feed: Feed, record: SourceRecord, line: int, now: datetime) -> None:
    at = datetime.fromisoformat(occurred_at(record.claimed.at))
    known = at.tzinfo is not None
    limit = now + _AHEAD if known else (now + _ANYWHERE).astimezone(UTC).replace(tzinfo=None)
    if at > limit:
        raise feed.error(line, "DateTimeStamp", f"{record.claimed.at} lies in the future")


def _count(found: Survey, record: SourceRecord) -> None:
    at = record.claimed.at
    found.study = record.study
    found.records += 1
    found.subjects.add(record.subject_key)
    if record.item is not None and record.withheld:
        found.withheld[record.item] += 1
    found.users.add(record.claimed.user)
    found.with_reason += bool(record.claimed.reason)
    if record.site is not None:
        found.sites[record.site] += 1
    found.versions[record.metadata_version] += 1
    found.transactions[record.transaction or "none"] += 1
    found.without_id += record.claimed.source_id is None
    found.without_offset += datetime.fromisoformat(occurred_at(at)).tzinfo is None
    found.first = min(found.first or at, at)
    found.last = max(found.last, at)
