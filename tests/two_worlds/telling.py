"""What stories for two worlds are made of: steps, and the teller who collects them.

1. A step of somebody masked is one command, the same in both worlds. So is an act of the closed list that is open
   whoever reports it. Only an import's claim of an arm is swapped with the world.
2. A turn of somebody unblinded is a seed: what it becomes (how many commands, which, when refused) follows from the
   arm, and so differs between the worlds. `turns.py` says what.
3. A scene appends steps to a `Teller`, which knows only what is open: whom there is, which command made what.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ledger.domain.protocol import Protocol
from tests.trials import START

IMPORT: Final = {"kind": "import", "source": "pilot"}


@dataclass(frozen=True, slots=True)
class Told:
    """A command that is the same in both worlds, at what the clock shows then."""

    at: datetime
    command: dict[str, Any]
    importing: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody unblinded does about a subject: decided by the arm, the seed and what was done before."""

    at: datetime
    name: str
    subject: str
    seed: int
    person: str = ""
    """Who it is, where it is nobody whose role always sees arms."""
    role: str = ""
    after: str = ""
    """The command by which that person came to know the arm: if it was refused, there is no turn."""


Step = Told | Turn


@dataclass
class Teller:
    """Collects the steps of a story; remembers whom it has told of, and the commands that made records."""

    protocol: Protocol
    at: datetime = START
    steps: list[Step] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    made: dict[str, list[str]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    """How many adverse events of a subject were told of: A1, A2, …"""

    def tell(self, type_: str, data: dict[str, Any], role: str = "investigator", **more: Any) -> dict[str, Any]:
        """One command of somebody masked, a minute after the last step."""
        self.at += timedelta(minutes=1)
        importing = more.pop("importing", False)
        command = {
            "id": f"c{len(self.steps)}",
            "type": type_,
            "actor": {"id": more.pop("who", f"{role}-1"), "role": role, "org": "FJD"},
            "occurred_at": self.at.isoformat(timespec="minutes"),
            "data": data,
        } | more
        if importing:
            command["provenance"] = IMPORT
        self.steps.append(Told(self.at, command, importing))
        self.made.setdefault(type_, []).append(command["id"])
        return command

    def turn(self, name: str, subject: str, seed: int, **more: str) -> str:
        """A turn of somebody unblinded; the id that its first command would have, if it has one."""
        self.at += timedelta(minutes=1)
        self.steps.append(Turn(self.at, name, subject, seed, **more))
        return f"u{len(self.steps) - 1}-0"

    def someone(self, which: int) -> str:
        """A subject of the story."""
        return self.subjects[which % len(self.subjects)]

    def target(self, type_: str, which: int) -> dict[str, Any]:
        """A record that some command of the type made; none of ours where there was no such command."""
        ids = self.made.get(type_, ["nothing"])
        return {"command": ids[which % len(ids)], "n": 0}


Scene = Callable[[Teller, int, int], None]
"""scene(teller, which subject, variant) tells some steps."""


def scenes_of(names: dict[str, Any]) -> dict[str, Scene]:
    """The scenes of a module: its public functions that say nothing back."""
    return {
        name: thing
        for name, thing in names.items()
        if callable(thing) and getattr(thing, "__annotations__", {}).get("variant") is int and not name.startswith("_")
        if thing.__annotations__["return"] is None
    }
