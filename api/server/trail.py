"""The audit trail entry by entry, straight from the books: one page of it, and never the whole.

1. A row is what the view `audit` makes of it (`projections/views/audit.py`), from the stream that the entry is of.
2. A page begins after a place, goes on by rising or falling position, and takes in what stands in the books as of one
   position. Without facets it reads no more entries than it has rows.
3. What there is an index for is looked up by it: positions, and the entries of a subject. For everything else entries
   are looked at one after the other, at most `LOOKED_AT` for one page, and of those that type and actor let through
   at most `READ`. A page that ends so has fewer rows than it might, and says where it goes on.
4. The text that is searched is what the entry itself says: who, type and title, subject, reason, content, and of a
   correction the values that it replaced. Letters count alike whether they are capitals or not.
5. The site of an entry is the one that it names, or that of its subject.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ledger.domain.events.access import ACCESS_STREAM
from ledger.domain.events.base import ANCHOR_STREAM, CLOCK_STREAM, ENROLMENT_LOG, allocation_stream, subject_stream
from ledger.domain.history import Fact, corrected
from ledger.domain.vocabulary import SYSTEM, Book
from ledger.recording.reader import LedgerReader, Position
from ledger.recording.rows import open_fact
from projections.base import Audience
from projections.histories import History, visible
from projections.views.audit import VIEW

LOOKED_AT: Final = 20_000
READ: Final = 2_000
_BLOCK: Final = 2_000
_NEIGHBOURS: Final = 3
_SITE_COST: Final = 4
"""As how many entries it counts to find the site of a subject."""
# No record on these streams is ever corrected or voided (`ledger/domain/decisions/targets.py`), and they grow long.
_ALONE: Final = frozenset({ANCHOR_STREAM, CLOCK_STREAM, ENROLMENT_LOG, ACCESS_STREAM})
_SYSTEM: Final = f'"role":"{SYSTEM}"'.encode()


class Place(NamedTuple):
    """Where an entry stands among those of both books: by its own seq in the open one, or after the open seq it names.

    Places compare as the entries do.
    """

    open_seq: int
    sealed: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What is asked for; of one facet any of its values, of several all. Empty: everything."""

    types: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    text: str = ""

    @property
    def quick(self) -> bool:
        """Whether the stored bytes alone say whether an entry is asked for, or nearly so."""
        return not (self.subjects or self.sites or self.fields or self.text)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order asked for, and the place of each. `more`: the place to go on after; None at the end."""

    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    places: Sequence[Place]
    more: Place | None


@dataclass(slots=True)
class Trail:
    """The trail as of a position, from a reader that was entered, and no wider than its audience may see."""

    reader: LedgerReader
    audience: Audience
    at: Position
    since: Position | None = None
    """What was recorded up to there is left out."""
    until: Position | None = None
    """What was recorded after that is left out, though what became of the rest by then is not."""

    def page(self, facets: Facets, *, limit: int, after: Place | None = None, falling: bool = False) -> Page:
        """The rows after a place (without: from the beginning, or the end where `falling`)."""
        found: list[Fact] = []
        last: Place | None = None
        looked_at = read = 0
        sites: dict[str, str | None] = {}
        more = False
        for place, entry in self._entries(facets, limit, after, falling=falling):
            if len(found) >= limit or looked_at >= LOOKED_AT or read + _SITE_COST * len(sites) >= READ:
                more = True
                break
            last, looked_at = place, looked_at + 1
            fact = self._let_through(entry, facets)
            if fact is None:
                continue
            read += not facets.quick
            if self._is_wanted(fact, facets, sites):
                found.append(fact)
        rows = list(zip(self.rows(found), map(_place, found), strict=True))
        if facets.actors:  # whom the sealed book names as the reporter of what the open one says
            rows = [(row, place) for row, place in rows if row["who"] in facets.actors]
        places = [place for _, place in rows]
        return Page(VIEW.shown_columns(self.audience), [row for row, _ in rows], places, last if more else None)

    def rows(self, facts: Sequence[Fact]) -> list[dict[str, Any]]:
        """The row of each fact, with what stood there before and what became of it, as of the position."""
        columns = VIEW.shown_columns(self.audience)
        wanted: dict[str, set[tuple[Book, int]]] = {}
        for fact in facts:
            wanted.setdefault(fact.stream, set()).add((fact.book, fact.seq))
        made: dict[tuple[Book, int], dict[str, Any]] = {}
        for stream, entries in wanted.items():
            if _stands_alone(stream):
                history = [fact for fact in facts if fact.stream == stream]
            else:
                history = self._stream(stream)
            places = [place for place, fact in enumerate(history) if (fact.book, fact.seq) in entries]
            for place, row in zip(places, VIEW.rows_at(History(stream, tuple(history)), places), strict=True):
                made[history[place].book, history[place].seq] = VIEW.shown(row, columns)
        return [made[fact.book, fact.seq] for fact in facts]

    # -- which entries -------------------------------------------------------------------------------------------------

    def _entries(
        self, facets: Facets, limit: int, after: Place | None, *, falling: bool
    ) -> "Iterator[tuple[Place, Fact | _Stored]]":
        """The entries to look at, in order, as facts or still as they are stored."""
        if facets.subjects:
            entries = self._of_subjects(facets.subjects)
            entries.sort(key=lambda entry: entry[0], reverse=falling)
            yield from (entry for entry in entries if _comes_after(entry[0], after, falling=falling))
            return
        size = limit + 1 if facets == Facets() else _BLOCK
        for low, high in self._blocks(size, after, falling=falling):
            block = self._block(low, high)
            block.sort(key=lambda entry: entry[0], reverse=falling)
            yield from (entry for entry in block if _comes_after(entry[0], after, falling=falling))

    def _blocks(self, size: int, after: Place | None, *, falling: bool) -> Iterator[tuple[int, int]]:
        """Ranges of open seqs that are looked at one after the other; the last one of the book has no end."""
        begin, end = self._begin.open, self._end.open
        if falling:
            high = end if after is None else min(after.open_seq + 1, end)
            while True:
                low = max(begin, high - size)
                yield low, high
                if low <= begin:
                    return
                high = low
        low = begin if after is None else min(max(after.open_seq, begin), end)
        while True:
            yield low, min(low + size, end)
            low += size
            if low >= end:
                return

    def _block(self, low: int, high: int) -> "list[tuple[Place, Fact | _Stored]]":
        found: list[tuple[Place, Fact | _Stored]] = [
            (Place(seq, False, seq), _Stored(seq, entry, sections))
            for seq, entry, sections in self.reader.stored(Book.OPEN, low, high)
        ]
        last = self._end
        if last.sealed is not None:
            begin = max(self._begin.sealed or 0, self.reader.sealed_before(low) if low else 0)
            end = last.sealed if high >= last.open else min(last.sealed, self.reader.sealed_before(high))
            facts = self.reader.facts(Position(high, begin), Position(high, max(begin, end)))
            found += ((_place(fact), fact) for fact in self._visible(facts))
        return found

    def _of_subjects(self, subjects: frozenset[str]) -> "list[tuple[Place, Fact | _Stored]]":
        """The entries of subjects' streams, and those beside them of the same commands: some count in other streams."""
        found: dict[Place, Fact] = {}
        for subject in subjects:
            for fact in self._stream(subject_stream(subject)):
                found[_place(fact)] = fact
                if fact.book is not Book.OPEN:
                    continue
                begin = max(0, fact.seq - _NEIGHBOURS)
                end = min(fact.seq + _NEIGHBOURS + 1, self.at.open)
                for other in self._visible(self.reader.facts(Position(begin, None), Position(end, None))):
                    if other.command == fact.command:
                        found.setdefault(_place(other), other)
        begins, ends = self._begin, self._end
        return [
            (place, fact)
            for place, fact in found.items()
            if (begins.sealed or 0 if place.sealed else begins.open)
            <= fact.seq
            < (ends.sealed or 0 if place.sealed else ends.open)
        ]

    @property
    def _begin(self) -> Position:
        return self.since or Position(0, None if self.at.sealed is None else 0)

    @property
    def _end(self) -> Position:
        return self.until or self.at

    def _visible(self, facts: Iterable[Fact]) -> Iterator[Fact]:
        return visible(facts, sealed=self.audience is Audience.UNMASKED)

    def _stream(self, stream: str) -> list[Fact]:
        return list(self._visible(self.reader.stream(stream, stop=self.at)))

    # -- whether an entry is asked for ---------------------------------------------------------------------------------

    def _let_through(self, entry: "Fact | _Stored", facets: Facets) -> Fact | None:
        """The fact of an entry that is of one of the types, by one of the actors."""
        if isinstance(entry, _Stored):
            if not entry.may_be(facets, reporters=self.audience is Audience.UNMASKED):
                return None
            opened = open_fact(entry.seq, entry.entry, entry.sections, self.reader.classes, self.reader.keys)
            (entry,) = self._visible([opened])
        if facets.types and entry.type not in facets.types:
            return None
        if not facets.actors or entry.actor.id in facets.actors:
            return entry
        return entry if self.audience is Audience.UNMASKED and entry.actor.role == SYSTEM else None

    def _is_wanted(self, fact: Fact, facets: Facets, sites: dict[str, str | None]) -> bool:
        if facets.quick:
            return True
        (stored,) = VIEW.rows_at(History(fact.stream, (fact,)), [0])
        row = VIEW.shown(stored, VIEW.shown_columns(self.audience))
        if facets.subjects and row["subject"] not in facets.subjects:
            return False
        if facets.fields and not (isinstance(row["after"], dict) and facets.fields & row["after"].keys()):
            return False
        if facets.sites and self._site(fact, row["subject"], sites) not in facets.sites:
            return False
        wanted = facets.text.casefold()
        return not wanted or any(wanted in text.casefold() for text in _texts(row))

    def _site(self, fact: Fact, subject: str | None, sites: dict[str, str | None]) -> str | None:
        named = fact.data.get("site")
        if named is not None or subject is None:
            return named
        if subject not in sites:
            known = corrected(self._stream(subject_stream(subject)))
            sites[subject] = next((one.data["site"] for one in known if one.data.get("site")), None)
        return sites[subject]


@dataclass(frozen=True, slots=True)
class _Stored:
    """An entry of the open book as it is stored."""

    seq: int
    entry: bytes
    sections: bytes

    def may_be(self, facets: Facets, *, reporters: bool) -> bool:
        """Whether the bytes leave it possible that it is asked for: nothing that is asked for is missed by this."""
        if facets.types and not any(f'"type":{_json(one)}'.encode() in self.entry for one in facets.types):
            return False
        if not facets.actors or (reporters and _SYSTEM in self.entry):
            return True
        return any(f'"id":{_json(one)}'.encode() in self.entry for one in facets.actors)


def _stands_alone(stream: str) -> bool:
    return stream in _ALONE or stream.startswith(allocation_stream(""))


def _place(fact: Fact) -> Place:
    return Place(*fact.order)


def _comes_after(place: Place, after: Place | None, *, falling: bool) -> bool:
    return after is None or (place < after if falling else place > after)


def _texts(value: object) -> Iterator[str]:
    """The words and numbers in a row, wherever they stand."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Iterable):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
