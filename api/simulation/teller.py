"""What the chapters of one subject's story share: who the subject is, and a place to put commands down."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from api.simulation.casting import HALTED, Part
from api.simulation.steps import DAY, MINUTE, Desk, Happening, Step, TreatmentPlan


@dataclass(slots=True)
class Teller:
    """Writes the commands about one subject; `told` holds them in no particular order."""

    part: Part
    desk: Desk
    rng: random.Random
    told: list[Happening] = field(default_factory=list)

    def write(
        self,
        at: datetime,
        kind: str,
        name: str,
        occurred: datetime | str,
        data: Mapping[str, Any],
        *,
        by: str | Mapping[str, str] = "investigator",
        note: str | None = None,
        expect: str | None = None,
    ) -> str:
        """One command about the subject, by somebody of the site (a role) or by `by` itself; gives its id."""
        actor = self.part.site.actor(by) if isinstance(by, str) else by
        if kind != "correct-record":
            data = {"subject": self.part.subject, **data}
        command = self.desk.command(f"{self.part.subject}-{name}", kind, actor, occurred, data)
        self.told.append(Step(at, command, note, expect))
        return str(command["id"])

    def plan(self, plan: TreatmentPlan) -> None:
        """Something for the pharmacist, if the arm of the subject gets the product."""
        self.told.append(plan)

    def after(self, start: datetime, least: timedelta, most: timedelta) -> datetime:
        """A minute between `least` and `most` after `start`."""
        return start + least + self.rng.randrange(max(1, (most - least) // MINUTE)) * MINUTE

    @property
    def scribe(self) -> str:
        """Who writes down what was seen at the bedside."""
        return "care-provider" if self.rng.random() < 0.3 else "investigator"


@dataclass(frozen=True, slots=True)
class Ending:
    """When a subject was last under observation (`until`), and what ended it, of which at most one is set.

    A death is `known` at once in hospital, and weeks later when a registry tells of it.
    """

    until: datetime
    died: datetime | None = None
    known: datetime | None = None
    withdrew: datetime | None = None
    lost: datetime | None = None


def ending(teller: Teller, begins: datetime, follow_up: int) -> Ending:
    """How the part of a subject randomized at `begins` ends; `follow_up` is the length of follow-up in days."""
    rng, full = teller.rng, begins + (follow_up + 20) * DAY

    def on(first: int, last: int) -> datetime:
        return begins + rng.randint(first, last) * DAY + rng.randrange(1, 20 * 60) * MINUTE

    match teller.part.fate:
        case "DIED":
            died = on(3, 26)
            return Ending(died, died=died, known=died + 120 * MINUTE)
        case "DIED_LATE":
            died = max(on(33, 50), HALTED + rng.randint(6, 25) * DAY)
            return Ending(died, died=died, known=died + 19 * DAY)
        case "WITHDREW_ALL":
            withdrew = on(9, 40)
            return Ending(withdrew, withdrew=withdrew)
        case "WITHDREW_FOLLOW_UP":
            withdrew = on(60, 110)
            return Ending(withdrew, withdrew=withdrew)
        case "WITHDREW_INTERVENTION":
            # Before the second dose, which comes on the third day.
            return Ending(full, withdrew=begins + rng.randint(30, 50) * 60 * MINUTE)
        case "LOST":
            lost = on(40, 75)
            return Ending(lost, lost=lost)
        case _:
            return Ending(full)
