"""The anchor: how the open book commits to the sealed one without telling anything of it."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from ledger.domain.events.base import ANCHOR_STREAM, Event, InSection
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
