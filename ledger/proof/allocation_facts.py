"""What is known of a ledger's allocations, as `allocation_check.py` compares it; and what may be found in it.

Positions (`seq`) are those of the open book.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Committed:
    """`allocation.committed/1`: the commitment in hex. Without it and the method: the event cannot be read."""

    seq: int
    commitment: str | None
    method: str | None


@dataclass(frozen=True, slots=True)
class Bound:
    """`allocation.bound/1`: the outside value, and its SHA-256 (hex) as recorded. Value None: it cannot be read."""

    seq: int
    value: bytes | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Opened:
    """`allocation.opened/1`: the secret, and the parameters as a JSON value."""

    seq: int
    secret: bytes
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draw:
    """`allocation.drawn/1`; `out_of_turn`: an `allocation.out-of-turn/1` of the same command tells of it.

    `factors`: the stratification factors of the protocol at that time (None: not known). `imported`: its provenance
    is an import.
    """

    seq: int
    subject: str
    stratum: str
    index: int
    list_name: str | None = None
    claimed: bool = False
    out_of_turn: bool = False
    stream: str = ""
    command: str = ""
    factors: tuple[str, ...] | None = None
    imported: bool = False

    @property
    def place(self) -> tuple[str, int]:
        return self.list_name or self.stratum, self.index


@dataclass(frozen=True, slots=True)
class Randomized:
    """`subject.randomized/1`."""

    seq: int
    subject: str
    site: str
    stratum: str
    index: int
    claimed: bool
    command: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A draw that cannot be read: of the list that its stream names, and of the subject, if that much can be told."""

    seq: int
    list_name: str
    subject: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """`arm.assigned/1`, of the sealed book."""

    subject: str
    arm: str
    stratum: str
    index: int
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class AllocationFinding:
    """One thing that is wrong: a fixed code, the subject and the position in the open book where there is one."""

    code: str
    subject: str | None
    seq: int | None
    message: str


CODES: Final = {
    "committed": "the list was committed to more than once, or not before it was bound or drawn from",
    "bound": "the list was bound more than once, or not before it was drawn from; or the bound value is not itself",
    "opened": "the list was opened more than once, or drawn from afterwards",
    "order": "an index was drawn out of turn, and no event says so",
    "twice": "an index, or a subject, was drawn twice",
    "commitment": "the opened secret and parameters are not those that were committed to",
    "seed": "the arms follow from the secret, but not from the outside value",
    "arm": "a subject's arm is not that of its index",
    "claimed": "an allocation is claimed by a source after the list was committed to, or by none that was imported",
    "place": "a draw stands on another list's stream, or the subject was randomized otherwise, or at another site",
    "form": "an event does not hold what one of its type must",
    "assignment": "a draw without an arm, an arm without a draw, or an arm of another index",
}
"""Every code of a finding."""
