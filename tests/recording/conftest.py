"""A database for ledgers of the tests, one for all of them; and ledgers made in a file, then in that database."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.recording.postgres.connecting import close_pools
from ledger.recording.stores import InDatabase
from tests import postgres
from tests.recording.ledgers import MADE_IN


@dataclass
class Scattered:
    """A store that makes each ledger as a trial of its own."""

    url: str
    _made: dict[Path, InDatabase] = field(default_factory=dict)

    def create(self, path: Path, origin: str) -> None:
        self._made[path] = InDatabase(self.url, f"t-{secrets.token_hex(8)}")
        self._made[path].create(path, origin)

    def discard(self, path: Path) -> None:
        self._made[path].discard(path)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A server, for all tests."""
    with postgres.server() as started:
        yield started


@pytest.fixture(scope="session")
def database(server: postgres.Server) -> Iterator[str]:
    """The URL of a database of ledgers, for all tests."""
    with postgres.database(server, "books") as url:
        yield url
        close_pools()


@pytest.fixture
def in_postgres(database: str) -> Iterator[None]:
    """Ledgers are made in a database."""
    MADE_IN.append(Scattered(database))
    yield
    MADE_IN.pop()


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ledgers are made in a file, and in a database."""
    if request.param == "sqlite":
        yield
        return
    request.getfixturevalue("in_postgres")
    yield
