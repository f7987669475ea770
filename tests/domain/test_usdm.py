"""From USDM 4 to the protocol: what goes where, what is reported, and what is refused by path and rule."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.protocol import Protocol, ProtocolError
from ledger.domain.protocol.usdm import UsdmImport, from_usdm
from ledger.proof.canonical import CanonicalError, parse
from tests.api.cli_runs import here, size_of
from tests.domain.usdm_file import Value, usdm_file

VERSION = "study.versions[0]"
DESIGN = f"{VERSION}.studyDesigns[0]"


def changed(path: str, value: Any) -> Value:
    """The file with another value at a path; `...` takes the member out."""
    file = usdm_file()
    *steps, last = path.replace("[", ".[").split(".")
    found: Any = file
    for step in steps:
        found = found[int(step[1:-1])] if step.startswith("[") else found[step]
    if value is ...:
        del found[last]
    else:
        found[int(last[1:-1]) if last.startswith("[") else last] = value
    return file


def problems(file: Value) -> list[tuple[str, str]]:
    with pytest.raises(ProtocolError) as refused:
        from_usdm(file)
    return [(problem.field, problem.rule) for problem in refused.value.problems]


def noted(made: UsdmImport, words: str) -> bool:
    return any(words in note for note in made.notes)


@pytest.fixture
def protocol() -> Protocol:
    return from_usdm(usdm_file()).protocol


def test_identifiers_and_titles_go_by_their_scope_and_type(protocol: Protocol) -> None:
    registration = protocol.registration
    assert registration.nct_number == "NCT01234567"
    assert registration.org_study_id == "ACME-1"
    assert registration.secondary_ids == ("2020-000001-23",)
    assert registration.brief_title == "Nasal thing"
    assert registration.official_title == "A trial of a nasal thing"
    assert protocol.sponsor.name == "Acme Pharma"
    assert protocol.sponsor.agency_class == "INDUSTRY"
    assert [(site.id, site.name, site.country) for site in protocol.sites] == [("S01", "SITE_1", "Spain")]


def test_the_design_is_told_in_the_registrys_terms(protocol: Protocol) -> None:
    assert protocol.study_type == "INTERVENTIONAL"
    assert protocol.phases == ("PHASE2", "PHASE3")
    assert protocol.allocation == "RANDOMIZED"
    assert protocol.intervention_model == "PARALLEL"
    assert protocol.primary_purpose == "TREATMENT"
    assert protocol.masking == "DOUBLE"
    assert protocol.masked_roles == ("PARTICIPANT", "INVESTIGATOR")
    assert (protocol.enrolment.count, protocol.cap) == (80, 80)
    assert protocol.conditions == ("Hypoglycaemia",)


def test_arms_get_the_interventions_of_their_cells_and_a_dose_given_once_is_planned(protocol: Protocol) -> None:
    assert [(arm.code, arm.label, arm.type, arm.doses_planned) for arm in protocol.arms] == [
        ("NASAL", "Nasal", "EXPERIMENTAL", 1),
        ("NO_SPRAY", "Control", "PLACEBO_COMPARATOR", 0),
    ]
    (intervention,) = protocol.interventions
    assert (intervention.name, intervention.type, intervention.arms) == ("Nasal thing", "DRUG", ("NASAL",))
    (plan,) = protocol.dosing
    assert (plan.arm, plan.doses, plan.amount, plan.unit, plan.route) == ("NASAL", 1, Decimal(3), "Milligram", "NASAL")


def test_criteria_are_attested_and_ages_and_sex_are_checked(protocol: Protocol) -> None:
    eligibility = protocol.eligibility
    told = [(one.id, one.kind, one.text) for one in eligibility.criteria]
    assert told == [
        ("I1", "INCLUSION", "At least 18 years of age & able to consent"),
        ("I2", "INCLUSION", "Minimum age: 18 Years"),
        ("I3", "INCLUSION", "Sex: FEMALE"),
        ("E1", "EXCLUSION", "A blocked nose"),
    ]
    assert eligibility.criteria[0].note == "01 of the file"
    assert [variable.name for variable in eligibility.variables] == ["i1_attested", "e1_attested", "age_years", "sex"]
    assert (eligibility.minimum_age, eligibility.maximum_age, eligibility.sexes) == ("18 Years", None, "FEMALE")
    assert eligibility.healthy_volunteers is False


def test_endpoints_become_outcomes_with_the_aim_of_their_objective(protocol: Protocol) -> None:
    (outcome,) = protocol.outcomes
    assert (outcome.id, outcome.kind, outcome.domain) == ("P1", "PRIMARY", "EFFICACY")
    assert outcome.measure == "Glucose after 30 minutes"
    assert outcome.description == "Objective: To see whether it works"
    assert outcome.time_frame.days is None


def test_visits_are_reckoned_from_the_fixed_reference_and_what_cannot_be_is_noted() -> None:
    made = from_usdm(usdm_file())
    visits = [(one.name, one.day, one.early_days, one.late_days) for one in made.protocol.settings.visits]
    assert visits == [("SCREENING", -14, 0, 0), ("DAY 1", 0, 0, 0), ("WEEK 2", 14, 3, 3)]
    assert noted(made, "'WEEK 2' takes several days")
    assert noted(made, "'UNPLACED' has no day")
    assert noted(made, "is taken for the randomisation")


def test_a_cycle_of_timings_gives_no_day() -> None:
    path = f"{DESIGN}.scheduleTimelines[0].timings[1]"
    file = changed(f"{path}.type.code", "C201356")
    made = from_usdm(file)
    assert made.protocol.settings.visits == ()
    assert noted(made, "'SCREENING' has no day")


def test_what_has_no_field_is_kept_and_named_and_what_is_too_large_is_left_out_and_named() -> None:
    made = from_usdm(usdm_file())
    extra = made.protocol.registry_extra
    assert extra[f"{VERSION}.titles[2].text"] == "For everybody"
    assert extra[f"{DESIGN}.estimands[0].populationSummary"] == "Odds ratio"
    assert extra[f"{VERSION}.rationale"] == "To see whether it works."
    assert sorted(extra) == sorted(made.unknown)
    assert not any("instanceType" in path or path.endswith((".id", "Id")) for path in extra)
    assert {part.partition(" ")[0] for part in made.left_out} == {
        "study.documentedBy",
        f"{VERSION}.dictionaries",
        f"{VERSION}.narrativeContentItems",
        f"{DESIGN}.activities",
        f"{DESIGN}.scheduleTimelines",
    }


def test_every_value_of_the_file_is_taken_kept_or_left_out() -> None:
    """A word put anywhere shows up in the protocol, or the part in which it stands is named as left out."""
    for path, value in _texts(usdm_file(), ""):
        if path.endswith((".instanceType", ".id", "Id", ".codeSystem", ".codeSystemVersion")) or "Ids[" in path:
            continue
        if not any(
            part in path for part in (".code", "usdmVersion", ".type", ".decode", "Timing", "reference", ".tag")
        ):
            made = from_usdm(changed(path, f"{value} QUINCE"))
            out = any(path.startswith(part.partition(" ")[0]) for part in made.left_out)
            assert out or b"QUINCE" in made.protocol.to_json(), path


def _texts(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        found = [_texts(member, f"{path}.{name}" if path else name) for name, member in value.items()]
    elif isinstance(value, list):
        found = [_texts(item, f"{path}[{index}]") for index, item in enumerate(value)]
    else:
        return [(path, value)] if isinstance(value, str) and value else []
    return [one for part in found for one in part]


def test_the_protocol_is_the_same_after_a_round_trip_and_agrees_with_itself() -> None:
    made = from_usdm(usdm_file())
    assert Protocol.load(made.protocol.to_json()) == made.protocol
    assert made.conflicts == ()
    assert made.protocol.overall_status == "UNKNOWN"
    assert noted(made, "the status is set to UNKNOWN")


def test_masking_that_disagrees_with_the_roles_is_a_conflict() -> None:
    made = from_usdm(changed(f"{VERSION}.roles[2].masking.isMasked", False))
    assert [conflict.code for conflict in made.conflicts] == ["masking-differs-from-roles"]


def test_without_a_masking_that_has_a_term_all_roles_are_masked() -> None:
    observer = {"code": "C187674", "decode": "Observer Blind Study"}
    made = from_usdm(changed(f"{DESIGN}.blindingSchema.standardCode", observer))
    assert made.protocol.masking is None
    assert made.protocol.is_masked_role("outcomes-assessor")
    assert noted(made, "Observer Blind Study (C187674) has no term here")
    assert made.protocol.registry_extra[f"{DESIGN}.blindingSchema.standardCode.code"] == "C187674"


def test_who_gets_what_is_not_guessed() -> None:
    made = from_usdm(changed(f"{DESIGN}.elements[0].studyInterventionIds", []))
    assert made.protocol.interventions[0].arms == ()
    assert made.protocol.dosing == ()
    assert noted(made, "it is not known which arm gets which")


def test_a_parameter_without_a_value_stays_as_its_name_and_is_noted() -> None:
    made = from_usdm(changed(f"{VERSION}.dictionaries[0].parameterMaps[0].tag", "max_age"))
    assert made.protocol.eligibility.criteria[0].text == "At least [min_age] years of age & able to consent"
    assert noted(made, "the parameter 'min_age' has no value")


def test_a_sponsor_without_the_role_is_known_by_its_type_and_its_identifier() -> None:
    other = changed(f"{VERSION}.roles[0].code", {"code": "C25392", "decode": "Manufacturer"})
    assert from_usdm(other).protocol.sponsor.name == "Acme Pharma"
    other["study"]["versions"][0]["organizations"][0]["type"]["code"] = "C21541"
    assert problems(other) == [(f"{VERSION}.roles", "no organization has the role of the sponsor")]


PERSON = {"id": "Person_1", "name": "Ada", "jobTitle": "PI", "personName": {"id": "Name_1", "text": "Ada Byron"}}


def test_persons_are_left_out_and_it_is_said_where_they_stood() -> None:
    made = from_usdm(changed(f"{VERSION}.roles[2].assignedPersons", [PERSON]))
    assert "Ada" not in made.protocol.to_json().decode()
    assert f"{VERSION}.roles[2].assignedPersons (3 values)" in made.left_out
    assert not [path for path in made.unknown if "assignedPersons" in path]
    assert noted(made, f"the file names persons, who are left out: the protocol is readable to all: {VERSION}.roles[2]")


def test_nor_does_a_parameter_of_a_text_bring_in_a_name() -> None:
    file = changed(f"{VERSION}.roles[2].assignedPersons", [PERSON])
    maps = file["study"]["versions"][0]["dictionaries"][0]["parameterMaps"][0]
    maps["reference"] = '<usdm:ref klass="PersonName" id="Name_1" attribute="text"></usdm:ref>'
    made = from_usdm(file)
    assert "Ada Byron" not in made.protocol.to_json().decode()
    assert noted(made, "the parameter 'min_age' has no value")


def test_the_cohorts_stand_in_for_a_population_that_says_nothing() -> None:
    file = usdm_file()
    population = file["study"]["versions"][0]["studyDesigns"][0]["population"]
    cohort = {name: population.pop(name) for name in ("plannedEnrollmentNumber", "plannedSex", "plannedAge")}
    population["cohorts"] = [{"id": f"Cohort_{n}", **cohort} for n in (1, 2)]
    made = from_usdm(file)
    assert made.protocol.enrolment.count == 160
    assert (made.protocol.eligibility.minimum_age, made.protocol.eligibility.sexes) == ("18 Years", "FEMALE")
    assert noted(made, "the cohorts' together, 160, is taken")


@pytest.mark.parametrize(
    ("path", "value", "field", "rule"),
    [
        ("study", ..., "study", "is required"),
        ("usdmVersion", "3.0.0", "usdmVersion", "is not version 4"),
        ("usdmVersion", ..., "usdmVersion", "is required"),
        ("study.versions", [], "study.versions", "at least one is required"),
        (f"{VERSION}.studyDesigns", {}, f"{VERSION}.studyDesigns", "must be a list"),
        (f"{DESIGN}.arms", [], f"{DESIGN}.arms", "at least one arm is required"),
        (f"{DESIGN}.arms[1].id", "Arm_1", f"{DESIGN}.arms[1].id", "stands twice"),
        (f"{DESIGN}.arms[0].name", 7, f"{DESIGN}.arms[0].name", "must be a string"),
        (f"{DESIGN}.arms[0].type", ..., f"{DESIGN}.arms[0].type", "is required"),
        (f"{DESIGN}.studyCells[0].armId", "Arm_9", f"{DESIGN}.studyCells[0].armId", "is the id of no StudyArm"),
        (
            f"{DESIGN}.eligibilityCriteria[1].criterionItemId",
            "Item_9",
            f"{DESIGN}.eligibilityCriteria[1].criterionItemId",
            "is the id of no EligibilityCriterionItem",
        ),
        (
            f"{VERSION}.eligibilityCriterionItems[0].dictionaryId",
            [1],
            f"{VERSION}.eligibilityCriterionItems[0].dictionaryId",
            "is the id of no SyntaxTemplateDictionary",
        ),
        (
            f"{DESIGN}.eligibilityCriteria[0].category.code",
            "C1",
            f"{DESIGN}.eligibilityCriteria[0].category",
            "is neither inclusion nor exclusion",
        ),
        (
            f"{DESIGN}.population.plannedEnrollmentNumber",
            None,
            f"{DESIGN}.population.plannedEnrollmentNumber",
            "is required",
        ),
        (
            f"{DESIGN}.population.plannedEnrollmentNumber.value",
            Decimal("7.5"),
            f"{DESIGN}.population.plannedEnrollmentNumber.value",
            "is no number of subjects",
        ),
        (
            f"{DESIGN}.population.plannedEnrollmentNumber.value",
            True,
            f"{DESIGN}.population.plannedEnrollmentNumber.value",
            "must be a number",
        ),
        (f"{DESIGN}.population.criterionIds[0]", "X", f"{DESIGN}.population.criterionIds[0]", "is the id of no"),
        (f"{DESIGN}.instanceType", "StudyDesign", f"{DESIGN}.instanceType", "must be one of"),
        (f"{VERSION}.studyIdentifiers[0].scopeId", "X", f"{VERSION}.studyIdentifiers[0].scopeId", "is the id of no"),
    ],
)
def test_what_is_not_as_the_model_has_it_is_refused_by_path_and_rule(
    path: str, value: Any, field: str, rule: str
) -> None:
    file = changed(path, value)
    assert any(at == field and rule in said for at, said in problems(file)), problems(file)


def test_all_problems_are_told_at_once() -> None:
    file = changed(f"{DESIGN}.arms[0].name", "")
    file["study"]["versions"][0]["studyIdentifiers"][1]["text"] = None
    fields = [field for field, _ in problems(file)]
    assert fields.count(f"{DESIGN}.arms[0].name") == 1
    assert f"{VERSION}.studyIdentifiers[1].text" in fields


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_file_with_any_value_replaced_is_a_protocol_or_a_list_of_problems(data: st.DataObject) -> None:
    file = usdm_file()
    found: Any = {"": file}
    key: Any = ""
    while isinstance(found[key], dict | list) and found[key] and data.draw(st.booleans()) is not False:
        found = found[key]
        key = data.draw(st.sampled_from(list(found) if isinstance(found, dict) else range(len(found))))
    found[key] = data.draw(st.sampled_from([None, "", "x", 0, Decimal("1.5"), True, [], {}, [None], [1], {"id": 1}]))
    try:
        made = from_usdm(file)
    except ProtocolError:
        return
    assert Protocol.load(made.protocol.to_json()) == made.protocol


def test_json_that_is_not_strict_is_refused() -> None:
    for bad in (b'{"study": {}, "study": {}}', b'{"study": NaN}', b'{"study": 1e999999999}'):
        with pytest.raises(CanonicalError):
            parse(bad, decimals=True)


def written(file: Value, folder: Path) -> Path:
    path = folder / "usdm.json"
    path.write_text(json.dumps(file, default=float))
    return path


def test_the_command_line_makes_a_protocol_that_init_takes_and_reports_the_rest(tmp_path: Path) -> None:
    source, output = written(usdm_file(), tmp_path), tmp_path / "protocol.json"
    done = here("import", "usdm", source, "-o", output)
    assert done.code == 0
    assert "study.documentedBy (1 values) has no place in the protocol, and is left out" not in done.out
    assert f"{VERSION}.rationale has no field of its own" in done.err
    assert f"{DESIGN}.activities (1 values) has no place in the protocol, and is left out" in done.err
    assert here("init", tmp_path / "new.db", "--protocol", output).code == 0
    assert size_of(tmp_path / "new.db") == 1
    report = here("import", "usdm", source, "--json").json
    assert report.keys() == {"trial", "unknown", "left_out", "notes", "conflicts", "protocol"}
    assert report["trial"] == "NCT01234567"


def test_the_command_line_names_each_problem_and_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "protocol.json"
    done = here("import", "usdm", written(changed(f"{DESIGN}.arms", []), tmp_path), "-o", output)
    assert done.code == 3
    assert f"{DESIGN}.arms: at least one arm is required" in done.err
    assert not output.exists()
    twice = tmp_path / "twice.json"
    twice.write_bytes(b'{"study": 1, "study": 2}')
    done = here("import", "usdm", twice, "-o", output)
    assert (done.code, output.exists()) == (3, False)
    assert "stands twice" in done.err
