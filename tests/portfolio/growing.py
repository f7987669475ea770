"""Trials of as many events as wanted, for what is measured of many of them.

A trial begins with commands (a site, a list, two subjects who were randomised, a serious event, a visit). The rest are
subjects who came and were seen often: copies of the open entries of the first one, with visits up to `OF_EACH` events.
So the lists, the arms and the sealed book stay those of a small trial.
"""

import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.canonical import encode
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.mapper import upkeep
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import open_books
from tests.portfolio.placing import trial_at, trial_in
from tests.trials import Trial

OF_EACH: Final = 40
_MODEL: Final = "subject/S-1"
_COPIED: Final = ("consent.", "screening.")


def grown_in(url: str, name: str, events: int) -> Path:
    """A trial in a database, with about so many events in its open book."""
    return _grown(trial_in(url, name), events)


def grown_at(folder: Path, events: int) -> Path:
    """The same in a file."""
    return _grown(trial_at(folder), events)


def _grown(trial: Trial, events: int) -> Path:
    trial.do("record-visit", {"subject": "S-1", "visit": "DAY 3", "number": "3"})
    trial.ledger.close()
    path = trial.path
    with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))) as reader, reader:
        made = reader.head().open
        model = reader.stream(_MODEL)
    before = [fact for fact in model if fact.type.startswith(_COPIED)]
    history = [*before, *[model[-1]] * (OF_EACH - len(before))]
    with closing(load_keys(path)) as keys:
        books = open_books(path, clock=trial.clock, keys=keys)
        books.upkeep = upkeep(books.origin, 256, books.randomness.open, keys)
        number = 0
        while made < events:
            wanted = history[: events - made]
            books.append(_came(books, f"M-{number:06d}", wanted))
            made += len(wanted)
            number += 1
        books.close()
    return path


def _came(books: Any, name: str, history: list[Fact]) -> Append:
    command = CommandMark(f"many-{name}", hashlib.sha256(name.encode()).hexdigest())
    drafts = []
    for n, fact in enumerate(history):
        drafter = Drafter(books.origin, fact.actor, command, books.randomness.open)
        payload = encode({**fact.data, "subject": name})
        drafts.append(drafter.draft(f"subject/{name}", n + 1, fact.type, [(PLAIN, payload)], n, len(history)))
    return Append(command, drafts)
