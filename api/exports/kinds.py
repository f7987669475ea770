"""The kinds of exports, by name. One line a kind; its module is imported when it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:  # the command line names the kinds without loading what they read
    from api.exports.source import Source

Write: TypeAlias = "Callable[[Source, Path], None]"
"""Writes the files of an export into an empty folder. Raises ExportError."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`version` is that of what is written; it goes up whenever the same ledger gives other files."""

    name: str
    title: str
    module: str
    version: int = 1
    extra: str = ""
    """The optional dependency that it takes."""

    def write(self, source: "Source", folder: Path) -> None:
        """Write the files. Raises ExportError, ImportError where the extra is not installed."""
        write: Write = import_module(self.module).write
        write(source, folder)

    def manifest(self) -> Mapping[str, Any]:
        """What the manifest says beside what every one says."""
        return {}


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("csv", "every view as CSV", "api.exports.csv_files"),
        Kind("parquet", "every view as Parquet files", "api.exports.parquet_files", extra="exports"),
        Kind("sqlite", "every view as one SQLite file, for Datasette", "api.exports.sqlite_file"),
        Kind("duckdb", "every view as one DuckDB file", "api.exports.duckdb_file", extra="exports"),
        Kind("odm", "CDISC ODM 1.3.2, Transactional, with audit records", "api.exports.odm.writing"),
        Kind("odm2", "CDISC ODM 2.0", "api.exports.odm2.writing"),
        Kind("dataset-json", "SDTM as CDISC Dataset-JSON 1.1, with define.xml", "api.exports.sdtm.writing"),
        Kind("fhir", "FHIR R5 bundles", "api.exports.fhir.writing", extra="exports"),
    )
}
