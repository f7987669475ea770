"""Who is in the story: for each subject the site, the day, how screening goes, and how it ends.

Rules
- Shares are dealt, not drawn, so that also a small story has every kind of subject in it: every sixth fails
  screening, each for another criterion; of the first eight enrolled two die within 28 days, later two of nine.
- About a sixth of the subjects planned are not reached before the halt.
- Nobody consents while recruitment is interrupted, at a closed site, or so late that the halt comes in between.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from api.simulation.screening import FAILURES
from api.simulation.steps import DAY, Place, utc

FJD: Final = Place("S01", "FJD")
NORTH: Final = Place("S02", "NOR")
SOUTH: Final = Place("S03", "SUR")
EAST: Final = Place("S04", "EST")
SIMULATED: Final = (NORTH, SOUTH, EAST)

START: Final = utc("2020-05-06T07:00")
OTHER_SITES_FROM: Final = utc("2020-05-18T00:00")
EAST_CLOSED: Final = utc("2020-08-17T09:00")
PAUSED: Final = utc("2020-07-20T08:00")
RESTARTED: Final = utc("2020-07-28T07:00")
HALTED: Final = utc("2020-09-15T08:00")

Opening: TypeAlias = Literal["PLAIN", "FAILS", "WAIVED", "INCOMPLETE", "TESTED_BEFORE_CONSENT"]
Fate: TypeAlias = Literal[
    "COMPLETED", "DIED", "DIED_LATE", "WITHDREW_ALL", "WITHDREW_INTERVENTION", "WITHDREW_FOLLOW_UP", "LOST"
]
Trait: TypeAlias = Literal[
    "CONSENT_MISTYPED", "SEVERITY_MISTYPED", "LATE_ENTRIES", "MISSES_DAY_7", "LATE_MONTH_3", "PROCEDURE_DEVIATION"
]

_FIRST: Final[tuple[Fate, ...]] = (
    *("DIED", "DIED", "DIED_LATE", "WITHDREW_ALL", "WITHDREW_INTERVENTION", "LOST", "COMPLETED", "COMPLETED"),
)
_RARE: Final[tuple[Fate, ...]] = ("WITHDREW_FOLLOW_UP", "WITHDREW_ALL", "LOST", "WITHDREW_INTERVENTION", "DIED_LATE")


@dataclass(frozen=True, slots=True)
class Part:
    """The part that one subject plays. `number` counts consents in the trial, `seed` its own random numbers."""

    subject: str
    number: int
    site: Place
    consented: datetime
    seed: int
    opening: Opening
    fails: str | None = None
    fate: Fate = "COMPLETED"
    traits: frozenset[Trait] = frozenset()


def cast(rng: random.Random, subjects: int) -> list[Part]:
    """The parts of those who are reached before the halt, in the order of their consents."""
    reached = max(1, subjects - subjects // 6)
    fates = _fates(rng)
    counts: dict[str, int] = {}
    parts: list[Part] = []
    enrolled = failed = completed = 0
    for number, consented in enumerate(_consents(rng, reached), start=1):
        site = _site(rng, consented)
        counts[site.id] = counts.get(site.id, 0) + 1
        subject, seed = f"{site.id}-{counts[site.id]:03}", rng.getrandbits(64)
        opening = _opening(number)
        if opening == "FAILS":
            criterion = FAILURES[failed % len(FAILURES)]
            failed += 1
            parts.append(Part(subject, number, site, consented, seed, opening, fails=criterion))
            continue
        fate = next(fates)
        traits = set(_traits(enrolled))
        if fate == "COMPLETED":
            # Whoever completes has every visit, so theirs are the ones to go wrong for certain.
            traits |= {"MISSES_DAY_7"} if completed % 8 == 0 else {"LATE_MONTH_3"} if completed % 8 == 1 else set()
            completed += 1
        enrolled += 1
        fails = {"WAIVED": "E5", "INCOMPLETE": "I5"}.get(opening)
        parts.append(Part(subject, number, site, consented, seed, opening, fails, fate, frozenset(traits)))
    return parts


def next_subject(parts: Iterable[Part], site: Place) -> str:
    """The id that the next subject of a site would get."""
    return f"{site.id}-{sum(part.site == site for part in parts) + 1:03}"


def _consents(rng: random.Random, reached: int) -> list[datetime]:
    """When they consent, by day and spread over the time of recruitment."""
    days = list(_recruiting_days())
    picked = [days[(place * len(days) + rng.randrange(len(days))) // reached] for place in range(reached)]
    return sorted(day + timedelta(minutes=rng.randrange(6 * 60, 14 * 60)) for day in picked)


def _recruiting_days() -> Iterator[datetime]:
    day = START.replace(hour=0) + DAY
    # Up to two days before: nobody is caught between consent and allocation, but some between two doses.
    while day < HALTED - 2 * DAY:
        if not PAUSED - 2 * DAY < day < RESTARTED:
            yield day
        day += DAY


def _site(rng: random.Random, consented: datetime) -> Place:
    chance = rng.random()
    if consented < OTHER_SITES_FROM or chance < 0.4:
        return FJD
    if chance < 0.6:
        return NORTH
    return EAST if chance > 0.82 and consented < EAST_CLOSED - 2 * DAY else SOUTH


def _opening(number: int) -> Opening:
    if number % 6 == 3:
        return "FAILS"
    rare: dict[int, Opening] = {4: "TESTED_BEFORE_CONSENT", 5: "WAIVED", 7: "INCOMPLETE"}
    return rare.get(number, "PLAIN")


def _fates(rng: random.Random) -> Iterator[Fate]:
    first = list(_FIRST)
    rng.shuffle(first)
    yield from first
    turn = 0
    while True:
        others: list[Fate] = ["COMPLETED"] * 6
        others += ["DIED", "DIED", _RARE[turn % len(_RARE)]]
        rng.shuffle(others)
        yield from others
        turn += 1


def _traits(enrolled: int) -> Iterator[Trait]:
    if enrolled % 15 == 1:
        yield "CONSENT_MISTYPED"
    if enrolled % 12 == 2:
        yield "SEVERITY_MISTYPED"
    if enrolled % 5 in (0, 3):
        yield "LATE_ENTRIES"
    if enrolled % 9 == 4:
        yield "PROCEDURE_DEVIATION"
