"""The trial as a whole: one table of what is refused, and what halts, locks and amendments do."""

from typing import Any

import pytest

from ledger.domain.vocabulary import TrialStatus
from tests.domain.story import CONSENT, PROTOCOL, Story, begun, consented, deviations_of

WHY = {"reason": "lack of financial support"}
WHO = {**WHY, "authority": "AEMPS"}
SITE = {"site": "S01"}


def told(*commands: str | tuple[str, dict[str, Any]]) -> Story:
    story = begun()
    for command in commands:
        type_, data = (command, WHY) if isinstance(command, str) else command
        story.tell(type_, data)
    return story


def registration(**changes: Any) -> dict[str, Any]:
    return {"protocol": {**PROTOCOL.model_dump(mode="json"), **changes}}


@pytest.mark.parametrize(
    ("story", "type_", "data", "rule", "field"),
    [
        pytest.param(begun(), "register-trial", registration(), "trial-registered", "type", id="registered twice"),
        pytest.param(Story(), "activate-site", SITE, "trial-unregistered", "type", id="nothing registered"),
        pytest.param(Story(), "register-trial", registration(arms=[]), "protocol", "data.protocol.arms", id="no arms"),
        pytest.param(begun(), "activate-site", SITE, "site-active", "data.site", id="active already"),
        pytest.param(begun(), "close-site", {"site": "S09"}, "site-not-active", "data.site", id="never active"),
        pytest.param(begun(), "restart-trial", WHY, "not-halted", "type", id="restart without a halt"),
        pytest.param(told("halt-trial"), "halt-trial", WHY, "halted-already", "type", id="the same halt twice"),
        pytest.param(told("terminate-trial"), "restart-trial", WHY, "terminated", "type", id="restart after the end"),
        pytest.param(told("terminate-trial"), "terminate-trial", WHY, "terminated", "type", id="ended twice"),
        pytest.param(told("terminate-trial"), "halt-trial", WHY, "terminated", "type", id="halt after the end"),
        pytest.param(told("terminate-trial"), "activate-site", {"site": "S02"}, "terminated", "type", id="site"),
        pytest.param(told("lock-database"), "lock-database", WHY, "locked", "type", id="locked twice"),
        pytest.param(begun(), "unlock-database", WHY, "not-locked", "type", id="unlock without a lock"),
    ],
)
def test_what_the_state_of_the_trial_forbids(
    story: Story, type_: str, data: dict[str, Any], rule: str, field: str
) -> None:
    assert story.refused(type_, data) == (rule, field)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"registration": {**PROTOCOL.registration.model_dump(mode="json"), "nct_number": "NCT00000001"}}, "trial-id"),
        (
            {"arms": [{**arm.model_dump(mode="json"), "ratio": ratio} for ratio, arm in enumerate(PROTOCOL.arms, 1)]},
            "allocation-list",
        ),
    ],
)
def test_an_amendment_keeps_the_trial_and_its_allocation_list(changes: dict[str, Any], rule: str) -> None:
    data = {"amendment": "A1", "reason": "why not", **registration(**changes)}
    assert begun().refused("amend-protocol", data)[0] == rule


def test_an_amendment_is_recorded_once_under_its_name() -> None:
    story = begun()
    data = {"amendment": "A1", "reason": "fewer", **registration(enrolment={"count": 60, "cap": 60})}
    story.tell("amend-protocol", data)
    assert story.refused("amend-protocol", data)[0] == "amendment-exists"


@pytest.mark.parametrize(
    ("type_", "data", "status"),
    [
        ("halt-trial", WHY, TrialStatus.TEMPORARILY_HALTED),
        ("suspend-trial", WHO, TrialStatus.SUSPENDED_BY_AUTHORITY),
        ("impose-clinical-hold", WHO, TrialStatus.CLINICAL_HOLD),
    ],
)
def test_each_kind_of_halt_has_a_status_of_its_own_and_ends_with_a_restart(
    type_: str, data: dict[str, Any], status: TrialStatus
) -> None:
    story = begun()
    story.tell(type_, data)
    assert story.trial.status is status
    assert story.refused("restart-trial", WHY, "2020-05-19") == ("before-halt", "occurred_at")
    story.tell("restart-trial", WHY, "2020-05-25")
    assert story.trial.status is TrialStatus.RECRUITING


@pytest.mark.parametrize(
    ("type_", "data", "role"),
    [
        ("halt-trial", WHY, "investigator"),
        ("record-dmc-recommendation", {"recommendation": "STOP"}, "investigator"),
        ("lock-database", WHY, "monitor"),
        ("record-consent", {"subject": "P1", **CONSENT}, "sponsor"),
        ("enrol-subject", {"subject": "P1"}, "pharmacist"),
        ("enrol-subject", {"subject": "P1"}, "data-manager"),
        ("claim-randomization", {"subject": "P1", "arm": "CONTROL"}, "investigator"),
        ("record-visit", {"subject": "P1", "visit": "DAY 3"}, "statistician"),
    ],
)
def test_a_role_that_may_not_is_refused(type_: str, data: dict[str, Any], role: str) -> None:
    assert consented().refused(type_, data, role=role) == ("role", "actor.role")


def test_a_simulation_is_no_licence_of_the_data_manager() -> None:
    simulated = {"kind": "simulation", "source": "demo"}
    data = {"subject": "P2", **CONSENT}
    assert begun().refused("record-consent", data, role="data-manager", provenance=simulated)[0] == "role"
    assert begun().tell("record-consent", data, role="investigator", provenance=simulated).open[0].provenance


def test_data_after_the_lock_are_recorded_and_leave_a_deviation() -> None:
    story = consented()
    story.tell("lock-database", WHY)
    facts: list[tuple[str, dict[str, Any]]] = [
        ("record-visit", {"subject": "P1", "visit": "DAY 3"}),
        ("record-vital-status", {"subject": "P1", "status": "ALIVE"}),
        ("report-adverse-event", {"subject": "P1", "ae": "1", "term": "Fever", "serious": False}),
        ("withdraw-consent", {"subject": "P1", "giver": "PATIENT", "scope": "INTERVENTION"}),
    ]
    for type_, data in facts:
        assert deviations_of(story.tell(type_, data, "2020-05-19")) == ["after-lock"], type_
    story.tell("unlock-database", WHY)
    assert not deviations_of(story.tell("record-visit", {"subject": "P1", "visit": "DAY 7"}))


def test_a_cut_off_may_lie_ahead_and_nothing_else_may() -> None:
    story = consented()
    story.tell("declare-data-cut-off", {"cut_off": "2030-01-01", "purpose": "interim"})
    assert story.trial.cut_offs == (("2030-01-01", "interim"),)
    alive = {"subject": "P1", "status": "ALIVE"}
    for on in ("2020-06-03", "2020-07", "2021", "2020-06-03T00:00Z"):
        assert story.refused("record-vital-status", alive, on) == ("future", "occurred_at")
    for on in ("2020-06-02", "2020-06", "2020", "2020-06-02T00:30+14:00"):
        story.tell("record-vital-status", alive, on)
    assert story.refused("record-death", {"subject": "P1", "died": "2020-06-09"}) == ("future", "data.died")


def test_a_time_of_day_needs_an_offset_unless_a_source_has_none() -> None:
    story = begun()
    data = {"subject": "P1", **CONSENT}
    assert story.refused("record-consent", data, "2020-05-18T10:00") == ("offset", "occurred_at")
    story.tell("record-consent", data, "2020-05-18T10:00", provenance={"kind": "import", "source": "pilot"})


def test_what_is_recorded_later_than_the_protocol_allows_is_late() -> None:
    story = consented()
    assert story.tell("record-visit", {"subject": "P1", "visit": "X"}, "2020-05-24").open[0].late
    assert not story.tell("record-visit", {"subject": "P1", "visit": "Y"}, "2020-05-25").open[0].late
