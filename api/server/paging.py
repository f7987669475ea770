"""Pages of what is long: parameters that are read strictly, cursors, and the link to the next page (RFC 8288).

1. A cursor names the position that the first page was made from, and where the next begins. So all pages are of one
   state of the record, however far it has come meanwhile. It can be read, but is not to be made up: what a cursor says
   may change from one version of the server to the next, and one that is not understood is refused.
2. No parameter is passed over: one that a route does not know, or that comes twice, is refused. A filter with a
   mistake in its name would otherwise give everything.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

from api.server.problems import Problem
from api.server.trail import Place
from ledger.recording.reader import Position

LIMIT: Final = 100
MOST: Final = 1000
"""Rows of a page: by default, and at most."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_AT: Final = r"(?P<at>[0-9]{1,16}(?:/[0-9]{1,16})?)"
_ROW: Final = re.compile(rf"{_AT}\.(?P<row>[0-9]{{1,16}})(?:\.(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}))?", re.ASCII)
_PLACE: Final = re.compile(rf"{_AT}\.(?P<open>[0-9]{{1,16}})(?:s(?P<sealed>[0-9]{{1,16}}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowCursor:
    """Goes on in a table as of `at`, at its row `row` (from 0). `day`: the day of the question, where that counts."""

    at: str
    row: int
    day: str | None = None

    def __str__(self) -> str:
        return ".".join(filter(None, (self.at, str(self.row), self.day)))


@dataclass(frozen=True, slots=True)
class PlaceCursor:
    """Goes on in the trail as of `at`, after an entry."""

    at: str
    after: Place

    def __str__(self) -> str:
        sealed = f"s{self.after.seq}" if self.after.sealed else ""
        return f"{self.at}.{self.after.open_seq}{sealed}"


def row_cursor(text: str) -> RowCursor:
    """Raises Problem (400)."""
    match = _ROW.fullmatch(text)
    if match is None:
        raise _no_cursor()
    return RowCursor(match["at"], int(match["row"]), match["day"])


def place_cursor(text: str) -> PlaceCursor:
    """Raises Problem (400)."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise _no_cursor()
    opened, sealed = int(match["open"]), match["sealed"]
    return PlaceCursor(match["at"], Place(opened, sealed is not None, opened if sealed is None else int(sealed)))


def _no_cursor() -> Problem:
    return Problem("parameter", "cursor: must be one that a Link of this route gave", parameter="cursor")


def exact(position: Position) -> str:
    """A position as an as-of that means it and nothing else: SEQ, or SEQ/SEALED for who has both books in sight."""
    if not position.sealed:
        return str(position.open - 1)
    return f"{position.open - 1}/{position.sealed - 1}"


def single(request: Request, name: str) -> str | None:
    """The value of a parameter that may come once. Raises Problem (400)."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Problem("parameter", f"{name}: may be given once", parameter=name)
    return values[0] if values else None


def only(request: Request, known: Iterable[str]) -> None:
    """Refuse parameters that the route does not know. Raises Problem (400)."""
    names = frozenset(known)
    if unknown := sorted(set(request.query_params) - names):
        asked = f"{unknown[0][:100]}: is no parameter of this route; known are {', '.join(sorted(names))}"
        raise Problem("parameter", asked, parameter=unknown[0][:100])


def limit_of(request: Request) -> int:
    """How many rows a page has. Raises Problem (400)."""
    text = single(request, "limit")
    if text is None:
        return LIMIT
    if not _NUMBER.fullmatch(text) or int(text) > MOST:
        raise Problem("parameter", f"limit: must be a number from 1 to {MOST}", parameter="limit")
    return int(text)


def as_of_and_cursor(request: Request) -> tuple[str | None, str | None]:
    """The position that is asked for, or the cursor, which has one itself. Raises Problem (400)."""
    as_of, cursor = single(request, "as_of"), single(request, "cursor")
    if as_of is not None and cursor is not None:
        raise Problem("parameter", "as_of: a cursor has its own; leave one of the two out", parameter="as_of")
    return as_of, cursor


def next_page(request: Request, cursor: object) -> Mapping[str, str]:
    """The header that leads to the next page: this address, with the cursor for the position."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("as_of", "cursor")]
    query = urlencode([*kept, ("cursor", str(cursor))], safe="/:,")
    return {"link": f'<{quote(request.scope["path"])}?{query}>; rel="next"'}
