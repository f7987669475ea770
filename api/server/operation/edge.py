"""What surrounds every request: an id, the limit of its address, one line in the log, a count, and the end of streams.

It stands around the whole application, so that whatever answers is seen: routes, what is not found, what failed.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.operation.connections import Stopping
from api.server.operation.limits import Buckets, cost_of, household
from api.server.operation.logs import request_id
from api.server.operation.metrics import Metrics, counts
from api.server.person import Identity, Person
from api.server.problems import Problem
from api.server.settings import is_loopback
from api.server.trials import Trials

PERSON: Final = "trial_ledger.person"
"""Under this name the scope of a request has who makes it, once that is known."""
UNKNOWN: Final = "none"
"""The template of what no route takes."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_MOST_OF_A_PROBLEM: Final = 1 << 16
_log: Final = logging.getLogger("trial_ledger.request")


class LimitedIdentity:
    """Tells who makes a request, once for each, and what that person has left of the server."""

    def __init__(self, identity: Identity, persons: Buckets) -> None:
        self._identity = identity
        self._persons = persons

    def person(self, request: HTTPConnection) -> Person:
        """Raises Problem: 401 for nobody, 429 for who asks too much."""
        known: Person | None = request.scope.get(PERSON)
        if known is not None:
            return known
        person = self._identity.person(request)
        cost = cost_of(request.scope.get("method", "GET"), request.scope["path"])
        if seconds := self._persons.take(person.id, cost):
            raise too_many(seconds)
        request.scope[PERSON] = person
        return person

    def __getattr__(self, name: str) -> Any:
        """Whatever else the identity has, which its own routes ask for."""
        return getattr(self._identity, name)


def too_many(seconds: int) -> Problem:
    """The refusal of who has to wait."""
    return Problem(
        "too-many-requests", f"ask again in {seconds} seconds", headers={"retry-after": str(seconds)}, seconds=seconds
    )


@dataclass(slots=True)
class _Answer:
    """What is known of an answer while it is sent."""

    id: bytes
    send: Send
    status: int = 0
    streams: bool = False
    done: bool = False
    problem: bool = False
    body: bytearray = field(default_factory=bytearray)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
            self.streams = kind.startswith(b"text/event-stream")
            self.problem = kind.startswith(b"application/problem+json")
            message = {**message, "headers": [*headers, (b"x-request-id", self.id)]}
        elif message["type"] == "http.response.body":
            self.done = not message.get("more_body", False)
            if self.problem and len(self.body) < _MOST_OF_A_PROBLEM:
                self.body += message.get("body", b"")
        await self.send(message)

    def rule(self) -> str | None:
        """Which rule refused: the problem, with the rule of the trial where that was it."""
        if not self.problem:
            return None
        try:
            said = json.loads(self.body)
            slug = str(said["type"]).rpartition("/")[2]
            return f"{slug}/{said['rule']}" if "rule" in said else slug
        except (ValueError, KeyError, TypeError):
            return "unknown"


class Edge:
    """The application, surrounded."""

    def __init__(
        self,
        app: ASGIApp,
        trials: Trials,
        *,
        addresses: Buckets,
        metrics: Metrics | None,
        stopping: Stopping,
        hashed: Callable[[str], str],
        now: Callable[[], float],
        own_host_only: bool = False,
    ) -> None:
        """`own_host_only`: requests for another host than this machine are refused, whoever sends them. A page of
        elsewhere, whose name leads here, could otherwise ask in the browser of somebody who is here."""
        self._app = app
        self._trials = trials
        self._addresses = addresses
        self._metrics = metrics
        self._stopping = stopping
        self._hashed = hashed
        self._now = now
        self._own_host_only = own_host_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._now()
        said = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        id = request_id(None if said is None else said.decode("latin-1"))
        answer = _Answer(id.encode(), send)
        try:
            client = scope.get("client")
            cost = cost_of(scope["method"], scope["path"])
            wait = self._addresses.take(household(client[0] if client else ""), cost)
            if wait:
                await too_many(wait).response()(scope, receive, answer)
            elif self._own_host_only and not _for_this_machine(scope):
                await Problem("host", "ask for this server by its address").response()(scope, receive, answer)
            else:
                await self._answered(scope, receive, answer)
        finally:
            self._note(scope, answer, id, self._now() - began)

    async def _answered(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Have the application answer; a stream only until the server ends."""
        work = asyncio.ensure_future(self._app(scope, receive, answer))
        end = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and answer.streams:
                work.cancel()
                await asyncio.wait({work})
                if not answer.done:
                    await answer({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await work
        except asyncio.CancelledError:  # it took too long at the end
            work.cancel()
            await asyncio.wait({work})
            raise
        except Exception:
            if not answer.done:  # nothing, or not all, was answered: the connection ends, and the client can tell
                raise
        finally:
            end.cancel()

    def _note(self, scope: Scope, answer: _Answer, id: str, seconds: float) -> None:
        person: Person | None = scope.get(PERSON)
        method = scope["method"] if scope["method"] in METHODS else "other"
        route, status = template(scope), answer.status
        extra: dict[str, Any] = {
            "request": id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        if person is not None:
            extra["person"] = self._hashed(person.id)
        quiet = route in {"/healthz", "/readyz", "/metrics"} and status < 400
        _log.log(logging.DEBUG if quiet else logging.INFO, "request", extra=extra)
        if self._metrics is not None and not quiet and status:
            arms = person is not None and self._arms_in_sight(person)
            if counts(method, route, status, arms=arms):
                took = None if answer.streams else seconds
                self._metrics.observe(route, method, status, took, answer.rule())

    def _arms_in_sight(self, person: Person) -> bool:
        sessions = (served.held(person) for served in self._trials if served.name in person.rights)
        return any(session.sight.arms for session in sessions if session is not None)


def _for_this_machine(scope: Scope) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    return is_loopback(urlsplit(f"//{host}").hostname or "") if _HOST.fullmatch(host) else False


def template(scope: Scope) -> str:
    """The template of the route that took a request: nothing of what stood in its place."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        below = scope.get("root_path") or ""
        return f"{below}/*" if below and scope.get("endpoint") is not None else UNKNOWN
    whole = ":path}" in route or route.count("/") == str(scope["path"]).count("/")
    return str(route) if whole else f"*{route}"
