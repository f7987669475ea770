"""The demo's story told twice, the second time with the arms swapped, and what masked readers have of it.

`prev` follows from the anchors' commitments, so entries are compared without it, and anchors without their commitment
to the sealed book.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import viewing
from api.cli import demo
from ledger.application.reading import Reading
from ledger.domain.vocabulary import Book
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience
from projections.views import VIEWS
from tests.two_worlds.protocols import SWAPPED

MASKED_ROLES = ("investigator", "sponsor", "monitor")
_PREV = re.compile(rb'"prev":"[0-9a-f]{64}"')
_ANCHOR = re.compile(rb'\{"class":"anchor","commit":"[0-9a-f]{64}"\}')


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same list and the same salts and ids; in the second world the arms of the list are swapped."""
    straight = Reading.arm_at

    def swapped(self: Reading, *place: Any) -> str | None:
        return SWAPPED.get(straight(self, *place) or "none")

    paths = []
    for arm_at in (straight, swapped):
        folder = tmp_path_factory.mktemp("world")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Reading, "arm_at", arm_at)
            demo.play(folder / "NCT04348461.db", 1, 14, demo.SeededRandomness(1))
        paths.append(folder / "NCT04348461.db")
    return paths[0], paths[1]


def open_entries(path: Path) -> list[bytes]:
    rows = fetch(open_reading(path), "SELECT entry FROM open_entry ORDER BY seq")
    return [_ANCHOR.sub(b"ANCHOR", _PREV.sub(b"PREV", row[0])) for row in rows]


def sealed_sections(path: Path) -> list[bytes]:
    return [row[0] for row in fetch(open_reading(path), "SELECT sections FROM sealed_entry ORDER BY seq")]


def test_the_two_worlds_do_differ_in_the_sealed_book(worlds: tuple[Path, Path]) -> None:
    assert sealed_sections(worlds[0]) != sealed_sections(worlds[1])


def test_the_open_book_is_the_same_in_both_worlds_but_for_the_anchors_commitments(worlds: tuple[Path, Path]) -> None:
    assert open_entries(worlds[0]) == open_entries(worlds[1])


def test_the_open_book_tells_nothing_by_its_plain_sections(worlds: tuple[Path, Path]) -> None:
    query = "SELECT sections FROM open_event WHERE type <> 'sealed-book.anchored/1' ORDER BY seq"
    assert fetch(open_reading(worlds[0]), query) == fetch(open_reading(worlds[1]), query)


@pytest.mark.parametrize("role", MASKED_ROLES)
@pytest.mark.parametrize("view", sorted(name for name, view in VIEWS.items() if view.open_to(Audience.MASKED)))
def test_every_view_of_a_masked_role_is_the_same_in_both_worlds(
    worlds: tuple[Path, Path], view: str, role: str
) -> None:
    shown = []
    for path in worlds:
        result = viewing(path, role).show(view, None)
        value = result.value()
        value.pop("head")
        shown.append((value, result.to_csv()))
    assert shown[0] == shown[1]


def test_the_comparison_finds_a_leak_where_there_is_one(worlds: tuple[Path, Path]) -> None:
    """The control: an unmasked role's view differs, so the worlds are told apart by whoever may."""
    shown = [viewing(path, "statistician").show("subjects", None).value()["rows"] for path in worlds]
    assert shown[0] != shown[1]
    assert Book.SEALED in viewing(worlds[0], "statistician").sight.books
