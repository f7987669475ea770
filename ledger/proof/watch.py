"""What evidence from outside of a ledger is compared with, taken from the walk through the open book.

1. The root of the tree at the sizes that checkpoints tell: over the entries that ought to be there, where those are
   known, so that an altered entry has its own finding and is not told again by every checkpoint after it.
2. The recorded time of the last entry before each of these sizes.
3. The events that tell of evidence: a time stamp that was obtained, and another origin from there on.
4. Which part of the sealed book the anchors hold.
"""

import json
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.proof.tree import Frontier

TIMESTAMPED_TYPE: Final = b"checkpoint.timestamped/1"
CONTINUED_TYPE: Final = b"ledger.continued/1"
WATCHED_TYPES: Final = frozenset({TIMESTAMPED_TYPE, CONTINUED_TYPE})


@dataclass(frozen=True, slots=True)
class WatchedEvent:
    """An event of one of WATCHED_TYPES, with its payload as JSON."""

    seq: int
    at: str
    type: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """What the walk gave. Sizes at which the tree is not known have no root."""

    roots: Mapping[int, bytes] = field(default_factory=dict)
    times: Mapping[int, str] = field(default_factory=dict)
    events: Sequence[WatchedEvent] = ()
    anchors: Sequence[tuple[int, int]] = ()
    """(seq, sealed size) of each anchor that was opened and holds, by rising seq."""
    origin: str = ""

    def anchored(self, size: int) -> int | None:
        """How many entries of the sealed book the first `size` entries of the open one hold; None without anchor."""
        count = bisect_left(self.anchors, (size, 0))
        return self.anchors[count - 1][1] if count else None

    @property
    def origins(self) -> Sequence[str]:
        """The origins that checkpoints of this ledger may have, the first one first."""
        told = [event.told.get("origin") for event in self.events if event.type == CONTINUED_TYPE.decode()]
        return [self.origin, *(one for one in told if isinstance(one, str))]


class Watch:
    """Collects it. The walk asks `sizes`, and gives what belongs to them."""

    def __init__(self, sizes: Collection[int] = ()) -> None:
        self.sizes = frozenset(sizes)
        self._roots: dict[int, bytes] = {0: Frontier().root()}
        self._times: dict[int, str] = {}
        self._events: list[WatchedEvent] = []
        self._anchors: list[tuple[int, int]] = []

    def root(self, size: int, root: bytes) -> None:
        self._roots[size] = root

    def time(self, size: int, at: bytes) -> None:
        """`at` of the entry with which the book came to this size."""
        self._times[size] = at.decode("ascii", "replace")

    def event(self, seq: int, at: bytes, type_: bytes, payload: bytes | None) -> None:
        """An event of WATCHED_TYPES; `payload` None: it is at fault, and has its own finding."""
        try:
            told = json.loads(payload) if payload is not None else None
        except ValueError:
            return
        if isinstance(told, dict):
            self._events.append(WatchedEvent(seq, at.decode("ascii", "replace"), type_.decode(), told))

    def anchor(self, seq: int, size: int) -> None:
        self._anchors.append((seq, size))

    def done(self, origin: bytes | None) -> Watched:
        """All of it, with the origin of the entries (as it is quoted in them)."""
        said = "" if origin is None else json.loads(b'"' + origin + b'"')
        return Watched(self._roots, self._times, tuple(self._events), tuple(self._anchors), said)
