"""The view of who knows an arm and who is masked, folded from the open facts alone."""

from typing import Any

from ledger.domain.events.access import AccessGranted, AccessRefused, ArmAccessed
from ledger.domain.events.allocation import AllocationOpened
from ledger.domain.events.unblinding import (
    CodeBroken,
    EnvelopeOpened,
    EnvelopesExported,
    UnblindingApproved,
    UnblindingReported,
    UnblindingRequested,
)
from ledger.proof.entry import Actor
from projections.base import Audience
from tests.projections.building import PROTOCOL, MemoryLedger, consented, randomize, registered

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED
SPONSOR, DMC = Actor("sp-1", "IIS", "sponsor"), Actor("dmc-1", "DMC", "dmc")
INVESTIGATOR = Actor("inv-1", "FJD", "investigator")
STATISTICIAN = Actor("stat-1", "IIS", "statistician")


def trial(protocol: dict[str, Any] | None = None) -> MemoryLedger:
    ledger = registered(protocol)
    for number, arm in enumerate(("CONTROL", "TREATMENT"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
    return ledger


def rows(ledger: MemoryLedger, status: str, audience: Audience = MASKED) -> list[dict[str, Any]]:
    return [row for row in ledger.show("unblinding", audience).rows if row["status"] == status]


def still_masked(ledger: MemoryLedger) -> set[tuple[str | None, str]]:
    return {(row["person"], row["role"]) for row in rows(ledger, "MASKED")}


def test_a_code_break_tells_who_knows_whose_arm_since_when_and_why_and_not_the_arm() -> None:
    ledger = trial()
    broken = ledger.append(CodeBroken(occurred_at="2020-06-02", subject="S2", reason="bleeding"), "2020-06-03")
    (row,) = rows(ledger, "KNOWS")
    assert (row["person"], row["role"], row["subject"]) == ("inv-1", "investigator", "S2")
    assert (row["since"], row["occurred_at"]) == (broken.at, "2020-06-02")
    assert (row["how"], row["reason"], row["approved_by"]) == ("EMERGENCY", "bleeding", None)
    assert "Treatment" not in ledger.show("unblinding", MASKED).to_json()
    (seen,) = rows(ledger, "KNOWS", UNMASKED)
    assert seen["arm"] == "Treatment"


def test_who_broke_one_code_is_masked_for_all_other_subjects() -> None:
    ledger = trial()
    ledger.append(CodeBroken(occurred_at="2020-06-02", subject="S2", reason="bleeding"))
    (row,) = (row for row in rows(ledger, "MASKED") if row["person"] == "inv-1")
    assert row["but_for"] == ["S2"]


def test_a_request_unblinds_nobody_until_another_person_has_approved_it() -> None:
    ledger = trial()
    named = {"person": "inv-1", "role": "investigator", "subjects": ("S1", "S2"), "occurred_at": "2020-06-02"}
    asked = ledger.append(UnblindingRequested.model_validate({**named, "reason": "interim"}), actor=SPONSOR)
    assert rows(ledger, "KNOWS") == []
    assert [row["subject"] for row in rows(ledger, "REQUESTED")] == ["S1", "S2"]
    assert {row["since"] for row in rows(ledger, "REQUESTED")} == {None}
    ledger.append(UnblindingApproved.model_validate({**named, "request": asked.command}), actor=DMC)
    known = rows(ledger, "KNOWS")
    assert rows(ledger, "REQUESTED") == []
    assert [(row["subject"], row["asked_by"], row["approved_by"]) for row in known] == [
        ("S1", "sp-1", "dmc-1"),
        ("S2", "sp-1", "dmc-1"),
    ]
    assert {row["reason"] for row in known} == {"interim"}


def test_who_knows_all_arms_is_not_masked_any_more_and_others_still_are() -> None:
    ledger = trial()
    ledger.append(consented("S3"), actor=Actor("inv-2", "LPZ", "investigator"))
    assert {("inv-1", "investigator"), ("inv-2", "investigator")} <= still_masked(ledger)
    how = {"person": "inv-1", "role": "investigator", "how": "saw the list", "occurred_at": "2020-06-02"}
    ledger.append(UnblindingReported.model_validate(how))
    assert ("inv-1", "investigator") not in still_masked(ledger)
    assert ("inv-2", "investigator") in still_masked(ledger)
    (row,) = rows(ledger, "KNOWS")
    assert (row["how"], row["subject"], row["reason"]) == ("INADVERTENT", None, "saw the list")


def test_an_opened_envelope_unblinds_whom_it_names_and_an_exported_one_nobody() -> None:
    ledger = trial()
    ledger.append(EnvelopesExported(occurred_at="2020-06-01", holder="ward-3", subjects=2), actor=STATISTICIAN)
    assert rows(ledger, "KNOWS") == []
    ledger.append(EnvelopeOpened(occurred_at="2020-06-02", subject="S1", person="inv-9", reason="server down"))
    (row,) = rows(ledger, "KNOWS")
    assert (row["how"], row["person"], row["subject"]) == ("ENVELOPE", "inv-9", "S1")


def test_an_auditor_who_was_granted_arms_is_taken_to_know_them_and_one_granted_names_is_not() -> None:
    ledger = trial()
    for person, classes in (("aud-1", ("arm", "identity")), ("aud-2", ("identity",))):
        granted = {"person": person, "role": "auditor", "classes": classes, "reason": "audit", "occurred_at": "2020-06"}
        ledger.append(AccessGranted.model_validate(granted), actor=SPONSOR)
    assert [(row["person"], row["how"], row["approved_by"]) for row in rows(ledger, "KNOWS")] == [
        ("aud-1", "GRANTED", "sp-1")
    ]


def test_whoever_only_looks_is_a_masked_person_too() -> None:
    ledger = trial()
    monitor = Actor("mon-1", "CRO", "monitor")
    ledger.append(AccessRefused(occurred_at="2020-06-02", wanted="arm", what="view exposure"), actor=monitor)
    assert ("mon-1", "monitor") in still_masked(ledger)


def test_masked_roles_in_which_nobody_acted_are_named_and_roles_that_see_arms_are_not() -> None:
    ledger = trial()
    ledger.append(ArmAccessed(occurred_at="2020-06-02", what="view exposure"), actor=STATISTICIAN)
    roles = {role for _, role in still_masked(ledger)}
    assert (None, "outcomes-assessor") in still_masked(ledger)
    assert roles.isdisjoint({"pharmacist", "statistician", "dmc", "safety-physician", "archive", "system"})


def test_the_protocol_says_who_is_masked() -> None:
    twice = {**PROTOCOL, "masking": "DOUBLE", "masked_roles": ["PARTICIPANT", "OUTCOMES_ASSESSOR"]}
    roles = {role for _, role in still_masked(trial(twice))}
    assert {"participant", "outcomes-assessor"} <= roles
    assert roles.isdisjoint({"investigator", "care-provider"})
    assert {"investigator", "care-provider"} <= {role for _, role in still_masked(trial())}
    nobody = {role for _, role in still_masked(trial({**PROTOCOL, "masking": "NONE"}))}
    assert nobody.isdisjoint({"investigator", "care-provider", "outcomes-assessor"})


def test_once_the_list_is_opened_only_participants_are_masked() -> None:
    ledger = trial()
    opened = AllocationOpened(occurred_at="2020-07-01", secret="0" * 64, parameters={}, reason="the end")
    ledger.append(opened, actor=STATISTICIAN)
    assert {role for _, role in still_masked(ledger)} == {"participant"}
    (row,) = rows(ledger, "KNOWS")
    assert (row["person"], row["subject"], row["how"]) == (None, None, "LIST OPENED")


def test_an_imported_code_break_is_a_claim_and_unblinds_nobody_of_ours() -> None:
    ledger = trial()
    source = {"kind": "import", "source": "ODM", "claimed_actor": "Dr. Before"}
    broken = {"occurred_at": "2020-06-02", "subject": "S2", "reason": "bleeding", "provenance": source}
    ledger.append(CodeBroken.model_validate(broken), actor=Actor("dm-1", "IIS", "data-manager"))
    assert rows(ledger, "KNOWS") == []
    assert [row["person"] for row in rows(ledger, "CLAIMED")] == ["Dr. Before"]
    assert ("dm-1", "data-manager") in still_masked(ledger)


def test_looks_at_arms_are_counted_for_those_who_see_arms() -> None:
    ledger = trial()
    how = {"person": "stat-1", "role": "statistician", "how": "x", "occurred_at": "2020-06-02"}
    ledger.append(UnblindingReported.model_validate(how), actor=STATISTICIAN)
    for _ in range(3):
        ledger.append(ArmAccessed(occurred_at="2020-06-02", what="view exposure"), actor=STATISTICIAN)
    (row,) = rows(ledger, "KNOWS", UNMASKED)
    assert row["looks"] == 3
    assert "looks" not in rows(ledger, "KNOWS")[0]
