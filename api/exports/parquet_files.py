"""The tables as Parquet files, one each."""

from pathlib import Path

from api.exports.columnar import loaded
from api.exports.source import Source


def write(source: Source, folder: Path) -> None:
    """Write the files. Raises ImportError where DuckDB, which writes them, is not installed."""
    with loaded(source, folder, None) as (db, tables):
        for table in tables:
            target = str(folder / f"{table.name}.parquet").replace("'", "''")
            db.execute(f"COPY \"{table.name}\" TO '{target}' (FORMAT parquet)")
