"""The statistics behind the views: pure functions from numbers to numbers, each tied to a published method.

Rules of this package
- No I/O, no clock, no randomness, no events: a view hands in counts, times and decimals.
- Nothing depends on the order in which subjects or values are handed in.
- What can be computed exactly (survival, proportions, means) is, as fractions, and only then rounded, so
  two machines agree. Confidence limits come from `math` and scipy and may differ in the last bits: views
  never write a float, they write `fixed(x, digits)`.
- What cannot be estimated is None, never 0, 1 or NaN.
- scipy is imported inside the functions that need it: a command that prints no interval does not wait for it.
"""

from projections.statistics.describe import Description, describe
from projections.statistics.differences import Difference, newcombe, survival_difference, wilson
from projections.statistics.fixed_point import fixed
from projections.statistics.logrank import LogRank, log_rank
from projections.statistics.rate_comparison import Compared, rate_difference, rate_ratio
from projections.statistics.rates import (
    DAYS_PER_YEAR,
    Proportion,
    Rate,
    per_100_person_years,
    proportion,
    rate,
)
from projections.statistics.survival import (
    Median,
    Subject,
    SurvivalPoint,
    kaplan_meier,
    median_survival,
    number_at_risk,
    survival_at,
)

__all__ = [
    "DAYS_PER_YEAR",
    "Compared",
    "Description",
    "Difference",
    "LogRank",
    "Median",
    "Proportion",
    "Rate",
    "Subject",
    "SurvivalPoint",
    "describe",
    "fixed",
    "kaplan_meier",
    "log_rank",
    "median_survival",
    "newcombe",
    "number_at_risk",
    "per_100_person_years",
    "proportion",
    "rate",
    "rate_difference",
    "rate_ratio",
    "survival_at",
    "survival_difference",
    "wilson",
]
