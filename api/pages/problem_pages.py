"""Refusals as pages, for who asks for HTML: the same status, the same words, and a way on.

1. A page is made from the Problem that the API would answer, so that neither says more than the other.
2. Who is not known, and asks for a page, is sent to sign in, and comes back to where they wanted to go.
3. A position that there is not is said at the form in which it was asked for.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.pages.headers import GUARDS
from api.pages.rendering import page
from api.pages.words import catalogue
from api.server.problems import MEDIA_TYPE

_API: Final = ("/v1", "/problems", "/healthz", "/readyz", "/metrics", "/static")
_KEPT_HEADERS: Final = frozenset({"retry-after", "www-authenticate", "allow", "cache-control", "connection"})


def install(app: FastAPI) -> None:
    """Answer with pages where they are asked for. To be called when all handlers of errors are there."""
    for error, handler in list(app.exception_handlers.items()):
        app.exception_handlers[error] = _paged(handler)


def wants_page(request: Request) -> bool:
    """Whether who asks looks at pages: a browser, and not at an address of the API."""
    path = request.url.path
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in _API):
        return False
    return "text/html" in request.headers.get("accept", "")


def _paged(handler: Callable[..., Any]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answered(request: Request, error: Exception) -> Response:
        answer: Response = await handler(request, error)
        if answer.media_type != MEDIA_TYPE or not wants_page(request):
            return answer
        return problem_page(request, answer)

    return answered


def problem_page(request: Request, answer: Response) -> Response:
    """The page of a Problem."""
    said = json.loads(bytes(answer.body))
    slug = str(said["type"]).removeprefix("/problems/")
    if slug == "unauthenticated" and request.method in ("GET", "HEAD"):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?to={quote(here, safe='')}", 303, {**GUARDS, "cache-control": "no-store"})
    parts = request.url.path.split("/")
    headers = {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS}
    words, hint = f"problem.{slug}", f"problem.hint.{slug}"
    return page(
        request,
        "problem.html",
        status=answer.status_code,
        headers={"cache-control": "no-store", **headers},
        problem=said,
        words=words if words in catalogue() else "problem.other",
        hint=hint if hint in catalogue() else None,
        of_trial=parts[2] if len(parts) > 2 and parts[1] == "t" and slug in ("position", "not-permitted") else None,
        error=said["detail"] if slug == "position" else None,
    )
