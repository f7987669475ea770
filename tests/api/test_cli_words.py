"""The command line's own lists of words are those of the rooms that it does not import for its help."""

from api.cli.app import ViewName
from projections.views import VIEWS


def test_every_view_can_be_shown_and_no_other() -> None:
    assert {view.value for view in ViewName} == set(VIEWS)
