"""Tables as pages show them: columns of a kind, rows of a view, sorted and cut on the server.

1. A column says of what kind its values are; `templates/_table.html` writes each kind. The first column heads its row.
2. `?sort=name` sorts by a column, `?sort=-name` the other way round; rows without a value come last either way.
3. A page shows `MOST_ROWS` rows at most and says so; the view as CSV has the rest, page by page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeAlias

from fastapi import Request

from api.pages.languages import language_of
from api.pages.rendering import MOST_ROWS
from api.pages.words import IN

Kind: TypeAlias = Literal[
    "text",
    "term",
    "terms",
    "when",
    "number",
    "decimal",
    "subject",
    "subjects",
    "entries",
    "yes",
    "group",
    "role",
    "trial",
]


@dataclass(frozen=True, slots=True)
class Column:
    """`name`: the member of a row; `heading`: as written. `sealed`: the member with the entries of the sealed book."""

    name: str
    heading: str
    kind: Kind = "text"
    sealed: str | None = None
    sort: str | None = None
    """Where a click on the heading sorts by; `sorted`: how it is sorted now (aria-sort)."""
    sorted: Literal["ascending", "descending"] | None = None

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "decimal")


Columns: TypeAlias = Sequence[Column | tuple[str, Kind]]
"""Columns of a table; (name, kind) is headed by the words `column.<name>`."""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have a member for each column. `parts`: a row with `nested` set stands below the one before it."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    total: int

    @property
    def cut(self) -> bool:
        return self.total > len(self.rows)


def table(
    request: Request,
    id: str,
    caption: str,
    columns: Columns,
    rows: Iterable[Mapping[str, Any]],
    *,
    sortable: bool = False,
) -> Table:
    """A table of rows."""
    say = IN[language_of(request)].say
    listed = [one if isinstance(one, Column) else Column(one[0], say(f"column.{one[0]}"), one[1]) for one in columns]
    held = list(rows)
    if sortable:
        asked = request.query_params.get("sort", "")
        by, descending = asked.removeprefix("-"), asked.startswith("-")
        listed = [_sortable(column, by, descending) for column in listed]
        if any(column.sorted for column in listed):
            held = _in_order(held, by, descending)
    return Table(id, caption, tuple(listed), list(islice(held, MOST_ROWS)), len(held))


def _sortable(column: Column, by: str, descending: bool) -> Column:
    mine = column.name == by
    return Column(
        column.name,
        column.heading,
        column.kind,
        column.sealed,
        f"-{column.name}" if mine and not descending else column.name,
        ("descending" if descending else "ascending") if mine else None,
    )


def _in_order(rows: list[Mapping[str, Any]], by: str, descending: bool) -> list[Mapping[str, Any]]:
    known = [row for row in rows if row.get(by) not in (None, [], "")]
    rest = [row for row in rows if row.get(by) in (None, [], "")]
    return sorted(known, key=lambda row: _key(row[by]), reverse=descending) + rest


def _key(value: Any) -> tuple[float, str]:
    if isinstance(value, bool | int):
        return float(value), ""
    if isinstance(value, list | tuple):
        first = value[0] if value else ""
        return (float(first), "") if isinstance(first, int) else (0.0, str(value))
    return 0.0, str(value).casefold()
