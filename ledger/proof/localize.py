"""Which entry was altered? The chain says that something was; this file says what. `docs/format.md` section 7.

Each entry is named (by its leaf hash) in `prev` of its successor, and the last one in the stored head. Call the link
after entry k held, broken, or unknown (the successor is missing, or is no entry).

1. One broken link alone, after k: k was altered. Its successor is named in turn by what follows, so it is not at fault.
2. A run of broken links after k, k+1, … m: m was altered, and so were those within, which stand between two broken
   links. Of k it cannot be told from the chain: if k+1 was altered in its own `prev`, k is as it was. It is *in doubt*.
3. An entry before an unknown link is *unconfirmed*: nothing speaks against it, nothing names it.
4. What the chain leaves open, the stored frontier decides: the tree is built a second time, from the hashes that ought
   to be there (for an altered or missing entry the one by which its successor names it, for all others their own). If
   that is the stored frontier, then every entry in doubt or unconfirmed is as it was.
5. A last entry that is not the one in the stored head: if the tree over the entries as they lie is the stored frontier,
   the head was altered, else the entry.
6. Rows after the end of the book (`extent.py`) name nothing and confirm nothing.
7. Where entries were altered and the second tree is not the stored one, whoever altered them may have altered what lies
   before: up to the last altered entry, only what a subtree of the frontier or the other book confirms is sound.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ledger.proof.books import Books
from ledger.proof.entry import GENESIS
from ledger.proof.extent import extent, said_seq
from ledger.proof.file_reader import StoredHead
from ledger.proof.findings import Findings
from ledger.proof.tree import HASH_BYTES, Frontier

TRUSTED: Final = 0
"""Named by its successor, or not contradicted by it."""
ALTERED: Final = 1
MISSING: Final = 2

Row: TypeAlias = tuple[int, bytes, bytes | None, Any, Any]
"""seq, leaf hash, `prev` (None where the bytes are no entry of this seq), the entry's members, the stored row."""
Settled: TypeAlias = tuple[int, Row, bytes | None]
"""A verdict, its row (of a missing run: the first), and the leaf hash that ought to be there, if known."""

_UNKNOWN, _HELD, _BROKEN = range(3)
_RUN: Final = 1024


class Trees:
    """The tree over the entries as they lie, and the one over what ought to be there, while they differ."""

    def __init__(self) -> None:
        self._lies = Frontier()
        self._ought: Frontier | None = None
        self.known = True
        """Whether every leaf that ought to be there is known."""
        self._leaves: list[bytes] = []

    def add(self, hash_: bytes) -> None:
        """Add an entry that is as it ought to be."""
        self._leaves.append(hash_)
        if len(self._leaves) == _RUN:
            self._flush()

    def add_other(self, lies: bytes | None, ought: bytes | None) -> None:
        """Add an entry that is not as it ought to be, or is not there (`lies` None)."""
        self._flush()
        self._ought = self._ought or self._lies.copy()
        if lies is not None:
            self._lies.append(lies)
        if ought is None:
            self.known = False
        else:
            self._ought.append(ought)

    def come_to(self, tree: Frontier) -> None:
        """Go on from the tree of somebody who found every entry to be as it ought to be."""
        self._leaves, self._lies = [], tree

    def lies(self) -> Frontier:
        self._flush()
        return self._lies

    def ought(self) -> Frontier:
        self._flush()
        return self._ought or self._lies

    def _flush(self) -> None:
        if self._leaves:
            if self._ought is not None:
                self._ought.extend(self._leaves)
            self._lies.extend(self._leaves)
            self._leaves = []


class Chain:
    """The links of one book. `settled` hands on its rows with a verdict, each as soon as it can be given."""

    def __init__(self, book: str, head: StoredHead | None, file: Books, findings: Findings) -> None:
        self.book = book
        self.trees = Trees()
        self.holes = 0
        """How many entries so far are missing or altered."""
        self.size = 0
        self.last = GENESIS
        self.end = extent(book, head, file)
        """Where the book ends."""
        self.strays = False
        """Whether there are rows before or after the book."""
        self._vouched = 0
        self._last_altered = -1
        self._head = head
        self._file = file
        self._findings = findings
        self._before: Row | None = None
        self._kept: tuple[Row, bytes | None] | None = None
        """An entry after which the link is broken, until it is seen whether the next one is too; and its name."""
        self._kept_in_run = False
        self._no_beginning = False
        self.in_doubt: list[int] = []
        """The entries in doubt so far (rule 2)."""
        self._unconfirmed: list[int] = []

    def settled(self, rows: Iterator[Row]) -> Iterator[Settled]:
        """The rows in their order. The taker adds each to `trees` before it asks for the next."""
        findings = self._findings
        expected, last, before, plain = 0, GENESIS, self._before, False
        for row in rows:
            seq, hash_, prev, _, _ = row
            if plain and prev == last and seq == expected:
                yield TRUSTED, before, last  # type: ignore[misc]  # plain: there is one
            elif seq < expected:
                self.strays = True
                if prev is not None:  # else it has a finding already
                    findings.add("misplaced", self.book, seq, f"a row of seq {seq} is out of order")
                continue
            else:
                gap = seq - expected
                link = _UNKNOWN if gap or prev is None else _HELD if prev == last else _BROKEN
                self._before, self.last = before, last
                yield from self._link(link, prev)
                if gap:
                    yield self._missing(expected, gap, prev)
                plain = self._kept is None and not self._no_beginning
            before, last, expected = row, hash_, seq + 1
        self._before, self.last, self.size = before, last, expected
        yield from self._end()

    def take(self, settled: Settled) -> None:
        """Add what was settled to the trees; to be done before the next is asked for."""
        verdict, row, ought = settled
        if verdict == TRUSTED:
            self.trees.add(row[1])
        else:
            self.trees.add_other(row[1] if verdict == ALTERED else None, ought)

    def vouch(self, size: int) -> None:
        """The other book confirms the first `size` entries, if it can be told that they hang together."""
        if not self.holes:
            self._vouched = max(self._vouched, size)

    def conclude(self) -> None:
        """Rules 4 and 7, once all was taken."""
        head, tree, findings = self._head, self.trees.ought(), self._findings
        if head is not None and self.trees.known and tree.size == self.end.size and tree.to_bytes() == head.frontier:
            return
        comparable = head is not None and self.end.wrong is None and self.trees.known and tree.size == self.end.size
        for seq in self._unconfirmed:
            findings.unsound(self.book, seq)
        doubted = self.in_doubt + (self._unconfirmed if comparable else [])
        for seq in sorted(doubted):
            findings.add(
                "unconfirmed", self.book, seq,
                "the entry after it does not name it, and the stored frontier does not speak for it",
            )  # fmt: skip
        where, first = "", 0
        if head is not None and comparable:
            where, first = _differ(tree.to_bytes(), head.frontier, tree.size)
            if not doubted:
                findings.add("frontier", self.book, None, f"the stored frontier is not that of the tree{where}")
        first = max(first, self._vouched)
        if first <= self._last_altered:
            findings.doubt(self.book, first, self._last_altered - first + 1)

    def _link(self, link: int, named: bytes | None) -> Iterator[Settled]:
        """Settle what the link after `_before` decides; `named` is the hash by which that entry is named there."""
        kept, broken_before = self._kept, self._kept is not None or self._no_beginning
        self._kept = None
        if kept is not None:
            if link == _BROKEN and not self._kept_in_run and kept[0][2] is not None:
                self.in_doubt.append(kept[0][0])
                yield TRUSTED, kept[0], None  # its hash is not to be held against a sealed entry
            else:
                yield self._altered(*kept)
        before = self._before
        if before is None:
            self._no_beginning = link == _BROKEN
            return
        if link == _BROKEN:
            self._kept, self._kept_in_run = (before, named), broken_before
        elif self._no_beginning:
            yield self._altered(before, before[1])
        elif link == _UNKNOWN and before[2] is None:
            yield self._altered(before, None)
        else:
            if link == _UNKNOWN:
                self._unconfirmed.append(before[0])
            yield TRUSTED, before, before[1]
        self._no_beginning = False

    def _end(self) -> Iterator[Settled]:
        head, size, end = self._head, self.size, self.end
        if head is not None and end.wrong is not None:
            self._findings.add("head", self.book, None, end.wrong)
            yield from self._link(_HELD if end.confirmed else _UNKNOWN, self.last)
        elif head is None or size < end.size:
            yield from self._link(_UNKNOWN, None)
        elif head.hash == self.last:
            yield from self._link(_HELD, self.last)
        elif self._before is None or (self._kept is None and self._tree_is_stored(head)):
            self._findings.add("head", self.book, None, "the stored head has another hash than the last entry")
            yield from self._link(_HELD, self.last)
        else:
            yield from self._link(_BROKEN, head.hash)
        if self._kept is not None:
            kept, self._kept = self._kept, None
            yield self._altered(*kept)
        if head is not None and end.wrong is None and size < end.size:
            yield self._missing(size, end.size - size, head.hash)
        self._after_the_end()

    def _after_the_end(self) -> None:
        """Rule 6. A row of an entry from elsewhere is misplaced; all others are one finding."""
        count, first, last = 0, 0, 0
        for seq, raw in self._file.entries(self.book, self.end.size):
            self.strays = True
            said = said_seq(self.book, raw)
            if said is not None and said != seq:
                self._findings.add("misplaced", self.book, seq, f"the row holds the entry of seq {said}")
            else:
                count, first, last = count + 1, min(first, seq) if count else seq, max(last, seq)
        if count:
            which = f"entry {first} stands" if count == 1 else f"{count} entries, {first} to {last}, stand"
            self._findings.add("beyond", self.book, first, f"{which} after the end of the book", count=last - first + 1)

    def _tree_is_stored(self, head: StoredHead) -> bool:
        tree = self.trees.lies().copy()
        tree.append(self.last)
        return tree.to_bytes() == head.frontier

    def _altered(self, row: Row, named: bytes | None) -> Settled:
        seq, _, _, entry, _ = row
        self.holes += 1
        self._last_altered = seq
        if row[2] is not None:  # else its bytes have a finding already
            by = "the stored head" if seq == self.size - 1 else f"entry {seq + 1}"
            message = f"the entry is not the one that {by} names"
            if named == row[1]:
                message = "the first entry names one before it"
            self._findings.add("altered", self.book, seq, message, stream_of(self.book, entry))
        return ALTERED, row, named

    def _missing(self, first: int, count: int, named: bytes | None) -> Settled:
        last = first + count - 1
        what = f"entry {first} is" if count == 1 else f"entries {first} to {last} are"
        lost = any(start <= last and end >= first for start, end in self._file.lost[self.book])
        self._findings.add(
            "unreadable" if lost else "missing",
            self.book,
            first,
            f"{what} on damaged pages of the database" if lost else f"{what} missing",
            count=count,
        )
        self.holes += count
        return MISSING, (first, b"", None, None, count), named if count == 1 else None


def _differ(tree: bytes, stored: bytes, size: int) -> tuple[str, int]:
    """Over which entries the first subtree lies that differs, in words; and from which entry on it does."""
    start, at = 0, 0
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            if tree[at : at + HASH_BYTES] != stored[at : at + HASH_BYTES]:
                return f" (they differ over entries {start} to {start + (1 << bit) - 1})", start
            start, at = start + (1 << bit), at + HASH_BYTES
    return "", size


def stream_of(book: str, entry: Any) -> str | None:
    """The stream that an entry of the open book shows, for a finding."""
    if book != "open" or entry is None:
        return None
    return str(entry[13].decode("utf-8", "replace"))
