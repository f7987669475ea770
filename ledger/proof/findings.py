"""What a verification says: findings, and a report of them. Findings are data; only unreadable input raises.

A finding names the book, the position and, where it is known, the stream, and says in a sentence what is wrong.
A report says too how much of it was checked: which sealed sections were opened, and which stayed closed.
Those with a position come first, the open book before the sealed one; what concerns the file as a whole follows,
and the schema is last. One cause gives one finding as far as that can be told.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger.proof.allocation_facts import AllocationFinding
from ledger.proof.assurance import Assurance
from ledger.proof.watch import Watched

CODES: Final = {
    "missing": "entries are not in the file",
    "unreadable": "the database pages that hold entries are damaged",
    "misplaced": "a row stands where no entry, or another one, belongs",
    "beyond": "entries stand after the stored head",
    "entry": "the stored bytes are not a canonical entry",
    "altered": "the entry is not the one that its successor, or the stored head, names",
    "unconfirmed": "nothing that is sound confirms the entry, and the stored frontier contradicts it",
    "origin": "the entry is of another ledger",
    "column": "a stored column is not what the entry says",
    "stream": "a row of the table of streams is not what the entries say",
    "section": "the stored sections do not fit the entry",
    "ciphertext": "a stored ciphertext is damaged, or is that of another commitment",
    "sealed": "a sealed section does not open, with the key that is held, at this place",
    "commitment": "a stored payload or salt is not the one that the entry commits to",
    "withheld": "a section is withheld, which only an export may do",
    "payload": "a payload is not canonical JSON",
    "header": "the header of a sealed entry is not one, or does not give its marks",
    "time": "recorded time is not a time, or runs backwards",
    "version": "the versions of a stream do not follow each other",
    "command": "the events of a command do not follow each other",
    "signed": "an electronic signature is not of the entry that lies where it says",
    "allocation": "an allocation is not the one of the list that was committed to, or not in its order",
    "tie": "a sealed entry and the open book disagree",
    "anchor": "an anchor and the sealed book disagree",
    "more": "there are more findings than are listed",
    "checkpoint": "a checkpoint that was signed is not one of this book",
    "signature": "a signature by a key that is trusted does not verify",
    "policy": "the evidence is not enough for the policy",
    "head": "the stored head is not that of the book",
    "frontier": "the stored frontier is not that of the tree",
    "database": "the database itself is damaged",
    "schema": "tables, indexes or triggers are not those of the format",
    "member": "a file of the bundle is not the one that it lists",
}
"""Every code that a finding may have, with its meaning; where several meet at one position, in this order."""

MAX_FINDINGS: Final = 1000
"""How many findings of one book are listed; a wholly damaged file would have one an entry."""

_RANK: Final = {code: rank for rank, code in enumerate(CODES)}
_BOOKS: Final = {"open": 0, "sealed": 1, None: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `seq` and `stream` are None where it has none; `book` None is the file."""

    code: str
    book: str | None
    seq: int | None
    stream: str | None
    message: str

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {
            "code": self.code,
            "book": self.book,
            "seq": self.seq,
            "stream": self.stream,
            "message": self.message,
        }

    def __str__(self) -> str:
        place = "file" if self.book is None else f"{self.book} book"
        if self.seq is not None:
            place += f", entry {self.seq}"
        if self.stream is not None:
            place += f" ({self.stream})"
        return f"{place}: {self.message} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Note:
    """What is worth knowing, and no fault of the ledger."""

    book: str
    seq: int
    stream: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {"book": self.book, "seq": self.seq, "stream": self.stream, "message": self.message}

    def __str__(self) -> str:
        return f"{self.book} book, entry {self.seq} ({self.stream}): {self.message}"


@dataclass(frozen=True, slots=True)
class AllocationReport:
    """What was found of the allocation list and what was drawn from it."""

    stage: str
    """OPENED, BOUND or COMMITTED: how far the list has come; NONE: there is none."""
    drawn: int
    claimed: int
    """How many allocations a source claims; they are of no list of ours, and exempt."""
    checked: bool
    """Whether anything was: not where entries of the open book are missing or altered."""
    arms: int
    """How many of those drawn have an arm that was compared with the list."""
    findings: Sequence[AllocationFinding]

    @property
    def ok(self) -> bool:
        return self.checked and not self.findings

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it; the findings are among those of the ledger."""
        return {
            "stage": self.stage,
            "drawn": self.drawn,
            "claimed": self.claimed,
            "checked": self.checked,
            "arms": self.arms,
        }


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A book as it lies in the file: its number of entries, RFC 9162 root, and the leaf hash of its last entry."""

    size: int
    root: bytes
    head: bytes

    def to_json(self) -> dict[str, Any]:
        """The root in base64, as checkpoints have it; the head in hex, as entries have it."""
        return {"size": self.size, "root": base64.b64encode(self.root).decode(), "head": self.head.hex()}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a ledger. `sound`: ranges (book, first, last) of entries all of whose checks hold."""

    open: TreeHead
    sealed: TreeHead
    findings: Sequence[Finding]
    sound: Sequence[tuple[str, int, int]]
    opened: Mapping[str, int]
    """Section class -> how many sealed sections were opened and hold what their entries commit to."""
    closed: Mapping[str, int]
    """Section class -> of how many the key is not held, so that of them the digest only was checked."""
    notes: Sequence[Note] = ()
    allocation: AllocationReport | None = None
    """What was found of the allocation; None where the ledger has none."""
    marks: tuple[int, int] = (0, 0)
    """Of how many sealed entries slot and command mark were recomputed, and of how many they were not."""
    books: frozenset[str] = frozenset({"open", "sealed"})
    """Which books there are at all: a bundle for masked people has the open one."""
    given: Mapping[str, str] | None = None
    """Of a bundle: class -> in which form it has the sections of that class (`bundle.FORMS`). None: a ledger file."""
    watched: Watched = field(default_factory=Watched)
    """What evidence from outside is compared with."""
    assurance: Assurance = field(default_factory=Assurance)
    """How far it reaches: `consistent` says that the books agree with themselves, and nothing of who wrote them."""
    end: int = -1
    """Where the open book ends (section 7): more than its size if entries are missing. -1: at its size."""

    def __post_init__(self) -> None:
        if self.end < 0:
            object.__setattr__(self, "end", self.open.size)

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def size(self) -> int:
        return self.open.size

    @property
    def root(self) -> bytes:
        return self.open.root

    @property
    def head(self) -> bytes:
        return self.open.head

    def root_at(self, size: int) -> bytes | None:
        """The root over the first `size` entries that ought to be in the open book, at its end and where the walk was
        asked for it; None where not all of their hashes are known."""
        return self.watched.roots.get(size)

    def assessed(self, found: Sequence[Finding], unsound: Sequence[tuple[int, int]], assurance: Assurance) -> "Report":
        """The report with what evidence adds: findings, ranges of the open book that are not sound, and how far it
        reaches."""
        sound = list(self.sound)
        for first, last in unsound:
            sound = [part for one in sound for part in _without(one, first, last)]
        return replace(self, findings=sorted([*self.findings, *found], key=_order), sound=sound, assurance=assurance)

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        return {
            "ok": self.ok,
            **self.open.to_json(),
            "sealed": self.sealed.to_json() if "sealed" in self.books else None,
            **self.assurance.to_json(self.end),
            "opened": dict(self.opened),
            "closed": dict(self.closed),
            "marks": {"checked": self.marks[0], "unchecked": self.marks[1]},
            "notes": [note.to_json() for note in self.notes],
            "allocation": None if self.allocation is None else self.allocation.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            "sound": [{"book": book, "first": first, "last": last} for book, first, last in self.sound],
        }


class Findings:
    """Collects findings, and per book the positions that are not sound, in bounded memory."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._counts: dict[str | None, int] = {}
        self._unsound: dict[str, list[tuple[int, int]]] = {"open": [], "sealed": []}
        self._doubted: dict[str, list[tuple[int, int]]] = {"open": [], "sealed": []}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(
        self, code: str, book: str | None, seq: int | None, message: str, stream: str | None = None, count: int = 1
    ) -> None:
        """Add a finding; `count` entries from `seq` on are not sound by it."""
        if book is not None and seq is not None:
            self.unsound(book, seq, count)
        number = self._counts[book] = self._counts.get(book, 0) + 1
        if number <= MAX_FINDINGS:
            self._found.append(Finding(code, book, seq, stream, message))

    def unsound(self, book: str, seq: int, count: int = 1) -> None:
        """Leave these entries out of what is sound."""
        ranges = self._unsound[book]
        if ranges and ranges[-1][0] <= seq <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], seq + count - 1))
        else:
            ranges.append((seq, seq + count - 1))

    def doubt(self, book: str, seq: int, count: int = 1) -> None:
        """Leave these entries out of what is sound, though nothing was found in them."""
        self._doubted[book].append((seq, seq + count - 1))

    def any_unsound(self, book: str, first: int, last: int) -> bool:
        """Whether anything was found so far in any of these entries."""
        return any(start <= last and end >= first for start, end in self._unsound[book])

    def sorted(self) -> list[Finding]:
        """All findings that are listed, in the order that this file's head gives."""
        found = self._found + [
            Finding("more", book, None, None, f"{count - MAX_FINDINGS} more findings are not listed")
            for book, count in self._counts.items()
            if count > MAX_FINDINGS
        ]
        return sorted(found, key=_order)

    def sound(self, book: str, size: int) -> list[tuple[str, int, int]]:
        """The maximal sound ranges among the first `size` entries of the book."""
        ranges, start = [], 0
        for first, last in sorted(self._unsound[book] + self._doubted[book]):
            if first > start:
                ranges.append((book, start, min(first, size) - 1))
            start = max(start, last + 1)
            if start >= size:
                return ranges
        return [*ranges, (book, start, size - 1)] if start < size else ranges


def _without(part: tuple[str, int, int], first: int, last: int) -> list[tuple[str, int, int]]:
    """A range of sound entries without those of the open book from `first` to `last`."""
    book, start, end = part
    if book != "open" or end < first or start > last:
        return [part]
    return [one for one in ((book, start, first - 1), (book, last + 1, end)) if one[1] <= one[2]]


def _order(finding: Finding) -> tuple[int, int, int, int]:
    group = 2 if finding.code == "schema" else 1 if finding.seq is None else 0
    seq = -1 if finding.seq is None else finding.seq
    return group, _BOOKS[finding.book], seq, _RANK[finding.code]
