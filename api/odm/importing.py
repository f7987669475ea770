"""The audit trail of an electronic data capture system as a ledger, or as more of one.

1. The feed is read twice: once to its end, to check it, and only then to record it. What is refused leaves nothing.
2. A new ledger grows under a name of its own, and takes its place when the import is through. If `ledger` is there, the
   feed is of its trial or refused, and only records that it does not have are added, so that a feed imported again adds
   nothing, and one that overlaps with the last adds what is new. What is there already must say the same.
3. Every record becomes a command with an id of the source (`survey.py`), in the order of the feed, all with one time of
   recording in a new ledger. At the end stands a report of the file (`report-import`).
4. What may tell an arm is refused, or left out as whoever imports says (`arms.py`). A report of which records were left
   out would tell how many there are, and the digest of the file would let guesses be tested: both are for the sealed
   book (`report-sealed-import`) and for whoever imports. The open report has the OIDs, and a digest of what was taken.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from api.bootstrap import create_trial, open_trial, protocol_of
from api.drafted import drafted
from api.odm.arms import Arms, Choice
from api.odm.fault import OdmError
from api.odm.previous import Previous
from api.odm.protocol_of import protocol_from_feed
from api.odm.survey import Identified, Survey, read, survey
from api.odm.taking import occurred_at
from ledger.application import TrialLedger
from ledger.domain.commands import parse_command
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.events.source import SOURCE_PREFIX, SourceRecord, SourceRecordClaimed
from ledger.domain.protocol import ProtocolError
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.proof.canonical import encode
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader

TOOL: Final = "trial-ledger import odm-audit"
ACTOR_ID: Final = "odm-import"
_SYNTHESISED: Final = ("actor", "recorded_at")
_LABELS: Final = "SubjectName left out (the label of a subject on the screen, which may name a person)"


@dataclass(frozen=True, slots=True)
class OdmImported:
    """What came of an import: how many records the feed has, and how many of them are new in the ledger."""

    ledger: Path
    trial: str
    records: int
    added: int
    subjects: int
    users: int
    with_reason: int
    transactions: dict[str, int]
    left_out: dict[str, int]
    """How many records were left out whole, by the OID for which they were."""
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As `import odm-audit --json` prints it."""
        return {
            "ledger": str(self.ledger),
            "trial": self.trial,
            "records": self.records,
            "added": self.added,
            "subjects": self.subjects,
            "users": self.users,
            "with_reason": self.with_reason,
            "transactions": self.transactions,
            "left_out": self.left_out,
            "notes": list(self.notes),
        }


def import_feed(
    path: Path,
    ledger: Path,
    *,
    leave_out: frozenset[str] = frozenset(),
    not_of_an_arm: frozenset[str] = frozenset(),
    open_label: bool = False,
    on_record: Callable[[], None] = lambda: None,
    clock: Callable[[], datetime] = utc_now,
) -> OdmImported:
    """Import the feed at `path` into `ledger`.

    `leave_out`: OIDs of which nothing is taken that names a person, or may tell an arm; `not_of_an_arm`: OIDs that tell
    none, whatever they look like; `open_label`: the trial of a new ledger masks nobody.

    Raises OdmError, LedgerFileError, KeysError, StorageError, OSError.
    """
    begun = clock()
    if both := sorted(leave_out & not_of_an_arm):
        raise OdmError(path, None, both[0], "is to be left out, and to tell no arm: say one of the two")
    there = ledger.exists()
    found, choice = survey(path, begun, choice=Choice(_arms(ledger, there, open_label), leave_out, not_of_an_arm))
    if there:
        with closing(open_trial(ledger, clock=clock)) as trial:
            known = _known(path, ledger, found, choice)
            added = _Adding(path, trial, found, begun, known, choice).run(on_record)
    else:
        with _draft(path, ledger, found, begun, open_label=open_label) as trial:
            added = _Adding(path, trial, found, begun, _Known(Previous(), {}), choice).run(on_record)
    return OdmImported(
        ledger,
        found.study,
        found.records,
        added,
        len(found.subjects),
        len(found.users),
        found.with_reason,
        dict(sorted(found.transactions.items())),
        dict(sorted(found.left.items())),
        (*notes_of(found), *_left_out(found)),
    )


def _arms(ledger: Path, there: bool, open_label: bool) -> Arms:
    """What may tell an arm in the trial of a ledger; of a new one nothing is known but what whoever imports says."""
    if not there:
        return Arms(None, masked=not open_label)
    protocol = protocol_of(ledger)
    masked = bool(protocol.effective_masked_roles)
    if open_label and masked:
        raise LedgerFileError(f"{ledger}: its protocol masks people, whatever --open-label says")
    return Arms(protocol, masked=masked)


@contextmanager
def _draft(path: Path, ledger: Path, found: Survey, begun: datetime, *, open_label: bool) -> Iterator[TrialLedger]:
    """A new ledger, which takes its place once it is through."""
    try:
        protocol = protocol_from_feed(found, open_label=open_label)
    except ProtocolError as error:
        raise OdmError(path, None, None, f"no trial can be named so: {error}") from None
    provenance: dict[str, object] = {"kind": "import", "source": _source(found), "synthesised": list(_SYNTHESISED)}
    with drafted(ledger) as draft:
        trial = create_trial(
            draft,
            protocol,
            actor=Actor(ACTOR_ID, found.study, "sponsor"),
            host="localhost",
            clock=lambda: begun,
            provenance=provenance,
            importing=True,
        )
        with closing(trial):
            yield trial


@dataclass(frozen=True, slots=True)
class _Known:
    """What a ledger has of the source: the last values, and what each record says, by the id of its command."""

    previous: Previous
    said: dict[bytes, bytes]


def _known(path: Path, ledger: Path, found: Survey, choice: Choice) -> _Known:
    """What `ledger` has, after a check that nothing in the feed contradicts it. Raises OdmError, LedgerFileError."""
    known = _Known(Previous(), {})
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with closing(reader), reader:
        trial = TrialState.fold(reader.stream(TRIAL_STREAM))
        named = None if trial.protocol is None else trial.protocol.registration.org_study_id
        if named != found.study:
            raise LedgerFileError(f"{ledger}: is the ledger of {named}, and the feed is of {found.study}")
        for fact in reader.facts():
            if fact.stream.startswith(SOURCE_PREFIX) and fact.type == SourceRecordClaimed.type:
                record = _record_of(fact.data)
                known.previous.old_value(record)
                known.said[_key(fact.command)] = _digest(record)
    feed, items = read(path, choice)
    for one in items:
        if known.said.get(_key(one.command), _digest(one.record)) != _digest(one.record):
            rule = f"SourceID {one.record.claimed.source_id} is in the ledger already, and says something else there"
            raise feed.error(one.line, "AuditRecord", rule)
    return known


def _record_of(data: Any) -> SourceRecord:
    fields = SourceRecord.model_fields
    return SourceRecord.model_validate({name: value for name, value in data.items() if name in fields})


def _digest(record: SourceRecord) -> bytes:
    """Of what the source says, without what was found for it."""
    said = record.model_dump(mode="json", exclude_none=True, exclude={"old_value"})
    return hashlib.sha256(encode(said)).digest()[:16]


def _key(command: str) -> bytes:
    return hashlib.sha256(command.encode()).digest()[:16]


class _Adding:
    """Recording what is new, and the report."""

    def __init__(
        self,
        path: Path,
        trial: TrialLedger,
        found: Survey,
        begun: datetime,
        known: _Known,
        choice: Choice,
    ) -> None:
        self._path, self._trial, self._found, self._begun, self._known = path, trial, found, begun, known
        self._choice = choice

    def run(self, on_record: Callable[[], None]) -> int:
        """Record it. How many records are new."""
        added = 0
        feed, items = read(self._path, self._choice, lambda record, _: self._known.previous.forget(record))
        for one in items:
            if _key(one.command) not in self._known.said:
                self._submit(one)
                added += 1
            on_record()
        if feed.sha256 != self._found.sha256:
            raise feed.error(None, None, "has changed while it was read; nothing more is recorded")
        if added:
            self._trial.submit(parse_command(self._report(added)), importing=True)
            if self._found.left:
                self._trial.submit(parse_command(self._sealed_report()), importing=True)
        return added

    def _submit(self, one: Identified) -> None:
        record, old = one.record, self._known.previous.old_value(one.record)
        data = record.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        synthesised = list(_SYNTHESISED)
        if old is not None:
            data["old_value"] = old
            synthesised.append("old_value")
        provenance: dict[str, Any] = {"kind": "import", "source": _source(self._found), "synthesised": synthesised}
        if record.claimed.source_id is not None:
            provenance["record"] = f"AuditRecord {record.claimed.source_id}"[:200]
        command = self._command("claim-source-record", one.command, occurred_at(record.claimed.at), data, provenance)
        self._trial.submit(parse_command(command), importing=True)

    def _report(self, added: int) -> dict[str, Any]:
        found = self._found
        file = self._file(found.records, 0)
        if found.left:
            file |= {"name": f"{file['name'][:180]} (records taken)", "sha256": found.open_sha256}
        notes = [f"{added} of {found.records} records were new to this ledger", *notes_of(found)]
        return self._reported("report-import", {"tool": TOOL, "files": [file], "notes": notes})

    def _sealed_report(self) -> dict[str, Any]:
        """Of the whole file, with how much was left out of it."""
        file = self._file(self._found.records, self._found.left.total())
        data = {"tool": TOOL, "files": [file], "notes": list(_left_out(self._found))}
        return self._reported("report-sealed-import", data)

    def _file(self, recorded: int, rejected: int) -> dict[str, Any]:
        return {
            "name": self._path.name[:200],
            "sha256": self._found.sha256,
            "rows": recorded + rejected,
            "recorded": recorded,
            "rejected": rejected,
        }

    def _reported(self, type_: str, data: dict[str, Any]) -> dict[str, Any]:
        provenance = {"kind": "import", "source": _source(self._found)}
        sealed = [type_] if type_ != "report-import" else []
        digest = hashlib.sha256(encode([*sealed, data, self._begun.isoformat()])).hexdigest()
        at = self._begun.isoformat(timespec="seconds")
        return self._command(type_, f"odm-report-{digest[:32]}", at, data, provenance)

    def _command(
        self, type_: str, id_: str, at: str, data: dict[str, Any], provenance: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "id": id_,
            "type": type_,
            "actor": {"id": ACTOR_ID, "role": "data-manager", "org": self._found.study},
            "occurred_at": at,
            "data": data,
            "provenance": provenance,
        }


def _source(found: Survey) -> str:
    return f"ODM {found.study}"[:200]


def notes_of(found: Survey) -> Iterator[str]:
    """What is to be known of a feed beside its counts. Where records were left out, none that counts them too."""
    counted = not found.left
    yield f"Study {found.study}, metadata versions {', '.join(sorted(found.versions))}; {found.first} to {found.last}"
    if found.left:
        yield f"Left out, as whoever imported asked for, with what may tell an arm: {', '.join(sorted(found.left))}"
    if found.labels:
        yield f"{_LABELS}: {found.labels} times" if counted else _LABELS
    for item, count in sorted(found.withheld.items()):
        yield f"{item}: {count} values left out, as was asked for"
    if found.without_offset:
        yield f"{found.without_offset} times have no offset from UTC, and are kept so"
    if found.without_id:
        yield f"{found.without_id} records have no SourceID; they are known by what they say"
    for tag, count in sorted(found.not_read.items()):
        yield f"{tag}: not read ({count} elements)" if counted else f"{tag}: not read"


def _left_out(found: Survey) -> Iterator[str]:
    """For the sealed book, and for whoever imports."""
    for oid, count in sorted(found.left.items()):
        yield f"{oid}: {count} records left out whole, as was asked for"
