"""The rows of a relation, from what its view shows: the same values as `show`, each of the type of its column.

1. Text, decimals, days and instants are strings as the view has them, integers and truth values themselves. How a
   database takes them is up to who writes.
2. A value that is not of its column's type is a fault of this program, and raises ValueError: nothing is bent to fit.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from ledger.domain.when import Moment
from projections.result import Result
from projections.sql.columns import Type
from projections.sql.relations import CELL, Relation, SqlColumn

Value: TypeAlias = str | int | bool | None
Row: TypeAlias = tuple[Value, ...]

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


def rows_of(relation: Relation, trial: str, result: Result) -> Iterator[Row]:
    """The rows of the relation of a view, in the order of the view. Raises ValueError (rule 2)."""
    arms = [arm["arm"] for arm in result.table.extra.get("arms", ())] if relation.cells else []
    makers = [_maker(relation, column) for column in relation.columns]
    for line, row in enumerate(result.rows, 1):
        if not relation.cells:
            at = _At(trial, line)
            yield tuple(make(at, row, {}) for make in makers)
            continue
        for number, (arm, cell) in enumerate(zip(arms, row[CELL], strict=True), 1):
            at = _At(trial, line, number, arm)
            yield tuple(make(at, row, cell) for make in makers)


def plain(value: Any) -> str | int | None:
    """A value of a view as one of a table: lists as words with blanks between, objects as JSON, truth as 0 and 1."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, list | tuple):
        return " ".join(str(plain(item)) for item in value)
    return in_json(value)


def in_json(value: Any) -> str:
    """A value as JSON text: members sorted, so that equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


class _At:
    """Where a row stands."""

    __slots__ = ("arm", "arm_number", "line", "trial")

    def __init__(self, trial: str, line: int, arm_number: int = 0, arm: str = "") -> None:
        self.trial, self.line, self.arm_number, self.arm = trial, line, arm_number, arm


_Maker: TypeAlias = Callable[[_At, Mapping[str, Any], Mapping[str, Any]], Value]


def _maker(relation: Relation, column: SqlColumn) -> _Maker:
    if not column.of:
        return lambda at, _row, _cell: getattr(at, column.name)

    def make(_at: _At, row: Mapping[str, Any], cell: Mapping[str, Any]) -> Value:
        value = (cell if column.cell else row)[column.of]
        if value is None:
            return None
        if column.name != column.of and not column.cell:  # the day beside a date as stated
            day = Moment(value).day
            return None if day is None else day.isoformat()
        if not _IS[column.type](value):
            raise ValueError(f"{relation.table}.{column.name}: {value!r} is no {column.type}")
        if column.type is Type.JSON:
            return in_json(value)
        return plain(value) if column.type is Type.WORDS else value

    return make


_IS: Final[Mapping[Type, Callable[[Any], bool]]] = {
    Type.TEXT: lambda value: isinstance(value, str),
    Type.INTEGER: lambda value: type(value) is int,
    Type.NUMBER: lambda value: isinstance(value, str) and _NUMBER.fullmatch(value) is not None,
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.DAY: lambda value: isinstance(value, str) and _DAY.fullmatch(value) is not None,
    Type.STATED: lambda value: isinstance(value, str),
    Type.INSTANT: lambda value: isinstance(value, str) and _INSTANT.fullmatch(value) is not None,
    Type.WORDS: lambda value: isinstance(value, list | tuple),
    Type.JSON: lambda _: True,
}
