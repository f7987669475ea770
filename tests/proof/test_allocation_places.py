"""A draw that stands in another place than it says, or than the record of its subject says, is found."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from ledger.proof.allocation_facts import Draw, Lost, Randomized
from ledger.proof.allocation_places import check_places

DRAW = Draw(11, "P1", "S01", 1, stream="allocation/S01", command="c1", factors=("SITE",))
BESIDE = Randomized(10, "P1", "S01", "S01", 1, claimed=False, command="c1")


def found(draw: Draw = DRAW, one: Randomized | None = BESIDE, **more: Collection[Any]) -> list[tuple[str, int, str]]:
    said = check_places([draw], [] if one is None else [one], **more)  # type: ignore[arg-type]
    return [(each.code, each.seq or 0, each.message) for each in said]


def test_a_draw_in_its_place_is_no_finding() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stream": "allocation/S02"}, "was drawn from the list S01, on the stream allocation/S02"),
        ({"list_name": "ALL"}, "was drawn from the list ALL, on the stream allocation/S01"),
        ({"index": 2}, "the draw has index 2, and the subject was randomized with index 1"),
        (
            {"stratum": "S02", "stream": "allocation/S02"},
            "the draw has stratum S02, and the subject was randomized with stratum S01",
        ),
        (
            {"claimed": True, "imported": True},
            "the draw has claimed true, and the subject was randomized with claimed false",
        ),
    ],
)
def test_a_draw_that_differs_is_one_finding_and_both_sayings_are_told(change: dict[str, Any], message: str) -> None:
    assert found(replace(DRAW, **change)) == [("place", 11, message)]


@pytest.mark.parametrize("change", [{"command": "c2"}, {"subject": "P2"}])
def test_draw_and_randomization_stand_in_one_command_for_one_subject(change: dict[str, Any]) -> None:
    assert [(code, seq) for code, seq, _ in found(one=replace(BESIDE, **change))] == [("place", 11), ("place", 10)]


def test_a_randomization_without_a_draw_is_found_unless_the_draw_is_what_cannot_be_read() -> None:
    assert [one.seq for one in check_places([], [BESIDE])] == [10]
    assert list(check_places([], [BESIDE], [Lost(11, "S01", None, "c1")])) == []


def test_a_draw_whose_randomization_cannot_be_read_is_not_blamed() -> None:
    assert len(found(one=None)) == 1
    assert found(one=None, unread={"c1"}) == []


@pytest.mark.parametrize(
    ("factors", "stratum", "good"),
    [
        (("SITE",), "S01", True),
        (("SITE",), "S02", False),
        (("SITE",), "S01/X", False),
        (("SEX", "SITE"), "M/S01", True),
        (("SEX", "SITE"), "S01/M", False),
        (("SEX",), "M", True),
        (("SEX",), "M/S01", False),
        ((), "ALL", True),
        ((), "S01", False),
        (None, "S09", True),
    ],
)
def test_the_part_of_the_site_in_a_stratum_is_the_site_of_the_subject(
    factors: tuple[str, ...] | None, stratum: str, good: bool
) -> None:
    draw = replace(DRAW, factors=factors, stratum=stratum, stream=f"allocation/{stratum}")
    assert [code for code, _, _ in found(draw, replace(BESIDE, stratum=stratum))] == ([] if good else ["place"])


def test_what_is_claimed_was_imported_and_its_stratum_is_the_source_s() -> None:
    claimed = replace(DRAW, claimed=True, stratum="X", stream="allocation/X")
    beside = replace(BESIDE, claimed=True, stratum="X")
    assert found(replace(claimed, imported=True), beside) == []
    assert [code for code, _, _ in found(claimed, beside)] == ["claimed"]
    assert found(claimed, replace(BESIDE, stratum="X"), blamed={11}) == []
