"""A registry record becomes a protocol, and nothing of it is lost on the way.

The fixture is written by hand after the public schema of the ClinicalTrials.gov API v2, with the facts of
NCT04348461; its text runs two exclusion criteria together on one line, as the registry's does.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.protocol import (
    CtgovImport,
    Protocol,
    ProtocolError,
    evaluate,
    from_ctgov,
    is_eligible,
    reference_protocol,
)
from ledger.domain.protocol.ctgov_text import days_of_months, read_dose, read_time_frame, split_criteria
from ledger.proof.canonical import parse

FIXTURE = Path(__file__).parent.parent / "fixtures" / "ctgov" / "NCT04348461.json"


def record() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FIXTURE.read_bytes())
    return loaded


def imported(**modules: dict[str, Any]) -> CtgovImport:
    """The fixture's import, with fields of its modules replaced."""
    changed = record()
    for module, fields in modules.items():
        changed["protocolSection"].setdefault(module, {}).update(fields)
    return from_ctgov(changed)


def json_of(protocol: Protocol) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(protocol.to_json())
    return loaded


def test_the_import_equals_the_shipped_protocol_in_every_field_of_the_registry() -> None:
    ours, theirs = json_of(reference_protocol()), json_of(imported().protocol)
    for not_the_registry_s in ("settings", "registry_extra"):
        del ours[not_the_registry_s], theirs[not_the_registry_s]
    for computed in ("variables", "criteria"):
        del ours["eligibility"][computed], theirs["eligibility"][computed]
    assert theirs == ours


def test_the_imported_criteria_are_the_shipped_texts_with_two_still_on_one_line() -> None:
    ours, theirs = reference_protocol().eligibility, imported().protocol.eligibility
    assert [c.text for c in theirs.inclusion] == [c.text for c in ours.inclusion]
    texts = [c.text for c in ours.exclusion]
    assert [c.text for c in theirs.exclusion] == [*texts[:3], f"{texts[3]} {texts[4]}", *texts[5:]]


def test_the_import_lists_the_same_conflicts() -> None:
    assert [conflict.code for conflict in imported().conflicts] == [
        "primary-completion-actual-while-open",
        "no-intervention-arm-under-masking",
        "age-text-differs-from-minimum-age",
        "multicenter-with-one-site",
        "verified-before-last-update",
    ]


def test_free_text_criteria_can_only_be_attested_and_age_and_sex_are_values() -> None:
    protocol = imported().protocol
    types = {variable.name: variable.type for variable in protocol.eligibility.variables}
    values: dict[str, object] = {name: name.startswith("i") for name, type_ in types.items() if type_ == "yes_no"}
    values |= {"age_years": 50, "sex": "M"}
    assert is_eligible(evaluate(protocol, values, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**values, "i3_attested": False}, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**values, "e3_attested": True}, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**values, "e3_attested": None}, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**values, "age_years": 17}, "2020-05-20"))


def test_what_the_protocol_has_no_field_for_is_reported_and_kept_verbatim() -> None:
    result = imported()
    assert result.unknown == (
        "protocolSection.identificationModule.organization.fullName",
        "protocolSection.identificationModule.organization.class",
        "protocolSection.statusModule.expandedAccessInfo.hasExpandedAccess",
        "protocolSection.descriptionModule.briefSummary",
        "protocolSection.eligibilityModule.stdAges[0]",
        "protocolSection.eligibilityModule.stdAges[1]",
        "protocolSection.contactsLocationsModule.locations[0].geoPoint.lat",
        "protocolSection.contactsLocationsModule.locations[0].geoPoint.lon",
        "derivedSection.miscInfoModule.versionHolder",
        "hasResults",
    )
    extra = result.protocol.registry_extra
    assert set(extra) == set(result.unknown)
    assert extra["protocolSection.contactsLocationsModule.locations[0].geoPoint.lon"] == "-3.70256"
    assert extra["hasResults"] is False


def objects(node: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(node, dict):
        return [at, *(path for key, member in node.items() for path in objects(member, (*at, key)))]
    if isinstance(node, list):
        return [path for index, item in enumerate(node) for path in objects(item, (*at, index))]
    return []


leaves = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text("aé\n\"'", max_size=5)


@given(
    st.sampled_from(objects(record())),
    st.text('ab.[]é_ "\\', max_size=6).map(lambda key: f"new{key}"),
    leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text("xy", max_size=2), leaves, max_size=2),
)
def test_an_unknown_field_anywhere_is_reported_and_kept(path: tuple[str | int, ...], key: str, leaf: Any) -> None:
    changed = record()
    node: Any = changed
    for step in path:
        node = node[step]
    node[key] = leaf
    before, after = imported(), from_ctgov(changed)
    size = len(leaf) if isinstance(leaf, list | dict) and leaf else 1
    assert len(after.unknown) == len(before.unknown) + size
    assert set(after.unknown) == set(after.protocol.registry_extra)
    assert Protocol.load(after.protocol.to_json()) == after.protocol


def test_the_same_protocol_comes_from_floats_and_from_decimals() -> None:
    assert from_ctgov(parse(FIXTURE.read_bytes(), decimals=True)) == from_ctgov(record())


def remove(path: str) -> dict[str, Any]:
    changed = record()
    *steps, last = path.split(".")
    node: Any = changed
    for step in steps:
        node = node[step]
    del node[last]
    return changed


@pytest.mark.parametrize(
    "path",
    [
        "protocolSection",
        "protocolSection.identificationModule.nctId",
        "protocolSection.identificationModule.orgStudyIdInfo.id",
        "protocolSection.identificationModule.briefTitle",
        "protocolSection.statusModule.overallStatus",
        "protocolSection.statusModule.startDateStruct.date",
        "protocolSection.designModule.studyType",
        "protocolSection.designModule.enrollmentInfo.count",
        "protocolSection.sponsorCollaboratorsModule.leadSponsor.name",
        "protocolSection.armsInterventionsModule.armGroups",
    ],
)
def test_a_missing_required_field_is_refused_by_path(path: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        from_ctgov(remove(path))
    assert path in {problem.field for problem in caught.value.problems}
    assert all("required" in problem.rule for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("module", "fields", "path", "rule"),
    [
        ("statusModule", {"overallStatus": "PAUSED"}, "statusModule.overallStatus", "'PAUSED' is not one of"),
        ("statusModule", {"startDateStruct": "2020"}, "statusModule.startDateStruct", "must be an object"),
        ("designModule", {"phases": "PHASE2"}, "designModule.phases", "must be a list"),
        ("designModule", {"enrollmentInfo": {"count": "100"}}, "designModule.enrollmentInfo.count", "an integer"),
        ("designModule", {"enrollmentInfo": {"count": True}}, "designModule.enrollmentInfo.count", "an integer"),
        ("eligibilityModule", {"healthyVolunteers": "No"}, "eligibilityModule.healthyVolunteers", "true or false"),
        ("identificationModule", {"briefTitle": " "}, "identificationModule.briefTitle", "must not be empty"),
    ],
)
def test_a_value_against_the_schema_is_refused_by_path(
    module: str, fields: dict[str, Any], path: str, rule: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        imported(**{module: fields})
    found = {problem.field: problem.rule for problem in caught.value.problems}
    assert rule in found[f"protocolSection.{path}"]


PERSON = "Gregory House"
NAMING: dict[str, Any] = {
    "contactsLocationsModule": {
        "overallOfficials": [{"name": PERSON, "affiliation": "Hospital", "role": "STUDY_CHAIR"}],
        "centralContacts": [{"name": PERSON, "phone": "555-0100", "email": "house@example.org"}],
        "locations": [{"facility": "Hospital", "city": "Madrid", "contacts": [{"name": PERSON, "phone": "555-0100"}]}],
    },
    "sponsorCollaboratorsModule": {
        "responsibleParty": {
            "type": "PRINCIPAL_INVESTIGATOR",
            "investigatorFullName": PERSON,
            "oldNameTitle": f"{PERSON}, MD",
            "investigatorTitle": "Head of Diagnostics",
            "investigatorAffiliation": "Hospital",
        }
    },
}


def test_persons_whom_the_record_names_are_left_out_and_it_is_said_where_they_stood() -> None:
    result = imported(**NAMING)
    kept = result.protocol.to_json().decode()
    assert not [word for word in (PERSON, "House", "555-0100", "house@") if word in kept]
    assert result.left_out == (
        "protocolSection.contactsLocationsModule.centralContacts (3 values)",
        "protocolSection.contactsLocationsModule.locations[0].contacts (2 values)",
        "protocolSection.contactsLocationsModule.overallOfficials (3 values)",
        "protocolSection.sponsorCollaboratorsModule.responsibleParty.investigatorFullName (1 values)",
        "protocolSection.sponsorCollaboratorsModule.responsibleParty.oldNameTitle (1 values)",
    )
    assert not set(result.unknown) & {path.partition(" ")[0] for path in result.left_out}
    assert any("names persons" in note for note in result.notes)


def test_the_responsible_party_stays_with_title_and_affiliation() -> None:
    party = imported(**NAMING).protocol.responsible_party
    assert party is not None
    assert (party.type, party.name, party.title) == ("PRINCIPAL_INVESTIGATOR", "Hospital", "Head of Diagnostics")
    alone = {"type": "SPONSOR_INVESTIGATOR", "investigatorFullName": PERSON}
    result = imported(sponsorCollaboratorsModule={"responsibleParty": alone})
    assert result.protocol.responsible_party is not None
    assert result.protocol.responsible_party.name == result.protocol.sponsor.name


def test_whom_to_ask_about_the_results_is_left_out_too() -> None:
    changed = record()
    asked = {"title": PERSON, "organization": "Hospital", "phone": "555-0100"}
    changed["resultsSection"] = {"moreInfoModule": {"pointOfContact": asked}}
    result = from_ctgov(changed)
    assert PERSON not in result.protocol.to_json().decode()
    assert result.left_out == ("resultsSection.moreInfoModule.pointOfContact (3 values)",)


def test_a_sponsor_who_is_a_person_is_pointed_out() -> None:
    result = imported(sponsorCollaboratorsModule={"leadSponsor": {"name": PERSON, "class": "INDIV"}})
    assert any("the sponsor is a person" in note for note in result.notes)


def test_ages_and_a_single_sex_become_criteria_though_the_text_does_not_say_them() -> None:
    protocol = imported(
        eligibilityModule={
            "eligibilityCriteria": "Inclusion Criteria:\n\n* Anaemia",
            "maximumAge": "65 Years",
            "sex": "FEMALE",
        }
    ).protocol
    assert [c.text for c in protocol.eligibility.criteria] == [
        "Anaemia",
        "Minimum age: 18 Years",
        "Maximum age: 65 Years",
        "Sex: FEMALE",
    ]
    eligible = {"i1_attested": True, "age_years": 65, "sex": "F"}
    assert is_eligible(evaluate(protocol, eligible, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**eligible, "age_years": 66}, "2020-05-20"))
    assert not is_eligible(evaluate(protocol, {**eligible, "sex": "M"}, "2020-05-20"))


def test_an_age_in_months_is_attested_not_guessed() -> None:
    result = imported(eligibilityModule={"eligibilityCriteria": "Inclusion:\n- Fever", "minimumAge": "6 Months"})
    assert [v.name for v in result.protocol.eligibility.variables] == ["i1_attested", "i2_attested"]


def test_a_dose_that_is_not_unmistakable_stays_text() -> None:
    changed = record()
    changed["protocolSection"]["armsInterventionsModule"]["interventions"][0]["description"] = "cells, as needed"
    result = from_ctgov(changed)
    assert result.protocol.dosing == ()
    assert result.protocol.interventions[0].description == "cells, as needed"


def test_an_intervention_for_an_unknown_arm_is_reported() -> None:
    changed = record()
    changed["protocolSection"]["armsInterventionsModule"]["interventions"][0]["armGroupLabels"].append("Third")
    path = "protocolSection.armsInterventionsModule.interventions[0].armGroupLabels[1]"
    assert path in from_ctgov(changed).unknown


def test_arms_with_the_same_beginning_get_codes_of_their_own() -> None:
    changed = record()
    arms = changed["protocolSection"]["armsInterventionsModule"]["armGroups"]
    arms += [{"label": f"A very long label of an arm {n}", "type": "OTHER"} for n in (1, 2)]
    arms += [{"label": "对照", "type": "OTHER"}]
    codes = [arm.code for arm in from_ctgov(changed).protocol.arms]
    assert codes == ["CONTROL", "TREATMENT", "A_VERY_LONG_LABEL_OF", "A_VERY_LONG_LABE-4", "ARM5"]


def test_the_record_is_left_as_it_was() -> None:
    given_record = record()
    before = copy.deepcopy(given_record)
    from_ctgov(given_record)
    assert given_record == before


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("Inclusion Criteria:\n\n* One\n* Two\n\nExclusion Criteria:\n\n* Three", ["I One", "I Two", "E Three"]),
        ("INCLUSION:\n1. One\n2) Two\nEXCLUSION:\n- Three", ["I One", "I Two", "E Three"]),
        ("Key Inclusion Criteria\nOne\nTwo", ["I One", "I Two"]),
        ("Inclusion Criteria:\n* One:\n  * a\n  * b\n* Two", ["I One: a b".replace(": a b", ": * a * b"), "I Two"]),
        ("Inclusion Criteria:\n* One\n  goes on\n* Two", ["I One goes on", "I Two"]),
        ("Inclusion Criteria:\n* PaO2 \\< 200 and SpO2 \\>= 80", ["I PaO2 < 200 and SpO2 >= 80"]),
        ("Healthy people", ["I Healthy people"]),
        ("", []),
    ],
)
def test_an_eligibility_text_is_split_at_its_bullets(text: str, items: list[str]) -> None:
    found, _ = split_criteria(text)
    assert [f"{'I' if item.inclusion else 'E'} {item.text}" for item in found] == items


@given(st.text(st.sampled_from("ab *-1.\n:") | st.characters(categories=["L"]), max_size=80))
def test_splitting_loses_no_letter(text: str) -> None:
    items, notes = split_criteria(f"Inclusion Criteria:\n{text}")
    kept = "".join(item.text for item in items) + "".join(notes)
    for letter in text:
        assert not letter.isalpha() or letter in kept


def test_text_before_the_first_heading_is_noted() -> None:
    _, notes = split_criteria("Ask the doctor.\nInclusion Criteria:\n* One")
    assert any("Ask the doctor." in note for note in notes)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("28 days", (28, None)),
        ("6 months", (183, 6)),
        ("Up to 4 weeks", (28, None)),
        ("1 year", (365, 12)),
        ("Baseline, week 4, week 12", (None, None)),
        ("through study completion", (None, None)),
    ],
)
def test_a_time_frame_is_read_if_it_is_one_length_of_time(text: str, frame: tuple[int | None, int | None]) -> None:
    assert read_time_frame(text) == frame


@given(st.integers(1, 1200))
def test_months_are_days_to_the_nearest(months: int) -> None:
    assert abs(days_of_months(months) - months * 365.25 / 12) <= 0.5


@pytest.mark.parametrize(
    ("text", "doses", "amount", "unit", "per_kg", "route"),
    [
        ("Two serial doses of 1.5 million cells per kg, intravenous", 2, "1.5", "million cells", True, "INTRAVENOUS"),
        ("single dose of 500 mg orally", 1, "500", "mg", False, "ORAL"),
        ("single dose of 500 mg", 1, "500", "mg", False, None),
        ("two doses of 1.5 million stem cells/kg, oral", 2, "1.5", "million cells", True, "ORAL"),
        ("3 doses of 10 mg/kg, subcutaneous", 3, "10", "mg", True, "SUBCUTANEOUS"),
    ],
)
def test_a_dose_is_read_from_plain_words(
    text: str, doses: int, amount: str, unit: str, per_kg: bool, route: str | None
) -> None:
    read = read_dose(text)
    assert read is not None
    assert (read.doses, str(read.amount), read.unit, read.per_kg, read.route) == (doses, amount, unit, per_kg, route)


def test_two_doses_in_one_text_are_not_one() -> None:
    assert read_dose("one dose of 5 mg, then two doses of 10 mg, oral") is None
