"""The statements that make the relations, in SQL that SQLite and PostgreSQL both take.

Names of relations and columns are those of the catalogue: letters and underscores. They are quoted all the same, for
some (`group`, `index`, `to`) are words of SQL.
"""

from collections.abc import Mapping
from typing import Final

from projections.sql.columns import Type
from projections.sql.relations import Relation

SQLITE: Final[Mapping[Type, str]] = {
    Type.TEXT: "TEXT",
    Type.INTEGER: "INTEGER",
    Type.NUMBER: "REAL",
    Type.BOOLEAN: "BOOLEAN",
    Type.DAY: "DATE",
    Type.STATED: "TEXT",
    Type.INSTANT: "TIMESTAMP",
    Type.WORDS: "TEXT",
    Type.JSON: "TEXT",
}
"""What SQLite calls each type. To itself these are hints; to the programs that read it they are types."""
POSTGRES: Final[Mapping[Type, str]] = {
    Type.TEXT: "text",
    Type.INTEGER: "bigint",
    Type.NUMBER: "numeric",
    Type.BOOLEAN: "boolean",
    Type.DAY: "date",
    Type.STATED: "text",
    Type.INSTANT: "timestamp with time zone",
    Type.WORDS: "text",
    Type.JSON: "json",
}
"""What PostgreSQL calls each type."""


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def create_table(relation: Relation, types: Mapping[Type, str]) -> str:
    """The table of a relation, unless it is there. `types`: what the database calls each type."""
    columns = [f"{quoted(column.name)} {types[column.type]}" for column in relation.columns]
    key = ", ".join(map(quoted, relation.key))
    return f"CREATE TABLE IF NOT EXISTS {quoted(relation.table)} ({', '.join(columns)}, PRIMARY KEY ({key}))"


def create_view(relation: Relation) -> str:
    """The view of a relation's name on the table of its version."""
    columns = ", ".join(quoted(column.name) for column in relation.columns)
    return f"CREATE VIEW {quoted(relation.name)} AS SELECT {columns} FROM {quoted(relation.table)}"


def insert(relation: Relation, mark: str) -> str:
    """One row into a relation's table; `mark` stands for a value."""
    columns = ", ".join(quoted(column.name) for column in relation.columns)
    marks = ", ".join([mark] * len(relation.columns))
    return f"INSERT INTO {quoted(relation.table)} ({columns}) VALUES ({marks})"
