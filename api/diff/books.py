"""One book of two histories, compared entry by entry in one pass, in memory that does not grow with it.

1. Entries are compared by the bytes as they are stored, at the same seq. Up to the first difference the books have a
   common prefix, whose root both have.
2. While they are read each is held against itself: that each entry names the one before it, and the head. What does not
   is no history at all, and said beside the comparison (`verify` says more).
3. Sections are no part of the history: an entry commits to them. What one side gives and the other withholds, or has
   sealed otherwise, is counted. One that is not what its entry commits to is counted as altered.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from api.diff.side import Row, Side
from api.restoring.frames import is_vacant
from ledger.proof.entry import GENESIS, EntryError, Part, parse_open, parse_sealed
from ledger.proof.sealed import parse_header
from ledger.proof.sealing import digest
from ledger.proof.sections import HEADER, Section, SectionError, commitment, unpack
from ledger.proof.tree import Frontier, leaf_hash

SIDES: Final = ("a", "b")
_PREV: Final = re.compile(rb'"prev":"([0-9a-f]{64})","seq":([0-9]+),')


@dataclass(slots=True)
class OnlyIn:
    """The entries that one side has and the other has not, or has otherwise: how many, and the first of them."""

    count: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class BookDiff:
    """What the comparison of a book says. `parts`: the first seq at which they differ; None: one begins the other."""

    name: str
    sizes: dict[str, int]
    common: int
    root: bytes
    parts: int | None
    only: dict[str, OnlyIn]
    sections: Counter[tuple[str, str, str]]
    """(class, how A has it, how B has it) -> of how many entries of both, where that is not the same."""
    altered: dict[str, OnlyIn]
    """Entries of both whose section on that side is not the one that the entry commits to."""
    unsound: dict[str, str]
    """Of a side that does not hold together: where, in a sentence."""
    roots: dict[str, dict[int, bytes]]
    """Side -> size -> root, as far as it was asked for and the side holds together."""


class _Walk:
    """A side of a book while it is read."""

    def __init__(self, side: Side, book: str, wanted: Collection[int]) -> None:
        self.rows: Iterator[Row] = side.rows(book)
        self.book, self.head, self.size = book, side.heads[book], side.sizes[book]
        self.tree, self.last = Frontier(), GENESIS
        self.unsound = ""
        self.roots = dict[int, bytes]()
        self._wanted = wanted
        self._keep()

    def next(self) -> Row | None:
        return next(self.rows, None)

    def take(self, row: Row, leaf: bytes) -> None:
        """An entry of the book, with its leaf hash; held against the one before it."""
        if self.unsound:
            return
        said = _PREV.search(row[1])
        if row[0] != self.tree.size or said is None or int(said[2]) != row[0]:
            self.unsound = f"there is no entry {self.tree.size} where one belongs"
        elif said[1] != self.last.hex().encode():
            self.unsound = f"entry {row[0]} does not name the one before it, so one of the two was altered"
        else:
            self.last = leaf
            self.tree.append(leaf)
            self._keep()

    def end(self) -> None:
        if not self.unsound and (self.tree.size, self.last) != (self.size, self.head):
            self.unsound = f"it is said to end with entry {self.size - 1}, and does not"

    def _keep(self) -> None:
        if self.tree.size in self._wanted:
            self.roots[self.tree.size] = self.tree.root()


def compare_book(a: Side, b: Side, book: str, *, wanted: Collection[int], limit: int, progress: Any) -> BookDiff:
    """Compare a book that both have. `wanted`: sizes of which roots are kept; `limit`: how many entries are listed."""
    walks = {name: _Walk(side, book, wanted) for name, side in zip(SIDES, (a, b), strict=True)}
    one, other = walks["a"], walks["b"]
    common = Frontier()
    parts: int | None = None
    only, altered = ({name: OnlyIn() for name in SIDES} for _ in range(2))
    sections = Counter[tuple[str, str, str]]()
    left, right = one.next(), other.next()
    while left is not None or right is not None:
        seq = min(row[0] for row in (left, right) if row is not None)
        mine = left if left is not None and left[0] == seq else None
        yours = right if right is not None and right[0] == seq else None
        if mine is not None and yours is not None and mine[1] == yours[1]:
            leaf = leaf_hash(mine[1])
            one.take(mine, leaf)
            other.take(yours, leaf)
            if parts is None and seq == common.size:
                common.append(leaf)
            if mine[2] != yours[2]:
                _compare_sections(book, mine, yours, sections, altered, limit)
        else:
            ended = (left is None) != (right is None)
            if parts is None and not ended:
                parts = seq
            for name, walk, row in (("a", one, mine), ("b", other, yours)):
                if row is not None:
                    walk.take(row, leaf_hash(row[1]))
                    _note(only[name], book, row, limit)
        left = one.next() if mine is not None else left
        right = other.next() if yours is not None else right
        progress(seq)
    one.end()
    other.end()
    return BookDiff(
        book, {name: walk.size for name, walk in walks.items()}, common.size, common.root(), parts, only, sections,
        altered, {name: walk.unsound for name, walk in walks.items() if walk.unsound},
        {name: walk.roots for name, walk in walks.items()},
    )  # fmt: skip


def _note(found: OnlyIn, book: str, row: Row, limit: int, **more: Any) -> None:
    found.count += 1
    if len(found.entries) < limit:
        found.entries.append(_described(book, row) | more)


def _described(book: str, row: Row) -> dict[str, Any]:
    """What an entry tells of itself; of a sealed one its header, where it is given opened."""
    seq, raw, stored = row
    told: dict[str, Any] = {"seq": seq, "at": None, "type": None, "actor": None, "stream": None}
    try:
        if book == "open":
            entry = parse_open(raw)
            header: Any = entry
            told["at"] = entry.at
        else:
            sealed = parse_sealed(raw)
            told["at"] = sealed.at
            header = None
            for part, section in zip(sealed.parts, unpack(stored or b"", len(sealed.parts)), strict=True):
                if part.section_class == HEADER and section.payload is not None:
                    header = parse_header(section.payload)
        if header is not None:
            actor = {"id": header.actor.id, "org": header.actor.org, "role": header.actor.role}
            told |= {"type": header.type, "actor": actor, "stream": header.stream}
    except (EntryError, SectionError, ValueError):
        pass  # bytes that are no entry have a seq, and say nothing more
    return told


def _compare_sections(
    book: str, mine: Row, yours: Row, counted: Counter[tuple[str, str, str]], altered: dict[str, OnlyIn], limit: int
) -> None:
    try:
        parts = (parse_open(mine[1]) if book == "open" else parse_sealed(mine[1])).parts
    except EntryError:
        return  # both have the same bytes, and they are no entry
    found = {}
    for name, row in zip(SIDES, (mine, yours), strict=True):
        try:
            found[name] = unpack(row[2] or b"", len(parts))
        except SectionError:
            _note(altered[name], book, row, limit, **{"class": None})
    if len(found) < len(SIDES):
        return
    for number, part in enumerate(parts):
        pair = {name: sections[number] for name, sections in found.items()}
        if pair["a"] == pair["b"]:
            continue
        for name, row in zip(SIDES, (mine, yours), strict=True):
            if not _fits(part, pair[name]):
                _note(altered[name], book, row, limit, **{"class": part.section_class})
        counted[part.section_class, _form(pair["a"]), _form(pair["b"])] += 1


def _form(section: Section) -> str:
    return "withheld" if is_vacant(section) else "given" if section.payload is not None else "sealed"


def _fits(part: Part, section: Section) -> bool:
    """Whether a section is the one that its entry commits to, as far as that shows without a key."""
    if section.payload is not None:
        return commitment(section.salt, section.payload) == part.commit
    return section.ciphertext is None or digest(part.commit, section.ciphertext) == section.digest
