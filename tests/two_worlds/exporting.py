"""Who exports while a story is told: unblinded people as the arms bid, masked people now and then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

from api.access import Session, viewer_of
from api.acting import Who
from api.bootstrap import DeniedError, UnknownSiteError, knows_some_arm
from api.bundle.writing import BundleWriteError, export_bundle
from api.cli.app import app
from api.timestamps.recording import StampingError, stamp
from ledger.domain.roles import Viewer
from ledger.recording.reader import AsOfError
from tests.two_worlds.worlds import World

KNOWING: Final = {
    **dict.fromkeys(("investigator-2", "care-provider-2", "outcomes-assessor-2", "investigator-3"), "investigator"),
    **dict.fromkeys(("auditor-2", "auditor-3", "auditor-4", "auditor-5"), "auditor"),
}
"""Who comes to know an arm in some scene, or is granted a look at arms (`scenes/unblinding.py`); and in which role."""


def _session(world: World, person: str, role: str, *sites: str) -> Session:
    return Session(world.path, viewer_of(person, role, "FJD", frozenset(sites)), clock=world.clock)


def _elsewhere(world: World) -> Path:
    """A new name, in a folder where masked people do not look."""
    folder = world.path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    return folder / f"{len(list(folder.iterdir()))}"


def _handed(world: World, person: str, role: str, *sites: str, at: str | None = None) -> None:
    export_bundle(_session(world, person, role, *sites), _elsewhere(world), at, clock=world.clock)


def _by_command_line(*arguments: str) -> None:
    CliRunner().invoke(app, [*arguments, "--actor", "statistician-1", "--org", "FJD", "--role", "statistician"])


def _over_another(world: World) -> None:
    taken = _elsewhere(world)
    taken.write_bytes(b"")
    export_bundle(_session(world, "dmc-1", "dmc"), taken, clock=world.clock)


def _stamps(world: World) -> None:
    for person in KNOWING:
        if knows_some_arm(world.path, person):
            who = Who(person, "FJD", "sponsor")
            stamp(world.path, ["http://nobody.invalid"], "sha256", None, who, asking=_never)


def _never(*_: object) -> Any:
    raise AssertionError("who knows an arm has nothing stamped")


def _who_know(world: World) -> None:
    """People who know an arm, and have none in sight; with names of their site, and without."""
    for person, role in KNOWING.items():
        if knows_some_arm(world.path, person):
            _handed(world, person, role)
            with suppress(DeniedError):
                _handed(world, person, role, "S01")


def _whose_role_is_not_masked(world: World) -> None:
    if not world.protocol.is_masked_role("care-provider"):
        _handed(world, "care-provider-1", "care-provider", "S01")


ACTS: Final[tuple[Callable[[World], None], ...]] = (
    lambda world: _handed(world, "statistician-1", "statistician"),
    lambda world: _handed(world, "archive-1", "archive"),
    _who_know,
    _whose_role_is_not_masked,
    lambda world: _handed(world, "dmc-1", "dmc", at="3"),
    lambda world: _handed(world, "dmc-1", "dmc", at="99999"),
    lambda world: _handed(world, "pharmacist-1", "pharmacist", "S01"),
    _over_another,
    _stamps,
    lambda world: _by_command_line("export", "tiles", str(world.path), "-o", str(_elsewhere(world))),
    lambda world: _prove(world),
)
"""What unblinded people do, and fail to do."""
REFUSED: Final = (DeniedError, AsOfError, BundleWriteError, StampingError, UnknownSiteError)


def _prove(world: World) -> None:
    CliRunner().invoke(app, ["prove", str(world.path), "8", "-o", str(_elsewhere(world))])


def _unblinded_at_work(world: World, at: Any, seed: int) -> None:
    """As many acts as the arm bids: none of a subject without a product."""
    for number in range(2 + seed % 3):
        with world.at_the_desk(at), suppress(*REFUSED):
            ACTS[(seed + 3 * number) % len(ACTS)](world)


class Handing:
    """The story is told in a world, and exports with it."""

    def __init__(self) -> None:
        self.bundles: dict[str, str] = {}
        """SHA-256 -> which bundle it is of: the record of an export holds it."""

    @contextmanager
    def __call__(self, world: World) -> Iterator[None]:
        turn, told = world._turn, world._told

        def with_exports(step: Any, number: int) -> None:
            turn(step, number)
            arm = world.arm_of(step.subject)
            if arm is not None and world.protocol.dose_plan(arm) is not None:
                _unblinded_at_work(world, step.at, number)

        def and_masked_people(step: Any) -> None:
            told(step)
            if len(world.answers) % 9 == 0:
                with world.at_the_desk(step.at):
                    self.hand(world, viewer_of("sponsor-2", "sponsor", "FJD"), f"in between {len(world.answers)}")

        world._turn, world._told = with_exports, and_masked_people  # type: ignore[method-assign]
        yield

    def hand(self, world: World, person: Viewer, label: str, at: str | None = None) -> tuple[str, bytes]:
        """A bundle, and what is said of it."""
        folder = world.path.parent / "handed"
        folder.mkdir(exist_ok=True)
        output = folder / f"{label}.zip"
        made = export_bundle(Session(world.path, person, clock=world.clock), output, at, clock=world.clock)
        self.bundles[made.sha256] = label
        said = replace(made, path=Path(output.name), sha256="")
        return f"{said} {output.stat().st_mode:o}", output.read_bytes()
