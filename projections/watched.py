"""How far a fold has come: a reader that tells of the facts it hands over, as it hands them over.

What is not told of is not read: a view that is at the head already tells nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.recording.reader import Position
from projections.reading import Reader

IN_MEMORY: Final = 20_000
"""How many facts are held at once, at about 3 kB each. Of a larger ledger, some streams are read at a time."""
_EVERY: Final = 1024

Progress = Callable[[int, int], None]
"""Called with how many facts were read, of how many."""


class Watched(Reader):
    """A reader of the same snapshot, which tells `progress` what is read."""

    def __init__(self, reader: Reader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress
        self._done = self._total = self._told = 0

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def head(self) -> Position:
        return self._reader.head()

    def head_hash(self, book: Book, size: int) -> str:
        return self._reader.head_hash(book, size)

    def recorded_at(self, size: int) -> str | None:
        return self._reader.recorded_at(size)

    def position_at(self, as_of: str | int | None) -> Position:
        return self._reader.position_at(as_of)

    def facts(self, start: Position | None = None, stop: Position | None = None) -> Iterator[Fact]:
        count = _size(stop or self.head()) - (0 if start is None else _size(start))
        self._total += count
        for fact in self._reader.facts(start, stop):
            self._read(1)
            yield fact

    def streams(self, start: Position | None = None, stop: Position | None = None) -> Counter[str]:
        found = self._reader.streams(start, stop)
        self._total += found.total()  # which are read next, each with its stream
        return found

    def stream(self, stream: str, stop: Position | None = None) -> list[Fact]:
        facts = self._reader.stream(stream, stop)
        self._read(len(facts))
        return facts

    def stream_by_stream(
        self, streams: Sequence[str], stop: Position | None = None
    ) -> Iterator[tuple[str, list[Fact]]]:
        for stream, facts in self._reader.stream_by_stream(streams, stop):
            self._read(len(facts))
            yield stream, facts

    def read_elsewhere(self, count: int) -> None:
        """Say that so many facts were read by somebody else."""
        self._read(count)

    def _read(self, count: int) -> None:
        self._done += count
        if self._done - self._told >= _EVERY:
            self._told = self._done
            self._progress(min(self._done, self._total), self._total)


def _size(position: Position) -> int:
    return position.open + (position.sealed or 0)
