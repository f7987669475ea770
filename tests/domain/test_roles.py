"""Who may see and do what. Denial is the default."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.allocation import AllocationState
from ledger.domain.decisions import COMMANDS
from ledger.domain.decisions.routing import NAMELESS, STAYS_OPEN
from ledger.domain.grants import AccessGrant
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.protocol.terms import MASKING_ROLES
from ledger.domain.roles import NOTHING, ROLES, Sight, Viewer, may_issue, roles_for, sight
from ledger.domain.state import TrialState
from ledger.domain.unblinded import Knowledge, Request
from ledger.domain.vocabulary import Book, Role

QUADRUPLE = reference_protocol()
NOBODY_MASKED = QUADRUPLE.amended({"masking": "NONE", "masked_roles": []})
ONLY_ASSESSOR = QUADRUPLE.amended({"masking": "SINGLE", "masked_roles": ["OUTCOMES_ASSESSOR"]})
NOT_SAID = QUADRUPLE.amended({"masking": None, "masked_roles": []})
SEES_ARMS = {Role.PHARMACIST, Role.STATISTICIAN, Role.DMC, Role.SAFETY_PHYSICIAN, Role.ARCHIVE}
CAN_BE_UNMASKED = {Role.CARE_PROVIDER, Role.INVESTIGATOR, Role.OUTCOMES_ASSESSOR}
AT_A_SITE = {Role.INVESTIGATOR, Role.CARE_PROVIDER, Role.MONITOR}
BY_GRANT = {Role.AUDITOR, Role.INSPECTOR}
TRIAL = TrialState(protocol=QUADRUPLE)
OPENED = replace(TRIAL, allocation=AllocationState(opened_at="2020-12-01"))
NOW = "2020-06-15T12:00:00.000000Z"


def who_sees_arms(protocol: Protocol, trial: TrialState | None = None) -> set[Role]:
    return {role for role in Role if sight(role, protocol, trial).arms}


def seen_by(role: Role, trial: TrialState = TRIAL, *, id: str = "p-1", sites: tuple[str, ...] = ()) -> Sight:
    return sight(Viewer(id, role.value, "FJD", frozenset(sites)), QUADRUPLE, trial, now=NOW)


def test_every_role_stands_in_the_table_once() -> None:
    assert set(ROLES) == set(Role)


# -- arms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "roles"),
    [
        pytest.param(QUADRUPLE, SEES_ARMS, id="masked four ways"),
        pytest.param(NOT_SAID, SEES_ARMS, id="whom it masks is not said"),
        pytest.param(NOBODY_MASKED, SEES_ARMS | CAN_BE_UNMASKED, id="nobody is masked"),
        pytest.param(ONLY_ASSESSOR, SEES_ARMS | CAN_BE_UNMASKED - {Role.OUTCOMES_ASSESSOR}, id="only the assessor"),
    ],
)
def test_arms_are_for_those_whom_neither_table_nor_protocol_masks(protocol: Protocol, roles: set[Role]) -> None:
    assert who_sees_arms(protocol) == roles


@given(st.sets(st.sampled_from(MASKING_ROLES), min_size=1))
def test_a_trial_that_masks_some_masks_those_and_no_others(masked: set[str]) -> None:
    kind = {1: "SINGLE", 2: "DOUBLE", 3: "TRIPLE", 4: "QUADRUPLE"}[len(masked)]
    protocol = QUADRUPLE.amended({"masking": kind, "masked_roles": sorted(masked)})
    unmasked = {role for role in CAN_BE_UNMASKED if role.value.replace("-", "_").upper() not in masked}
    assert who_sees_arms(protocol) == SEES_ARMS | unmasked


def test_who_sees_no_arm_has_no_part_of_the_sealed_book() -> None:
    for role in set(Role) - who_sees_arms(QUADRUPLE):
        seen = sight(role, QUADRUPLE)
        assert seen.books == {Book.OPEN}
        assert seen.classes <= {"plain", "identity"}


def test_once_the_allocation_is_opened_arms_are_for_every_role_but_the_participant() -> None:
    assert who_sees_arms(QUADRUPLE, TRIAL) == SEES_ARMS
    assert who_sees_arms(QUADRUPLE, OPENED) == set(Role) - {Role.PARTICIPANT}
    assert sight("system", QUADRUPLE, OPENED) == NOTHING


def unblinded(*, approved: bool = True, subjects: tuple[str, ...] = ()) -> TrialState:
    """A trial in which the whole of it, or some subjects, were asked to be unblinded for the sponsor's `p-1`."""
    request = Request("p-2", "p-1", "sponsor", subjects, approved=approved)
    return replace(TRIAL, unblinded=Knowledge({("p-1", None): NOW}, {"request-1": request}))


def test_who_was_unblinded_for_the_whole_trial_sees_arms_in_that_role_and_nobody_else_does() -> None:
    assert seen_by(Role.SPONSOR, unblinded()).arms
    assert not seen_by(Role.SPONSOR, unblinded(), id="p-2").arms
    assert not seen_by(Role.DATA_MANAGER, unblinded()).arms


@pytest.mark.parametrize(
    "trial",
    [
        pytest.param(unblinded(approved=False), id="asked for, not approved"),
        pytest.param(unblinded(subjects=("P1",)), id="for one subject"),
        pytest.param(replace(TRIAL, unblinded=Knowledge({("p-1", None): NOW})), id="knows by mistake"),
    ],
)
def test_what_is_no_approved_unblinding_of_the_whole_trial_shows_no_arms(trial: TrialState) -> None:
    assert not seen_by(Role.SPONSOR, trial).arms


def test_a_participant_never_sees_arms() -> None:
    request = Request("p-2", "p-1", "participant", (), approved=True)
    trial = replace(OPENED, unblinded=Knowledge({("p-1", None): NOW}, {"request-1": request}))
    assert not seen_by(Role.PARTICIPANT, trial).arms


# -- names -----------------------------------------------------------------------------------------------------------


def test_names_are_of_the_own_sites_for_those_who_meet_the_subject_or_check_the_site() -> None:
    with_names = {role for role in Role if seen_by(role, sites=("S01",)).names}
    assert with_names == AT_A_SITE | {Role.ARCHIVE}
    for role in AT_A_SITE:
        seen = seen_by(role, sites=("S01",))
        assert seen.names_at("S01")
        assert not seen.names_at("S02")
        assert not seen.names_at(None)


def test_without_a_site_there_are_no_names_but_for_the_archive() -> None:
    assert {role for role in Role if seen_by(role).names} == {Role.ARCHIVE}
    assert {role for role in Role if sight(role, QUADRUPLE).names} == {Role.ARCHIVE}
    assert seen_by(Role.ARCHIVE).names_at("S02")


# -- grants ----------------------------------------------------------------------------------------------------------


def granted(role: Role, classes: set[str], until: str | None = None, person: str = "p-1") -> TrialState:
    return replace(TRIAL, grants=(AccessGrant(person, role.value, frozenset(classes), until),))


@pytest.mark.parametrize("classes", [set(), {"arm"}, {"identity"}, {"arm", "identity"}])
@pytest.mark.parametrize("role", sorted(Role))
def test_a_grant_gives_what_it_says_to_an_auditor_or_inspector_and_nothing_to_any_other_role(
    role: Role, classes: set[str]
) -> None:
    seen, without = seen_by(role, granted(role, classes)), seen_by(role)
    if role not in BY_GRANT:
        assert seen == without
        return
    assert seen.arms is ("arm" in classes)
    assert seen.names_at("S01") is seen.names_at("S02") is ("identity" in classes)
    assert (without.arms, without.names) == (False, False)


def test_a_grant_is_of_the_person_and_the_role_and_ends() -> None:
    both = {"arm", "identity"}
    assert not seen_by(Role.AUDITOR, granted(Role.AUDITOR, both), id="p-2").arms
    assert not seen_by(Role.AUDITOR, granted(Role.INSPECTOR, both)).arms
    assert seen_by(Role.AUDITOR, granted(Role.AUDITOR, both, "2020-06-15")).arms
    assert not seen_by(Role.AUDITOR, granted(Role.AUDITOR, both, "2020-06-14")).arms
    viewer = Viewer("p-1", "auditor", "FJD")
    assert not sight(viewer, QUADRUPLE, granted(Role.AUDITOR, both, "2020-06-15")).arms
    assert not sight("auditor", QUADRUPLE, granted(Role.AUDITOR, both)).arms


# -- denial ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["system", "", "INVESTIGATOR", "root"])
def test_a_role_that_is_not_in_the_table_sees_nothing(role: str) -> None:
    assert sight(role, NOBODY_MASKED) == NOTHING
    trial = replace(OPENED, grants=(AccessGrant("p-1", role, frozenset({"arm", "identity"})),))
    assert sight(Viewer("p-1", role, "FJD", frozenset({"S01"})), NOBODY_MASKED, trial, now=NOW) == NOTHING
    assert not NOTHING.books
    assert [NOTHING.arms, NOTHING.names, NOTHING.names_at("S01")] == [False] * 3


# -- commands --------------------------------------------------------------------------------------------------------


def test_the_table_grants_no_command_that_does_not_exist_and_leaves_only_claims_to_imports() -> None:
    commands = {command for grant in ROLES.values() for command in grant.commands}
    assert commands <= set(COMMANDS)
    claims = {"claim-screening", "claim-randomization", "claim-source-record"}
    assert set(COMMANDS) - commands == claims | {"report-sealed-import"}
    assert all(spec.roles == roles_for(spec.type) for spec in COMMANDS.values())


def test_who_always_sees_arms_writes_nothing_open_about_a_subject_but_what_stays_open_whoever_gives_it() -> None:
    for role in SEES_ARMS:
        open_ones = {command for command in ROLES[role].commands if not COMMANDS[command].sealed}
        about_a_subject = {command for command in open_ones if "subject" in COMMANDS[command].data.model_fields}
        assert about_a_subject <= NAMELESS | STAYS_OPEN


def test_whom_a_protocol_can_mask_writes_nothing_sealed() -> None:
    for role in {*CAN_BE_UNMASKED, Role.PARTICIPANT, Role.SPONSOR, Role.DATA_MANAGER, Role.MONITOR}:
        assert not {command for command in ROLES[role].commands if COMMANDS[command].sealed}


def test_only_an_import_by_a_data_manager_may_give_every_command() -> None:
    assert all(may_issue(Role.DATA_MANAGER, command, imported=True) for command in COMMANDS)
    for role in set(Role) - {Role.DATA_MANAGER}:
        assert {c for c in COMMANDS if may_issue(role, c, imported=True)} == set(ROLES[role].commands)
    assert not may_issue(Role.DATA_MANAGER, "enrol-subject", imported=False)
