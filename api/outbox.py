"""`<ledger>.outbox/`: one file for each time that somebody came to know an arm, for whoever sends it on.

1. What is alerted: code.broken/1, unblinding.approved/1, envelope.opened/1, unblinding.reported/1, allocation.opened/1.
   An alert says who, when, of whom and why, as the open book does. It never says an arm: it is made without keys.
   What an import claims of another system is no alert.
2. An alert is one JSON file, `<seq>-<type>-<id>.json`: written whole or not at all, and never with other content.
   It is written after the event is durable, so it can come late, and cannot come for what was not recorded.
3. `cursor.json` tells up to where the ledger was looked through. It moves on when the alerts before it are durable, so
   a sender may delete what it has sent, or move it to `sent/`, and nothing comes back. One alert may come twice if the
   machine stops between its file and the cursor and a sender deleted it meanwhile: rather twice than never.
4. Where the cursor is of another ledger, or of one that has lost its end, all is looked through again.
5. Senders are not part of this: `docs/outbox.md` has one in a few lines.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from api import durable
from ledger.application import Answer, TrialLedger
from ledger.domain.commands import Command
from ledger.domain.events.base import TRIAL_STREAM, Facts
from ledger.domain.history import Fact
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import PLAIN
from ledger.recording.engine import StorageError, fetch, open_reading, translated
from ledger.recording.reader import LedgerReader, Position

ALERTED: Final = frozenset(
    {
        "code.broken/1",
        "unblinding.approved/1",
        "envelope.opened/1",
        "unblinding.reported/1",
        "allocation.opened/1",
    }
)
"""The types of event that an alert is made of."""
SENT: Final = "sent"
_ALERTS: Final = "[0-9]*.json"
_CURSOR: Final = "cursor.json"
_LOCK: Final = ".lock"
_log: Final = logging.getLogger("trial_ledger.outbox")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one look through the ledger brought: the alerts that were written, and up to where it was looked through."""

    written: tuple[Path, ...]
    size: int


def outbox_folder(ledger: Path) -> Path:
    """Where the alerts of a ledger file lie."""
    return ledger.with_name(f"{ledger.name}.outbox")


def names_in(folder: Path) -> list[str]:
    """The names of the files in a folder that this module has made there."""
    return [*(path.name for path in folder.glob(_ALERTS)), _CURSOR, _LOCK]


def deliver(ledger: Path) -> Delivery:
    """Write the alerts that are still to be written. Raises OSError, LedgerFileError, StorageError."""
    folder = outbox_folder(ledger)
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with durable.locked(folder / _LOCK), reader:  # the snapshot is taken under the lock
            return _deliver(reader, folder)
    finally:
        reader.close()


def waiting(ledger: Path) -> list[dict[str, Any]]:
    """The alerts that no sender has taken away yet, in the order of the ledger."""
    folder = outbox_folder(ledger)
    found = []
    for path in sorted(folder.glob(_ALERTS)):
        try:
            found.append(json.loads(path.read_bytes()) | {"file": path.name})
        except FileNotFoundError:
            continue  # a sender was faster
        except (ValueError, TypeError):
            _log.warning("%s: is no alert, and is left as it is", path)
    return found


class AlertingLedger(TrialLedger):
    """A ledger for recording that delivers alerts once what they tell of is durable.

    A command is recorded whether or not its alert can be written: that is logged, and made up for when the ledger is
    next opened, or by `trial-ledger outbox`.
    """

    def submit(self, command: Command[Facts], *, importing: bool = False) -> Answer:
        answer = super().submit(command, importing=importing)
        if not ALERTED.isdisjoint(answer.types) and (fault := self.catch_up_alerts()) is not None:
            _log.warning("%s: an alert could not be written yet: %s", outbox_folder(self.path), fault)
        return answer

    def catch_up_alerts(self) -> Exception | None:
        """Write the alerts that are still to be written; what kept it from doing so, if anything did."""
        try:
            deliver(self.path)
        except (OSError, LedgerFileError, StorageError) as error:
            return error
        return None


def _deliver(reader: LedgerReader, folder: Path) -> Delivery:
    head = reader.head()
    start = _start(reader, folder, head.open)
    written: list[Path] = []
    if start < head.open:
        trial = _trial_id(reader)
        for alert in _alerts(reader, trial, start, head.open):
            if (path := _write(folder, alert)) is not None:
                written.append(path)
        cursor = {"size": head.open, "head": reader.head_hash(Book.OPEN, head.open)}
        durable.write(folder / _CURSOR, _json(cursor), replace=True)
    return Delivery(tuple(written), head.open)


def _start(reader: LedgerReader, folder: Path, size: int) -> int:
    """Up to where this ledger was looked through; 0 where the cursor is of another, or cannot be read (rule 4)."""
    try:
        cursor = json.loads((folder / _CURSOR).read_bytes())
        done, head = int(cursor["size"]), str(cursor["head"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0
    return done if 0 < done <= size and reader.head_hash(Book.OPEN, done) == head else 0


def _alerts(reader: LedgerReader, trial: str, start: int, size: int) -> Iterator[dict[str, Any]]:
    for seq in _candidates(reader.path, start, size):
        for fact in reader.facts(Position(seq, None), Position(seq + 1, None)):
            if fact.type in ALERTED and fact.data.get("provenance", {}).get("kind") != "import":
                yield _alert(trial, fact)


def _candidates(path: Path, start: int, size: int) -> list[int]:
    """The entries that have the bytes of such a type in them: a ledger is looked through without being parsed."""
    types = [f'"type":"{type_}"'.encode() for type_ in sorted(ALERTED)]
    holds = " OR ".join("instr(entry, ?)" for _ in types)
    connection = open_reading(path)
    try:
        query = f"SELECT seq FROM open_entry WHERE seq >= ? AND seq < ? AND ({holds}) ORDER BY seq"
        return [seq for (seq,) in fetch(connection, query, (start, size, *types))]
    except apsw.Error as error:
        raise translated(error, path) from error
    finally:
        connection.close()


def _alert(trial: str, fact: Fact) -> dict[str, Any]:
    """What the open book says of it. Only members named here: what an event may come to hold later is not sent on."""
    data = fact.data
    subjects = data.get("subjects") or [data[name] for name in ("subject",) if name in data]
    return {
        "trial": trial,
        "seq": fact.seq,
        "id": fact.id,
        "type": fact.type,
        "subjects": list(subjects) or "all",
        "who": data.get("person", fact.actor.id),
        "role": data.get("role", fact.actor.role),
        "reported_by": {"id": fact.actor.id, "org": fact.actor.org, "role": fact.actor.role},
        "occurred_at": data["occurred_at"],
        "recorded_at": fact.at,
        "reason": data.get("reason", data.get("how")),
        "simulation": data.get("provenance", {}).get("kind") == "simulation",
    }


def _write(folder: Path, alert: dict[str, Any]) -> Path | None:
    """The file of an alert; None where it lies there already, sent or not."""
    name = f"{alert['seq']:09d}-{alert['type'].partition('/')[0]}-{alert['id'][:8]}.json"
    path = folder / name
    if path.exists() or (folder / SENT / name).exists():
        return None
    durable.write(path, _json(alert))
    return path


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _trial_id(reader: LedgerReader) -> str:
    protocol = TrialState.fold(reader.stream(TRIAL_STREAM)).protocol
    return "" if protocol is None else protocol.trial_id
