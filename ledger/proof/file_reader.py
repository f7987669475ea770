"""A ledger file, read and not believed: SQLite hands out stored rows, and nothing it derives from them is used.

Only the standard library's sqlite3 is needed. Reading is read-only and from one snapshot. Tables are scanned by
their key, no index and no view is asked. A damaged page costs the rows on it: the rows after it are
looked for one by one.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ledger.proof.findings import Findings
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.repeats import Repeat, repeats
from ledger.proof.schema import STATEMENTS

COLUMNS: Final = {
    "open": "seq, stream, version, command, entry, sections",
    "sealed": "seq, open_seq, slot, command, entry, sections",
}
DAMAGE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises; the latter where SQLite's own message quotes bytes that are no text."""
_SCHEMA: Final = (
    "SELECT type, name, tbl_name, CASE typeof(type) || typeof(name) || typeof(tbl_name) || typeof(sql) "
    "WHEN 'texttexttexttext' THEN sql WHEN 'texttexttextnull' THEN '' ELSE '(no text)' END FROM sqlite_schema"
)
_LONGEST_VALUE: Final = 1 << 26
_NAMED: Final = re.compile(r"CREATE (?:UNIQUE )?(?:(TABLE|VIEW) (\w+)|(INDEX|TRIGGER) (\w+) .*?\bON (\w+))")
_MADE_BY_SQLITE: Final = "sqlite_autoindex_open_stream_1"
"""The index behind UNIQUE: the one row of the schema without a statement."""
CACHE_KIB: Final = 48 * 1024
CHECKS: Final = ("integrity_check(20)", "integrity_check(sqlite_schema)")
"""SQLite's own. Where the schema has a view, the first leaves out the list of free pages; the second looks at that."""
_SMALLEST_ROW: Final = 300
"""No row of an entry takes fewer bytes, so that the length of the file bounds how many there can be."""


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A row of the table `head`, as it is stored."""

    origin: bytes
    size: int
    hash: bytes
    frontier: bytes


class LedgerFile:
    """One snapshot of a ledger file. Use as a context manager. Raises LedgerFileError if it is not readable at all."""

    columns = True
    given: Mapping[str, str] | None = None

    def __init__(self, path: Path) -> None:
        check_ledger_file(path, linked=False)
        self.path = path
        self.lost: dict[str, list[tuple[int, int]]] = {"open": [], "sealed": []}
        """Ranges of seq whose rows lie on damaged pages."""
        log = path.with_name(path.name + "-wal")
        length = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        self._most = length // _SMALLEST_ROW + 1
        self._connection = _connect(path)
        self._tables = self._read_tables()
        self.books = self._which_books()
        self._checking = ThreadPoolExecutor(1)
        self._checked = self._checking.submit(self._find_damage, path)
        self._repeated = self._checking.submit(self._find_repeats, path, self._tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checking.shutdown()
        self._connection.close()

    def check_schema(self, findings: Findings) -> None:
        """Compare what the file says of its tables, indexes and triggers with the format."""
        wanted = {_MADE_BY_SQLITE: ("index", "open_stream", "")}
        for statement in STATEMENTS:
            named = _NAMED.match(statement)
            assert named is not None
            kind, name, of = named[1] or named[3], named[2] or named[4], named[2] or named[5]
            wanted[name] = (kind.lower(), of, statement)
        stored = {name: (kind, of, sql) for kind, name, of, sql in self._schema}
        for name, (kind, of, statement) in wanted.items():
            if name not in stored:
                findings.add("schema", None, None, f"the {kind} {name} is missing")
            elif stored[name] != (kind, of, statement):
                findings.add("schema", None, None, f"the {kind} {name} is not as the format has it")
        for name in stored.keys() - wanted.keys():
            findings.add("schema", None, None, f"the {stored[name][0]} {name} is not of the format")

    def check_database(self, findings: Findings) -> None:
        """SQLite's own check of pages, indexes and types. It runs while rows are read, and is waited for here."""
        for line in self._checked.result():
            if line != "ok":
                findings.add("database", None, None, f"SQLite's own check says: {line}")

    def repeats(self) -> Sequence[Repeat]:
        """Values that stand twice where they may stand once. Looked for while rows are read, and waited for here."""
        return self._repeated.result()

    @staticmethod
    def _find_damage(path: Path) -> list[str]:
        """What SQLite's own check has to say."""
        try:
            connection = _connect(path)
            try:
                # It looks up each row in each index: with less memory than these need, a page is read for each of them.
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                return [_shown(line) for check in CHECKS for (line,) in connection.execute(f"PRAGMA {check}")]
            finally:
                connection.close()
        except (*DAMAGE, LedgerFileError) as error:
            return [str(error)]

    @staticmethod
    def _find_repeats(path: Path, tables: frozenset[str]) -> Sequence[Repeat]:
        """None of them where the file is damaged: that has its own finding."""
        with contextlib.suppress(*DAMAGE, LedgerFileError):
            connection = _connect(path)
            try:
                return repeats(connection, tables)
            finally:
                connection.close()
        return []

    def _which_books(self) -> frozenset[str]:
        """A file that was restored without the sealed book has neither a head nor a row of it; others have a head."""
        with contextlib.suppress(*DAMAGE):
            heads = {_shown(book) for (book,) in self._connection.execute("SELECT book FROM head")}
            if heads == {"open"} and not self._connection.execute("SELECT 1 FROM sealed_entry LIMIT 1").fetchone():
                return frozenset(heads)
        return frozenset(COLUMNS)

    def heads(self, findings: Findings) -> dict[str, StoredHead]:
        """The stored heads, by book; what is wrong with them is found."""
        heads, seen = dict[str, StoredHead](), set[str]()
        for book, origin, size, hash_, frontier in self._all("head", "book, origin, size, hash, frontier", findings):
            name = _shown(book)
            seen.add(name)
            if name not in COLUMNS:
                findings.add("head", None, None, f"there is a head of a book {name!r}, which no ledger has")
            elif (type(origin), type(size), type(hash_), type(frontier)) != (bytes, int, bytes, bytes):
                findings.add("head", name, None, "the stored head has a value of a wrong type")
            else:
                heads[name] = StoredHead(origin, size, hash_, frontier)
        for book in self.books - seen:
            findings.add("head", book, None, "the book has no stored head")
        return heads

    def streams(self, findings: Findings) -> dict[int, bytes]:
        """The names of the open book's streams, by their integer key."""
        streams, names = dict[int, bytes](), set[bytes]()
        for key, name in self._all("open_stream", "id, name", findings):
            if type(key) is not int or type(name) is not bytes:
                findings.add("stream", "open", None, f"stream {key!r} has a name or key of a wrong type")
                continue
            if name in names:
                findings.add("stream", "open", None, "two streams have this name", _shown(name))
            names.add(name)
            streams[key] = name
        return streams

    def last_seq(self, book: str) -> int | None:
        """The largest seq of the book's rows; None where there is no row, or it cannot be read."""
        if f"{book}_entry" not in self._tables:
            return None
        with contextlib.suppress(*DAMAGE):
            found = self._connection.execute(f"SELECT max(seq) FROM {book}_entry NOT INDEXED").fetchone()
            if type(found[0]) is int:
                return found[0]
        return None

    def entries(self, book: str, start: int = 0) -> Iterator[tuple[int, Any]]:
        """(seq, entry) of the rows from `start` on, by rising seq, to the first damaged page."""
        if f"{book}_entry" in self._tables and start < 1 << 63:
            with contextlib.suppress(*DAMAGE):
                yield from self._connection.execute(
                    f"SELECT seq, entry FROM {book}_entry NOT INDEXED WHERE seq >= ? ORDER BY seq", (start,)
                )

    def rows(self, book: str, end: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a book before `end`, by rising seq. Text comes as bytes; types are as stored."""
        table = f"{book}_entry"
        if table not in self._tables:
            return
        scan = f"SELECT {COLUMNS[book]} FROM {table} NOT INDEXED WHERE seq >= ? AND seq < ? ORDER BY seq"
        start = -(2**63)
        while True:
            try:
                for row in self._connection.execute(scan, (start, end)):
                    yield row
                    start = row[0] + 1
                return
            except DAMAGE:
                row = self._next_readable(book, max(start, 0), end)
            if row is None:
                return
            yield row
            start = row[0] + 1

    def _next_readable(self, book: str, start: int, end: int) -> tuple[Any, ...] | None:
        """The first row from `start` on that can be read by its key; what could not be is noted in `lost`."""
        one = f"SELECT {COLUMNS[book]} FROM {book}_entry NOT INDEXED WHERE seq = ?"
        seq, last_lost = start, start
        while seq < end and seq <= start + self._most:
            try:
                row: tuple[Any, ...] | None = self._connection.execute(one, (seq,)).fetchone()
            except DAMAGE:
                last_lost = seq
                row = None
            if row is not None:
                self.lost[book].append((start, last_lost))
                return row
            seq += 1
        self.lost[book].append((start, last_lost))
        return None

    def _all(self, table: str, columns: str, findings: Findings) -> Iterator[tuple[Any, ...]]:
        if table not in self._tables:
            return
        try:
            yield from self._connection.execute(f"SELECT {columns} FROM {table} NOT INDEXED")
        except DAMAGE as error:
            findings.add("database", None, None, f"the table {table} cannot be read ({error})")

    def _read_tables(self) -> frozenset[str]:
        """The names of real tables: a view or a virtual table under a name of ours is not asked for rows."""
        try:
            rows = self._connection.execute(_SCHEMA).fetchall()
        except DAMAGE as error:
            self._connection.close()
            raise LedgerFileError(f"{self.path}: the database is damaged ({error})") from None
        self._schema = [tuple(map(_shown, row)) for row in rows]
        tables = (name for kind, name, _, sql in self._schema if kind == "table" and sql.startswith("CREATE TABLE"))
        return frozenset(tables)


def _connect(path: Path) -> sqlite3.Connection:
    """A reading connection within a transaction.

    A file on a read-only medium has no room for the shared memory of the write-ahead log; if it has no log either,
    nobody can be writing it, and it is read as it lies.
    """
    uri = path.absolute().as_uri()
    log = path.with_name(path.name + "-wal")
    try:
        try:
            return _begin(f"{uri}?mode=ro")
        except sqlite3.OperationalError:
            if log.exists() and log.stat().st_size:
                raise
            return _begin(f"{uri}?mode=ro&immutable=1")
    except DAMAGE as error:
        raise LedgerFileError(f"{path}: the database cannot be read ({error})") from None


def _begin(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=60)
    try:
        connection.text_factory = bytes
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        for pragma in ("query_only = ON", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except DAMAGE:
        connection.close()
        raise
    return connection


def _shown(value: object) -> str:
    """A stored text for a message."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
