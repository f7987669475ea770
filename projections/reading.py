"""What the read side asks of a ledger: a port, which `ledger.recording.reader.LedgerReader` fits."""

from collections import Counter
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.recording.reader import Position


class Reader(Protocol):
    """One audience's access to one ledger. Entering it takes a snapshot; leaving lets it go; it can be entered again.

    Nothing here writes. Facts come in merged order (`Fact.order`); positions are sizes of the two books.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def head(self) -> Position:
        """How many entries the snapshot has."""
        ...

    def head_hash(self, book: Book, size: int) -> str:
        """The leaf hash (hex) of entry `size - 1`; empty where there is no such entry."""
        ...

    def recorded_at(self, size: int) -> str | None:
        """When open entry `size - 1` was recorded."""
        ...

    def position_at(self, as_of: str | int | None) -> Position:
        """The position that an as-of means. Raises ValueError for one that means none."""
        ...

    def facts(self, start: Position | None = None, stop: Position | None = None) -> Iterator[Fact]:
        """The facts from `start` up to `stop`, half-open."""
        ...

    def streams(self, start: Position | None = None, stop: Position | None = None) -> Counter[str]:
        """How many facts each stream has from `start` up to `stop`."""
        ...

    def stream(self, stream: str, stop: Position | None = None) -> list[Fact]:
        """The facts of one stream up to `stop`."""
        ...

    def stream_by_stream(
        self, streams: Sequence[str], stop: Position | None = None
    ) -> Iterator[tuple[str, list[Fact]]]:
        """Each of these streams with its facts up to `stop`."""
        ...
