"""Who may see and do what. Denial is the default."""

import pytest

from ledger.domain.decisions import COMMANDS
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.roles import NOTHING, ROLES, may_issue, roles_for, sight
from ledger.domain.vocabulary import Book, Role

QUADRUPLE = reference_protocol()
NOBODY_MASKED = QUADRUPLE.amended({"masking": "NONE", "masked_roles": []})
ONLY_ASSESSOR = QUADRUPLE.amended({"masking": "SINGLE", "masked_roles": ["OUTCOMES_ASSESSOR"]})
NOT_SAID = QUADRUPLE.amended({"masking": None, "masked_roles": []})
SEES_ARMS = {Role.PHARMACIST, Role.STATISTICIAN, Role.DMC, Role.SAFETY_PHYSICIAN, Role.ARCHIVE}
CAN_BE_UNMASKED = {Role.CARE_PROVIDER, Role.INVESTIGATOR, Role.OUTCOMES_ASSESSOR}


def who_sees_arms(protocol: Protocol) -> set[Role]:
    return {role for role in Role if sight(role, protocol).arms}


def test_every_role_stands_in_the_table_once() -> None:
    assert set(ROLES) == set(Role)


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


def test_who_sees_no_arm_has_no_part_of_the_sealed_book() -> None:
    for role in set(Role) - who_sees_arms(QUADRUPLE):
        seen = sight(role, QUADRUPLE)
        assert seen.books == {Book.OPEN}
        assert seen.classes <= {"plain", "identity"}


def test_names_are_for_those_who_meet_the_subject_or_check_the_site() -> None:
    with_names = {role for role in Role if "identity" in sight(role, QUADRUPLE).classes}
    assert with_names == {Role.INVESTIGATOR, Role.CARE_PROVIDER, Role.MONITOR, Role.ARCHIVE}


@pytest.mark.parametrize("role", ["system", "", "INVESTIGATOR", "root"])
def test_a_role_that_is_not_in_the_table_sees_nothing(role: str) -> None:
    assert sight(role, NOBODY_MASKED) == NOTHING
    assert not NOTHING.books


def test_the_table_grants_no_command_that_does_not_exist_and_leaves_only_claims_to_imports() -> None:
    granted = {command for grant in ROLES.values() for command in grant.commands}
    assert granted <= set(COMMANDS)
    assert set(COMMANDS) - granted == {"claim-screening", "claim-randomization", "report-sealed-import"}
    assert all(spec.roles == roles_for(spec.type) for spec in COMMANDS.values())


def test_who_always_sees_arms_writes_nothing_open_but_a_committees_advice() -> None:
    for role in SEES_ARMS:
        open_ones = {command for command in ROLES[role].commands if not COMMANDS[command].sealed}
        assert open_ones <= {"record-dmc-recommendation"}


def test_whom_a_protocol_can_mask_writes_nothing_sealed() -> None:
    for role in {*CAN_BE_UNMASKED, Role.PARTICIPANT, Role.SPONSOR, Role.DATA_MANAGER, Role.MONITOR}:
        assert not {command for command in ROLES[role].commands if COMMANDS[command].sealed}


def test_only_an_import_by_a_data_manager_may_give_every_command() -> None:
    assert all(may_issue(Role.DATA_MANAGER, command, imported=True) for command in COMMANDS)
    for role in set(Role) - {Role.DATA_MANAGER}:
        assert {c for c in COMMANDS if may_issue(role, c, imported=True)} == set(ROLES[role].commands)
    assert not may_issue(Role.DATA_MANAGER, "enrol-subject", imported=False)
