"""`GET /v1/trials/{trial}/audit`: the audit trail, entry by entry, as `api/server/trail.py` reads it.

1. JSON or CSV of exactly the rows that are asked for: facets, search text, order and position all stand in the address.
2. The link to the next page is there wherever something is left to look at; a page may be short, or empty, and go on.
3. Masked people have the trail of the open book. Whoever has arms in sight has both books in one order, and the look is
   recorded before anything is read.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.server import documents, paging
from api.server.kept import Kept
from api.server.negotiation import CSV, KEPT, as_read, form_of, has_it, tag, unchanged
from api.server.problems import Problem
from api.server.state import Ask, Asking
from api.server.trail import Facets, Trail
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM
from ledger.recording.reader import LedgerReader, Position
from projections.base import Audience, Table
from projections.result import AsOf, Result
from projections.views.audit import VIEW

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["audit"], default_response_class=Response)
FACETS: Final = {"type": "types", "subject": "subjects", "site": "sites", "actor": "actors", "field": "fields"}
"""The parameter of each facet, and what of `Facets` it is."""
ORDERS: Final = {"position": False, "-position": True}
"""The values of `sort`, and whether positions fall."""
KNOWN: Final = frozenset({*FACETS, "text", "from", "to", "sort", "as_of", "cursor", "limit", "format"})
_MOST_VALUES: Final = 50
_LONGEST: Final = 200
_COLUMN: Final = "entry"
_EXAMPLE: Final = {
    "view": "audit",
    "version": VIEW.version,
    "as_of": {"seq": 42, "recorded_at": "2020-05-06T10:30:00.000000Z"},
    "head": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "rows": [
        {
            "book": "open",
            "seq": 42,
            "who": "investigator-1",
            "type": "record.corrected/1",
            "target_seq": 17,
            "before": {"severity": "MILD"},
            "after": {"severity": "MODERATE"},
            "why": "a slip of the pen",
            "entry": "/v1/trials/balmys/entries/42",
        }
    ],
}
_PARAMETERS: Final = [
    documents.query("type", "Types of events", "record.corrected/1", many=True),
    documents.query("subject", "Subjects", "S-01-001", many=True),
    documents.query("site", "Sites, of the entry or of its subject", "SITE-01", many=True),
    documents.query("actor", "Who did it", "investigator-1", many=True),
    documents.query("field", "Fields that the entry says something of", "severity", many=True),
    documents.query("text", "What the entry says, in capitals or not", "fever", maxLength=_LONGEST),
    documents.query("from", "A date or time of recording: from then on", "2020-05-01"),
    documents.query("to", "A date or time of recording: up to then", "2020-05-31"),
    documents.query("sort", "By position: the oldest, or the newest first", "-position", enum=list(ORDERS)),
    documents.AS_OF,
    documents.CURSOR,
    documents.LIMIT,
    documents.FORMAT,
    documents.IF_NONE_MATCH,
]


@dataclass(frozen=True, slots=True)
class Looked:
    """A page of the trail: the rows, each with the address of its entry; the position; and the cursor to go on with."""

    result: Result
    following: paging.PlaceCursor | None


@dataclass(frozen=True, slots=True)
class Query:
    """What an address asks of the trail. Raises Problem (400) where it is made."""

    facets: Facets
    since: str | None
    until: str | None
    falling: bool
    limit: int
    as_of: str | None
    cursor: paging.PlaceCursor | None


@ROUTER.get(
    "/audit",
    responses=documents.answers("A page of the audit trail", example=_EXAMPLE, csv="book,seq,who\r\nopen,42,i-1\r\n")
    | documents.UNCHANGED
    | documents.problems("not-acceptable", "parameter", "position"),
    openapi_extra={"parameters": _PARAMETERS},
)
def audit(request: Request, ask: Ask) -> Response:
    """A page of the audit trail: who did what, when, why, and what stood there before. JSON, or CSV."""
    paging.only(request, KNOWN)
    form = form_of(request)
    query = query_of(request)
    admit(ask)
    with ask.served.reader(ask.session, shown=True) as reader:
        at = position(reader, query)
        etag = _tag(request, paging.exact(at), form)
        if has_it(request, etag):
            return as_read(unchanged(etag), paging.exact(at), ask.served.behind())
        # What `from` and `to` mean may change while the record grows (`halt`): such a page is made each time.
        key = None if query.since or query.until else _key(request, ask, at, form)
        made = None if key is None else ask.served.answers[ask.session.audience].get(key)
        looked = None if made is not None else look(ask, reader, at, query)
    if looked is not None:
        made = _made(request, looked, etag, form)
        if key is not None:
            ask.served.answers[ask.session.audience].keep(key, made)
    assert made is not None
    return as_read(made.response(), paging.exact(at), ask.served.behind())


def _key(request: Request, ask: Asking, at: Position, form: str) -> Hashable:
    """All that a page depends on."""
    return VIEW.name, request.url.path, request.url.query, form, at, ask.session.sight


def _made(request: Request, looked: Looked, etag: str, form: str) -> Kept:
    headers = {**KEPT, "etag": etag}
    if looked.following is not None:
        headers |= paging.next_page(request, looked.following)
    if form == CSV:
        return Kept(looked.result.to_csv().encode(), headers, "text/csv; charset=utf-8; header=present")
    return Kept(looked.result.to_json().encode() + b"\n", headers, "application/json")


def query_of(request: Request) -> Query:
    """What the address asks. Raises Problem (400)."""
    given: dict[str, Any] = {}
    for name, facet in FACETS.items():
        values = frozenset(request.query_params.getlist(name))
        if len(values) > _MOST_VALUES or any(len(value) > _LONGEST for value in values):
            rule = f"at most {_MOST_VALUES} values of at most {_LONGEST} characters"
            raise Problem("parameter", f"{name}: must be {rule}", parameter=name)
        given[facet] = values - {""}
    text = paging.single(request, "text") or ""
    if len(text) > _LONGEST:
        raise Problem("parameter", f"text: has more than {_LONGEST} characters", parameter="text")
    order = paging.single(request, "sort") or "position"
    if order not in ORDERS:
        raise Problem("parameter", f"sort: must be one of {', '.join(ORDERS)}", parameter="sort")
    as_of, cursor = paging.as_of_and_cursor(request)
    return Query(
        Facets(**given, text=text),
        paging.single(request, "from") or None,
        paging.single(request, "to") or None,
        ORDERS[order],
        paging.limit_of(request),
        as_of or None,
        None if cursor is None else paging.place_cursor(cursor),
    )


def admit(ask: Asking) -> None:
    """Have the look recorded, where it is one at arms. Raises DeniedError."""
    if ask.session.audience is Audience.UNMASKED:
        ask.session.admit(ARM, "view audit")


def position(reader: LedgerReader, query: Query) -> Position:
    """The position as of which the trail is asked for. Raises AsOfError."""
    return reader.position_at(query.as_of if query.cursor is None else query.cursor.at)


def look(ask: Asking, reader: LedgerReader, at: Position, query: Query) -> Looked:
    """A page of the trail as of a position, by whoever was admitted. Raises AsOfError."""
    audience = ask.session.audience
    since = None if query.since is None else reader.position_before(query.since)
    end = at
    if query.until is not None:
        until = reader.position_at(query.until)
        end = min(at, until, key=lambda one: one.open)
    after = None if query.cursor is None else query.cursor.after
    trail = Trail(reader, audience, at, since, end)
    page = trail.page(query.facets, limit=query.limit, after=after, falling=query.falling)
    base = f"/v1/trials/{ask.served.name}"
    rows = [row | {_COLUMN: _address(base, row)} for row in page.rows]
    table = Table((*page.columns, _COLUMN), rows)
    both = audience is Audience.UNMASKED
    sealed = at.sealed if both and at.sealed else None
    as_of = AsOf(
        seq=at.open - 1,
        recorded_at=reader.recorded_at(at.open),
        head=reader.head_hash(Book.OPEN, at.open),
        both=both,
        sealed=None if sealed is None else sealed - 1,
        sealed_head=None if sealed is None else reader.head_hash(Book.SEALED, sealed),
    )
    result = Result(VIEW.name, VIEW.title, VIEW.version, as_of, table)
    following = None if page.more is None else paging.PlaceCursor(paging.exact(at), page.more)
    return Looked(result, following)


def _address(base: str, row: Mapping[str, Any]) -> str:
    return f"{base}/{'entries' if row['book'] == Book.OPEN.value else 'sealed-entries'}/{row['seq']}"


def _tag(request: Request, at: str, form: str) -> str:
    said = [(name, value) for name, value in request.query_params.multi_items() if name not in ("as_of", "format")]
    return tag(f"{VIEW.name}.v{VIEW.version}@{at}", "csv" if form == CSV else "", urlencode(said))
