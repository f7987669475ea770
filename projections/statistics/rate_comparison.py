"""Two event rates compared: their ratio and their difference, with confidence intervals.

Rules of this file
- The first rate is divided by the second, and the second taken from the first.
- Ratio: given how many events there were in all, those of the first group are binomial, with a probability that
  depends on the ratio alone. So the exact limits of that probability (Clopper and Pearson) give exact limits of the
  ratio: the exact conditional interval, as in R's `poisson.test`. Without an event in the second group there is no
  upper limit and no estimate, and without any event nothing at all: None.
- Difference: no interval of it is exact, since it depends on the rates themselves. The limits are put together of the
  exact ones of each rate (Garwood) by the method of variance estimates recovery, which keeps them on the safe side.
- Without person-time in either group nothing is compared.

Sources: Przyborowski & Wilenski 1940, Biometrika 31:313; Lehmann & Romano, Testing Statistical Hypotheses, 4.5;
Zou & Donner 2008, Stat Med 27:1693; Li, Tang & Wong 2014, Commun Stat Simul Comput 43:869.
"""

import math
from dataclasses import dataclass

from projections.statistics.rates import Rate, proportion


@dataclass(frozen=True, slots=True)
class Compared:
    """`estimate` with its limits; None is what cannot be estimated (for the upper limit of a ratio: there is none)."""

    estimate: float | None
    low: float | None
    high: float | None


_NOTHING = Compared(None, None, None)


def rate_ratio(one: Rate, other: Rate, confidence: str = "0.95") -> Compared:
    """The rate `one` divided by the rate `other`. Raises ValueError for a confidence level outside (0, 1)."""
    given = proportion(one.events, one.events + other.events, confidence)
    if not one.person_time or not other.person_time or given.low is None or given.high is None:
        return _NOTHING
    scale = float(other.person_time / one.person_time)
    return Compared(
        float(one.events * other.person_time / (one.person_time * other.events)) if other.events else None,
        given.low / (1 - given.low) * scale if given.low < 1 else None,
        given.high / (1 - given.high) * scale if given.high < 1 else None,
    )


def rate_difference(one: Rate, other: Rate) -> Compared:
    """The rate `one` less the rate `other`, in their unit, at the confidence that they were made with.

    Raises ValueError for rates of two units.
    """
    if one.per != other.per:
        raise ValueError(f"per: must be the same of both rates, got {one.per} and {other.per}")
    if (
        one.estimate is None or one.low is None or one.high is None
        or other.estimate is None or other.low is None or other.high is None
    ):  # fmt: skip
        return _NOTHING
    estimate = float(one.events * one.per / one.person_time - other.events * other.per / other.person_time)
    below = math.hypot(one.estimate - one.low, other.high - other.estimate)
    above = math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Compared(estimate, estimate - below, estimate + above)
