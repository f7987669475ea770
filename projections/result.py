"""A view's answer with the position it was made from, as JSON, CSV, or a grid for people.

`{"view","version","as_of":{"seq","recorded_at"},"head","rows":[…]}`, and what the view sets beside its rows. Who may
see both books is also told the sealed position: `as_of.sealed`, `as_of.sealed_head`. `seq` is that of the last open
entry taken in, `head` its leaf hash in hex; both are null of an empty ledger.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from projections.base import Table
from projections.groups import TOTAL
from projections.notes import notes_of

_RESERVED: Final = frozenset({"view", "version", "as_of", "head", "rows"})


@dataclass(frozen=True, slots=True)
class AsOf:
    """The position of an answer. `sealed` and `sealed_head` only for who may see both books (`both`)."""

    seq: int | None
    recorded_at: str | None
    head: str | None
    both: bool = False
    sealed: int | None = None
    sealed_head: str | None = None

    def value(self) -> dict[str, Any]:
        """The member `as_of`."""
        position: dict[str, Any] = {"seq": self.seq, "recorded_at": self.recorded_at}
        if self.both:
            position |= {"sealed": self.sealed, "sealed_head": self.sealed_head}
        return position


@dataclass(frozen=True, slots=True)
class Result:
    """What `show` answers."""

    view: str
    title: str
    version: int
    as_of: AsOf
    table: Table

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    @property
    def rows(self) -> Sequence[dict[str, Any]]:
        return self.table.rows

    def value(self) -> dict[str, Any]:
        """The JSON value: no floats in it."""
        return {**self._beside(), "rows": list(self.table.rows)}

    def _beside(self) -> dict[str, Any]:
        """All members but the rows."""
        own = {
            "view": self.view,
            "version": self.version,
            "as_of": self.as_of.value(),
            "head": self.as_of.head,
        }
        clash = _RESERVED.intersection(self.table.extra)
        if clash:
            raise ValueError(f"view {self.view}: {sorted(clash)} beside the rows would hide what every view says")
        return {**self.table.extra, **own}

    def caption(self) -> str:
        """Which position the answer was made from, in one line for people."""
        at = self.as_of
        if at.seq is None:
            return f"as of an empty ledger, view v{self.version}"
        sealed = f", sealed entry {at.sealed} (head {at.sealed_head})" if at.sealed is not None else ""
        return f"as of entry {at.seq} (recorded {at.recorded_at}), head {at.head}{sealed}, view v{self.version}"

    def notes(self) -> list[str]:
        """What stands beside the rows, as lines for people (`projections/notes.py`)."""
        return notes_of(self.table.extra)

    def to_json(self) -> str:
        """One line, members sorted, so that equal answers are equal bytes."""
        return "".join(self.json_pieces())

    def json_pieces(self) -> Iterator[str]:
        """`to_json` piece by piece, for tables that are long."""
        beside = self._beside()
        for number, name in enumerate(sorted({*beside, "rows"})):
            yield ("," if number else "{") + _compact(name) + ":"
            if name != "rows":
                yield _compact(beside[name])
                continue
            yield "["
            for count, row in enumerate(self.rows):
                yield ("," if count else "") + _compact(row)
            yield "]"
        yield "}"

    def to_csv(self) -> str:
        """The rows with a header line; one column for each arm and count (RFC 4180)."""
        return "".join(self.csv_pieces())

    def csv_pieces(self) -> Iterator[str]:
        """`to_csv` line by line, for tables that are long."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        header, lines = self.spread()
        for line in chain([header], lines):
            writer.writerow(map(_text, line))
            yield out.getvalue()
            out.seek(0)
            out.truncate()

    def grid(self, most: int | None = None) -> tuple[list[str], list[list[str]]]:
        """Headers and lines of text, as `spread`; nothing where a value is null. `most`: no more lines than that."""
        header, lines = self.spread()
        return header, [[_text(value) for value in line] for line in islice(lines, most)]

    def spread(self) -> tuple[list[str], Iterator[list[Any]]]:
        """Headers and lines of values: cells spread to columns named `<arm> <count>`.

        The one cell of masked audiences is named by whom it counts: `randomized subjects`.
        """
        arms = [arm["arm"] for arm in self.table.extra.get("arms", ())]
        counts = list(self.table.rows[0]["cells"][0]) if self._has_cells(arms) else []
        header: list[str] = []
        for column in self.columns:
            header += [_heading(arm, count) for arm in arms for count in counts] if column == "cells" else [column]
        return header, (self._line(row, counts) for row in self.table.rows)

    def _line(self, row: Mapping[str, Any], counts: list[str]) -> list[Any]:
        line: list[Any] = []
        for column in self.columns:
            if column == "cells":
                line += [cell[count] for cell in row["cells"] for count in counts]
            else:
                line.append(row[column])
        return line

    def _has_cells(self, arms: list[str]) -> bool:
        return bool(arms and self.table.rows and "cells" in self.columns)


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _heading(arm: str, count: str) -> str:
    if arm != TOTAL:
        return f"{arm} {count}"
    return "randomized subjects" if count == "subjects" else count


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, dict):
        return " ".join(_text(item) for item in value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
