"""Survival by Kaplan and Meier, with Greenwood's standard error and log-log confidence limits.

Rules of this file
- A subject is (time, died): whole days from the start of the clock to death, or to the last day known alive.
- At risk at t are all whose time is t or later: count(time >= t). Who dies or is censored on day t was at
  risk on t.
- Deaths of a day come before the censorings of that day.
- Whoever is followed beyond the horizon is censored at it; a death on the day of the horizon counts.
- The curve starts with a point at day 0 and has a point for each day on which somebody died or was censored.
- S(t) is the product over the days i <= t of (1 - d_i/n_i).
- Greenwood: Var(log S) is the sum over the same days of d_i / (n_i (n_i - d_i)); the standard error of S is
  S sqrt(Var(log S)).
- Limits: S ** exp(+-z sqrt(Var(log S)) / log S), which stay within (0, 1). At S = 1 and S = 0 the
  transformation is undefined and both limits are None, as in R's `survfit(conf.type = "log-log")`: no death
  among five subjects is no proof of immortality, so [1, 1] would mislead. At S = 0 the standard error is
  None too.
- After the last day on which anybody was followed, S is not estimable unless it is 0 already.
- The median is the first day on which S is below 1/2; where S is exactly 1/2 for a while, the middle of that while, as
  in R and SAS. Its limits are those of Brookmeyer and Crowley: the days on which a median would not be rejected, read
  from the log-log limits (the first day on which `low` is 1/2 or less, and the same of `high`). What the curve does
  not reach within the horizon is None.

Sources: Kaplan & Meier 1958, JASA 53:457; Greenwood 1926; Kalbfleisch & Prentice, The Statistical Analysis of
Failure Time Data, section 1.4; Brookmeyer & Crowley 1982, Biometrics 38:29.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import NormalDist
from typing import TypeAlias

from projections.statistics.fixed_point import tail_of

Subject: TypeAlias = tuple[int, bool]
"""(time in days, died)"""


@dataclass(frozen=True, slots=True)
class SurvivalPoint:
    """The curve on one day.

    `at_risk` counts before the `events` (deaths) and `censored` of that day; `survival`, its `std_error`
    and the limits `low` and `high` hold after them.
    """

    time: int
    at_risk: int
    events: int
    censored: int
    survival: float
    std_error: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Median:
    """The median survival time in days, with its limits; None where the curve does not come down to it."""

    time: Fraction | None
    low: int | None
    high: int | None


def kaplan_meier(subjects: Iterable[Subject], horizon: int = 28, confidence: str = "0.95") -> list[SurvivalPoint]:
    """The curve up to `horizon` days, by time; empty where there is no subject.

    Raises ValueError for a time that is no whole number of days from 0, a horizon below 0, or a confidence
    level outside (0, 1).
    """
    z = _normal_quantile(confidence)
    return [_point(step, z) for step in _steps(subjects, horizon)]


def median_survival(subjects: Iterable[Subject], horizon: int = 28, confidence: str = "0.95") -> Median:
    """The median of the curve up to `horizon` days. Raises ValueError as `kaplan_meier` does."""
    z = _normal_quantile(confidence)
    steps = list(_steps(subjects, horizon))
    points = [_point(step, z) for step in steps]
    half = Fraction(1, 2)
    reached = next((step for step in steps if step.survival <= half), None)
    below = next((step for step in steps if step.survival < half), None)
    time: Fraction | None = None
    if reached is not None and reached.survival < half:
        time = Fraction(reached.time)
    elif reached is not None and below is not None:
        time = Fraction(reached.time + below.time, 2)
    elif reached is not None:
        time = Fraction(reached.time)
    return Median(
        time,
        next((point.time for point in points if point.low is not None and point.low <= half), None),
        next((point.time for point in points if point.high is not None and point.high <= half), None),
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """A day of the curve, exactly. `log_variance` is Greenwood's Var(log S) over the days so far at which S > 0."""

    time: int
    at_risk: int
    events: int
    censored: int
    survival: Fraction
    log_variance: Fraction


def _steps(subjects: Iterable[Subject], horizon: int) -> Iterator[_Step]:
    if horizon < 0:
        raise ValueError(f"horizon: must not be negative, got {horizon}")
    deaths: Counter[int] = Counter()
    censorings: Counter[int] = Counter()
    for time, died in subjects:
        check_time(time)
        if died and time <= horizon:
            deaths[time] += 1
        else:
            censorings[min(time, horizon)] += 1
    at_risk = deaths.total() + censorings.total()
    if not at_risk:
        return
    # Fractions, so that the estimate does not depend on the order or the machine that multiplied.
    survival, log_variance = Fraction(1), Fraction(0)
    for time in sorted({0, *deaths, *censorings}):
        died_now, censored_now = deaths[time], censorings[time]
        survival *= Fraction(at_risk - died_now, at_risk)
        if survival:
            log_variance += Fraction(died_now, at_risk * (at_risk - died_now))
        yield _Step(time, at_risk, died_now, censored_now, survival, log_variance)
        at_risk -= died_now + censored_now


def _point(step: _Step, z: float) -> SurvivalPoint:
    error, low, high = _precision(step.survival, step.log_variance, z)
    return SurvivalPoint(step.time, step.at_risk, step.events, step.censored, float(step.survival), error, low, high)


def survival_at(points: Sequence[SurvivalPoint], t: int) -> SurvivalPoint | None:
    """The curve on day `t`: the point of that day, or the step that reaches it with the number then at risk.

    None where survival is not estimable: nobody was followed up to `t`, and not all have died. The last
    estimate is `points[-1]`; whoever shows it in place of day `t` says its day. Raises ValueError for a `t`
    below 0.
    """
    check_time(t)
    after = bisect_right(points, t, key=lambda point: point.time)
    if not after:
        return None
    point = points[after - 1]
    if point.time == t:
        return point
    at_risk = points[after].at_risk if after < len(points) else 0
    if not at_risk and point.survival > 0:
        return None
    return replace(point, time=t, at_risk=at_risk, events=0, censored=0)


def number_at_risk(subjects: Iterable[Subject], times: Iterable[int]) -> list[int]:
    """count(time >= t) for each t of `times`, in their order: the row of numbers under a survival curve."""
    ends = sorted(time for time, _ in subjects)
    if ends:
        check_time(ends[0])
    return [len(ends) - bisect_right(ends, t - 1) for t in times]


def _precision(survival: Fraction, log_variance: Fraction, z: float) -> tuple[float | None, float | None, float | None]:
    if survival == 0:
        return None, None, None
    spread = math.sqrt(log_variance)
    if survival == 1:
        return 0.0, None, None
    estimate = float(survival)
    width = z * spread / -math.log(estimate)
    return estimate * spread, estimate ** math.exp(width), estimate ** math.exp(-width)


def _normal_quantile(confidence: str) -> float:
    return -NormalDist().inv_cdf(float(tail_of(confidence)))


def check_time(time: int) -> None:
    """Refuse a time that is no whole number of days from 0."""
    if isinstance(time, bool) or not isinstance(time, int) or time < 0:
        raise ValueError(f"time: must be a whole number of days from 0, got {time!r}")
