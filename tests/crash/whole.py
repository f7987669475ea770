"""Is a reopened ledger whole? An independent reading of the file, that goes on where it stopped last time.

It shares the entry grammar with the recorder and nothing else: no cached heads, no verifier, no keys (of what is sealed
it reads the digests). `verify_ledger` says the same of the whole file, at the length of the whole file; after each of
thousands of crashes that would be too slow.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from ledger.domain.events.base import ANCHOR_STREAM
from ledger.proof.entry import GENESIS, OpenEntry, SealedEntry, parse_open, parse_sealed
from ledger.proof.link import is_link
from ledger.proof.sealing import digest
from ledger.proof.sections import PLAIN, commitment, unpack
from ledger.proof.tree import Frontier
from ledger.recording.engine import open_reading

Entry = OpenEntry | SealedEntry


@dataclass
class _Chain:
    size: int = 0
    hash: bytes = GENESIS
    at: str = ""
    frontier: Frontier = field(default_factory=Frontier)


@dataclass
class Grown:
    """What was recorded since the last look: entries a command, by command id (sealed ones by their mark)."""

    open: Counter[str] = field(default_factory=Counter)
    sealed: Counter[str] = field(default_factory=Counter)
    anchors: int = 0


class Watch:
    """Follows one ledger file over many crashes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open, self._sealed = _Chain(), _Chain()
        self._open_hashes: list[bytes] = []
        self._versions: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many open entries were seen whole."""
        return self._open.size

    def check(self) -> Grown:
        """Assert that what was whole is still there, and what is new is whole; what is new."""
        connection: Any
        if is_link(self.path):
            connection = open_reading(self.path)
        else:
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
            assert connection.pragma("quick_check") == "ok", "the database is damaged"
        try:
            connection.execute("BEGIN")
            return self._check(connection)
        finally:
            connection.close()

    def _check(self, connection: Any) -> Grown:
        grown = Grown()
        follow: dict[str, tuple[int, int]] = {}
        before = self._open.hash
        if self._open.size:
            rows = connection.execute("SELECT entry FROM open_entry WHERE seq = ?", (self._open.size - 1,)).fetchall()
            assert rows, f"entry {self._open.size - 1} was there before the crash"
            assert parse_open(rows[0][0]).hash == before, "an entry changed in the crash"
        query = (
            "SELECT seq, name, version, command, entry, sections FROM open_entry "
            "JOIN open_stream ON stream = id WHERE seq >= ? ORDER BY seq"
        )
        for seq, name, version, command, raw, stored in connection.execute(query, (self._open.size,)).fetchall():
            entry = parse_open(raw)
            self._link(self._open, entry, seq, stored)
            self._open_hashes.append(entry.hash)
            assert (entry.stream, entry.version) == (name, version)
            assert version == self._versions.get(name, 0) + 1, f"{name} jumps to version {version}"
            self._versions[name] = version
            assert command == (entry.command_id or None if entry.n == 0 else None)
            if name == ANCHOR_STREAM:
                grown.anchors += 1
                continue
            assert entry.n == grown.open[entry.command_id], f"a command's events are torn apart at {seq}"
            grown.open[entry.command_id] += 1
            follow[entry.command_id] = (entry.n, entry.of)
        for command_id, (n, of) in follow.items():
            assert n + 1 == of, f"half of the command {command_id} was recorded"
        query = "SELECT seq, open_seq, slot, command, entry, sections FROM sealed_entry WHERE seq >= ? ORDER BY seq"
        for seq, open_seq, slot, command, raw, stored in connection.execute(query, (self._sealed.size,)).fetchall():
            sealed = parse_sealed(raw)
            self._link(self._sealed, sealed, seq, stored)
            assert (sealed.open_head_seq, sealed.slot, sealed.command) == (open_seq, slot, command)
            assert sealed.open_head_hash == self._open_hashes[open_seq], f"sealed entry {seq} names another open book"
            grown.sealed[command] += 1
        heads = {
            book: (size, bytes(hash_), bytes(frontier))
            for book, size, hash_, frontier in connection.execute("SELECT book, size, hash, frontier FROM head")
        }
        for book, chain in (("open", self._open), ("sealed", self._sealed)):
            assert heads[book] == (chain.size, chain.hash, chain.frontier.to_bytes()), f"head of the {book} book"
        return grown

    @staticmethod
    def _link(chain: _Chain, entry: Entry, seq: int, stored: bytes) -> None:
        assert entry.seq == seq == chain.size, f"position {chain.size} holds entry {entry.seq}"
        assert entry.prev == chain.hash, f"entry {seq} does not follow the one before"
        assert entry.at >= chain.at, f"time runs backwards at {seq}"
        for part, section in zip(entry.parts, unpack(stored, len(entry.parts)), strict=True):
            if section.ciphertext is None:
                assert section.payload is not None
                whole = part.commit == commitment(section.salt, section.payload)
            else:
                whole = section.digest == digest(part.commit, section.ciphertext)
            assert whole, f"a section of {seq} is another one"
            assert (section.ciphertext is None) == (part.section_class == PLAIN), f"a section of {seq} lies open"
        chain.size, chain.hash, chain.at = seq + 1, entry.hash, entry.at
        chain.frontier.append(entry.hash)
