"""Each view says of a small ledger what a person would say who read it."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.events.conduct import DeviationRaised
from ledger.domain.events.safety import AdverseEventFollowedUp
from ledger.domain.events.treatment import DoseDeviationRaised
from ledger.domain.events.trial import ProtocolAmended
from projections.base import Audience, UnknownViewError, ViewDeniedError
from projections.views import VIEWS
from projections.views.audit import _json
from tests.projections.building import (
    PROTOCOL,
    MemoryLedger,
    adverse_event,
    alive,
    coded,
    consented,
    died,
    ended,
    identity_corrected,
    randomize,
    registered,
    screened,
    treated,
    visit,
    withdrew,
)

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
LATER = "2021-06-01"


def rows(ledger: MemoryLedger, view: str, audience: Audience = UNMASKED) -> Sequence[dict[str, Any]]:
    return ledger.show(view, audience).rows


def said(ledger: MemoryLedger, view: str, audience: Audience = UNMASKED) -> Any:
    """The whole answer as its JSON says it."""
    return json.loads(ledger.show(view, audience).to_json())


def status(ledger: MemoryLedger, subject: str = "S1") -> str:
    return str(next(row["status"] for row in rows(ledger, "subjects") if row["subject"] == subject))


def test_a_subject_goes_through_the_statuses_with_the_entries_that_made_them() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    assert status(ledger) == "CONSENTED"
    ledger.append(screened("S1"))
    assert status(ledger) == "ELIGIBLE"
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    assert status(ledger) == "RANDOMIZED"
    ledger.append(ended("S1", "COMPLETED", "2020-05-30", epoch="TREATMENT"))
    assert status(ledger) == "IN_FOLLOW_UP"
    ledger.append(withdrew("S1", "2020-06-02"))
    (row,) = rows(ledger, "subjects")
    assert (row["status"], row["since"], row["arm"]) == ("WITHDRAWN", "2020-06-02", "Treatment")
    assert row["events"] == [1, 2, 3, 4, 5, 6]
    assert (row["consented"], row["randomized"], row["index"]) == ("2020-05-10", "2020-05-12", 1)


def test_a_death_outranks_what_is_recorded_after_it() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(died("S1", "2020-05-20"))
    ledger.append(ended("S1", "PHYSICIAN DECISION", "2020-05-25"))
    (row,) = rows(ledger, "subjects")
    assert (row["status"], row["since"]) == ("DIED", "2020-05-20")


def test_a_screen_failure_is_neither_eligible_nor_enrolled() -> None:
    ledger = registered()
    ledger.append(consented("S1"))
    ledger.append(screened("S1", eligible=False))
    assert status(ledger) == "SCREEN_FAILURE"


def test_masked_tables_have_no_arm_and_no_value_from_the_sealed_book() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    ledger.append(treated("S1", 1, "2020-05-13"))
    ledger.append(adverse_event("S1", "AE1", "2020-05-14"))
    for view in VIEWS.values():
        if not view.needs_arm:
            text = ledger.show(view.name, MASKED).to_json()
            assert "TREATMENT" not in text
            assert "Treatment" not in text.replace("Treatment recorded", "")
            assert "sealed" not in text


def test_exposure_is_denied_to_the_masked_and_an_unknown_view_names_the_known_ones() -> None:
    ledger = registered()
    with pytest.raises(ViewDeniedError, match="arm"):
        ledger.show("exposure", MASKED)
    with pytest.raises(UnknownViewError, match="adverse-events"):
        ledger.show("exposures")


def test_a_correction_changes_the_tables_and_stays_visible() -> None:
    ledger = registered()
    fact = ledger.append(consented("S1", giver="FAMILY_MEMBER"))
    ledger.correct(fact, giver="PATIENT", relation="self")
    (row,) = rows(ledger, "subjects")
    assert row["consent_giver"] == "PATIENT"
    assert row["events"] == [1, 2]
    audit = rows(ledger, "audit")[-1]
    assert audit["what"] == "Record corrected"
    assert audit["why"] == "transcription error"
    assert audit["before"] == {"giver": "FAMILY_MEMBER", "relation": None}
    assert audit["after"] == {"giver": "PATIENT", "relation": "self"}


def test_no_view_but_the_one_made_for_names_holds_a_value_that_names_a_person() -> None:
    ledger = registered()
    fact = ledger.append(consented("S1", subject_name="Ada Byron", giver_name="Anne Byron"))
    ledger.append(identity_corrected(fact, "Ada Lovelace"))
    for view in VIEWS.values():
        text = ledger.show(view.name).to_json()
        assert ("Byron" in text, "Lovelace" in text) == (view.needs_identity, view.needs_identity)
    audit = rows(ledger, "audit")[-1]
    assert (audit["before"], audit["after"]) == ("[identity]", "[identity]")


def test_the_audit_trail_says_who_in_which_role_and_keeps_the_order_of_the_books() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(visit("S1", "DAY 3", "2020-05-15"))
    trail = rows(ledger, "audit")
    assert [row["type"] for row in trail[-3:]] == ["subject.randomized/1", "arm.assigned/1", "visit.recorded/1"]
    assert {(row["who"], row["org"], row["role"]) for row in trail} == {("inv-1", "FJD", "investigator")}
    assert [row["seq"] for row in rows(ledger, "audit", MASKED)] == [0, 1, 2, 3, 4, 5]


def test_enrolment_counts_each_stage_by_site_and_month_against_the_target() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    randomize(ledger, "S2", "TREATMENT", index=2, site="LPZ", day="2020-06-02")
    ledger.append(consented("S3", site="LPZ"))
    ledger.append(screened("S3", eligible=False))
    answer = said(ledger, "enrolment")
    assert (answer["target"], answer["cap"]) == (100, 100)

    def count(stage: str, site: str | None = None, month: str | None = None) -> tuple[int, list[int]]:
        found = [row for row in answer["rows"] if (row["stage"], row["site"], row["month"]) == (stage, site, month)]
        return found[0]["subjects"], [cell["subjects"] for cell in found[0]["cells"]]

    assert count("CONSENTED") == (3, [1, 1])
    assert count("SCREEN_FAILURE") == (1, [0, 0])
    assert count("CONSENTED", site="LPZ") == (2, [0, 1])
    assert count("RANDOMIZED", month="2020-06") == (1, [0, 1])
    assert count("DIED") == (0, [0, 0])


def test_the_arms_of_every_table_add_up_to_what_the_masked_see() -> None:
    ledger = registered()
    for number, arm in enumerate(("CONTROL", "TREATMENT", "TREATMENT"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
        ledger.append(ended(f"S{number}", "COMPLETED", "2020-05-30", "PROTOCOL COMPLETED"))
    for view in ("enrolment", "disposition"):
        by_arm, total = rows(ledger, view), rows(ledger, view, MASKED)
        assert [sum(cell["subjects"] for cell in row["cells"]) for row in by_arm] == [
            row["cells"][0]["subjects"] for row in total
        ]


def test_treatment_emergent_is_judged_at_the_common_precision_of_the_two_dates() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT", day="2020-05-12")
    ledger.append(treated("S1", 1, "2020-05-15"))
    for ae, onset in (("1", "2020-05-14"), ("2", "2020-05-15"), ("3", "2020-05"), ("4", "2020-04"), ("5", None)):
        ledger.append(adverse_event("S1", ae, onset))
    answer = said(ledger, "adverse-events")
    assert answer["any"]["cells"][1] == {"subjects": 1, "events": 2}
    assert answer["not_counted"] == {"before": 2, "no_onset": 1, "not_randomized": 0, "not_treated": 0}


def test_the_masked_clock_and_that_of_an_untreated_arm_start_at_randomization() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT", day="2020-05-12")
    randomize(ledger, "S2", "CONTROL", day="2020-05-12", index=2)
    ledger.append(treated("S1", 1, "2020-05-15"))
    for subject in ("S1", "S2"):
        ledger.append(adverse_event(subject, "1", "2020-05-13"))
    cells = said(ledger, "adverse-events")["any"]["cells"]
    assert cells == [{"subjects": 1, "events": 1}, {"subjects": 0, "events": 0}]
    assert said(ledger, "adverse-events", MASKED)["any"]["cells"] == [{"subjects": 2, "events": 2}]


def test_adverse_events_stand_by_class_then_term_and_uncoded_ones_say_so() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    for ae in ("1", "2", "3"):
        ledger.append(adverse_event("S1", ae, "2020-05-14", term=f"reported {ae}"))
    ledger.append(coded("S1", "1", "VASCULAR DISORDERS", "HYPOTENSION"))
    ledger.append(coded("S1", "2", "VASCULAR DISORDERS", "HYPOTENSION"))
    listed = [(row["soc"], row["pt"], row["cells"][0]) for row in rows(ledger, "adverse-events", MASKED)]
    assert listed == [
        ("UNCODED", None, {"subjects": 1, "events": 1}),
        ("UNCODED", "reported 3", {"subjects": 1, "events": 1}),
        ("VASCULAR DISORDERS", None, {"subjects": 1, "events": 2}),
        ("VASCULAR DISORDERS", "HYPOTENSION", {"subjects": 1, "events": 2}),
    ]


def test_severity_is_the_worst_stated_and_causality_the_last() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(adverse_event("S1", "1", "2020-05-14", severity="SEVERE", causality="POSSIBLE", serious=True))
    follow_up = {"occurred_at": "2020-05-16", "subject": "S1", "ae": "1", "severity": "MILD", "causality": "NONE"}
    ledger.append(AdverseEventFollowedUp.model_validate(follow_up))
    by = said(ledger, "adverse-events", MASKED)["by"]
    assert [row["value"] for row in by["severity"]] == ["SEVERE"]
    assert [row["value"] for row in by["causality"]] == ["NONE"]
    assert [row["value"] for row in by["seriousness"]] == ["SERIOUS"]


def test_an_adverse_event_is_open_until_it_has_ended_or_the_subject_has_died() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(adverse_event("S1", "1", "2020-05-14"))
    ledger.append(adverse_event("S1", "2", "2020-05-14", outcome="RECOVERED/RESOLVED"))
    assert rows(ledger, "subjects")[0]["open_adverse_events"] == 1
    ledger.append(died("S1", "2020-05-20"))
    assert rows(ledger, "subjects")[0]["open_adverse_events"] == 0


def test_survival_counts_from_randomization_to_death_or_the_last_day_known_alive() -> None:
    ledger = registered()
    for number, arm in enumerate(("CONTROL", "CONTROL", "TREATMENT", "TREATMENT"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
    ledger.append(died("S1", "2020-05-22"))
    ledger.append(alive("S2", "2020-06-30"), LATER)
    ledger.append(alive("S3", "2020-05-17"), LATER)
    ledger.append(died("S4", "2020-06-20"), LATER)
    total = [row for row in rows(ledger, "survival", MASKED) if row["time"] in (5, 10, 28)]
    assert [(row["time"], row["at_risk"], row["events"], row["censored"]) for row in total] == [
        (5, 4, 0, 1),
        (10, 3, 1, 0),
        (28, 2, 0, 2),
    ]
    assert [row["survival"] for row in total] == ["1.0000", "0.6667", "0.6667"]
    at_horizon = said(ledger, "survival")["at_horizon"]
    assert [(row["group"], row["subjects"], row["deaths"]) for row in at_horizon] == [
        ("Control", 2, 1),
        ("Treatment", 2, 0),
        ("Total", 4, 1),
    ]


def test_a_death_on_day_28_counts_and_one_without_a_day_is_said_so() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    randomize(ledger, "S2", "CONTROL", index=2)
    ledger.append(died("S1", "2020-06-09"), LATER)
    ledger.append(died("S2", "2020-06"), LATER)
    answer = said(ledger, "survival", MASKED)
    assert answer["deaths_without_day"] == 1
    assert answer["at_horizon"][0]["deaths"] == 1


def test_nobody_is_followed_beyond_the_day_of_the_position() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL")
    ledger.append(alive("S1", "2020-07-30"), "2020-05-20")
    assert rows(ledger, "survival", MASKED)[-1]["time"] == 8


def test_the_adverse_event_rate_divides_events_by_person_time_in_the_window() -> None:
    ledger = registered()
    randomize(ledger, "S1", "CONTROL", day="2020-05-12")
    ledger.append(adverse_event("S1", "1", "2020-05-14", serious=True), LATER)
    ledger.append(adverse_event("S1", "2", "2020-11-10", causality="RELATED"), LATER)
    ledger.append(adverse_event("S1", "3", "2020-11-11"), LATER)
    answer = said(ledger, "ae-rate", MASKED)
    found = {row["category"]: (row["subjects"], row["events"], row["person_days"]) for row in answer["rows"]}
    assert found == {"ALL": (1, 2, 183), "SERIOUS": (1, 1, 183), "SEVERE": (0, 0, 183), "RELATED": (1, 1, 183)}
    assert answer["not_counted"] == {"no_onset": 0, "outside": 1}
    # 2 events in 183 days: 2 / (183 / 365.25) * 100, with Garwood's 0.2422 and 7.2247 events as limits.
    assert (answer["rows"][0]["rate_per_100_person_years"], answer["rows"][0]["low"]) == ("399.18", "48.34")
    assert answer["rows"][0]["high"] == "1441.98"


def test_dose_deviations_are_for_the_unmasked_and_a_deviation_has_its_subjects_site() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT", site="LPZ")
    raised = {"occurred_at": "2020-05-13", "subject": "S1", "category": "CONSENT", "detail": "late", "rule": "R1"}
    ledger.append(DeviationRaised.model_validate(raised))
    ledger.append(DoseDeviationRaised(occurred_at="2020-05-13", subject="S1", rule="DOSE-TOLERANCE", detail="20 %"))
    trial_wide = {"occurred_at": "2020-05-14", "site": "FJD", "category": "SITE", "important": True, "detail": "closed"}
    ledger.append(DeviationRaised.model_validate(trial_wide))
    listed = [(row["book"], row["site"], row["category"], row["important"]) for row in rows(ledger, "deviations")]
    assert listed == [
        ("open", "LPZ", "CONSENT", False),
        ("sealed", "LPZ", "DOSE", None),
        ("open", "FJD", "SITE", True),
    ]
    assert [row["category"] for row in rows(ledger, "deviations", MASKED)] == ["CONSENT", "SITE"]


def test_arms_come_in_the_order_of_the_amended_protocol_and_strangers_after_them() -> None:
    ledger = registered()
    randomize(ledger, "S1", "EXTRA")
    arms = [{"code": "TREATMENT", "label": "Cells", "type": "EXPERIMENTAL"}, PROTOCOL["arms"][0]]
    amended = {**PROTOCOL, "arms": arms}
    ledger.append(ProtocolAmended(occurred_at="2020-06-01", amendment="A1", protocol=amended, reason="relabelled"))
    assert said(ledger, "disposition")["arms"] == [
        {"arm": "Cells", "n": 0},
        {"arm": "Control", "n": 0},
        {"arm": "EXTRA", "n": 1},
    ]


def test_the_answer_names_the_position_it_was_made_from() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    answer = said(ledger, "subjects")
    assert (answer["view"], answer["version"]) == ("subjects", 2)
    assert answer["as_of"]["seq"] == 4
    assert answer["as_of"]["recorded_at"] == "2020-06-01T12:00:00.000000Z"
    assert answer["as_of"]["sealed"] == 0
    assert answer["head"] == ledger.heads[ledger.facts[0].book][4]
    assert set(said(ledger, "subjects", MASKED)["as_of"]) == {"seq", "recorded_at"}


def test_in_a_table_for_people_the_one_cell_of_the_masked_says_whom_it_counts() -> None:
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    ledger.append(adverse_event("S1", "1", "2020-05-14"))

    def header(view: str, audience: Audience) -> list[str]:
        return ledger.show(view, audience).grid()[0]

    assert header("enrolment", MASKED) == ["stage", "site", "month", "subjects", "randomized subjects"]
    assert header("adverse-events", MASKED) == ["soc", "pt", "randomized subjects", "events"]
    assert header("enrolment", UNMASKED)[-2:] == ["Control subjects", "Treatment subjects"]


@pytest.mark.parametrize("audience", Audience)
def test_an_empty_ledger_has_empty_tables(audience: Audience) -> None:
    for view in VIEWS.values():
        if view.open_to(audience):
            answer = said(MemoryLedger(), view.name, audience)
            assert answer["head"] is None
            assert answer["as_of"]["seq"] is None


@pytest.mark.parametrize("view", VIEWS)
def test_no_answer_has_a_float_and_the_csv_has_every_row(view: str) -> None:
    ledger = registered()
    for number, arm in enumerate(("CONTROL", "TREATMENT"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
        ledger.append(adverse_event(f"S{number}", "1", "2020-05-14"))
    ledger.append(treated("S2", 1, "2020-05-13"))
    ledger.append(died("S1", "2020-05-30"))
    result = ledger.show(view)

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is a float")

    json.loads(result.to_json(), parse_float=refuse)
    header, *lines = csv.reader(io.StringIO(result.to_csv()))
    assert len(lines) == len(result.rows)
    assert {len(line) for line in lines} <= {len(header)}


_told = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=_told)
@example(value="".join(map(chr, range(256))) + "\u2028\ud800")
def test_what_the_audit_trail_stores_is_written_as_the_standard_library_writes_it(value: object) -> None:
    assert _json(value) == json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
