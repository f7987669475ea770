"""A batch of appends as the steps that the server's function `append` takes (revision 0002), and its answer checked.

The server completes and hashes the entries; here they are completed and hashed again from what it says it filled in, so
that a server which recorded anything else is found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.domain.vocabulary import Book
from ledger.proof.entry import complete
from ledger.proof.sealed import command_mark, slot
from ledger.recording.book_state import BookState
from ledger.recording.combining import Ticket
from ledger.recording.drafts import Append, OpenDraft, Recorded
from ledger.recording.sealed_rows import SealedParts

# Lists go over as binary: as text, each of their members would have to be quoted.
APPEND: Final = (
    b"SELECT * FROM trial_ledger.append(%s::int, %s::bigint, %b::bytea, %s::bigint, %b::bytea, %s::boolean, "
    b"%s::bigint, %s::text, %b::text[], %b::text[], %b::int[], %b::bigint[], %b::text[], %b::text[], %b::text[], "
    b"%b::text[], %b::text[], %b::bytea[])"
)


@dataclass(slots=True)
class Planned:
    """An append that is ready to be sent, and what is known of it only then."""

    ticket: Ticket[Append, Recorded]
    sealed: Sequence[tuple[str, int, SealedParts]] = ()
    """Its sealed entries: stream, version, and the rest."""
    loose: Sequence[bool] = ()
    """Which of them take whatever version is free."""
    shown: str | None = None
    """What our clock shows; None: the server's is asked."""
    step: OpenDraft | None = None
    """Says that the clock has stepped back; recorded before it."""
    anchor: OpenDraft | None = None
    """The anchor that it makes due; recorded after its open entries."""

    def entries(self) -> list[OpenDraft]:
        """All open entries that are recorded with it, in their order."""
        step = [] if self.step is None else [self.step]
        return [*step, *self.ticket.wanted.open, *([] if self.anchor is None else [self.anchor])]

    def replayed(self, at: str, opened: BookState, sealed: BookState) -> Recorded:
        """Put its entries onto the books as we know them, as recorded at `at`; where they stand."""
        first = opened.size + (self.step is not None)
        for draft in self.entries():
            opened.took(complete(draft.fragments, at, opened.hash, opened.size), at)
        if self.anchor is not None:
            opened.anchored = opened.size
        count, sealed_first = len(self.ticket.wanted.open), sealed.size
        if not self.sealed:
            return Recorded(first, count, 0, 0, at)
        sealed_at = max(at, sealed.at)
        for stream, version, parts in self.sealed:
            sealed.took(parts.row(sealed_at, opened, sealed).entry, sealed_at)
            sealed.versions[stream] = (0, version)
        if not count:
            return Recorded(0, 0, sealed_first, len(self.sealed), sealed_at)
        return Recorded(first, count, sealed_first, len(self.sealed), at)


_Step = tuple[
    str, int, int | None, str | None, str | None, str | None, str | None, str | None, bytes | None
]  # fmt: skip


@dataclass(slots=True)
class Steps:
    """The steps of a batch, in their order."""

    marks: bytes | None
    clocks: list[str | None] = field(default_factory=list)
    rows: list[_Step] = field(default_factory=list)

    def add(self, planned: Planned, shown: str | None) -> None:
        """The steps of one append; `shown`: what our clock shows, None where the server's is to be asked."""
        append, n = planned.ticket.wanted, len(self.clocks)
        self.clocks.append(shown)
        if append.command.id:
            half = (append.command.sealed_id or append.command.id) if append.open else append.command.id
            mark = command_mark(self.marks, half) if append.sealed and self.marks is not None else None
            # The sealed half of an open command is looked up only where its open half was found.
            self._check("c", n, 0 if append.open else 1, append.command.id, mark)
        for guard in append.guards:
            if guard.book is Book.OPEN:
                self._check("g", n, guard.version, guard.stream, None)
            else:
                assert self.marks is not None
                before = slot(self.marks, guard.stream, guard.version) if guard.version > 0 else None
                self._check("h", n, None, before, slot(self.marks, guard.stream, guard.version + 1))
        seen = set[str]()
        for draft in planned.entries():
            if draft.stream not in seen:
                seen.add(draft.stream)
                self._check("p", n, draft.version, draft.stream, None)
        seen.clear()
        for (stream, version, parts), loose in zip(planned.sealed, planned.loose, strict=True):
            if stream not in seen:
                seen.add(stream)
                assert self.marks is not None
                before = slot(self.marks, stream, version - 1) if version > 1 else None
                self._check("q", n, int(loose), before, parts.slot)
        self._check("t", n, bool(append.open) | bool(planned.sealed) << 1, None, None)
        for draft in planned.entries():
            self.rows.append(("O", n, draft.version, draft.stream, draft.command, *draft.fragments, draft.sections))
        for _, _, parts in planned.sealed:
            self.rows.append(("S", n, None, parts.slot, parts.command, *parts.fragments, parts.sections))

    def _check(self, kind: str, n: int, number: int | None, one: str | None, two: str | None) -> None:
        self.rows.append((kind, n, number, one, two, None, None, None, None))

    def values(self) -> tuple[Any, ...]:
        """The clocks, and the columns of the steps."""
        return (self.clocks, *(list(column) for column in zip(*self.rows, strict=True)))


def follows(drafts: Sequence[OpenDraft]) -> OpenDraft | None:
    """The first draft whose version does not follow the one before it on its stream, among these."""
    ahead = dict[str, int]()
    for draft in drafts:
        if draft.stream in ahead and draft.version != ahead[draft.stream] + 1:
            return draft
        ahead[draft.stream] = draft.version
    return None
