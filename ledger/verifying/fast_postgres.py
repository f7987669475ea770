"""The fast walk (`fast.py`) through the open book of a ledger in PostgreSQL: the verdict of the reference, sooner.

It is held to the same: it only ever says that nothing was found, and whatever is wrong, unusual or fails is left to the
reference. One process walks; the server, another one, reads and sends meanwhile. Indexes are not believed: what may
stand once is looked for without any (`postgres.py`), and rows are taken in the order of their numbers.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from ledger.proof.draws import Secret
from ledger.proof.entry import quote
from ledger.proof.file_reader import StoredHead
from ledger.proof.findings import Findings, Report
from ledger.proof.open_book import OpenEntrySeen
from ledger.proof.sealing import BookKeys
from ledger.proof.tree import Frontier
from ledger.proof.verify import Progress, verify_books
from ledger.verifying.blocks import Blocks
from ledger.verifying.fast import ROW, FastBook
from ledger.verifying.indexed import ROWS
from ledger.verifying.postgres import PostgresBooks
from ledger.verifying.reading import NAMES
from ledger.verifying.run import Run, frontiers, give_up
from ledger.verifying.workers import block_for

_COLUMNS: Final = "seq, stream, version, command, entry, sections"
_NAMED: Final = "SELECT open_seq FROM sealed_entry ORDER BY seq"
_SAID: Final = {
    ROWS: f"SELECT {_COLUMNS} FROM open_book.entry WHERE trial = %s AND seq >= %s AND seq < %s ORDER BY seq",
    NAMES: "SELECT id, name FROM open_book.stream WHERE trial = %s AND id >= %s AND id < %s",
    _NAMED: "SELECT open_seq FROM sealed_book.entry WHERE trial = %s ORDER BY seq",
}
"""What the walk asks of a file, as it is asked here."""
_WINDOW: Final = 128


class _Rows:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._rows)


class FastPostgres(PostgresBooks):
    """The books, and what the walk asks a connection to a file for."""

    def __init__(self, path: Path, closed: bool, progress: Progress | None, compiled: bool) -> None:
        super().__init__(path)
        self.closed = closed
        self.progress = progress
        self.compiled = compiled
        self._window: dict[int, tuple[Any, ...]] = {}

    def streams(self, findings: Findings) -> dict[int, bytes]:  # noqa: ARG002
        """None: names are read with the rows."""
        return {}

    def count_streams(self) -> int:
        """How many streams the table has."""
        return int(self.asked("SELECT count(*) FROM open_book.stream WHERE trial = %s", self.trial)[0][0])

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> _Rows:
        """The rows of one of the walk's queries."""
        if statement == ROW:
            return _Rows([self._row(*values)])
        return _Rows(self.asked(_SAID[statement], self.trial, *values))

    def _row(self, seq: int) -> tuple[Any, ...]:
        """A row by its number; asked for by rising ones, so that some more are read at once."""
        if seq not in self._window:
            rows = self.asked(_SAID[ROWS], self.trial, seq, seq + _WINDOW)
            self._window = {row[0]: row for row in rows}
        return self._window[seq]


class FastPostgresBook(FastBook):
    """Walks through the open book block by block."""

    def entries(self) -> Iterator[OpenEntrySeen]:
        """Check the book to its end. Raises GiveUp, or whatever else went wrong."""
        chain, file = self._chain, self._file
        assert isinstance(file, FastPostgres)
        heads = file.heads(Findings())
        size, head = chain.end.size, heads["open"]
        first = next(file.entries("open", -(2**63)), (None,))[0]
        ends = (0, size - 1) if size else (None, None)
        if chain.end.wrong or head.size != size or (first, file.last_seq("open")) != ends:
            give_up("rows and head do not agree")
        streams = file.count_streams()
        if size:
            run, tree, watched = self._walked(file, head, sum(head.size for head in heads.values()))
            if len(run.first) != streams:
                give_up("a stream without an entry")
            yield from self._asked_for(file, run, watched)
            chain.last = bytes.fromhex(run.hash)
            chain.trees.come_to(tree)
        elif streams:
            give_up("a stream without an entry")
        chain.size = size
        if chain.last != head.hash:
            give_up("the last entry is not that of the head")

    def _walked(self, file: FastPostgres, head: StoredHead, total: int) -> tuple[Run, Frontier, dict[int, Frontier]]:
        origin = quote(head.origin.decode())[1:-1]
        self.origin = origin.encode()
        block, run = block_for(head.size), None
        blocks = Blocks(file, origin, closed=file.closed, compiled=file.compiled)
        for start in range(0, head.size, block):
            read = blocks.read(start, min(start + block, head.size), self._watch.sizes)
            run = read if run is None else run.join(read)
            if file.progress is not None:
                file.progress(read.end, total)
        assert run is not None
        return self._concluded(run, head.size), *frontiers(run, block)


def try_fast_postgres(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
    compiled: bool = True,
) -> Report | None:
    """The report on a ledger in which nothing is wrong; None where the reference has to look."""
    try:
        with FastPostgres(path, keys is None, progress, compiled) as books:
            report = verify_books(books, keys=keys, secret=secret, sizes=sizes, walk=FastPostgresBook)
    except Exception:  # whatever it is: the reference meets it too, or is not troubled by it
        return None
    return report if report.ok else None
