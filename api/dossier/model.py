"""What a dossier consists of before it is a page or a file: sections of sentences and of tables with links to events.

1. A reference is (book, seq). A link belongs to one cell: (number of the row, name of its column) -> references.
2. Cells are values as views have them, so that programs and people read the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ledger.domain.vocabulary import Book

Ref: TypeAlias = tuple[str, int]
Links: TypeAlias = Mapping[tuple[int, str], Sequence[Ref]]

OPEN = Book.OPEN.value
SEALED = Book.SEALED.value


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `name` is that of its view, or of its own; `heads` are the columns in words, by their names."""

    name: str
    caption: str
    columns: tuple[str, ...]
    heads: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    links: Links = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What stands beneath it, a line a statement."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences, then tables. `views`: the answers as `show --json` has them, but for head and position."""

    name: str
    title: str
    said: Sequence[str]
    grids: Sequence[Grid] = ()
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    flow: bool = False
    """Whether the participant flow is drawn before the tables."""


def opened(seqs: Iterable[int]) -> list[Ref]:
    """References to entries of the open book."""
    return [(OPEN, seq) for seq in seqs]


def of_row(row: Mapping[str, Any]) -> list[Ref]:
    """What a row of a view names as the events behind it."""
    return [*opened(row.get("events") or ()), *((SEALED, seq) for seq in row.get("sealed_events") or ())]


def listed(refs: Iterable[Ref]) -> list[dict[str, Any]]:
    """References as JSON has them."""
    return [{"book": book, "seq": seq} for book, seq in refs]
