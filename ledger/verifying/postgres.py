"""The books of a ledger in PostgreSQL, read and not believed: `verify` of what a link leads to.

1. The walk and its verdicts are those of the reference (`ledger/proof/verify.py`); here are only the rows, from one
   snapshot, and in the order of their numbers. No index is believed: what may stand once is looked for without any.
2. The triggers that keep accidents out have to be there and switched on, and nobody but the owner may have the right
   to change or delete. A superuser can do what he likes all the same: the chain finds that, against what was signed,
   witnessed or time-stamped before.
3. PostgreSQL has no check of its own that reading could ask for: `pg_amcheck` and data checksums are for its operator.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from ledger.proof.file_reader import COLUMNS, StoredHead
from ledger.proof.findings import MAX_FINDINGS, Findings, Report
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.link import read_link
from ledger.proof.repeats import Repeat
from ledger.proof.sealing import BookKeys
from ledger.proof.verify import Progress, verify_books

if TYPE_CHECKING:
    from ledger.proof.draws import Secret

_FETCH: Final = 2000
_TABLES: Final = ("open_book.stream", "open_book.entry", "sealed_book.entry", "open_book.book", "sealed_book.book")
_BOOKS: Final = {"open": "open_book", "sealed": "sealed_book"}
_AS_STORED: Final = {
    "open": "seq, stream, version, convert_to(command, 'UTF8'), entry, sections",
    "sealed": "seq, open_seq, convert_to(slot, 'UTF8'), convert_to(command, 'UTF8'), entry, sections",
}
_TWICE: Final = {
    ("open", "command"): "count(*) > 1",
    ("sealed", "command"): "max(seq) - min(seq) >= count(*)",
    ("sealed", "slot"): "count(*) > 1",
}
_TRIGGERS: Final = """
SELECT n.nspname || '.' || c.relname, t.tgname, p.proname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND n.nspname IN ('open_book', 'sealed_book')
"""
_CHANGERS: Final = """
SELECT DISTINCT c.oid::regclass::text, coalesce(r.rolname, 'everybody') FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname IN ('open_book', 'sealed_book') AND c.relkind = 'r' AND a.grantee <> c.relowner
AND a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE', 'INSERT', 'TRIGGER')
"""


class PostgresBooks:
    """One snapshot of both books. Use as a context manager. Raises LedgerFileError where they cannot be read."""

    columns = True
    given: Mapping[str, str] | None = None
    books = frozenset(COLUMNS)

    def __init__(self, path: Path) -> None:
        import psycopg

        check_ledger_file(path)
        link = read_link(path)
        assert link is not None
        self.path = path
        self.lost: dict[str, list[tuple[int, int]]] = {"open": [], "sealed": []}
        self._error = psycopg.Error
        self._cursors = 0
        try:
            self._db = psycopg.connect(link.url, connect_timeout=10, application_name="trial-ledger verify")
            self._db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._db.read_only = True
            rows = self.asked("SELECT trial FROM trial_ledger.trial WHERE name = %s", link.trial)
        except psycopg.Error as error:
            raise LedgerFileError(f"{path}: the database cannot be read ({_first_line(error)})") from None
        if not rows:
            self._db.close()
            raise LedgerFileError(f"{path}: the database has no trial {link.trial}")
        self.trial = int(rows[0][0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def heads(self, findings: Findings) -> dict[str, StoredHead]:
        """The stored heads, by book; what is wrong with them is found."""
        heads = dict[str, StoredHead]()
        for book, schema in _BOOKS.items():
            query = f"SELECT convert_to(origin, 'UTF8'), size, hash, frontier FROM {schema}.book WHERE trial = %s"
            for row in self.asked(query, self.trial):
                heads[book] = StoredHead(*row)
            if book not in heads:
                findings.add("head", book, None, "the book has no stored head")
        return heads

    def streams(self, findings: Findings) -> dict[int, bytes]:  # noqa: ARG002
        """The names of the open book's streams, by their integer key."""
        streams = dict[int, bytes]()
        for key, name in self._stream("SELECT id, convert_to(name, 'UTF8') FROM open_book.stream WHERE trial = %s"):
            streams[key] = name
        return streams

    def last_seq(self, book: str) -> int | None:
        """The largest seq of the book's rows; None where there is no row."""
        rows = self.asked(f"SELECT max(seq) FROM {_BOOKS[book]}.entry WHERE trial = %s", self.trial)
        return None if rows[0][0] is None else int(rows[0][0])

    def entries(self, book: str, start: int = 0) -> Iterator[tuple[int, Any]]:
        """(seq, entry) of the rows from `start` on, by rising seq."""
        if start < 1 << 63:
            where = f"FROM {_BOOKS[book]}.entry WHERE trial = %s AND seq >= %s ORDER BY seq"
            yield from self._stream(f"SELECT seq, entry {where}", start)

    def rows(self, book: str, end: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a book before `end`, by rising seq."""
        where = f"FROM {_BOOKS[book]}.entry WHERE trial = %s AND seq < %s ORDER BY seq"
        yield from self._stream(f"SELECT {_AS_STORED[book]} {where}", end)

    def repeats(self) -> Sequence[Repeat]:
        """Values that stand twice where they may stand once."""
        found: list[Repeat] = []
        self._scans("off")
        for (book, column), twice in _TWICE.items():
            of = f"FROM {_BOOKS[book]}.entry WHERE trial = %s AND {column} IS NOT NULL AND seq >= 0"
            query = (
                f"SELECT {column}, array_agg(seq ORDER BY seq) {of} GROUP BY {column} HAVING {twice} "
                f"LIMIT {MAX_FINDINGS}"
            )
            for _, places in self.asked(query, self.trial):
                for before, seq in pairwise(places):
                    if (book, column) != ("sealed", "command") or seq != before + 1:
                        found.append(Repeat(book, column, places[0], before, seq))
        self._scans("on")
        return found

    def _scans(self, by_index: str) -> None:
        for path in ("indexscan", "indexonlyscan", "bitmapscan"):
            self._db.execute(f"SET LOCAL enable_{path} = {by_index}")

    def check_database(self, findings: Findings) -> None:
        """What the walk does not meet: rows of numbers below 0, and names of streams that are there twice."""
        for book, schema in _BOOKS.items():
            if self.asked(f"SELECT 1 FROM {schema}.entry WHERE trial = %s AND seq < 0 LIMIT 1", self.trial):
                findings.add("database", book, None, "there are rows of numbers below 0")
        query = "SELECT name FROM open_book.stream WHERE trial = %s GROUP BY name HAVING count(*) > 1 LIMIT 20"
        for (name,) in self.asked(query, self.trial):
            findings.add("stream", "open", None, "two streams have this name", name)

    def check_schema(self, findings: Findings) -> None:
        """That the triggers stand, and that nobody was given the right to change what is recorded."""
        stand = set(self.asked(_TRIGGERS))
        for table in _TABLES:
            own = [("kept", "keep"), ("kept_whole", "keep")] if table.endswith(".book") else [("no_change", "refuse")]
            for name, function in (*own, ("no_truncate", "refuse")):
                if (table, name, function) not in stand:
                    findings.add("schema", None, None, f"the trigger {name} of {table} is missing, or switched off")
        for table, who in self.asked(_CHANGERS):
            findings.add("schema", None, None, f"{who} may change the table {table}, which is for its owner alone")

    def asked(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises LedgerFileError."""
        try:
            return self._db.execute(query.encode(), values, binary=True).fetchall()
        except self._error as error:
            raise LedgerFileError(f"{self.path}: the database cannot be read ({_first_line(error)})") from None

    def _stream(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Rows a few at a time, whatever else is read meanwhile."""
        self._cursors += 1
        try:
            with self._db.cursor(f"rows_{self._cursors}") as cursor:
                cursor.itersize = _FETCH
                yield from cursor.execute(query.encode(), (self.trial, *values), binary=True)
        except self._error as error:
            raise LedgerFileError(f"{self.path}: the database cannot be read ({_first_line(error)})") from None


def verify_postgres(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: "Secret | None" = None,
    sizes: Collection[int] = (),
) -> Report:
    """Verify the ledger that a link leads to: as `verify_ledger` does for a file. Raises LedgerFileError."""
    with PostgresBooks(path) as books:
        return verify_books(books, keys=keys, progress=progress, secret=secret, sizes=sizes)


def postgres_entries(path: Path) -> Iterator[bytes]:
    """The stored entries of its open book."""
    with PostgresBooks(path) as books:
        for _, entry in books.entries("open"):
            yield entry


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
