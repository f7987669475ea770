"""The tables as CSV (RFC 4180, UTF-8), one file each, in the words of `show VIEW --csv`."""

import csv
from pathlib import Path
from typing import Final

from api.exports.source import Source
from api.exports.tables import build, reading, rows_of

SCRATCH: Final = ".tables.db"


def write(source: Source, folder: Path) -> None:
    """Write the files."""
    scratch = folder / SCRATCH
    tables = build(source, scratch)
    with reading(scratch) as db:
        for table in tables:
            with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(column.name for column in table.columns)
                writer.writerows(rows_of(db, table))
    scratch.unlink()
