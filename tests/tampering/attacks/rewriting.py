"""What an administrator of the database, who holds no keys, does to a file and to the evidence folder beside it."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ledger.proof.evidence import evidence_folder
from ledger.proof.sections import commitment, frame, unpack
from tests.tampering.ledgers import behind_its_back, relink, rows
from tests.tampering.test_whoever_writes_the_chain import retie


def drop_evidence(path: Path, *, above: int = -1) -> None:
    """Delete the time stamps, and the checkpoints, of more than so many entries."""
    for kind in ("timestamps", "checkpoints"):
        for file in (evidence_folder(path) / kind).glob("*"):
            with suppress(ValueError):
                if int(file.name[:16]) > above:
                    file.unlink()


def reworded(path: Path, seq: int, old: str, new: str) -> None:
    """Other words in a plain payload, with the commitment, the chain, the ties and the heads made to fit: no keys."""
    row = rows(path, "open_entry")[seq]
    (section,) = unpack(row["sections"], 1)
    assert section.payload is not None
    assert old.encode() in section.payload
    payload = section.payload.replace(old.encode(), new.encode())
    before, after = commitment(section.salt, section.payload).hex(), commitment(section.salt, payload).hex()
    assert before.encode() in row["entry"]
    with behind_its_back(path) as connection:
        connection.execute(
            "UPDATE open_entry SET entry = ?, sections = ? WHERE seq = ?",
            (row["entry"].replace(before.encode(), after.encode()), frame(section.salt, payload), seq),
        )
        whole_again(connection)


def whole_again(connection: Any) -> None:
    """Chain, ties and heads of both books, made to fit the rows that there are."""
    relink(connection, "open", 0, head=True)
    retie(connection)


def cut(path: Path, size: int) -> None:
    """Drop the tail of the open book, and let nothing in the file show it."""
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= ?", (size,))
        connection.execute("DELETE FROM open_stream WHERE id NOT IN (SELECT stream FROM open_entry)")
        relink(connection, "open", size, head=True)


def reassembled(path: Path, listed: Sequence[dict[str, Any]]) -> None:
    """The open book made of these rows in this order: seq, versions, chain, ties and head made to fit, without keys.

    The rows that stay have to keep their places up to the last one that the sealed book names.
    """
    versions: dict[int, int] = {}
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry")
        for seq, row in enumerate(listed):
            said = json.loads(row["entry"])
            version = versions[row["stream"]] = versions.get(row["stream"], 0) + 1
            entry = row["entry"].replace(b'"seq":%d,' % said["seq"], b'"seq":%d,' % seq)
            entry = entry.replace(b'"version":%d}' % said["version"], b'"version":%d}' % version)
            values = (seq, row["stream"], version, row["command"], entry, row["sections"])
            connection.execute(
                "INSERT INTO open_entry (seq, stream, version, command, entry, sections) VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        connection.execute("DELETE FROM open_stream WHERE id NOT IN (SELECT stream FROM open_entry)")
        whole_again(connection)
