"""The data keys, wrapped, in `<ledger>.keys/data-keys.db`, and the key-encryption keys that open them.

1. Each key is one row: its name, the id of the key-encryption key, the wrapped bytes. A destroyed one leaves its row
   without bytes: a tombstone, so that the name is never given a key again.
2. What is written is durable before it is used (rollback journal, synchronous=EXTRA), and decided under the lock of
   the database: of several processes that make a key at once, the first wins, and the others are given its key.
3. What is deleted is overwritten (secure_delete), and the file is written anew after a destruction or a rotation
   (`VACUUM`): pages that SQLite has split may hold a copy of a row. That this is due is part of the same transaction,
   so that an interruption delays it until the next opening.
4. Names are in the clear: `section/identity/subject/S-1` says that a subject has a name, as the open book does too. A
   subject has an `arm` key from the time of its randomisation, treated or not, so it tells no arm either.
5. A key-encryption key is known by its id. A rotation lays the new one beside the old (`<kind>.kek.new`), changes all
   rows in one transaction, and then moves it into its place: `settle` goes on wherever that was interrupted, under the
   lock of the database, and is the same code that ends a rotation.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw

from ledger.keys.folder import DestroyedKeyError, KeysError, keys_folder, move, remove, require_private, write_new
from ledger.keys.kek import KINDS, Kek, incoming_file, kek_file, read_kek, wrapping_aad

DATABASE: Final = "data-keys.db"
_APPLICATION_ID: Final = 0x544C4B59  # "TLKY"
_FORMAT: Final = 1
_BUSY_MILLISECONDS: Final = 60_000
_TRUSTED_SECONDS: Final = 0.05
"""How long what is in memory is used before it is asked whether another process has destroyed some of it."""
_SCHEMA: Final = (
    "CREATE TABLE kek (kind TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE key (name TEXT PRIMARY KEY, kind TEXT NOT NULL, kek TEXT NOT NULL, wrapped BLOB) STRICT",
    "CREATE TABLE scrub_due (one INTEGER PRIMARY KEY, times INTEGER NOT NULL) STRICT",
)
_SET_KEK: Final = "INSERT OR REPLACE INTO kek (kind, id) VALUES (?, ?)"
_PUT: Final = "INSERT OR REPLACE INTO key (name, kind, kek, wrapped) VALUES (?, ?, ?, ?)"
_ATTEMPTS: Final = 3
_Row: TypeAlias = tuple[str, str, bytes | None]
"""Of a key: its kind, the id of the key-encryption key, the wrapped bytes."""


class KeyStore:
    """The keys of one ledger. Safe for several threads, and several processes."""

    def __init__(self, ledger: Path, forget: Callable[[], None]) -> None:
        self.folder = keys_folder(ledger)
        self._forget = forget
        self._lock = threading.RLock()
        self._cache: dict[str, bytes] = {}
        self._keks: dict[str, Kek] = {}  # by kind
        self._trusted_until = 0.0
        self._data_version = 0
        path = self.folder / DATABASE
        try:
            require_private(self.folder)
            require_private(path)
            for kind in KINDS:
                if kek_file(self.folder, kind).exists():
                    require_private(kek_file(self.folder, kind))
        except FileNotFoundError:
            raise KeysError(f"{path}: the keys of this ledger are not here; nothing can be recorded without") from None
        except OSError as error:
            raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
        self._db = _connect(path)
        try:
            with suppress(KeysError):  # where its token is not to be had now, what is left is left for later
                self.settle()
            for kind in KINDS:
                self.kek(kind)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file, and of all keys in memory."""
        with self._lock:
            self._cache.clear()
            self._forget()
            self._keks.clear()
            self._db.close()

    # -- keys --------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> bytes | None:
        """The key of that name; None where it was never made, was destroyed, or its key-encryption key is not here."""
        if time.monotonic() < self._trusted_until and (key := self._cache.get(name)) is not None:
            return key
        with self._lock:
            self._drop_destroyed()
            if (key := self._cache.get(name)) is not None:
                return key
            row = self._row(name)
            return None if row is None else self._opened(name, row)

    def make(self, name: str, kind: str, value: Callable[[], bytes]) -> bytes:
        """The key of that name, or a new one, durable. Raises DestroyedKeyError, KeysError."""
        if (key := self.get(name)) is not None:
            return key
        with self._lock:
            with self.writing():
                made = self._made(name, kind, value)
            self._cache[name] = made  # after the commit: what is not durable is not used
            return made

    def _made(self, name: str, kind: str, value: Callable[[], bytes]) -> bytes:
        row = self._row(name)
        if row is not None and row[2] is None:
            raise destroyed_error(self.folder, name)
        kek = self.kek(kind)
        if kek is None:
            raise self.not_here(kind)
        if row is None:
            key = value()
            self._put(name, kind, kek, key)
            return key
        return self._unwrapped(name, kek, *row[1:])

    def _put(self, name: str, kind: str, kek: Kek, key: bytes) -> None:
        self._do(_PUT, name, kind, kek.id, kek.wrap(wrapping_aad(name), key))

    def destroyed(self, name: str) -> bool:
        """Whether there is a tombstone of that name."""
        with self._lock:
            row = self._row(name)
        return row is not None and row[2] is None

    def destroy(self, name: str, kind: str) -> None:
        """Destroy a key, whether it was ever made or not, and leave its tombstone. May be done again."""
        with self.writing():
            self._do("INSERT OR IGNORE INTO key (name, kind, kek, wrapped) VALUES (?, ?, '', NULL)", name, kind)
            self._do("UPDATE key SET kek = '', wrapped = NULL WHERE name = ?", name)
            self._scrub_due()
        self._evict([name])
        self.scrub()

    # -- key-encryption keys -----------------------------------------------------------------------------------------

    def kek(self, kind: str) -> Kek | None:
        """The key-encryption key in force; None where it is not here.

        Raises KeysError where another lies in its place.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                wanted = self.kek_id(kind)
                if kind in self._keks and self._keks[kind].id == wanted:
                    return self._keks[kind]
                files = [kek_file(self.folder, kind), incoming_file(self.folder, kind)]
                for path in files:
                    found = read_kek(path)
                    if found is not None and found.id == wanted:
                        self._keks[kind] = found
                        return found
                if not any(path.exists() for path in files):
                    return None
                if attempt == 0:
                    with suppress(KeysError):
                        self.settle()  # waits until a rotation that is going on in another process has ended
        raise KeysError(f"{files[0]}: is not the key-encryption key under which the keys of this ledger are wrapped")

    def kek_id(self, kind: str) -> str:
        """The id of the key-encryption key in force."""
        rows = self._do("SELECT id FROM kek WHERE kind = ?", kind)
        if not rows:
            raise KeysError(f"{self.folder / DATABASE}: names no key-encryption key of kind {kind}")
        return str(rows[0][0])

    def rewrap(self, kind: str, old: Kek, new: Kek) -> int:
        """Put a key-encryption key in force, inside a transaction: wrap all keys of its kind under it; how many."""
        rows = self._do("SELECT name, kek, wrapped FROM key WHERE kind = ? AND wrapped IS NOT NULL", kind)
        for name, kek_id, wrapped in rows:
            self._put(name, kind, new, self._unwrapped(name, old, kek_id, wrapped))
        self._do(_SET_KEK, kind, new.id)
        self._scrub_due()
        return len(rows)

    def not_here(self, kind: str) -> KeysError:
        """What to raise where a key-encryption key is needed."""
        return KeysError(f"{kek_file(self.folder, kind)}: this key-encryption key is not here, and is needed for this")

    def settle(self) -> None:
        """End what was left to do by a rotation, a destruction, or a process that was killed in a transaction."""
        if self._db.readonly("main"):
            return
        if any(incoming_file(self.folder, kind).exists() for kind in KINDS):
            with self.writing():
                for kind in KINDS:
                    self.settle_kind(kind)
        journal = self.folder / f"{DATABASE}-journal"
        if journal.exists():
            with self.writing():
                if journal.exists():  # not that of another process, which would have the lock, and nothing to roll back
                    self._scrub_due()  # but copies of pages, which go with the journal of the next transaction
        self.scrub()

    def settle_kind(self, kind: str) -> None:
        """End what a rotation left to do, inside a transaction: the old key-encryption key destroyed, the new one in
        its place. One that was not committed is undone.
        """
        incoming, standing, wanted = incoming_file(self.folder, kind), kek_file(self.folder, kind), self.kek_id(kind)
        new, old = read_kek(incoming), read_kek(standing)
        if not incoming.exists():
            return
        if new is not None and new.id == wanted:
            if old is not None and old.id != wanted:
                old.destroy()  # in a token: first, while the file still says where it is
            remove(standing)
            move(incoming, standing)
        elif old is not None and old.id == wanted:
            if new is not None:
                new.destroy()
            remove(incoming)

    # -- the database ------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that holds the lock of the database from its beginning."""
        with self._lock:
            self._do("BEGIN IMMEDIATE")
            try:
                yield
                self._do("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _scrub_due(self) -> None:
        self._do("INSERT INTO scrub_due VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET times = times + 1")

    def scrub(self) -> None:
        """Write the file anew where that is due, so that no page keeps what was deleted."""
        with self._lock:
            if due := self._do("SELECT times FROM scrub_due"):
                self._do("VACUUM")
                self._do("DELETE FROM scrub_due WHERE times = ?", *due[0])  # unless it is due again by now

    def _row(self, name: str) -> _Row | None:
        rows = self._do("SELECT kind, kek, wrapped FROM key WHERE name = ?", name)
        return rows[0] if rows else None

    def _opened(self, name: str, row: _Row) -> bytes | None:
        for _ in range(_ATTEMPTS):
            kek = self.kek(row[0])
            if row[2] is None or kek is None:
                return None
            if kek.id == row[1]:
                break
            row = self._row(name) or row  # rotated since the row was read
        else:
            raise KeysError(f"{self.folder / DATABASE}: {name} is wrapped by {row[1]}, which is not in force")
        return self._cache.setdefault(name, self._unwrapped(name, kek, *row[1:]))

    def _unwrapped(self, name: str, kek: Kek, kek_id: str, wrapped: bytes | None) -> bytes:
        key = None if wrapped is None or kek.id != kek_id else kek.unwrap(wrapping_aad(name), wrapped)
        if key is None:
            raise KeysError(f"{self.folder / DATABASE}: {name} does not open under the key-encryption key {kek.id}")
        return key

    def forget_destroyed(self) -> None:
        """Forget at once the keys that others have destroyed, and not only when it is asked next."""
        with self._lock:
            self._drop_destroyed()

    def _drop_destroyed(self) -> None:
        """Forget the keys that another process has destroyed since."""
        version = self._do("PRAGMA data_version")[0][0]
        if version != self._data_version:
            self._data_version = version
            self._evict([name for (name,) in self._do("SELECT name FROM key WHERE wrapped IS NULL")])
        self._trusted_until = time.monotonic() + _TRUSTED_SECONDS

    def _evict(self, names: list[str]) -> None:
        if [name for name in names if self._cache.pop(name, None) is not None]:
            self._forget()

    def _do(self, statement: str, *values: str | bytes | int) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise KeysError(f"{self.folder / DATABASE}: {type(error).__name__}: {error}") from None


def destroyed_error(folder: Path, name: str) -> DestroyedKeyError:
    """What to raise where a destroyed key is needed."""
    return DestroyedKeyError(f"{folder}: {name} was destroyed; what it sealed is erased for good")


def create_database(folder: Path, keks: dict[str, Kek], keys: dict[str, tuple[str, bytes]]) -> None:
    """The database of data keys with its first keys (name -> kind, key), whole or empty. Raises FileExistsError."""
    path = folder / DATABASE
    write_new(path, b"")  # made by us, so that it has mode 600 from its beginning, and its journals after it
    db = _connect(path, new=True)
    try:
        with db:
            for statement in _SCHEMA:
                db.execute(statement)
            for kind, kek in keks.items():
                db.execute(_SET_KEK, (kind, kek.id))
            for name, (kind, key) in keys.items():
                db.execute(_PUT, (name, kind, keks[kind].id, keks[kind].wrap(wrapping_aad(name), key)))
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {_FORMAT}")
    except apsw.Error as error:
        raise KeysError(f"{path}: cannot be written ({type(error).__name__}: {error})") from None
    finally:
        db.close()


def _connect(path: Path, *, new: bool = False) -> apsw.Connection:
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        db.set_busy_timeout(_BUSY_MILLISECONDS)
        db.pragma("journal_mode", "DELETE")
        db.pragma("synchronous", "EXTRA")
        db.pragma("secure_delete", "ON")
        db.pragma("temp_store", "MEMORY")  # no copy of a key in a folder for temporary files
        if not new and (db.pragma("application_id"), db.pragma("user_version")) != (_APPLICATION_ID, _FORMAT):
            raise KeysError(f"{path}: is no database of data keys of format {_FORMAT}")
    except apsw.Error as error:
        raise KeysError(f"{path}: cannot be opened ({type(error).__name__}: {error})") from None
    return db
