"""SAS transport files (XPORT version 5, the FDA's; version 8 is read as well), through pyreadstat.

The library is an optional extra, `trial-ledger[xpt]`. Where the format leaves us on our own:
1. Numbers are IBM doubles. They are rendered in positional notation without a trailing .0: 63, 0.1, -7.
   A numeric missing value (. and .A to .Z) and an empty text are missing; trailing blanks are padding.
2. A file is whole 80-byte records and holds one dataset. The library reads a second one as rows of the first,
   so both are checked here. A file cut between two records, however, looks whole: the format counts no rows.
3. The format names no encoding. UTF-8 is tried first, then Windows-1252.

A row's number is that of its record, counted from 1.
"""

import importlib
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.sdtm.dataset import Row, SdtmError, Table, checked_columns, checked_value

RECORD = 80
_LIBRARY = tuple(b"HEADER RECORD*******%-8bHEADER RECORD!!!!!!!" % kind for kind in (b"LIBRARY", b"LIBV8"))
_MEMBER = tuple(b"HEADER RECORD*******%-8bHEADER RECORD!!!!!!!" % kind for kind in (b"MEMBER", b"MEMBV8"))


def read_xpt(path: Path) -> Table:
    """The one dataset of a transport file; raises `SdtmError`, also where the extra is not installed."""
    _check_frame(path, path.read_bytes())
    try:
        library: Any = importlib.import_module("pyreadstat")
    except ImportError as error:
        raise SdtmError(path, None, None, "reading XPT needs the extra: pip install 'trial-ledger[xpt]'") from error
    content, metadata, encoding = _content(library, path)
    columns = checked_columns(path, metadata.column_names, None)
    # Position, not name: the library keys by the name as written, ours are in capitals.
    series = [content[name] for name in metadata.column_names]
    rows: list[Row] = []
    for number, cells in enumerate(zip(*series, strict=True), start=1):
        values: dict[str, str] = {}
        for column, cell in zip(columns, cells, strict=True):
            if cell is None:
                continue
            text = cell if isinstance(cell, str) else rendered(cell)
            value = checked_value(path, number, column, text, "record")
            if value is not None:
                values[column] = value
        rows.append(Row(number, values))
    return Table(columns, rows, encoding, "record", metadata.table_name or None)


def rendered(number: float) -> str:
    """A number as the shortest positional text that gives it back, without .0; not a number is empty."""
    if number != number:
        return ""
    text = format(Decimal(repr(float(number))), "f")
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _content(library: Any, path: Path) -> tuple[Any, Any, str]:
    for ours, iconv in (("utf-8", "UTF-8"), ("cp1252", "WINDOWS-1252")):
        try:
            content, metadata = library.read_xport(
                path, output_format="dict", disable_datetime_conversion=True, encoding=iconv
            )
        except UnicodeDecodeError:
            continue
        except library.ReadstatError as error:
            if ours == "utf-8" and "convert" in str(error).lower():
                continue
            raise SdtmError(path, None, None, f"not a readable SAS transport file: {error}") from error
        return content, metadata, ours
    raise SdtmError(path, None, None, "the text in the file is neither UTF-8 nor Windows-1252")


def _check_frame(path: Path, data: bytes) -> None:
    if not data.startswith(_LIBRARY):
        raise SdtmError(path, None, None, "not a SAS transport file: it does not begin with a library header")
    if len(data) % RECORD:
        raise SdtmError(
            path,
            None,
            None,
            f"truncated: a SAS transport file is whole {RECORD}-byte records; this one ends inside one",
        )
    members = sum(data.startswith(_MEMBER, start) for start in range(0, len(data), RECORD))
    if members != 1:
        raise SdtmError(path, None, None, f"one file holds one dataset; this one holds {members}")
