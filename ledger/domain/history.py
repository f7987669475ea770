"""What was recorded, as readers meet it: facts in order, with corrections applied.

A correction never changes what it corrects, nor does a voiding take anything out of a book. Readers who want to know
how things are take `corrected`, in which the corrected record carries its new values (and says by which entries) and
voided records are left out; readers who want to know what was written take the facts as they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor

CORRECTIONS: Final = {Book.OPEN: "record.corrected/1", Book.SEALED: "sealed-record.corrected/1"}
VOIDS: Final = {Book.OPEN: "record.voided/1", Book.SEALED: "sealed-record.voided/1"}
# By its type, not by the book that it lies in: who is unblinded corrects a record of the open book in the sealed one.
ABOUT: Final = {type_: book for kinds in (CORRECTIONS, VOIDS) for book, type_ in kinds.items()}
"""The type of a correction or a voiding -> the book of the record that it is about."""
_DEVIATIONS: Final = frozenset({"deviation.raised/1", "dose-deviation.raised/1"})
_OF_AN_EVENT: Final = frozenset(
    {"adverse-event.followed-up/1", "adverse-event.coded/1", "adverse-event.action-taken/1"}
    | {"expectedness.assessed/1", "unexpected-reaction.reported/1"}
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded event with the sections that its reader may see, merged into `data`.

    `seq` counts from 0 in its book. `open_seq` places it in the open book: its own `seq`, or, of a sealed one, the
    seq of the open head that it names; facts of both books are ordered by (open_seq, book, seq). Values that are
    None are absent from `data`; decimals are strings.
    """

    book: Book
    seq: int
    open_seq: int
    at: str
    id: str
    actor: Actor
    command: str
    n: int
    stream: str
    version: int
    type: str
    data: Mapping[str, Any]
    corrected_by: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[int, bool, int]:
        return (self.open_seq, self.book is Book.SEALED, self.seq)


def changes_of(correction: Fact) -> list[Mapping[str, Any]]:
    """The changes ({field, old, new}) that a correction makes, as far as its reader may see them."""
    return [*correction.data.get("changes", ()), *correction.data.get("identity_changes", ())]


def corrected(facts: Iterable[Fact]) -> list[Fact]:
    """The same facts in the same order, each with the values that later corrections gave it.

    Corrections stay in the list, as facts of their own. One that points at a record which the reader does not
    have is passed over: it is about something withheld. A voided record is left out, with the deviations that the
    ledger raised for it, and, of an adverse event, with what was said of it until then.
    """
    listed = list(facts)
    places: dict[tuple[Book, int], int] | None = None
    gone: set[int] = set()
    for index, fact in enumerate(listed):
        about = ABOUT.get(fact.type)
        if about is None:
            continue
        voids = fact.type == VOIDS[about]
        if places is None:
            places = {(known.book, known.seq): place for place, known in enumerate(listed)}
        place = places.get((about, fact.data["target_seq"]))
        if place is None:
            continue
        if voids:
            gone |= {place, *_fallen(listed, place, index)}
        else:
            listed[place] = _apply(listed[place], fact)
    return [fact for index, fact in enumerate(listed) if index not in gone] if gone else listed


def _fallen(listed: list[Fact], place: int, until: int) -> Iterator[int]:
    """The places of the facts that do not stand without the one at `place`, which the one at `until` voids."""
    target = listed[place]
    reported = target.type == "adverse-event.reported/1"
    for index in range(place + 1, until):
        fact = listed[index]
        raised = fact.type in _DEVIATIONS and fact.data.get("rule") is not None
        if raised and (fact.book, fact.command) == (target.book, target.command):
            yield index
        # What a masked person said is of what masked people know: it does not fall with a record of the sealed book.
        theirs = target.book is Book.OPEN or fact.book is Book.SEALED
        said = reported and theirs and fact.type in _OF_AN_EVENT and fact.stream == target.stream
        if said and fact.data.get("ae") == target.data.get("ae"):
            yield index


def _apply(target: Fact, correction: Fact) -> Fact:
    data = dict(target.data)
    for change in changes_of(correction):
        new = change.get("new")
        if new is None:
            data.pop(change["field"], None)
        else:
            data[change["field"]] = new
    return replace(target, data=data, corrected_by=(*target.corrected_by, correction.seq))
