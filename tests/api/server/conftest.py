"""The trial that is served in tests of routes: one for all, and a copy for each."""

import shutil
from pathlib import Path

import pytest

from tests.projections.whole_trial import protocol_masking, whole_trial

_MASKABLE = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")


@pytest.fixture(scope="session")
def recorded_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of a trial masked four ways. Not to be changed."""
    return whole_trial(tmp_path_factory.mktemp("served"), protocol_masking("QUADRUPLE", _MASKABLE)).path


@pytest.fixture
def ledger(recorded_trial: Path, tmp_path: Path) -> Path:
    """A copy of it, with its keys and its evidence."""
    for beside in ("", ".keys", ".evidence"):
        source = Path(f"{recorded_trial}{beside}")
        if source.is_dir():
            shutil.copytree(source, tmp_path / f"trial.db{beside}")
        elif source.exists():
            shutil.copyfile(source, tmp_path / f"trial.db{beside}")
    return tmp_path / "trial.db"
