"""The product: made ready, given, interrupted, off plan. All of it is sealed: that a dose exists tells the arm."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from ledger.domain.events.base import Code, Facts, Name, SubjectEvent, SubjectId, Text
from ledger.domain.vocabulary import ActionTaken, Book
from ledger.domain.when import When

Amount = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=6, allow_inf_nan=False)]


class Interruption(Facts):
    """A product administration that stopped before its end, and whether it went on."""

    stopped_at: When
    resumed_at: When | None = None
    reason: Text


class Treatment(Facts):
    """One administration, or one run of equal doses (`frequency`), of a product.

    `planned_amount` and `given_amount` are in `unit`; for a dose per kg they are totals, and `weight_kg` is what
    the plan was reckoned with.
    """

    subject: SubjectId
    dose_number: Annotated[int, Field(ge=1, le=9999)]
    product: Name
    lot: Code | None = None
    weight_kg: Annotated[Decimal, Field(gt=0, le=700, max_digits=7, decimal_places=3)] | None = None
    planned_amount: Amount | None = None
    given_amount: Amount
    unit: Name
    route: Name | None = None
    form: Name | None = None
    frequency: Name | None = None
    visit: Name | None = None
    started_at: When
    ended_at: When | None = None
    interruptions: tuple[Interruption, ...] = ()


class TreatmentRecorded(Treatment, SubjectEvent):
    """The product was given."""

    type: ClassVar[str] = "treatment.recorded/1"
    title: ClassVar[str] = "Treatment recorded"
    book: ClassVar[Book] = Book.SEALED


class Preparation(Facts):
    """A dose made ready for a subject, at `occurred_at`: of which lot, and how much of it."""

    subject: SubjectId
    dose_number: Annotated[int, Field(ge=1, le=9999)]
    product: Name
    lot: Code
    prepared_amount: Amount | None = None
    unit: Name | None = None


class ProductPrepared(Preparation, SubjectEvent):
    """A dose was prepared. Whether it was given is another record."""

    type: ClassVar[str] = "product.prepared/1"
    title: ClassVar[str] = "Product prepared"
    book: ClassVar[Book] = Book.SEALED


class ProductInterruption(Interruption):
    """An administration, recorded already, that stopped before its end."""

    subject: SubjectId
    dose_number: Annotated[int, Field(ge=1, le=9999)]
    product: Name | None = None


class ProductInterrupted(ProductInterruption, SubjectEvent):
    """An administration of the product was interrupted."""

    type: ClassVar[str] = "product.interrupted/1"
    title: ClassVar[str] = "Product interrupted"
    book: ClassVar[Book] = Book.SEALED


class DoseDeviationRaised(SubjectEvent):
    """A dose departs from the protocol or from the allocation; `rule` says which rule, `detail` by how much."""

    type: ClassVar[str] = "dose-deviation.raised/1"
    title: ClassVar[str] = "Dose deviation raised"
    book: ClassVar[Book] = Book.SEALED

    dose_number: int | None = None
    rule: Code
    detail: Text


class ProductAction(Facts):
    """What was done with the product because of an adverse event."""

    subject: SubjectId
    ae: Code
    action: ActionTaken


class ActionTakenRecorded(ProductAction, SubjectEvent):
    """The action taken with the product for an adverse event."""

    type: ClassVar[str] = "adverse-event.action-taken/1"
    title: ClassVar[str] = "Action taken with the product"
    book: ClassVar[Book] = Book.SEALED
