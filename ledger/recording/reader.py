"""Reading a ledger: facts of the books and section classes that the reader's audience may see, at one snapshot.

Whoever may see the open book alone is handed a reader that never selects from the sealed one.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from heapq import merge
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import apsw

from ledger.domain.events.base import ANCHOR_STREAM, TRIAL_STREAM
from ledger.domain.history import Fact
from ledger.domain.state.trial import STOPS
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.entry import parse_open
from ledger.proof.ledger_file import check_ledger_file
from ledger.proof.sealed import command_mark, half_of, slot
from ledger.proof.sealing import BookKeys
from ledger.recording.engine import SQLiteValue, fetch, open_reading, translated
from ledger.recording.rows import ClosedBookError, header_of, open_fact, sealed_fact

HALT: Final = "halt"
"""The as-of that means when the trial stopped last."""
_BATCH: Final = 2000
_AT_ONCE: Final = 256
"""Values in one question."""
_VERSIONS: Final = 8
"""Of a stream of the sealed book, so many are looked up at once: how many it has, nothing says."""
_seq: Final = attrgetter("seq")
_order: Final = attrgetter("order")
_EXACT: Final = re.compile(r"([0-9]{1,16})/([0-9]{1,16})", re.ASCII)


class Position(NamedTuple):
    """How much of each book is included: its first `open` and first `sealed` entries (None: not readable here)."""

    open: int
    sealed: int | None


class AsOfError(ValueError):
    """What was given as an as-of is neither a position nor a recorded time of this ledger."""


class LedgerReader(AbstractContextManager["LedgerReader"]):
    """One snapshot of a ledger file. Use as a context manager; a second `with` takes a new snapshot.

    `classes` are the section classes whose values come into `Fact.data`, as far as `keys` has theirs; the sealed book
    cannot be read without.
    """

    def __init__(
        self, path: Path, *, books: frozenset[Book], classes: frozenset[str], keys: BookKeys | None = None
    ) -> None:
        check_ledger_file(path)
        self.path = path
        self.books = books
        self.classes = classes
        self.keys = keys
        self._connection = open_reading(path)

    def __enter__(self) -> Self:
        try:
            self._connection.execute("BEGIN")
            self._sizes: dict[str, int] = dict(fetch(self._connection, "SELECT book, size FROM head"))
        except apsw.Error as error:
            raise translated(error, self.path) from error
        self._places: dict[str, list[int]] | None = None
        if Book.SEALED in self.books and Book.SEALED.value not in self._sizes:
            self._connection.execute("ROLLBACK")
            raise ClosedBookError(f"{self.path}: there is no sealed book in this file, which was restored without it")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def head(self) -> Position:
        """How many entries this snapshot has."""
        return Position(self._sizes["open"], self._sizes["sealed"] if Book.SEALED in self.books else None)

    def origin(self) -> str:
        """The origin of the open book, as the file's head has it."""
        return str(self._query("SELECT origin FROM head WHERE book = 'open'", ())[0][0])

    def head_hash(self, book: Book, size: int) -> str:
        """The leaf hash (hex) of entry `size - 1` of a readable book: the head of its first `size` entries."""
        if size == self._sizes[book.value]:
            rows = self._query("SELECT hash FROM head WHERE book = ?", (book.value,))
        else:  # the entry after it names it
            rows = self._query(f"SELECT entry FROM {self._readable(book)}_entry WHERE seq = ?", (size,))
            if rows:
                found = re.search(rb'"prev":"([0-9a-f]{64})"', rows[0][0])
                return found[1].decode() if found else ""
        return str(rows[0][0].hex()) if rows else ""

    def recorded_at(self, size: int) -> str | None:
        """When entry `size - 1` of the open book was recorded; None for an empty one."""
        rows = self._query("SELECT at FROM open_event WHERE seq = ?", (size - 1,))
        return str(rows[0][0]) if rows else None

    def position_at(self, as_of: str | int | None) -> Position:
        """The position that an as-of means: an open seq, a recorded time, or None for now.

        A time takes in what was recorded up to it; a date, up to the end of that day (UTC). A seq takes in the open
        entries up to it and the sealed ones recorded by then, those of its own command among them; SEQ/SEALED is exact
        in both books. `halt` is the seq at which the trial stopped last: halted, suspended, put on hold or ended early.
        """
        if as_of is None:
            return self.head()
        text = str(as_of)
        if text == HALT:
            return self._position(self._stopped())
        if match := _EXACT.fullmatch(text):
            return self._exactly(int(match[1]), int(match[2]), text)
        if text.isascii() and text.isdigit():
            if len(text) > 16 or int(text) >= self._sizes["open"]:
                raise AsOfError(f"as-of {text[:40]}: the ledger ends at position {self._sizes['open'] - 1}")
            size = int(text) + 1
        else:
            size = self._size_at(_bound(text))
            if size == 0:
                raise AsOfError(f"as-of {text}: nothing was recorded by then")
        return self._position(size)

    def position_before(self, since: str) -> Position:
        """The position after which something begins that is asked for: of a date, that of the day's beginning (UTC).

        Of what else `position_at` takes, it is that position: what begins there comes after it.
        """
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", since):
            return self._position(self._size_at(_bound(since).replace("T23:59:59.999999Z", "T")))
        return self.position_at(since)

    def _stopped(self) -> int:
        """How many open entries there were when the command by which the trial stopped last was recorded."""
        stops = [fact.seq for fact in self.stream(TRIAL_STREAM) if fact.book is Book.OPEN and fact.type in STOPS]
        if not stops:
            raise AsOfError(f"as-of {HALT}: the trial was neither halted nor suspended, put on hold or ended early")
        (entry,) = self._query("SELECT entry FROM open_entry WHERE seq = ?", (stops[-1],))[0]
        stop = parse_open(entry)
        return stops[-1] - stop.n + stop.of

    def _exactly(self, seq: int, sealed: int, text: str) -> Position:
        if Book.SEALED not in self.books:
            raise AsOfError(f"as-of {text}: this role has no position in the sealed book")
        if seq >= self._sizes["open"] or sealed >= self._sizes["sealed"]:
            ends = f"{self._sizes['open'] - 1}/{self._sizes['sealed'] - 1}"
            raise AsOfError(f"as-of {text}: the ledger ends at position {ends}")
        if sealed >= (self._position(seq + 1).sealed or 0):
            raise AsOfError(f"as-of {text}: sealed entry {sealed} was recorded after open entry {seq}")
        return Position(seq + 1, sealed + 1)

    def facts(self, start: Position | None = None, stop: Position | None = None) -> Iterator[Fact]:
        """The facts of the readable books from `start` up to `stop` (half-open), in merged order."""
        begin, end = start or Position(0, 0), stop or self.head()
        books = []
        if Book.OPEN in self.books:
            books.append(self._open_rows(begin.open, end.open))
        if Book.SEALED in self.books and end.sealed is not None:
            books.append(self._sealed_rows(begin.sealed or 0, end.sealed))
        return iter(merge(*books, key=lambda fact: fact.order)) if len(books) > 1 else books[0]

    def stream(self, stream: str, stop: Position | None = None) -> list[Fact]:
        """The facts of one stream, of each readable book, up to `stop`, in merged order."""
        end = stop or self.head()
        facts: list[Fact] = []
        if Book.OPEN in self.books:
            rows = self._query(
                "SELECT seq, entry, sections FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id "
                "WHERE name = ? AND seq < ? ORDER BY version",
                (stream, end.open),
            )
            facts += [open_fact(seq, entry, sections, self.classes, self.keys) for seq, entry, sections in rows]
        if Book.SEALED in self.books and end.sealed is not None:
            facts += self._sealed_stream(stream, end.sealed)
            facts.sort(key=lambda fact: fact.order)
        return facts

    def stream_by_stream(
        self, streams: Sequence[str], stop: Position | None = None
    ) -> Iterator[tuple[str, list[Fact]]]:
        """Each of these streams with what `stream` gives of it: by a few questions for all of them together."""
        end = stop or self.head()
        found: dict[str, list[Fact]] = {stream: [] for stream in streams}
        if Book.OPEN in self.books:
            for names in _some(list(found)):
                rows = self._query(
                    "SELECT name, seq, entry, sections FROM open_entry JOIN open_stream "
                    f"ON open_entry.stream = open_stream.id WHERE name IN ({_placeholders(names)}) AND seq < ?",
                    (*names, end.open),
                )
                for name, seq, entry, sections in rows:
                    found[name].append(open_fact(seq, entry, sections, self.classes, self.keys))
        if Book.SEALED in self.books and end.sealed is not None:
            self._add_sealed(found, end.sealed)
        for stream, facts in found.items():
            facts.sort(key=_seq if end.sealed is None else _order)
            yield stream, facts

    def _add_sealed(self, found: dict[str, list[Fact]], stop: int) -> None:
        """Add what the first `stop` entries of the sealed book have of these streams, some versions at a time."""
        if self.keys is not None and self.keys.marks is None:
            for stream, facts in found.items():
                facts += self._by_header(stream, stop)
            return
        marks, streams, first = self._marks(), list(found), 1
        while streams:
            versions = range(first, first + _VERSIONS)
            of = {slot(marks, stream, version): (stream, version) for stream in streams for version in versions}
            there: dict[str, dict[int, Fact]] = {}
            for slots in _some(list(of)):
                rows = self._query(
                    "SELECT slot, seq, entry, sections FROM sealed_entry "
                    f"WHERE slot IN ({_placeholders(slots)}) AND seq < ?",
                    (*slots, stop),
                )
                for place, seq, entry, sections in rows:
                    stream, version = of[place]
                    there.setdefault(stream, {})[version] = sealed_fact(seq, entry, sections, self.classes, self.keys)
            more = []
            for stream, known in there.items():
                unbroken = list(takewhile(known.__contains__, versions))
                found[stream] += map(known.__getitem__, unbroken)
                if len(unbroken) == _VERSIONS:
                    more.append(stream)
            streams, first = more, first + _VERSIONS

    def streams(self, start: Position | None = None, stop: Position | None = None) -> Counter[str]:
        """How many entries each stream of the readable books has from `start` up to `stop`; no open entry is read."""
        begin, end = start or Position(0, 0), stop or self.head()
        found = Counter[str]()
        if Book.OPEN in self.books:
            # From the beginning, the index of streams tells it (a `+` keeps the seq from being looked up in the table).
            column = "seq" if begin.open else "+seq"
            found.update(
                dict(
                    self._query(
                        "SELECT name, count(*) FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id "
                        f"WHERE {column} >= ? AND {column} < ? GROUP BY name",
                        (begin.open, end.open),
                    )
                )
            )
        if Book.SEALED in self.books and end.sealed is not None:
            for seq, entry, sections in self._rows(Book.SEALED, begin.sealed or 0, end.sealed):
                found[header_of(seq, entry, sections, self.keys).stream] += 1
        return found

    def later(self, stream: str, version: int) -> list[Fact]:
        """The facts of one stream of the open book that came after that version of it."""
        rows = self._query(
            f"SELECT seq, entry, sections FROM {self._readable(Book.OPEN)}_entry JOIN open_stream "
            "ON open_entry.stream = open_stream.id WHERE name = ? AND version > ? ORDER BY version",
            (stream, version),
        )
        return [open_fact(seq, entry, sections, self.classes, self.keys) for seq, entry, sections in rows]

    def _sealed_stream(self, stream: str, stop: int) -> Iterator[Fact]:
        if self.keys is not None and self.keys.marks is None:
            yield from self._by_header(stream, stop)
            return
        version, marks = 1, self._marks()
        while rows := self._query(
            "SELECT seq, entry, sections FROM sealed_entry WHERE slot = ? AND seq < ?",
            (slot(marks, stream, version), stop),
        ):
            seq, entry, sections = rows[0]
            yield sealed_fact(seq, entry, sections, self.classes, self.keys)
            version += 1

    def _by_header(self, stream: str, stop: int) -> Iterator[Fact]:
        """The same where the key of marks is not held, as of what was restored: by headers, all of them read once."""
        if self._places is None:
            self._places = {}
            for seq, entry, sections in self._rows(Book.SEALED, 0, self._sizes["sealed"]):
                header = header_of(seq, entry, sections, self.keys)
                self._places.setdefault(header.stream, []).append(seq)
        for seq in self._places.get(stream, ()):
            if seq < stop:
                yield from self._sealed_rows(seq, seq + 1)

    def version(self, stream: str) -> int:
        """How far a stream of the open book has come; 0 where it has no entry."""
        rows = self._query(
            "SELECT version FROM open_entry WHERE stream = (SELECT id FROM open_stream WHERE name = ?) "
            "ORDER BY version DESC LIMIT 1",
            (stream,),
        )
        return rows[0][0] if rows else 0

    def of_command(self, book: Book, command_id: str, n: int) -> Fact | None:
        """The `n`-th event of a command in a readable book, or None."""
        if book is Book.OPEN:
            rows = self._query("SELECT seq FROM open_entry WHERE command = ?", (command_id,))
            found = self._facts_of(book, rows[0][0] + n) if rows else None
        else:
            mark = command_mark(self._marks(), command_id)
            rows = self._query("SELECT seq FROM sealed_entry WHERE command = ? ORDER BY seq", (mark,))
            found = self._facts_of(book, rows[n][0]) if n < len(rows) else None
        return found if found is not None and (found.command, found.n) == (command_id, n) else None

    def of_types(self, types: Sequence[str]) -> list[Fact]:
        """The facts of the open book that are of one of these types. Looks at every entry: for what is asked seldom."""
        marks = ", ".join("?" * len(types))
        rows = self._query(f"SELECT seq, entry, sections FROM open_event WHERE type IN ({marks}) ORDER BY seq", types)
        return [open_fact(seq, entry, sections, self.classes, self.keys) for seq, entry, sections in rows]

    def types(self, book: Book, first: int, count: int) -> list[str]:
        """The types of `count` entries of a readable book from `first` on."""
        facts = self._open_rows(first, first + count) if book is Book.OPEN else self._sealed_rows(first, first + count)
        return [fact.type for fact in facts]

    def stored(self, book: Book, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        """(seq, entry, sections) of the rows of a readable book from `start` to `stop`, as they are stored."""
        return self._rows(book, start, stop)

    def _facts_of(self, book: Book, seq: int) -> Fact | None:
        rows = self._open_rows(seq, seq + 1) if book is Book.OPEN else self._sealed_rows(seq, seq + 1)
        return next(rows, None)

    def sealed_before(self, size: int) -> int:
        """How many entries the sealed book had when the open one had `size`, by the open heads that they name."""
        rows = self._query(f"SELECT max(seq) FROM {self._readable(Book.SEALED)}_entry WHERE open_seq < ?", (size,))
        return 0 if rows[0][0] is None else int(rows[0][0]) + 1

    def _position(self, size: int) -> Position:
        if Book.SEALED not in self.books:
            return Position(size, None)
        sealed = self.sealed_before(size)
        return Position(size, sealed + self._along(size, sealed))

    def _along(self, size: int, sealed: int) -> int:
        """How many sealed entries were recorded with open entry `size - 1`, and name the anchor that came between."""
        rows = self._query(
            "SELECT name FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id WHERE seq = ?", (size,)
        )
        marks = None if self.keys is None else self.keys.marks
        if not rows or rows[0][0] != ANCHOR_STREAM or marks is None:
            return 0
        (entry,) = self._query("SELECT entry FROM open_entry WHERE seq = ?", (size - 1,))[0]
        command = parse_open(entry).command_id
        halves = {command_mark(marks, command), command_mark(marks, half_of(command))}
        commands = self._query(
            "SELECT command FROM sealed_entry WHERE seq >= ? AND open_seq = ? ORDER BY seq", (sealed, size)
        )
        return sum(1 for _ in takewhile(lambda row: row[0] in halves, commands))

    def _size_at(self, bound: str) -> int:
        """How many open entries were recorded up to `bound`: recorded times never run backwards."""
        low, high = 0, self._sizes["open"]
        while low < high:
            middle = (low + high) // 2
            if (self.recorded_at(middle + 1) or "") <= bound:
                low = middle + 1
            else:
                high = middle
        return low

    def _marks(self) -> bytes:
        marks = None if self.keys is None else self.keys.marks
        if marks is None:
            raise ClosedBookError(f"{self.path}: the sealed book cannot be read without the keys of this ledger")
        return marks

    def _readable(self, book: Book) -> str:
        if book not in self.books:
            raise PermissionError(f"the {book} book is not for this reader")
        return book.value

    def _open_rows(self, start: int, stop: int) -> Iterator[Fact]:
        return (open_fact(*row, self.classes, self.keys) for row in self._rows(Book.OPEN, start, stop))

    def _sealed_rows(self, start: int, stop: int) -> Iterator[Fact]:
        return (sealed_fact(*row, self.classes, self.keys) for row in self._rows(Book.SEALED, start, stop))

    def _rows(self, book: Book, start: int, stop: int) -> Iterator[tuple[int, bytes, bytes]]:
        table = f"{self._readable(book)}_entry"
        for begin in range(start, stop, _BATCH):
            yield from self._query(
                f"SELECT seq, entry, sections FROM {table} WHERE seq >= ? AND seq < ? ORDER BY seq",
                (begin, min(begin + _BATCH, stop)),
            )

    def _query(self, statement: str, values: Sequence[SQLiteValue]) -> list[Any]:
        try:
            return fetch(self._connection, statement, values)
        except apsw.Error as error:
            raise translated(error, self.path) from error


def day_asked(as_of: str | int | None, now: str) -> str | None:
    """The day (YYYY-MM-DD, UTC) that an as-of asks about: that of `now` without one; None where it is a position."""
    text = str(as_of)
    if as_of is None:
        return now[:10]
    if text == HALT or _EXACT.fullmatch(text) or (text.isascii() and text.isdigit()):
        return None
    return _bound(text)[:10]


def _some(values: list[str]) -> Iterator[list[str]]:
    """The values, some at a time: always as many as a power of two, so that few questions differ in their words."""
    for first in range(0, len(values), _AT_ONCE):
        part = values[first : first + _AT_ONCE]
        yield part + part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))


def _placeholders(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _bound(text: str) -> str:
    """The last recorded time that an as-of in words of time takes in."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            datetime.fromisoformat(text)
            return f"{text}T23:59:59.999999Z"
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise AsOfError(f"as-of {text}: a time needs an offset such as Z or +02:00")
        return recorded(moment)
    except AsOfError:
        raise
    except (ValueError, OverflowError):  # a time beside the ends of the calendar overflows in another zone
        raise AsOfError(f"as-of {text[:40]}: neither a position (digits), an ISO 8601 time, nor {HALT}") from None
