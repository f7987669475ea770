"""What the ledger itself records: anchors, by which the open book commits to the sealed one, and steps of its clock."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import ANCHOR_STREAM, CLOCK_STREAM, Event, InSection
from ledger.domain.when import When
from ledger.proof.sections import ANCHOR


class SealedBookAnchored(Event):
    """The sealed book had `size` entries with tree head `root` (hex) when this was written.

    Both lie in a section of class `anchor`, whose length does not depend on them (`size` has 16 digits).
    Written by the system at a fixed cadence of open entries, and never because the sealed book grew.
    """

    type: ClassVar[str] = "sealed-book.anchored/1"
    title: ClassVar[str] = "Sealed book anchored"

    size: Annotated[str, StringConstraints(pattern=r"^[0-9]{16}$"), InSection(ANCHOR)] = Field()
    root: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), InSection(ANCHOR)] = Field()

    @property
    def stream(self) -> str:
        return ANCHOR_STREAM


class ClockSteppedBack(Event):
    """Our clock showed `occurred_at`, earlier than `last_recorded_at`, the time of the entry before.

    Recorded times never run backwards: entries bear the last one until the clock has passed it. This says why.
    """

    type: ClassVar[str] = "clock.stepped-back/1"
    title: ClassVar[str] = "Clock stepped back"

    last_recorded_at: When

    @property
    def stream(self) -> str:
        return CLOCK_STREAM
