"""A trial masked twice masks two: here participant and investigator. The care provider sees arms from the beginning.

What such a person enters about a randomized subject is what an unblinded person enters: it may follow from the arm.
"""

from typing import Final

import pytest

from ledger.domain.protocol import Protocol
from tests.two_worlds.differences import told_apart
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import NO_INTERVENTION
from tests.two_worlds.scenes import story
from tests.two_worlds.telling import Teller
from tests.two_worlds.worlds import two_worlds

MASKED_TWICE: Final[Protocol] = NO_INTERVENTION.amended(
    {"masking": "DOUBLE", "masked_roles": ["PARTICIPANT", "INVESTIGATOR"]}
)


def begun() -> Teller:
    teller = Teller(MASKED_TWICE, subjects=["P1", "P2"])
    teller.steps = story(MASKED_TWICE, [])
    teller.at = teller.steps[-1].at
    return teller


def test_the_other_two_see_arms(tmp_path_factory: pytest.TempPathFactory) -> None:
    with two_worlds(tmp_path_factory.mktemp("twice"), MASKED_TWICE, begun().steps) as (world, _):
        masked = {viewer.role for viewer in masked_people(world)}
    assert masked & {"participant", "investigator", "care-provider", "outcomes-assessor"} == {
        "participant",
        "investigator",
    }


@pytest.mark.parametrize("role", ["care-provider", "outcomes-assessor"])
def test_what_a_person_enters_whom_the_protocol_does_not_mask_tells_masked_people_nothing(role: str) -> None:
    teller = begun()
    for seed in range(4):
        teller.turn("knows", f"P{1 + seed % 2}", seed, person=f"{role}-1", role=role)
        teller.tell("record-visit", {"subject": f"P{1 + seed % 2}", "visit": "UNPLANNED"})
    assert told_apart(MASKED_TWICE, teller.steps) == []
