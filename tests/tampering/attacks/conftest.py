"""The world is built once, and copied for each attack."""

from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.bundle.writing import export_bundle
from api.cli.demo import SimulatedClock
from tests.tampering.attacks.world import World, build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The true ledger and what others hold of it; not to be changed."""
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Path:
    """A copy of the true ledger with its evidence and keys."""
    return world.copy(tmp_path / "copy")


@pytest.fixture(scope="session")
def bundles(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the sponsor and the archive are given of a copy of it; not to be changed."""
    ledger = world.copy(tmp_path_factory.mktemp("bundles"))
    clock = SimulatedClock(world.told.trial.clock.at)
    found = {}
    for role in ("sponsor", "archive"):
        session = Session(ledger, viewer_of(f"{role}-1", role, "FJD"), clock=clock)
        found[role] = export_bundle(session, ledger.with_name(f"{role}.zip"), clock=clock).path
    return found
