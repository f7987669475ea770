"""Reading a ledger in PostgreSQL through the same statements as one in a file.

The views of the database have the names and columns of the file's tables (revision 0001). What differs in words is put
right here: the marks of parameters, and a text taken as bytes. A snapshot is a transaction that repeats its reads; it
holds a connection of the pool from BEGIN to ROLLBACK, and queries outside of one hold it as long as they take.
"""

import threading
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, LinkError, read_link
from ledger.recording.engine import SQLiteValue
from ledger.recording.postgres.connecting import Address, Connection, check_revision, holding, translated

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_known: Final[dict[tuple[str, str, str], int]] = {}
_said: Final[dict[str, bytes]] = {}
_known_lock: Final = threading.Lock()


class PostgresReading:
    """A reading connection to the trial that a link leads to; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._link = link_at(path)
        self.address = Address(self._link.url, self._link.trial)
        self._held: Connection | None = None
        self._key: int = key_of(self._link) or self._ask(lambda db: trial_key(db, self._link, self.path))

    def execute(self, statement: str, values: tuple[SQLiteValue, ...] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a query of a reader. Raises OperationalError, LedgerFileError."""
        try:
            if statement == "BEGIN":
                return self._begin()
            if statement == "ROLLBACK":
                return self._end()
            if self._held is not None:
                return _run(self._held, statement, values)
        except (psycopg.Error, PoolTimeout) as error:
            raise translated(error, self.path) from None
        found: psycopg.Cursor[tuple[Any, ...]] = self._ask(lambda db: _chosen(db, self._key, statement, values))
        return found

    def close(self) -> None:
        """Give the connection back."""
        if self._held is not None:
            held, self._held = self._held, None
            try:
                held.rollback()
            except psycopg.Error:
                held.close()
            self._pool.putconn(held)
            holding(self._thread, -1)

    def _begin(self) -> psycopg.Cursor[tuple[Any, ...]]:
        self.close()
        self._pool, self._thread = self.address.pool(), threading.get_ident()
        held = self._pool.getconn()
        try:
            # One way to the server for all of it; the number of the trial is ours.
            cursor = held.execute(f"{_BEGIN}; SELECT set_config('trial_ledger.trial', '{self._key}', true)".encode())
        except BaseException:
            self._pool.putconn(held)
            raise
        self._held = held
        holding(self._thread, 1)
        return cursor

    def _end(self) -> psycopg.Cursor[tuple[Any, ...]]:
        cursor = psycopg.Cursor[Any](self._held) if self._held is not None else None
        self.close()
        return cursor  # type: ignore[return-value]  # nobody fetches what a ROLLBACK gives

    def _ask(self, question: Any) -> Any:
        try:
            with self.address.pool().connection() as db:
                return question(db)
        except (psycopg.Error, PoolTimeout) as error:
            raise translated(error, self.path) from None


def open_sizes(address: Address) -> dict[str, int]:
    """How many entries the open book of each trial of a database has, by its name there. Raises StorageError."""
    said = "SELECT t.name, b.size FROM trial_ledger.trial t JOIN open_book.book b ON b.trial = t.trial"
    try:
        with address.pool().connection() as db:
            return dict(db.execute(said.encode()).fetchall())
    except (psycopg.Error, PoolTimeout) as error:
        raise translated(error, address) from None


def link_at(path: Path) -> Link:
    """The link that lies there. Raises LedgerFileError."""
    try:
        link = read_link(path)
    except (LinkError, OSError) as error:
        raise LedgerFileError(f"{path}: {error}") from None
    if link is None:
        raise LedgerFileError(f"{path}: is no link to a ledger in PostgreSQL")
    return link


def key_of(link: Link) -> int | None:
    """The number of the link's trial, where it was looked up before. (It is never given to another one.)"""
    return _known.get((link.url, link.trial, link.origin))


def trial_key(db: Connection, link: Link, path: Path) -> int:
    """The number of the link's trial in its database. Raises LedgerFileError where it is not there, or another one."""
    check_revision(db, path)
    found = db.execute(
        "SELECT t.trial, b.origin FROM trial_ledger.trial t JOIN open_book.book b ON b.trial = t.trial "
        "WHERE t.name = %s",
        (link.trial,),
    ).fetchone()
    if found is None:
        raise LedgerFileError(f"{path}: the database has no trial {link.trial}")
    if found[1] != link.origin:
        raise LedgerFileError(
            f"{path}: the database has another ledger under the name {link.trial} (its origin is {found[1]})"
        )
    with _known_lock:
        _known[link.url, link.trial, link.origin] = int(found[0])
    return int(found[0])


def _chosen(
    db: Connection, key: int, statement: str, values: tuple[SQLiteValue, ...]
) -> psycopg.Cursor[tuple[Any, ...]]:
    db.execute(f"SET trial_ledger.trial = '{key}'".encode())
    return _run(db, statement, values)


def _run(db: Connection, statement: str, values: tuple[SQLiteValue, ...]) -> psycopg.Cursor[tuple[Any, ...]]:
    words = _said.get(statement)
    if words is None:
        said = statement.replace("CAST(? AS BLOB)", "convert_to(?::text, 'UTF8')").replace("%", "%%")
        words = _said[statement] = said.replace("?", "%s").encode()
    cursor = db.cursor(binary=True)
    return cursor.execute(words, values or None)
