"""Refusals as Problem Details (RFC 9457): a stable `type` for each rule, and nothing that the asker may not know.

1. `type` is `/problems/<slug>`, which the server answers with what it means; a slug never changes its meaning.
2. What no rule foresaw is a 500 that says nothing of the inside; the cause goes to the log.
3. Whatever FastAPI would answer by itself (an unknown route, a wrong parameter) has the same form.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "authentication": (401, "The signature needs an authentication that is made for it"),
    "body": (400, "The body is not JSON as this server reads it"),
    "body-too-large": (413, "The body is too large"),
    "command": (422, "The command is not of the form of its type"),
    "command-reused": (409, "The command id was recorded with other content"),
    "content-type": (415, "The body has another media type than the route takes"),
    "cross-site": (403, "The form did not come from a page of this sign-in"),
    "host": (421, "The request is for another host"),
    "internal": (500, "The server failed"),
    "issuer": (503, "The issuer of tokens cannot be asked now"),
    "method": (405, "The route has no such method"),
    "not-acceptable": (406, "None of the media types that are accepted can be given"),
    "not-found": (404, "There is no such thing here"),
    "not-permitted": (403, "The role does not permit it"),
    "not-ready": (503, "The server is not ready"),
    "not-recorded": (503, "It cannot be recorded now, and so is not done"),
    "parameter": (400, "A parameter is not of the form that the route takes"),
    "position": (400, "There is no such position"),
    "precondition": (412, "It is not what it was"),
    "refused": (409, "A rule of the trial forbids it"),
    "sign-in-failed": (400, "The sign-in did not succeed"),
    "token-claim": (403, "A claim of the token does not fit the ledger"),
    "too-many-requests": (429, "Too many requests"),
    "two-roles": (403, "The token gives two roles in one trial"),
    "unreachable": (503, "The database of the trial cannot be reached"),
    "unauthenticated": (401, "Who asks is not known"),
}
"""Each slug with its status and its title. A rule of the trial stands in the member `rule` of `refused`."""

_log: Final = logging.getLogger(__name__)
_BY_STATUS: Final = {400: "body", 401: "unauthenticated", 403: "not-permitted", 404: "not-found", 405: "method"}


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """A refusal. `slug` is one of `PROBLEMS`; `more` are extension members."""

    def __init__(self, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        self.status, self.title = PROBLEMS[slug]
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        value = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        body = json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n"
        return Response(body, self.status, {"cache-control": "no-store", **self.headers}, MEDIA_TYPE)


def errors(faults: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The member `errors`: field and rule of each fault."""
    return [{"field": field, "rule": rule} for field, rule in faults]


def install(app: FastAPI) -> None:
    """Give every refusal the form of this module."""

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def starlettes(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        slug = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "not-found")
        return Problem(slug, PROBLEMS[slug][1], headers=error.headers).response()

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [
            (".".join(map(str, fault["loc"][1:])) or str(fault["loc"][0]), fault["msg"]) for fault in error.errors()
        ]
        detail = "; ".join(f"{field}: {rule}" for field, rule in faults)
        return Problem("parameter", detail, errors=errors(faults)).response()

    async def unforeseen(_: Request, error: Exception) -> Response:
        _log.error("unforeseen: %s", type(error).__name__, exc_info=error)
        return Problem("internal", "what happened is in the server's log").response()

    app.add_exception_handler(Problem, known)
    app.add_exception_handler(HTTPException, starlettes)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)
