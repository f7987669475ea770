"""The dossier as pages to print, of the document model of the verification report; numbers without their links.

A table has at most ROWS rows here, and says where the others are; one of more than COLUMNS columns comes in parts.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from api.dossier import words
from api.dossier.html import file_of, shown
from api.dossier.model import Grid, Section
from api.report import document as report

ROWS: Final = 250
COLUMNS: Final = 16
_REPEATED: Final = 2
_LEAST, _MOST = 6, 20
_CELL: Final = 300


def document(title: str, subtitle: str, footer: str, made: datetime, sections: list[Section]) -> report.Document:
    """What is printed."""
    return report.Document(
        title=report.shown(title),
        subtitle=report.shown(subtitle),
        footer=report.shown(footer, 120),
        made=made,
        sections=[report.Section(report.shown(one.title), list(_blocks(one))) for one in sections],
        language=words.LANGUAGE,
        landscape=True,
    )


def _blocks(section: Section) -> list[report.Block]:
    blocks: list[report.Block] = [report.Paragraph(report.shown(line)) for line in section.said[:ROWS]]
    for grid in section.grids:
        blocks += _table(grid)
        if grid.notes:
            blocks.append(report.Bullets([report.shown(note) for note in grid.notes[:ROWS]]))
    return blocks


def _table(grid: Grid) -> list[report.Block]:
    caption = report.shown(grid.caption)
    total = len(grid.rows)
    if not total:
        return [report.Paragraph(f"{caption} {words.NONE}")]
    rows: list[list[str]] = []
    for row in grid.rows:
        if len(rows) == ROWS:
            break
        rows.append([report.shown(shown(value), _CELL) for value in row])
    heads = [report.shown(head) for head in grid.heads]
    blocks = [_part(caption, heads, rows, places) for places in _parts(len(heads))]
    if total > ROWS:
        cut = words.CUT_ROWS.format(shown=ROWS, total=total, file=file_of(grid.name))
        blocks.append(report.Paragraph(cut, "aside"))
    return blocks


def _parts(columns: int) -> Iterator[list[int]]:
    """The columns of a table, in parts that fit on a page; each has the first ones."""
    if columns <= COLUMNS:
        yield list(range(columns))
        return
    step = COLUMNS - _REPEATED
    for start in range(_REPEATED, columns, step):
        yield [*range(_REPEATED), *range(start, min(columns, start + step))]


def _part(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[int]) -> report.Block:
    widths = [max(_LEAST, min(_MOST, max(len(heads[place]), *(len(row[place]) for row in rows)))) for place in places]
    shown_rows = [[row[place] for place in places] for row in rows]
    return report.Table(caption, [heads[place] for place in places], shown_rows, widths)
