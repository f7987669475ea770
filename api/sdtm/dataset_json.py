"""Dataset-JSON 1.1 (https://cdisc.org/standards/data-exchange/dataset-json): `.json`, and `.ndjson` by lines.

1. JSON is strict: UTF-8 (a byte order mark is allowed), no key twice in an object, no NaN or Infinity.
2. A number stays the digits that the file has, a boolean becomes true or false. Null and empty text are
   missing; the text NA is text, for this format has null.
3. `records` is the number of rows that follow; another number means that the file was cut or mended.
4. In `.ndjson` the first line is the metadata and every further line is one row.
5. Metadata that says nothing of the rows (originator, labels, dates) is not judged here.

A row's number counts from 1 in `.json`, and is the line in `.ndjson`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.sdtm.dataset import Counted, Row, SdtmError, Table, checked_columns, checked_value

_VERSION = re.compile(r"1\.1(\.(0|[1-9][0-9]*))?")


class _Digits(str):
    """A number as written in the file."""

    __slots__ = ()


def read_json(path: Path) -> Table:
    """The table in a `.json` file; raises `SdtmError` with the line of a JSON fault, the record of a row."""
    document = _parsed(path, _text(path, path.read_bytes(), 1), None)
    metadata = _object(path, document, None)
    rows = metadata.get("rows", [])
    if not isinstance(rows, list):
        raise SdtmError(path, None, "rows", "is an array of rows")
    return _table(path, metadata, enumerate(rows, start=1), "record")


def read_ndjson(path: Path) -> Table:
    """The table in a `.ndjson` file; raises `SdtmError` with the line."""
    lines = path.read_bytes().split(b"\n")
    if lines[-1].strip() == b"":
        lines.pop()
    if not lines:
        raise SdtmError(path, 1, None, "the first line is the metadata object; the file is empty")
    parsed = [_parsed(path, _text(path, line, number), number) for number, line in enumerate(lines, start=1)]
    metadata = _object(path, parsed[0], 1)
    if "rows" in metadata:
        raise SdtmError(path, 1, "rows", "the metadata line holds no rows; each further line is one")
    return _table(path, metadata, enumerate(parsed[1:], start=2), "line")


def _table(path: Path, metadata: Mapping[str, Any], rows: Iterable[tuple[int, Any]], counted: Counted) -> Table:
    version, name, described = (metadata.get(key) for key in ("datasetJSONVersion", "name", "columns"))
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise SdtmError(path, None, "datasetJSONVersion", f"only version 1.1 is read; this is {version!r}")
    if not isinstance(name, str):
        raise SdtmError(path, None, "name", "is required: the name of the dataset")
    if not isinstance(described, list) or not described:
        raise SdtmError(path, None, "columns", "is required: an array that describes each column")
    columns = checked_columns(path, [_column_name(path, column) for column in described], None)
    table = [Row(number, _values(path, number, columns, cells, counted)) for number, cells in rows]
    records = metadata.get("records")
    if not isinstance(records, _Digits) or records != str(len(table)):
        raise SdtmError(path, None, "records", f"says {records!r} where the file has {len(table)} rows")
    return Table(columns, table, "utf-8", counted, name)


def _column_name(path: Path, column: object) -> str:
    name = column.get("name") if isinstance(column, dict) else None
    if not isinstance(name, str):
        raise SdtmError(path, None, "columns", "each column is an object with a name")
    return name


def _values(path: Path, number: int, columns: Sequence[str], cells: object, counted: Counted) -> dict[str, str]:
    if not isinstance(cells, list):
        raise SdtmError(path, number, None, "a row is an array of values", counted=counted)
    if len(cells) != len(columns):
        few = "few" if len(cells) < len(columns) else "many"
        rule = f"too {few} cells: {len(cells)} where there are {len(columns)} columns"
        raise SdtmError(path, number, None, rule, counted=counted)
    values: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=True):
        if cell is None:
            continue
        if isinstance(cell, bool):
            cell = "true" if cell else "false"
        if not isinstance(cell, str):
            raise SdtmError(path, number, column, "a value is a string, a number, a boolean or null", counted=counted)
        value = checked_value(path, number, column, str(cell), counted)
        if value is not None:
            values[column] = value
    return values


def _object(path: Path, document: object, line: int | None) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise SdtmError(path, line, None, "Dataset-JSON begins with an object that describes the dataset")
    return document


def _text(path: Path, data: bytes, line: int) -> str:
    try:
        return data.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        at = line + data.count(b"\n", 0, error.start)
        raise SdtmError(path, at, None, f"the byte 0x{data[error.start]:02X} is not UTF-8") from error


def _parsed(path: Path, text: str, line: int | None) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise SdtmError(path, line, key, "stands twice in one JSON object")
            found[key] = value
        return found

    def refused(constant: str) -> Any:
        raise SdtmError(path, line, None, f"{constant} is not JSON; a missing number is null")

    try:
        return json.loads(
            text, object_pairs_hook=unique, parse_int=_Digits, parse_float=_Digits, parse_constant=refused
        )
    except json.JSONDecodeError as error:
        at = line if line is not None else error.lineno
        raise SdtmError(path, at, None, f"not JSON: {error.msg} (column {error.colno})") from error
    except RecursionError as error:
        raise SdtmError(path, line, None, "not Dataset-JSON: nested too deep") from error
