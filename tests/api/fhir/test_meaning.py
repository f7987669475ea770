"""What the resources say is what the ledger says: states, consents, events, who did what, corrections and voids."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import viewing
from api.exports.fhir.elements import date_time, put_time
from tests.api.fhir.exported import MASKED, NS, UNMASKED, Exported, Resource, detail, exported
from tests.api.fhir.tangled import PARTIAL, UNUSUAL
from tests.api.odm.feeds import FIRST, imported
from tests.projections.whole_trial import ARM_WORDS, ENTERED, GIVEN, NAMES, SUBJECTS


def ours(export: Exported, kind: str, subject: str) -> list[Resource]:
    """The resources of one subject, in order."""
    patient = f"Patient/NCT04348461-{subject}"
    found = []
    for resource in export.of(kind):
        about = resource.get("patient") or resource.get("subject") or {}
        if about.get("reference") == patient:
            found.append(resource)
    return found


def code(concept: Resource, number: int = 0) -> str:
    said: str = concept["coding"][number]["code"]
    return said


def states(export: Exported, subject: str) -> list[tuple[str, str]]:
    (found,) = ours(export, "ResearchSubject", subject)
    return [(code(step["subjectState"]), code(step["subjectState"], 1)) for step in found["progress"]]


def event(export: Exported, subject: str, ae: str) -> Resource:
    (found,) = [
        one for one in ours(export, "AdverseEvent", subject) if one["identifier"][0]["value"] == f"{subject}/{ae}"
    ]
    return found


def test_every_entry_that_the_viewer_may_see_is_an_audit_event(demo_ledger: Path, tmp_path: Path) -> None:
    for role in (MASKED, UNMASKED):
        export = exported(demo_ledger, role, tmp_path / role, "halt")
        rows = viewing(demo_ledger, role).show("audit", "halt").rows
        events = export.of("AuditEvent")
        assert [(detail(one, "book"), detail(one, "seq")) for one in events] == [(r["book"], r["seq"]) for r in rows]
        for one, row in zip(events, rows, strict=True):
            agent = one["agent"][0]
            assert one["recorded"] == row["recorded_at"]
            assert agent["who"]["identifier"]["value"] == row["who"]
            assert agent["who"]["identifier"]["assigner"]["display"] == row["org"]
            assert code(agent["role"][0]) == row["role"]
            assert code(one["code"]) == row["type"]
            assert one.get("authorization", [{"text": None}])[0]["text"] == row["why"]
            if row["occurred_at"] is not None:
                assert one["occurredDateTime"][:10] == row["occurred_at"][:10]


def test_the_study_has_the_state_of_the_trial_and_why(exports: dict[str, Exported]) -> None:
    for export in exports.values():
        (study,) = export.of("ResearchStudy")
        assert study["identifier"][0] == {
            "use": "official",
            "system": "http://clinicaltrials.gov",
            "value": "NCT04348461",
        }
        assert len(study["comparisonGroup"]) == 2
        progress = [code(step["state"]) for step in study["progressStatus"]]
        assert progress[:2] == ["recruiting", "temporarily-closed-to-accrual"]
        if progress[-1] == "temporarily-closed-to-accrual":
            assert study["whyStopped"]["text"] == "lack of financial support"
            assert "end" not in study["progressStatus"][-1]["period"]
        else:
            assert "whyStopped" not in study
        (group,) = export.of("Group")
        assert {one["exclude"] for one in group["characteristic"]} == {True, False}


def test_the_study_comes_from_the_entries_that_changed_it(corrected: Exported) -> None:
    (made,) = [one for one in corrected.of("Provenance") if one["target"][0]["reference"].startswith("ResearchStudy/")]
    entries = [corrected.one("AuditEvent", one["what"]["reference"].partition("/")[2]) for one in made["entity"]]
    assert [code(entry["code"]) for entry in entries] == [
        "trial.registered/1",
        "site.activated/1",
        "trial.temporarily-halted/1",
        "trial.restarted/1",
    ]
    assert [reason["concept"]["text"] for reason in made["authorization"]] == ["lack of money", "money"]


def test_every_subject_consent_and_event_has_its_provenance(exports: dict[str, Exported]) -> None:
    for export in exports.values():
        told = [one["target"][0]["reference"] for one in export.of("Provenance")]
        kinds = ("ResearchStudy", "ResearchSubject", "Consent", "AdverseEvent")
        assert sorted(told) == sorted(f"{kind}/{one['id']}" for kind in kinds for one in export.of(kind))


def test_states_follow_one_another(corrected: Exported) -> None:
    begun = [
        ("screening", "CONSENTED"),
        ("eligible", "ELIGIBLE"),
        ("on-study", "ENROLLED"),
        ("on-study", "RANDOMIZED"),
    ]
    assert states(corrected, SUBJECTS[1]) == begun
    assert states(corrected, SUBJECTS[2]) == [*begun, ("on-study-observation", "DISCONTINUED"), ("off-study", "DIED")]
    assert states(corrected, SUBJECTS[3]) == begun, "consent given again undoes a withdrawal"
    (subject,) = ours(corrected, "ResearchSubject", SUBJECTS[2])
    assert subject["progress"][-1]["reason"]["text"] == "respiratory failure"
    assert subject["period"]["end"] == "2020-05-06"
    milestones = [code(step["milestone"]) for step in subject["progress"] if "milestone" in step]
    assert milestones == ["SignedUp", "Screened", "Randomized"]
    patient = corrected.one("Patient", f"NCT04348461-{SUBJECTS[2]}")
    assert patient["deceasedDateTime"] == "2020-05-06"


def test_a_consent_ends_by_withdrawal_or_renewal_and_one_in_error_says_so(corrected: Exported) -> None:
    consents = ours(corrected, "Consent", SUBJECTS[3])
    said = [(one["decision"], one["status"]) for one in consents]
    assert said == [
        ("permit", "inactive"),
        ("permit", "inactive"),
        ("deny", "inactive"),
        ("permit", "active"),
        ("permit", "entered-in-error"),
    ]
    withdrawal = consents[2]
    assert withdrawal["grantor"][0]["reference"].startswith("RelatedPerson/")
    assert consents[1]["period"]["end"] == withdrawal["period"]["start"]
    giver = corrected.one("RelatedPerson", withdrawal["grantor"][0]["reference"].partition("/")[2])
    assert code(giver["relationship"][0]) == "RESPRSN"
    again = consents[3]
    assert code(again["category"][1]) == "VERBAL"
    assert [one["verificationType"]["text"] for one in again["verification"]] == ["impartial witness (ICH E6(R3) 2.8)"]


def test_who_withdraws_from_the_intervention_alone_still_consents(corrected: Exported) -> None:
    said = [(one["decision"], one["status"]) for one in ours(corrected, "Consent", SUBJECTS[2])]
    assert said == [("permit", "inactive"), ("permit", "active"), ("deny", "active")]


def test_an_adverse_event_is_as_it_was_said_last(corrected: Exported) -> None:
    found = event(corrected, SUBJECTS[1], "AE2")
    assert found["status"] == "completed"
    assert found["code"]["text"] == UNUSUAL
    assert [(one["display"], one.get("version")) for one in found["code"]["coding"]] == [
        ("Pyrexia", "23.0"),
        ("Pyrexia", "23.0"),
        ("General disorders", "23.0"),
    ]
    assert found["occurrencePeriod"] == {"start": PARTIAL, "end": "2020-05-07"}
    stated = {one["url"].removeprefix(f"{NS}/"): one["valueString"] for one in found["extension"]}
    assert stated == {"severity": "SEVERE", "causality": "POSSIBLE"}
    assert [code(found["seriousness"], number) for number in (0, 1)] == ["serious", "HOSPITALIZATION"]
    assert found["outcome"][0]["text"] == "RECOVERED/RESOLVED"
    assert [note["text"] for note in found["note"]] == ["It passed."]
    assert [one["instanceCodeableConcept"]["text"] for one in found["suspectEntity"]] == [GIVEN]
    assert found["mitigatingAction"][0]["itemCodeableConcept"]["text"] == "DRUG WITHDRAWN"
    assert found["expectedInResearchStudy"] is False


def test_what_was_given_after_the_onset_is_not_suspected(corrected: Exported) -> None:
    assert "suspectEntity" not in event(corrected, SUBJECTS[1], "AE4")
    assert "suspectEntity" in event(corrected, SUBJECTS[1], "AE2")


def test_a_correction_is_a_revision_in_the_provenance_with_its_reason(corrected: Exported) -> None:
    found = event(corrected, SUBJECTS[1], "AE2")
    target = f"AdverseEvent/{found['id']}"
    (made,) = [one for one in corrected.of("Provenance") if one["target"][0]["reference"] == target]
    parts = [entity["role"] for entity in made["entity"]]
    assert parts == ["source", "revision", "source", "source", "source", "source"]
    assert code(made["activity"]) == "amend"
    assert made["authorization"] == [{"concept": {"text": "mistyped"}}]
    correction = corrected.one("AuditEvent", made["entity"][1]["what"]["reference"].partition("/")[2])
    assert correction["action"] == "U"
    assert detail(correction, "before") == '{"severity":"MILD"}'
    assert detail(correction, "after") == '{"severity":"SEVERE"}'
    assert correction["entity"][0]["what"]["reference"] == target
    assert made["recorded"] == max(
        corrected.one("AuditEvent", entity["what"]["reference"].partition("/")[2])["recorded"]
        for entity in made["entity"]
    )
    assert {agent["who"]["identifier"]["value"] for agent in made["agent"]} == {
        "investigator-2",
        "data-manager-2",
        "pharmacist-2",
        "safety-physician-2",
    }


def test_a_voided_record_stays_as_entered_in_error_with_the_voiding_as_removal(corrected: Exported) -> None:
    found = event(corrected, SUBJECTS[1], "AE3")
    assert found["status"] == "entered-in-error"
    target = f"AdverseEvent/{found['id']}"
    (made,) = [one for one in corrected.of("Provenance") if one["target"][0]["reference"] == target]
    assert [entity["role"] for entity in made["entity"]] == ["source", "removal"]
    assert made["authorization"] == [{"concept": {"text": "of another patient"}}]
    report = corrected.one("AuditEvent", made["entity"][0]["what"]["reference"].partition("/")[2])
    voiding = corrected.one("AuditEvent", made["entity"][1]["what"]["reference"].partition("/")[2])
    assert detail(report, "voided-by") == detail(voiding, "seq")
    assert code(voiding["category"][0]) == "deprecate"


def test_a_subject_whose_every_record_was_voided_is_in_no_state(corrected: Exported) -> None:
    (subject,) = ours(corrected, "ResearchSubject", "S-01-009")
    assert "progress" not in subject
    assert [one["status"] for one in ours(corrected, "Consent", "S-01-009")] == ["entered-in-error"]


def test_masked_people_get_no_arm_no_product_and_nothing_said_after_unblinding(exports: dict[str, Exported]) -> None:
    masked, unmasked = exports[MASKED], exports[UNMASKED]
    for resource in masked.all():
        assert not {"assignedComparisonGroup", "actualComparisonGroup"} & resource.keys()
        assert not {"suspectEntity", "mitigatingAction", "expectedInResearchStudy"} & resource.keys()
        assert not resource["id"].startswith("NCT04348461-sealed")
    assert any("assignedComparisonGroup" in one for one in unmasked.of("ResearchSubject"))
    assert any("actualComparisonGroup" in one for one in unmasked.of("ResearchSubject"))
    seen = {one["id"]: one for one in unmasked.of("ResearchSubject")}
    for one in masked.of("ResearchSubject"):
        also = {"assignedComparisonGroup", "actualComparisonGroup"}
        assert one == {name: value for name, value in seen[one["id"]].items() if name not in also}


def test_the_words_of_arms_lots_and_names_are_in_no_file_of_masked_people(tangled_ledger: Path, tmp_path: Path) -> None:
    labels = ("QUINCE", "MEDLAR", "Quince group", "Medlar group")  # the protocol names the arms to everybody
    masked, unmasked = (exported(tangled_ledger, role, tmp_path / role).bytes for role in (MASKED, UNMASKED))
    text, more = (b"".join(files.values()).decode() for files in (masked, unmasked))
    for word in (*ARM_WORDS, "Seen after the code was broken", "DRUG WITHDRAWN", "UNEXPECTED"):
        assert word in labels or word not in text
    assert ENTERED in more
    assert GIVEN in more
    for name in NAMES:
        assert name not in text + more


def test_what_was_entered_after_unblinding_is_marked_for_those_who_may_see_it(corrected: Exported) -> None:
    found = event(corrected, SUBJECTS[0], "AE9")
    assert found["id"].startswith("NCT04348461-sealed-")
    assert {"url": f"{NS}/after-unblinding", "valueBoolean": True} in found["extension"]
    marked = [one for one in corrected.of("AuditEvent") if detail(one, "after-unblinding")]
    assert len(marked) == 2


def test_who_a_source_claims_to_have_acted_is_an_agent_apart_from_ours(tmp_path: Path) -> None:
    ledger = imported(tmp_path, FIRST, FIRST.but(id="2", value="61", user="klee", reason="misread")).ledger
    export = exported(ledger, MASKED, tmp_path / "out")
    claims = [one for one in export.of("AuditEvent") if code(one["code"]) == "source-record.claimed/1"]
    assert [[agent["who"].get("display") for agent in one["agent"]] for one in claims] == [
        [None, "mkoch"],
        [None, "klee"],
    ]
    for one in claims:
        assert [agent["requestor"] for agent in one["agent"]] == [True, False]
        assert one["recorded"] > "2021", "ours; the source's is 2020"
        assert one["occurredDateTime"] == "2020-05-06"
        assert one["_occurredDateTime"]["extension"][0]["valueString"] == "2020-05-06T10:30:00"
    assert json.loads(detail(claims[1], "after"))["claimed"]["reason"] == "misread"


@pytest.mark.parametrize(
    ("stated", "written", "exact"),
    [
        ("2020", "2020", True),
        ("2020-05", "2020-05", True),
        ("2020-05-06", "2020-05-06", True),
        ("2020-05-06T10:30", "2020-05-06", False),
        ("2020-05-06T10:30:15.5", "2020-05-06", False),
        ("2020-05-06T10:30Z", "2020-05-06T10:30:00Z", True),
        ("2020-05-06T10:30-03:00", "2020-05-06T10:30:00-03:00", True),
        ("2020-05-06T10:30:15.123456+02:00", "2020-05-06T10:30:15.123456+02:00", True),
        ("2020-05-06T10:30+14:00", "2020-05-06T10:30:00+14:00", True),
        ("2020-05-06T10:30+14:30", "2020-05-05T20:00:00Z", False),
        ("0001-01-01T00:30+23:00", "0001-01-01", False),
    ],
)
def test_a_time_is_written_as_fhir_has_it_and_what_it_cannot_say_stands_beside(
    stated: str, written: str, exact: bool
) -> None:
    assert date_time(stated) == (written, exact)
    element: dict[str, Any] = {}
    put_time(element, "start", stated)
    assert ("_start" in element) is not exact
    if not exact:
        assert element["_start"]["extension"][0]["valueString"] == stated
