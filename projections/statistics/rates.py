"""Event rates per person-time and proportions, with exact confidence intervals.

Rules of this file
- A rate is events / person-time, with the interval of Garwood (1936) for a Poisson count: for x events,
  qchisq(a/2, 2x) / 2 and qchisq(1 - a/2, 2x + 2) / 2, each divided by the person-time.
- A proportion has the interval of Clopper and Pearson (1934): the quantiles a/2 of Beta(x, n-x+1) and 1 -
  a/2 of Beta(x+1, n-x).
- Both are two-sided with a/2 in each tail also at 0 (and n) events: the limit on that side is the boundary
  itself, the other one keeps a/2 (0 events, 95 %: 3.689, not the one-sided 2.996).
- Without person-time (or without subjects) nothing is estimated: estimate and limits are None, whatever the
  events.
- An event counts as often as it happened. The interval takes the events as independent; several events of one
  subject make it too narrow, so a view shows subjects beside events.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from projections.statistics.fixed_point import tail_of

DAYS_PER_YEAR: Final = Fraction(1461, 4)
"""365.25: the Julian year, by which person-days become person-years."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`estimate`, `low` and `high` are events per `per` units of `person_time`; None without person-time."""

    events: int
    person_time: Fraction
    per: int
    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Proportion:
    """`count` of `n`, with its estimate and limits between 0 and 1; None where n is 0."""

    count: int
    n: int
    estimate: float | None
    low: float | None
    high: float | None


def rate(events: int, person_time: int | Decimal | Fraction, confidence: str = "0.95", per: int = 1) -> Rate:
    """Events per `per` units of person-time, whose unit is the caller's, with Garwood's exact interval.

    Raises ValueError for negative counts or times, a `per` below 1 or a confidence level outside (0, 1).
    """
    _whole("events", events)
    _whole("per", per, least=1)
    tail = tail_of(confidence)
    if isinstance(person_time, Decimal) and not person_time.is_finite():
        raise ValueError(f"person_time: must be finite, got {person_time}")
    time = Fraction(person_time)
    if time < 0:
        raise ValueError(f"person_time: must not be negative, got {person_time}")
    if not time:
        return Rate(events, time, per, None, None, None)
    special = _special()
    # The upper tail has its own function: 1 - a/2 would round a small a away.
    low = float(special.gammaincinv(events, float(tail))) if events else 0.0
    high = float(special.gammainccinv(events + 1, float(tail)))
    unit = float(per / time)
    return Rate(events, time, per, float(events * per / time), low * unit, high * unit)


def per_100_person_years(events: int, person_days: int | Decimal | Fraction, confidence: str = "0.95") -> Rate:
    """Events per 100 person-years from person-days, a year being 365.25 days; `person_time` is in years."""
    if isinstance(person_days, Decimal) and not person_days.is_finite():
        raise ValueError(f"person_days: must be finite, got {person_days}")
    return rate(events, Fraction(person_days) / DAYS_PER_YEAR, confidence, per=100)


def proportion(count: int, n: int, confidence: str = "0.95") -> Proportion:
    """`count` of `n` with the exact interval of Clopper and Pearson.

    Raises ValueError unless 0 <= count <= n, or for a confidence level outside (0, 1).
    """
    _whole("count", count)
    _whole("n", n)
    tail = tail_of(confidence)
    if count > n:
        raise ValueError(f"count: must not exceed n, got {count} of {n}")
    if not n:
        return Proportion(count, n, None, None, None)
    special = _special()
    low = float(special.betaincinv(count, n - count + 1, float(tail))) if count else 0.0
    high = float(special.betainccinv(count + 1, n - count, float(tail))) if count < n else 1.0
    return Proportion(count, n, count / n, low, high)


def _special() -> Any:
    # Imported on use, and not scipy.stats, which takes three times as long: a command has to start quickly.
    import scipy.special

    return scipy.special


def _whole(name: str, value: int, least: int = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}: must be a whole number from {least}, got {value!r}")
