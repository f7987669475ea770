"""Kaplan and Meier agree with published curves, with an independent program and with their own laws.

Published: the remission times of Freireich et al. 1963 (Blood 21:699), with the curve and Greenwood errors that
survival textbooks print for them and the log-log limits of Stata's `sts list`. Program: lifelines.
"""

import math
import random
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.statistics import (
    fixed,
    kaplan_meier,
    number_at_risk,
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
