"""What a report consists of, before it is HTML or PDF: sections of paragraphs, tables, lists and lines to fill in.

1. Every text is in here once; the renderers add none of their own.
2. A text that comes from a file goes through `shown`: what would move a reader's eye (control characters, marks of
   direction, marks that combine, characters without a meaning) is written as an escape, and its length is bounded, so
   that a row fits on a page.
3. The text of the program itself is ASCII, which the fonts that every PDF reader has can show.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

MOST: Final = 1000
"""How much of a text is shown; an escape counts as what it is written with."""
_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me"})

Tone = Literal["plain", "good", "bad", "aside"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or some. Tone `good` or `bad`: it is the verdict."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences of equal rank."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody types."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns. `widths` are relative; columns in `exact` hold hashes and the like."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]
    exact: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Blanks:
    """What is filled in by hand."""

    caption: str
    labels: Sequence[str]


Block = Paragraph | Bullets | Code | Table | Blanks


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what stands under it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """A report. `footer` stands on each page."""

    title: str
    subtitle: str
    footer: str
    made: datetime
    sections: Sequence[Section]
    language: str = "en-GB"
    landscape: bool = False
    """Whether it is printed on broad pages."""

    def texts(self) -> Iterator[str]:
        """Each text in it, in the order in which it is read."""
        yield from (self.title, self.subtitle)
        for section in self.sections:
            yield section.title
            for block in section.blocks:
                yield from texts_of(block)


def texts_of(block: Block) -> Iterator[str]:
    """Each text of a block."""
    match block:
        case Paragraph() | Code():
            yield block.text
        case Bullets():
            yield from block.items
        case Table():
            yield block.caption
            yield from block.columns
            for row in block.rows:
                yield from row
        case Blanks():
            yield block.caption
            yield from block.labels


def shown(text: str, most: int = MOST) -> str:
    """A text from outside, such that it can stand anywhere in a report (rule 2)."""
    kept: list[str] = []
    room = most
    for place, character in enumerate(text):
        piece = character if unicodedata.category(character) not in _ESCAPED else _escape(character)
        room -= max(len(piece), len(piece.encode("latin-1", "backslashreplace")))
        if room < 0:
            return f"{''.join(kept)} ... ({len(text) - place:,} more characters)"
        kept.append(piece)
    return "".join(kept)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
