"""All that one viewer may see of a ledger as tables of a SQLite file: the audit trail, and every other view.

1. A table has the name of its view, with `_` for `-`; its columns are those of `show VIEW --csv`, in their order.
2. Integers and truth values (0, 1) are INTEGER; all else is TEXT: decimals as they are shown, exact; lists as words
   with blanks between; objects as JSON. Nothing is NULL but what the view leaves empty.
3. `tables` says what each table is; `notes` has what a view sets beside its rows, a line a statement.
4. The audit trail is folded stream by stream and sorted by SQLite, so that its length costs no memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from api.exports.source import Source
from projections.base import View
from projections.parts import fold
from projections.result import Result
from projections.sql.rows import plain
from projections.views import VIEWS

_AUDIT: Final = "audit"
_ORDER: Final = "place"
_CACHE_KIB: Final = 32_768


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `type` is TEXT or INTEGER."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A table that was written."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: int


def views_of(source: Source) -> Iterator[View]:
    """The views that are exported: those that the viewer may have and that name nobody."""
    for view in VIEWS.values():
        if not view.needs_identity and view.open_to(source.audience, source.session.sight, source.viewer.role):
            yield view


def build(source: Source, path: Path) -> list[Listed]:
    """Write the tables into a new SQLite file at `path`, in the order of their names. Raises OSError, apsw.Error."""
    listed: list[Listed] = []
    notes: list[tuple[str, int, str]] = []
    source.session.catch_up(source.progress)  # in one pass, and not each view by itself
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("journal_mode", "OFF")  # the file is made anew if anything happens
        db.pragma("synchronous", "OFF")
        db.pragma("temp_store", "FILE")
        db.pragma("cache_size", -_CACHE_KIB)
        with db:
            for view in views_of(source):
                if view.name == _AUDIT:
                    listed.append(_audit(db, source, view))
                    continue
                result = source.view(view.name)
                columns, rows = _grid(result)
                listed.append(_written(db, view, columns, rows))
                notes += [(_name(view), number, note) for number, note in enumerate(result.notes(), 1)]
            _create(db, "notes", _NOTES, notes)
            _create(db, "tables", _TABLES, [(one.name, one.title, one.rows) for one in listed])
        db.execute("VACUUM")
    return [
        *listed,
        Listed("notes", "What stands beside the rows", _NOTES, len(notes)),
        Listed("tables", "What each table is", _TABLES, len(listed)),
    ]


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """A reading connection to the tables."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        yield db


def rows_of(db: apsw.Connection, table: Listed) -> Iterator[tuple[Any, ...]]:
    """The rows of a table in their order."""
    yield from db.execute(f'SELECT * FROM "{table.name}" ORDER BY rowid')  # names are those of views


_NOTES: Final = (Column("table_name", "TEXT"), Column("line", "INTEGER"), Column("note", "TEXT"))
_TABLES: Final = (Column("table_name", "TEXT"), Column("title", "TEXT"), Column("row_count", "INTEGER"))


def _name(view: View) -> str:
    return view.name.replace("-", "_")


def _written(db: apsw.Connection, view: View, columns: tuple[Column, ...], rows: Sequence[tuple[Any, ...]]) -> Listed:
    _create(db, _name(view), columns, rows)
    return Listed(_name(view), view.title, columns, len(rows))


def _create(db: apsw.Connection, name: str, columns: Iterable[Column], rows: Iterable[tuple[Any, ...]]) -> None:
    described = ", ".join(f"{_quoted(column.name)} {column.type}" for column in columns)
    db.execute(f'CREATE TABLE "{name}" ({described}) STRICT')
    _insert(db, name, len(tuple(columns)), rows)


def _insert(db: apsw.Connection, name: str, width: int, rows: Iterable[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * width)
    db.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _audit(db: apsw.Connection, source: Source, view: View) -> Listed:
    """The audit trail, in the order of the books; nothing of it is held."""
    stored = view.columns(source.audience)
    columns = tuple(Column(column.name, column.type) for column in stored if column.name != _ORDER)
    described = ", ".join(f"{_quoted(column.name)} {column.type}" for column in stored)
    db.execute(f"CREATE TEMP TABLE unsorted ({described}) STRICT")
    folded = fold(view, source.audience, source.histories(""))
    _insert(db, "unsorted", len(stored), (tuple(row) for _, rows in folded for row in rows))
    _create(db, _AUDIT, columns, ())
    wanted = ", ".join(_quoted(column.name) for column in columns)
    db.execute(f"INSERT INTO audit SELECT {wanted} FROM unsorted ORDER BY {_ORDER}, book = 'sealed', seq")
    db.execute("DROP TABLE unsorted")
    ((count,),) = db.execute("SELECT count(*) FROM audit").fetchall()
    return Listed(_AUDIT, view.title, columns, int(str(count)))


def _grid(result: Result) -> tuple[tuple[Column, ...], list[tuple[Any, ...]]]:
    """Columns and rows as `show --csv` has them, but integers as integers."""
    header, cells = result.spread()
    rows = [tuple(map(plain, row)) for row in cells]
    types = ["INTEGER" if _whole(row[index] for row in rows) else "TEXT" for index in range(len(header))]
    whole = [type_ == "INTEGER" for type_ in types]
    return tuple(map(Column, header, types)), [
        tuple(value if kept or value is None else str(value) for value, kept in zip(row, whole, strict=True))
        for row in rows
    ]


def _whole(values: Iterable[Any]) -> bool:
    """Whether all values that there are are integers, and there is one."""
    there = [value for value in values if value is not None]
    return bool(there) and all(type(value) is int for value in there)
