"""A story told in two worlds, and where masked people can tell these apart."""

from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.domain.protocol import Protocol
from tests.two_worlds.looking import Seen, differences, look
from tests.two_worlds.telling import Step
from tests.two_worlds.worlds import Plant, World, two_worlds


def told_apart(
    protocol: Protocol, steps: list[Step], *, plant: Plant | None = None, thorough: bool = False
) -> list[str]:
    """Where masked people can tell the two worlds of a story apart."""
    with TemporaryDirectory() as folder, two_worlds(Path(folder), protocol, steps, plant) as worlds:
        one, other = (_looked_at(world, plant, thorough=thorough) for world in worlds)
    return differences(one, other)


def _looked_at(world: World, plant: Plant | None, *, thorough: bool) -> Seen:
    if plant is None:
        return look(world, thorough=thorough)
    with plant(world):
        return look(world, thorough=thorough)
