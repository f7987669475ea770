"""`docs/pages.md` names every page and every picture, and there is nothing besides."""

import re
from pathlib import Path

from api.pages.menu import MENU
from ledger.domain.roles import may_issue
from ledger.domain.vocabulary import Role
from projections.base import Audience
from projections.views import VIEWS
from tests.shared_data import ROOT

_DOCUMENT = ROOT / "docs" / "pages.md"
_PICTURES = ROOT / "docs" / "screenshots"


def test_every_page_is_described_with_a_picture() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| .* \| (.*) \|$", _DOCUMENT.read_text("utf-8"), re.MULTILINE)
    pages = {path for path, _ in rows}
    assert {"/t/{trial}" if not entry.slug else f"…/{entry.slug}" for entry in MENU} <= pages
    assert all("(screenshots/" in pictures for _, pictures in rows)


def test_the_pictures_are_those_that_it_shows_and_are_small() -> None:
    there = {path.name for path in _PICTURES.iterdir()}
    assert set(re.findall(r"\(screenshots/([^)]+)\)", _DOCUMENT.read_text("utf-8"))) == there
    assert all(_is_png(path) for path in _PICTURES.iterdir())
    assert sum(path.stat().st_size for path in _PICTURES.iterdir()) < 3_000_000


def _is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_every_role_has_every_page_but_the_code_break_as_it_says() -> None:
    needed = {view for entry in MENU for view in entry.views}
    assert [view for view in needed if VIEWS[view].roles is not None] == []
    assert [view for view in needed if not VIEWS[view].open_to(Audience.MASKED)] == []
    assert {role for role in Role if may_issue(role, "break-code", imported=False)} == {
        Role.INVESTIGATOR,
        Role.CARE_PROVIDER,
        Role.SAFETY_PHYSICIAN,
    }
