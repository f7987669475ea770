"""`audit`: the audit trail as a page, made of the same rows as the API's (`api/server/routes/audit.py`).

1. The address is the query: type, subject, site, actor, field, text, from, to, sort and as-of, named as in the API. The
   form only writes addresses, so that each state of the page can be kept, sent and looked at again.
2. `after` is the API's cursor by another name: beside it `as_of` stays, which all links of the page go on with. A
   cursor holds the position that the first page was made from, so all pages are of one state of the record.
3. CSV and JSON of exactly the rows that are seen are those of the API: same query, same position, same page.
4. What cannot be asked is said at its field, and nothing is looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from api.pages.languages import COOKIE
from api.pages.rendering import page, pinned, reading
from api.pages.views import words_of
from api.pages.words import Words
from api.server import paging
from api.server.problems import Problem
from api.server.routes import audit as trail
from api.server.state import Ask, Asking
from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.recording.reader import AsOfError, LedgerReader
from projections.result import AsOf, Result

ROUTER: Final = APIRouter()
AFTER: Final = "after"
_IN_API: Final = tuple(sorted(trail.KNOWN - {"as_of", "cursor", "format"}))
_FIELDS: Final = (*trail.FACETS, "text", "from", "to", "sort", "limit")
_CHOICES: Final = ("type", "site")


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing to choose by. `chosen`: (value, label) of those that the address asks for; `more`: of the others."""

    name: str
    chosen: Sequence[tuple[str, str]]
    more: Sequence[tuple[str, str]] | None
    """None: whatever is typed."""


@reading(ROUTER, "/t/{trial}/audit")
def audit(request: Request, ask: Ask) -> Response:
    """The audit trail: who did what, when, why, and what stood there before."""
    words = words_of(request)
    try:
        query = _query_of(request)
    except Problem as problem:
        return _refused(request, ask, words, {str(problem.more.get("parameter")): problem.detail})
    trail.admit(ask)
    with ask.served.reader(ask.session, shown=True) as reader:
        at = trail.position(reader, query)
        if faults := dict(_faults(reader, query)):
            return _refused(request, ask, words, faults)
        looked = trail.look(ask, reader, at, query)
    after = request.query_params.get(AFTER)
    following = None if looked.following is None else _here(request, **{AFTER: str(looked.following)})
    return page(
        request,
        "audit.html",
        ask=ask,
        at=looked.result.as_of,
        rows=[told(row, words) for row in looked.result.rows],
        following=following,
        first=_here(request, **{AFTER: None}) if after else None,
        api=_api(request, ask, looked.result, after),
        faults={},
        **_form(request, ask, words),
    )


def told(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """A row of the trail as pages show it: what it is called, and each value that it changed, old and new."""
    before, after = row["before"], row["after"]
    changes: list[tuple[str, Any, Any]] = []
    if before is not None:
        olds = before if isinstance(before, Mapping) else {"": before}
        news = after if isinstance(after, Mapping) else {"": after}
        changes = [(name, olds.get(name), news.get(name)) for name in dict.fromkeys([*olds, *news])]
    return {
        **row,
        "called": words.event(row["type"], row["what"]),
        "changes": changes,
        "content": after if before is None and after else None,
        "after_unblinding": row.get("after_unblinding", False),
        "voided_in": row.get("voided_in") or row["book"],
    }


def _query_of(request: Request) -> trail.Query:
    """What the address asks. Raises Problem (400)."""
    after = paging.single(request, AFTER)
    query = trail.query_of(request)
    return query if not after else replace(query, cursor=paging.place_cursor(after))


def _faults(reader: LedgerReader, query: trail.Query) -> Iterator[tuple[str, str]]:
    for name, asked, meant in (
        ("from", query.since, reader.position_before),
        ("to", query.until, reader.position_at),
    ):
        try:
            if asked is not None:
                meant(asked)
        except AsOfError as error:
            yield name, str(error)


def _refused(request: Request, ask: Asking, words: Words, faults: Mapping[str, str]) -> Response:
    known = {name: text for name, text in faults.items() if name in _FIELDS}
    other = [text for name, text in faults.items() if name not in _FIELDS]
    return page(
        request,
        "audit.html",
        ask=ask,
        status=400,
        headers={"cache-control": "no-store"},
        rows=[],
        following=None,
        first=_here(request, **{AFTER: None}),
        api={},
        faults={**known, **({"": other[0]} if other else {})},
        **_form(request, ask, words),
    )


def _form(request: Request, ask: Asking, words: Words) -> dict[str, Any]:
    """What the form shows: the query as it was asked, and what else there is to choose."""
    given = request.query_params
    arms = ask.session.sight.arms
    known: dict[str, list[tuple[str, str]]] = {
        "type": sorted(
            ((cls.type, words.event(cls.type, cls.title)) for cls in CATALOGUE if arms or cls.book is Book.OPEN),
            key=lambda one: one[1].casefold(),
        ),
        "site": [(site, site) for site in _sites(ask)],
    }
    facets = []
    for name in trail.FACETS:
        labels = dict(known.get(name, ()))
        chosen = list(dict.fromkeys(value for value in given.getlist(name) if value))
        more = [one for one in known[name] if one[0] not in chosen] if name in _CHOICES else None
        facets.append(Facet(name, [(value, labels.get(value, value)) for value in chosen], more))
    left_out = ("as_of", AFTER, COOKIE)
    return {
        "facets": facets,
        "asked": {name: given.get(name, "") for name in ("text", "from", "to", "sort")},
        "orders": tuple(trail.ORDERS),
        "is_asked": any(given.getlist(name) != [""] and given.getlist(name) for name in _FIELDS),
        # Of the form of the position: each value of a facet, and no page of another position.
        "kept_fields": [(name, value) for name, value in given.multi_items() if name not in left_out and value],
    }


def _sites(ask: Asking) -> list[str]:
    """The sites of the trial."""
    with ask.served.open_book() as reader:
        state = TrialState.fold(reader.stream(TRIAL_STREAM))
    planned = () if state.protocol is None else state.protocol.sites
    return sorted({*(site.id for site in planned), *state.sites})


def _here(request: Request, **changed: str | None) -> str:
    """This address with another query; what is None is left out."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if value]
    kept = [(name, value) for name, value in kept if name not in (*changed, COOKIE)]
    kept += [(name, value) for name, value in changed.items() if value is not None]
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


def _api(request: Request, ask: Asking, result: Result, after: str | None) -> dict[str, str]:
    """Where the same rows are as CSV and as JSON (rule 3)."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name in _IN_API and value]
    kept.append(("cursor", after) if after else ("as_of", str(_exactly(result.as_of))))
    path = f"/v1/trials/{ask.served.name}/audit"
    return {form: f"{path}?{urlencode([*kept, ('format', form)])}" for form in ("csv", "json")}


def _exactly(at: AsOf) -> str | int | None:
    return pinned(at)
