"""A ledger without a sealed book, all of whose rows but some are of the common kind; and ways to write it anew.

Whoever rewrites it makes the chain, the heads, commitments and columns whole again: what is left to find is only what
an entry says of itself and of those around it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger.proof.canonical import encode
from ledger.proof.sections import IDENTITY, PLAIN, commitment, frame
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.engine import create_ledger
from ledger.recording.sqlite import SQLiteBooks
from tests.recording.ledgers import ticking
from tests.tampering.ledgers import ACTOR, KEYS, ORIGIN, Drawn, behind_its_back, relink, settle

EVENTS: Final = 60
CHANGED: Final = 37
"""An entry of the common kind, amid a command, in no block of four with the beginning of that."""
ALONE: Final = 45
"""One that is all there is of its command."""
SALT: Final = bytes(range(32))


def common_ledger(path: Path, events: int = EVENTS) -> Path:
    """Commands of one to five events, each with one plain section, but for a raw one and one of a name."""
    create_ledger(path, ORIGIN)
    drawn = Drawn()
    books = SQLiteBooks(path, clock=ticking(), randomness=drawn, keys=KEYS)
    seq, number, versions = 0, 0, dict[str, int]()
    while seq < events:
        of = min(1 + number % 5, events - seq)
        raw = number == 3
        command = CommandMark("" if raw else f"cmd-{number:06d}", f"{number:064x}")
        drafter, drafts = Drafter(ORIGIN, ACTOR, command, drawn.open, KEYS), []
        for n in range(of):
            stream = f"subject/ES-{(seq % 7):03d}" if not raw else "raw/1"
            version = versions[stream] = versions.get(stream, -1 if raw else 0) + 1
            told: list[tuple[str, bytes]] = [(PLAIN, encode(_told(seq, stream)))]
            if number == 7 and n == 0:
                told.insert(0, (IDENTITY, encode({"name": "Núñez"})))
            drafts.append(drafter.draft(stream, version, f"visit-{seq % 3}.done/1", told, n, of))
            seq += 1
        books.append(Append(command, drafts))
        number += 1
    books.close()
    settle(path)
    return path


def _told(seq: int, stream: str) -> dict[str, Any]:
    text = "Kopfschmerz, mäßig" if seq % 4 == 2 else 'he said "no"\n'
    items = [{"code": "HGB", "value": str(seq)}]
    return {"items": items, "late": seq % 2 == 0, "n": seq, "stream": stream, "text": text}


@dataclass(frozen=True)
class Forgery:
    """A change to one row, after which all that is computed from it is made whole again."""

    name: str
    entry: Callable[[bytes], bytes] | None = None
    payload: Callable[[bytes], bytes] | None = None
    columns: str = ""
    """An SQL expression that sets columns."""
    seq: int = CHANGED


def sub(pattern: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replaces what stands in exactly one place."""

    def change(text: bytes) -> bytes:
        changed, count = re.subn(pattern, lambda _: new, text)
        assert count == 1, (pattern, text)
        return changed

    return change


def forge(path: Path, forgery: Forgery) -> None:
    """Do it."""
    with behind_its_back(path) as connection:
        entry, sections = connection.execute(
            "SELECT entry, sections FROM open_entry WHERE seq = ?", (forgery.seq,)
        ).fetchone()
        if forgery.payload is not None:
            payload = forgery.payload(sections[37:])
            sections = frame(SALT, payload)
            entry = sub(rb'(?<="commit":")[0-9a-f]{64}', commitment(SALT, payload).hex().encode())(entry)
        if forgery.entry is not None:
            entry = forgery.entry(entry)
        connection.execute(
            "UPDATE open_entry SET entry = ?, sections = ? WHERE seq = ?", (entry, sections, forgery.seq)
        )
        if forgery.columns:
            connection.execute(f"UPDATE open_entry SET {forgery.columns} WHERE seq = ?", (forgery.seq,))
        relink(connection, "open", 0, head=True)
