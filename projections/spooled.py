"""The rows of a long table, in order, without holding them: a sorted sequence that lies in a temporary file.

Up to `HELD` rows are a list. More are sorted in runs of so many, each written to an unnamed temporary file of its
owner alone, and merged whenever they are read. Rows are JSON values; what comes back is equal to what went in.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, Any, Final, overload

HELD: Final = 50_000

Row = dict[str, Any]


def in_order(
    rows: Iterable[Mapping[str, Any]],
    key: Callable[[Mapping[str, Any]], list[Any]],
    shown: Callable[[Mapping[str, Any]], Row],
) -> Sequence[Row]:
    """What is `shown` of each row, sorted by `key` (a list of JSON values) of the row."""
    pairs: Iterator[list[Any]] = ([key(row), shown(row)] for row in rows)
    first = sorted(islice(pairs, HELD), key=itemgetter(0))
    second = list(islice(pairs, HELD))
    if not second:
        return [row for _, row in first]
    spooled = Spooled()
    spooled.add(first)
    while second:
        spooled.add(sorted(second, key=itemgetter(0)))
        second = list(islice(pairs, HELD))
    return spooled


class Spooled(Sequence[Row]):
    """Rows in a file. Reading one of them reads those before it."""

    def __init__(self) -> None:
        self._runs: list[tuple[IO[bytes], int]] = []
        self._length = 0

    def add(self, run: list[list[Any]]) -> None:
        """Take in a sorted run of (key, row)."""
        file = TemporaryFile()  # noqa: SIM115  (it goes with this object)
        file.writelines(json.dumps(pair, ensure_ascii=False).encode() + b"\n" for pair in run)
        self._runs.append((file, len(run)))
        self._length += len(run)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Row]:
        for _, row in merge(*map(_lines, self._runs), key=itemgetter(0)):
            yield row

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            wanted = range(*index.indices(self._length))
            found = {place: row for place, row in enumerate(self) if place in wanted}
            return [found[place] for place in wanted]
        place = range(self._length)[index]
        return next(islice(self, place, None))


def _lines(run: tuple[IO[bytes], int]) -> Iterator[list[Any]]:
    """(key, row) of a run; several may read it at a time."""
    file, count = run
    at = 0
    for _ in range(count):
        file.seek(at)
        line = file.readline()
        at += len(line)
        yield json.loads(line)
