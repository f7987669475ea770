"""The file that keeps one audience's views: SQLite, disposable, never evidence.

Rules
- One table a view, `v_<name>` (key, i, the view's columns), and `position`: up to where each view is folded, by which
  code, and the heads of the ledger there. A view's rows and its position change in one transaction or not at all.
- The file says nothing that the ledger does not say. Delete it, and it is made again with the same tables.
- A file of another schema, or one that SQLite can't read, is emptied or replaced; it is never repaired.
- Rows that go are overwritten (secure_delete): what is erased must not be left in free pages. `scrub` brings the log
  into the file and cuts it to nothing; only then is what it held gone from the folder. What a disk or a backup keeps
  of blocks that were overwritten is beyond a program's reach.
- The unmasked file is for its owner alone (mode 600), and so is its log, which SQLite makes with the file's mode.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw

from projections.base import Audience, Stored, View

SCHEMA: Final = 1
_WAIT_MS: Final = 60_000
_UNREADABLE: Final = (apsw.NotADBError, apsw.CorruptError)

Contribution: TypeAlias = tuple[str, list[tuple[Any, ...]]]
"""A key, and the rows (in the order of the view's columns) that it contributes."""


class StoreUnavailableError(OSError):
    """The views can't be kept in a file here (no permission, read-only, full): answers are made in memory instead."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a view is folded. `code` names the view's version, columns and source."""

    code: str
    open_size: int
    open_head: str
    sealed_size: int | None
    sealed_head: str | None


class ViewStore:
    """One audience's file. Transactions are the caller's: `reading` and `writing`."""

    def __init__(self, path: Path, audience: Audience) -> None:
        self.path = path
        self.audience = audience
        try:
            self._connection = self._opened()
        except _UNREADABLE:
            _remove(path)
            try:
                self._connection = self._opened()
            except apsw.Error as error:
                raise StoreUnavailableError(f"{path}: {error}") from error
        except (apsw.Error, OSError) as error:
            raise StoreUnavailableError(f"{path}: {error}") from error

    def _opened(self) -> apsw.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.audience is Audience.UNMASKED:
            _for_the_owner(self.path)
        connection = apsw.Connection(str(self.path))
        try:
            connection.set_busy_timeout(_WAIT_MS)
            # One by one, and each read to its end: apsw stops at the first row, and runs nothing after it.
            for setting in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {setting}").fetchall()
            if self._schema(connection) != SCHEMA:
                connection.execute("BEGIN IMMEDIATE")
                if self._schema(connection) != SCHEMA:  # nobody else was faster
                    _empty(connection)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _schema(connection: apsw.Connection) -> Any:
        return connection.execute("PRAGMA user_version").get

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One snapshot, taken now."""
        with self._transaction("BEGIN"):
            self._connection.execute("SELECT view FROM position").fetchall()  # a snapshot begins with a read
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The one writer, from now on; committed at the end, undone by any exception."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        try:
            self._connection.execute(begin)
            try:
                yield
            except BaseException:
                with suppress(apsw.Error):  # SQLite has undone it already
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            with suppress(apsw.Error):
                self._connection.execute("ROLLBACK")
            if isinstance(error, _UNREADABLE):
                _remove(self.path)  # nothing is lost: the next to come makes it again
            raise StoreUnavailableError(f"{self.path}: {error}") from error

    def place(self, view: View) -> Place | None:
        """Where a view stands; None if it was never folded."""
        row = self._connection.execute(
            "SELECT code, open_size, open_head, sealed_size, sealed_head FROM position WHERE view = ?", (view.name,)
        ).fetchone()
        return None if row is None else Place(*row)

    def start_over(self, view: View) -> None:
        """Make the view's table anew, empty."""
        columns = "".join(f", {column.name} {column.type}" for column in view.columns(self.audience))
        self._connection.execute(
            f"DROP TABLE IF EXISTS {_table(view)};"
            f"CREATE TABLE {_table(view)} (key TEXT NOT NULL, i INTEGER NOT NULL{columns}, PRIMARY KEY (key, i)) "
            "STRICT, WITHOUT ROWID"
        )
        self._connection.execute("DELETE FROM position WHERE view = ?", (view.name,))

    def replace(self, view: View, contributions: Iterable[Contribution], *, fresh: bool) -> None:
        """Put each key's rows in place of those it had; `fresh` says that there are none."""
        marks = ", ?" * (2 + len(view.columns(self.audience)))
        insert = f"INSERT INTO {_table(view)} VALUES ({marks[2:]})"
        delete = f"DELETE FROM {_table(view)} WHERE key = ?"
        if fresh:
            self._connection.executemany(
                insert, ((key, i, *row) for key, rows in contributions for i, row in enumerate(rows))
            )
            return
        for key, rows in contributions:
            self._connection.execute(delete, (key,))
            self._connection.executemany(insert, ((key, i, *row) for i, row in enumerate(rows)))

    def settle(self, view: View, place: Place) -> None:
        """Write down where the view stands now."""
        self._connection.execute(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?)",
            (view.name, place.code, place.open_size, place.open_head, place.sealed_size, place.sealed_head),
        )

    def rows(self, view: View) -> Iterator[Stored]:
        """The stored rows, sorted by key, then as contributed."""
        names = ("key", *(column.name for column in view.columns(self.audience)))
        for row in self._connection.execute(f"SELECT {', '.join(names)} FROM {_table(view)} ORDER BY key, i"):
            yield dict(zip(names, row, strict=True))

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table with its rows, sorted: what two files are compared by."""
        names = [row[0] for row in self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            str(name): self._connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in sorted(map(str, names))
        }

    def clear(self) -> None:
        """Drop everything, within the transaction: other processes may have the file open, so it is not deleted."""
        _empty(self._connection)

    def scrub(self) -> None:
        """Leave nothing in file and log of what is not in the tables. Raises StoreUnavailableError while others read.

        Pages that were freed are zeros since then (secure_delete), as far as they are in the file; the log holds pages
        as they once were, and is emptied.
        """
        try:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        except apsw.Error as error:
            raise StoreUnavailableError(f"{self.path}: {error}") from error
        if busy:
            raise StoreUnavailableError(f"{self.path}: somebody reads the views; rebuild them again when nobody does")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def open_store(folder: Path, audience: Audience) -> "closing[ViewStore]":
    """The store of an audience in `folder`, closed at the end of a `with`. Raises StoreUnavailableError."""
    return closing(ViewStore(folder / audience.file_name, audience))


def _for_the_owner(path: Path) -> None:
    """Make the file, if it is not there, and let nobody else read it, if somebody could."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _table(view: View) -> str:
    return "v_" + view.name.replace("-", "_")


def _empty(connection: apsw.Connection) -> None:
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for name in names:
        connection.execute(f"DROP TABLE {name}")
    connection.execute(
        "CREATE TABLE position (view TEXT PRIMARY KEY, code TEXT NOT NULL, open_size INTEGER NOT NULL, "
        "open_head TEXT NOT NULL, sealed_size INTEGER, sealed_head TEXT) STRICT, WITHOUT ROWID"
    )
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _remove(path: Path) -> None:
    for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        name.unlink(missing_ok=True)
