"""Which relations there are: one a view and audience, and a few that say what they are and where they stand.

1. A view is published if everybody of its audience may have it: none that names a person, none for certain roles. So
   what is published depends on the audience alone, and not on who publishes.
2. The columns are those of the view, under their names, after `trial` (first in every key) and `line` (the place of the
   row in the view). A date as stated has its day beside it. A view with cells has a row for each line and arm, with
   `arm_number` and `arm` before what the cell counts (`arm_…`); for masked audiences there is the one arm Total.
3. A relation has a version: that of its view, and one more for each change of its columns that the view's does not
   tell. Its table is `<relation>_v<version>`, and `<relation>` is a view on the newest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from projections.base import Audience, Context, View
from projections.plan import plan_of
from projections.sql.columns import CELLS, Type, described
from projections.views import VIEWS

CELL: Final = "cells"
_CHANGED: Final[Mapping[str, int]] = {}
"""View -> by how much its relation's version is ahead of the view's, for columns that changed here alone (rule 3)."""


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column. `of`: the view's column that it is made of; `cell`: of a cell of the view, and not of its row."""

    name: str
    type: Type
    meaning: str
    of: str = ""
    cell: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation. `version` is None of those that are no views: they only ever gain columns."""

    name: str
    title: str
    columns: tuple[SqlColumn, ...]
    key: tuple[str, ...]
    version: int | None = None
    view: str = ""
    cells: bool = False

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.name if self.version is None else versioned(self.name, self.version)


def versioned(name: str, version: int) -> str:
    """The name of the table of a version of a relation."""
    return f"{name}_v{version}"


_TRIAL: Final = SqlColumn("trial", Type.TEXT, "The trial, by its id in the protocol.")
_LINE: Final = SqlColumn("line", Type.INTEGER, "The place of the row in the view, from 1.")
_ARM: Final = (
    SqlColumn("arm_number", Type.INTEGER, "The place of the arm, from 1."),
    SqlColumn("arm", Type.TEXT, "The arm's label; Total for masked audiences."),
)
_VIEW: Final = SqlColumn("view", Type.TEXT, "The view, by its name for `trial-ledger show`.")
_RELATION: Final = SqlColumn("relation", Type.TEXT, "The relation.")


def relations(audience: Audience) -> tuple[Relation, ...]:
    """The relations of views, in the order of the catalogue."""
    return tuple(relation_of(view, audience) for view in published(audience))


def published(audience: Audience) -> Iterator[View]:
    """The views that are published to an audience (rule 1)."""
    for view in VIEWS.values():
        if not view.needs_identity and view.roles is None and view.exists_for(audience):
            yield view


@cache
def relation_of(view: View, audience: Audience) -> Relation:
    """The relation of a view. Raises KeyError for a column of which nothing is said in `columns.py`."""
    columns: list[SqlColumn] = []
    shown = view.present((), Context(plan_of([]), None), audience).columns
    for name in shown:
        if name != CELL:
            columns += _columns(view.name, name)
    cells = CELL in shown
    if cells:
        columns += _ARM
        for name, (type_, meaning) in CELLS[view.name].items():
            columns.append(SqlColumn(f"arm_{name}", type_, meaning, name, cell=True))
    return Relation(
        view.name.replace("-", "_"),
        view.title,
        (_TRIAL, _LINE, *columns),
        ("trial", "line", "arm_number") if cells else ("trial", "line"),
        view.version + _CHANGED.get(view.name, 0),
        view.name,
        cells,
    )


def _columns(view: str, name: str) -> Iterator[SqlColumn]:
    type_, meaning = described(view, name)
    yield SqlColumn(name, type_, meaning, name)
    if type_ is Type.STATED:
        yield SqlColumn(f"{name}_date", Type.DAY, f"The day of `{name}`; null where it is not known.", name)


def fixed(audience: Audience) -> tuple[Relation, ...]:
    """The relations beside those of views; `position` comes first."""
    place = [
        SqlColumn("version", Type.INTEGER, "The version of the relation."),
        SqlColumn("seq", Type.INTEGER, "The last entry of the open book that is taken in."),
        SqlColumn("recorded_at", Type.INSTANT, "When that entry was recorded."),
        SqlColumn("head", Type.TEXT, "The leaf hash of that entry (hex)."),
    ]
    if audience is Audience.UNMASKED:
        place += [
            SqlColumn("sealed_seq", Type.INTEGER, "The last entry of the sealed book that is taken in."),
            SqlColumn("sealed_head", Type.TEXT, "The leaf hash of that entry (hex)."),
        ]
    rest = [
        SqlColumn("day", Type.DAY, "By which day (UTC) the rows say what is due; null where they do not depend on it."),
        SqlColumn("code", Type.TEXT, "SHA-256 of the code that made the rows."),
    ]
    return (
        Relation(
            "position",
            "Where each relation stands",
            (_TRIAL, _RELATION, _VIEW, *place, *rest),
            ("trial", "relation", "version"),
        ),
        Relation(
            "trials",
            "The trials that are published here",
            (
                _TRIAL,
                SqlColumn("title", Type.TEXT, "The brief title."),
                SqlColumn("origin", Type.TEXT, "The origin of the ledger's open book."),
            ),
            ("trial",),
        ),
        Relation(
            "beside",
            "What a view says beside its rows",
            (
                _TRIAL,
                _VIEW,
                SqlColumn("name", Type.TEXT, "The member of the view's JSON."),
                SqlColumn("value", Type.JSON, "Its value."),
            ),
            ("trial", "view", "name"),
        ),
        Relation(
            "notes",
            "The same as lines for people",
            (_TRIAL, _VIEW, _LINE, SqlColumn("note", Type.TEXT, "The line.")),
            ("trial", "view", "line"),
        ),
        Relation(
            "relations",
            "The relations, and which of their versions is the newest",
            (
                _RELATION,
                SqlColumn("version", Type.INTEGER, "A version of it that is here."),
                SqlColumn("newest", Type.BOOLEAN, "Whether the view of the relation's name stands on it."),
                SqlColumn("title", Type.TEXT, "What it is."),
            ),
            ("relation", "version"),
        ),
        Relation(
            "dictionary",
            "What each column is",
            (
                _RELATION,
                SqlColumn("place", Type.INTEGER, "The place of the column, from 1."),
                SqlColumn("column_name", Type.TEXT, "The column."),
                SqlColumn("type", Type.TEXT, "Its type, as docs/sql.md has it."),
                SqlColumn("meaning", Type.TEXT, "What it means."),
            ),
            ("relation", "place"),
        ),
        Relation(
            "blocks",
            "What was written, by blocks of 1,000 lines: of no use to readers",
            (
                _TRIAL,
                _RELATION,
                SqlColumn("version", Type.INTEGER, "The version of the relation."),
                SqlColumn("block", Type.INTEGER, "The place of the block, from 0."),
                SqlColumn("sha256", Type.TEXT, "The hash of its rows."),
            ),
            ("trial", "relation", "version", "block"),
        ),
    )
