"""Pages that were made before, kept as they were sent, for as long as the record stands still.

1. What a page is made of is what its ETag is made of: address, language, who looks in which sight and session, code,
   and what it is told (`page`, `made_of`). Of that, positions and days follow from how far the open book has come and
   what day it is. So a page is found again before any view is looked at, and sent, or said to be unchanged.
2. Only pages of people without arms in sight are kept: the key then says all, and there is no look to record. A page
   with the name of a person in it is never kept: it says so in its headers (`no-store`), as does any that is not to be.
3. A page that is made of something else is kept where its route says what that is (`beside`), and else never.
4. The room is the audience's own (`api/server/kept.py`).
"""

import inspect
from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from typing import Any, Final

from fastapi import Request, Response

from api.pages.languages import COOKIE, language_of
from api.server.kept import Kept
from api.server.state import Asking
from ledger.domain.when import recorded
from ledger.recording.reader import Position
from projections.base import Audience

Beside = Callable[[Request, Asking], Mapping[str, Hashable]]
_MADE_OF: Final = "trial_ledger.made_of"
_BY_DAY: Final = frozenset({"day"})
_REPLICA: Final = frozenset({"behind"})


def keeping(route: Callable[..., Any], beside: Beside | None) -> Callable[..., Any]:
    """The route, with its pages kept; as it is, where it is not about a trial."""
    if inspect.iscoroutinefunction(route) or not {"request", "ask"} <= inspect.signature(route).parameters.keys():
        return route

    @wraps(route)
    def kept(request: Request, ask: Asking, **path: Any) -> Any:
        if ask.session.audience is not Audience.MASKED or COOKIE in request.query_params:
            return route(request=request, ask=ask, **path)
        told = {} if beside is None else beside(request, ask)
        end = _end(ask)
        behind = ask.served.behind()
        key = _key(request, ask, end, told, behind)
        answers = ask.served.answers[Audience.MASKED]
        if (found := answers.get(key)) is not None:
            if found.headers["etag"] in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
                return Response(status_code=304, headers=dict(found.headers))
            return found.response()
        response = route(request=request, ask=ask, **path)
        made_of = request.scope.pop(_MADE_OF, None)
        if (
            made_of is not None
            and made_of <= _BY_DAY | _REPLICA | told.keys()
            and (_end(ask), ask.served.behind()) == (end, behind)
        ):
            answers.keep(key, _kept(response))
        return response

    return kept


def may_be_kept(request: Request, made_of: Mapping[str, object]) -> None:
    """Say of the page that is made for a request what it is made of, beside the books."""
    request.scope[_MADE_OF] = frozenset(made_of)


def _end(ask: Asking) -> Position:
    with ask.served.open_book(shown=True) as reader:
        return reader.head()


def _key(request: Request, ask: Asking, end: Position, told: Mapping[str, Hashable], behind: int | None) -> Hashable:
    session = ask.session
    return (
        "page",
        request.url.path,
        request.url.query,
        language_of(request),
        ask.person,
        session.viewer,
        session.sight,
        end,
        recorded(ask.served.clock())[:10],
        tuple(told.items()),
        behind,
    )


def _kept(response: Response) -> Kept:
    headers = {
        name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")
    }
    return Kept(bytes(response.body), headers, response.headers["content-type"])
