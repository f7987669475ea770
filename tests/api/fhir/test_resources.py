"""Every resource is valid R5, refers to what is there, uses codes that exist; and an export made again is the same."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fhir.resources
import pytest
from fhir.resources import get_fhir_model_class

from api.exports.fhir import codes, writing
from api.exports.fhir.elements import Ids
from api.exports.fhir.subjects import subject_resources
from api.exports.making import ExportError
from ledger.domain.protocol import Protocol, reference_protocol
from tests.api.fhir.exported import MASKED, NS, UNMASKED, Exported, Resource, codings, exported, references
from tests.api.fhir.official import Official
from tests.trials import Trial

KINDS = {"ResearchStudy", "ResearchSubject", "Consent", "AdverseEvent", "AuditEvent", "Provenance"}


def test_the_models_are_those_of_r5() -> None:
    assert fhir.resources.__fhir_version__ == "5.0.0"


def test_every_resource_is_valid_by_the_models(exports: dict[str, Exported]) -> None:
    for export in exports.values():
        kinds = Counter(resource["resourceType"] for resource in export.all())
        assert kinds.keys() >= KINDS
        for resource in [*export.all(), export.bundle]:
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_every_resource_is_valid_by_the_published_schema(exports: dict[str, Exported], official: Official) -> None:
    for export in exports.values():
        checked: Counter[str] = Counter()
        for resource in export.all():
            checked[resource["resourceType"]] += 1
            # Of audit events, which are many and alike, each fifth.
            if resource["resourceType"] != "AuditEvent" or checked["AuditEvent"] % 5 == 0:
                assert official.errors(resource) == [], resource
        assert checked.keys() >= KINDS
        assert official.errors(export.bundle) == []


def test_the_published_schema_refuses_what_is_no_r5(exports: dict[str, Exported], official: Official) -> None:
    event = exports[UNMASKED].of("AdverseEvent")[0]
    assert official.errors(event) == []
    for broken in ({"event": {"text": "as in R4"}}, {"status": 1}, {"recordedDate": "2020-05-06T10:00"}, {"id": "a_b"}):
        assert official.errors({**event, **broken}) != []


def test_every_code_of_a_published_system_is_in_it(exports: dict[str, Exported], official: Official) -> None:
    used = {coding for export in exports.values() for resource in export.all() for coding in codings(resource)}
    ours = {system for system, _ in used if system.startswith(NS)}
    others = {coding for coding in used if coding[0] not in ours}
    unknown = {system for system, _ in others} - official.codes.keys()
    assert unknown <= {codes.NCI}, "NCI's thesaurus is not among the packages"
    assert {
        (system, code) for system, code in others if system not in unknown and code not in official.codes[system]
    } == set()
    assert len(others) > 30


@pytest.mark.parametrize(
    ("system", "used"),
    [
        (codes.STUDY_STATUS, codes.STATES.values()),
        (codes.PHASE, codes.PHASES.values()),
        (codes.PURPOSE, codes.PURPOSES.values()),
        (codes.ARM_TYPE, codes.ARM_TYPES.values()),
        (codes.OBJECTIVE, codes.OBJECTIVES.values()),
        (codes.DESIGN, [code for code, _ in codes.DESIGNS.values()]),
        (codes.SUBJECT_STATE, [*codes.SUBJECT_STATES.values(), *codes.OFF, codes.OBSERVED]),
        (codes.MILESTONE, [code for code, _ in codes.MILESTONES.values()]),
        (codes.RELATION, [code for code, _ in codes.RELATIONS.values()]),
    ],
)
def test_every_code_that_could_be_used_is_published(system: str, used: list[str], official: Official) -> None:
    assert set(used) <= official.codes[system]


def test_every_reference_is_to_a_resource_of_the_export(exports: dict[str, Exported]) -> None:
    for export in exports.values():
        there = [f"{resource['resourceType']}/{resource['id']}" for resource in export.all()]
        assert len(there) == len(set(there))
        named = {reference for resource in [*export.all(), export.bundle] for reference in references(resource)}
        assert named <= set(there)
        assert any(reference.startswith("AuditEvent/") for reference in named)
        urls = {entry["fullUrl"] for entry in export.bundle["entry"]}
        assert len(urls) == len(export.bundle["entry"])
        within = set(references(export.bundle))
        assert {"/".join(url.rsplit("/", 2)[1:]) for url in urls} >= within


@pytest.mark.parametrize("role", [MASKED, UNMASKED])
def test_an_export_made_again_has_the_same_bytes(demo_ledger: Path, tmp_path: Path, role: str) -> None:
    one, other = (exported(demo_ledger, role, tmp_path / name, "halt") for name in ("one", "other"))
    assert one.bytes == other.bytes


def test_a_resource_that_is_not_valid_ends_the_export(
    demo_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **more: Any) -> Iterator[Resource]:
        for resource in subject_resources(*arguments, **more):
            yield {**resource, "gender_": "x"} if resource["resourceType"] == "Patient" else resource

    monkeypatch.setattr(writing, "subject_resources", broken)
    with pytest.raises(ExportError, match=r"Patient/NCT04348461-S01-001 is not valid R5: gender_"):
        exported(demo_ledger, UNMASKED, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_the_export_says_what_to_install(
    demo_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fhir.resources", None)
    monkeypatch.delitem(sys.modules, "api.exports.fhir.writing")
    with pytest.raises(ExportError, match=r"fhir\.resources is not installed; it comes with trial-ledger\[exports\]"):
        exported(demo_ledger, UNMASKED, tmp_path / "out")


def test_an_id_that_fhir_does_not_take_is_replaced_and_still_one_of_its_own() -> None:
    ids = Ids("NCT04348461")
    assert ids.of("S01-001") == "NCT04348461-S01-001"
    strange = {ids.of("a_b"), ids.of("a-b"), ids.of("x" * 60), ids.of("x" * 61), Ids("Ä trial").of("a")}
    assert len(strange) == 5
    assert all(len(id_) <= 64 and id_.replace("-", "").replace(".", "").isalnum() and id_.isascii() for id_ in strange)
    assert len({ids.arm("A_B"), ids.arm("A-B"), ids.arm("A.B")}) == 3


def test_a_trial_whose_ids_fhir_does_not_take_is_exported_all_the_same(tmp_path: Path) -> None:
    text = reference_protocol().to_json().decode().replace('"TREATMENT"', '"TREAT_MENT"')
    value = json.loads(text) | {"primary_purpose": "TREATMENT"}
    value["registration"] |= {"nct_number": None, "org_study_id": "Ärzte 1/2 (x)"}
    trial = Trial(tmp_path, protocol=Protocol.from_value(value))
    trial.do("activate-site", {"site": value["sites"][0]["id"]})
    for number in range(4):
        trial.randomized(f"S_{number}_{'x' * 55}")
    trial.ledger.close()
    export = exported(trial.path, UNMASKED, tmp_path / "out")
    (study,) = export.of("ResearchStudy")
    arms = {arm["linkId"]: arm["extension"][0]["valueString"] for arm in study["comparisonGroup"]}
    assert set(arms.values()) == {"CONTROL", "TREAT_MENT"}
    assert {subject["assignedComparisonGroup"] for subject in export.of("ResearchSubject")} == arms.keys()
    there = {f"{resource['resourceType']}/{resource['id']}" for resource in export.all()}
    assert {reference for resource in export.all() for reference in references(resource)} <= there
    assert len(export.of("Patient")) == 4
