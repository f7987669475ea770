"""Rounds that alternate, medians with ranges: two things are compared only within one run, on one machine."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

Round = Callable[[], float]
"""Does its work once and gives its rate, in units a second."""


@dataclass(frozen=True)
class Row:
    """One comparison: medians of both rates, the median of the ratio round by round, its lowest and highest."""

    name: str
    ours: float
    reference: float | None
    unit: str
    ratio: float | None
    low: float
    high: float

    def as_json(self) -> dict[str, object]:
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}


def compare(name: str, unit: str, ours: list[float], reference: list[float]) -> Row:
    """A row from the rates of the same rounds; `low` and `high` are those of the ratio."""
    ratios = [mine / other for mine, other in zip(ours, reference, strict=True)]
    return Row(name, median(ours), median(reference), unit, median(ratios), min(ratios), max(ratios))


def alone(name: str, unit: str, ours: list[float]) -> Row:
    """A row without a reference; `low` and `high` are those of the rate."""
    return Row(name, median(ours), None, unit, None, min(ours), max(ours))


def alternate(contestants: dict[str, Round], rounds: int) -> dict[str, list[float]]:
    """The rates of each contestant; a first round is for warming up, and the order turns with each round."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rate = contestants[name]()
            if number:
                rates[name].append(rate)
    return rates
