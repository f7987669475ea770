"""Who asks, as the server knows it: what a verified token said, and which role that is in which trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import HTTPConnection

from ledger.domain.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Right:
    """The one role that somebody has in a trial, and the sites that are the own ones."""

    role: Role
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was authenticated. `id`: the pseudonym under which entries name the person.

    `rights`: by the name of the trial on this server; a trial that is not in it does not exist for the person.
    `session`: what looks are recorded once for (the token, or the browser's sign-in). `name`: as printed beside a
    signature, never logged. `authenticated_at`, `expires_at`: seconds since the epoch.
    """

    id: str
    org: str
    rights: Mapping[str, Right] = field(hash=False)
    session: str
    authenticated_at: int
    expires_at: int
    name: str | None = None
    csrf: str | None = None
    """What a form has to send along, where the person came by a browser's sign-in; None for a bearer token."""


class Identity(Protocol):
    """Tells who makes a request."""

    def person(self, request: HTTPConnection) -> Person:
        """Raises `problems.Problem`: 401 with what RFC 6750 section 3 wants said."""
        ...
