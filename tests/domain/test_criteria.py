"""Eligibility is computed from values, criterion by criterion, and what is not known never lets anyone in."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.protocol import (
    CriterionResult,
    ScreeningError,
    evaluate,
    failures,
    is_eligible,
    reference_protocol,
)
from ledger.domain.protocol.partial import earliest, latest, months_before

TRIAL = reference_protocol()
DAY = "2020-05-20"
GOOD: dict[str, object] = {
    "sex": "F",
    "age_years": 40,
    "rt_pcr_result": "POSITIVE",
    "rt_pcr_specimen": "TRACHEAL_ASPIRATE",
    "intubated": True,
    "mechanical_ventilation": True,
    "failure_secondary_to_sars_cov_2": True,
    "bilateral_infiltrate": True,
    "lv_failure_excluded_by": "ULTRASOUND",
    "sudden_onset": True,
    "pao2_fio2_mmhg": Decimal("150.5"),
    "childbearing_potential": True,
    "urine_pregnancy_test": "NEGATIVE",
    "consent_form": "VERBAL",
    "consent_giver": "FAMILY_MEMBER",
    "other_ards_cause": False,
    "failing_organs": 3,
    "ecmo_needed": False,
    "copd_severity": "MILD",
    "home_oxygen": "NEVER",
    "pregnant": False,
    "lactating": False,
    "effective_contraception": True,
    "active_tumour": False,
    "prior_immunosuppression": False,
    "product_hypersensitivity": False,
    "last_dvt_pe_date": "NEVER",
    "last_trial_participation_date": "NEVER",
}


def screen(**changes: object) -> dict[str, CriterionResult]:
    return {result.criterion: result for result in evaluate(TRIAL, {**GOOD, **changes}, DAY)}


def test_a_subject_who_meets_everything_is_eligible_with_a_result_per_criterion() -> None:
    results = evaluate(TRIAL, GOOD, DAY)
    assert [result.criterion for result in results] == [c.id for c in TRIAL.eligibility.criteria]
    assert is_eligible(results)
    assert set(GOOD) == {variable.name for variable in TRIAL.eligibility.variables}


def test_nothing_checked_is_not_eligible() -> None:
    assert not is_eligible([])


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"age_years": 17}, "I2"),
        ({"rt_pcr_specimen": "NON_RESPIRATORY"}, "I3"),
        ({"rt_pcr_result": "INDETERMINATE"}, "I3"),
        ({"mechanical_ventilation": False}, "I4"),
        ({"pao2_fio2_mmhg": 200}, "I5"),
        ({"lv_failure_excluded_by": "NOT_EXCLUDED"}, "I5"),
        ({"sudden_onset": False}, "I5"),
        ({"urine_pregnancy_test": "NOT_DONE"}, "I6"),
        ({"consent_form": "NONE"}, "I7"),
        ({"other_ards_cause": True}, "E1"),
        ({"failing_organs": 4}, "E3"),
        ({"ecmo_needed": True}, "E4"),
        ({"copd_severity": "SEVERE", "home_oxygen": "CHRONIC"}, "E5"),
        ({"copd_severity": "NONE", "home_oxygen": "PRIOR"}, "E5"),
        ({"pregnant": True}, "E6"),
        ({"effective_contraception": False}, "E6"),
        ({"active_tumour": True}, "E7"),
        ({"prior_immunosuppression": True}, "E8"),
        ({"product_hypersensitivity": True}, "E9"),
        ({"last_dvt_pe_date": "2018-01"}, "E10"),
        ({"last_trial_participation_date": "2020-03-01"}, "E11"),
    ],
)
def test_each_criterion_alone_can_keep_a_subject_out(changes: dict[str, object], failing: str) -> None:
    results = list(screen(**changes).values())
    assert [result.criterion for result in failures(results)] == [failing]
    assert not is_eligible(results)


def test_a_negative_pcr_fails_inclusion_and_meets_exclusion() -> None:
    results = screen(rt_pcr_result="NEGATIVE")
    assert (results["I3"].result, results["E2"].result) == ("NOT_MET", "MET")


def test_criteria_for_women_do_not_apply_to_men() -> None:
    results = evaluate(
        TRIAL,
        {
            name: value
            for name, value in {**GOOD, "sex": "M"}.items()
            if name
            not in (
                "childbearing_potential",
                "urine_pregnancy_test",
                "pregnant",
                "lactating",
                "effective_contraception",
            )
        },
        DAY,
    )
    assert {r.criterion for r in results if r.result == "NOT_APPLICABLE"} == {"I6", "E6"}
    assert is_eligible(results)


@given(st.sets(st.sampled_from(sorted(GOOD)), min_size=1))
def test_a_missing_value_never_makes_eligible_what_reads_it(absent: set[str]) -> None:
    known = {name: value for name, value in GOOD.items() if name not in absent}
    for result in evaluate(TRIAL, known, DAY):
        if result.result == "MISSING":
            assert set(result.missing) & absent
            assert all(name in result.sentence for name in result.missing)
            assert not result.passes


@given(st.sampled_from(sorted(GOOD)))
def test_without_any_single_value_the_subject_is_not_eligible(name: str) -> None:
    results = evaluate(TRIAL, {**GOOD, name: None}, DAY)
    # Only the severity of COPD decides nothing for who never had oxygen at home.
    assert is_eligible(results) == (name == "copd_severity")


@given(st.sets(st.sampled_from(sorted(GOOD))), st.booleans(), st.integers(0, 6), st.sampled_from(["F", "M"]))
def test_learning_more_never_turns_a_decided_result(absent: set[str], pregnant: bool, organs: int, sex: str) -> None:
    everything = {**GOOD, "pregnant": pregnant, "failing_organs": organs, "sex": sex}
    less = evaluate(TRIAL, {n: v for n, v in everything.items() if n not in absent}, DAY)
    more = evaluate(TRIAL, everything, DAY)
    for before, after in zip(less, more, strict=True):
        assert before.result in ("MISSING", after.result)


def test_who_failed_already_does_not_need_the_rest() -> None:
    assert screen(pao2_fio2_mmhg=250, sudden_onset=None)["I5"].result == "NOT_MET"


def test_the_parts_of_a_criterion_are_shown() -> None:
    parts = screen(pao2_fio2_mmhg=250, sudden_onset=None)["I5"].parts
    assert [(part.part, part.result) for part in parts] == [("I5a", "MET"), ("I5b", "MISSING"), ("I5c", "NOT_MET")]


def test_a_result_names_the_values_and_the_rule() -> None:
    result = screen()["I5"]
    assert result.values["pao2_fio2_mmhg"] == "150.5"
    assert "pao2_fio2_mmhg = 150.5" in result.sentence
    assert "pao2_fio2_mmhg < 200" in result.sentence


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("2017-05-20", "MET"),
        ("2017-05-19", "NOT_MET"),
        ("2017-05", "MISSING"),
        ("2017", "MISSING"),
        ("2016", "NOT_MET"),
        ("2018", "MET"),
        ("2020", "MET"),
        ("NEVER", "NOT_MET"),
    ],
)
def test_a_partial_date_answers_only_what_holds_for_each_of_its_days(written: str, result: str) -> None:
    assert screen(last_dvt_pe_date=written)["E10"].result == result


@given(st.dates(date(1950, 1, 1), date(2020, 5, 20)), st.sampled_from([4, 7, 10]))
def test_what_a_partial_date_decides_holds_for_the_whole_date(day: date, length: int) -> None:
    whole = screen(last_dvt_pe_date=str(day))["E10"].result
    partial = screen(last_dvt_pe_date=str(day)[:length])["E10"].result
    assert partial in (whole, "MISSING")
    assert length != 10 or partial == whole


@given(st.dates(date(1901, 1, 1), date(2100, 1, 1)), st.integers(0, 600))
def test_months_before_keeps_the_day_or_takes_the_last_of_the_month(day: date, months: int) -> None:
    before = months_before(day, months)
    assert (day.year - before.year) * 12 + day.month - before.month == months
    assert before.day == day.day or (before + timedelta(days=1)).day == 1


def test_a_partial_date_spans_its_month_and_its_year() -> None:
    assert (earliest("2020-02"), latest("2020-02")) == (date(2020, 2, 1), date(2020, 2, 29))
    assert (earliest("2020"), latest("2020")) == (date(2020, 1, 1), date(2020, 12, 31))


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("shoe_size", 42, "declares no such value"),
        ("age_years", "forty", "must be a number"),
        ("age_years", True, "must be a number"),
        ("age_years", 40.5, "must be a number"),
        ("age_years", Decimal("40.5"), "must be a whole number"),
        ("age_years", -1, "must be at least 0 a"),
        ("pao2_fio2_mmhg", 7000, "must be at most 700 mm[Hg]"),
        ("intubated", "yes", "must be true or false"),
        ("intubated", 1, "must be true or false"),
        ("rt_pcr_result", "positive", "is not one of POSITIVE, NEGATIVE, INDETERMINATE"),
        ("rt_pcr_result", 1, "must be a term"),
        ("last_dvt_pe_date", "20-05-2019", "is not a date"),
        ("last_dvt_pe_date", "2019-02-30", "is not a day of the calendar"),
        ("last_dvt_pe_date", "2020-05-21", "lies after the day of screening"),
    ],
)
def test_a_value_that_the_protocol_does_not_allow_is_refused_by_name(name: str, value: object, rule: str) -> None:
    with pytest.raises(ScreeningError) as caught:
        evaluate(TRIAL, {**GOOD, name: value}, DAY)
    ((field, why),) = caught.value.problems
    assert field == f"values.{name}"
    assert rule in why


@pytest.mark.parametrize("on", ["2020-05", "20200520", "0001-01-01", ""])
def test_the_day_of_screening_must_be_a_whole_date(on: str) -> None:
    with pytest.raises(ScreeningError, match="on: "):
        evaluate(TRIAL, GOOD, on)


def test_several_bad_values_are_reported_together() -> None:
    with pytest.raises(ScreeningError) as caught:
        evaluate(TRIAL, {"age_years": -1, "sex": "X"}, DAY)
    assert len(caught.value.problems) == 2
