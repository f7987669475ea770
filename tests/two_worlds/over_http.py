"""What masked people are answered over HTTP: every route and method, status, headers and body, as labelled bytes.

1. Requests are made from the application's own table of routes, so that a new route is asked without being named here.
   What is in a path is taken from `_VALUES`; a parameter that it lacks is a failure. What machines ask (`_MACHINES`:
   health, metrics) and what is written (`_WRITES`) come after; last a verification, and what shows it.
2. Left out of a comparison: `x-request-id`, what is drawn at random (`_RANDOM`), and, for anchors' commitments differ,
   what follows from them: hashes of open entries stand for the entries' seqs, digests and proofs and signatures in
   base64 for their length, the tag of a checkpoint for its size; the tags of pages that show
   proofs, or two heads, are left out.
3. A stream of events is read up to the head (`follow=false`), from the beginning and from the middle.
4. Of the metrics, how long requests took is left out; how many they were is not.
"""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.server.app import ROUTES
from api.server.composing import Server
from api.server.person import Person, Right
from api.server.settings import Rates, Settings
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Role
from projections.views import VIEWS
from tests.api.server.people import NAME, People, bearer
from tests.two_worlds.looking import Seen, heads_of, masked_people, normal
from tests.two_worlds.worlds import World

STREAMS: Final = frozenset({"/v1/trials/{trial}/events"})
"""Routes whose answers do not end, unless they are asked not to follow."""
_AFTER: Final = ("0", "7", "7/0", "999999")
_MACHINES: Final = ("/healthz", "/readyz", "/v1/openapi.json", "/metrics")
_AFTERWARDS: Final = (
    f"/v1/trials/{NAME}/events?follow=false",
    f"/v1/trials/{NAME}/audit",
    f"/v1/trials/{NAME}/verification",
    f"/t/{NAME}/verification",
    f"/t/{NAME}",
)
_TIMES: Final = re.compile(r"^trial_ledger_(?:request_seconds_(?:bucket|sum)|verified_age_seconds)\{.*\n", re.MULTILINE)
_OF_HASHES: Final = (f"/t/{NAME}/entries/", f"/t/{NAME}/as-of")
_PAGE_TAG: Final = re.compile(r"(?<=BASE64 of 64\.)[0-9a-f]{32}")
_SUBJECTS: Final = ("P1", "P2", "P3")
_WRITES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = tuple(
    (role, type_, {"subject": subject, **data})
    for subject in _SUBJECTS
    for role, type_, data in (
        ("investigator", "record-visit", {"visit": "DAY 3"}),
        ("investigator", "report-adverse-event", {"ae": "AE-77", "term": "Headache", "serious": False}),
        ("monitor", "report-deviation", {"category": "VISIT_WINDOW", "detail": "a day late"}),
        ("investigator", "randomize-subject", {}),
        ("monitor", "break-code", {"reason": "curious"}),
    )
)
"""(role, command, data) of what masked people send, whatever becomes of it."""
_LEFT_OUT: Final = frozenset({"x-request-id", "date"})
_OF_METRICS: Final = "text/plain; version="
_RANDOM: Final = re.compile(
    r"(?<=/exports/)[\w-]{24}|(?<=\"id\":\")[\w-]{24}(?=\")|(?<=name=\"command\" value=\")[0-9a-f]{32}"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{43,}={0,2}")
_NOTE: Final = re.compile(r"checkpoint@(\d+);[0-9a-f]{64}")
_AS_OF: Final = ("", "as_of=5", "as_of=halt", "as_of=9/0", "as_of=2020-05-06", "as_of=999999", "as_of=never")
_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "trial": (NAME,),
    "view": (*VIEWS, "no-such-view"),
    "seq": ("0", "7", "19", "999999", "x"),
    "size": ("1", "8", "999999"),
    "subject": ("P1", "P2", "P3", "nobody"),
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
    b'{"id":"c-1","kind":"csv","subject":"P1"}',
)
_UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Desk:
    """A server of a world, a client of it, and who is masked there."""

    server: Server
    client: TestClient
    people: list[Person]

    def settle(self) -> None:
        """Wait until what runs beside the answers has ended: when it does is not of this comparison."""
        for thread in threading.enumerate():
            if thread.name == "exports":
                thread.join(60)

    def verify(self) -> None:
        """Have the verifications made that were asked for."""
        self.server.verifications.begin(NAME)
        self.server.verifications.start()
        assert self.server.verifications.wait(NAME, 120) is not None

    def close(self) -> None:
        self.settle()
        self.client.close()
        self.server.close()


def desk_of(world: World) -> Desk:
    people = [_person(viewer) for viewer in masked_people(world)]
    settings = Settings(trials={NAME: world.path}, rates=Rates(**dict.fromkeys(Rates.model_fields, 10**9)))
    server = Server(settings, identity=People(people), clock=world.clock, now=lambda: 0.0)
    client = TestClient(server.app, raise_server_exceptions=False, client=("127.0.0.1", 50000))
    return Desk(server, client, people)


def answers(world: World, *, thorough: bool = False, only: str = "") -> Seen:
    """What masked people are answered; `thorough`: everybody each request, or else one of them in turn.

    `only`: of the paths that hold this, and nothing is written.
    """
    found: list[tuple[str, str]] = []
    with world.at_the_desk():
        desk = desk_of(world)
        client, people = desk.client, desk.people

        def asked(person: Person, method: str, path: str, headers: dict[str, str], body: bytes | None) -> str | None:
            answer = client.request(
                method, path, headers=bearer(person.id) | headers, content=body, follow_redirects=False
            )
            told = "" if body is None else body.decode()
            given = {name: value for name, value in headers.items() if name != "if-none-match"}
            found.append((f"{len(found)}: {method} {path} {given} {told} as {person.id}", _told(answer)))
            if method == "POST":
                desk.settle()
            etag: str | None = answer.headers.get("etag")
            return etag

        for number, (method, path, headers, body) in enumerate(requests_of()):
            if only not in path:
                continue
            for person in people if thorough else [people[number % len(people)]]:
                etag = asked(person, method, path, headers, body)
                if etag is not None:
                    asked(person, method, path, {**headers, "if-none-match": etag}, body)
        for number, (role, type_, data) in enumerate(() if only else _WRITES):
            at = world.clock().isoformat(timespec="minutes")
            command = {"id": f"over-http-{number}", "type": type_, "occurred_at": at, "data": data}
            for person in (each for each in people if each.id == f"{role}-1"):
                for _ in range(2):  # and again
                    path = f"/v1/trials/{NAME}/commands"
                    asked(person, "POST", path, {"content-type": "application/json"}, json.dumps(command).encode())
        if not only:
            desk.verify()
        for number, path in enumerate(() if only else (*_AFTERWARDS, *_MACHINES)):
            asked(people[number % len(people)], "GET", path, {"last-event-id": "7"}, None)
        desk.close()
    heads = heads_of(world.path)
    return {label: normal(text.replace(str(world.path), "LEDGER"), heads).encode() for label, text in found}


def requests_of() -> Iterator[tuple[str, str, dict[str, str], bytes | None]]:
    """(method, path with query, headers, body) for each thing that is asked."""
    for route in routes_of():
        methods = route.methods or set()
        for place, path in enumerate(_paths(route.path)):
            if route.path in STREAMS:
                for after in _AFTER:
                    yield "GET", f"{path}?follow=false", {"last-event-id": after}, None
            elif "GET" in methods:
                page = not path.startswith("/v1")
                for number, query in enumerate(_AS_OF):
                    accept = "text/html" if page else _ACCEPT[number % 2]
                    yield "GET", f"{path}?{query}" if query else path, {"accept": accept}, None
            if "GET" in methods:
                yield "HEAD", path, {"accept": _ACCEPT[0]}, None
            for method in _UNSAFE:
                known = method in methods
                if place and not known:
                    continue
                bodies = _BODIES if known else _BODIES[:1]
                for body in bodies:
                    yield method, path, {"accept": _ACCEPT[0], "content-type": "application/json"}, body
    for path in _MACHINES:
        yield "GET", path, {}, None


def routes_of() -> list[APIRoute]:
    """The routes of the application, in order."""
    routes = (route for module in ROUTES for route in import_module(module).ROUTER.routes)
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
    timed = answer.headers.get("content-type", "").startswith(_OF_METRICS)
    left_out = _LEFT_OUT | {"content-length"} if timed else _LEFT_OUT
    headers = {name: value for name, value in answer.headers.items() if name not in left_out}
    told = f"{answer.status_code}\n{json.dumps(headers, sort_keys=True)}\n{answer.text}"
    told = _TIMES.sub("", told)
    told = _NOTE.sub(r"checkpoint@\1", _RANDOM.sub("RANDOM", told))
    told = _BASE64.sub(lambda found: f"BASE64 of {len(found[0])}", told)
    return _PAGE_TAG.sub("OF HASHES", told) if answer.request.url.path.startswith(_OF_HASHES) else told


def _person(viewer: Viewer) -> Person:
    right = Right(Role(viewer.role), viewer.sites)
    return Person(viewer.id, viewer.org, {NAME: right}, f"of-{viewer.id}", 1_700_000_000, 4_000_000_000)


__all__ = ["answers", "desk_of", "requests_of", "routes_of"]
