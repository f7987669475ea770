"""HEAD and OPTIONS, alike for all routes of the API, and which methods a route has where it refuses one (RFC 9110).

1. HEAD is answered with what GET would be answered with, without its body; a stream is not begun.
2. OPTIONS is answered with the methods of the path, for everybody: it says nothing of any trial. Other origins are
   granted nothing.
3. A 405 names all methods that the path has.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_API: Final = "/v1/"
HEAD: Final = "trial_ledger.head"
"""Under this name the scope of a request says that it was a HEAD."""


class Methods:
    """Stands around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_API):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            methods = methods_of(scope)
            if methods:
                await Response(status_code=204, headers={"allow": ", ".join(methods)})(scope, receive, send)
                return
        head = scope["method"] == "HEAD"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                allow = ", ".join(methods_of(scope)).encode()
                headers = [(name, value) for name, value in message["headers"] if name.lower() != b"allow"]
                message = {**message, "headers": [*headers, (b"allow", allow)]}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if head:
            scope = {**scope, "method": "GET", HEAD: True}
        await self._app(scope, receive, answer)


def methods_of(scope: Scope) -> list[str]:
    """The methods of a path, sorted; none where there is no such path."""
    found: set[str] = set()
    for route in _routes(scope["app"].routes):
        if route.matches(scope)[0] is not Match.NONE:
            found |= set(route.methods or ())
    if not found:
        return []
    return sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set()))


def _routes(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)  # what FastAPI keeps of a router that was included
        if inner is not None:
            yield from _routes(inner.routes)
        elif hasattr(route, "methods"):
            yield route
