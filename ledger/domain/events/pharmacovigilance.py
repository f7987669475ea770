"""An adverse event against the product: whether it was expected, and what was reported of it. ICH E2A.

All of it is sealed: what is known of a product is asked only of an event in an arm that has one.
"""

from typing import ClassVar

from ledger.domain.events.base import Code, Facts, Name, SubjectEvent, SubjectId, Text
from ledger.domain.vocabulary import Book, Causality, Expectedness
from ledger.domain.when import When


class ExpectednessAssessment(Facts):
    """Whether an adverse event is consistent with the reference safety information: which document and version.

    `causality` is the opinion of who assesses; it does not replace the reporter's.
    """

    subject: SubjectId
    ae: Code
    expectedness: Expectedness
    causality: Causality | None = None
    reference: Name
    reference_version: Code | None = None
    rationale: Text | None = None


class ExpectednessAssessed(ExpectednessAssessment, SubjectEvent):
    """Expectedness against the product was assessed; the latest assessment counts."""

    type: ClassVar[str] = "expectedness.assessed/1"
    title: ClassVar[str] = "Expectedness assessed"
    book: ClassVar[Book] = Book.SEALED


class UnexpectedReaction(Facts):
    """A report of a suspected unexpected serious reaction, sent at `occurred_at`.

    `report` is its number; `aware_at` is when the sponsor first knew what makes it reportable, from which day the time
    limits of 7 and 15 days count; `follows` is the number of the report that this one follows up.
    """

    subject: SubjectId
    ae: Code
    report: Code
    authority: Name
    aware_at: When
    follows: Code | None = None
    narrative: Text | None = None


class UnexpectedReactionReported(UnexpectedReaction, SubjectEvent):
    """An unexpected reaction was reported to an authority."""

    type: ClassVar[str] = "unexpected-reaction.reported/1"
    title: ClassVar[str] = "Unexpected reaction reported"
    book: ClassVar[Book] = Book.SEALED
