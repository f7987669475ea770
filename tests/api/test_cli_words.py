"""The command line's own lists of words are those of the rooms that it does not import for its help."""

from api.cli.app import ViewName
from api.cli.options import RoleName
from ledger.domain.vocabulary import Role
from projections.views import VIEWS


def test_every_role_can_be_chosen_and_no_other() -> None:
    assert [role.value for role in RoleName] == [role.value for role in Role]


def test_every_view_can_be_shown_and_no_other() -> None:
    assert {view.value for view in ViewName} == set(VIEWS)
