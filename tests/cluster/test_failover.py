"""A whole node is lost under eight writers: nothing that was acknowledged is, and nothing is recorded twice.

`make soak` does the other things to the cluster too, and has the control that loses some.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, cluster, missing
from tests.cluster.scenarios import a_node_is_killed
from tests.cluster.writing import new_trial


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """A cluster with all nodes up."""
    lacking = missing()
    if lacking:
        pytest.skip(f"needs {lacking}")
    with cluster() as made:
        yield made


def test_nothing_acknowledged_is_lost_when_the_primary_is_killed_with_its_whole_node(
    three: Cluster, tmp_path: Path
) -> None:
    first = three.primary()
    told, found = a_node_is_killed(three, new_trial(three, tmp_path, "killed"))
    assert three.primary() is not first, "nothing failed over"
    assert told.longest_wait() > 5, "the writers never noticed"
    assert found.recorded >= len(told.acknowledged) > 100
    assert (found.lost, found.twice) == (0, 0)
    assert found.whole == 3
