"""A little SVG: shapes and text of a picture, written so that nothing in it is markup of anybody else.

1. Looks come from classes of the style sheet; no shape has a style of its own.
2. A picture has a title and a description, by which it is named to who does not see it. Its numbers stand in a table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup, escape

from api.pages.rendering import seen

_CHARACTER: Final = 7.0
"""About how wide a character is at the size of the style sheet."""


@dataclass(slots=True)
class Picture:
    """A picture of a size in its own units; `id` begins the ids of its title and description."""

    id: str
    width: float
    height: float
    title: str
    description: str
    _parts: list[Markup] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", cls: str = "") -> None:
        """A line of text at its base line."""
        self._add("text", text, x=_n(x), y=_n(y), text_anchor=anchor, cls=cls)

    def line(self, x1: float, y1: float, x2: float, y2: float, cls: str) -> None:
        """A straight line."""
        self._add("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), cls=cls)

    def box(self, x: float, y: float, width: float, height: float, cls: str) -> None:
        """A rectangle."""
        self._add("rect", x=_n(x), y=_n(y), width=_n(max(0.0, width)), height=_n(max(0.0, height)), cls=cls)

    def path(self, points: Iterable[tuple[float, float]], cls: str, *, closed: bool = False) -> None:
        """A line through points."""
        drawn = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        if drawn:
            self._add("path", d=f"M{drawn}{'Z' if closed else ''}", cls=cls)

    def arrow(self, points: Sequence[tuple[float, float]]) -> None:
        """A line whose end points somewhere."""
        self.path(points, "arrow")
        (x0, _), (x, y) = points[-2:]
        if x == x0:
            self.path([(x, y), (x - 4, y - 7), (x + 4, y - 7)], "head", closed=True)
        else:
            self.path([(x, y), (x - 7, y - 4), (x - 7, y + 4)], "head", closed=True)

    def markup(self) -> Markup:
        """The picture as it stands in a page."""
        size = f"0 0 {_n(self.width)} {_n(self.height)}"
        head = Markup(
            '<svg viewBox="{size}" role="img" aria-labelledby="{id}-title {id}-description">'
            '<title id="{id}-title">{title}</title><desc id="{id}-description">{said}</desc>'
        ).format(size=size, id=self.id, title=seen(self.title), said=seen(self.description))
        return head + Markup("").join(self._parts) + Markup("</svg>")

    def _add(self, tag: str, content: str = "", /, **attributes: str) -> None:
        named = ((name.replace("cls", "class").replace("_", "-"), value) for name, value in attributes.items() if value)
        written = Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in named)
        self._parts.append(Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), written, escape(seen(content))))


def wrapped(text: str, width: float) -> list[str]:
    """The text in lines of about this width; a word that is too long is cut."""
    most, lines, line = max(4, int(width / _CHARACTER)), list[str](), ""
    for word in text.split():
        while len(word) > most:
            room = most - len(line) - 1 if line else most
            if room < 4:
                lines.append(line)
                line, room = "", most
            lines.append(f"{line} {word[:room]}".strip())
            line, word = "", word[room:]
        if line and len(line) + 1 + len(word) > most:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
