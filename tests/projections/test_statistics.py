"""Rates, proportions and descriptions agree with published tables, independent programs and their own laws.

Published: Clopper-Pearson limits of Newcombe 1998 (Stat Med 17:857, table I, method 5); the Poisson limits of Garwood
1936 (Biometrika 28:437). Programs: scipy.stats for the intervals, the standard library for descriptions.
"""

import math
import random
import statistics
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from projections.statistics import (
    describe,
    fixed,
    per_100_person_years,
    proportion,
    rate,
)

measurements = st.lists(
    st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, places=3), min_size=2, max_size=30
)


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
