"""Who ended where and why, and how much of the product they were given, of small ledgers."""

from tests.projections.building import consented, ended, randomize, registered, treated, visit
from tests.projections.test_views import MASKED, rows, said


def test_disposition_has_the_wording_below_the_term_and_the_visits_by_number() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    for name, number in (("WEEK 2", "4"), ("WEEK 10", "8.1"), ("BASELINE", "3")):
        ledger.append(visit("S1", name, "2020-05-20", number))
    ledger.append(visit("S1", "WEEK 12", "2020-05-20", "9", state="MISSED"))
    ledger.append(ended("S1", "COMPLETED", "2020-05-30", "PROTOCOL COMPLETED"))
    listed = [(row["category"], row["term"], row["verbatim"]) for row in rows(ledger, "disposition")]
    assert listed == [
        ("DISPOSITION EVENT", "COMPLETED", None),
        ("DISPOSITION EVENT", "COMPLETED", "PROTOCOL COMPLETED"),
        ("VISIT", "BASELINE", None),
        ("VISIT", "WEEK 2", None),
        ("VISIT", "WEEK 10", None),
    ]


def test_early_termination_is_by_what_ended_the_treatment_before_the_completion_visit() -> None:
    ledger = registered()
    for number in (1, 2, 3, 4):
        randomize(ledger, f"S{number}", "TREATMENT", index=number)
        ledger.append(treated(f"S{number}", 1, "2020-05-12", visit="DAY 0"))
        ledger.append(visit(f"S{number}", "DAY 0", "2020-05-12", "1"))
    assert said(ledger, "disposition")["early_termination"]["visit"] == "DAY 0"
    ledger.append(treated("S1", 2, "2020-05-15", visit="DAY 3"))
    ledger.append(visit("S1", "DAY 3", "2020-05-15", "2"))
    ledger.append(ended("S1", "ADVERSE EVENT", "2020-05-20", epoch="TREATMENT"))
    ledger.append(ended("S2", "COMPLETED", "2020-05-11", epoch="SCREENING"))
    ledger.append(ended("S2", "ADVERSE EVENT", "2020-05-14", "RASH", epoch="TREATMENT"))
    ledger.append(ended("S2", "COMPLETED", "2020-06-10", epoch="FOLLOW-UP"))
    ledger.append(ended("S3", "COMPLETED", "2020-05-11", epoch="SCREENING"))
    ledger.append(visit("S3", "DAY 28", "2020-06-10", "3"))
    ledger.append(consented("S5"))
    ledger.append(ended("S5", "SCREEN FAILURE", "2020-05-11"))
    none, one = {"subjects": 0}, {"subjects": 1}
    assert said(ledger, "disposition")["early_termination"] == {
        "visit": "DAY 3",
        "completed": [none, one],
        "ended": [none, one],
        "reasons": [
            {"term": "ADVERSE EVENT", "verbatim": None, "cells": [none, one]},
            {"term": "ADVERSE EVENT", "verbatim": "RASH", "cells": [none, one]},
        ],
    }
    assert "early_termination" not in said(ledger, "disposition", MASKED)


def test_without_a_visit_at_which_the_product_is_given_there_is_no_early_termination() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    ledger.append(treated("S1", 1, "2020-05-12"))
    ledger.append(visit("S1", "DAY 0", "2020-05-12", "1"))
    assert said(ledger, "disposition")["early_termination"] is None


def test_screen_failures_are_counted_outside_the_cells() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    ledger.append(ended("S1", "SCREEN FAILURE", "2020-05-11"))
    (row,) = rows(ledger, "disposition")
    assert (row["not_randomized"], row["cells"]) == (1, [{"subjects": 0}, {"subjects": 0}])


def test_exposure_sums_runs_by_day_and_single_doses_once_and_imputes_an_end() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    randomize(ledger, "S2", "TREATMENT", index=2)
    ledger.append(treated("S1", 1, "2020-05-12", "54", frequency="QD", ended_at="2020-05-14"))
    ledger.append(treated("S1", 2, "2020-05-15", "81", frequency="QD"))
    ledger.append(ended("S1", "ADVERSE EVENT", "2020-05-16"))
    ledger.append(treated("S2", 1, "2020-05-12", "100.5"))
    answer = said(ledger, "exposure")
    assert answer["imputed"] == [{"subject": "S1", "dose_number": 2, "end": "2020-05-16", "from": "DISPOSITION"}]
    cumulative = answer["rows"][0]
    assert (cumulative["population"], cumulative["measure"]) == ("SAFETY", "cumulative dose")
    assert cumulative["cells"][0]["n"] == 0
    assert (cumulative["cells"][1]["min"], cumulative["cells"][1]["max"]) == ("100.500", "324.000")
    daily, duration = answer["rows"][1:3]
    assert (daily["cells"][1]["min"], daily["cells"][1]["max"]) == ("64.800", "100.500")
    assert (duration["cells"][1]["min"], duration["cells"][1]["max"]) == ("1.000", "5.000")


def test_each_subjects_average_daily_dose_is_rounded_half_up_before_it_is_summarised() -> None:
    ledger = registered()
    # Over 20 days: 0.05, 0.15 and 0.2 a day. Rounded half to even they would be 0.0, 0.2 and 0.2.
    for number, amount in enumerate(("1", "3", "4"), start=1):
        randomize(ledger, f"S{number}", "TREATMENT", index=number)
        ledger.append(treated(f"S{number}", 1, "2020-05-12", amount))
        ledger.append(treated(f"S{number}", 2, "2020-05-31", "0"))
    answer = said(ledger, "exposure")
    cumulative, daily, duration = (row["cells"][1] for row in answer["rows"][:3])
    assert (daily["min"], daily["mean"], daily["max"]) == ("0.100", "0.1667", "0.200")
    assert (cumulative["mean"], duration["mean"]) == ("2.6667", "20.0000")
    assert answer["rounding"] == {"average daily dose": {"of": "each subject", "to": "0.1", "mode": "half up"}}


def test_completers_did_the_last_visit_at_which_the_product_was_given() -> None:
    ledger = registered()
    for number in (1, 2):
        subject = f"S{number}"
        randomize(ledger, subject, "TREATMENT", index=number)
        ledger.append(treated(subject, 1, "2020-05-12", visit="DAY 0"))
        ledger.append(visit(subject, "DAY 0", "2020-05-12", "1"))
    ledger.append(treated("S1", 2, "2020-05-15", visit="DAY 3"))
    ledger.append(visit("S1", "DAY 3", "2020-05-15", "2"))
    ledger.append(visit("S2", "DAY 28", "2020-06-10", "3"))
    answer = said(ledger, "exposure")
    assert answer["completers"]["visit"] == "DAY 3"
    assert [row["cells"][1]["n"] for row in answer["rows"] if row["population"] == "COMPLETERS"] == [1, 1, 1]


def test_where_doses_name_no_visit_completers_had_all_planned_doses() -> None:
    ledger = registered()
    for number in (1, 2):
        randomize(ledger, f"S{number}", "TREATMENT", index=number)
        ledger.append(treated(f"S{number}", 1, "2020-05-12"))
    ledger.append(treated("S1", 2, "2020-05-15"))
    answer = said(ledger, "exposure")
    assert [row["cells"][1]["n"] for row in answer["rows"] if row["population"] == "COMPLETERS"] == [1, 1, 1]
