"""Small ledgers to try the recorder on: seeded randomness, clocks set by hand, appends of one line."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from ledger.proof.entry import Actor
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.books import Books
from ledger.recording.drafts import Append, CommandMark, Drafter, Guard, OpenDraft, SealedDraft
from ledger.recording.live import utc_now
from ledger.recording.mapper import upkeep
from ledger.recording.stores import IN_FILE, Store
from ledger.recording.stores import open_books as open_anywhere
from tests.derived_keys import DerivedKeys

ORIGIN: Final = "test.example/NCT00000000/" + "0" * 32
KEY: Final = bytes(range(32))
KEYS: Final = DerivedKeys(KEY)
NURSE: Final = Actor("a-17", "site-01", "investigator")
MADE_IN: Final[list[Store]] = [IN_FILE]
"""Where ledgers are made: the last of these. The fixture `anywhere` puts a database there."""
NOON: Final = datetime(2020, 5, 6, 12, 0, tzinfo=UTC)


class Seeded:
    """Randomness that can be drawn again: one source a book, as a live ledger has."""

    def __init__(self, seed: int) -> None:
        self._open, self._sealed = Random(f"open {seed}"), Random(f"sealed {seed}")

    def open(self, count: int) -> bytes:
        return self._open.randbytes(count)

    def sealed(self, count: int) -> bytes:
        return self._sealed.randbytes(count)


def ticking(start: datetime = NOON, step: timedelta = timedelta(seconds=1)) -> Callable[[], datetime]:
    """A clock that moves on by `step` each time it is read."""
    times: Iterator[datetime] = iter(start + step * n for n in range(10**9))
    return lambda: next(times)


def new_ledger(folder: Path, name: str = "trial.db") -> Path:
    """An empty ledger in `folder`."""
    path = folder / name
    MADE_IN[-1].create(path, ORIGIN)
    return path


def open_books(
    path: Path, *, every: int = 8, seed: int | None = None, clock: Callable[[], datetime] = utc_now
) -> Books:
    """Both books of a ledger, for appending, with an anchor in each run of `every` open entries (0: none)."""
    random = None if seed is None else Seeded(seed)
    books = open_anywhere(path, clock=clock, randomness=random, keys=KEYS)
    if every:
        books.upkeep = upkeep(books.origin, every, books.randomness.open, KEYS)
    return books


def mark(command: str, content: str = "") -> CommandMark:
    """A command's id, with a digest of its content."""
    return CommandMark(command, hashlib.sha256(f"{command} {content}".encode()).hexdigest())


def drafts(
    books: Books, command: CommandMark, events: Sequence[tuple[str, int]], *, text: str = "x"
) -> list[OpenDraft]:
    """Open drafts of one command: its events as (stream, version)."""
    payload = json.dumps({"text": text}, separators=(",", ":")).encode()
    return [
        Drafter(books.origin, NURSE, command, books.randomness.open).draft(
            stream, version, "test.happened/1", [(PLAIN, payload)], n, len(events)
        )
        for n, (stream, version) in enumerate(events)
    ]


def sealed_drafts(streams: Sequence[str], *, text: str = "x") -> list[SealedDraft]:
    """Sealed drafts of one command, each on the next free version of its stream."""
    payload = json.dumps({"arm": text}, separators=(",", ":")).encode()
    return [
        SealedDraft(stream, None, "test.sealed/1", NURSE, [(ARM, payload)], n, len(streams))
        for n, stream in enumerate(streams)
    ]


def append(
    books: Books, command: str, events: Sequence[tuple[str, int]] = (), sealed: Sequence[str] = (),
    guards: Sequence[Guard] = (), *, content: str = "",
) -> Append:  # fmt: skip
    """What a writer hands in for one command."""
    command_mark = mark(command, content)
    return Append(command_mark, drafts(books, command_mark, events), sealed_drafts(sealed), guards)
