"""The difference between two groups in the risk of dying by a day, with a confidence interval, by two methods.

Rules of this file
- A difference is that of the risk in the first group less that in the second: below 0, fewer died in the first.
- KAPLAN-MEIER: the risk of each is 1 - S(t), and the variance of the difference is the sum of Greenwood's two. It takes
  in everybody, those who were censored before t too. Its limits are the difference -+ z times the standard error.
  Where nobody or everybody of a group has died, that group's variance cannot be estimated, and the limits are None: a
  variance of 0 for five subjects without a death would claim what five subjects cannot show.
- NEWCOMBE: the difference of two proportions, with the hybrid of Wilson's score intervals (method 10), which holds at
  0 and n deaths too. It needs to be known of everybody whether they were dead on that day: those censored before it
  are left out, which biases it where many are.

Sources: Greenwood 1926; Wilson 1927, JASA 22:209; Newcombe 1998, Stat Med 17:873 (method 10, without continuity
correction).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

from projections.statistics.fixed_point import tail_of
from projections.statistics.survival import SurvivalPoint


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with its limits, all between -1 and 1; None where it cannot be estimated."""

    estimate: float | None
    low: float | None
    high: float | None


def survival_difference(one: SurvivalPoint | None, other: SurvivalPoint | None, confidence: str = "0.95") -> Difference:
    """The risk of the group with the curve `one` less that of `other`, both on the same day (KAPLAN-MEIER).

    None is a curve that cannot be estimated on that day. Raises ValueError for a confidence level outside (0, 1).
    """
    z = _z(confidence)
    if one is None or other is None:
        return Difference(None, None, None)
    estimate = other.survival - one.survival
    if not one.std_error or not other.std_error:
        return Difference(estimate, None, None)
    width = z * math.hypot(one.std_error, other.std_error)
    return Difference(estimate, max(-1.0, estimate - width), min(1.0, estimate + width))


def wilson(count: int, n: int, confidence: str = "0.95") -> tuple[float, float]:
    """Wilson's score interval of `count` of `n`. Raises ValueError unless 0 <= count <= n and n is above 0."""
    z = _z(confidence)
    if not 0 <= count <= n or not n:
        raise ValueError(f"count: must lie between 0 and n, and n above 0, got {count} of {n}")
    middle, spread = count + z * z / 2, z * math.sqrt(z * z / 4 + count * (n - count) / n)
    low, high = (middle - spread) / (n + z * z), (middle + spread) / (n + z * z)
    return (low if count else 0.0), (high if count < n else 1.0)


def newcombe(one: tuple[int, int], other: tuple[int, int], confidence: str = "0.95") -> Difference:
    """The proportion `one` (count, n) less that of `other` (NEWCOMBE); None where either has nobody.

    Raises ValueError unless 0 <= count <= n, or for a confidence level outside (0, 1).
    """
    if not one[1] or not other[1]:
        _z(confidence)
        return Difference(None, None, None)
    (low, high), (other_low, other_high) = wilson(*one, confidence), wilson(*other, confidence)
    p, q = one[0] / one[1], other[0] / other[1]
    estimate = Fraction(*one) - Fraction(*other)
    below, above = math.hypot(p - low, other_high - q), math.hypot(high - p, q - other_low)
    return Difference(float(estimate), float(estimate) - below, float(estimate) + above)


def _z(confidence: str) -> float:
    return -NormalDist().inv_cdf(float(tail_of(confidence)))
