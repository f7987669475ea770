"""What a dataset is, whatever format it came in, and the rules that hold for every format.

1. A value is text, exactly as the file has it; nothing is parsed, rounded, trimmed or translated here.
2. A missing value is absent from its row. Which cells are missing, each format module says.
   A value of nothing but blanks is missing everywhere: SAS, where SDTM comes from, cannot tell the two apart.
3. A variable name is an SDTM name (letters, digits, underscore), compared in capitals, and occurs once.
4. A value is at most `MAX_VALUE` characters, without control characters other than tab and line ends.
5. A fault of the file raises `SdtmError`. Whether a row makes sense is asked later, row by row.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MAX_VALUE = 32_767
"""Longest value in characters: what SAS can hold in one character variable."""

Counted = Literal["line", "record"]
"""What a row's number counts: lines of a text file, or records (from 1) of a format that has no lines."""

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,31}")
# Noncharacter U+FFFF is refused because csv_file marks cells with it; surrogates because they are not UTF-8.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\uffff]")


class SdtmError(Exception):
    """A file that cannot be taken in: which file, where in it, which variable, and the rule it breaks."""

    def __init__(
        self, file: Path, line: int | None, field: str | None, rule: str, *, counted: Counted = "line"
    ) -> None:
        place = [str(file)]
        if line is not None:
            place.append(f"{counted} {line}")
        if field is not None:
            place.append(f"field {field}")
        super().__init__(f"{', '.join(place)}: {rule}")
        self.file = file
        self.line = line
        self.field = field
        self.rule = rule
        self.counted: Counted = counted


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its number in its file (see `Dataset.counted`) and the values that are not missing."""

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """What a format module gives back: columns and rows, and the name the file itself states, if it does."""

    columns: tuple[str, ...]
    rows: list[Row]
    encoding: str
    counted: Counted
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One SDTM dataset, say DM, with where it came from.

    `study` is the one STUDYID of all rows, None without rows. `encoding` is how the text was decoded
    (`utf-8`, or `cp1252` where it was not UTF-8), for the import to report.
    """

    domain: str
    path: Path
    columns: tuple[str, ...]
    rows: list[Row]
    encoding: str
    counted: Counted
    study: str | None


def checked_columns(path: Path, names: Iterable[str], line: int | None) -> tuple[str, ...]:
    """The names in capitals; raises `SdtmError` for a name that is none and for one that occurs twice."""
    columns: list[str] = []
    for position, name in enumerate(names, start=1):
        if not name:
            raise SdtmError(path, line, None, f"column {position} of the header has no name")
        column = name.upper()
        if not _NAME.fullmatch(column):
            raise SdtmError(
                path,
                line,
                None,
                f"column {position} of the header, {_shown(name)}, is not the name of an SDTM variable"
                " (letters, digits and underscore, at most 32); values are separated by commas in CSV",
            )
        if column in columns:
            raise SdtmError(path, line, column, "stands more than once in the header")
        columns.append(column)
    return tuple(columns)


def checked_value(path: Path, number: int, field: str, value: str, counted: Counted) -> str | None:
    """The value as it is, None if it is only blanks; raises `SdtmError` for what is too long or not text."""
    if not value.strip():
        return None
    if len(value) > MAX_VALUE:
        raise SdtmError(
            path,
            number,
            field,
            f"a value may have at most {MAX_VALUE} characters; this one has {len(value)}",
            counted=counted,
        )
    if found := _NOT_TEXT.search(value):
        raise SdtmError(
            path,
            number,
            field,
            f"a value may hold no control characters; this one holds U+{ord(found[0]):04X}",
            counted=counted,
        )
    return value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
