"""Writing a publication into a database, within a transaction that is up to the caller.

1. Only the rows of the publication's trial are replaced: several trials lie in one database.
2. A version of a relation that is older than this program's keeps its rows as they were, and its row in `position`
   says up to where they go; of several older ones the newest stays. A database in which a newer program has published
   is left as it is.
3. A trial is published from one ledger. Another one (a copy, a ledger that goes on after a restored backup) takes its
   place only when that is asked for.
4. Rows are written in blocks of lines, and a block that is the same as it was is left alone: most of a long audit trail
   never changes, and a refresh costs the database what has changed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Protocol

from api.publishing.publication import Publication, PublishError
from projections.base import Audience
from projections.result import Result
from projections.sql.columns import Type
from projections.sql.relations import Relation, fixed, versioned
from projections.sql.rows import Row, Value, in_json, rows_of
from projections.sql.statements import create_table, create_view, quoted

_LINES: Final = 1_000
_LINE: Final = 1  # the place of the column `line`, in every relation of a view


class Database(Protocol):
    """A connection within a transaction. `mark` stands for a value in a statement."""

    mark: str
    types: Mapping[Type, str]

    def execute(self, sql: str, values: Sequence[Value] = ()) -> None: ...

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]: ...

    def load(self, relation: Relation, rows: Iterable[Row]) -> None:
        """Add rows to a relation's table."""

    def has(self, table: str) -> bool:
        """Whether there is a table of that name."""


def stands_at(db: Database, publication: Publication) -> bool:
    """Whether all that would be published is there: same ledger, same positions, made by the same code.

    Raises PublishError where it could not be published (rules 2, 3).
    """
    if not db.has("position"):
        return False
    _require_fit(db, publication)
    trials = db.query(f"SELECT title, origin FROM trials WHERE trial = {db.mark}", (publication.trial,))
    if trials != [(publication.title, publication.origin)]:
        return False
    wanted = {_mark_of(row) for row in publication.positions()}
    columns = ", ".join(column.name for column in _fixed(publication.audience)["position"].columns)
    found = db.query(f"SELECT {columns} FROM position WHERE trial = {db.mark}", (publication.trial,))
    return wanted <= {_mark_of(row) for row in found}


def _mark_of(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row of `position` without `recorded_at`, of which every database has its own type; the day as text."""
    *place, day, code = (*row[:5], *row[6:])
    return (*place, None if day is None else str(day), code)


def write(db: Database, publication: Publication) -> None:
    """Put a publication into the database. Raises PublishError (rules 2, 3)."""
    tables = _fixed(publication.audience)
    for relation in tables.values():
        db.execute(create_table(relation, db.types))
    _require_fit(db, publication)
    _forget(db, "trials", publication.trial)
    db.load(tables["trials"], [(publication.trial, publication.title, publication.origin)])
    for name in ("beside", "notes"):
        _forget(db, name, publication.trial)
    for relation in publication.relations:
        _settle(db, relation, tables)
        result = publication.show(relation.view)
        _load(db, relation, publication.trial, rows_of(relation, publication.trial, result), tables["blocks"])
        db.load(tables["beside"], _beside(publication.trial, result))
        db.load(tables["notes"], _notes(publication.trial, result))
        values = (publication.trial, relation.name, relation.version)
        wanted = f"trial = {db.mark} AND relation = {db.mark} AND version = {db.mark}"
        db.execute(f"DELETE FROM position WHERE {wanted}", values)
    db.load(tables["position"], publication.positions())


def _load(db: Database, relation: Relation, trial: str, rows: Iterable[Row], blocks: Relation) -> None:
    """Put rows, in the order of their lines, in the place of those that are there (rule 4)."""
    mark, of = db.mark, (trial, relation.name, relation.version)
    wanted = f"trial = {mark} AND relation = {mark} AND version = {mark}"
    found: dict[int, str] = dict(db.query(f"SELECT block, sha256 FROM blocks WHERE {wanted}", of))
    lines = f"DELETE FROM {quoted(relation.table)} WHERE trial = {mark} AND line > {mark} AND line <= {mark}"

    def take_away(block: int) -> None:
        db.execute(lines, (trial, block * _LINES, (block + 1) * _LINES))
        db.execute(f"DELETE FROM blocks WHERE {wanted} AND block = {mark}", (*of, block))

    for number, block in groupby(rows, key=lambda row: (int(row[_LINE] or 1) - 1) // _LINES):
        held = list(block)
        digest = hashlib.sha256(json.dumps(held).encode()).hexdigest()
        before = found.pop(number, None)
        if before == digest:
            continue
        if before is not None:
            take_away(number)
        db.load(relation, held)
        db.load(blocks, [(*of, number, digest)])
    for gone in found:
        take_away(gone)


def _fixed(audience: Audience) -> dict[str, Relation]:
    return {relation.name: relation for relation in fixed(audience)}


def _forget(db: Database, table: str, trial: str) -> None:
    db.execute(f"DELETE FROM {quoted(table)} WHERE trial = {db.mark}", (trial,))


def _require_fit(db: Database, publication: Publication) -> None:
    """Rules 2 and 3."""
    newest = dict(db.query("SELECT relation, max(version) FROM relations GROUP BY relation"))
    for relation in publication.relations:
        if (there := newest.get(relation.name, 0)) > (relation.version or 0):
            raise PublishError(
                f"relation {relation.name}: a newer trial-ledger has published version {there} there, "
                f"this one has {relation.version}"
            )
    found = db.query(f"SELECT origin FROM trials WHERE trial = {db.mark}", (publication.trial,))
    if found and found[0][0] != publication.origin and not publication.take_over:
        raise PublishError(
            f"trial {publication.trial}: is published there from another ledger, {found[0][0]}; "
            "--take-over puts this one in its place"
        )


def _settle(db: Database, relation: Relation, tables: Mapping[str, Relation]) -> None:
    """The relation's table is there, and its view stands on it."""
    assert relation.version is not None
    mark = db.mark
    found = db.query(f"SELECT version FROM relations WHERE relation = {mark}", (relation.name,))
    versions = sorted(int(version) for (version,) in found)
    if relation.version not in versions:
        db.execute(create_table(relation, db.types))
        db.execute(f"DROP VIEW IF EXISTS {quoted(relation.name)}")
        db.execute(create_view(relation))
        for old in versions[:-1]:  # of those before this one, one stays
            db.execute(f"DROP TABLE {quoted(versioned(relation.name, old))}")
            for table in ("relations", "position", "blocks"):
                wanted = f"relation = {mark} AND version = {mark}"
                db.execute(f"DELETE FROM {table} WHERE {wanted}", (relation.name, old))
        db.execute(f"UPDATE relations SET newest = (1 = 0) WHERE relation = {mark}", (relation.name,))
        db.load(tables["relations"], [(relation.name, relation.version, True, relation.title)])
    db.execute(f"DELETE FROM dictionary WHERE relation = {mark}", (relation.name,))
    columns = enumerate(relation.columns, 1)
    db.load(tables["dictionary"], [(relation.name, n, one.name, one.type.value, one.meaning) for n, one in columns])


def _beside(trial: str, result: Result) -> Iterator[Row]:
    for name, value in sorted(result.table.extra.items()):
        yield (trial, result.view, name, in_json(value))


def _notes(trial: str, result: Result) -> Iterator[Row]:
    for line, note in enumerate(result.notes(), 1):
        yield (trial, result.view, line, note)
