"""`verify_fast`: the verdict of `ledger.proof.verify.verify_ledger`, as a rule many times sooner.

1. It is the recipe of `ledger/proof/verify.py`, with another walk through the open book: whole blocks of rows are
   checked at once, by two processes. Heads, sealed book, tie, allocation, tree and schema are left to the reference.
2. It only ever says that nothing was found. Whatever is wrong, or unusual, or fails in any way makes it give up, and
   then the reference reads the whole file anew and tells what there is to tell. So each finding is the reference's own.
3. Nothing is left out that the reference does. That a command, slot or name of a stream stands twice, and wrong types,
   are told from the indexes and by SQLite's own check, the greatest part of which runs here too (`indexed.py`).
"""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from heapq import merge
from pathlib import Path
from typing import Any, Final

from ledger.proof.draws import Secret
from ledger.proof.entry import OPEN_GRAMMAR, quote
from ledger.proof.file_reader import LedgerFile, StoredHead
from ledger.proof.findings import Findings, Report
from ledger.proof.link import is_link
from ledger.proof.open_book import OpenBook, OpenEntrySeen
from ledger.proof.repeats import Repeat
from ledger.proof.sealing import BookKeys
from ledger.proof.tree import Frontier, leaf_hash
from ledger.proof.verify import Progress, verify_books, verify_ledger
from ledger.verifying.indexed import damage, index_entries
from ledger.verifying.postgres import postgres_entries, verify_postgres
from ledger.verifying.reading import open_snapshot
from ledger.verifying.run import Run, frontiers, give_up
from ledger.verifying.workers import Task, block_for, read_alone, read_together

TWO_FROM: Final = 20_000
"""From how many entries on another process is worth its start."""
ROW: Final = "SELECT seq, stream, version, command, entry, sections FROM open_entry NOT INDEXED WHERE seq = ?"
_STRAY_COMMANDS: Final = (
    "SELECT min(seq), max(seq) FROM sealed_entry INDEXED BY sealed_entry_command GROUP BY command "
    "HAVING max(seq) - min(seq) >= count(*) LIMIT 1"
)


def verify_fast(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
) -> Report:
    """Verify a ledger file: `verify_ledger` with the same arguments, report and errors, faster if nothing is wrong.

    What a link leads to is verified where it lies.
    """
    if is_link(path):
        return _verify_linked(path, keys, progress, secret, sizes)
    report = try_fast(path, keys=keys, progress=progress, secret=secret, sizes=sizes)
    if report is None:
        report = verify_ledger(path, keys=keys, progress=progress, secret=secret, sizes=sizes)
    return report


def _verify_linked(
    path: Path, keys: BookKeys | None, progress: Progress | None, secret: Secret | None, sizes: Collection[int]
) -> Report:
    from ledger.verifying.fast_postgres import try_fast_postgres

    report = try_fast_postgres(path, keys=keys, progress=progress, secret=secret, sizes=sizes)
    if report is None:
        report = verify_postgres(path, keys=keys, progress=progress, secret=secret, sizes=sizes)
    return report


def stored_entries(path: Path) -> Iterator[bytes]:
    """The stored entries of the open book, up to what is none."""
    if is_link(path):
        yield from postgres_entries(path)
        return
    with LedgerFile(path) as file:
        for _, entry in file.entries("open"):
            if not isinstance(entry, bytes):
                return
            yield entry


# Whoever is given the walk asks it for the entries too (`ledger.proof.checking.check`).
verify_fast.entries = stored_entries  # type: ignore[attr-defined]


def try_fast(
    path: Path,
    *,
    keys: BookKeys | None = None,
    progress: Progress | None = None,
    secret: Secret | None = None,
    sizes: Collection[int] = (),
    two_from: int = TWO_FROM,
    block: int | None = None,
    compiled: bool = True,
) -> Report | None:
    """The report on a ledger in which nothing is wrong; None where the reference has to look.

    `two_from`: from how many entries of the open book on two processes read it; `block`: how many entries are read at
    once, a power of two, if not as many as are best; `compiled`: by the compiled kernel, if there is one.
    """
    try:
        with FastFile(path, keys is None, progress, two_from, block, compiled) as file:
            if not file.has_our_schema():
                return None
            report = verify_books(file, keys=keys, secret=secret, sizes=sizes, walk=FastBook)
    except Exception:  # whatever it is: the reference meets it too, or is not troubled by it
        return None
    return report if report.ok else None


class FastFile(LedgerFile):
    """A ledger file, of which some things are looked for elsewhere; and how it is to be read."""

    def __init__(
        self, path: Path, closed: bool, progress: Progress | None, two_from: int, block: int | None, compiled: bool
    ) -> None:
        super().__init__(path)
        self.closed = closed
        self.progress = progress
        self.two_from = two_from
        self.block = block
        self.compiled = compiled

    def has_our_schema(self) -> bool:
        """Whether all is a table that is called one: of a view, rows without end may be asked."""
        findings = Findings()
        self.check_schema(findings)
        return not findings

    def streams(self, findings: Findings) -> dict[int, bytes]:  # noqa: ARG002
        """None: names are read with the rows; SQLite's own check tells of wrong types, and of a name that is twice."""
        return {}

    @staticmethod
    def _find_damage(path: Path) -> list[str]:
        """The same check without the rows of the open book, which are compared with its indexes as they are read."""
        return damage(path)

    def index_entries(self, rows: int) -> Future[tuple[int, int]]:
        """How many entries the open book's indexes have, told while its rows are read."""
        return self._checking.submit(index_entries, self.path, rows)

    @staticmethod
    def _find_repeats(path: Path, tables: frozenset[str]) -> Sequence[Repeat]:  # noqa: ARG004
        """Those of commands of the sealed book, by its index, which SQLite's own check compares with the rows."""
        connection = open_snapshot(path)
        try:
            found: list[Any] = connection.execute(_STRAY_COMMANDS).fetchall()
            return [Repeat("sealed", "command", first, first, seq) for first, seq in found]
        finally:
            connection.close()


class FastBook(OpenBook):
    """Walks through the open book block by block, and hands on the entries that anybody asks for."""

    def entries(self) -> Iterator[OpenEntrySeen]:
        """Check the book to its end. Raises GiveUp, or whatever else went wrong."""
        chain, file = self._chain, self._file
        assert isinstance(file, FastFile)
        heads = file.heads(Findings())
        size, head = chain.end.size, heads["open"]
        first = next(file.entries("open", -(2**63)), (None,))[0]
        ends = (0, size - 1) if size else (None, None)
        if chain.end.wrong or head.size != size or (first, file.last_seq("open")) != ends:
            give_up("rows and head do not agree")
        connection = open_snapshot(file.path)
        try:
            streams = connection.execute("SELECT count(*) FROM open_stream").fetchall()[0][0]
            counted, commands = file.index_entries(size), 0
            if size:
                run, tree, watched = self._read(file, head, sum(head.size for head in heads.values()))
                commands = run.commands
                if len(run.first) != streams:
                    give_up("a stream without an entry")
                yield from self._asked_for(connection, run, watched)
                chain.last = bytes.fromhex(run.hash)
                chain.trees.come_to(tree)
            elif streams:
                give_up("a stream without an entry")
            if counted.result() != (size, commands):
                give_up("an index has entries of no row")
        finally:
            connection.close()
        chain.size = size
        if chain.last != head.hash:
            give_up("the last entry is not that of the head")

    def _read(self, file: FastFile, head: StoredHead, total: int) -> tuple[Run, Frontier, dict[int, Frontier]]:
        """All entries as one run, their tree, and that at the sizes that are watched."""
        origin = quote(head.origin.decode())[1:-1]
        self.origin = origin.encode()
        block = file.block or block_for(head.size)
        task = Task(file.path, origin, head.size, block, file.closed, self._watch.sizes, file.compiled)

        def taken(blocks: int) -> None:
            if file.progress is not None:
                file.progress(blocks * block, total)

        run = (read_together if head.size >= file.two_from else read_alone)(task, taken)
        self._concluded(run, head.size)
        if file.progress is not None:
            file.progress(total, total)
        return run, *frontiers(run, block)

    def _concluded(self, run: Run, size: int) -> Run:
        """The run of a whole book: it begins and ends as one does."""
        if (run.start, run.end, run.prev) != (0, size, "0" * 64):
            give_up("the chain does not begin")
        if run.begins is not None or run.pending is not None:
            give_up("a command is cut")
        if not set(run.first.values()) <= {0, 1}:  # what begins with 0 is raw
            give_up("a stream does not begin")
        for name, count in run.closed.items():
            for _ in range(count):
                self._opening.leave(name)
        return run

    def _asked_for(self, connection: Any, run: Run, watched: dict[int, Frontier]) -> Iterator[OpenEntrySeen]:
        """By rising seq: entries whose sections are left, that a sealed entry names, or where the tree is asked for."""
        named = (seq for (seq,) in connection.execute("SELECT open_seq FROM sealed_entry ORDER BY seq"))
        last, at = -1, 0
        for seq in merge(named, run.left, sorted(size - 1 for size in watched)):
            if seq == last or not 0 <= seq < run.end:
                continue
            last, anchor = seq, None
            stored = _row(connection, seq)
            hash_ = leaf_hash(stored[4])
            match = OPEN_GRAMMAR.fullmatch(stored[4])
            if match is None:
                give_up(f"entry {seq} is none")
            if at < len(run.left) and run.left[at] == seq:
                if run.left_hashes[32 * at : 32 * at + 32] != hash_:
                    give_up(f"entry {seq} is another one now")
                anchor = self.read_sections((seq, hash_, None, match.groups(), stored))
                at += 1
            if seq + 1 in watched:
                self._watch.time(seq + 1, match[4])
                self._chain.trees.come_to(watched[seq + 1])
            yield seq, hash_, anchor
        if at != len(run.left):
            give_up("sections were read by nobody")


def _row(connection: Any, seq: int) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(ROW, (seq,)).fetchall()[0]
    return row
