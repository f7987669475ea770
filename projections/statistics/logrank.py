"""The log-rank test: whether survival differs between groups.

Rules of this file
- On each day on which somebody died, of n at risk in all groups d died; a group with n_j at risk is expected to have
  d n_j / n of them. Deaths of a day are tied: their covariance is the hypergeometric one, with (n - d) / (n - 1).
- At risk at t are all whose time is t or later, as in `survival.py`, and nobody is followed beyond the horizon.
- Chi-square is u' V^- u, with u the observed less the expected deaths and V their covariance; its degrees of freedom
  are the rank of V. So a group without subjects, or with nobody at risk on any day of a death, takes none away: with
  k groups that are compared there are k - 1.
- u, V and chi-square are exact fractions; only p is not.
- Without a day on which anybody died while two groups were at risk nothing is tested: all of it is None.

Sources: Mantel 1966, Cancer Chemother Rep 50:163; Peto & Peto 1972, JRSS A 135:185.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from projections.statistics.survival import Subject, check_time


@dataclass(frozen=True, slots=True)
class LogRank:
    """`observed` and `expected` deaths by group, in the order given; `chi_square` to `p` None where nothing is tested.

    `p` is the probability of a chi-square as large or larger, were survival the same.
    """

    observed: tuple[int, ...]
    expected: tuple[Fraction, ...]
    chi_square: Fraction | None
    df: int | None
    p: float | None


def log_rank(groups: Sequence[Iterable[Subject]], horizon: int = 28) -> LogRank:
    """The test of `groups` up to `horizon` days. Raises ValueError for times as `kaplan_meier` does."""
    if horizon < 0:
        raise ValueError(f"horizon: must not be negative, got {horizon}")
    ends: list[list[int]] = []
    deaths: list[Counter[int]] = []
    for group in groups:
        subjects = list(group)
        for time, _ in subjects:
            check_time(time)
        ends.append(sorted(time for time, _ in subjects))
        deaths.append(Counter(time for time, died in subjects if died and time <= horizon))
    k = len(ends)
    expected = [Fraction(0)] * k
    covariance = [[Fraction(0)] * k for _ in range(k)]
    for time in sorted(set().union(*deaths)):
        at_risk = [len(times) - bisect_left(times, time) for times in ends]
        n, d = sum(at_risk), sum(died[time] for died in deaths)
        for i in range(k):
            expected[i] += Fraction(d * at_risk[i], n)
            if n > 1:
                shared = Fraction(d * (n - d) * at_risk[i], n * n * (n - 1))
                for j in range(k):
                    covariance[i][j] += shared * ((n if i == j else 0) - at_risk[j])
    observed = tuple(died.total() for died in deaths)
    excess = [o - e for o, e in zip(observed, expected, strict=True)]
    chi_square, df = _quadratic(covariance, excess)
    if not df:
        return LogRank(observed, tuple(expected), None, None, None)
    import scipy.special  # on use: a command has to start quickly

    p = float(scipy.special.chdtrc(df, float(chi_square)))
    return LogRank(observed, tuple(expected), chi_square, df, p)


def _quadratic(matrix: list[list[Fraction]], vector: list[Fraction]) -> tuple[Fraction, int]:
    """(vector' matrix^- vector, rank of the matrix), for a positive semidefinite matrix whose range holds the vector.

    By elimination: exact, so that a pivot of 0 is a row that the others make up.
    """
    rows, right = [list(row) for row in matrix], list(vector)
    total, rank = Fraction(0), 0
    for i, row in enumerate(rows):
        if not row[i]:
            continue
        rank += 1
        total += right[i] ** 2 / row[i]
        for j in range(i + 1, len(rows)):
            factor = rows[j][i] / row[i]
            right[j] -= factor * right[i]
            rows[j] = [mine - factor * theirs for mine, theirs in zip(rows[j], row, strict=True)]
    return total, rank
