"""A world: a ledger file in which a story is told, with the arms as the list has them or swapped.

1. Both worlds have the same protocol, secret, random source per book and clock. The clock moves on by a microsecond
   each time it is read, so that a reading more in one world shows; each step sets it anew, so that what unblinded
   people do does not.
2. The arms are swapped by asking the allocation list for the other arm: the same commitment stands in both ledgers.
3. What masked people are answered is kept, line by line, as `submit --json` prints it.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api import access
from api.access import Session, viewer_of
from api.bootstrap import create_trial
from api.cli.demo import SeededRandomness
from api.cli.record import submit_line
from ledger.application import TrialLedger
from ledger.domain.protocol import Protocol
from ledger.keys.allocation import keep_allocation
from ledger.keys.file import load_keys
from ledger.proof.entry import Actor
from ledger.recording import books
from tests.trials import START
from tests.two_worlds import turns
from tests.two_worlds.protocols import SWAPPED, parameters_of
from tests.two_worlds.scenes import SECRET
from tests.two_worlds.telling import Step, Told, Turn

Plant = Callable[["World"], Any]
"""A context manager under which the product leaks."""


class TickingClock:
    """Moves on by a microsecond with each reading, from where it was set."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        self._at, self._ticks = at, 0

    def __call__(self) -> datetime:
        self._ticks += 1
        return self._at + timedelta(microseconds=self._ticks)


class World:
    """One of the two worlds."""

    def __init__(self, folder: Path, protocol: Protocol, *, swapped: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "trial.db"
        self.protocol = protocol
        self.swapped = swapped
        self.clock = TickingClock(START)
        self.answers: list[tuple[str, dict[str, Any]]] = []
        """(what was asked, the answer) for each command of a masked person."""
        self.recorded: list[str] = ["register-trial"]
        """The types of commands that were recorded here, by anybody; the first made the ledger."""
        self.logged: list[str] = []
        """What the program has logged, in whose file masked people may look."""
        self._handler = _Keeping(self.logged)
        logging.getLogger().addHandler(self._handler)
        self._desk = SeededRandomness(2)
        self._last = START
        self._ids: set[str] = set()
        self._done: dict[str, turns.Done] = {}
        self.ledger = self._create()

    def _create(self) -> TrialLedger:
        """The one place that knows how a ledger is made and how its list is asked."""
        randomness = SeededRandomness(1)
        ledger = create_trial(
            self.path,
            self.protocol,
            actor=Actor("sponsor-1", "IIS-FJD", "sponsor"),
            host="test.invalid",
            clock=self.clock,
            randomness=randomness,
            random=randomness.keys,
        )
        with closing(load_keys(self.path)) as keys:
            keep_allocation(keys, SECRET, parameters_of(self.protocol))
        if self.swapped:
            straight: Callable[..., str | None] = ledger._reading.arm_at
            ledger._reading.arm_at = lambda *place: SWAPPED.get(straight(*place) or "none")  # type: ignore[method-assign]
        return ledger

    def tell(self, steps: list[Step]) -> None:
        """Tell a story here."""
        for number, step in enumerate(steps):
            self.clock.set(step.at)
            self._last = max(self._last, step.at)
            if isinstance(step, Told):
                self._told(step)
            else:
                self._turn(step, number)

    @contextmanager
    def at_the_desk(self, at: datetime | None = None) -> Iterator[None]:
        """Others open the ledger by themselves, with this world's clock and a random source that is the world's too.

        Without `at` it is an hour after the last step.
        """
        self.clock.set(at or self._last + timedelta(hours=1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(books, "OsRandomness", lambda: self._desk)
            patch.setattr(access, "Session", partial(access.Session, clock=self.clock))
            yield

    def close(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        self.ledger.close()

    def arm_of(self, subject: str) -> str | None:
        """The arm that a subject has here."""
        return self.ledger.arm_of(subject)

    def _told(self, step: Told) -> None:
        command = step.command
        if self.swapped and step.importing and "arm" in command["data"]:
            command = command | {"data": command["data"] | {"arm": SWAPPED[command["data"]["arm"]]}}
        answer = self._submit(command, importing=step.importing)
        self.answers.append((f"{command['type']} {command['id']}", answer))

    def _turn(self, step: Turn, number: int) -> None:
        arm = self.arm_of(step.subject)
        if step.name == "looks":
            if arm is not None and self.protocol.dose_plan(arm) is not None:
                with self.at_the_desk(step.at):
                    viewer = viewer_of("statistician-1", "statistician", "FJD")
                    Session(self.path, viewer, clock=self.clock).show("subjects")
            return
        if step.after and step.after not in self._ids:
            return  # that person is still masked
        done = self._done.setdefault(step.subject, [])
        for n, (role, type_, data) in enumerate(list(turns.commands(step, self.protocol, arm, done))):
            importing = role == "data-manager"
            command = {
                "id": f"u{number}-{n}",
                "type": type_,
                "actor": {"id": step.person or f"{role}-1", "role": role, "org": "FJD"},
                "occurred_at": step.at.isoformat(timespec="minutes"),
                "data": data,
            }
            if importing:
                command["provenance"] = {"kind": "import", "source": "pilot"}
            if self._submit(command, importing=importing)["status"] == "recorded":
                done.append((f"u{number}-{n}", type_))

    def _submit(self, command: dict[str, Any], *, importing: bool) -> dict[str, Any]:
        answer = submit_line(_Importing(self.ledger) if importing else self.ledger, json.dumps(command).encode())
        if answer["status"] == "recorded":
            self.recorded.append(command["type"])
            self._ids.add(command["id"])
        return answer


class _Keeping(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


class _Importing:
    """The ledger as the importer has it."""

    def __init__(self, ledger: TrialLedger) -> None:
        self._ledger = ledger

    def submit(self, command: Any) -> Any:
        return self._ledger.submit(command, importing=True)


@contextmanager
def two_worlds(
    folder: Path, protocol: Protocol, steps: list[Step], plant: Plant | None = None
) -> Iterator[tuple[World, World]]:
    """The story told in both worlds; each with the `plant` at work while it is told there."""
    worlds = []
    try:
        for name, swapped in (("straight", False), ("swapped", True)):
            world = World(folder / name, protocol, swapped=swapped)
            worlds.append(world)
            if plant is None:
                world.tell(steps)
            else:
                with plant(world):
                    world.tell(steps)
        yield worlds[0], worlds[1]
    finally:
        for world in worlds:
            world.close()


def submitted_types(steps: list[Step], protocol: Protocol) -> set[str]:
    """The command types that a story has, whatever became of them, over all arms."""
    types = {step.command["type"] for step in steps if isinstance(step, Told)}
    for step in steps:
        if isinstance(step, Turn):
            done = [(f"u0-{n}", "record-treatment") for n in range(3)]
            for arm in (None, *(arm.code for arm in protocol.arms)):
                types |= {type_ for _, type_, _ in turns.commands(step, protocol, arm, done)}
    return types
