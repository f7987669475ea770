"""What views need of the protocol in force at a position: arms in order, who is masked, numbers and time frames.

Read from the protocol as the trial's own facts hold it (registration, then the last amendment). It was checked when
it was recorded; here, what is missing has a default, so that an old ledger can always be shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.history import Fact
from ledger.domain.protocol.terms import MASKING_ROLES

SURVIVAL_DAYS: Final = 28
ADVERSE_EVENT_DAYS: Final = 183
MASKABLE: Final = {term: term.lower().replace("_", "-") for term in MASKING_ROLES}
"""A masking role of the registry -> the role of the ledger."""


@dataclass(frozen=True, slots=True)
class PlannedArm:
    """An arm of the protocol. `doses` is how many a subject of it is to get."""

    code: str
    label: str
    type: str
    doses: int = 0

    @property
    def untreated(self) -> bool:
        """Whether nothing is given in this arm, so that no dose can start a clock."""
        return self.type == "NO_INTERVENTION"


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """A visit of the protocol: on which day from randomization, and by how many days it may be early or late."""

    name: str
    day: int
    early: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`target`: subjects planned. `cap`: the hard limit, if any. `*_days`: time frames of the two outcomes, in days.

    `masked`: the roles of the ledger that the protocol masks; all that it can, where it does not say.
    """

    arms: tuple[PlannedArm, ...] = ()
    masked: frozenset[str] = frozenset(MASKABLE.values())
    target: int | None = None
    cap: int | None = None
    survival_days: int = SURVIVAL_DAYS
    adverse_event_days: int = ADVERSE_EVENT_DAYS
    visits: tuple[PlannedVisit, ...] = ()


def plan_of(trial_facts: Iterable[Fact]) -> Plan:
    """The plan after the (corrected) facts of the stream `trial`; an empty one before registration."""
    protocol: Mapping[str, Any] = {}
    for fact in trial_facts:
        if fact.type in ("trial.registered/1", "protocol.amended/1"):
            protocol = fact.data.get("protocol", protocol)
    enrolment = protocol.get("enrolment") or {}
    outcomes = protocol.get("outcomes") or ()
    visits = (protocol.get("settings") or {}).get("visits") or ()
    return Plan(
        arms=tuple(
            PlannedArm(arm["code"], arm.get("label", arm["code"]), arm.get("type", ""), arm.get("doses_planned") or 0)
            for arm in protocol.get("arms") or ()
        ),
        masked=_masked(protocol),
        target=enrolment.get("count"),
        cap=enrolment.get("cap"),
        survival_days=_days(outcomes, "surviv", SURVIVAL_DAYS),
        adverse_event_days=_days(outcomes, "adverse event", ADVERSE_EVENT_DAYS),
        visits=tuple(
            PlannedVisit(visit["name"], visit["day"], visit.get("early_days") or 0, visit.get("late_days") or 0)
            for visit in visits
        ),
    )


def _masked(protocol: Mapping[str, Any]) -> frozenset[str]:
    """As `Protocol.effective_masked_roles`: denial is the default."""
    masking, named = protocol.get("masking"), protocol.get("masked_roles") or ()
    if masking == "NONE":
        return frozenset()
    everybody = masking in (None, "QUADRUPLE") or not named
    return frozenset(MASKABLE.values() if everybody else (MASKABLE[term] for term in named if term in MASKABLE))


def _days(outcomes: Iterable[Mapping[str, Any]], word: str, otherwise: int) -> int:
    """The time frame of the first outcome whose measure speaks of `word`."""
    for outcome in outcomes:
        days = (outcome.get("time_frame") or {}).get("days")
        if days and word in str(outcome.get("measure", "")).lower():
            return int(days)
    return otherwise
