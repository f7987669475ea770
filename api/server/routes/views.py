"""`GET /v1/trials/{trial}/views` and `…/views/{view}`: the read models that a role may have, and one of them in pages.

1. A view is shown through the session, which records the look and refuses what is not in sight. Only then is anything
   said of it: not even that it is unchanged.
2. The tag of an answer is `view.vN@SEQ` (`@SEQ/SEALED` for who has arms in sight), with what else it was made from.
   Where the asker has it, the position is found and nothing is folded.
3. `column=value` are filters, of columns that the view has for who asks: of several values of a column any, of several
   columns all. A null is the empty text; of a list any of its members counts.
4. A page is a slice of the answer that is kept in memory for the position (`api/server/trials.py`), and is kept itself
   as it was sent (`api/server/kept.py`).
5. Names of persons have no tag, and are not to be kept by who is sent them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.server import documents, paging
from api.server.kept import Kept
from api.server.negotiation import CSV, KEPT, NOT_KEPT, as_read, form_of, has_it, tag, unchanged
from api.server.problems import Problem
from api.server.state import Ask, Asking
from ledger.domain.when import recorded
from ledger.proof.sections import ARM, IDENTITY
from ledger.recording.reader import day_asked
from projections.base import Audience, Table, View, ViewDeniedError
from projections.result import Result
from projections.views import VIEWS, view_for

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["views"], default_response_class=Response)
_OWN: Final = frozenset({"as_of", "cursor", "limit", "format"})
_AUDIT: Final = "audit"
_ROW: Final = {"site": "SITE-01", "consented": 4, "randomized": 4}
_EXAMPLE: Final = {
    "view": "enrolment",
    "version": 1,
    "as_of": {"seq": 42, "recorded_at": "2020-05-06T10:30:00.000000Z"},
    "head": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "rows": [_ROW],
}
_FILTERS: Final = {
    "name": "filters",
    "in": "query",
    "required": False,
    "style": "form",
    "explode": True,
    "description": "column=value, of any column of the view",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "example": {"site": "SITE-01"},
}


@ROUTER.get(
    "/views",
    responses=documents.answers(
        "The views", example={"views": [{"view": "enrolment", "version": 1, "title": "Enrolment", "href": "/v1/…"}]}
    ),
)
def views(request: Request, ask: Ask) -> Response:
    """The views that your role may have."""
    paging.only(request, ())
    session = ask.session
    mine = [view for view in VIEWS.values() if view.open_to(session.audience, session.sight, session.viewer.role)]
    listed = [
        {
            "view": view.name,
            "version": view.version,
            "title": view.title,
            "href": f"/v1/trials/{ask.served.name}/{'' if view.name == _AUDIT else 'views/'}{view.name}",
        }
        for view in mine
    ]
    return Response(_json({"views": listed}), headers=dict(KEPT), media_type="application/json")


@ROUTER.get(
    "/views/{view}",
    responses=documents.answers("A page of the view", example=_EXAMPLE, csv="site,consented\r\nSITE-01,4\r\n")
    | documents.UNCHANGED
    | {307: {"description": "The audit trail has a route of its own"}}
    | documents.problems("not-acceptable", "parameter", "position"),
    openapi_extra={
        "parameters": [
            documents.AS_OF,
            documents.CURSOR,
            documents.LIMIT,
            documents.FORMAT,
            _FILTERS,
            documents.IF_NONE_MATCH,
        ]
    },
)
def view(request: Request, ask: Ask, view: str) -> Response:
    """A page of a view, as of a position. JSON, or CSV."""
    known = _admitted(ask, view)
    form = form_of(request)
    if known.name == _AUDIT:
        return Response(status_code=307, headers={"location": f"/v1/trials/{ask.served.name}/audit", **KEPT})
    limit = paging.limit_of(request)
    asked = _position(request, ask, known)
    filters = _filters(request)
    etag = tag(
        f"{known.name}.v{known.version}@{asked.at}",
        asked.day if known.by_day and asked.day is not None else "",
        "csv" if form == CSV else "",
        _query(limit, asked.row, filters),
    )
    behind = None if known.needs_identity else ask.served.behind()
    if not known.needs_identity and has_it(request, etag):
        return as_read(unchanged(etag), asked.at, behind)

    def make() -> Kept:
        result = ask.session.show(known.name, asked.at, asked=asked.day)
        _check_columns(result, filters)
        rows, following = _page(result.rows, asked.row, limit, filters)
        headers = dict(NOT_KEPT) if known.needs_identity else {**KEPT, "etag": etag}
        if following is not None:
            headers |= paging.next_page(request, paging.RowCursor(asked.at, following, asked.day))
        page = replace(result, table=Table(result.columns, rows, result.table.extra))
        if form == CSV:
            return Kept(page.to_csv().encode(), headers, "text/csv; charset=utf-8; header=present")
        return Kept(page.to_json().encode() + b"\n", headers, "application/json")

    if known.needs_identity:
        return make().response()
    role = ask.session.viewer.role if known.roles is not None else ""
    key = (known.name, request.url.path, request.url.query, form, role, asked, ask.session.sight)
    return as_read(ask.served.answers[ask.session.audience].made(key, make).response(), asked.at, behind)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The position that is asked for, exactly; the day of the question; and the row to begin with."""

    at: str
    day: str | None
    row: int = 0


def _admitted(ask: Asking, name: str) -> View:
    """The view, if it may be shown: the look is recorded. Raises DeniedError, UnknownViewError."""
    session = ask.session
    try:
        known = view_for(name, session.audience, session.sight, session.viewer.role)
    except ViewDeniedError:
        session.show(name)  # which records the attempt, and refuses
        raise
    if known.needs_identity:
        session.admit(IDENTITY, f"view {name}")
    elif session.audience is Audience.UNMASKED:
        session.admit(ARM, f"view {name}")
    return known


def _position(request: Request, ask: Asking, known: View) -> _Asked:
    as_of, cursor = paging.as_of_and_cursor(request)
    day: str | None = None
    row = 0
    if cursor is not None:
        goes_on = paging.row_cursor(cursor)
        as_of, row, day = goes_on.at, goes_on.row, goes_on.day
    elif known.by_day:
        day = day_asked(as_of, recorded(ask.served.clock()))
    if known.needs_identity:  # of the open book alone, whoever looks
        with ask.served.open_book() as reader:
            return _Asked(paging.exact(reader.position_at(as_of)), day, row)
    return _Asked(paging.exact(ask.served.position(ask.session, as_of)), day, row)


def _filters(request: Request) -> Mapping[str, Sequence[str]]:
    names = [name for name in request.query_params if name not in _OWN]
    return {name: request.query_params.getlist(name) for name in sorted(names)}


def _query(limit: int, row: int, filters: Mapping[str, Sequence[str]]) -> str:
    """What of the query an answer depends on; nothing, where it is all by default."""
    said: dict[str, Any] = dict(filters)
    if limit != paging.LIMIT:
        said["limit"] = limit
    if row:
        said["row"] = row
    return urlencode(said, doseq=True)


def _check_columns(result: Result, filters: Mapping[str, Sequence[str]]) -> None:
    columns = [column for column in result.columns if column != "cells"]
    for name in filters:
        if name not in columns:
            detail = f"{name[:100]}: is no column of this view, which has {', '.join(columns)}"
            raise Problem("parameter", detail, parameter=name[:100])


def _page(
    rows: Sequence[dict[str, Any]], first: int, limit: int, filters: Mapping[str, Sequence[str]]
) -> tuple[list[dict[str, Any]], int | None]:
    """The rows of a page, and the number of the row that the next one begins with, if there is any."""
    if not filters:
        found = list(rows[first : first + limit]) if first < len(rows) else []
        return found, first + limit if first + limit < len(rows) else None
    matching = _matching(rows, first, filters)
    page = list(islice(matching, limit))
    following = next(matching, None)
    return [row for _, row in page], None if following is None else following[0]


def _matching(
    rows: Sequence[dict[str, Any]], first: int, filters: Mapping[str, Sequence[str]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in enumerate(islice(rows, first, None), first):
        if all(any(_is(row[column], value) for value in values) for column, values in filters.items()):
            yield number, row


def _is(value: object, wanted: str) -> bool:
    if isinstance(value, list | tuple):
        return any(_is(one, wanted) for one in value)
    if value is None:
        return wanted == ""
    if isinstance(value, bool):
        return wanted == str(value).lower()
    return wanted == str(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
