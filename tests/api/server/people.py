"""Who asks, in tests of routes that are not about tokens: a bearer token that is the person's pseudonym."""

from collections.abc import Iterable
from pathlib import Path

from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from api.server.app import create_app
from api.server.person import Person, Right
from api.server.problems import Problem
from api.server.trials import Trials
from ledger.domain.vocabulary import Role

NAME = "balmys"
"""The name of the trial on the server."""


class People:
    """An identity that knows these people alone."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._people = {person.id: person for person in people}

    def person(self, request: HTTPConnection) -> Person:
        scheme, _, who = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or who not in self._people:
            raise Problem("unauthenticated", "a bearer token is needed", headers={"www-authenticate": "Bearer"})
        return self._people[who]


def person(role: Role | str, *, sites: Iterable[str] = (), id: str = "", trial: str = NAME) -> Person:
    """Somebody in a role, named after it."""
    right = Right(Role(role), frozenset(sites))
    named = id or f"{Role(role).value}-1"
    return Person(named, "FJD", {trial: right}, f"session-of-{named}", 1_700_000_000, 4_000_000_000, "A. Person")


def bearer(who: str) -> dict[str, str]:
    """The header by which somebody asks."""
    return {"authorization": f"Bearer {who}"}


def client_of(path: Path, people: Iterable[Person] | None = None) -> TestClient:
    """A client of a server of one ledger, to whom everybody of `people` is known (without: one person a role)."""
    known = [person(role) for role in Role] if people is None else people
    return TestClient(create_app(Trials({NAME: path}), People(known)), raise_server_exceptions=False)
