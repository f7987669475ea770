"""Where the trials of a server lie: files, and databases that a placement file names.

    [databases]
    eu-1 = "postgresql://trials@eu-1.example/trials"

    [databases.eu-2]
    url = "postgresql://trials@eu-2.example/trials"
    replica = "postgresql://trials@eu-2-read.example/trials"    # views and pages are folded from there
    all = true                                                  # every trial that the database has is served

    [trials]
    BALMYS-19 = "eu-1"
    PILOT-2 = { database = "eu-2", trial = "PILOT-2b" }         # its name there, where that is another

1. What a placement may not hold is refused at the start, with file, field and rule; no database is asked for that.
2. Whether a database can be reached is asked before it is used, with a short patience, and the answer is kept for a
   moment: one that is down makes its own trials answer 503 at once, and holds up nobody else.
3. A trial is told by its name on the server. A name that two databases with `all` have is placed nowhere, until a line
   says where: recording in one of two copies would fork it.
4. A replica has a link of its own beside that of the trial (`<link>.replica`), and views of its own: they are of
   another position. Keys, evidence and whatever is recorded belong to the trial's own link.
"""

import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.server.settings import NAME, SettingsError, located
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, read_link
from ledger.recording.engine import StorageError

if TYPE_CHECKING:
    from ledger.recording.postgres.connecting import Address

GOOD_SECONDS: Final = 1.0
"""How long a database that answered is taken to answer still."""
BAD_SECONDS: Final = 5.0
"""After how long one that did not is asked again."""
PATIENCE: Final = 3
"""Seconds within which it has to take a connection."""
_FIELDS: Final = frozenset({"url", "replica", "all"})
_OF_TRIAL: Final = frozenset({"database", "trial"})


class UnreachableError(StorageError):
    """The database of a trial cannot be reached now, or it is not known in which it lies; nothing was done."""


class Database:
    """A database of a placement. Safe for several threads."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        replica: str | None = None,
        all: bool = False,
        now: Callable[[], float] = time.monotonic,
        good: float = GOOD_SECONDS,
        bad: float = BAD_SECONDS,
    ) -> None:
        """`now`: seconds that never run backwards; `good`, `bad`: how long an answer is kept (rule 2)."""
        self.name = name
        self.url = url
        self.all = all
        self.replica = None if replica is None else Database(f"{name}, replica", replica, now=now, good=good, bad=bad)
        self._now = now
        self._kept = (good, bad)
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._why: str | None = None

    def reach(self) -> None:
        """Raises UnreachableError where it cannot be reached (rule 2)."""
        with self._lock:
            if self._now() >= self._until:
                self._why = self._asked()
                self._until = self._now() + self._kept[self._why is not None]
            why = self._why
        if why is not None:
            raise UnreachableError(f"database {self.name}: {why}")

    def address(self, trial: str = "") -> "Address":
        """Where a trial of it lies."""
        from ledger.recording.postgres.connecting import Address

        return Address(self.url, trial)

    def trials(self) -> list[str]:
        """The names of the trials that it has. Raises StorageError, LedgerFileError."""
        from ledger.recording.postgres.creating import names_in

        self.reach()
        return names_in(self.address())

    def sizes(self) -> dict[str, int]:
        """How many open entries each of its trials has, by the name there. Raises StorageError."""
        from ledger.recording.postgres.reading import open_sizes

        self.reach()
        return open_sizes(self.address())

    def _asked(self) -> str | None:
        try:
            with closing(self.address().connect(connect_timeout=PATIENCE)) as db:
                db.execute("SELECT")
        except (StorageError, OSError) as error:
            return str(error)
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trial lies: a file or a link at `path`; `database`, and the name in it, where that is to be asked."""

    path: Path
    database: Database | None = None
    trial: str = ""
    placed: bool = False
    """A placement says so, or a database has it: one of many, which is no part of the server's own health."""

    def reach(self) -> None:
        """Make sure that the ledger can be opened at `path`. Raises UnreachableError, StorageError, LedgerFileError."""
        if self.database is None:
            return
        self.database.reach()
        if not self.path.exists():
            from ledger.recording.postgres.creating import linked

            linked(self.database.address(self.trial))

    def looked_at(self) -> Path:
        """Where views are read: the link to the replica, if there is one that answers; else where they are recorded."""
        replica = None if self.database is None else self.database.replica
        if replica is None:
            return self.path
        try:
            replica.reach()
            return self._linked(replica)
        except (StorageError, LedgerFileError, OSError):
            return self.path

    def _linked(self, replica: Database) -> Path:
        beside, own = self.path.with_name(f"{self.path.name}.replica"), read_link(self.path)
        if own is None:
            raise LedgerFileError(f"{self.path}: is no link to a ledger in PostgreSQL")
        wanted = Link(replica.url, own.trial, own.origin)
        if read_link(beside) != wanted:
            from ledger.recording.postgres.creating import put_link

            with _linking:
                beside.unlink(missing_ok=True)
                put_link(beside, wanted)
        return beside


_linking: Final = threading.Lock()


class Nowhere(Database):
    """Where a trial is of which it is not known in which database it lies (rule 3)."""

    def reach(self) -> None:
        raise UnreachableError(f"{self.name}: several databases have it; a line under [trials] has to say which one")


@dataclass(frozen=True, slots=True)
class Placement:
    """A placement file: databases by name; for each trial that has a line, the database and the name in it."""

    databases: Mapping[str, Database]
    trials: Mapping[str, tuple[Database, str]]

    def places(self) -> dict[str, Place]:
        """Where the trials lie that have a line."""
        return {name: place_in(database, trial) for name, (database, trial) in self.trials.items()}

    @property
    def whole(self) -> tuple[Database, ...]:
        """The databases all of whose trials are served."""
        return tuple(one for one in self.databases.values() if one.all)


def place_in(database: Database, trial: str) -> Place:
    """Where a trial of a database lies. No database is asked."""
    from ledger.recording.postgres.creating import place_of

    return Place(place_of(database.address(trial)), database, trial, placed=True)


def place_at(name: str, where: Path | str) -> Place:
    """Where a trial of the settings lies, by a file or a URL (whose trial is `name` where it does not say)."""
    if isinstance(where, Path):
        return Place(where)
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.creating import place_of

    parsed = Address.parse(where)
    address = Address(parsed.url, parsed.trial or name)
    return Place(place_of(address), Database(name, address.url), address.trial)


def load(path: Path, now: Callable[[], float] = time.monotonic) -> Placement:
    """The placement of a file. Raises SettingsError."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: must be UTF-8") from None
    return parsed(text, str(path), now)


def parsed(text: str, where: str, now: Callable[[], float] = time.monotonic) -> Placement:
    """The same, of a text that was read at `where`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is no TOML: {error}") from None
    for name in sorted(tables.keys() - {"databases", "trials"}):
        raise SettingsError(f"{where}: {name}: there are [databases] and [trials], and nothing else")
    given = tables.get("databases")
    if not isinstance(given, dict) or not given:
        raise SettingsError(f"{where}: databases: must be a table with at least one database")
    databases = {name: _database(name, value, f"{where}: databases.{name}", now) for name, value in given.items()}
    placed = tables.get("trials", {})
    if not isinstance(placed, dict):
        raise SettingsError(f"{where}: trials: must be a table of trials, each with the name of its database")
    trials = {name: _trial(name, value, f"{where}: trials.{name}", databases) for name, value in placed.items()}
    if not trials and not any(one.all for one in databases.values()):
        raise SettingsError(f"{where}: trials: none is named, and no database has all = true")
    lying: dict[tuple[str, str], str] = {}
    for name, (database, trial) in trials.items():
        if (other := lying.setdefault((database.name, trial), name)) != name:
            raise SettingsError(f"{where}: trials.{name}: is the trial that {other} is: {trial} of {database.name}")
    return Placement(databases, trials)


def _database(name: str, value: Any, where: str, now: Callable[[], float]) -> Database:
    if not NAME.fullmatch(name):
        raise SettingsError(f"{where}: a database's name is 1 to 64 letters, digits, '.', '_' and '-'")
    table = {"url": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: must be a URL of PostgreSQL, or a table with url")
    for field in sorted(table.keys() - _FIELDS):
        raise SettingsError(f"{where}.{field}: there is no such field; there are {', '.join(sorted(_FIELDS))}")
    every = table.get("all", False)
    if not isinstance(every, bool):
        raise SettingsError(f"{where}.all: must be true or false")
    replica = None if "replica" not in table else _url(table["replica"], f"{where}.replica")
    if "url" not in table:
        raise SettingsError(f"{where}.url: must be there, as a URL of PostgreSQL (postgresql://host/database)")
    return Database(name, _url(table["url"], f"{where}.url"), replica=replica, all=every, now=now)


def _url(value: Any, where: str) -> str:
    try:
        address = located(value) if isinstance(value, str) else None
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from None
    if address is None:
        raise SettingsError(f"{where}: must be a URL of PostgreSQL (postgresql://host/database)")
    if address.trial:
        raise SettingsError(f"{where}: names a trial; which trials lie there stands under [trials]")
    return address.url


def _trial(name: str, value: Any, where: str, databases: Mapping[str, Database]) -> tuple[Database, str]:
    if not NAME.fullmatch(name):
        raise SettingsError(f"{where}: a trial's name is 1 to 64 letters, digits, '.', '_' and '-'")
    table = {"database": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: must be the name of a database, or a table with database and trial")
    for field in sorted(table.keys() - _OF_TRIAL):
        raise SettingsError(f"{where}.{field}: there is no such field; there are {', '.join(sorted(_OF_TRIAL))}")
    database = table.get("database")
    if not isinstance(database, str) or database not in databases:
        known = ", ".join(databases)
        raise SettingsError(f"{where}: database: there is no database {database!r}; there are {known}")
    trial = table.get("trial", name)
    if not isinstance(trial, str) or not NAME.fullmatch(trial):
        raise SettingsError(f"{where}: trial: must be the name of the trial in its database")
    return databases[database], trial
