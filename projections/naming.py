"""Histories with the names of persons, for the views that need them.

Rules
- Names are handed out of subjects whose site is in sight (`Sight.names_at`). Of others the view gets nothing at all.
- A subject's site, and whether its names are erased, are those of today, whatever position is looked at: what
  somebody may see is decided by what stands now.
- Such histories have the open book alone: names stand beside no arm. Nothing of them is kept in a file.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ledger.domain.history import Fact
from ledger.domain.roles import Sight
from ledger.recording.reader import Position
from projections.base import View
from projections.histories import History, by_stream, unnamed, visible
from projections.reading import Reader
from projections.subject import story_of

_ERASED: Final = "identity.erased/1"


def named_histories(view: View, reader: Reader, stop: Position, sight: Sight, most: int) -> Iterator[History]:
    """What `view` gets of the ledger up to `stop`; a ledger of more than `most` facts is read stream by stream."""
    stream_of: Callable[[str], list[Fact]]
    if reader.head().open <= most:
        facts = (fact for fact in visible(reader.facts(), sealed=False, names=True) if view.takes(fact.stream))
        held = by_stream(facts)
        streams, stream_of = list(held), held.__getitem__
    else:
        streams = sorted(
            stream for stream in reader.streams(stop=Position(reader.head().open, None)) if view.takes(stream)
        )

        def stream_of(stream: str) -> list[Fact]:
            return list(visible(reader.stream(stream), sealed=False, names=True))

    for stream in streams:
        now = stream_of(stream)
        erased = any(fact.type == _ERASED for fact in now)
        if sight.names_at(story_of(History(stream, tuple(now))).site):
            then = (unnamed(fact) if erased else fact for fact in now if fact.seq < stop.open)
            yield History(stream, tuple(then), erased=erased)
