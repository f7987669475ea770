"""A fresh copy of one small ledger for each attack."""

import shutil
from pathlib import Path

import pytest

from tests.tampering.ledgers import build


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small ledger, not to be touched."""
    return build(tmp_path_factory.mktemp("pristine") / "trial.db")


@pytest.fixture
def ledger(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it, to be tampered with."""
    return Path(shutil.copy(pristine, tmp_path / "trial.db"))
