"""A short trial, and one whose database was put back from a backup."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.evidence_ledgers import backup, grow, made, restore, trial_of
from tests.trials import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    short = trial_of(tmp_path)
    yield short
    short.ledger.close()


@pytest.fixture
def restored(trial: Trial, tmp_path: Path) -> Trial:
    """A trial whose database is that of before the last checkpoint."""
    copy = backup(trial, tmp_path / "backup.db")
    grow(trial, 6)
    made(trial)
    restore(trial, copy)
    return trial
