"""Addresses and connections: which database, whose ledger in it, and what a connection needs to be safe.

1. An address is a URL of libpq with the name of the trial: `postgresql://host/database?trial=NAME`. Passwords come from
   a password file (`~/.pgpass`), a service file or the environment: a URL is seen in the list of processes.
2. A connection that is lost is noticed: keepalives, and a bound on how long sent data may stay unacknowledged.
3. Connections for reading are pooled, at most `TRIAL_LEDGER_POOL` of them (8) for a URL: so that all processes together
   stay below the server's `max_connections`. A process that records has one more for each trial. Who holds one and
   needs another takes it from a second pool, as large: so those who hold one never wait for each other.
"""

import atexit
import os
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from eventsourcing.persistence import DatabaseError, IntegrityError, OperationalError
from psycopg import conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from ledger.proof.ledger_file import LedgerFileError

Connection = psycopg.Connection[tuple[Any, ...]]

REVISION: Final = "0004"
"""What the tables and functions of the database have to be (`migrations/versions`)."""
OLDEST: Final = 130_000
"""The oldest PostgreSQL that is still maintained has all that is used (`sha256`, from 11 on)."""
SCHEMES: Final = ("postgresql://", "postgres://")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SETTINGS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "trial-ledger",
}
_POOL_SECONDS: Final = 30.0
_LOCK_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of a database, without `trial`, and the name of the ledger in it ("" where the URL does not say)."""

    url: str
    trial: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises LedgerFileError for what is no such URL, or holds a password."""
        try:
            parts = urlsplit(text)
            asked = parse_qsl(parts.query, keep_blank_values=True)
            # as %20, since libpq does not read "+" as a space
            kept = urlencode([pair for pair in asked if pair[0] != "trial"], quote_via=quote)
            url = urlunsplit((parts.scheme, parts.netloc, parts.path, kept, ""))
            if not parts.netloc:  # urlunsplit leaves the slashes out, without which libpq does not know it for a URL
                url = f"{parts.scheme}://{url.removeprefix(f'{parts.scheme}:').removeprefix('//')}"
            known = conninfo.conninfo_to_dict(url)
        except (ValueError, psycopg.Error):
            raise LedgerFileError("this is no URL of PostgreSQL (postgresql://host/database?trial=NAME)") from None
        if known.get("password"):
            raise LedgerFileError(
                "the URL holds a password, which everybody here can see: keep it in ~/.pgpass or in PGPASSWORD"
            )
        trial = dict(asked).get("trial", "")
        if trial and not NAME.fullmatch(trial):
            raise LedgerFileError(f"trial={trial[:100]}: is no name of a trial (letters, digits, dots and hyphens)")
        return cls(url, trial)

    def __str__(self) -> str:
        known = conninfo.conninfo_to_dict(self.url)
        return f"postgresql://{known.get('host', '')}/{known.get('dbname', '')}"

    def connect(self, **settings: Any) -> Connection:
        """A connection in which each statement is a transaction, unless one is begun. Raises OperationalError."""
        try:
            return psycopg.connect(self._info(), autocommit=True, **settings)
        except psycopg.Error as error:
            raise translated(error, self) from None

    def connect_dbapi(self) -> Connection:
        """The same as SQLAlchemy wants it."""
        return psycopg.connect(self._info())

    def pool(self) -> "ConnectionPool[Connection]":
        """The connections for reading, of this process; for whoever holds some already, those of the next pool."""
        with _pools_lock:
            place = os.getpid(), self.url, _held[threading.get_ident()]
            pool = _pools.get(place)
            if pool is None:
                pool = _pools[place] = ConnectionPool(
                    self._info(), min_size=0, max_size=_most(), timeout=_POOL_SECONDS, max_idle=300,
                    kwargs={"autocommit": True}, configure=_for_reading, open=True, name=str(self),
                    check=ConnectionPool.check_connection, reconnect_timeout=_SETTINGS["connect_timeout"],
                )  # fmt: skip
            return pool

    def _info(self) -> str:
        known = conninfo.conninfo_to_dict(self.url)
        return conninfo.make_conninfo(**{**_SETTINGS, **known})


_pools: Final[dict[tuple[int, str, int], "ConnectionPool[Connection]"]] = {}
_held: Final[Counter[int]] = Counter()
"""How many connections of pools each thread holds."""
_pools_lock: Final = threading.Lock()


def _most() -> int:
    said = os.environ.get("TRIAL_LEDGER_POOL", "8")
    if not re.fullmatch("[1-9][0-9]{0,3}", said):
        raise LedgerFileError(f"TRIAL_LEDGER_POOL: {said[:40]!r} is no number of connections (1 to 9999)")
    return int(said)


def holding(thread: int, more: int) -> None:
    """A thread has taken a connection of a pool (1), or one that it took was given back (-1)."""
    with _pools_lock:
        _held[thread] += more
        if not _held[thread]:
            del _held[thread]


@atexit.register
def close_pools() -> None:
    """Close what this process holds open for reading."""
    with _pools_lock:
        for place in list(_pools):
            pool = _pools.pop(place)
            if place[0] == os.getpid():
                pool.close(timeout=2)


def _for_reading(db: Connection) -> None:
    """Whoever may read the sealed book sees its tables too; others see the open book as if there were no other."""
    (sealed,) = db.execute("SELECT has_schema_privilege('sealed_book', 'USAGE')").fetchone() or (False,)
    schemas = "sealed_book, open_book, trial_ledger" if sealed else "open_book, trial_ledger"
    db.execute(f"SET search_path = {schemas}".encode())
    db.execute("SET default_transaction_read_only = on")


def for_writing(db: Connection) -> None:
    """That an acknowledged append is durable, here and (where there are standbys to wait for) on one of them."""
    db.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'".encode())
    # As strict as the server has been set, but never below: what is acknowledged is on disk, on a standby too.
    db.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
    )


def check_revision(db: Connection, where: object) -> None:
    """Start-up only looks whether the database is what it has to be. Raises LedgerFileError, saying what to do."""
    try:
        found = db.execute("SELECT version_num FROM trial_ledger.version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        found = None
    except psycopg.errors.InsufficientPrivilege:
        raise LedgerFileError(
            f"{where}: this user has none of the roles of the database; see docs/postgresql.md"
        ) from None
    if found is None:
        raise LedgerFileError(f"{where}: has no ledgers yet; make the tables: trial-ledger database migrate URL")
    if found[0] < REVISION:
        raise LedgerFileError(
            f"{where}: has revision {found[0]}, and this version needs {REVISION}: trial-ledger database migrate URL"
        )
    if found[0] > REVISION:
        raise LedgerFileError(
            f"{where}: has revision {found[0]}; this version knows up to {REVISION}: install a newer one"
        )


def translated(error: Exception, where: object) -> Exception:
    """An error of the server or of the way to it as one of ours, in words that say what to do."""
    if not isinstance(error, psycopg.Error | PoolTimeout):
        return error
    said = str(error).strip().partition("\n")[0]
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return IntegrityError(said)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return OperationalError(f"{where}: this user may not do that ({said})")
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return OperationalError(f"{where}: cannot be written: it is a standby, or set to read only")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return OperationalError(f"{where}: another process held the ledger for over {_LOCK_SECONDS} s")
    if isinstance(error, psycopg.errors.DiskFull):
        return OperationalError(f"{where}: the disk is full; nothing was recorded by this")
    if isinstance(error, PoolTimeout):
        return OperationalError(f"{where}: cannot be reached, or all connections are in use ({said})")
    if isinstance(error, psycopg.OperationalError) or state[:2] in ("08", "57", "40", "53", "55"):
        return OperationalError(f"{where}: {said}")
    return DatabaseError(f"{where}: {said}")
