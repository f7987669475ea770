"""Medians, the log-rank test and differences of risks and rates agree with published tables and other programs.

Published: the remission times of Freireich et al. 1963 (Blood 21:699); Newcombe 1998 (Stat Med 17:873, table II,
method 10). Programs: lifelines, statsmodels, scipy.stats, and R with its package survival where it is installed.
"""

import math
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.statistics import (
    Median,
    SurvivalPoint,
    fixed,
    kaplan_meier,
    log_rank,
    median_survival,
    newcombe,
    per_100_person_years,
    proportion,
    rate,
    rate_difference,
    rate_ratio,
    survival_at,
    survival_difference,
    wilson,
)
from tests.projections.in_r import number, run_r, vector
from tests.projections.test_survival_curve import ARM_6MP, PLACEBO, Subjects

LEVELS: Final = st.sampled_from(["0.8", "0.95", "0.99"])
# Few days for many subjects, so that there are ties; any group may be empty, without a death, or all dead.
groups_of: Final = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=25)
two_groups: Final = st.tuples(groups_of, groups_of)


def at(subjects: Subjects, day: int, horizon: int = 40) -> SurvivalPoint | None:
    return survival_at(kaplan_meier(subjects, horizon), day)


def dead(subjects: Subjects) -> tuple[int, int]:
    return sum(died for _, died in subjects), len(subjects)


def limits(found: Median) -> list[float | None]:
    return [None if x is None else float(x) for x in (found.time, found.low, found.high)]


def near(found: float | Fraction | None, wanted: float | None, rel: float = 1e-7) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return float(found) == pytest.approx(wanted, rel=rel, abs=1e-9)


def random_subjects(seed: int) -> list[list[Subjects]]:
    """Sets of two or three groups, drawn once for all: with ties, without deaths, all dead, of one subject."""
    source = random.Random(seed)
    sets: list[list[Subjects]] = []
    for _ in range(25):
        share, days = source.choice([0.0, 0.2, 0.6, 1.0]), source.choice([4, 12, 40])
        sets.append(
            [
                [(source.randint(0, days), source.random() < share) for _ in range(source.randint(1, 30))]
                for _ in range(source.choice([2, 2, 3]))
            ]
        )
    return sets


# The log-rank test


def test_the_log_rank_test_of_the_remission_times_is_the_published_one() -> None:
    found = log_rank([ARM_6MP, PLACEBO], horizon=35)
    assert found.observed == (9, 21)
    assert [fixed(expected, 2) for expected in found.expected] == ["19.25", "10.75"]
    assert (fixed(found.chi_square, 2), found.df) == ("16.79", 1)
    assert found.p == pytest.approx(4.17e-5, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(two_groups)
def test_the_log_rank_test_agrees_with_lifelines(groups: tuple[Subjects, Subjects]) -> None:
    statistics: Any = pytest.importorskip("lifelines.statistics")
    found = log_rank(groups, horizon=40)
    if found.chi_square is None or found.p is None:
        return
    one, other = groups
    oracle = statistics.logrank_test(
        [time for time, _ in one], [time for time, _ in other], [died for _, died in one], [died for _, died in other]
    )
    assert near(found.chi_square, oracle.test_statistic)
    assert near(found.p, oracle.p_value, rel=1e-6)


def test_the_log_rank_test_of_any_number_of_groups_agrees_with_r() -> None:
    sets = random_subjects(1)
    lines = run_r("library(survival)\n" + "\n".join(_survdiff(groups) for groups in sets))
    compared = 0
    for groups, (chi, p, *expected) in zip(sets, lines, strict=True):
        found = log_rank(groups, horizon=40)
        assert [float(one) for one in found.expected] == pytest.approx([float(one) for one in expected], abs=1e-9)
        if chi != "none" and found.chi_square is not None:
            assert near(found.chi_square, float(chi), rel=1e-9)
            assert near(found.p, number(p), rel=1e-7)
            compared += 1
    assert compared > 12, "too few sets with a test in them prove little"


def _survdiff(groups: list[Subjects]) -> str:
    flat = [(time, died, index) for index, group in enumerate(groups) for time, died in group]
    times, died, index = (vector(column) for column in zip(*flat, strict=True))
    return (
        f"r <- tryCatch({{s <- survdiff(Surv({times}, {died}) ~ {index}); "
        "df <- sum(s$exp > 0) - 1; if (df < 1) stop(); "
        "c(format(c(s$chisq, pchisq(s$chisq, df, lower.tail = FALSE), s$exp), digits = 15))}, "
        f"error = function(e) c('none', 'none', format(survdiff(Surv({times}, {died}) ~ {index})$exp, digits = 15)))\n"
        "cat(r, '\\n')"
    )


@given(st.lists(groups_of, min_size=2, max_size=4))
def test_expected_deaths_add_up_to_the_observed_ones(groups: list[Subjects]) -> None:
    found = log_rank(groups)
    assert sum(found.expected) == sum(found.observed)


@given(two_groups)
def test_a_group_without_subjects_changes_nothing(groups: tuple[Subjects, Subjects]) -> None:
    found, more = log_rank(groups), log_rank([*groups, []])
    assert (found.chi_square, found.df, found.p) == (more.chi_square, more.df, more.p)


@given(st.lists(groups_of, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_neither_the_order_of_groups_nor_of_subjects_matters(groups: list[Subjects], source: random.Random) -> None:
    mixed = [source.sample(group, len(group)) for group in groups]
    source.shuffle(mixed)
    assert log_rank(mixed).chi_square == log_rank(groups).chi_square


@pytest.mark.parametrize(
    "groups",
    [
        [[], []],
        [ARM_6MP, []],
        [[(5, False), (9, False)], [(7, False)]],
        [[(3, False)], [(9, True)]],
        [[(9, True)], [(3, False)]],
    ],
    ids=["nobody", "one group empty", "all censored", "alone at risk at the one death", "and the other way round"],
)
def test_where_nothing_can_be_compared_nothing_is_tested(groups: list[Subjects]) -> None:
    found = log_rank(groups, horizon=40)
    assert (found.chi_square, found.df, found.p) == (None, None, None)


def test_a_death_after_the_horizon_is_none_in_the_test() -> None:
    assert log_rank([[(29, True)], [(40, False)]], horizon=28).observed == (0, 0)


def test_groups_that_are_alike_have_a_chi_square_of_0() -> None:
    found = log_rank([PLACEBO, PLACEBO], horizon=35)
    assert [found.chi_square, found.p] == [0, 1.0]


# Median survival


def test_the_medians_of_the_remission_times_are_the_published_ones() -> None:
    treated, placebo = median_survival(ARM_6MP, 35), median_survival(PLACEBO, 35)
    assert limits(treated) == [23, 13, None]
    assert limits(placebo) == [8, 4, 11]


def test_medians_and_their_limits_agree_with_r() -> None:
    sets = [group for groups in random_subjects(2) for group in groups]
    sets.append([(1, True), (3, True), (5, True), (9, True)])  # exactly one half from day 3 to day 5
    script = ["library(survival)"]
    for subjects in sets:
        times, died = (vector(column) for column in zip(*subjects, strict=True))
        fit = f"survfit(Surv({times}, {died}) ~ 1, conf.type = 'log-log')"
        script.append(f"q <- quantile({fit}, 0.5); cat(q$quantile, q$lower, q$upper, '\\n')")
    for subjects, line in zip(sets, run_r("\n".join(script)), strict=True):
        found = median_survival(subjects, horizon=40)
        assert limits(found) == [number(word) for word in line], subjects
    assert median_survival(sets[-1]).time == 4


@settings(max_examples=40, deadline=None)
@given(groups_of.filter(bool))
def test_the_limits_of_the_median_are_where_lifelines_has_them(subjects: Subjects) -> None:
    lifelines: Any = pytest.importorskip("lifelines")
    utils: Any = pytest.importorskip("lifelines.utils")
    fitter = lifelines.KaplanMeierFitter().fit(*zip(*subjects, strict=True))
    found, steps = median_survival(subjects, horizon=40), kaplan_meier(subjects, horizon=40)
    if any(point.survival in (0.0, 0.5) for point in steps):
        return  # its limits are 0 where ours are none, and it has no middle
    assert near(found.time, _finite(fitter.median_survival_time_))
    low, high = utils.median_survival_times(fitter.confidence_interval_).iloc[0]
    assert (found.low, found.high) == (_finite(low), _finite(high))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def test_a_median_that_is_not_reached_is_none() -> None:
    none = (None, None, None)
    for subjects in ([], [(3, False), (9, False)], [(29, True), (30, True)]):
        found = median_survival(subjects, horizon=28)
        assert (found.time, found.low, found.high) == none


# Differences of risks


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), "0.0524", "0.3339"),
        ((9, 10), (3, 10), "0.1705", "0.8090"),
        ((6, 7), (2, 7), "0.0582", "0.8062"),
        ((5, 56), (0, 29), "-0.0381", "0.1926"),
        ((0, 10), (0, 20), "-0.1611", "0.2775"),
        ((0, 10), (0, 10), "-0.2775", "0.2775"),
        ((10, 10), (0, 20), "0.6791", "1.0000"),
        ((10, 10), (0, 10), "0.6075", "1.0000"),
    ],
)
def test_newcombes_limits_are_the_published_ones(
    one: tuple[int, int], other: tuple[int, int], low: str, high: str
) -> None:
    found = newcombe(one, other)
    assert (fixed(found.low, 4), fixed(found.high, 4)) == (low, high)


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.data(), LEVELS)
def test_newcombes_limits_agree_with_statsmodels(n: int, m: int, data: st.DataObject, level: str) -> None:
    program: Any = pytest.importorskip("statsmodels.stats.proportion")
    one, other = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = newcombe((one, n), (other, m), level)
    oracle = program.confint_proportions_2indep(one, n, other, m, method="newcomb", alpha=1 - float(level))
    assert near(found.low, oracle[0])
    assert near(found.high, oracle[1])


@settings(deadline=None)
@given(st.integers(1, 300), st.data(), LEVELS)
def test_wilsons_limits_agree_with_scipy(n: int, data: st.DataObject, level: str) -> None:
    from scipy.stats import binomtest

    count = data.draw(st.integers(0, n))
    low, high = wilson(count, n, level)
    oracle = binomtest(count, n).proportion_ci(float(level), method="wilson")
    assert near(low, oracle.low)
    assert near(high, oracle.high)


@pytest.mark.parametrize(("count", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_wilsons_interval_of_an_impossible_count_is_refused(count: int, n: int) -> None:
    with pytest.raises(ValueError, match="count: must lie between 0 and n"):
        wilson(count, n)


def test_without_a_group_there_is_no_difference_of_proportions() -> None:
    found = newcombe((1, 4), (0, 0))
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_the_difference_of_two_curves_agrees_with_r() -> None:
    sets = [groups[:2] for groups in random_subjects(3)]
    script = ["library(survival)"]
    for one, other in sets:
        fits = []
        for subjects in (one, other):
            times, died = (vector(column) for column in zip(*subjects, strict=True))
            fits.append(f"summary(survfit(Surv({times}, {died}) ~ 1), times = 3, extend = FALSE)")
        script.append(
            f"a <- tryCatch({fits[0]}, error = function(e) NULL); b <- tryCatch({fits[1]}, error = function(e) NULL)\n"
            "ok <- length(a$surv) == 1 && length(b$surv) == 1\n"
            "d <- if (ok) b$surv - a$surv else NA\n"
            "e <- if (ok) qnorm(0.975) * sqrt(a$std.err^2 + b$std.err^2) else NA\n"
            "cat(format(c(d, d - e, d + e), digits = 15), '\\n')"
        )
    compared = 0
    for (one, other), line in zip(sets, run_r("\n".join(script)), strict=True):
        found = survival_difference(at(one, 3), at(other, 3))
        wanted = [number(word) for word in line]
        if found.estimate is not None and wanted[0] is not None:
            assert near(found.estimate, wanted[0])
        if found.low is not None and found.high is not None:
            assert near(found.low, max(-1.0, wanted[1] or 0))
            assert near(found.high, min(1.0, wanted[2] or 0))
            compared += 1
    assert compared > 5, "too few sets with limits prove little"


def test_the_difference_of_two_curves_is_that_of_risks_with_the_sum_of_greenwoods_variances() -> None:
    found = survival_difference(at(ARM_6MP, 10), at(PLACEBO, 10))
    # 1 - 0.7529 less 1 - 0.3810, errors 0.0963 and 0.1060: the tables of the textbooks.
    assert fixed(found.estimate, 3) == "-0.372"
    assert found.estimate is not None
    assert found.high is not None
    assert found.high - found.estimate == pytest.approx(1.959964 * math.hypot(0.0963, 0.1060), abs=2e-4)


def test_limits_are_not_claimed_where_a_group_has_no_death_or_nobody_left() -> None:
    some, none, all_ = [(3, True), (30, False)], [(30, False)] * 5, [(2, True), (3, True)]
    for one, other in ((some, none), (none, some), (all_, some), (none, none)):
        found = survival_difference(at(one, 28, 28), at(other, 28, 28))
        assert found.estimate is not None
        assert (found.low, found.high) == (None, None)


def test_a_curve_that_does_not_reach_the_day_has_no_difference() -> None:
    found = survival_difference(survival_at(kaplan_meier([(5, True), (6, False)]), 28), None)
    assert (found.estimate, found.low, found.high) == (None, None, None)


@given(two_groups)
def test_without_early_censoring_both_methods_estimate_the_same(groups: tuple[Subjects, Subjects]) -> None:
    one, other = ([(time if died else 28, died) for time, died in group] for group in groups)
    found = survival_difference(at(one, 28, 28), at(other, 28, 28))
    counted = newcombe(dead(one), dead(other))
    assert near(found.estimate, counted.estimate)


# Comparisons of rates

counts: Final = st.integers(0, 40)
times: Final = st.integers(1, 5000)


@settings(deadline=None)
@given(counts, times, counts, times, LEVELS)
def test_the_limits_of_a_ratio_put_half_of_the_error_in_each_tail(x: int, s: int, y: int, t: int, level: str) -> None:
    from scipy.stats import binom

    found, tail = rate_ratio(rate(x, s), rate(y, t), level), (1 - float(level)) / 2
    if not x + y:
        assert (found.estimate, found.low, found.high) == (None, None, None)
        return
    if y:
        assert near(found.estimate, x * t / (s * y))
        assert found.high is not None
        assert binom.cdf(x, x + y, found.high * s / (found.high * s + t)) == pytest.approx(tail, rel=1e-6)
    else:
        assert (found.estimate, found.high) == (None, None)
    assert found.low is not None
    if x:
        assert binom.sf(x - 1, x + y, found.low * s / (found.low * s + t)) == pytest.approx(tail, rel=1e-6)
    else:
        assert found.low == 0


def test_the_limits_of_a_ratio_agree_with_r() -> None:
    source = random.Random(4)
    cases = [
        (source.randint(0, 30), source.randint(1, 900), source.randint(0, 30), source.randint(1, 900))
        for _ in range(40)
    ]
    cases += [(0, 10, 3, 10), (3, 10, 0, 10)]
    script = [
        f"r <- poisson.test(c({x}, {y}), c({s}, {t})); cat(format(c(r$estimate, r$conf.int), digits = 15), '\\n')"
        for x, s, y, t in cases
        if x + y
    ]
    for (x, s, y, t), line in zip((case for case in cases if case[0] + case[2]), run_r("\n".join(script)), strict=True):
        found = rate_ratio(rate(x, s), rate(y, t))
        wanted = [number(word) for word in line]
        assert near(found.low, wanted[1])
        assert near(found.high, wanted[2])
        assert near(found.estimate, wanted[0])


@settings(deadline=None)
@given(counts, times, counts, times, LEVELS)
def test_the_limits_of_a_difference_agree_with_statsmodels(x: int, s: int, y: int, t: int, level: str) -> None:
    program: Any = pytest.importorskip("statsmodels.stats.rates")
    found = rate_difference(rate(x, s, level, per=100), rate(y, t, level, per=100))
    low, high = program.confint_poisson_2indep(
        x, s, y, t, method="mover", compare="diff", alpha=1 - float(level), method_mover="exact-c"
    )
    assert near(found.estimate, 100 * (x / s - y / t))
    if x and y:  # its exact limit of no event is not a number
        assert near(found.low, low * 100, rel=1e-6)
        assert near(found.high, high * 100, rel=1e-6)
    else:
        assert found.low is not None
        assert found.high is not None
        assert found.low < 100 * (x / s - y / t) + 1e-9 < found.high


def test_without_person_time_no_rates_are_compared() -> None:
    one, none = per_100_person_years(3, 1000), per_100_person_years(0, 0)
    for found in (rate_ratio(one, none), rate_ratio(none, one), rate_difference(one, none)):
        assert (found.estimate, found.low, found.high) == (None, None, None)


def test_rates_of_two_units_are_not_taken_from_one_another() -> None:
    with pytest.raises(ValueError, match="per: must be the same"):
        rate_difference(rate(1, 1), rate(1, 1, per=100))


@given(counts, times, counts, times)
def test_a_ratio_the_other_way_round_is_turned_over(x: int, s: int, y: int, t: int) -> None:
    here, there = rate_ratio(rate(x, s), rate(y, t)), rate_ratio(rate(y, t), rate(x, s))
    if x and y:
        assert here.low is not None
        assert there.high is not None
        assert here.low * there.high == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("make", [lambda c: wilson(1, 2, c), lambda c: newcombe((0, 0), (0, 0), c)])
def test_a_confidence_level_outside_0_and_1_is_refused(make: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="confidence"):
        make("95")


def test_exact_limits_of_a_decimal_person_time_are_scaled_once() -> None:
    assert rate_ratio(rate(2, Decimal("1.5")), rate(2, Decimal("1.5"))).estimate == 1.0
    assert proportion(2, 4).estimate == 0.5
