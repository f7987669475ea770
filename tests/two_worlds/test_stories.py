"""Two worlds: a story told with the arms as they are, and with the arms swapped, looks the same to masked people.

It is the definition of the blind. What is compared, and what is not, stands in `looking.py`; who does what in
`scenes.py` (masked people: the same in both worlds) and `turns.py` (unblinded people: whatever the arm makes of it).
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ledger.domain.commands import COMMANDS
from ledger.domain.protocol import Protocol
from ledger.domain.roles import ROLES
from tests.two_worlds.differences import told_apart
from tests.two_worlds.leaks import LEAKS
from tests.two_worlds.looking import differences, look, masked_people
from tests.two_worlds.protocols import NO_INTERVENTION, PROTOCOLS
from tests.two_worlds.scenes import OPENED, SCENES, story
from tests.two_worlds.worlds import Plant, submitted_types, two_worlds

NOT_TOLD: Final[dict[str, str]] = {}
"""Types of commands that no story has, and why."""

_scene: Final = st.tuples(st.sampled_from(sorted(SCENES)), st.integers(0, 3), st.integers(0, 6))
stories: Final = st.lists(_scene, min_size=3, max_size=10)
both_protocols: Final = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))

LAST: Final = "the_end_of_the_trial"


def _all_scenes(*variants: int) -> list[tuple[str, int, int]]:
    """Every scene in these variants; and then the trial ends."""
    scenes = [(name, variant, variant) for variant in variants for name in SCENES if name != LAST]
    return [*scenes, *(("unblinded_people", which, 3) for which in (0, 1)), (LAST, 0, 6)]


EVERYTHING: Final = {"no intervention": _all_scenes(0, 1, 2), "two active arms": _all_scenes(3, 4)}
OPENED_AT_THE_END: Final = [("visit", 0, 3), ("unblinded_people", 1, 0), (OPENED, 0, 0)]
A_WEEK: Final[list[Any]] = [
    ("visit", 0, 3),
    ("visit", 0, 2),
    ("visit", 1, 3),
    ("adverse_event", 0, 0),
    ("adverse_event", 1, 0),
    ("malformed", 0, 0),
    ("malformed", 1, 0),
    ("unblinded_people", 0, 0),
    ("unblinded_people", 1, 0),
]
"""Something of everything for one subject of each arm; with one more visit of one, so that counts can differ."""


@both_protocols
@given(scenes=stories)
@settings(max_examples=5, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
def test_masked_people_cannot_tell_the_worlds_of_any_story_apart(protocol: Protocol, scenes: list[Any]) -> None:
    assert told_apart(protocol, story(protocol, scenes)) == []


@cache
def everything(name: str) -> tuple[list[str], set[str]]:
    """Where the story of everything is told apart under a protocol, and the types of commands that it recorded."""
    protocol = PROTOCOLS[name]
    with (
        TemporaryDirectory() as folder,
        two_worlds(Path(folder), protocol, story(protocol, EVERYTHING[name])) as worlds,
    ):
        one, other = (look(world, thorough=False) for world in worlds)
        return differences(one, other), {type_ for world in worlds for type_ in world.recorded}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_nor_those_of_a_story_in_which_everything_happens(name: str) -> None:
    assert everything(name)[0] == []


@both_protocols
def test_nor_does_the_opened_list_change_what_stood_before(protocol: Protocol) -> None:
    assert told_apart(protocol, story(protocol, OPENED_AT_THE_END)) == []


@pytest.mark.parametrize("leak", LEAKS.values(), ids=list(LEAKS))
def test_a_planted_leak_tells_the_worlds_apart(leak: tuple[Plant, str]) -> None:
    plant, where = leak
    found = told_apart(NO_INTERVENTION, story(NO_INTERVENTION, A_WEEK), plant=plant)
    assert [label for label in found if label.startswith(where)]


def test_without_a_leak_that_story_tells_nothing_to_whoever_looks_at_all_there_is() -> None:
    assert told_apart(NO_INTERVENTION, story(NO_INTERVENTION, A_WEEK), thorough=True) == []


def test_a_leak_of_views_alone_is_found_in_books_that_are_the_same() -> None:
    found = told_apart(NO_INTERVENTION, story(NO_INTERVENTION, A_WEEK), plant=LEAKS["audit row"][0])
    assert not [label for label in found if label.startswith("open book")]


# -- the stories are what they claim to be ------------------------------------------------------------


def test_every_type_of_command_is_recorded_in_those_stories(tmp_path: Path) -> None:
    recorded = everything("no intervention")[1] | everything("two active arms")[1]
    with two_worlds(tmp_path, NO_INTERVENTION, story(NO_INTERVENTION, OPENED_AT_THE_END)) as worlds:
        recorded |= {type_ for world in worlds for type_ in world.recorded}
    assert set(COMMANDS) - recorded == set(NOT_TOLD)


@pytest.mark.parametrize("type_", sorted(set(COMMANDS) - set(NOT_TOLD)))
def test_every_type_of_command_can_occur_in_a_generated_story(type_: str) -> None:
    every = [(name, which, variant) for name in SCENES for which in range(4) for variant in range(7)]
    every.append((OPENED, 0, 0))
    assert any(type_ in submitted_types(story(NO_INTERVENTION, [one]), NO_INTERVENTION) for one in every)


@both_protocols
def test_the_worlds_do_differ_for_whoever_may_see_arms(tmp_path: Path, protocol: Protocol) -> None:
    with two_worlds(tmp_path, protocol, story(protocol, A_WEEK)) as (one, other):
        arms = [[world.arm_of(f"P{n}") for n in (1, 2)] for world in (one, other)]
        assert one.recorded != other.recorded
    assert all(a is not None and a != b for a, b in zip(*arms, strict=True))


def test_masked_are_all_people_but_those_whose_roles_see_arms_and_the_archive(tmp_path: Path) -> None:
    with two_worlds(tmp_path, NO_INTERVENTION, story(NO_INTERVENTION, [])) as (world, _):
        masked = {viewer.role for viewer in masked_people(world)}
    assert set(ROLES) - masked == {"pharmacist", "statistician", "dmc", "safety-physician", "archive"}


def test_nobody_but_participants_is_masked_once_the_list_is_opened(tmp_path: Path) -> None:
    with two_worlds(tmp_path, NO_INTERVENTION, story(NO_INTERVENTION, OPENED_AT_THE_END)) as (world, _):
        assert {viewer.role for viewer in masked_people(world)} == {"participant"}
