"""What an export is made of: one snapshot of a ledger up to a position, as its viewer may see it.

1. Nobody's name is in it, whoever asks: exports are pseudonymised. Names leave a ledger in the view `identities`, and
   in bundles.
2. For masked audiences it is the open book alone, so an export of theirs is the same whatever the arms are.
3. Nothing here knows what time it is: a file that states a time of making states that of the position.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from api.access import Session
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact, corrected
from ledger.domain.protocol import Protocol
from ledger.domain.roles import Viewer
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.recording.reader import LedgerReader, Position
from projections.base import Audience
from projections.histories import History, by_stream, visible
from projections.result import Result
from projections.watched import IN_MEMORY, Progress


@dataclass(frozen=True, slots=True)
class Source:
    """A snapshot for one export. `reader` is entered, and has no key of a name."""

    session: Session
    reader: LedgerReader
    position: Position
    protocol: Protocol
    """The one in force at the position."""
    progress: Progress | None = None
    at: str | None = None
    """The words that the position was asked for by."""

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer

    @property
    def audience(self) -> Audience:
        return self.session.audience

    @property
    def unmasked(self) -> bool:
        """Whether arms are in it."""
        return self.audience is Audience.UNMASKED

    @property
    def origin(self) -> str:
        """That of the open book."""
        return self.reader.origin()

    @property
    def made_at(self) -> str:
        """When the last entry within was recorded (RFC 3339, UTC): what files state as the time of their making."""
        return self.reader.recorded_at(self.position.open) or ""

    @property
    def as_of(self) -> str:
        """The position in words that `--as-of` takes."""
        sealed = self.position.sealed
        return str(self.position.open - 1) + (f"/{sealed - 1}" if self.unmasked and sealed else "")

    def head(self, book: Book) -> str:
        """The leaf hash (hex) of the last entry within."""
        size = self.position.open if book is Book.OPEN else self.position.sealed or 0
        return self.reader.head_hash(book, size)

    def facts(self) -> Iterator[Fact]:
        """All facts, as they were recorded, in merged order (`Fact.order`)."""
        total = self._size()
        for count, fact in enumerate(visible(self.reader.facts(stop=self.position), sealed=self.unmasked), 1):
            yield fact
            if self.progress is not None and count % 1024 == 0:
                self.progress(min(count, total), total)

    def histories(self, prefix: str = "subject/") -> Iterator[History]:
        """The facts of each stream that begins so, streams sorted by name. Small in memory, however long the ledger."""
        wanted = (fact for fact in self.facts() if fact.stream.startswith(prefix))
        if self._size() <= IN_MEMORY:
            for stream, facts in by_stream(wanted).items():
                yield History(stream, tuple(facts))
            return
        for stream in sorted({fact.stream for fact in wanted}):
            yield History(stream, tuple(self._stream(stream)))

    def trial(self) -> TrialState:
        """The trial as a whole, at the position."""
        return TrialState.fold(self._stream(TRIAL_STREAM))

    def trial_facts(self) -> list[Fact]:
        """The facts of the trial as a whole, with corrections applied."""
        return corrected(self._stream(TRIAL_STREAM))

    def view(self, name: str) -> Result:
        """A view as of the position."""
        return self.session.show(name, self.as_of, progress=self.progress, asked=self.at)

    def _stream(self, stream: str) -> Iterable[Fact]:
        return visible(self.reader.stream(stream, stop=self.position), sealed=self.unmasked)

    def _size(self) -> int:
        return self.position.open + (self.position.sealed or 0 if self.unmasked else 0)


def by_command(facts: Iterable[Fact]) -> Iterator[list[Fact]]:
    """The facts of each command, in merged order: what was recorded in one act."""
    for _, group in groupby(facts, key=lambda fact: (fact.book, fact.command)):
        yield list(group)
