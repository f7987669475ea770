"""The world is built once, and copied for each attack."""

from pathlib import Path

import pytest

from tests.tampering.attacks.world import World, build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The true ledger and what others hold of it; not to be changed."""
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Path:
    """A copy of the true ledger with its evidence and keys."""
    return world.copy(tmp_path / "copy")
