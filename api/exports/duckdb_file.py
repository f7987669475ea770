"""The tables as one DuckDB file.

DuckDB writes its files differently each time: the same export has the same tables again, but not the same bytes.
"""

from pathlib import Path
from typing import Final

from api.exports.columnar import loaded
from api.exports.source import Source

DATABASE: Final = "trial.duckdb"


def write(source: Source, folder: Path) -> None:
    """Write the file. Raises ImportError where DuckDB is not installed."""
    with loaded(source, folder, folder / DATABASE):
        pass  # that is all
