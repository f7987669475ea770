"""The dossier as one page: no script, nothing fetched. Each number leads to its events, which stand at the end.

1. A cell with one event is a link; with several, it opens a list of links, of which a page shows the first LINKS.
2. The appendix has the events that are referred to, up to EVENTS of them; what has no row there has no link.
3. Rows of a table beyond ROWS are left to the files, and the table says so. Nothing is held but references.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from api.dossier import words
from api.dossier.model import OPEN, Grid, Ref, Section
from api.html_pages import DOCUMENT, Style, escaped, visible

LINKS: Final = 60
ROWS: Final = 5_000
EVENTS: Final = 20_000
STYLE: Final = Style(
    DOCUMENT.css
    + """
body { max-width: 82rem; }
a { color: inherit; }
nav ol { columns: 2; }
table { font-size: .8rem; }
tbody th { font-weight: 400; }
details { max-width: 24rem; }
details a { display: inline-block; margin-right: .4rem; }
.flow { display: grid; gap: 1.25rem; margin: 1rem 0; }
.flow .level { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); }
.flow .box { border: 2px solid var(--line); padding: .5rem .75rem; background: var(--head); break-inside: avoid; }
.flow .level + .level { border-top: 2px solid var(--line); padding-top: 1.25rem; }
.flow p { margin: 0; }
.flow ul { margin: .25rem 0 0; padding-left: 1.1rem; }
:target { outline: 3px solid var(--good); }
@page { size: A4 landscape; margin: 14mm 12mm; }
@media print { details > :not(summary) { display: none; } summary { list-style: none; } }
"""
)


def anchor(ref: Ref) -> str:
    """The id of an event's row."""
    return f"{ref[0]}-{ref[1]}"


@dataclass(slots=True)
class Linking:
    """Which events are referred to, as the page is written."""

    most: int = EVENTS
    wanted: set[Ref] = field(default_factory=set)
    beyond: bool = False
    """Whether there are more than have a row."""

    def link(self, ref: Ref, text: str) -> str:
        """A link to the row of an event; the text alone where there is no row."""
        if ref not in self.wanted:
            if len(self.wanted) >= self.most:
                self.beyond = True
                return escaped(text)
            self.wanted.add(ref)
        return f'<a href="#{anchor(ref)}">{escaped(text)}</a>'

    def cell(self, value: Any, refs: Sequence[Ref]) -> str:
        """A cell: what stands in it, with its events."""
        text = shown(value)
        if not refs:
            return visible(text)
        if len(refs) == 1:
            return self.link(refs[0], text or named(refs[0]))
        links = " ".join(self.link(ref, named(ref)) for ref in refs[:LINKS])
        more = "" if len(refs) <= LINKS else " " + escaped(words.MORE_LINKS.format(count=len(refs) - LINKS))
        return f"<details><summary>{visible(text)}</summary>{links}{more}</details>"


def named(ref: Ref) -> str:
    """An event as links call it."""
    return str(ref[1]) if ref[0] == OPEN else f"{ref[0]} {ref[1]}"


def shown(value: Any) -> str:
    """A value in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {shown(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value)
    return str(value)


def section(one: Section, linking: Linking) -> Iterator[str]:
    """A section of the page."""
    yield f'<section aria-labelledby="{one.name}"><h2 id="{one.name}">{visible(one.title)}</h2>\n'
    for line in one.said:
        yield f"<p>{visible(line)}</p>\n"
    for number, grid in enumerate(one.grids):
        if one.flow and number == 0:
            yield from flow(grid, linking)
        yield from table(grid.caption, grid.heads, cells(grid, linking), len(grid.rows), file_of(grid.name))
        if grid.notes:
            yield f"<ul>{''.join(f'<li>{visible(note)}</li>' for note in grid.notes)}</ul>\n"
    yield "</section>\n"


def file_of(name: str) -> str:
    """Where all rows of a table are, in words."""
    return f"tables/{name.replace('-', '_')}.csv" if name != "treatments" else "dossier.json"


def cells(grid: Grid, linking: Linking) -> Iterator[list[str]]:
    """The rows of a table as HTML."""
    for place, row in enumerate(grid.rows):
        yield [
            linking.cell(value, grid.links.get((place, column), ()))
            for column, value in zip(grid.columns, row, strict=True)
        ]


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], total: int, file: str) -> Iterator[str]:
    """A table of cells that are HTML already; the first of a row is its heading."""
    if not total:
        yield f"<p>{visible(caption)} {escaped(words.NONE)}</p>\n"
        return
    yield f"<table><caption>{visible(caption)}</caption>\n<thead><tr>"
    yield "".join(f'<th scope="col">{visible(name)}</th>' for name in heads)
    yield "</tr></thead>\n<tbody>\n"
    for first, *rest in islice(rows, ROWS):
        yield f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
    yield "</tbody></table>\n"
    if total > ROWS:
        yield f"<p>{escaped(words.CUT_ROWS.format(shown=ROWS, total=total, file=file))}</p>\n"


def flow(grid: Grid, linking: Linking) -> Iterator[str]:
    """The participant flow as boxes: before randomization one beside the other, after it one a group."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    groups: list[str] = []
    for place, (stage, detail, group, count) in enumerate(grid.rows):
        number = linking.cell(count, grid.links.get((place, "subjects"), ()))
        found.setdefault((stage, group), []).append((detail or "", number))
        if stage == "RANDOMIZED":
            groups.append(group)
    total = groups[-1] if groups else ""
    yield f'<figure><figcaption>{escaped(words.FLOW_CAPTION)}</figcaption>\n<div class="flow">\n'
    for level in (("ASSESSED", "AWAITING_SCREENING"), ("EXCLUDED", "NOT_YET_RANDOMIZED"), ("RANDOMIZED",)):
        yield '<div class="level">'
        for stage in level:
            below = ("NOT_MEETING_CRITERIA", "DECLINED", "OTHER_REASON") if stage == "EXCLUDED" else ()
            yield _box((stage, *below), total, found)
        yield "</div>\n"
    arms = groups[:-1] or groups
    for stages in (
        ("RANDOMIZED", "RECEIVED", "ALL_DOSES", "NOT_RECEIVED"),
        ("LOST_TO_FOLLOW_UP", "DISCONTINUED", "DIED", "COMPLETED", "FOLLOWED"),
        ("ANALYSED",),
    ):
        if any((stage, arms[0]) in found for stage in stages) and (len(groups) > 1 or stages[0] != "RANDOMIZED"):
            yield '<div class="level">'
            yield from (_box(stages, group, found, group) for group in arms)
            yield "</div>\n"
    yield "</div></figure>\n"


def _box(
    stages: Sequence[str], group: str, found: dict[tuple[str, str], list[tuple[str, str]]], title: str | None = None
) -> str:
    lines = []
    for stage in stages:
        for detail, number in found.get((stage, group), ()):
            called = words.STAGES.get(stage, stage)
            text = f"{called}: {words.HEADS.get(detail, detail)}" if detail else called
            lines.append(f"<li>{visible(text)} {number}</li>" if detail else f"<p>{visible(text)} {number}</p>")
    head = "" if title is None else f"<p><strong>{visible(title)}</strong></p>"
    return f'<div class="box">{head}{"".join(_listed(lines))}</div>'


def _listed(lines: Iterable[str]) -> Iterator[str]:
    """Lines, with those that belong into a list in one."""
    inside = False
    for line in lines:
        item = line.startswith("<li>")
        if item is not inside:
            yield "<ul>" if item else "</ul>"
            inside = item
        yield line
    if inside:
        yield "</ul>"
