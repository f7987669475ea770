"""A PostgreSQL server for these tests, with two databases of ledgers; links and keys lie in a folder of the tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.recording.postgres.connecting import close_pools
from tests import postgres
from tests.portfolio.placing import trial_at


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where links are made."""
    before = os.environ.get("TRIAL_LEDGER_HOME")
    os.environ["TRIAL_LEDGER_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield Path(os.environ["TRIAL_LEDGER_HOME"])
    if before is None:
        del os.environ["TRIAL_LEDGER_HOME"]
    else:
        os.environ["TRIAL_LEDGER_HOME"] = before


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as started:
        yield started


@pytest.fixture(scope="session")
def databases(server: postgres.Server, home: Path) -> Iterator[tuple[str, str]]:  # noqa: ARG001
    """The URLs of two databases."""
    with postgres.database(server, "one") as one, postgres.database(server, "two") as two:
        yield one, two
        close_pools()


@pytest.fixture(scope="session")
def recorded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial in a file, with one subject. Not to be changed."""
    trial = trial_at(tmp_path_factory.mktemp("filed"), subjects=1)
    trial.ledger.close()
    return trial.path
