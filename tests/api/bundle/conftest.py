"""The trial whose bundles are made: one for all tests, and a copy for each."""

import shutil
from pathlib import Path

import pytest

from tests.api.bundle.making import MASKABLE
from tests.projections.whole_trial import protocol_masking, whole_trial
from tests.trials import Trial


@pytest.fixture(scope="session")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A trial that is masked four ways, with grants to an auditor (all) and an inspector (names). Not to be changed."""
    masked = protocol_masking("QUADRUPLE", MASKABLE)
    settings = masked.model_dump(mode="json")["settings"] | {"anchor_every": 8}
    return whole_trial(tmp_path_factory.mktemp("trial"), masked.amended({"settings": settings}))


@pytest.fixture
def mine(trial: Trial, tmp_path: Path) -> Path:
    """A copy of it, with its keys and its evidence."""
    for beside in ("", ".keys", ".evidence"):
        source = Path(f"{trial.path}{beside}")
        if source.is_dir():
            shutil.copytree(source, tmp_path / f"trial.db{beside}")
        elif source.exists():
            shutil.copyfile(source, tmp_path / f"trial.db{beside}")
    return tmp_path / "trial.db"
