"""What masked people are answered over HTTP: every route and method, status, headers and body, as labelled bytes.

1. Requests are made from the application's own table of routes, so that a new route is asked without being named here.
   What is in a path, or beside it, is taken from `_VALUES` and `_QUERIES`; a parameter that they lack is a failure.
2. Left out of a comparison: `x-request-id`, what is drawn at random (`_RANDOM`), and, for anchors' commitments differ,
   what follows from them: hashes of open entries stand for the entries' seqs, digests and proofs and signatures in
   base64 for their length, the tag of a checkpoint for its size.
3. A stream of events is read up to its first heartbeat.
"""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.server.app import ROUTES, create_app
from api.server.person import Person, Right
from api.server.trials import Trials
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Role
from projections.views import VIEWS
from tests.api.server.people import NAME, People, bearer
from tests.two_worlds.looking import Seen, heads_of, masked_people, normal
from tests.two_worlds.worlds import World

STREAMS: Final = frozenset({"/v1/trials/{trial}/events"})
"""Routes whose answers do not end."""
_LEFT_OUT: Final = frozenset({"x-request-id", "date"})
_RANDOM: Final = re.compile(r"(?<=/exports/)[\w-]{24}|(?<=\"id\":\")[\w-]{24}(?=\")")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43,}={0,2}")
_NOTE: Final = re.compile(r"checkpoint@(\d+);[0-9a-f]{64}")
_AS_OF: Final = ("", "as_of=5", "as_of=halt", "as_of=9/0", "as_of=2020-05-06", "as_of=999999", "as_of=never")
_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "trial": (NAME,),
    "view": (*VIEWS, "no-such-view"),
    "seq": ("0", "7", "19", "999999", "x"),
    "size": ("1", "8", "999999"),
    "subject": ("S01-001", "S01-002", "S01-003", "nobody"),
    "slug": ("refused", "no-such"),
    "file": ("nothing.css",),
    "path": ("nothing.css",),
    "name": ("nothing",),
    "id": ("nothing",),
    "export": ("nothing",),
    "run": ("nothing",),
    "kind": ("csv",),
}
_ACCEPT: Final = ("application/json", "text/csv", "text/html")
_BODIES: Final[tuple[bytes, ...]] = (
    b"{}",
    b'{"id":"c-1","id":"c-2"}',
    b'{"id":"c-1","kind":"csv","subject":"S01-001"}',
)
_UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def client_of(world: World) -> tuple[TestClient, list[Person]]:
    """A client of a server of the world, for those who are masked in it."""
    people = [_person(viewer) for viewer in masked_people(world)]
    app = create_app(Trials({NAME: world.path}, clock=world.clock), People(people))
    return TestClient(app, raise_server_exceptions=False), people


def answers(world: World, *, thorough: bool = False) -> Seen:
    """What masked people are answered; `thorough`: everybody each request, or else two of them in turn."""
    found: list[tuple[str, str]] = []
    with world.at_the_desk():
        client, people = client_of(world)
        for number, (method, path, accept, body) in enumerate(requests_of(app_of(client))):
            for person in people if thorough else (people[number % len(people)], people[number * 7 % len(people)]):
                headers = bearer(person.id) | {"accept": accept}
                if body is not None:
                    headers["content-type"] = "application/json"
                answer = client.request(method, path, headers=headers, content=body, follow_redirects=False)
                label = f"{method} {path} {accept} {'' if body is None else body.decode()} as {person.id}"
                found.append((label, _told(answer)))
                if (etag := answer.headers.get("etag")) is not None:
                    again = client.request(method, path, headers={**headers, "if-none-match": etag})
                    found.append((f"{label}, again", _told(again)))
        client.close()
    heads = heads_of(world.path)
    return {label: normal(text.replace(str(world.path), "LEDGER"), heads).encode() for label, text in found}


def app_of(client: TestClient) -> FastAPI:
    app = client.app
    assert isinstance(app, FastAPI)
    return app


def requests_of(app: FastAPI) -> Iterator[tuple[str, str, str, bytes | None]]:
    """(method, path with query, Accept, body) for each thing that is asked."""
    for route in routes_of(app):
        if route.path in STREAMS:
            continue
        for place, path in enumerate(_paths(route.path)):
            if "GET" in (route.methods or ()):
                page = not path.startswith("/v1")
                for number, query in enumerate(_AS_OF):
                    accept = "text/html" if page else _ACCEPT[number % 2]
                    yield "GET", f"{path}?{query}" if query else path, accept, None
                yield "HEAD", path, "text/html" if page else _ACCEPT[0], None
            for method in _UNSAFE:
                known = method in (route.methods or ())
                if place and not known:
                    continue
                bodies = _BODIES if known else _BODIES[:1]
                for body in bodies:
                    yield method, path, _ACCEPT[0], body


def routes_of(app: FastAPI) -> list[APIRoute]:
    """The routes of the application, in order."""
    routes = [*app.routes, *(route for module in ROUTES for route in import_module(module).ROUTER.routes)]
    return [route for route in routes if isinstance(route, APIRoute)]


def _paths(template: str) -> list[str]:
    paths = [template]
    for name, values in _VALUES.items():
        found = re.compile(r"\{" + name + r"(?::[a-z]+)?\}")
        paths = [found.sub(value, path) for path in paths for value in (values if found.search(path) else ("",))]
    missing = re.findall(r"\{[^}]*\}", "".join(paths))
    assert not missing, f"{template}: nothing is known to ask for as {missing}"
    return paths


def _told(answer: Any) -> str:
    headers = {name: value for name, value in answer.headers.items() if name not in _LEFT_OUT}
    told = f"{answer.status_code}\n{json.dumps(headers, sort_keys=True)}\n{answer.text}"
    told = _NOTE.sub(r"checkpoint@\1", _RANDOM.sub("RANDOM", told))
    return _BASE64.sub(lambda found: f"BASE64 of {len(found[0])}", told)


def _person(viewer: Viewer) -> Person:
    right = Right(Role(viewer.role), viewer.sites)
    return Person(viewer.id, viewer.org, {NAME: right}, f"of-{viewer.id}", 1_700_000_000, 4_000_000_000)


__all__ = ["answers", "client_of", "requests_of", "routes_of"]
