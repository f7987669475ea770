"""Colours of both themes can be read: WCAG 2.2, 1.4.3 (text) and 1.4.11 (shapes of pictures and controls)."""

import re

import pytest

from api.pages.static import files

_CSS = files()["style.css"].content.decode()
_ROOT = re.compile(r":root \{(.*?)\}", re.S)
_TEXT = (
    *((ink, paper) for ink in ("text", "dim", "link", "visited", "bad") for paper in ("back", "card")),
    ("good", "good-back"),
    ("bad", "bad-back"),
    ("warn", "warn-back"),
    ("on-accent", "accent"),
)
_SHAPES = tuple((ink, "back") for ink in ("one", "two", "three", "four", "five", "total", "dim", "focus", "bad"))


def _themes() -> dict[str, dict[str, str]]:
    light, dark, printed = (dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]+)", block)) for block in _ROOT.findall(_CSS))
    return {"light": light, "dark": light | dark, "print": light | printed}


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert _contrast("#000", "#fff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_can_be_read(theme: str) -> None:
    colours = _themes()[theme]
    assert {pair: ratio for pair in _TEXT if (ratio := _contrast(colours[pair[0]], colours[pair[1]])) < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_lines_of_pictures_and_controls_can_be_seen(theme: str) -> None:
    colours = _themes()[theme]
    assert {pair: ratio for pair in _SHAPES if (ratio := _contrast(colours[pair[0]], colours[pair[1]])) < 3} == {}
