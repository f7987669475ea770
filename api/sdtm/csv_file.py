"""CSV: RFC 4180, a header line, UTF-8 (a byte order mark is allowed) or, where it is not that, Windows-1252.

Missing is an empty cell, or NA without quotes, as R writes it. A quoted "NA" is text: R puts quotes around a
text that happens to be NA, and a unit or a verbatim term may read so. The csv module does not tell whether a
cell had quotes, so the quoted ones are marked beforehand: in well-formed CSV the characters "NA" between two
separators can only be a whole quoted cell, and what is not well-formed is refused by the strict reader.
A writer that never quotes and means the text NA cannot be told apart: there too NA is taken as missing.

A row's number is the line it begins on, the header being line 1; a quoted value may run over several lines.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from api.sdtm.dataset import Row, SdtmError, Table, checked_columns, checked_value

_MARK = "\uffff"
_QUOTED_NA = re.compile(r'(?<![^,\r\n])"NA"(?![^,\r\n])')
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\uffff]")


def read_csv(path: Path) -> Table:
    """The table in a CSV file; raises `SdtmError` with the line for anything that is not well-formed."""
    text, encoding = _decoded(path, path.read_bytes())
    if found := _CONTROL.search(text):
        raise SdtmError(
            path,
            _line_at(text, found.start()),
            None,
            f"not a text file: it holds the character U+{ord(found[0]):04X}",
        )
    records = _records(path, _QUOTED_NA.sub(f'"NA{_MARK}"', text))
    line, header = next(records, (1, []))
    if not header:
        raise SdtmError(path, 1, None, "the first line is the header with the variable names; it is empty")
    columns = checked_columns(path, [name.replace(_MARK, "") for name in header], line)
    rows: list[Row] = []
    empty: int | None = None
    for line, cells in records:
        if not cells:
            empty = empty or line
            continue
        if empty is not None:
            raise SdtmError(path, empty, None, "an empty line between rows; each line is a row")
        if len(cells) != len(columns):
            few = "few" if len(cells) < len(columns) else "many"
            raise SdtmError(path, line, None, f"too {few} cells: {len(cells)} where the header has {len(columns)}")
        rows.append(Row(line, _values(path, line, columns, cells)))
    return Table(columns, rows, encoding, "line")


def _values(path: Path, line: int, columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=True):
        if cell == "NA":
            continue
        value = checked_value(path, line, column, cell.removesuffix(_MARK), "line")
        if value is not None:
            values[column] = value
    return values


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SdtmError(path, line, None, _explained(error)) from error
        yield line, cells


def _explained(error: csv.Error) -> str:
    # The csv module has one exception class for everything; only its sentence tells the cases apart.
    if "unexpected end" in str(error):
        return "not well-formed CSV: a quote opened in the row of this line is never closed"
    if "field limit" in str(error):
        return f"a cell is too long (or a quote is not closed): {error}"
    return f"not well-formed CSV: {error} (a quote inside a quoted cell is written twice)"


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SdtmError(path, None, None, "the file is UTF-16; CSV is read as UTF-8 or Windows-1252")
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        raise SdtmError(
            path,
            data.count(b"\n", 0, error.start) + 1,
            None,
            f"the byte 0x{data[error.start]:02X} is neither UTF-8 nor Windows-1252: not a text file",
        ) from error


def _line_at(text: str, position: int) -> int:
    before = text[:position]
    return before.count("\n") + before.replace("\r\n", "").count("\r") + 1
