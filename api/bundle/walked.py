"""A beginning of the books, up to a position, as one snapshot gives it: what a bundle is generated from.

1. A position ends a command in each book, or there is no bundle of it: a verifier could not tell it from a cut.
2. An exact position takes in every sealed entry that an anchor before it counts. Any other takes in an anchor that
   follows right upon it: sealed halves that were recorded along with the position name that as the open head.
3. The books are walked once beforehand. What does not hang together (a link, the stored head) is no evidence: then
   there is no bundle, and `verify` says what is wrong.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.vocabulary import Book
from ledger.proof.bundle import BookHead
from ledger.proof.entry import GENESIS
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.tree import Frontier, leaf_hash
from ledger.recording.reader import AsOfError, LedgerReader, Position

_N: Final = re.compile(rb'"command":\{"digest":"[0-9a-f]{64}","id":"(?:[^"\\]|\\.)*","n":([0-9]+),"of":([0-9]+)\}')
_ANCHORED: Final = f'"stream":"{ANCHOR_STREAM}","type":'.encode()
_MARK: Final = re.compile(rb'"command":"([0-9a-f]{64})"')
_PREV: Final = re.compile(rb'"prev":"([0-9a-f]{64})","seq":([0-9]+),')
_TYPE: Final = re.compile(rb'"type":"((?:[^"\\]|\\.)*)","v":"')
_AT: Final = re.compile(rb'"at":"([0-9TZ:.-]{27})"')


@dataclass(frozen=True, slots=True)
class Walked:
    """A book up to a position: its head, when its last entry was recorded, and how many entries it has of each type."""

    head: BookHead
    at: str
    types: Counter[str]


def position_of(reader: LedgerReader, at: str | None) -> Position:
    """The position that is meant, checked (rules 1, 2). Raises AsOfError."""
    position = reader.position_at(at)
    rows = list(reader.stored(Book.OPEN, position.open, position.open + 1))
    found = _N.search(rows[0][1]) if rows else None
    if found is not None and (n := int(found[1])):
        raise AsOfError(
            f"as-of {at}: lies within a command, which ends at position {position.open - n + int(found[2]) - 1}"
        )
    if position.sealed is not None and "/" in str(at):
        _check_exact(reader, position, str(at))
    elif rows and _ANCHORED in rows[0][1]:
        return reader.position_at(position.open)
    return position


def _check_exact(reader: LedgerReader, position: Position, at: str) -> None:
    assert position.sealed is not None
    marks = [_MARK.search(raw) for _, raw, _ in reader.stored(Book.SEALED, position.sealed - 1, position.sealed + 1)]
    if len(marks) == 2 and marks[0] is not None and marks[1] is not None and marks[0][1] == marks[1][1]:
        raise AsOfError(f"as-of {at}: lies within a command of the sealed book")
    anchors = _open_only(reader, position.open)
    if anchors:
        counted = reader.sealed_before(anchors)
        if position.sealed < counted:
            raise AsOfError(
                f"as-of {at}: the anchor at {anchors} has {counted} sealed entries; name {counted - 1} or more"
            )


def _open_only(reader: LedgerReader, stop: int) -> int:
    """The seq of the last anchor before `stop`; 0 where there is none."""
    opened = LedgerReader(reader.path, books=frozenset({Book.OPEN}), classes=frozenset())
    try:
        with opened:
            facts = opened.stream(ANCHOR_STREAM, Position(stop, None))
    finally:
        opened.close()
    return facts[-1].seq if facts else 0


def entries(reader: LedgerReader, book: Book, stop: int) -> Iterator[bytes]:
    """The content of `<book>/entries`."""
    for _, raw, _ in reader.stored(book, 0, stop):
        yield raw + b"\n"


def walk(reader: LedgerReader, book: Book, stop: int) -> Walked:
    """Walk a book from its beginning (rule 3). Raises LedgerFileError."""
    tree, last, at, types, expected = Frontier(), GENESIS, "", Counter[str](), 0
    for seq, raw, _ in reader.stored(book, 0, stop):
        found = _PREV.search(raw)
        if seq != expected or b"\n" in raw or found is None or (found[1].decode(), int(found[2])) != (last.hex(), seq):
            raise LedgerFileError(f"{reader.path}: entry {expected} of the {book} book does not follow; run verify")
        last, expected = leaf_hash(raw), seq + 1
        tree.append(last)
        if book is Book.OPEN and (named := _TYPE.search(raw)) is not None:
            types[named[1].decode("utf-8", "replace")] += 1
        if seq == stop - 1 and (timed := _AT.search(raw)) is not None:
            at = timed[1].decode()
    if expected != stop or (stop and last.hex() != reader.head_hash(book, stop)):
        raise LedgerFileError(f"{reader.path}: the {book} book does not end as its head says; run verify")
    return Walked(BookHead(tree.size, last, tree.to_bytes()), at, types)


def consistency(reader: LedgerReader, size: int, larger: int) -> list[bytes]:
    """RFC 9162 section 2.1.4.1, from the open book's first `size` entries to its first `larger`; in bounded memory."""
    ranges = list(_ranges(size, larger))
    trees = [Frontier() for _ in ranges]
    wanted = sorted(range(len(ranges)), key=lambda index: ranges[index])
    at = 0
    for seq, raw, _ in reader.stored(Book.OPEN, 0, larger):
        while at < len(wanted) and seq >= ranges[wanted[at]][1]:
            at += 1
        if at < len(wanted) and seq >= ranges[wanted[at]][0]:
            trees[wanted[at]].append(leaf_hash(raw))
    return [tree.root() for tree in trees]


def _ranges(size: int, larger: int) -> Iterator[tuple[int, int]]:
    """The leaves under each node of the proof, in the order of the proof."""
    start, end, path = 0, larger, []
    while end != size:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if size <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start > 0:
        path.append((start, end))
    return reversed(path)
