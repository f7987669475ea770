"""Where a book ends. `docs/format.md` section 7, step 4.

The stored head says how many entries there are. Rows after that take part in nothing. But a head can be edited too, and
then no entry is at fault. So where head and rows differ, the head is held against the rows, once more read:

1. The stored frontier is that of rows 0 to m - 1: m is the size, and if the head says another, the head was altered.
2. The stored hash is that of the entry before `size`: the size is right.
3. The stored hash is that of another entry, m - 1: m is the size.
4. The head can be one (size >= 0, as many hashes in the frontier as that size needs): the size is right, and what is
   not there is missing. A head that cannot be one says nothing: the rows that hold entries of their seq are the book.
"""

from dataclasses import dataclass
from typing import Final

from ledger.proof.books import Books
from ledger.proof.entry import GENESIS, MAX_ENTRY, OPEN_GRAMMAR, SEALED_GRAMMAR, is_text
from ledger.proof.file_reader import StoredHead
from ledger.proof.tree import HASH_BYTES, MAX_SIZE, Frontier, leaf_hash

_SEQ: Final = {"open": (OPEN_GRAMMAR, 13), "sealed": (SEALED_GRAMMAR, 9)}


def said_seq(book: str, raw: object) -> int | None:
    """The seq that an entry says it has; None where the bytes are no entry."""
    grammar, group = _SEQ[book]
    entry = grammar.fullmatch(raw) if type(raw) is bytes and len(raw) <= MAX_ENTRY else None
    return None if entry is None or not is_text(entry[0]) else int(entry[group])


@dataclass(frozen=True, slots=True)
class Extent:
    """The size that the book ought to have, what is wrong with the head's, and whether the last entry is confirmed."""

    size: int
    wrong: str | None = None
    confirmed: bool = False
    """With `wrong`: frontier or hash of the head speak for the last entry nevertheless."""


@dataclass(slots=True)
class _Seen:
    """What a reading of the rows gave."""

    by_frontier: int | None = None
    by_hash: int | None = None
    named: bool = False
    """Whether the head's hash is that of the entry before the head's size."""
    held: int = 0
    """The end by the rows alone."""


def extent(book: str, head: StoredHead | None, file: Books) -> Extent:
    """Where the book ends."""
    last = file.last_seq(book)
    if head is not None and (head.size == last + 1 if last is not None else head.size == 0):
        return Extent(head.size)
    seen = _read(book, head, file)
    if head is None:
        return Extent(seen.held)
    if seen.by_frontier is not None and seen.by_frontier != head.size:
        wrong = f"the stored head counts {head.size} entries, where there are {seen.by_frontier}"
        return Extent(seen.by_frontier, wrong, confirmed=True)
    if seen.by_frontier is not None or seen.named:
        return Extent(head.size)
    if seen.by_hash is not None:
        wrong = f"the stored head counts {head.size} entries, and has the hash of entry {seen.by_hash - 1}"
        return Extent(seen.by_hash, wrong, confirmed=True)
    if 0 <= head.size <= MAX_SIZE and len(head.frontier) == HASH_BYTES * head.size.bit_count():
        return Extent(head.size)
    return Extent(seen.held, f"the stored head counts {head.size} entries, and its frontier is of another size")


def _read(book: str, head: StoredHead | None, file: Books) -> _Seen:
    seen, tree, whole = _Seen(), Frontier(), True
    for seq, raw in file.entries(book):
        hash_ = leaf_hash(raw) if type(raw) is bytes else leaf_hash(b"")
        whole = whole and seq == tree.size
        if whole:
            tree.append(hash_)
            seen.held = seq + 1
            # The first comparison is of lengths, which leaves few sizes for the second.
            if (
                head is not None
                and len(head.frontier) == HASH_BYTES * tree.size.bit_count()
                and tree.to_bytes() == head.frontier
            ):
                seen.by_frontier = tree.size
        if said_seq(book, raw) == seq:
            seen.held = seq + 1
            if head is not None and head.hash == hash_:
                seen.by_hash = seq + 1
                seen.named = seen.named or seq + 1 == head.size
    if head is not None and head.size == 0 and head.hash == GENESIS:
        seen.named = True
    return seen
