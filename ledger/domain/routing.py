"""What somebody enters after having been unblinded, as the sealed book keeps it and as its readers meet it.

1. `wrapped` puts an event of the open book into one of the sealed book; `unwrap` gives the fact back as its reader
   would have met it in the open book, but for the book, and marked `after_unblinding`.
2. A correction or a voiding inside such a wrapping is about a record of the open book where its type says so
   (`record.corrected/1`), else about one of the sealed book: that which another wrapping holds.
3. Names of persons are never in it: they would lie in the sealed book, out of an erasure's reach.
4. `merged` is what an unblinded person's decision reads, and an unmasked view: both books in the order of recording.
   What the open book alone means is never computed from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ledger.domain.events.base import Event
from ledger.domain.events.conduct import RecordCorrected, RecordVoided
from ledger.domain.events.unblinding import EnteredUnblinded
from ledger.domain.history import CORRECTIONS, VOIDS, Fact
from ledger.domain.vocabulary import Book

MARK: Final = "after_unblinding"


def wrapped(event: Event, unblinded_at: str | None, *, about_wrapped: bool = False) -> EnteredUnblinded:
    """An event of the open book as the sealed book keeps it.

    `about_wrapped`: the record that it corrects or voids lies in such a wrapping itself.
    """
    kind = event.type
    if about_wrapped and isinstance(event, RecordCorrected | RecordVoided):
        kind = (CORRECTIONS if isinstance(event, RecordCorrected) else VOIDS)[Book.SEALED]
    return EnteredUnblinded(
        occurred_at=event.occurred_at,
        late=event.late,
        provenance=event.provenance,
        subject=_subject_of(event),
        recorded_type=kind,
        content=event.model_dump(mode="json", exclude_none=True),
        unblinded_at=unblinded_at,
    )


def unwrap(fact: Fact) -> Fact:
    """The fact that a wrapping holds, still of the sealed book and marked; any other fact as it is."""
    if fact.type != EnteredUnblinded.type:
        return fact
    return replace(fact, type=fact.data["recorded_type"], data={**fact.data["content"], MARK: True})


def unmarked(fact: Fact) -> Fact:
    """The same fact without the mark, as a class of events reads it."""
    return replace(fact, data={name: value for name, value in fact.data.items() if name != MARK})


def merged(opened: Iterable[Fact], sealed: Iterable[Fact]) -> Sequence[Fact]:
    """The facts of both books in the order of recording, what is wrapped unwrapped."""
    return sorted([*opened, *(unwrap(fact) for fact in sealed)], key=lambda fact: fact.order)


def _subject_of(event: Event) -> str | None:
    prefix, _, subject = event.stream.partition("/")
    return subject if prefix == "subject" else None
