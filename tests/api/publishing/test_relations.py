"""Which relations there are, what they hold, and that both kinds of databases hold the same as `show --csv`."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from api.bootstrap import viewing
from projections.base import Audience
from projections.result import Result
from projections.sql import columns
from projections.sql.columns import Type
from projections.sql.relations import Relation, fixed, published, relations
from projections.sql.rows import rows_of
from projections.sql.statements import POSTGRES, quoted
from projections.views import VIEWS
from tests.api.publishing.conftest import ROLES
from tests.api.publishing.published import Place, publish
from tests.projections.whole_trial import ARM_WORDS, NAMES
from tests.sql_document import SQL, document

RELEASED: Final = Path(__file__).with_name("released.json")
"""Table -> audience -> columns with their types, of every version that was ever released. Only ever added to."""


def shapes() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for audience in Audience:
        for relation in relations(audience):
            listed = [f"{column.name} {column.type}" for column in relation.columns]
            found.setdefault(relation.table, {})[audience.value] = listed
    return found


def now(ledger: Path, role: str, relation: Relation) -> Result:
    """What `show` says, today, without leaving a trace of the look."""
    return viewing(ledger, role).show(relation.view, None, today=datetime.now(UTC).date().isoformat())


def in_csv(result: Result) -> list[list[str]]:
    return list(csv.reader(io.StringIO(result.to_csv())))


def as_csv(value: Any, type_: Type) -> str | Decimal:
    """A value of a database as the CSV has it; numbers as numbers."""
    if value is None:
        return ""
    if type_ is Type.NUMBER:
        return Decimal(str(value))
    if type_ is Type.BOOLEAN:
        return "true" if value else "false"
    if type_ is Type.INSTANT and isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    if type_ is Type.JSON and not isinstance(value, str):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def as_table(relation: Relation, names: list[str], rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """The rows of a relation as the lines of its view's CSV: without its keys, the cells of a line side by side."""
    lines: dict[int, list[Any]] = {}
    for row in rows:
        at = dict(zip(names, row, strict=True))
        line = lines.setdefault(at["line"], [])
        first = not line
        for column in relation.columns:
            own = column.of and (column.cell or column.name == column.of)
            if own and (first or column.cell):
                line.append(as_csv(at[column.name], column.type))
    return [lines[number] for number in sorted(lines)]


def cells_last(line: list[str], result: Result) -> list[str]:
    """A line of the CSV with what it says of each arm at its end."""
    if "cells" not in result.columns:
        return line
    first, wide = result.columns.index("cells"), len(line) - len(result.columns) + 1
    return [*line[:first], *line[first + wide :], *line[first : first + wide]]


def numbered(lines: Iterable[list[str]], like: Iterable[list[Any]]) -> list[list[Any]]:
    return [
        [Decimal(cell) if isinstance(other, Decimal) else cell for cell, other in zip(line, beside, strict=True)]
        for line, beside in zip(lines, like, strict=True)
    ]


@pytest.mark.parametrize("role", ROLES)
def test_what_is_published_is_what_show_says(the_demo: Path, places: dict[str, Place], role: str) -> None:
    made = publish(the_demo, role, places[role].where)
    assert made is not None
    filled = 0
    for relation in made.relations:
        found, rows = places[role].relation(relation.name)
        names = found or [column.name for column in relation.columns]
        assert names == [column.name for column in relation.columns]
        result = now(the_demo, role, relation)
        there = as_table(relation, names, rows)
        shown = [cells_last(line, result) for line in in_csv(result)[1:]]
        assert numbered(shown, there) == there, relation.name
        filled += bool(rows)
    assert filled >= len(made.relations) - 2  # nobody's follow-up is due in the demo, and nobody has signed


@pytest.mark.parametrize("role", ROLES)
def test_every_row_of_a_view_with_cells_is_there_for_each_arm(the_demo: Path, role: str) -> None:
    for relation in relations(viewing(the_demo, role).audience):
        if not relation.cells:
            continue
        result = now(the_demo, role, relation)
        names = [column.name for column in relation.columns]
        rows = [dict(zip(names, row, strict=True)) for row in rows_of(relation, "T", result)]
        arms = [arm["arm"] for arm in result.table.extra["arms"]]
        assert [row["arm"] for row in rows] == arms * len(result.rows)
        for row in rows:
            line, number = row["line"], row["arm_number"]
            assert isinstance(line, int)
            assert isinstance(number, int)
            cell = result.rows[line - 1]["cells"][number - 1]
            assert {f"arm_{name}": value for name, value in cell.items()} == {
                name: value for name, value in row.items() if name.startswith("arm_") and name != "arm_number"
            }


@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_numbers_are_numbers_and_dates_are_dates_in_postgresql(the_demo: Path, places: dict[str, Place]) -> None:
    place = places["statistician"]
    publish(the_demo, "statistician", place.where)
    found = place.rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'trial_unmasked'"
    )
    types = {(table, column): type_ for table, column, type_ in found}
    for relation in (*relations(Audience.UNMASKED), *fixed(Audience.UNMASKED)):
        for column in relation.columns:
            assert types[relation.table, column.name] == POSTGRES[column.type], (relation.table, column.name)
    ((survival, randomized, recorded_at),) = place.rows(
        "SELECT (SELECT survival FROM survival WHERE line = 2), (SELECT randomized_date FROM subjects WHERE line = 1), "
        "(SELECT recorded_at FROM audit WHERE line = 1)"
    )
    assert isinstance(survival, Decimal)
    assert type(randomized) is date
    assert isinstance(recorded_at, datetime)


@pytest.mark.parametrize("places", ["sqlite"], indirect=True)
def test_numbers_are_numbers_in_sqlite(the_demo: Path, places: dict[str, Place]) -> None:
    place = places["statistician"]
    publish(the_demo, "statistician", place.where)
    kept = {Type.INTEGER: {"integer"}, Type.BOOLEAN: {"integer"}, Type.NUMBER: {"real"}}
    for relation in (*relations(Audience.UNMASKED), *fixed(Audience.UNMASKED)):
        for column in relation.columns:
            found = {
                kind
                for (kind,) in place.rows(f"SELECT DISTINCT typeof({quoted(column.name)}) FROM {quoted(relation.name)}")
            }
            assert found <= kept.get(column.type, {"text"}) | {"null"}, (relation.table, column.name)


def test_a_partial_date_keeps_what_was_stated_and_has_no_day() -> None:
    relation = next(one for one in relations(Audience.MASKED) if one.name == "censoring")
    view = VIEWS["censoring"]
    empty = view.present((), _context(), Audience.MASKED)
    row = dict.fromkeys(empty.columns) | {"randomized": "2020-05", "last_alive": "2020-05-17T08:00", "events": []}
    result = Result("censoring", "", 1, None, type(empty)(empty.columns, [row]))  # type: ignore[arg-type]
    (made,) = rows_of(relation, "T", result)
    at = dict(zip([column.name for column in relation.columns], made, strict=True))
    assert (at["randomized"], at["randomized_date"]) == ("2020-05", None)
    assert (at["last_alive"], at["last_alive_date"]) == ("2020-05-17T08:00", "2020-05-17")


def test_a_value_that_is_not_of_its_columns_type_is_no_row() -> None:
    relation = next(one for one in relations(Audience.MASKED) if one.name == "survival")
    empty = VIEWS["survival"].present((), _context(), Audience.MASKED)
    good: dict[str, Any] = dict.fromkeys(empty.columns)

    def made(**values: Any) -> list[Any]:
        result = Result("survival", "", 3, None, type(empty)(empty.columns, [good | values]))  # type: ignore[arg-type]
        return list(rows_of(relation, "T", result))

    assert made(survival="0.5", events=1, group="Total")
    for wrong in ({"survival": "<0.1"}, {"events": "1"}, {"events": True}, {"group": 1}, {"survival": 0.5}):
        with pytest.raises(ValueError, match=f"survival_v3.{next(iter(wrong))}"):
            made(**wrong)


def _context() -> Any:
    from projections.base import Context
    from projections.plan import plan_of

    return Context(plan_of([]), None)


@pytest.mark.parametrize("role", ROLES)
def test_nobodys_name_is_in_it_and_no_arm_in_what_is_masked(ledger: Path, places: dict[str, Place], role: str) -> None:
    publish(ledger, role, places[role].where)
    held = json.dumps(list(places[role].everything()), default=str, ensure_ascii=False)
    assert "S-01-001" in held
    assert not [name for name in NAMES if name in held]
    arms = [word for word in ARM_WORDS if word in held]
    assert bool(arms) == (role == "statistician")


def test_each_relation_says_where_it_stands(the_demo: Path, places: dict[str, Place]) -> None:
    made = publish(the_demo, "sponsor", places["sponsor"].where)
    assert made is not None
    found = places["sponsor"].rows("SELECT trial, relation, view, version, seq, head FROM position ORDER BY relation")
    wanted = [
        ("NCT04348461", one.name, one.view, one.version, made.place.seq, made.place.head)
        for one in sorted(made.relations, key=lambda one: one.name)
    ]
    assert found == wanted
    at = now(the_demo, "sponsor", made.relations[0]).as_of
    assert (at.seq, at.head) == (made.place.seq, made.place.head)


def test_a_masked_relation_has_no_place_for_what_is_sealed() -> None:
    for relation in (*relations(Audience.MASKED), *fixed(Audience.MASKED)):
        names = [column.name for column in relation.columns]
        assert not [name for name in names if name.startswith("sealed") or name == "looks"]
        if not relation.cells:
            assert "arm" not in names
    assert "exposure" not in [relation.name for relation in relations(Audience.MASKED)]


def test_only_what_everybody_of_an_audience_may_see_is_published() -> None:
    left_out = set(VIEWS) - {view.name for view in published(Audience.UNMASKED)}
    assert left_out == {name for name, view in VIEWS.items() if view.needs_identity or view.roles is not None}
    assert {"identities", "access"} <= left_out


def test_every_column_is_described_and_nothing_else_is() -> None:
    used = {
        (relation.view, column.of)
        for audience in Audience
        for relation in relations(audience)
        for column in relation.columns
        if column.of and not column.cell
    }
    assert set(columns._OF_VIEW) <= used
    of_view = set(columns._OF_VIEW)
    assert set(columns._BY_NAME) == {name for view, name in used if (view, name) not in of_view}
    assert set(columns.CELLS) == {one.view for one in relations(Audience.UNMASKED) if one.cells}


def test_no_version_of_a_relation_ever_changes_its_columns() -> None:
    released = json.loads(RELEASED.read_text("utf-8"))
    for table, shape in shapes().items():
        assert released.get(table) == shape, (
            f"{table}: where it was released with other columns, raise its version (projections/sql/relations.py); "
            f"a new version is added to {RELEASED.name}"
        )


def test_the_document_is_made_from_the_catalogue() -> None:
    assert SQL.read_text("utf-8") == document()
