"""What a simulated story is made of: commands with the time at which they are recorded, and sealed plans.

Rules
- A `Step` is one command, ready for JSON: no floats, decimals as strings, and a provenance that says simulation.
- What happens only because of an arm cannot be a step, for the story does not know the arms: it is a
  `TreatmentPlan`, from which `Pharmacy` makes commands once somebody who may see arms has asked for the arm.
- Times are UTC inside; what people write down is Madrid time, to the minute.
- The same seed gives the same commands with the same ids. There is no clock here and no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, recorded at `at`. `expect` names the rule by which the ledger is to refuse it."""

    at: datetime
    command: dict[str, Any]
    note: str | None = None
    expect: str | None = None


@dataclass(frozen=True, slots=True)
class TreatmentPlan:
    """What the pharmacist of `site` does at `at` about `subject`, if the subject's arm gets the product.

    A dose begins at `begins`; an action taken, or a check of the weights written down, is as of `begins`.
    """

    at: datetime
    subject: str
    site: "Place"
    kind: Literal["dose", "action-taken", "check"]
    begins: datetime
    dose_number: int = 0
    weight_kg: Decimal = Decimal(1)
    ae: str | None = None


Happening: TypeAlias = Step | TreatmentPlan


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its id in the protocol, and the letters in the ids of its people."""

    id: str
    letters: str

    def actor(self, role: str, number: int = 1) -> dict[str, str]:
        """Somebody of this site in that role; ids are pseudonyms such as `inv-FJD-1`."""
        return {"id": f"{_SHORT[role]}-{self.letters}-{number}", "role": role, "org": self.id}


_SHORT: Final = {"investigator": "inv", "care-provider": "care", "pharmacist": "pharm"}
SPONSOR: Final = {"id": "sponsor-1", "role": "sponsor", "org": "sponsor"}
COMMITTEE: Final = {"id": "dmc-1", "role": "dmc", "org": "dmc"}
STATISTICIAN: Final = {"id": "stat-1", "role": "statistician", "org": "sponsor"}
SAFETY: Final = {"id": "safety-1", "role": "safety-physician", "org": "sponsor"}
DATA_MANAGER: Final = {"id": "dm-1", "role": "data-manager", "org": "sponsor"}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where commands are written: it labels each as simulated, and gives it an id that follows from the seed."""

    seed: int

    def command(
        self, name: str, kind: str, actor: Mapping[str, str], occurred: datetime | str, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The envelope of one command. `name` is unique within the story; None is left out of `data`."""
        return {
            "id": self.id(name),
            "type": kind,
            "actor": dict(actor),
            "occurred_at": occurred if isinstance(occurred, str) else local(occurred),
            "data": {key: value for key, value in data.items() if value is not None},
            "provenance": {"kind": "simulation", "source": f"trial-ledger demo, seed {self.seed}"},
        }

    def id(self, name: str) -> str:
        """The command id that belongs to a name."""
        return f"sim-{self.seed}-{name}"


def utc(text: str) -> datetime:
    """A UTC time from `2020-05-06T08:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(at: datetime) -> str:
    """`at` as somebody in Madrid writes it down: `2020-05-06T10:00+02:00`."""
    return at.astimezone(_madrid(at)).isoformat(timespec="minutes")


def local_day(at: datetime) -> str:
    """The calendar day in Madrid: `2020-05-06`."""
    return local(at)[:10]


def _madrid(at: datetime) -> timezone:
    # Reckoned, not looked up: the time zone database differs between machines, the story must not.
    summer = _last_sunday(at.year, 3) <= at < _last_sunday(at.year, 10)
    return timezone(timedelta(hours=2 if summer else 1))


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
