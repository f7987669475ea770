"""Statements of a revision, as they are written: no mark in them means a parameter."""

from typing import Any

import psycopg
from alembic import op


def run(statements: str) -> list[tuple[Any, ...]]:
    """Run statements in the migration's transaction; the rows of the last one."""
    db = op.get_bind().connection.driver_connection
    assert isinstance(db, psycopg.Connection)
    cursor = db.execute(statements.encode())
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []
