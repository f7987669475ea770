"""Rows of the open book with their indexes: what SQLite's own check finds of them, found by the walk at less cost.

`PRAGMA integrity_check` looks at all pages first, and then reads each row anew: its types, and whether each index has
an entry of it. The walk reads all rows too, so it does that second part for the table `open_entry`. `damage` runs
the first part, and both of them for all other tables. Nothing that the whole check finds is lost:

1. Pages: it is the same check of the same pages, stopped among the rows. That it was not stopped sooner shows in the
   number of steps of SQLite's machine: its program looks at the pages in one step, before any loop, so that more steps
   than it has instructions are not made without a loop after it. If they were not made, the whole check runs.
2. Types: `ROWS` gives a row only if `stream` and `version` are integers. `command`, `entry` and `sections` are compared
   with text, nothing and bytes by the walk, and Python holds none of these equal to another. NULL is none of them.
   Reading `sections`, the last column, reads all of a row's header.
3. No entry is missing: `ROWS` gives a row only if each index has an entry of its key that ends in its rowid, as the
   index alone is asked; and the walk counts the rows.
4. No entry is too many, or stands for another row: by 3 each index has an entry for each row that belongs in it, and
   these are as many as it has entries (`index_entries`). As all are found by seeking, the index is in order.
   Newer releases of SQLite do not count the entries of an index of some rows only, such as that of commands.
5. None stands twice: of a stream's versions the walk tells, as each follows the one before. Of commands `index_entries`
   does, by neighbours in the index, which is in order.
"""

from pathlib import Path
from typing import Any, Final

import apsw

from ledger.verifying.reading import open_snapshot
from ledger.verifying.run import give_up

ROWS: Final = (
    "SELECT e.seq, e.stream, e.version, e.command, e.entry, e.sections FROM open_entry AS e NOT INDEXED "
    "CROSS JOIN open_entry AS v INDEXED BY open_entry_version ON v.stream = e.stream AND v.version = e.version "
    "LEFT JOIN open_entry AS c INDEXED BY open_entry_command ON c.command = e.command "
    # With a plus, the rowid is read from the end of the index's entry, and not part of what is sought.
    "WHERE e.seq >= ? AND e.seq < ? AND +v.seq = e.seq AND (e.command IS NULL OR +c.seq = e.seq) "
    "AND typeof(e.stream) = 'integer' AND typeof(e.version) = 'integer' ORDER BY e.seq"
)
"""The rows of a range that each index knows; of another row, nothing is given."""
_OTHERS: Final = ("sqlite_schema", "head", "open_stream", "sealed_entry")
"""Of the first of these, the list of free pages is looked at, which is left out where the schema has a view."""
_WHOLE: Final = "PRAGMA integrity_check(20)"
_PAGES: Final = "PRAGMA page_count"
_CACHE: Final = "PRAGMA cache_size = -{}"
_FEW_KIB: Final = 1024
"""Pages are looked at once each."""
_MANY_KIB: Final = 48 * 1024
"""Rows are looked up in indexes."""
_STOPS: Final = 32
_LEAST_STEPS: Final = 1000
_ENTRIES: Final = (
    "SELECT (SELECT count(*) FROM open_entry INDEXED BY open_entry_version) - count(*), "
    "(SELECT count(*) FROM open_entry INDEXED BY open_entry_command WHERE command IS NOT NULL) - count(command) "
    "FROM open_entry NOT INDEXED WHERE seq >= ?"
)
_TWICE: Final = (
    "SELECT command FROM open_entry INDEXED BY open_entry_command WHERE command IS NOT NULL "
    "GROUP BY command HAVING count(*) > 1 LIMIT 1"
)


def damage(path: Path) -> list[str]:
    """What SQLite's own check says, other lines than "ok", of all but the rows of `open_entry`. Raises apsw.Error."""
    connection = open_snapshot(path)
    try:
        connection.execute(_CACHE.format(_FEW_KIB))
        found = _pages(connection)
        connection.execute(_CACHE.format(_MANY_KIB))
        if found is None:
            found = _lines(connection, _WHOLE)
        for table in _OTHERS:
            found += _lines(connection, f"PRAGMA integrity_check({table})")
        return [line for line in found if line != "ok"]
    finally:
        connection.close()


def index_entries(path: Path, rows: int) -> tuple[int, int]:
    """How many entries the indexes of stream and version, and of commands, have for rows before `rows`.

    Later rows are taken to have theirs: a ledger may grow while it is read. To be asked only where `open_entry` is a
    table. Raises GiveUp where a command stands twice; apsw.Error.
    """
    connection = open_snapshot(path)
    try:
        entries: Any = connection.execute(_ENTRIES, (rows,)).fetchall()[0]
        if connection.execute(_TWICE).fetchall():
            give_up("a command stands twice")
        versions, commands = entries
        return versions, commands
    finally:
        connection.close()


def _pages(connection: apsw.Connection) -> list[str] | None:
    """What SQLite's own check says of pages, and maybe of some rows; None if it cannot be told when it was through."""
    size: Any = connection.execute(_PAGES).fetchall()[0][0]
    every, calls, found, ended = _LEAST_STEPS + size // _STOPS, 0, list[str](), dict[str, int]()
    most = int(size // every) + 1  # calls that there are for so many pages

    def called() -> bool:
        nonlocal calls
        calls += 1
        return calls > most

    def profiled(event: dict[str, Any]) -> None:
        ended.update(event["stmt_status"])

    instructions = len(connection.execute(f"EXPLAIN {_WHOLE}").fetchall())
    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profiled, id=profiled)
    connection.set_progress_handler(called, every, id=called)
    try:
        for (line,) in connection.execute(_WHOLE):
            found.append(str(line))
    except apsw.InterruptError:
        if ended.get("SQLITE_STMTSTATUS_VM_STEP", 0) <= instructions and not found:
            return None
    finally:
        connection.set_progress_handler(None, id=called)
        connection.trace_v2(0, None, id=profiled)
    return found


def _lines(connection: apsw.Connection, check: str) -> list[str]:
    return [str(line) for (line,) in connection.execute(check)]
