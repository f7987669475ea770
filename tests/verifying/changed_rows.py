"""Rows of a small ledger, one of them changed at random, and what the walks and the reference say of that one.

    python -m tests.verifying.changed_rows LEDGER COUNT [FLAGS]

changes so many and fails where the kernel calls one common that is not. With flags, the kernel is compiled anew with
these: `-fsanitize=address -g` (and libasan in LD_PRELOAD, detect_leaks=0 in ASAN_OPTIONS) shows whether it reads
beyond what it was given.
"""

import hashlib
import importlib
import re
import sys
import tempfile
from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any, Final

from ledger.proof.sections import TAG, frame
from ledger.proof.tree import leaf_hash
from ledger.verifying.common_rows import CommonRows
from ledger.verifying.plain_rows import PlainRows, Stand
from ledger.verifying.reading import Names, open_snapshot
from ledger.verifying.run import GiveUp
from tests.tampering.ledgers import ORIGIN

Row = list[Any]

_ROWS: Final = "SELECT seq, stream, version, command, entry, sections FROM open_entry WHERE seq < ? ORDER BY seq"
_ANYTHING: Final[list[Any]] = [
    None, -1, 0, 1, 7, 2**31, 2**53, 2**63 - 1, -(2**63), 2**70, True, 1.0, float("nan"),
    "", "x", "\x00", "é", "\ud800", "cmd-000001",
    b"", b"{", b"{}", b"\x00", b"\x00\x00\x00\x00\x20" + bytes(32), bytes(37), bytes(70000), b"\xff" * 200,
]  # fmt: skip
_PIECES: Final = [
    b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b'""', b'"a":', b"{}", b"[]", b'\\"', b"\\u0000",
    b"0", b"-0", b"-1", b"00", b"1.0", b"9" * 15, b"9" * 16, b"9007199254740991", b"true", b"nul", b"null",
    b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xc3\xa4", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80",
    b"x" * 5000, b"[" * 40, b"]" * 40, b'"a":{' * 9, b"2019-02-29", b"2020-02-29", b"1900-02-29", b"0000-01-01",
    b"9999-12-31", b"T23:59:59", b"T24:00:00", b'"n":0', b'"n":1', b'"of":1', b'"of":2', b'"version":0', b'"id":""',
    b"anchor.set/1",
]  # fmt: skip


@dataclass(frozen=True)
class Walked:
    """Rows, and how the walk stands before each."""

    names: Names
    rows: list[tuple[Any, ...]]
    stands: list[Stand]


def walked(path: Path, count: int = 100) -> Walked:
    """The first rows of a ledger."""
    connection = open_snapshot(path)
    names = Names(connection)
    rows: list[tuple[Any, ...]] = connection.execute(_ROWS, (count,)).fetchall()
    plain, stand, stands = PlainRows(names, ORIGIN.encode(), closed=True), Stand(prev="0" * 64), list[Stand]()
    for row in rows:
        stands.append(deepcopy(stand))
        plain.take(row, leaf_hash(row[4]), stand, first=row[0] == 0)
    return Walked(names, rows, stands)


def changed(random: Random, on: Walked) -> tuple[int, tuple[Any, ...]]:
    """Which row, and how it is now."""
    index = random.randrange(1, len(on.rows))
    row = list(on.rows[index])
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        random.choice([_column, _swap, _entry, _entry, _entry, _payload, _payload, _payload, _sections])(
            random, row, on
        )
    return index, tuple(row)


def with_payload(on: Walked, index: int, payload: bytes) -> tuple[Any, ...]:
    """A row with another payload, and an entry that commits to it."""
    row = on.rows[index]
    sections = frame(row[5][5:37].ljust(32, b"."), payload)
    entry = row[4].replace(_commit(row[5]).hex().encode(), _commit(sections).hex().encode())
    return (*row[:4], entry, sections)


def with_at(on: Walked, index: int, at: str) -> tuple[Any, ...]:
    """A row of another time."""
    row = on.rows[index]
    entry = re.sub(rb'(?<=,"at":")[^"]*', at.encode(), row[4])
    return (*row[:4], entry, row[5])


def _column(random: Random, row: Row, _: Walked) -> None:
    row[random.randrange(6)] = random.choice(_ANYTHING)


def _swap(random: Random, row: Row, on: Walked) -> None:
    column = random.randrange(6)
    row[column] = random.choice(on.rows)[column]


def _entry(random: Random, row: Row, _: Walked) -> None:
    if type(row[4]) is bytes:
        row[4] = _bytes(random, row[4])


def _sections(random: Random, row: Row, _: Walked) -> None:
    if type(row[5]) is bytes:
        row[5] = _bytes(random, row[5])


def _payload(random: Random, row: Row, _: Walked) -> None:
    if type(row[5]) is bytes and type(row[4]) is bytes:
        before = _commit(row[5]).hex().encode()
        row[5] = frame(row[5][5:37].ljust(32, b"."), _bytes(random, row[5][37:]))
        row[4] = row[4].replace(before, _commit(row[5]).hex().encode())


def _bytes(random: Random, data: bytes) -> bytes:
    at, length = random.randrange(len(data) + 1), random.choice([0, 0, 1, 1, 2, 8, 26])
    what = random.randrange(4)
    if what == 0:
        return data[:at]
    if what == 1:
        return data[:at] + bytes(each ^ 1 << random.randrange(8) for each in data[at : at + 1]) + data[at + 1 :]
    if what == 2:
        return data[:at] + random.choice(_PIECES) + data[at + length :]
    begin = random.randrange(len(data) + 1)
    return data[:at] + data[begin : begin + length] + data[at + length :]


def _commit(stored: Any) -> bytes:
    return hashlib.sha256(TAG + b"\x00" + (stored[5:] if type(stored) is bytes else b"")).digest()


def _hashes(row: tuple[Any, ...]) -> tuple[bytes, bytes]:
    return leaf_hash(row[4] if type(row[4]) is bytes else b""), _commit(row[5])


def judge(kernel: Any, on: Walked, index: int, row: tuple[Any, ...]) -> tuple[bool, bool, bool]:
    """Whether a row is common to the kernel, to the walk in Python, and right by the words of the reference.

    Fails where the kernel says so of one that is wrong, or has come to somewhere else than the reference.
    """
    hash_, commit = _hashes(row)
    kernels, pythons, references = (deepcopy(on.stands[index]) for _ in range(3))
    try:
        common = kernel.CommonRows(on.names, ORIGIN).take([row], [hash_], [commit], 0, kernels) == 1
    except (GiveUp, OverflowError):
        common = False  # there is no such stream, nor could be one
    try:
        also = CommonRows(on.names, ORIGIN).take([row], [hash_], [commit], 0, pythons) == 1
    except Exception:  # one of another type than is looked for
        also = False
    try:
        PlainRows(on.names, ORIGIN.encode(), closed=True).take(row, hash_, references)
        right = True
    except Exception:
        right = False
    assert right or not also, f"the walk in Python takes {row}"
    assert right or not common, f"the kernel takes {row}"
    if common:
        if not kernels.n:
            kernels.head = references.head  # nothing is compared with it
        assert _members(kernels) == _members(references), row
    else:
        assert _members(kernels) == _members(on.stands[index]), row
    return common, also, right


def _members(stand: Stand) -> list[Any]:
    return [getattr(stand, each.name) for each in fields(stand) if each.name != "opening"]


def main() -> None:
    """Change as many rows as are asked for."""
    path, count, flags = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    from tests.verifying.kernels import compiled_with

    if flags:
        kernel = compiled_with(Path(tempfile.mkdtemp()), "MOST_DIGITS = 15", "MOST_DIGITS = 15", " ".join(flags))
    else:
        kernel = importlib.import_module("ledger.verifying.kernel")
    on, random, found = walked(path), Random(str(flags)), dict[Any, int]()
    for _ in range(count):
        said = judge(kernel, on, *changed(random, on))
        found[said] = found.get(said, 0) + 1
    for (common, also, right), times in sorted(found.items()):
        print(f"{times:8} {common=!s:5} in_python={also!s:5} right={right!s:5}")


if __name__ == "__main__":
    main()
