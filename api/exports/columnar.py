"""The tables in DuckDB, for the formats that it writes. By itself it fetches nothing, and looks into no other file."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.exports.source import Source
from api.exports.tables import Listed, build, reading, rows_of

if TYPE_CHECKING:
    import duckdb

_SETTINGS: Final[dict[str, Any]] = {
    "threads": 1,  # rows keep their order, and files the bytes of the time before
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_TYPES: Final = {"TEXT": "VARCHAR", "INTEGER": "BIGINT"}


@contextmanager
def loaded(
    source: Source, folder: Path, target: Path | None
) -> Iterator[tuple["duckdb.DuckDBPyConnection", list[Listed]]]:
    """A database with the tables: in the file `target`, or for as long as this lasts. Raises ImportError."""
    import duckdb

    scratch = folder / ".scratch"
    scratch.mkdir()
    tables = build(source, scratch / "tables.db")
    where = scratch / "tables.duckdb" if target is None else target
    settings = {**_SETTINGS, "temp_directory": str(scratch / "spilt")}
    with closing(duckdb.connect(str(where), config=settings)) as db:
        with reading(scratch / "tables.db") as stored:
            for table in tables:
                rows = scratch / f"{table.name}.ndjson"
                with rows.open("w", encoding="utf-8") as file:
                    names = [column.name for column in table.columns]
                    for row in rows_of(stored, table):
                        file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")
                _load(db, table, rows)
                rows.unlink()
        yield db, tables
    shutil.rmtree(scratch)


def _load(db: "duckdb.DuckDBPyConnection", table: Listed, rows: Path) -> None:
    described = ", ".join(f"{_name(column.name)} {_TYPES[column.type]}" for column in table.columns)
    db.execute(f'CREATE TABLE "{table.name}" ({described})')
    if table.rows:
        columns = ", ".join(f"{_text(column.name)}: '{_TYPES[column.type]}'" for column in table.columns)
        read = f"read_json({_text(str(rows))}, format = 'newline_delimited', columns = {{{columns}}})"
        db.execute(f'INSERT INTO "{table.name}" SELECT * FROM {read}')


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
