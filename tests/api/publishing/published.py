"""Publishing in tests, and reading what was published."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import apsw

from api.access import viewer_of
from api.publishing.making import Publisher
from api.publishing.publication import Publication
from api.publishing.target import Target, target_of
from ledger.recording.live import utc_now
from projections.sql.statements import quoted
from tests.postgres import Server

PUBLISHER: Final = "publisher"
Rows = list[tuple[Any, ...]]


def publisher(
    ledger: Path, role: str, *, take_over: bool = False, clock: Callable[[], datetime] = utc_now
) -> Publisher:
    return Publisher(ledger, viewer_of(f"{role}-1", role, "FJD"), take_over=take_over, clock=clock)


def publish(
    ledger: Path, role: str, where: str, *, same_server: bool = True, take_over: bool = False
) -> Publication | None:
    """One run of the program that publishes once."""
    by = publisher(ledger, role, take_over=take_over)
    target: Target = target_of(where, by.audience, same_server=same_server)
    target.prepare()
    return by.refresh(target)


@dataclass(frozen=True, slots=True)
class Place:
    """A place where relations are published for one audience, read with all rights."""

    where: str
    ask: Callable[[str], tuple[list[str], Rows]]

    def rows(self, sql: str) -> Rows:
        return self.ask(sql)[1]

    def relation(self, name: str) -> tuple[list[str], Rows]:
        """Columns and rows of a relation, in its order."""
        order = ", ".join(quoted(key) for key in ("trial", "line"))
        return self.ask(f"SELECT * FROM {quoted(name)} ORDER BY {order}")

    def everything(self) -> Iterator[tuple[str, Any]]:
        """Each relation with its rows: those of views, and those beside."""
        for (name,) in self.rows("SELECT DISTINCT relation FROM relations ORDER BY relation"):
            yield name, self.ask(f"SELECT * FROM {quoted(name)} ORDER BY 1, 2")
        for name in ("position", "trials", "beside", "notes", "relations", "dictionary", "blocks"):
            yield name, self.ask(f"SELECT * FROM {name} ORDER BY 1, 2, 3")


def in_sqlite(folder: Path, role: str) -> Place:
    name = "unmasked/unmasked.sqlite" if role == "statistician" else "open.sqlite"
    return Place(f"sqlite:{folder}", lambda sql: _of_sqlite(folder / name, sql))


def _of_sqlite(path: Path, sql: str) -> tuple[list[str], Rows]:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        cursor = db.cursor()
        rows: Rows = []
        names: list[str] = []
        for row in cursor.execute(sql):
            names = [column[0] for column in cursor.get_description()]
            rows.append(row)
        return names, rows


def in_postgres(server: Server, database: str) -> Place:
    """A new database, owned by who publishes."""
    server.run(f"CREATE DATABASE {database} OWNER {PUBLISHER}")
    return Place(server.url(database, PUBLISHER), lambda sql: _of_postgres(server, database, sql))


def _of_postgres(server: Server, database: str, sql: str) -> tuple[list[str], Rows]:
    import psycopg

    with psycopg.connect(server.url(database)) as db:
        cursor = db.execute(sql.encode())
        return [column.name for column in cursor.description or ()], cursor.fetchall()
