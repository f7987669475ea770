"""The same trial as bundles are made of; and pairs of histories that part."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence.making import make_checkpoint
from tests.api.bundle.conftest import mine, trial
from tests.api.evidence_ledgers import grow, trial_of
from tests.trials import Trial

__all__ = ["fork", "mine", "trial"]


@dataclass(frozen=True, slots=True)
class Fork:
    """Two ledgers with the same keys and the same first `common` entries, and then each with its own."""

    a: Trial
    b: Trial
    common: int


@pytest.fixture
def fork(tmp_path: Path) -> Callable[..., Fork]:
    """An insider with all keys keeps two ledgers: `first`, then on each side so many entries, and a checkpoint."""

    def made(*, left: int = 3, right: int = 3, first_checkpoint: bool = True) -> Fork:
        a = trial_of(tmp_path / "a", entries=6)
        if first_checkpoint:
            make_checkpoint(a.path, clock=a.clock)
        a.ledger.close()
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        b = _copied(a, tmp_path / "b" / a.path.name)
        for side, count in ((a, left), (b, right)):
            side.ledger = open_trial(side.path, clock=side.clock)
            grow(side, count)
            side.ledger.close()
            make_checkpoint(side.path, clock=side.clock)
        return Fork(a, b, 6)

    return made


def _copied(trial: Trial, path: Path) -> Trial:
    copy = object.__new__(Trial)
    copy.__dict__.update(trial.__dict__)
    copy.path = path
    return copy
