"""What views show of arms compared is what the statistics say of the same subjects, and for the unmasked alone."""

import json
from typing import Any, Final

from projections.base import Audience
from projections.statistics import fixed, kaplan_meier, log_rank, newcombe, per_100_person_years, rate_ratio
from tests.projections.building import (
    PROTOCOL,
    MemoryLedger,
    adverse_event,
    alive,
    died,
    randomize,
    registered,
)

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
LATER: Final = "2021-06-01"
# Day of randomization is 2020-05-12. Arm -> (day on the clock, died).
STORY: Final = {
    "CONTROL": [("2020-05-14", True), ("2020-05-20", True), ("2020-05-25", False), ("2020-07-01", False)],
    "TREATMENT": [("2020-05-20", True), ("2020-05-22", False), ("2020-07-01", False), ("2020-07-02", False)],
}
TIMES: Final = {
    "CONTROL": [(2, True), (8, True), (13, False), (50, False)],
    "TREATMENT": [(8, True), (10, False), (50, False), (51, False)],
}


def told(protocol: dict[str, Any] | None = None) -> MemoryLedger:
    ledger = registered(protocol)
    number = 0
    for arm, subjects in STORY.items():
        for day, dead in subjects:
            number += 1
            randomize(ledger, f"S{number}", arm, index=number)
            ledger.append((died if dead else alive)(f"S{number}", day), LATER)
    return ledger


def extra(ledger: MemoryLedger, view: str, audience: Audience = UNMASKED) -> Any:
    return json.loads(ledger.show(view, audience).to_json())


def test_the_log_rank_test_of_the_view_is_that_of_its_arms_up_to_the_time_frame() -> None:
    shown, wanted = extra(told(), "survival")["log_rank"], log_rank(list(TIMES.values()), horizon=28)
    assert (shown["chi_square"], shown["df"], shown["p"]) == (
        fixed(wanted.chi_square, 4),
        wanted.df,
        fixed(wanted.p, 4),
    )
    assert shown["groups"] == [
        {"group": "Control", "observed": 2, "expected": fixed(wanted.expected[0], 2)},
        {"group": "Treatment", "observed": 1, "expected": fixed(wanted.expected[1], 2)},
    ]


def test_the_risk_difference_is_treatment_less_control_by_two_methods_that_are_named() -> None:
    by_curve, by_count = extra(told(), "survival")["risk_difference"]
    # Control: 3/4 and 2/3 of it, so 1/2; treatment: 3/4.
    assert kaplan_meier(TIMES["CONTROL"])[-1].survival == 0.5
    assert (by_curve["method"], by_curve["group"], by_curve["reference"]) == ("KAPLAN-MEIER", "Treatment", "Control")
    assert (by_curve["difference"], by_curve["left_out"]) == ("-0.2500", 0)
    counted = newcombe((1, 3), (2, 3))  # of each arm one subject was censored before day 28
    assert (by_count["method"], by_count["left_out"]) == ("NEWCOMBE", 2)
    assert (by_count["difference"], by_count["low"], by_count["high"]) == (
        fixed(counted.estimate, 4),
        fixed(counted.low, 4),
        fixed(counted.high, 4),
    )


def test_masked_audiences_get_no_comparison_and_no_trace_of_one() -> None:
    for view in ("survival", "ae-rate"):
        shown = extra(told(), view, MASKED)
        assert not {"log_rank", "risk_difference", "comparisons"} & set(shown)
        assert {row["group"] for row in shown["rows"]} == {"Total"}


def test_a_trial_of_one_arm_has_nothing_to_compare() -> None:
    one = {**PROTOCOL, "arms": PROTOCOL["arms"][1:]}
    assert "log_rank" not in extra(told(one), "survival")
    assert "comparisons" not in extra(told(one), "ae-rate")


def test_the_reference_is_the_arm_without_intervention_wherever_it_stands() -> None:
    turned = {**PROTOCOL, "arms": PROTOCOL["arms"][::-1]}
    assert {row["reference"] for row in extra(told(turned), "survival")["risk_difference"]} == {"Control"}


def test_an_arm_without_subjects_is_compared_as_nothing() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(died("S1", "2020-05-20"), LATER)
    shown = extra(ledger, "survival")
    assert shown["log_rank"]["p"] is None
    assert {row["difference"] for row in shown["risk_difference"]} == {None}
    assert "log-rank test: nothing to compare" in " ".join(ledger.show("survival").notes())


def test_medians_stand_beside_the_survival_at_the_horizon() -> None:
    control, treatment, _ = extra(told(), "survival")["at_horizon"]
    # Survival is exactly one half from day 8 on, and does not come below.
    assert (control["median"], treatment["median"]) == ("8.0", None)
    assert "median not reached" in " ".join(told().show("survival").notes())


def test_what_is_compared_is_said_to_people_too() -> None:
    notes = " ".join(told().show("survival").notes())
    assert "risk difference, Treatment less Control, KAPLAN-MEIER: -0.2500 (95 %" in notes
    assert "NEWCOMBE: -0.3333 (95 %" in notes
    assert "2 subjects censored before it left out" in notes
    assert "log-rank test: chi-square" in notes


# Adverse events


def with_events() -> MemoryLedger:
    ledger = told()
    # The first event of S1 (followed 3 days, both ends counted) is on day 2 of 3; S8 is followed for 52 days.
    ledger.append(adverse_event("S1", "1", "2020-05-13"), LATER)
    ledger.append(adverse_event("S1", "2", "2020-05-14"), LATER)
    ledger.append(adverse_event("S8", "1", "2020-05-21", serious=True), LATER)
    return ledger


def test_the_incidence_counts_subjects_and_their_days_up_to_the_first_event() -> None:
    rows = {(row["group"], row["category"]): row for row in extra(with_events(), "ae-rate")["rows"]}
    control = rows["Control", "ALL"]
    assert (control["n"], control["subjects"], control["events"]) == (4, 1, 2)
    assert (control["incidence"], control["incidence_low"], control["incidence_high"]) == ("0.2500", "0.0063", "0.8059")
    assert control["person_days"] == 3 + 9 + 14 + 51
    assert control["days_at_risk"] == 2 + 9 + 14 + 51
    wanted = per_100_person_years(1, 76)
    assert control["incidence_rate_per_100_person_years"] == fixed(wanted.estimate, 2)
    assert (control["incidence_rate_low"], control["incidence_rate_high"]) == (
        fixed(wanted.low, 2),
        fixed(wanted.high, 2),
    )
    assert rows["Control", "SERIOUS"]["days_at_risk"] == control["person_days"]
    assert rows["Treatment", "SERIOUS"]["days_at_risk"] == 9 + 11 + 51 + 10


def test_the_rates_of_arms_are_compared_with_exact_conditional_limits() -> None:
    shown = {row["category"]: row for row in extra(with_events(), "ae-rate")["comparisons"]}
    wanted = rate_ratio(per_100_person_years(1, 81), per_100_person_years(1, 76))
    row = shown["ALL"]
    assert (row["group"], row["reference"]) == ("Treatment", "Control")
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (
        fixed(wanted.estimate, 2),
        fixed(wanted.low, 2),
        fixed(wanted.high, 2),
    )
    assert (shown["SERIOUS"]["ratio"], shown["SERIOUS"]["ratio_high"]) == (None, None)  # none in the control arm
    assert shown["SEVERE"]["ratio_low"] is None


def test_an_onset_of_which_the_day_is_not_known_is_taken_as_early_as_it_can_have_been() -> None:
    for onset, days in (("2020-05", 1), ("2020", 1), ("2020-06", 21), ("2020-06-01", 21)):
        ledger = registered()
        randomize(ledger, "S1", "CONTROL")
        ledger.append(alive("S1", "2020-07-01"), LATER)
        ledger.append(adverse_event("S1", "1", onset), LATER)
        (row,) = (row for row in extra(ledger, "ae-rate", MASKED)["rows"] if row["category"] == "ALL")
        assert row["days_at_risk"] == days, onset


def test_without_anybody_randomized_nothing_is_estimated() -> None:
    for row in extra(registered(), "ae-rate")["rows"]:
        assert (row["n"], row["incidence"], row["incidence_rate_per_100_person_years"]) == (0, None, None)
