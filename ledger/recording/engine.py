"""The database engine: connections with the settings that durability needs, and its errors in our words."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import apsw
from eventsourcing.persistence import DatabaseError, IntegrityError, OperationalError

from ledger.domain.vocabulary import Book
from ledger.proof.entry import GENESIS
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import is_link
from ledger.proof.schema import APPLICATION_ID, FORMAT, STATEMENTS
from ledger.proof.tree import Frontier

SQLiteValue: TypeAlias = str | bytes | int | float | None

StorageError: TypeAlias = DatabaseError
"""Whatever the disk, the lock or the engine refused: nothing of the append was recorded."""


class Rows(Protocol):
    """What a query gives."""

    def fetchall(self) -> list[Any]: ...


class Reading(Protocol):
    """A connection that can only read: to a file, or to PostgreSQL, where tables and columns have the same names."""

    def execute(self, statement: str, values: tuple[SQLiteValue, ...] = (), /) -> Rows: ...

    def close(self) -> None: ...


SAFE_SQLITE: Final = (3, 51, 3)
BUSY_MILLISECONDS: Final = 60_000
_CHECKPOINT_PAGES: Final = 4000  # 16 MB of log: the pages that each append writes again are copied back less often


def require_safe_sqlite(version: str) -> None:
    """Refuse an SQLite whose write-ahead log can lose commits (the WAL-reset bug, mended in 3.51.3)."""
    if tuple(int(number) for number in version.split(".")[:3]) < SAFE_SQLITE:
        wanted = ".".join(map(str, SAFE_SQLITE))
        raise LedgerFileError(
            f"SQLite {version} is too old: before {wanted} two connections in WAL mode can lose commits; "
            f"install an apsw that brings SQLite {wanted} or newer"
        )


def connect(path: Path, *, readonly: bool = False) -> apsw.Connection:
    """A connection to an existing database file, with the settings that durability needs."""
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
    try:
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.pragma("synchronous", "FULL")
        connection.wal_autocheckpoint(_CHECKPOINT_PAGES)
        # A stream's integer key is always one just read or just made; to look it up again costs 3 % of an append.
        connection.pragma("foreign_keys", "OFF")
    except apsw.Error as error:
        raise translated(error, path) from error
    return connection


def open_reading(path: Path) -> Reading:
    """A connection that can only read: to a ledger file, or where a link leads.

    A ledger on a read-only medium has no room for the shared memory of the write-ahead log; if it has no log
    either, nobody can be writing it, and it is read as it lies.
    """
    if is_link(path):
        from ledger.recording.postgres.reading import PostgresReading

        return PostgresReading(path)
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        try:
            fetch(connection, "SELECT count(*) FROM head")
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            log = path.with_name(path.name + "-wal")
            if log.exists() and log.stat().st_size:
                raise
            connection.close()
            connection = apsw.Connection(
                f"{path.absolute().as_uri()}?immutable=1",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            )
    except apsw.Error as error:
        raise translated(error, path) from error
    return connection


def fetch(connection: Reading, statement: str, values: Sequence[SQLiteValue] = ()) -> list[Any]:
    """All rows of a query, each a tuple."""
    return connection.execute(statement, tuple(values)).fetchall()


def translated(error: apsw.Error, path: Path) -> Exception:
    """An error of the engine as one of ours, in words that say what to do."""
    if isinstance(error, apsw.FullError):
        return OperationalError(f"{path}: the disk is full; nothing was recorded by this")
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError | apsw.CantOpenError):
        return OperationalError(f"{path}: cannot be written (read-only file, folder or disk)")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return OperationalError(f"{path}: another process held the ledger for over {BUSY_MILLISECONDS // 1000} s")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return LedgerFileError(f"{path}: the database is damaged ({error})")
    if isinstance(error, apsw.IOError):
        return OperationalError(f"{path}: the disk failed, or is full ({error}); nothing was recorded by this")
    if isinstance(error, apsw.ConstraintError):
        return IntegrityError(str(error))
    return DatabaseError(f"{path}: {error}")


def create_ledger(path: Path, origin: str, books: Iterable[Book] = Book) -> None:
    """Make an empty ledger file. It appears whole under its name, or not at all; an existing file is refused.

    `books`: what is restored without the sealed book has no head of it either.
    """
    require_safe_sqlite(apsw.sqlite_lib_version())
    if path.exists():
        raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    try:
        connection = apsw.Connection(str(draft))
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "FULL")
        with connection:
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", FORMAT)
            for statement in STATEMENTS:
                connection.execute(statement)
            for book in books:
                name = origin if book is Book.OPEN else f"{origin}/sealed"
                connection.execute(
                    "INSERT INTO head VALUES (?, ?, 0, ?, ?)",
                    (book.value, name, GENESIS, Frontier().to_bytes()),
                )
        connection.close()
        os.link(draft, path)  # unlike rename, refuses to replace a file that came in between
    except FileExistsError:
        raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten") from None
    except (apsw.Error, OSError) as error:
        raise LedgerFileError(f"{path}: cannot be created here ({error})") from None
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
