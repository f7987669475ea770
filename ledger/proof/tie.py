"""The tie between the books. `docs/format.md` section 6.

A sealed entry names the open book's head at its time (`open_head`), and an anchor in the open book names the sealed
book's size and root at its time. So, for the anchor at open seq t with size z: the sealed entries before z name open
entries before t, all others open entries from t on. The sealed book is walked along with the open one: each of its
entries is taken when the open entry that it names has come.

Where the books disagree, each of them may be the one that was written anew: so what is found is one tie or anchor, the
first of a run, and not sound are all of the run, and in the other book everything after the last entry that was
confirmed, unless a later tie or anchor confirms it after all.

An entry that the chain has shown to be altered is taken along with the one before it, and nothing is held against it
or against an anchor that it blurs: it has its finding.
"""

from collections.abc import Iterator
from typing import Final

from ledger.proof.findings import Findings
from ledger.proof.localize import Chain
from ledger.proof.sealed_book import SealedEntrySeen

NEVER: Final = 1 << 63


class Doubt:
    """How far the other book confirms this one: it is asked about ever longer beginnings of it."""

    def __init__(self, chain: Chain, findings: Findings) -> None:
        self._chain = chain
        self._findings = findings
        self._confirmed = 0
        self._holes: int | None = None
        """Holes of the chain where the doubt began; None: there is no doubt."""

    def agrees(self, size: int) -> None:
        """The first `size` entries are the ones that the other book knew."""
        if self._holes is not None and self._holes != self._chain.holes:
            self._leave_out(size)  # across a hole, those after it say nothing of those before it
        self._holes, self._confirmed = None, size
        self._chain.vouch(size)

    def disagrees(self) -> bool:
        """They are not; gives whether that is new."""
        new = self._holes is None
        if new:
            self._holes = self._chain.holes
        return new

    def end(self, size: int) -> None:
        """The book is at its end."""
        if self._holes is not None:
            self._leave_out(size)

    def _leave_out(self, size: int) -> None:
        if size > self._confirmed:
            self._findings.doubt(self._chain.book, self._confirmed, size - self._confirmed)


class Tie:
    """Walks the sealed book along the open one."""

    def __init__(self, sealed: Iterator[SealedEntrySeen], opened: Chain, chain: Chain, findings: Findings) -> None:
        self.due = -1
        """The open seq at which the next sealed entry is to be taken."""
        self.taken = 0
        self._sealed = sealed
        self._chain = chain
        self._findings = findings
        self._last_claim = 0
        self._untrusted = 0
        """How many of the entries taken last are not to be trusted."""
        self._anchored = 0
        self._open = Doubt(opened, findings)
        self._sealed_book = Doubt(chain, findings)
        self._short = False
        """Whether an anchor was found to have more entries than there are."""
        self._next: SealedEntrySeen | None = None
        self._advance()

    def open_entry(self, seq: int, hash_: bytes | None) -> None:
        """The open book has come to `seq`, whose leaf hash ought to be `hash_` (None: not known)."""
        while self.due <= seq:
            entry = self._next
            assert entry is not None
            if entry.open_head is not None and entry.open_head[0] == seq and hash_ is not None:
                if entry.open_head[1] == hash_:
                    self._open.agrees(seq + 1)
                else:
                    self._disagree(entry, f"names open entry {seq} by another hash than the one that is there")
            self._take()

    def anchor(self, at: int, size: int, root: bytes) -> None:
        """An anchor at open seq `at`, before the sealed entries that name it are taken."""
        findings = self._findings
        if self.due < at:  # they name open entries that are missing
            self.open_entry(at - 1, None)
        if size < self._anchored:
            findings.add("anchor", "open", at, f"the sealed book had {size} entries after it had {self._anchored}")
            return
        self._anchored = size
        while self.taken < size and self._next is not None:
            entry = self._next
            if entry.open_head is not None:
                self._find_tie(
                    entry, f"names open entry {entry.open_head[0]}, though the anchor at {at} has it already"
                )
            self._take()
        if self.taken < size:
            if not self._chain.holes and not self._short:
                self._short = True
                findings.add(
                    "missing", "sealed", self.taken,
                    f"entries {self.taken} to {size - 1} are missing: the anchor at open entry {at} has them",
                    count=size - self.taken,
                )  # fmt: skip
                self._sealed_book.disagrees()
            return
        if self.taken > size:
            if self.taken - size > self._untrusted:
                findings.add(
                    "anchor", "open", at,
                    f"the anchor has {size} sealed entries, though {self.taken} name an open entry before it",
                )  # fmt: skip
            return
        trees = self._chain.trees
        if trees.known and not self._chain.in_doubt:
            if trees.ought().root() == root:
                self._sealed_book.agrees(size)
            elif self._sealed_book.disagrees():
                findings.add("anchor", "open", at, f"the first {size} entries of the sealed book have another root")
            else:
                findings.unsound("open", at)

    def end(self, open_size: int) -> None:
        """The open book is at its end: what is left of the sealed book names what is not there."""
        while self._next is not None:
            entry = self._next
            if entry.open_head is not None:
                self._disagree(
                    entry, f"names open entry {entry.open_head[0]}, where the open book has {open_size} entries"
                )
            self._take()
        self._open.end(open_size)
        self._sealed_book.end(self.taken)

    def _disagree(self, entry: SealedEntrySeen, message: str) -> None:
        if self._open.disagrees():
            self._find_tie(entry, message)
        else:
            self._findings.unsound("sealed", entry.seq)

    def _take(self) -> None:
        entry = self._next
        assert entry is not None
        self._chain.take(entry.settled)
        self.taken = entry.seq + entry.length
        if entry.open_head is None:
            self._untrusted += entry.length
        else:
            self._untrusted = 0
            self._last_claim = max(self._last_claim, entry.open_head[0])
        self._advance()

    def _advance(self) -> None:
        self._next = entry = next(self._sealed, None)
        if entry is None:
            self.due = NEVER
        elif entry.open_head is None:
            self.due = self._last_claim
        else:
            self.due = entry.open_head[0]
            if self.due < self._last_claim:
                self._find_tie(entry, f"names open entry {self.due}, after {self._last_claim} was named before it")

    def _find_tie(self, entry: SealedEntrySeen, message: str) -> None:
        self._findings.add("tie", "sealed", entry.seq, f"the entry {message}", entry.stream)
