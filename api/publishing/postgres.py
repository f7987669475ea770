"""Relations in a PostgreSQL database: one database for one audience, and a group role that may read it.

1. A database takes the relations of one audience alone, in the schema `trial_open` or `trial_unmasked`. Whoever may
   connect to a database reads in its catalogue the name, columns, row count and size of every table, whatever he may
   select: schemas are no wall.
2. A server is no wall either: it tells everybody in it how many rows each of its databases has taken, how much has
   been written in all, and, by transaction numbers, how often. So the two audiences are not published on one server,
   unless whoever runs it asks for that (`same_server`) and answers for it.
3. `<database>_masked_reader` or `<database>_unmasked_reader` is a group without a login, which may connect and select.
   Nobody else may connect, but the owner and who administers the server.
4. A refresh is one transaction. Whoever reads several relations that are to agree reads them in one of his own, at the
   level REPEATABLE READ.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import conninfo

from api.publishing.publication import Publication, PublishError, TargetUnavailableError
from api.publishing.writing import stands_at, write
from projections.base import Audience
from projections.sql.relations import Relation, fixed
from projections.sql.rows import Row, Value
from projections.sql.statements import POSTGRES, create_table, quoted

SCHEMAS: Final = {Audience.MASKED: "trial_open", Audience.UNMASKED: "trial_unmasked"}
_LABEL: Final = "trial-ledger: relations for the audience "
_CONNECT_SECONDS: Final = 10
_OLDEST: Final = 150_000  # before 15 everybody may make tables in the schema `public`
_LONGEST_NAME: Final = 63
_LOCK_SECONDS: Final = 60


class PostgresTarget:
    """A database, by its URL. Passwords are better left to a password file or service file of libpq."""

    def __init__(self, url: str, audience: Audience, *, same_server: bool = False) -> None:
        self.audience = audience
        self._same_server = same_server
        try:
            known: dict[str, Any] = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its message may hold the password
            raise PublishError("TARGET: is no URL of PostgreSQL") from None
        self._url = conninfo.make_conninfo(**{"connect_timeout": _CONNECT_SECONDS, **known})
        self._where = f"postgresql:{known.get('host', '')}/{known.get('dbname', '')}"

    @property
    def name(self) -> str:
        return self._where

    @property
    def schema(self) -> str:
        return SCHEMAS[self.audience]

    def prepare(self) -> None:
        """Make schema and group role, and close the database to all others. Raises PublishError."""
        with self._transaction() as db:
            ((database,),) = db.execute("SELECT current_database()").fetchall()
            self._require_apart(db, str(database))
            reader = f"{database}_{self.audience.value}_reader"
            if len(reader.encode()) > _LONGEST_NAME:
                raise PublishError(f"database {database}: its name is too long to name the role {reader}")
            try:
                _close_to_others(db, str(database), self.schema, reader, f"{_LABEL}{self.audience.value}")
            except psycopg.errors.InsufficientPrivilege as error:
                raise PublishError(
                    f"database {database}: the publisher has to own it, and to be allowed to create the role {reader}, "
                    f"unless it exists ({_first_line(error)})"
                ) from None

    def stands_at(self, publication: Publication) -> bool:
        with self._transaction() as db:
            return stands_at(_Database(db, self.schema), publication)

    def refresh(self, publication: Publication) -> None:
        with self._transaction() as db:
            position = fixed(self.audience)[0]
            db.execute(create_table(position, POSTGRES).encode())
            # Publishers take turns; a lock that keeps no reader waiting, and that none of them can take.
            db.execute(f"LOCK TABLE {quoted(position.table)} IN SHARE ROW EXCLUSIVE MODE".encode())
            write(_Database(db, self.schema), publication)

    def _require_apart(self, db: psycopg.Connection[Any], database: str) -> None:
        """No other audience in this database, nor (rule 2) on this server."""
        other = next(audience for audience in Audience if audience is not self.audience)
        found = db.execute("SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database").fetchall()
        taken = [str(name) for name, label in found if label == f"{_LABEL}{other.value}"]
        if database in taken:
            raise PublishError(
                f"database {database}: has the relations of the audience {other.value}; {self.audience.value} ones "
                "belong into a database of their own"
            )
        if taken and not self._same_server:
            raise PublishError(
                f"database {database}: this server has the {other.value} relations too, in {', '.join(sorted(taken))}; "
                "what a server tells all its users of its work would tell the masked of the sealed book. Use another "
                "server, or accept it with --same-server"
            )

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with closing(psycopg.connect(self._url)) as db, db.transaction():
                if db.info.server_version < _OLDEST:
                    raise PublishError(f"{self._where}: is PostgreSQL {db.info.server_version // 10_000}; 15 is needed")
                db.execute("SELECT set_config('search_path', %s, true)", (quoted(self.schema),))
                db.execute("SELECT set_config('lock_timeout', %s, true)", (f"{_LOCK_SECONDS}s",))
                yield db
        except psycopg.OperationalError as error:
            raise TargetUnavailableError(f"{self._where}: {_first_line(error)}") from None
        except psycopg.Error as error:
            raise PublishError(f"{self._where}: {_first_line(error)}") from None


def _first_line(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().partition("\n")[0]


def _close_to_others(db: psycopg.Connection[Any], database: str, schema: str, reader: str, label: str) -> None:
    """Group role, schema and privileges (rule 3), and the label by which the database is known."""
    if not db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (reader,)).fetchall():
        db.execute(f"CREATE ROLE {quoted(reader)} NOLOGIN".encode())
    for statement in (
        f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {quoted(reader)}",
        f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}",
        f"REVOKE ALL ON SCHEMA {quoted(schema)} FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(reader)}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(reader)}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {quoted(schema)} GRANT SELECT ON TABLES TO {quoted(reader)}",
        f"ALTER DATABASE {quoted(database)} SET search_path = {quoted(schema)}",
        f"COMMENT ON DATABASE {quoted(database)} IS '{label}'",
    ):
        db.execute(statement.encode())


class _Database:
    """A connection, as `writing.py` wants one."""

    mark = "%s"
    types = POSTGRES

    def __init__(self, db: psycopg.Connection[Any], schema: str) -> None:
        self._db = db
        self._schema = schema

    def execute(self, sql: str, values: Sequence[Value] = ()) -> None:
        self._db.execute(sql.encode(), values or None)

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql.encode(), values or None).fetchall()

    def load(self, relation: Relation, rows: Iterable[Row]) -> None:
        columns = ", ".join(quoted(column.name) for column in relation.columns)
        statement = f"COPY {quoted(relation.table)} ({columns}) FROM STDIN"
        with self._db.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def has(self, table: str) -> bool:
        found = self.query("SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s", (self._schema, table))
        return bool(found)
