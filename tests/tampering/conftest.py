"""A fresh copy of one small ledger for each attack; and each is judged by both verifiers, which have to agree."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tampering import ledgers
from tests.tampering.ledgers import build
from tests.verifying.both import judged


@pytest.fixture(autouse=True, scope="module")
def _both_verifiers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test here asks of the reference, the fast verifier is asked too (tests/verifying/both.py)."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (request.module, ledgers):
            if hasattr(module, "verify_ledger"):
                patch.setattr(module, "verify_ledger", judged)
        yield


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small ledger, not to be touched."""
    return build(tmp_path_factory.mktemp("pristine") / "trial.db")


@pytest.fixture
def ledger(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it, to be tampered with."""
    return Path(shutil.copy(pristine, tmp_path / "trial.db"))
