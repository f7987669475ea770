"""Relations in SQLite files: `open.sqlite` for masked people, `unmasked/unmasked.sqlite` for who may see arms.

1. Each file is in WAL mode, and a refresh is one transaction: whoever reads goes on with what there was, and meets the
   new whole with the next transaction, without opening the file anew. A refresh that dies leaves nothing.
2. The two files beside it (`-wal`, `-shm`) stay when nobody has it open, for who may only read cannot make them.
3. The unmasked file lies in a folder of its own, which its owner alone can enter (mode 700; the file: 600): its size
   and the times at which it changes tell of the sealed book. The masked file is for its owner and group (640).
4. Numbers are REAL, days and moments text (ISO 8601), truth is 0 and 1, JSON is text.
"""

import ctypes
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import apsw

from api.publishing.publication import Publication, PublishError, TargetUnavailableError
from api.publishing.writing import stands_at, write
from ledger.keys.folder import sync_folder
from projections.base import Audience
from projections.sql.columns import Type
from projections.sql.relations import Relation
from projections.sql.rows import Row, Value
from projections.sql.statements import SQLITE, insert

OPEN: Final = "open.sqlite"
UNMASKED: Final = "unmasked/unmasked.sqlite"
_MODES: Final = {Audience.MASKED: (0o750, 0o640), Audience.UNMASKED: (0o700, 0o600)}
_BUSY_MILLISECONDS: Final = 30_000


class SqliteTarget:
    """A folder with the file of one audience. Its parent has to be there."""

    def __init__(self, folder: Path, audience: Audience) -> None:
        self.folder = folder
        self.audience = audience
        self.path = folder / (UNMASKED if audience is Audience.UNMASKED else OPEN)

    @property
    def name(self) -> str:
        return str(self.path)

    def prepare(self) -> None:
        """Make folder and file, and close both to others (rule 3). Raises PublishError."""
        folder_mode, mode = _MODES[self.audience]
        try:
            if not self.folder.exists():
                self.folder.mkdir(mode=_MODES[Audience.MASKED][0])
            if self.audience is Audience.UNMASKED:
                self.path.parent.mkdir(mode=folder_mode, exist_ok=True)
                _close(self.path.parent, folder_mode)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, mode))
            if self.audience is Audience.UNMASKED:
                _close(self.path, mode)
            sync_folder(self.path.parent)
        except OSError as error:
            raise TargetUnavailableError(f"{error.filename or self.path}: {error.strerror}") from None

    def stands_at(self, publication: Publication) -> bool:
        with self._transaction("DEFERRED") as db:
            return stands_at(_Database(db), publication)

    def refresh(self, publication: Publication) -> None:
        with self._transaction("IMMEDIATE") as db:
            write(_Database(db), publication)

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[apsw.Connection]:
        try:
            with closing(apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
                db.set_busy_timeout(_BUSY_MILLISECONDS)
                _keep_log(db)
                if db.pragma("journal_mode", "WAL") != "wal":
                    raise TargetUnavailableError(f"{self.path}: this file system has no write-ahead logs of SQLite")
                db.pragma("synchronous", "FULL")
                db.pragma("secure_delete", "ON")  # what is no longer published is no longer in the file
                db.execute(f"BEGIN {kind}")
                try:
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
                _empty_log(db)
        except apsw.NotADBError:
            raise PublishError(f"{self.path}: is no SQLite file, and is left as it is") from None
        except apsw.Error as error:
            raise TargetUnavailableError(f"{self.path}: {error}") from None


def _close(path: Path, mode: int) -> None:
    """A mode for its owner alone; where it has that already it is not touched, for when it was can be seen by all."""
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def _keep_log(db: apsw.Connection) -> None:
    """The log and its index stay when the last connection is closed (rule 2)."""
    keep = ctypes.c_int(1)
    db.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(keep))


def _empty_log(db: apsw.Connection) -> None:
    """What the log has goes into the file, and nothing stays in it, unless somebody is reading: then the next time."""
    db.set_busy_timeout(0)
    with suppress(apsw.BusyError):
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


class _Database:
    """A connection, as `writing.py` wants one."""

    mark = "?"
    types = SQLITE

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def execute(self, sql: str, values: Sequence[Value] = ()) -> None:
        self._db.execute(sql, tuple(values))

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, tuple(values)).fetchall()

    def load(self, relation: Relation, rows: Iterable[Row]) -> None:
        numbers = [place for place, column in enumerate(relation.columns) if column.type is Type.NUMBER]
        self._db.executemany(insert(relation, self.mark), (_with_numbers(row, numbers) for row in rows))

    def has(self, table: str) -> bool:
        return bool(self.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)))


def _with_numbers(row: Row, places: Sequence[int]) -> tuple[str | int | float | None, ...]:
    if not places:
        return row
    values: list[str | int | float | None] = list(row)
    for place in places:
        value = row[place]
        values[place] = None if value is None else float(value)
    return tuple(values)
