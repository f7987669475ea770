"""Reading a ledger file with apsw, whose rows come cheapest: read-only, and from one snapshot."""

from pathlib import Path
from typing import Any, Final

import apsw

from ledger.proof.entry import quote
from ledger.verifying.run import give_up

_LONGEST_VALUE: Final = 1 << 26
_HELD_NAMES: Final = 1 << 18
_AT_ONCE: Final = 64
NAMES: Final = "SELECT id, name FROM open_stream WHERE id >= ? AND id < ?"


def open_snapshot(path: Path) -> apsw.Connection:
    """A reading connection within a transaction. Raises apsw.Error.

    Read as `file_reader.py` reads it: a file on a read-only medium that has no log as it lies.
    """
    uri = path.absolute().as_uri()
    log = path.with_name(path.name + "-wal")
    try:
        return _begin(f"{uri}?mode=ro")
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if log.exists() and log.stat().st_size:
            raise
        return _begin(f"{uri}?mode=ro&immutable=1")


def _begin(uri: str) -> apsw.Connection:
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(60_000)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.pragma("query_only", True)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    return connection


class Names(dict[Any, str]):
    """Of each stream that was asked for, by its key: the members of an entry from `stream` to before the type's value.

    As many are held as a trial has; of more, some are read again.
    """

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._execute = connection.execute

    def __missing__(self, key: Any) -> str:
        if type(key) is not int:
            give_up(f"there is no stream {key}")
        if len(self) >= _HELD_NAMES:
            self.clear()
        begin = key - key % _AT_ONCE
        for number, name in self._execute(NAMES, (begin, begin + _AT_ONCE)).fetchall():
            if type(name) is not str:
                give_up(f"the name of stream {number} is no text")
            self[number] = f',"stream":{quote(name)},"type":"'
        return self[key] if key in self else give_up(f"there is no stream {key}")
