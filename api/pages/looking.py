"""One look at a trial for one page: several views, all of one position.

1. The first view is asked for as the address asks; whatever else stands on the page is of the exact position of its
   answer. So a page is of one piece while the ledger goes on growing, and one recorded look is enough.
2. What is due is reckoned by the day of the question, and that is the same for all that stands on the page.
3. All comes through the session. The trial as a whole, and the newest entries, are read from the open book alone,
   whoever looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from api.pages.rendering import as_of_of, link, pinned
from api.server.standing import Whole, whole_of
from api.server.state import Asking
from ledger.domain.history import Fact
from ledger.domain.when import recorded
from ledger.recording.reader import Position, day_asked
from projections.result import AsOf, Result


@dataclass(slots=True)
class Look:
    """What one page looks at."""

    request: Request
    ask: Asking
    as_of: str | None
    day: str | None
    """The day of the question; None where it is that of the position."""
    at: AsOf | None = None
    _shown: dict[str, Result] = field(default_factory=dict)

    def show(self, view: str) -> Result:
        """A view. Raises what `Session.show` raises."""
        if view not in self._shown:
            as_of = self.as_of if self.at is None else pinned(self.at)
            result = self._shown[view] = self.ask.session.show(view, as_of, asked=self.day)
            self.at = self.at or result.as_of
        return self._shown[view]

    def rows(self, view: str) -> list[dict[str, Any]]:
        """The rows of a view."""
        return list(self.show(view).rows)

    def link(self, path: str, **query: object) -> str:
        """An address of the same position."""
        return link(self.request, path, **query)

    @property
    def where(self) -> AsOf:
        """The position; known once a view was shown."""
        assert self.at is not None
        return self.at

    @property
    def open_end(self) -> Position:
        """The same, of the open book alone."""
        return Position(0 if self.where.seq is None else self.where.seq + 1, None)

    @property
    def made_of(self) -> Mapping[str, object]:
        """What the page depends on beside the position."""
        return {"day": self.day}

    def whole(self) -> Whole:
        """The trial as a whole."""
        with self.ask.served.open_book(shown=True) as reader:
            return whole_of(reader, self.open_end)

    def newest(self, count: int) -> list[Fact]:
        """The last entries of the open book up to the position, the newest first."""
        end = self.open_end
        with self.ask.served.open_book(shown=True) as reader:
            facts = list(reader.facts(Position(max(0, end.open - count), None), end))
        return facts[::-1]


def look(request: Request, ask: Asking) -> Look:
    """A look at the position that is asked for."""
    as_of = as_of_of(request)
    return Look(request, ask, as_of, day_asked(as_of, recorded(ask.served.clock())))
