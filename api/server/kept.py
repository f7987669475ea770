"""Answers that were made before, as the bytes that were sent, kept in memory by what they were made from.

1. The key names all that the bytes depend on, the position above all. So what is kept is never out of date: it is
   merely not asked for any more, and goes when there is no room.
2. Who asks, and whether a look has to be recorded, is settled before anything is looked up here.
3. Each audience has room of its own (`Served.answers`): what unmasked people look at pushes out nothing of the others'.
   Answers with names of persons in them are never kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

KEPT_BYTES: Final = 32 << 20
"""Bytes (32 MiB) of all answers of an audience; no single one has more than an eighth of them."""
_OVERHEAD: Final = 2048
"""Bytes that an answer takes beside its body: key and headers."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A good answer (200)."""

    body: bytes
    headers: Mapping[str, str]
    media_type: str

    def response(self) -> Response:
        """The answer, to be sent once more."""
        return Response(self.body, headers=dict(self.headers), media_type=self.media_type)


class Answers:
    """The answers of one audience. Safe for several threads."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Kept | None:
        """What was kept under a key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, made: Kept) -> None:
        """Keep an answer, and let those go that were asked for longest ago."""
        if _weight(made) > self._most // 8:
            return
        with self._lock:
            if (before := self._kept.pop(key, None)) is not None:
                self._bytes -= _weight(before)
            self._kept[key] = made
            self._bytes += _weight(made)
            while self._bytes > self._most:
                self._bytes -= _weight(self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        """Let all go."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def made(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What was kept under a key, or is made now and kept."""
        found = self.get(key)
        if found is None:
            self.keep(key, found := make())
        return found


def _weight(made: Kept) -> int:
    return len(made.body) + _OVERHEAD
