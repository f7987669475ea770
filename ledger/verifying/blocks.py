"""A block of rows of the open book, checked fast: hashed together, and then walked through one after another.

Rows of the common kind are walked through by the compiled kernel, or where there is none by `common_rows.py`; it is the
same walk. A row of any other kind goes through `plain_rows.py`, by the words of the reference.

Whatever is not as it ought to be raises GiveUp, and so does whatever is unusual: nothing is ever reported from here.
"""

from collections.abc import Collection
from typing import Any, Final

from ledger.proof.entry import OPEN_GRAMMAR
from ledger.proof.tree import Frontier
from ledger.verifying import common_rows
from ledger.verifying.hashing import hashing
from ledger.verifying.indexed import ROWS
from ledger.verifying.plain_rows import PlainRows, Stand
from ledger.verifying.reading import Names
from ledger.verifying.run import Run, give_up

try:
    from ledger.verifying import kernel
except ImportError:  # it was not compiled
    COMPILED = False
else:
    COMPILED = True

CHUNK: Final = 256
"""Rows that are held at once: not more than stay in the cache of a core while they are hashed and walked through."""
_ROWS: Final = ROWS


class Blocks:
    """Reads blocks of one ledger, each by itself, in any order."""

    def __init__(self, connection: Any, origin: str, *, closed: bool, compiled: bool = True) -> None:
        """`connection`: to a file, or what answers the same queries. `origin` as entries have it; `closed`: no key is
        held, so that sealed sections stay closed.

        `compiled`: by the kernel, if there is one.
        """
        self._execute = connection.execute
        names = Names(connection)
        walk = kernel.CommonRows if COMPILED and compiled else common_rows.CommonRows
        self._common = walk(names, origin)
        self._hashing = hashing(kernel.Hashing if COMPILED and compiled else None)
        self._plain = PlainRows(names, origin.encode(), closed=closed)

    def read(self, start: int, end: int, wanted: Collection[int] = ()) -> Run:
        """The entries from `start` to `end` - 1, from which a perfect subtree begins; all of their rules hold.

        `wanted`: sizes of the book, of which those within are noted. Raises GiveUp, or whatever else went wrong.
        """
        stand, tree, frontiers, prev, hashes = Stand(), Frontier(), dict[int, bytes](), "", list[bytes]()
        commands = 0
        for first in range(start, end, CHUNK):
            count = min(CHUNK, end - first)
            rows = self._execute(_ROWS, (first, first + count)).fetchall()
            if len(rows) != count or rows[0][0] != first or rows[-1][0] != first + count - 1:
                give_up(f"entries from {first} on are not there")
            if first == start:
                prev = self._begin(rows[0], stand)
            hashes += self._take(rows, stand)
            commands += count - [row[3] for row in rows].count(None)
        done = start
        for size in sorted(size for size in wanted if start < size <= end):
            tree.extend(hashes[done - start : size - start])
            frontiers[size] = tree.to_bytes()
            done = size
        if done == start and (end - start).bit_count() == 1:
            tree = Frontier.from_bytes(end - start, self._hashing.root(hashes))
        else:
            tree.extend(hashes[done - start :])
        return Run(
            start, end, prev, stand.prev, stand.first_at, stand.at, stand.begins, stand.pending(), stand.first,
            stand.versions, stand.opening.counts()[1], stand.left, stand.left_hashes, [(end - start, tree.to_bytes())],
            frontiers, commands,
        )  # fmt: skip

    def _begin(self, row: tuple[Any, ...], stand: Stand) -> str:
        """What the first row goes on from: as it says."""
        match = OPEN_GRAMMAR.fullmatch(row[4])
        if match is None:
            give_up("the first entry is none")
        stand.prev = match[12].decode()
        return stand.prev

    def _take(self, rows: list[tuple[Any, ...]], stand: Stand) -> list[bytes]:
        """The rows of a chunk, one after another; their leaf hashes."""
        hashes, commits = self._hashing.rows(rows)
        at = 0
        while at < len(rows):
            first = not stand.first_at
            if not first and (at := self._common.take(rows, hashes, commits, at, stand)) == len(rows):
                break
            self._plain.take(rows[at], hashes[at], stand, first=first)
            at += 1
        return hashes
