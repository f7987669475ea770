"""A trial to publish, and a PostgreSQL server to publish it on."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from api.cli import demo
from tests.api.publishing.published import PUBLISHER, Place, in_postgres, in_sqlite
from tests.postgres import Server, server
from tests.projections.whole_trial import MASKABLE_TERMS, protocol_masking, whole_trial

ROLES = ("sponsor", "statistician")
"""One masked, one unmasked."""
_NUMBERS = count(1)


@pytest.fixture(scope="session")
def recorded_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole demo. Not to be changed."""
    path = tmp_path_factory.mktemp("published") / "demo.db"
    demo.play(path, 1, 60, demo.SeededRandomness(1))
    return path


@pytest.fixture(scope="session")
def recorded_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trial with something of every class of data in it. Not to be changed."""
    return whole_trial(tmp_path_factory.mktemp("published"), protocol_masking("QUADRUPLE", MASKABLE_TERMS)).path


def copy_of(ledger: Path, folder: Path) -> Path:
    """The ledger with its keys, in another folder."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(ledger, folder / ledger.name)
    for beside in (".keys", ".evidence"):
        if (source := Path(f"{ledger}{beside}")).exists():
            shutil.copytree(source, folder / source.name)
    return folder / ledger.name


@pytest.fixture
def the_demo(recorded_demo: Path, tmp_path: Path) -> Path:
    return copy_of(recorded_demo, tmp_path / "demo")


@pytest.fixture
def ledger(recorded_trial: Path, tmp_path: Path) -> Path:
    return copy_of(recorded_trial, tmp_path / "ledger")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server with a role that publishes, and is no administrator."""
    with server() as running:
        running.run(f"CREATE ROLE {PUBLISHER} LOGIN CREATEROLE")
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Place]]:
    """Where each role publishes, in both kinds of databases."""
    if request.param == "sqlite":
        yield {role: in_sqlite(tmp_path / "published", role) for role in ROLES}
        return
    running: Server = request.getfixturevalue("postgres")
    names = {role: f"of_{role}_{next(_NUMBERS)}" for role in ROLES}
    yield {role: in_postgres(running, name) for role, name in names.items()}
    for name in names.values():
        running.run(f"DROP DATABASE {name} WITH (FORCE)")
