"""What the reader of bundles is made of: the bytes of one file, the rows in it, and marks that may not come again.

Each is bounded, whatever the bundle holds: a line and the sections of an entry by what an entry may have, marks by
being kept in a temporary file.
"""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger.proof.bundle import MAX_SECTIONS
from ledger.proof.bundle_zip import Member
from ledger.proof.entry import MAX_ENTRY
from ledger.proof.extent import said_seq
from ledger.proof.repeats import Repeat, repeats

_SEQ: Final = re.compile(rb'"prev":"[0-9a-f]{64}","seq":(0|[1-9][0-9]{0,15}),')
_OPEN_MARK: Final = re.compile(rb'"command":\{"digest":"[0-9a-f]{64}","id":"((?:[^"\\]|\\.)++)","n":0,')
_MARK: Final = re.compile(rb'"command":"([0-9a-f]{64})"')
_SLOT: Final = re.compile(rb'"slot":"([0-9a-f]{64})"')
_BLOCK: Final = 1 << 18
_BATCH: Final = 1000


class FileBytes:
    """The bytes of one file of the bundle, read from first to last through a handle of its own."""

    def __init__(self, path: Path, member: Member) -> None:
        self._file = path.open("rb")
        self._file.seek(member.start)
        self.left = member.size

    def read(self, most: int) -> bytes:
        """The next bytes, `most` at most; none at the end."""
        data = self._file.read(min(most, self.left))
        self.left -= len(data) or self.left  # somebody may cut the file off meanwhile
        return data

    def line(self) -> bytes:
        """The next line without its line feed; of one that is too long for an entry, the beginning, too long too."""
        line = self._file.readline(min(MAX_ENTRY + 2, self.left))
        self.left -= len(line) or self.left
        rest = line
        while not rest.endswith(b"\n") and self.left and rest:
            rest = self._file.readline(min(_BLOCK, self.left))
            self.left -= len(rest) or self.left
        return line[:-1] if line.endswith(b"\n") else line

    def close(self) -> None:
        self._file.close()


def number_of(book: str, raw: bytes, before: int) -> int:
    """The number that the entry of a row says; where its bytes are no entry, the one after that of the row `before`.

    The grammar is asked only of bytes that say another one than is due: an entry says it where `_SEQ` finds it.
    """
    found = _SEQ.search(raw)
    if found is not None and int(found[1]) != before + 1 and (said := said_seq(book, raw)) is not None:
        return said
    return before + 1


def framed(source: FileBytes) -> bytes | None:
    """The sections of the next row. After a length that cannot be one, none of the rows after it has any."""
    length = source.read(4)
    size = int.from_bytes(length, "big")
    if len(length) < 4 or size > min(source.left, MAX_SECTIONS):
        source.left = 0
        return None
    return source.read(size)


class Marks:
    """The marks that may not come again, in a temporary file until they are sorted."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(
            "PRAGMA journal_mode = OFF; CREATE TABLE open_entry (seq INTEGER, command TEXT); "
            "CREATE TABLE sealed_entry (seq INTEGER, command TEXT, slot TEXT); BEGIN"
        )
        self._open: list[tuple[int, bytes]] = []
        self._sealed: list[tuple[int, bytes | None, bytes | None]] = []

    def take(self, book: str, seq: int, raw: bytes) -> None:
        """The marks of a row."""
        if book == "open":
            found = _OPEN_MARK.search(raw)
            if found is not None:
                self._open.append((seq, found[1]))
        else:
            mark, slot = _MARK.search(raw), _SLOT.search(raw)
            self._sealed.append((seq, None if mark is None else mark[1], None if slot is None else slot[1]))
        if len(self._open) + len(self._sealed) >= _BATCH:
            self._flush()

    def repeats(self, books: frozenset[str]) -> Sequence[Repeat]:
        self._flush()
        return repeats(self._file, {f"{book}_entry" for book in books})

    def close(self) -> None:
        self._file.close()

    def _flush(self) -> None:
        self._file.executemany("INSERT INTO open_entry VALUES (?, ?)", self._open)
        self._file.executemany("INSERT INTO sealed_entry VALUES (?, ?, ?)", self._sealed)
        self._open, self._sealed = [], []
