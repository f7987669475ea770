"""The facts of a ledger by stream, as views get them.

Rules
- Fields in sections of class `identity` are taken out of every fact, whether or not the reader had them: a view
  file holds no name of a person, and two readers with different rights make the same bytes. Only a view that is made
  for names gets them, and it is kept in no file (`projections/naming.py`).
- Facts of the sealed book are taken out for masked audiences, though their reader has none: a second lock.
- What somebody entered after having been unblinded is unwrapped for all others: it counts as if it stood in the open
  book, with the mark `after_unblinding`. Masked audiences never learn that there is any.
- `recorded` is what was written; `corrected` has the values that later corrections gave.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from ledger.domain.events import CATALOGUE
from ledger.domain.history import Fact, corrected
from ledger.domain.routing import MARK, unwrap
from ledger.domain.vocabulary import Book
from ledger.proof.sections import IDENTITY

_IDENTIFYING: Final[dict[str, frozenset[str]]] = {
    cls.type: frozenset(cls.sections[IDENTITY]) for cls in CATALOGUE if IDENTITY in cls.sections
}


@dataclass(frozen=True)
class History:
    """The facts of one key, in merged order."""

    key: str
    recorded: tuple[Fact, ...]
    folded: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What views have folded the history into, kept for the next view of the same key."""
    erased: bool = False
    """Whether the names in it are erased today, whatever position it ends at."""

    @cached_property
    def corrected(self) -> tuple[Fact, ...]:
        """The facts with their corrections applied; corrections stay in the list."""
        return tuple(corrected(self.recorded))


def visible(facts: Iterable[Fact], *, sealed: bool, names: bool = False) -> Iterator[Fact]:
    """The facts as a view may have them: without the sealed book unless `sealed`, without names unless `names`."""
    for fact in facts:
        if fact.book is Book.SEALED:
            if sealed:
                yield unnamed(unwrap(fact))
        else:
            yield fact if names or fact.type not in _IDENTIFYING else unnamed(fact)


def unnamed(fact: Fact) -> Fact:
    """The same fact without the values that name a person."""
    naming = _IDENTIFYING.get(fact.type)
    if not naming or naming.isdisjoint(fact.data):
        return fact
    return replace(fact, data={name: value for name, value in fact.data.items() if name not in naming})


def marked(fact: Fact) -> bool:
    """Whether somebody entered the fact after having been unblinded."""
    return MARK in fact.data


def by_stream(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """The facts grouped by stream; streams sorted, facts in the order given."""
    groups: dict[str, list[Fact]] = {}
    for fact in facts:
        groups.setdefault(fact.stream, []).append(fact)
    return {stream: groups[stream] for stream in sorted(groups)}
