"""The protocol that ships with the package, what a protocol file may say, and where a record contradicts itself."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.protocol import Protocol, ProtocolError, conflicts, reference_protocol
from ledger.domain.protocol.terms import MASKING_ROLES
from ledger.proof.canonical import encode, is_canonical, parse

TRIAL = reference_protocol()


def value() -> dict[str, Any]:
    """The shipped protocol as JSON, to be altered."""
    loaded: dict[str, Any] = json.loads(TRIAL.to_json())
    return loaded


def problems(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ProtocolError) as caught:
        Protocol.load(data)
    return [(problem.field, problem.rule) for problem in caught.value.problems]


def test_registration_says_what_the_registry_says() -> None:
    registration = TRIAL.registration
    assert (registration.nct_number, registration.org_study_id) == ("NCT04348461", "BALMYS-19")
    assert registration.brief_title == "BAttLe Against COVID-19 Using MesenchYmal Stromal Cells"
    assert registration.official_title is not None
    assert registration.official_title.startswith("Two-treatment, Randomized, Controlled, Multicenter Clinical")
    assert registration.official_title.endswith("Stromal Cells in Critically Ill Patients COVID-19")
    assert registration.first_posted is not None
    assert registration.first_posted.date == "2020-04-16"
    assert registration.last_update_posted is not None
    assert registration.last_update_posted.date == "2021-03-17"
    assert registration.last_verified is not None
    assert registration.last_verified.date == "2020-05"
    assert [step.date for step in registration.history] == ["2020-04-16", "2020-05", "2021-03-17"]


def test_status_and_design_are_those_of_the_registry() -> None:
    assert (TRIAL.overall_status, TRIAL.why_stopped) == ("SUSPENDED", "lack of financial support")
    assert (TRIAL.study_type, TRIAL.phases) == ("INTERVENTIONAL", ("PHASE2",))
    assert (TRIAL.enrolment.count, TRIAL.enrolment.type, TRIAL.cap) == (100, "ESTIMATED", 100)
    assert (TRIAL.allocation, TRIAL.intervention_model) == ("RANDOMIZED", "PARALLEL")
    assert (TRIAL.primary_purpose, TRIAL.masking) == ("TREATMENT", "QUADRUPLE")
    assert TRIAL.masked_roles == MASKING_ROLES
    assert [(d.date, d.type) for d in (TRIAL.start, TRIAL.primary_completion, TRIAL.completion) if d] == [
        ("2020-05-06", "ACTUAL"),
        ("2020-09-15", "ACTUAL"),
        ("2021-09-30", "ESTIMATED"),
    ]
    assert TRIAL.conditions == ("COVID respiratory distress syndrome",)


def test_arms_dose_and_outcomes_are_those_of_the_registry() -> None:
    assert [(arm.label, arm.type, arm.doses_planned) for arm in TRIAL.arms] == [
        ("Control", "NO_INTERVENTION", 0),
        ("Treatment", "EXPERIMENTAL", 2),
    ]
    plan = TRIAL.dose_plan("TREATMENT")
    assert plan is not None
    assert TRIAL.dose_plan("CONTROL") is None
    assert (plan.doses, plan.amount, plan.unit, plan.per_kg) == (2, Decimal("1.5"), "million cells", True)
    assert plan.route == "INTRAVENOUS"
    frames = [(o.kind, o.domain, o.measure, o.time_frame.days, o.time_frame.months) for o in TRIAL.outcomes]
    assert frames == [
        ("PRIMARY", "EFFICACY", "Survival rate", 28, None),
        ("PRIMARY", "SAFETY", "Adverse event rate", 183, 6),
    ]


def test_people_places_and_oversight_are_those_of_the_registry() -> None:
    institute = "Instituto de Investigación Sanitaria de la Fundación Jiménez Díaz"
    assert TRIAL.sponsor.name == institute
    assert TRIAL.responsible_party is not None
    assert TRIAL.responsible_party.name == institute
    assert [(s.name, s.city, s.country, s.postal_code) for s in TRIAL.sites] == [
        ("Fundación Jiménez Díaz", "Madrid", "Spain", "28002")
    ]
    assert (TRIAL.oversight.fda_regulated_drug, TRIAL.oversight.fda_regulated_device) == (False, False)
    who = TRIAL.eligibility
    assert (who.minimum_age, who.maximum_age, who.sexes, who.healthy_volunteers) == ("18 Years", None, "ALL", False)


def test_both_eligibility_lists_are_complete_and_checked_by_values() -> None:
    who = TRIAL.eligibility
    assert [criterion.id for criterion in who.inclusion] == [f"I{n}" for n in range(1, 8)]
    assert [criterion.id for criterion in who.exclusion] == [f"E{n}" for n in range(1, 12)]
    assert b'"attested"' not in TRIAL.to_json()
    run_together = {criterion.id for criterion in who.exclusion if criterion.note and "runs" in criterion.note}
    assert run_together == {"E4", "E5"}


def test_settings_say_that_they_are_not_the_registry_s() -> None:
    assert TRIAL.settings.note.startswith("Ours, not the registry's")
    assert (TRIAL.settings.anchor_every, TRIAL.settings.late_entry_days) == (64, 7)


def test_the_record_is_kept_as_it_is_and_its_conflicts_are_listed() -> None:
    assert [conflict.code for conflict in conflicts(TRIAL)] == [
        "primary-completion-actual-while-open",
        "no-intervention-arm-under-masking",
        "age-text-differs-from-minimum-age",
        "multicenter-with-one-site",
        "verified-before-last-update",
    ]


RESOLVED: list[tuple[str, dict[str, Any]]] = [
    ("primary-completion-actual-while-open", {"overall_status": "TERMINATED"}),
    ("no-intervention-arm-under-masking", {"masking": "SINGLE", "masked_roles": ["OUTCOMES_ASSESSOR"]}),
    ("age-text-differs-from-minimum-age", {"eligibility": {**value()["eligibility"], "minimum_age": None}}),
    ("multicenter-with-one-site", {"sites": [*value()["sites"], {"id": "S02", "name": "Second"}]}),
    (
        "verified-before-last-update",
        {"registration": {**value()["registration"], "last_verified": {"date": "2021", "type": None}}},
    ),
]


@pytest.mark.parametrize(("code", "changes"), RESOLVED, ids=[code for code, _ in RESOLVED])
def test_a_conflict_goes_when_the_record_agrees(code: str, changes: dict[str, Any]) -> None:
    left = {conflict.code for conflict in conflicts(TRIAL.amended(changes))}
    assert left == {conflict.code for conflict in conflicts(TRIAL)} - {code}


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("masking-differs-from-roles", {"masking": "DOUBLE"}),
        ("stopped-without-reason", {"why_stopped": None}),
        ("reason-without-stop", {"overall_status": "COMPLETED"}),
        ("dates-out-of-order", {"completion": {"date": "2020-06", "type": "ESTIMATED"}}),
    ],
)
def test_other_contradictions_are_found(code: str, changes: dict[str, Any]) -> None:
    assert code in {conflict.code for conflict in conflicts(TRIAL.amended(changes))}


def test_the_stored_bytes_are_canonical_and_give_the_same_protocol() -> None:
    data = TRIAL.to_json()
    assert is_canonical(data)
    assert Protocol.load(data) == TRIAL
    assert Protocol.load(data).to_json() == data


@given(st.decimals("0.001", "99999", places=3), st.integers(1, 500))
def test_decimals_and_integers_survive_storage(amount: Decimal, anchor: int) -> None:
    changed = value()
    changed["dosing"][0]["amount"] = str(amount)
    changed["settings"]["anchor_every"] = anchor
    protocol = Protocol.from_value(changed)
    assert protocol.dosing[0].amount == amount
    assert Protocol.load(protocol.to_json()) == protocol


def paths(node: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the objects of a JSON value stand."""
    if isinstance(node, dict):
        return [at, *(path for key, member in node.items() for path in paths(member, (*at, key)))]
    if isinstance(node, list):
        return [path for index, item in enumerate(node) for path in paths(item, (*at, index))]
    return []


@given(st.sampled_from(paths({key: member for key, member in value().items() if key != "registry_extra"})))
def test_an_unknown_field_is_refused_by_name_wherever_it_stands(path: tuple[str | int, ...]) -> None:
    changed = node = value()
    for step in path:
        node = node[step]  # type: ignore[index]
    node["surprise"] = 1
    found = problems(encode(changed))
    assert [rule for field, rule in found if field.endswith("surprise")] == ["unknown field"]


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        (b'"anchor_every":64', b'"anchor_every":64.5', "$", "decimals travel as strings"),
        (b'"anchor_every":64', b'"anchor_every":64,"anchor_every":65', "$", "stands twice"),
        (b'"anchor_every":64', b'"anchor_every":0', "settings.anchor_every", "greater than or equal to 1"),
        (b'"amount":"1.5"', b'"amount":1', "dosing[0].amount", "decimal written as a string"),
        (b'"amount":"1.5"', b'"amount":"0"', "dosing[0].amount", "above 0"),
        (b'"arm":"TREATMENT"', b'"arm":"OTHER"', "dosing[0].arm", "OTHER is not an arm"),
        (b'"code":"CONTROL"', b'"code":"TREATMENT"', "arms", "code TREATMENT stands twice"),
        (b'"date":"2020-05-06"', b'"date":"2020-02-30"', "start.date", "not a day of the calendar"),
        (b'"masking":"QUADRUPLE"', b'"masking":"BLIND"', "masking", "must be"),
        (b'"list_length":null', b'"list_length":0', "settings.stratification.list_length", "or equal to 1"),
        (b'"list_length":null', b'"block_sizes":[2]', "settings.stratification.block_sizes", "unknown field"),
        (b'"value":"failing_organs"', b'"value":"organs"', "eligibility.criteria[9] (E3).organs", "not declared"),
        (b'"value":"failing_organs"', b'"value":"sex"', "eligibility.criteria[9] (E3).sex", "is of type term"),
        (b'"one_of":["POSITIVE"]', b'"one_of":["YES"]', "eligibility.criteria[2] (I3).rt_pcr_result", "YES: not"),
        (b'"op":">"', b'"op":"=>"', "eligibility.criteria[9].test.op", "must be"),
        (b'"test":{"op":">"', b'"test":{"oq":">"', "eligibility.criteria[9].test.op", "is missing"),
    ],
)
def test_bad_input_is_refused_naming_field_and_rule(old: bytes, new: bytes, field: str, rule: str) -> None:
    data = TRIAL.to_json()
    assert old in data
    found = problems(data.replace(old, new, 1))
    assert any(where == field and rule in why for where, why in found), found


def test_all_that_is_wrong_is_reported_at_once() -> None:
    changed = value()
    del changed["sponsor"]
    changed["phases"] = ["PHASE9"]
    assert {field for field, _ in problems(encode(changed))} == {"sponsor", "phases[0]"}


def test_a_rule_of_no_known_form_is_refused() -> None:
    changed = value()
    changed["eligibility"]["criteria"][0]["test"] = {"python": "True"}
    ((field, rule),) = problems(encode(changed))
    assert field == "eligibility.criteria[0].test"
    assert rule.startswith("is no rule")


@pytest.mark.parametrize(
    ("masking", "roles", "masked"),
    [
        ("QUADRUPLE", [], set(MASKING_ROLES)),
        ("NONE", [], set()),
        (None, [], set(MASKING_ROLES)),
        ("DOUBLE", [], set(MASKING_ROLES)),
        ("SINGLE", ["OUTCOMES_ASSESSOR"], {"OUTCOMES_ASSESSOR"}),
    ],
)
def test_who_is_masked_and_all_are_where_it_is_not_said(
    masking: str | None, roles: list[str], masked: set[str]
) -> None:
    protocol = TRIAL.amended({"masking": masking, "masked_roles": roles})
    assert {role for role in MASKING_ROLES if protocol.masks(role)} == masked
    assert protocol.is_masked_role("outcomes-assessor") == ("OUTCOMES_ASSESSOR" in masked)
    assert not protocol.is_masked_role("statistician")


def test_an_arm_is_found_by_its_code_and_an_unknown_one_is_refused() -> None:
    assert TRIAL.arm("CONTROL").label == "Control"
    with pytest.raises(ProtocolError, match="'PLACEBO' is not one of CONTROL, TREATMENT"):
        TRIAL.arm("PLACEBO")


def test_a_dose_is_per_kg_and_deviates_beyond_its_tolerance_only() -> None:
    plan = TRIAL.dosing[0]
    planned = plan.planned_amount(Decimal("80"))
    assert planned == Decimal("120")
    assert not plan.deviates(planned, Decimal("144"))
    assert plan.deviates(planned, Decimal("144.1"))
    assert plan.deviates(planned, Decimal("95.9"))


def test_an_amendment_is_checked_like_a_file() -> None:
    with pytest.raises(ProtocolError, match="overall_status"):
        TRIAL.amended({"overall_status": "PAUSED"})
    assert parse(TRIAL.amended({"overall_status": "RECRUITING", "why_stopped": None}).to_json())["arms"]
