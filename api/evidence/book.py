"""One snapshot of the open book as it is stored, for signing and proving: entries, and nothing that is sealed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.events.evidence import LedgerContinued
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.sections import PLAIN
from ledger.proof.tree import leaf_hash
from ledger.recording.engine import Reading, fetch, open_reading, translated
from ledger.recording.rows import open_fact

_BATCH: Final = 2000
_CONTINUED: Final = (
    "SELECT seq, entry, sections FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id "
    "WHERE name = ? AND seq < ? AND instr(entry, CAST(? AS BLOB)) ORDER BY version DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class OpenBook:
    """The open book at one moment: what its entries call their origin, and how many there are."""

    path: Path
    origin: str
    size: int
    _connection: Reading

    def entry(self, seq: int) -> bytes | None:
        """The stored bytes of an entry; None where there is none."""
        rows = self._query("SELECT entry FROM open_entry WHERE seq = ?", (seq,)) if 0 <= seq < self.size else []
        return rows[0][0] if rows else None

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """(seq, stored bytes) of entries, by rising seq, a few at a time."""
        end = self.size if stop is None else min(stop, self.size)
        for begin in range(start, end, _BATCH):
            yield from self._query(
                "SELECT seq, entry FROM open_entry WHERE seq >= ? AND seq < ? ORDER BY seq",
                (begin, min(begin + _BATCH, end)),
            )

    def leaf_hashes(self, stop: int | None = None) -> list[bytes]:
        """The leaf hashes of all entries, or the first `stop`: 32 bytes an entry. Raises LedgerFileError for a gap."""
        hashes: list[bytes] = []
        for seq, raw in self.entries(0, stop):
            if seq != len(hashes) or type(raw) is not bytes:
                raise LedgerFileError(f"{self.path}: entry {len(hashes)} of the open book is missing; run verify")
            hashes.append(leaf_hash(raw))
        return hashes

    def checkpoint_origin(self, size: int | None = None) -> str:
        """The origin of checkpoints of the first `size` entries: the ledger's, or that under which it went on last."""
        rows = self._query(
            _CONTINUED, (TRIAL_STREAM, self.size if size is None else size, f'"type":"{LedgerContinued.type}"')
        )
        if not rows:
            return self.origin
        seq, entry, sections = rows[0]
        return str(open_fact(seq, entry, sections, frozenset({PLAIN}), None).data["origin"])

    def holds_any(self, types: frozenset[str], start: int) -> bool:
        """Whether one of the entries from `start` on is of one of these types."""
        wanted = [f'"type":"{type_}"'.encode() for type_ in sorted(types)]
        found = " OR ".join("instr(entry, ?)" for _ in wanted)
        return bool(self._query(f"SELECT 1 FROM open_entry WHERE seq >= ? AND ({found}) LIMIT 1", (start, *wanted)))

    def _query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return fetch(self._connection, statement, values)
        except apsw.Error as error:
            raise translated(error, self.path) from error


@contextmanager
def open_book(path: Path) -> Iterator[OpenBook]:
    """The open book as it is now, for as long as it is held. Raises LedgerFileError, StorageError."""
    check_ledger_file(path)
    connection = open_reading(path)
    try:
        try:
            connection.execute("BEGIN")
            rows = fetch(connection, "SELECT origin, size FROM head WHERE book = 'open'")
        except apsw.Error as error:
            raise translated(error, path) from error
        if not rows:
            raise LedgerFileError(f"{path}: the database is damaged (no head of the open book)")
        yield OpenBook(path, str(rows[0][0]), int(rows[0][1]), connection)
    finally:
        connection.close()
