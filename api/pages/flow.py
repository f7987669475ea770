"""The participant flow as CONSORT 2025 draws it, of the rows of the view `consort`: boxes from top to bottom.

1. Left and middle: assessed, randomized; beside: excluded, with the reasons. Below, one column a group: what became of
   those randomized. For masked people there is one column.
2. The same boxes, in the same order, are given as lists (`boxes_of`), for who reads rather than looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from markupsafe import Markup

from api.pages.svg import Picture, wrapped
from api.pages.words import Words
from projections.groups import TOTAL

_WIDTH: Final = 760.0
_LINE, _PAD, _GAP = 17.0, 9.0, 26.0
_ENDED: Final = ("LOST_TO_FOLLOW_UP", "DISCONTINUED", "DIED", "COMPLETED", "FOLLOWED")
_GIVEN: Final = ("RECEIVED", "ALL_DOSES", "NOT_RECEIVED")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a box: a stage, or (`detail`) a part of the one above."""

    label: str
    subjects: int
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A box. `headed`: its first line is the head of all others."""

    lines: tuple[Line, ...]
    headed: bool = True


def parts_of(lines: Sequence[Line]) -> list[Line]:
    """The details that these lines begin with: those of the line before."""
    return list(takewhile(lambda line: line.detail, lines))


@dataclass(frozen=True, slots=True)
class Flow:
    """All boxes. `columns`: a group and its boxes from top to bottom."""

    before: Box
    excluded: Box
    randomized: Box
    columns: tuple[tuple[str, tuple[Box, ...]], ...]


def boxes_of(rows: Sequence[Mapping[str, Any]], words: Words) -> Flow:
    """The boxes of the flow, from the rows of the view."""
    groups = list(dict.fromkeys(row["group"] for row in rows if row["stage"] == "RANDOMIZED"))
    arms = [group for group in groups if group != TOTAL] or groups

    def lines(stages: Iterable[str], group: str) -> tuple[Line, ...]:
        return tuple(
            Line(words.term(row["detail"] or row["stage"]), row["subjects"], row["detail"] is not None)
            for stage in stages
            for row in rows
            if row["stage"] == stage and row["group"] == group
        )

    def columns(group: str) -> tuple[Box, ...]:
        label = words.say(f"group.{group}") if group == TOTAL else group
        head = tuple(Line(label, one.subjects) for one in lines(("RANDOMIZED",), group))
        analysed = lines(("ANALYSED",), group)
        boxes = (
            (*head, *lines(_GIVEN, group)),
            lines(_ENDED, group),
            tuple(Line(words.say("consort.analysed", what=one.label), one.subjects) for one in analysed),
        )
        return tuple(Box(box, headed=number == 0) for number, box in enumerate(boxes) if box)

    excluded = lines(("EXCLUDED",), TOTAL)
    reasons = lines(("NOT_MEETING_CRITERIA", "DECLINED", "OTHER_REASON"), TOTAL)
    return Flow(
        before=Box(lines(("ASSESSED",), TOTAL)),
        excluded=Box((*excluded, *reasons, *lines(("NOT_YET_RANDOMIZED",), TOTAL))),
        randomized=Box(lines(("RANDOMIZED",), TOTAL)),
        columns=tuple((group, columns(group)) for group in arms),
    )


def picture(flow: Flow, words: Words, title: str) -> Markup:
    """The boxes, with arrows between them."""
    wide = (_WIDTH - 60) / 2
    count = max(1, len(flow.columns))
    column = (_WIDTH - 20 - 16 * (count - 1)) / count
    drawn = Picture("consort", _WIDTH, 0, title, words.say("consort.description"))
    y = _PAD
    before = _draw(drawn, flow.before, 10, y, wide, words)
    excluded_y = y + before + _GAP
    excluded = _draw(drawn, flow.excluded, _WIDTH - 10 - wide, excluded_y, wide, words)
    middle = 10 + wide / 2
    drawn.arrow([(middle, excluded_y + excluded / 2), (_WIDTH - 10 - wide, excluded_y + excluded / 2)])
    y = excluded_y + excluded + _GAP
    drawn.arrow([(middle, _PAD + before), (middle, y)])
    randomized = _draw(drawn, flow.randomized, 10, y, wide, words)
    split = y + randomized + _GAP / 2
    y += randomized + _GAP * 1.6
    tops = [y] * count
    rows = max((len(boxes) for _, boxes in flow.columns), default=0)
    for row in range(rows):
        heights = []
        for number, (_, boxes) in enumerate(flow.columns):
            x = 10 + number * (column + 16)
            if row < len(boxes):
                centre = x + column / 2
                if row == 0:
                    drawn.arrow([(middle, split - _GAP / 2), (middle, split), (centre, split), (centre, tops[number])])
                else:
                    drawn.arrow([(centre, tops[number] - _GAP), (centre, tops[number])])
                heights.append(_draw(drawn, boxes[row], x, tops[number], column, words))
        bottom = max(heights, default=0.0)
        for number, (_, boxes) in enumerate(flow.columns):  # boxes of a row end alike
            if row < len(boxes):
                short = heights[number] if number < len(heights) else bottom
                if short < bottom and row + 1 < rows:
                    centre = 10 + number * (column + 16) + column / 2
                    drawn.line(centre, tops[number] + short, centre, tops[number] + bottom, "arrow")
            tops[number] += bottom + _GAP
    drawn.height = max([*tops, y]) - _GAP + _PAD
    return drawn.markup()


def _draw(drawn: Picture, box: Box, x: float, y: float, width: float, words: Words) -> float:
    """Draw a box, and tell how high it is."""
    texts: list[tuple[str, float, str]] = []
    for number, line in enumerate(box.lines):
        indent = 14.0 if line.detail else 0.0
        said = words.say("consort.line", label=line.label, n=line.subjects)
        for part, text in enumerate(wrapped(said, width - 2 * _PAD - indent)):
            texts.append((text, indent + (8.0 if part else 0.0), "strong" if number == 0 and box.headed else ""))
    height = len(texts) * _LINE + 2 * _PAD
    drawn.box(x, y, width, height, "box")
    for number, (text, indent, cls) in enumerate(texts):
        drawn.text(x + _PAD + indent, y + _PAD + _LINE * (number + 0.75), text, cls=cls)
    return height
