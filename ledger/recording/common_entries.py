"""Common rows of the open book as facts, at less cost: ASCII without escapes, and one plain section that lies readable.

Rules
- The entry is held against the whole grammar of the book, and the frame against what is stored, as for any other row;
  what is saved is the rest: strings are cut out of one text, what is not asked for is not made, and actors are
  remembered by all the bytes that the grammar read them from.
- Whatever is not common, or does not read, gives None: `rows.py` reads it, and says what is wrong with it.
- The values are those that the standard library's reader gives (`as_object`).
"""

import json
import re
from sys import intern
from typing import Any, Final

import msgspec

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.entry import MAX_ENTRY, OPEN_GRAMMAR, Actor
from ledger.proof.sections import PLAIN, READABLE, SALT_BYTES

_GRAMMAR: Final = re.compile(OPEN_GRAMMAR.pattern.decode())
# The groups of the grammar that a fact is made of, and the one behind the actor.
_ASKED: Final = (4, 6, 7, 9, 11, 14, 15, 16)
_AT: Final = 4
_ONE_PART: Final = f'{{"class":"{PLAIN}","commit":"'
_LENGTH_OF_ONE: Final = len(_ONE_PART) + len('"}') + 64
_FRAME: Final = 5
_SALTED: Final = _FRAME + SALT_BYTES
_REMEMBERED: Final = 1 << 12
_actors: Final[dict[str, Actor]] = {}
_decode: Final = msgspec.json.Decoder().decode


def common_fact(seq: int, raw: bytes, stored: bytes) -> Fact | None:
    """The fact of a common row of the open book, for who may see plain sections; None of any other row."""
    length = len(stored)
    if (
        length < _SALTED
        or stored[0] != READABLE
        or int.from_bytes(stored[1:_FRAME], "big") != length - _FRAME
        or len(raw) > MAX_ENTRY
        or b"\\" in raw
        or not raw.isascii()
    ):
        return None
    text = raw.decode("ascii")
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        return None
    at, command, n, id_, parts, stream, type_, version = match.group(*_ASKED)
    if len(parts) != _LENGTH_OF_ONE or not parts.startswith(_ONE_PART):
        return None
    try:
        data = as_object(stored[_SALTED:])
    except ValueError:
        return None
    if type(data) is not dict:
        return None
    acting = text[: match.start(_AT)]
    actor = _actors.get(acting)
    if actor is None:
        if len(_actors) >= _REMEMBERED:
            _actors.clear()
        actor = _actors[acting] = Actor(*match.group(1, 2, 3))
    return Fact(Book.OPEN, seq, seq, at, id_, actor, command, int(n), stream, int(version), intern(type_), data)


def as_object(payload: bytes) -> Any:
    """What the payload says, as `json.loads` reads it, and sooner. Raises ValueError."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(payload)
