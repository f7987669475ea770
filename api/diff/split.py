"""Checkpoints of either side, verified, held against both: what was signed, and whether two histories were.

1. A checkpoint counts if a log key signed it under the name that is its origin: a key of the policy, or, without one,
   a key that both sides carry. One of whose lines by such a key does not verify counts for nothing, and is said.
2. Two that count, of one origin, prove a *split view* if no history can have both: of one size with two roots; or of
   two sizes where a side's entries have the root of the larger, and another one at the smaller size. The entries of the
   side are the proof: their root at the larger size is signed, and what they begin with is therefore fixed.
3. That a side does not have the tree of a checkpoint is no proof of a split view by itself: the side may be altered.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.diff.books import SIDES, BookDiff
from api.diff.side import Side
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.note import NoteError, NotSignedError, VerifierKey
from ledger.proof.policy import Policy
from ledger.proof.tree import ProofError, verify_consistency

MOST_PROOFS: Final = 10


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that counts: of which sides the evidence has it, and what was signed."""

    sides: tuple[str, ...]
    checkpoint: Checkpoint
    note: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two checkpoints that count, and that no one history can have. `shown_by`: the side whose entries show it."""

    first: Signed
    second: Signed
    shown_by: str | None

    def words(self) -> str:
        """Why they exclude each other."""
        small, large = self.first.checkpoint, self.second.checkpoint
        if self.shown_by is None:
            return f"of {small.size} entries two different trees were signed under one origin"
        return (
            f"the tree of {large.size} entries that was signed is that of {self.shown_by.upper()}, whose first "
            f"{small.size} entries have another root than the one that was signed for {small.size}"
        )


@dataclass(frozen=True, slots=True)
class Evidenced:
    """What was made of the checkpoints. `held`: side -> the largest size whose checkpoint counts and that it has."""

    by: str
    counted: int
    held: dict[str, int | None]
    contradicted: dict[str, list[Signed]]
    """Side -> checkpoints that count, whose tree it does not have."""
    split: Sequence[SplitView]
    remarks: Sequence[str]


def trusted_keys(a: Side, b: Side, policy: Policy | None) -> tuple[VerifierKey, ...]:
    """By which keys checkpoints are verified (rule 1)."""
    return policy.logs if policy is not None else tuple(key for key in a.vkeys if key in b.vkeys)


def signed(a: Side, b: Side, keys: Sequence[VerifierKey]) -> tuple[list[Signed], list[str]]:
    """The checkpoints of either side that count, by size, and what is to be said of others."""
    found: dict[tuple[str, int, bytes], Signed] = {}
    remarks = []
    for name, side in zip(SIDES, (a, b), strict=True):
        for stored in side.evidence.checkpoints:
            try:
                one = _signed(name, stored, keys)
            except NotSignedError:
                continue
            except NoteError as error:
                remarks.append(f"checkpoint {stored.name} of {name.upper()} counts for nothing: {error}")
                continue
            where = one.checkpoint.origin, one.checkpoint.size, one.checkpoint.root
            if where in found:
                one = Signed((*found[where].sides, name), one.checkpoint, found[where].note, found[where].keys)
            found[where] = one
    return sorted(found.values(), key=lambda one: (one.checkpoint.size, one.checkpoint.root)), remarks


def _signed(name: str, stored: StoredCheckpoint, keys: Iterable[VerifierKey]) -> Signed:
    own = [key for key in keys if key.name == stored.checkpoint.origin]
    opened = open_checkpoint(stored.data, own)
    return Signed((name,), opened.checkpoint, stored.data.decode(), tuple(key.encode() for key in opened.keys))


def assess(a: Side, b: Side, book: BookDiff, found: Sequence[Signed], by: str, remarks: Sequence[str]) -> Evidenced:
    """Hold the checkpoints that count against both sides, and against each other."""
    sides = dict(zip(SIDES, (a, b), strict=True))
    had = {name: {one for one in found if _has(side, book, name, one.checkpoint)} for name, side in sides.items()}
    held = {name: max((one.checkpoint.size for one in had[name]), default=None) for name in SIDES}
    contradicted = {
        name: [one for one in found if one.checkpoint.size in book.roots[name] and one not in had[name]]
        for name in SIDES
    }
    split = list[SplitView]()
    for proof in _splits(found, had, book):
        if len(split) == MOST_PROOFS:
            remarks = [*remarks, f"there are more proofs of a split view than the {MOST_PROOFS} that are shown"]
            break
        split.append(proof)
    return Evidenced(by, len(found), held, contradicted, split, remarks)


def _has(side: Side, book: BookDiff, name: str, checkpoint: Checkpoint) -> bool:
    """Whether a side's entries have the tree of a checkpoint, or (by a proof that the bundle brings) begin it."""
    known = book.roots[name].get(checkpoint.size)
    if known is not None:
        return known == checkpoint.root
    size = book.sizes[name]
    proof, end = side.consistency.get(checkpoint.size), book.roots[name].get(size)
    if proof is None or end is None or size >= checkpoint.size:
        return False
    try:
        verify_consistency(size, checkpoint.size, end, checkpoint.root, proof)
    except ProofError:
        return False
    return True


def _splits(found: Sequence[Signed], had: dict[str, set[Signed]], book: BookDiff) -> Iterator[SplitView]:
    by_size: dict[tuple[str, int], Signed] = {}
    told = set[Signed]()
    for one in found:
        first = by_size.setdefault((one.checkpoint.origin, one.checkpoint.size), one)
        if first is not one:
            told.add(one)
            yield SplitView(first, one, None)
    for name in SIDES:
        for one in found:
            known = book.roots[name].get(one.checkpoint.size)
            if one in told or known is None or known == one.checkpoint.root:
                continue
            larger = [
                other
                for other in had[name]
                if other.checkpoint.origin == one.checkpoint.origin and other.checkpoint.size > one.checkpoint.size
            ]
            if larger:
                told.add(one)
                yield SplitView(one, min(larger, key=lambda other: other.checkpoint.size), name)


def to_json(one: Signed) -> dict[str, Any]:
    """A checkpoint that counts, as `diff --json` prints it."""
    return {
        "origin": one.checkpoint.origin,
        "size": one.checkpoint.size,
        "root": one.checkpoint.root.hex(),
        "in": list(one.sides),
        "keys": list(one.keys),
        "note": one.note,
    }
