"""Positions and numbers in words, as reports write them."""

from collections.abc import Sequence
from typing import Final

_MOST_RANGES: Final = 20
_PLURALS: Final = {"entry": "entries", "witness": "witnesses"}


def many(number: int, what: str) -> str:
    """`1 entry`, `2,000 entries`."""
    head, _, last = what.rpartition(" ")
    plural = f"{head} {_PLURALS.get(last, f'{last}s')}".strip()
    return f"{number:,} {what if number == 1 else plural}"


def book_name(book: str) -> str:
    """As it stands in tables."""
    return f"{book} book"


def span(book: str, first: int, last: int) -> str:
    """A range of entries of a book."""
    return f"{book} book, entry {first:,}" if first == last else f"{book} book, entries {first:,} to {last:,}"


def ranges(sound: Sequence[tuple[str, int, int]]) -> str:
    """Ranges in a sentence; of very many, the first ones."""
    said = "; ".join(span(*one) for one in sound[:_MOST_RANGES])
    more = len(sound) - _MOST_RANGES
    return (f"{said}; and {many(more, 'more range')}" if more > 0 else said) or "none"


def first_entries(count: int, size: int) -> str:
    """Up to where something holds."""
    if count >= size:
        return f"all {size:,} entries" if size != 1 else "the one entry"
    return f"the first {count:,} of {size:,} entries"
