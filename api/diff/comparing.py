"""Comparing two histories as a whole: which books, where they part, what was signed, and what follows from it.

1. Both are of one ledger: the origin of their entries is the same. It stays the same when a ledger goes on under
   another checkpoint origin, so a ledger and the one that continues it can be compared. Others are refused.
2. `same` is said where each book of both is that of the other or its beginning, both hold together, no section was
   altered, and nothing signed shows a split view. Whether each is sound as a whole is for `verify` to say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.diff.books import SIDES, BookDiff, OnlyIn, compare_book
from api.diff.side import BOOKS, Side
from api.diff.split import Evidenced, assess, signed, to_json, trusted_keys
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.policy import Policy


class DiffError(LedgerFileError):
    """These two cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What two histories have in common, and what not. `sides`: of A and of B, what it is."""

    origin: str
    sides: dict[str, dict[str, Any]]
    books: list[BookDiff]
    missing: list[str]
    """Books that only one of the two has, as `<book> in <side>`: of these nothing is compared."""
    evidence: Evidenced

    @property
    def same(self) -> bool:
        return not self.evidence.split and all(
            book.parts is None and not book.unsound and not any(one.count for one in book.altered.values())
            for book in self.books
        )

    def to_json(self) -> dict[str, Any]:
        """As `diff --json` prints it."""
        found = self.evidence
        return {
            "same": self.same,
            "origin": self.origin,
            "sides": self.sides,
            "books": {book.name: _book(book) for book in self.books},
            "not_compared": self.missing,
            "checkpoints": {
                "keys": found.by,
                "verified": found.counted,
                "held": found.held,
                "contradicted": {name: [to_json(one) for one in listed] for name, listed in found.contradicted.items()},
                "remarks": list(found.remarks),
            },
            "split_view": [
                {"first": to_json(one.first), "second": to_json(one.second), "shown_by": one.shown_by,
                 "message": one.words()}
                for one in found.split
            ],
        }  # fmt: skip


def _book(book: BookDiff) -> dict[str, Any]:
    return {
        "size": book.sizes,
        "common": {"size": book.common, "root": book.root.hex()},
        "parts_at": book.parts,
        "only": {name: _listed(one) for name, one in book.only.items()},
        "sections": [
            {"class": section_class, "a": mine, "b": yours, "entries": count}
            for (section_class, mine, yours), count in sorted(book.sections.items())
        ],
        "altered": {name: _listed(one) for name, one in book.altered.items()},
        "unsound": book.unsound,
    }


def _listed(found: OnlyIn) -> dict[str, Any]:
    return {"count": found.count, "entries": found.entries}


def compare(
    a: Path,
    b: Path,
    *,
    policy: Policy | None = None,
    limit: int = 100,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Diff:
    """Compare two bundles, two ledger files, or one of each. `limit`: how many entries are listed of each kind.

    Raises DiffError (two different ledgers) and other LedgerFileErrors, EvidenceError, OSError.
    """
    with Side(a) as one, Side(b) as other:
        if one.origin != other.origin:
            raise DiffError(
                f"{a} is of {one.origin}, and {b} of {other.origin}: these are no two histories of one ledger"
            )
        keys = trusted_keys(one, other, policy)
        found, remarks = signed(one, other, keys)
        sizes = {checkpoint.checkpoint.size for checkpoint in found} | {one.sizes["open"], other.sizes["open"]}
        pair = dict(zip(SIDES, (one, other), strict=True))
        total = max(side.sizes["open"] for side in pair.values())
        books = [
            compare_book(
                one,
                other,
                book,
                wanted=sizes if book == "open" else (),
                limit=limit,
                progress=_counted(progress, total) if book == "open" else lambda _: None,
            )
            for book in BOOKS
            if all(book in side.sizes for side in pair.values())
        ]
        missing = [f"{book} in {name}" for book in BOOKS for name, side in pair.items() if _only_here(book, side, pair)]
        by = "policy" if policy is not None else "both" if keys else "none"
        evidence = assess(one, other, books[0], found, by, remarks)
        sides = {
            name: {"path": str(side.path), "kind": side.kind, "role": side.role, "size": side.sizes}
            for name, side in pair.items()
        }
        return Diff(one.origin, sides, books, missing, evidence)


def _only_here(book: str, side: Side, pair: dict[str, Side]) -> bool:
    return book in side.sizes and any(book not in each.sizes for each in pair.values())


def _counted(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    def reach(seq: int) -> None:
        if seq % 4096 == 0:
            progress(seq, total)

    return reach
