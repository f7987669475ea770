"""A trial of very many events, for what is served of it: the demo's, and subjects who came and were contacted often.

Each is a copy of somebody who was screened and not randomised, under another name, with contacts up to `OF_EACH`
events. So the sealed book, the arms and the list stay those of the demo. (Not durable while it is written.)
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from api.bootstrap import own_keys
from api.cli.demo import SeededRandomness, play
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.keys.file import TrialKeys
from ledger.proof.canonical import encode
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.mapper import upkeep
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks

OF_EACH: Final = 50
OF_DEMO: Final = 500
"""The demo's own events, at most."""
_EVERY: Final = 256
_CONTACT: Final = "vital-status.recorded/1"
_RANDOMIZED: Final = "subject.randomized/1"
_BEFORE: Final = frozenset({"consent.obtained/1", "screening.completed/1"})


def subject(number: int) -> str:
    """What the copies are called, from 0 on."""
    return f"S0{number % 4 + 1}-9{number:06d}"


def build(path: Path, events: int) -> Path:
    """The trial, with about so many events in its open book."""
    path.parent.mkdir(parents=True, exist_ok=True)
    play(path, 1, 20, SeededRandomness(1))
    with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))) as reader, reader:
        facts = list(reader.facts())
    with closing(own_keys(path)) as keys:
        _add(path, facts, events, keys)
    os.sync()  # what waits to be written would hold up whoever is measured next
    return path


def _add(path: Path, facts: list[Fact], events: int, keys: TrialKeys) -> None:
    contact = next(fact for fact in facts if fact.type == _CONTACT)
    randomized = {fact.stream for fact in facts if fact.type == _RANDOMIZED}
    model = next(fact.stream for fact in facts if fact.type in _BEFORE and fact.stream not in randomized)
    before = [fact for fact in facts if fact.stream == model and fact.type in _BEFORE]
    books = SQLiteBooks(path, keys=keys)
    books.upkeep = upkeep(books.origin, _EVERY, books.randomness.open, keys)
    books._connection.execute("PRAGMA synchronous = OFF")
    made = len(facts)
    number = 0
    while made < events:
        name = subject(number)
        history = [*before, *[contact] * (OF_EACH - len(before))]
        command = CommandMark(f"many-{number:08d}", hashlib.sha256(f"{number}".encode()).hexdigest())
        drafts = []
        for n, fact in enumerate(history):
            drafter = Drafter(books.origin, fact.actor, command, books.randomness.open)
            payload = encode(dict(_renamed(fact.data, name)))
            drafts.append(drafter.draft(f"subject/{name}", n + 1, fact.type, [(PLAIN, payload)], n, len(history)))
        books.append(Append(command, drafts))
        made += len(history)
        number += 1
    books.close()


def _renamed(data: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    for field, value in data.items():
        yield field, name if field == "subject" else name[:3] if field == "site" else value
