"""The statistics agree with published tables, with independent programs and with their own laws.

Published: the remission times of Freireich et al. 1963 (Blood 21:699), with the curve and Greenwood errors
that survival textbooks print for them and the log-log limits of Stata's `sts list`; Clopper-Pearson limits
of Newcombe 1998 (Stat Med 17:857, table I, method 5); the Poisson limits of Garwood 1936 (Biometrika
28:437). Programs: lifelines for the curve, scipy.stats for the intervals, the standard library for
descriptions.
"""

import math
import random
import statistics
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from projections.statistics import (
    describe,
    fixed,
    kaplan_meier,
    number_at_risk,
    per_100_person_years,
    proportion,
    rate,
    survival_at,
)

Subjects: TypeAlias = list[tuple[int, bool]]

DIED_6MP = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED_6MP = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
ARM_6MP: Subjects = [(t, True) for t in DIED_6MP] + [(t, False) for t in CENSORED_6MP]
PLACEBO: Subjects = [(t, True) for t in [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]]

subjects_lists = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=40)
measurements = st.lists(
    st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, places=3), min_size=2, max_size=30
)


# Kaplan-Meier: published

PUBLISHED_6MP = [
    # week, at risk, events, S, Greenwood's error, log-log limits
    (6, 21, 3, "0.8571", "0.0764", "0.6197", "0.9516"),
    (7, 17, 1, "0.8067", "0.0869", "0.5631", "0.9228"),
    (10, 15, 1, "0.7529", "0.0963", "0.5032", "0.8894"),
    (13, 12, 1, "0.6902", "0.1068", "0.4316", "0.8491"),
    (16, 11, 1, "0.6275", "0.1141", "0.3675", "0.8049"),
    (22, 7, 1, "0.5378", "0.1282", "0.2678", "0.7468"),
    (23, 6, 1, "0.4482", "0.1346", "0.1881", "0.6801"),
]


def test_the_6mp_arm_has_the_published_curve_errors_and_limits() -> None:
    deaths = [point for point in kaplan_meier(ARM_6MP, horizon=35) if point.events]
    assert [
        (
            p.time,
            p.at_risk,
            p.events,
            fixed(p.survival, 4),
            fixed(p.std_error, 4),
            fixed(p.low, 4),
            fixed(p.high, 4),
        )
        for p in deaths
    ] == PUBLISHED_6MP


def test_the_placebo_arm_has_the_published_first_weeks_and_ends_at_zero() -> None:
    points = kaplan_meier(PLACEBO, horizon=35)
    assert [
        (p.time, p.at_risk, fixed(p.survival, 4), fixed(p.std_error, 4), fixed(p.low, 4), fixed(p.high, 4))
        for p in points[1:3]
    ] == [
        (1, 21, "0.9048", "0.0641", "0.6700", "0.9753"),
        (2, 19, "0.8095", "0.0857", "0.5689", "0.9239"),
    ]
    assert (points[-1].time, points[-1].survival) == (23, 0.0)


def test_numbers_at_risk_count_those_whose_time_is_t_or_later() -> None:
    assert number_at_risk(ARM_6MP, [0, 6, 7, 10, 13, 16, 22, 23, 35, 36]) == [
        21,
        21,
        17,
        15,
        12,
        11,
        7,
        6,
        1,
        0,
    ]


# Kaplan-Meier: conventions


def test_a_death_comes_before_a_censoring_of_the_same_day() -> None:
    points = kaplan_meier([(5, False), (5, True)])
    assert [(p.time, p.at_risk, p.events, p.censored, p.survival) for p in points] == [
        (0, 2, 0, 0, 1.0),
        (5, 2, 1, 1, 0.5),
    ]


def test_follow_up_beyond_the_horizon_is_censored_at_it() -> None:
    points = kaplan_meier([(28, True), (29, True), (400, False)], horizon=28)
    last = points[-1]
    assert (last.time, last.at_risk, last.events, last.censored) == (28, 3, 1, 2)
    assert last.survival == float(Fraction(2, 3))


def test_a_death_on_day_0_lowers_the_first_point() -> None:
    points = kaplan_meier([(0, True), (3, False)])
    assert (points[0].time, points[0].at_risk, points[0].survival) == (0, 2, 0.5)


def test_at_survival_1_no_limits_are_claimed() -> None:
    first = kaplan_meier([(3, False), (28, False)])[0]
    assert (first.survival, first.std_error, first.low, first.high) == (1.0, 0.0, None, None)


def test_at_survival_0_neither_error_nor_limits_are_claimed() -> None:
    last = kaplan_meier([(3, True), (4, True)])[-1]
    assert (last.survival, last.std_error, last.low, last.high) == (0.0, None, None, None)


def test_no_subjects_make_no_curve() -> None:
    assert kaplan_meier([]) == []
    assert survival_at([], 28) is None
    assert number_at_risk([], [0, 28]) == [0, 0]


def test_survival_between_two_days_is_that_of_the_step_before_with_those_then_at_risk() -> None:
    at_8 = survival_at(kaplan_meier(ARM_6MP, horizon=35), 8)
    assert at_8 is not None
    assert (at_8.time, at_8.at_risk, at_8.events, at_8.censored) == (8, 16, 0, 0)
    assert fixed(at_8.survival, 4) == "0.8067"


def test_survival_after_the_last_day_followed_is_not_estimable() -> None:
    halted_early = kaplan_meier([(5, True), (12, False)])
    assert survival_at(halted_early, 12) is not None
    assert survival_at(halted_early, 28) is None


def test_survival_after_the_last_death_of_all_stays_zero() -> None:
    after = survival_at(kaplan_meier([(5, True), (6, True)]), 28)
    assert after is not None
    assert (after.time, after.survival, after.at_risk) == (28, 0.0, 0)


@pytest.mark.parametrize("time", [-1, True, 1.5])
def test_a_time_that_is_no_whole_day_from_0_is_refused(time: Any) -> None:
    with pytest.raises(ValueError, match="time: must be a whole number of days"):
        kaplan_meier([(time, True)])


def test_a_horizon_before_day_0_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon: must not be negative"):
        kaplan_meier([(1, True)], horizon=-1)


@pytest.mark.parametrize("confidence", ["95", "0", "1", "-0.5", "NaN", "high", ""])
def test_a_confidence_level_outside_0_and_1_is_refused_everywhere(confidence: str) -> None:
    with pytest.raises(ValueError, match="confidence"):
        kaplan_meier([(1, True)], confidence=confidence)
    with pytest.raises(ValueError, match="confidence"):
        rate(1, 1, confidence)
    with pytest.raises(ValueError, match="confidence"):
        proportion(1, 2, confidence)


# Kaplan-Meier: laws


@given(subjects_lists, st.integers(0, 40))
def test_survival_never_rises_and_stays_between_its_limits(subjects: Subjects, horizon: int) -> None:
    points = kaplan_meier(subjects, horizon)
    assert [p.time for p in points] == sorted({p.time for p in points})
    assert all(a.survival >= b.survival for a, b in pairwise(points))
    for point in points:
        assert 0 <= point.survival <= 1
        if 0 < point.survival < 1:
            assert point.low is not None
            assert point.high is not None
            assert 0 <= point.low < point.survival < point.high <= 1


@given(subjects_lists, st.integers(0, 40))
def test_survival_is_the_product_over_days_counted_anew(subjects: Subjects, horizon: int) -> None:
    product = Fraction(1)
    by_time = {p.time: p for p in kaplan_meier(subjects, horizon)}
    for day in range(horizon + 1):
        at_risk = sum(1 for time, _ in subjects if time >= day)
        deaths = sum(1 for time, died in subjects if time == day and died)
        if at_risk:
            product *= 1 - Fraction(deaths, at_risk)
        if day in by_time:
            assert by_time[day].survival == float(product)
            assert by_time[day].at_risk == at_risk
        else:
            assert not deaths


@given(subjects_lists, st.randoms(use_true_random=False))
def test_the_order_of_subjects_does_not_matter(subjects: Subjects, source: random.Random) -> None:
    shuffled = list(subjects)
    source.shuffle(shuffled)
    assert kaplan_meier(shuffled) == kaplan_meier(subjects)


@given(st.lists(st.integers(0, 60), min_size=1))
def test_where_nobody_died_survival_is_1(times: list[int]) -> None:
    assert {p.survival for p in kaplan_meier((t, False) for t in times)} == {1.0}


@given(st.lists(st.tuples(st.integers(0, 28), st.booleans()), min_size=1))
def test_without_early_censoring_survival_is_the_proportion_alive(raw: Subjects) -> None:
    subjects = [(time if died else 28, died) for time, died in raw]
    alive = sum(1 for _, died in subjects if not died)
    last = kaplan_meier(subjects)[-1]
    assert last.survival == alive / len(subjects)
    if alive:
        # Greenwood's error is then the binomial one.
        p = alive / len(subjects)
        assert last.std_error == pytest.approx(math.sqrt(p * (1 - p) / len(subjects)), rel=1e-12)


@given(subjects_lists, st.integers(0, 40))
def test_everybody_at_risk_leaves_by_a_death_or_a_censoring(subjects: Subjects, horizon: int) -> None:
    points = kaplan_meier(subjects, horizon)
    assert points[0].at_risk == len(subjects) == sum(p.events + p.censored for p in points)
    assert [p.at_risk for p in points] == number_at_risk(subjects, [p.time for p in points])


@given(subjects_lists, st.integers(0, 45))
def test_survival_at_any_day_carries_the_last_step_with_those_then_at_risk(subjects: Subjects, day: int) -> None:
    points = kaplan_meier(subjects, horizon=45)
    found = survival_at(points, day)
    last_step = [p for p in points if p.time <= day][-1]
    if found is None:
        assert day > max(time for time, _ in subjects)
        assert last_step.survival > 0
    else:
        assert found.survival == last_step.survival
        assert [found.at_risk] == number_at_risk(subjects, [day])


# Kaplan-Meier: an independent program


@settings(max_examples=40, deadline=None)
@given(subjects_lists, st.sampled_from(["0.8", "0.95", "0.99"]))
def test_curve_and_limits_agree_with_lifelines(subjects: Subjects, confidence: str) -> None:
    lifelines: Any = pytest.importorskip("lifelines")
    fitter = lifelines.KaplanMeierFitter()
    times, died = zip(*subjects, strict=True)
    fitter.fit(times, died, alpha=1 - float(confidence))
    limits = fitter.confidence_interval_
    for point in kaplan_meier(subjects, horizon=40, confidence=confidence):
        assert point.survival == pytest.approx(fitter.predict(point.time), rel=1e-9, abs=1e-12)
        if 0 < point.survival < 1:
            low, high = limits.loc[point.time]
            assert point.low == pytest.approx(low, rel=1e-7, abs=1e-9)
            assert point.high == pytest.approx(high, rel=1e-7, abs=1e-9)


# Rates


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [
        (0, "0.000", "3.689"),
        (1, "0.025", "5.572"),
        (2, "0.242", "7.225"),
        (5, "1.623", "11.668"),
        (10, "4.795", "18.390"),
    ],
)
def test_poisson_limits_are_the_published_ones(events: int, low: str, high: str) -> None:
    found = rate(events, 1)
    assert (fixed(found.low, 3), fixed(found.high, 3)) == (low, high)


@given(st.integers(0, 500), st.integers(1, 10**6), st.sampled_from(["0.8", "0.95", "0.99"]))
def test_poisson_limits_leave_half_of_the_error_in_each_tail(events: int, time: int, confidence: str) -> None:
    from scipy.stats import chi2, poisson

    found = rate(events, time, confidence)
    tail = (1 - float(confidence)) / 2
    assert found.estimate is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.estimate < found.high
    assert poisson.cdf(events, found.high * time) == pytest.approx(tail, rel=1e-8)
    assert found.high * time == pytest.approx(chi2.ppf(1 - tail, 2 * events + 2) / 2, rel=1e-8)
    if events:
        assert poisson.sf(events - 1, found.low * time) == pytest.approx(tail, rel=1e-8)
    else:
        assert found.low == 0


def test_a_rate_per_100_person_years_takes_years_of_365_25_days() -> None:
    found = per_100_person_years(3, 36525)
    assert (found.person_time, found.estimate) == (Fraction(100), 3.0)
    assert (fixed(found.low, 2), fixed(found.high, 2)) == ("0.62", "8.77")


@given(st.integers(0, 50), st.integers(1, 10**5), st.integers(1, 1000))
def test_the_unit_of_person_time_scales_estimate_and_limits_alike(events: int, time: int, unit: int) -> None:
    one, other = rate(events, time * unit, per=unit), rate(events, time)
    assert one.estimate == other.estimate
    assert one.low == pytest.approx(other.low, rel=1e-12)
    assert one.high == pytest.approx(other.high, rel=1e-12)


@pytest.mark.parametrize("events", [0, 2])
def test_without_person_time_no_rate_is_claimed(events: int) -> None:
    found = rate(events, 0)
    assert (found.estimate, found.low, found.high) == (None, None, None)
    assert per_100_person_years(events, 0).estimate is None


@pytest.mark.parametrize(
    ("events", "time", "field"),
    [(-1, 1, "events"), (1.5, 1, "events"), (1, -1, "person_time"), (1, Decimal("NaN"), "person_time")],
)
def test_an_impossible_count_or_time_is_refused_by_name(events: Any, time: Any, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        rate(events, time)


# Proportions


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, "0.2527", "0.3676"),
        (15, 148, "0.0578", "0.1617"),
        (0, 20, "0.0000", "0.1684"),
        (1, 29, "0.0009", "0.1776"),
    ],
)
def test_binomial_limits_are_the_published_ones(count: int, n: int, low: str, high: str) -> None:
    found = proportion(count, n)
    assert (fixed(found.low, 4), fixed(found.high, 4)) == (low, high)


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_binomial_limits_agree_with_scipys_exact_test(n: int, data: st.DataObject) -> None:
    from scipy.stats import binomtest

    count = data.draw(st.integers(0, n))
    level = data.draw(st.sampled_from(["0.8", "0.95", "0.99"]))
    found = proportion(count, n, level)
    oracle = binomtest(count, n).proportion_ci(float(level), method="exact")
    assert found.estimate == count / n
    assert found.low == pytest.approx(oracle.low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(oracle.high, rel=1e-6, abs=1e-9)


@given(st.integers(1, 300), st.data())
def test_the_complement_has_the_mirrored_limits(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    here, there = proportion(count, n), proportion(n - count, n)
    assert here.low is not None
    assert here.high is not None
    assert there.high == pytest.approx(1 - here.low, abs=1e-12)
    assert there.low == pytest.approx(1 - here.high, abs=1e-12)


def test_of_no_subjects_no_proportion_is_claimed() -> None:
    found = proportion(0, 0)
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_more_successes_than_subjects_are_refused() -> None:
    with pytest.raises(ValueError, match="count: must not exceed n"):
        proportion(3, 2)


# Descriptions


def test_a_description_is_exact_where_34_digits_hold_it() -> None:
    found = describe([Decimal("70.1"), 72, Decimal("74.0"), Decimal("75.9")])
    assert (found.n, found.mean, found.median) == (4, Decimal("73"), Decimal("73"))
    assert (found.minimum, found.maximum, found.places) == (Decimal("70.1"), Decimal("75.9"), 1)


def test_the_standard_deviation_divides_by_n_minus_1() -> None:
    assert describe([2, 4, 4, 4, 5, 5, 7, 9]).sd == Decimal("2.138089935299395077476427847038028")
    assert math.isqrt(32 * 10**66 // 7) == 2138089935299395077476427847038028  # the same root in integers
    assert describe([1, 3, 5]).sd == Decimal(2)


def test_printing_gives_extremes_as_collected_mean_and_median_one_more_sd_two_more() -> None:
    weights = [Decimal("61.5"), Decimal("80.0"), Decimal("93.2")]
    assert describe(weights).printed() == {
        "n": "3", "mean": "78.23", "sd": "15.924", "median": "80.00", "min": "61.5", "max": "93.2",
    }  # fmt: skip
    assert describe(weights).printed(places=0)["mean"] == "78.2"


def test_of_nothing_nothing_is_described_and_of_one_value_no_deviation() -> None:
    empty = describe([]).printed()
    assert empty.pop("n") == "0"
    assert set(empty.values()) == {None}
    assert describe([5]).sd is None


@given(measurements, st.randoms(use_true_random=False))
def test_a_description_knows_neither_order_nor_trailing_zeros_nor_the_callers_context(
    values: list[Decimal], source: random.Random
) -> None:
    other = [Decimal(f"{value:f}0") for value in values]
    source.shuffle(other)
    with localcontext() as context:
        context.prec = 3
        again = describe(other)
    assert again.printed(3) == describe(values).printed(3)
    assert str((again.mean, again.sd, again.minimum)) == str(
        (describe(values).mean, describe(values).sd, describe(values).minimum)
    )


@given(measurements)
def test_descriptions_agree_with_the_standard_library(values: list[Decimal]) -> None:
    found = describe(values)
    exact = [Fraction(value) for value in values]
    assert found.mean is not None
    assert found.sd is not None
    assert abs(Fraction(found.mean) - statistics.mean(exact)) <= Fraction(1, 10**24)
    assert found.median == statistics.median(values)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert float(found.sd) == pytest.approx(float(statistics.stdev(exact)), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+999999", "1E-999999", "1" * 35])
def test_a_value_that_is_not_finite_or_too_long_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="value: must"):
        describe([Decimal(value)])


# Printing


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0.125, 2, "0.12"),
        (0.375, 2, "0.38"),
        (0.00125, 4, "0.0012"),
        (0.025000000000000001, 2, "0.02"),
        (math.nextafter(0.025, 1), 2, "0.02"),
        (math.nextafter(0.025, 0), 2, "0.02"),
        (math.nextafter(0.035, 0), 2, "0.04"),
        (Fraction(1, 8), 2, "0.12"),
        (Fraction(1, 8) + Fraction(1, 10**30), 2, "0.13"),
        (Decimal("2.5"), 0, "2"),
        (3, 1, "3.0"),
        (-0.0001, 2, "0.00"),
        (-1.005, 2, "-1.00"),
        (-0.5, 1, "-0.5"),
        (1e-20, 4, "0.0000"),
        (1.0, 4, "1.0000"),
        (0.1234567890123456, 16, "0.1234567890120000"),
        (None, 2, None),
    ],
)
def test_a_number_is_printed_half_to_even_on_the_decimal_that_a_person_reads(
    x: Any, digits: int, text: str | None
) -> None:
    assert fixed(x, digits) == text


@pytest.mark.parametrize("x", [math.nan, math.inf, Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_not_finite_is_not_printed(x: float | Decimal) -> None:
    with pytest.raises(ValueError, match="finite"):
        fixed(x, 2)


@given(st.floats(min_value=-(10**6), max_value=10**6), st.integers(0, 5))
def test_printing_hides_the_last_bit_of_a_float_and_nothing_more(x: float, digits: int) -> None:
    printed = fixed(x, digits)
    assert abs(Fraction(printed) - Fraction(x)) <= Fraction(1, 2 * 10**digits) + Fraction(1, 10**5)
    # A tie of the decimal reading may fall on either side of x; away from ties the neighbour prints alike.
    scaled = Fraction(x) * 10**digits
    assume(abs(scaled % 1 - Fraction(1, 2)) > Fraction(1, 10**3))
    assert fixed(math.nextafter(x, math.inf), digits) == printed


def test_importing_the_package_does_not_import_scipy() -> None:
    probe = "import sys, projections.statistics; sys.exit('scipy' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
