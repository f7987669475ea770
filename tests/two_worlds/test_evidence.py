"""What is signed, and when, is the same in both worlds: a checkpoint goes to witnesses, so it may not tell an arm.

Roots differ, for the anchors in the open book commit to other sealed books; sizes, times and names may not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.evidence.making import checkpoint_for_export, make_checkpoint
from api.outbox import AlertingLedger
from ledger.domain.protocol import Protocol
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import evidence_folder, read_evidence
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.test_stories import A_WEEK
from tests.two_worlds.worlds import Plant, World, two_worlds

OFTEN = {"checkpoint_every": 3, "checkpoint_seconds": 3600}


def signing_often(protocol: Protocol) -> Protocol:
    value = protocol.model_dump(mode="json")
    return Protocol.from_value(value | {"settings": value["settings"] | OFTEN})


def signed(world: World) -> list[tuple[str, list[int | None]]]:
    """The names of the checkpoints (size and origin) and the times in their signatures."""
    keys = load_signing_keys(world.path).vkeys
    return [
        (one.name, [each.timestamp for each in open_checkpoint(one.data, keys).signatures])
        for one in read_evidence(evidence_folder(world.path)).checkpoints
    ]


def told(folder: Path, protocol: Protocol, scenes: list[Any], plant: Plant | None = None) -> list[list[Any]]:
    """What is signed in each world."""
    often = signing_often(protocol)
    with two_worlds(folder, often, story(often, scenes), plant) as worlds:
        return [signed(world) for world in worlds]


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_checkpoints_have_the_same_sizes_and_times_in_both_worlds(tmp_path: Path, protocol: Protocol) -> None:
    scenes = [(name, 0, 0) for name in SCENES if name not in ("the_end_of_the_trial", "imported")]
    straight, swapped = told(tmp_path, protocol, scenes + A_WEEK)
    assert len(straight) > 10
    assert straight == swapped


@contextmanager
def signing_after_sealed_appends_too(world: World) -> Iterator[None]:
    """A product that signs when the sealed book grows: it leaks."""
    plain = AlertingLedger.submit

    def submit(self: Any, command: Any, *, importing: bool = False) -> Any:
        answer = plain(self, command, importing=importing)
        if answer.book.value == "sealed":
            make_checkpoint(world.path, clock=world.clock)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AlertingLedger, "submit", submit)
        yield


def test_the_comparison_finds_a_product_that_signs_when_the_sealed_book_grows(tmp_path: Path) -> None:
    straight, swapped = told(tmp_path, PROTOCOLS["no intervention"], A_WEEK, signing_after_sealed_appends_too)
    assert straight != swapped


@contextmanager
def exporting(world: World) -> Iterator[None]:
    """Somebody with arms in sight exports, in the one world more often than in the other."""
    plain = AlertingLedger.submit
    turns = [0]

    def submit(self: Any, command: Any, *, importing: bool = False) -> Any:
        answer = plain(self, command, importing=importing)
        turns[0] += 1
        if turns[0] % (2 if world.swapped else 5) == 0:
            checkpoint_for_export(world.path, keep=False)  # at some time of the wall clock
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AlertingLedger, "submit", submit)
        yield


def test_exports_by_those_who_have_arms_in_sight_change_nothing_of_what_is_signed_and_when(tmp_path: Path) -> None:
    straight, swapped = told(tmp_path, PROTOCOLS["no intervention"], A_WEEK, exporting)
    assert len(straight) > 5
    assert straight == swapped
