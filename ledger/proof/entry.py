"""The entry: what is hashed for one event, in the open and in the sealed book. `docs/format.md` section 3.

    open    {"actor":{"id","org","role"},"at","command":{"digest","id","n","of"},"id","origin",
             "parts":[{"class","commit"}],"prev","seq","stream","type","v","version"}
    sealed  {"at","command","id","open_head":{"hash","seq"},"origin","parts","prev","seq","slot","v"}

Canonical bytes with the members in this (sorted) order. There is exactly one way to write an entry, so the
grammar below is a pair of regular expressions over the stored bytes: what they do not match is not an entry.
The fragments around `at`, `prev` and `seq`, which are known only under the append lock, are assembled here too,
so that a writer builds an entry once and nothing is ever serialised again in order to hash it.

    leaf hash of an entry = SHA-256(0x00 || entry)          RFC 9162 section 2.1.1
    prev                  = leaf hash of the entry before, 32 zero bytes at first
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.proof.canonical import MAX_INTEGER
from ledger.proof.tree import leaf_hash

V: Final = "1/sha-256"
"""Names the format and the hash."""
GENESIS: Final = bytes(32)
"""`prev` of the first entry of a book."""
MAX_ENTRY: Final = 1 << 16

_encode: Final[Callable[[str], str]] = json.encoder.encode_basestring


def quote(text: str) -> str:
    """`text` as a canonical JSON string."""
    return _encode(text)


_ESCAPE: Final = rb'(?:\\["\\bfnrt]|\\u00(?:0[0-7be-f]|1[0-9a-f]))'
_STRING: Final = rb'"([^"\\\x00-\x1f]*+(?:%s[^"\\\x00-\x1f]*+)*+)"' % _ESCAPE
# 0 to 2^53 - 1 (section 2). Of 16 digits: those that begin as the largest does, and then have a smaller one.
_LARGEST: Final = str(MAX_INTEGER)
_OF_16_DIGITS: Final = "|".join(
    f"{_LARGEST[:at]}[{0 if at else 1}-{int(digit) - 1}][0-9]{{{15 - at}}}"
    for at, digit in enumerate(_LARGEST) if digit > "0"
)  # fmt: skip
_INTEGER: Final = rf"(0|[1-9][0-9]{{0,14}}|{_OF_16_DIGITS}|{_LARGEST})".encode()
_HASH: Final = rb'"([0-9a-f]{64})"'
_DAY: Final = rb"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_AT: Final = rb'"(%sT(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z)"' % _DAY
_ID: Final = rb'"([0-9a-f]{32})"'
_PART: Final = rb'\{"class":"([a-z]+)","commit":"([0-9a-f]{64})"\}'
_PARTS: Final = rb"\[((?:%s(?:,(?!\])|(?=\])))*+)\]" % _PART.replace(b"(", b"(?:")
_V: Final = b'"' + V.encode().replace(b"/", rb"\/") + b'"'

OPEN_GRAMMAR: Final = re.compile(
    rb'\{"actor":\{"id":%s,"org":%s,"role":%s\},"at":%s,"command":\{"digest":%s,"id":%s,"n":%s,"of":%s\},'
    rb'"id":%s,"origin":%s,"parts":%s,"prev":%s,"seq":%s,"stream":%s,"type":%s,"v":%s,"version":%s\}'
    % (_STRING, _STRING, _STRING, _AT, _HASH, _STRING, _INTEGER, _INTEGER,
       _ID, _STRING, _PARTS, _HASH, _INTEGER, _STRING, _STRING, _V, _INTEGER)
)  # fmt: skip
SEALED_GRAMMAR: Final = re.compile(
    rb'\{"at":%s,"command":%s,"id":%s,"open_head":\{"hash":%s,"seq":%s\},"origin":%s,"parts":%s,'
    rb'"prev":%s,"seq":%s,"slot":%s,"v":%s\}'
    % (_AT, _HASH, _ID, _HASH, _INTEGER, _STRING, _PARTS, _HASH, _INTEGER, _HASH, _V)
)
_EACH_PART: Final = re.compile(_PART)


class EntryError(ValueError):
    """The bytes are not an entry of this format."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: a pseudonym, the organisation, and the role in which it was done."""

    id: str
    org: str
    role: str

    def canonical(self) -> str:
        return f'{{"id":{quote(self.id)},"org":{quote(self.org)},"role":{quote(self.role)}}}'


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the event's payload: its class and the commitment to it (32 bytes)."""

    section_class: str
    commit: bytes


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An entry of the open book, as read from its stored bytes."""

    raw: bytes
    actor: Actor
    at: str
    command_digest: str
    command_id: str
    n: int
    of: int
    id: str
    origin: str
    parts: Sequence[Part]
    prev: bytes
    seq: int
    stream: str
    type: str
    version: int

    @property
    def hash(self) -> bytes:
        """The leaf hash, which is also the link of the chain."""
        return leaf_hash(self.raw)


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry of the sealed book: stream, version, type and actor lie in its section of class `header`."""

    raw: bytes
    at: str
    command: str
    id: str
    open_head_hash: bytes
    open_head_seq: int
    origin: str
    parts: Sequence[Part]
    prev: bytes
    seq: int
    slot: str

    @property
    def hash(self) -> bytes:
        """The leaf hash, which is also the link of the chain."""
        return leaf_hash(self.raw)


def parse_open(raw: bytes) -> OpenEntry:
    """Read an entry of the open book. Raises EntryError unless the bytes are exactly canonical."""
    match = _match(OPEN_GRAMMAR, raw, "open")
    (
        actor_id,
        org,
        role,
        at,
        digest,
        command_id,
        n,
        of,
        id_,
        origin,
        parts,
        prev,
        seq,
        stream,
        type_,
        version,
    ) = match.groups()
    return OpenEntry(
        raw,
        Actor(_text(actor_id), _text(org), _text(role)),
        at.decode(),
        digest.decode(),
        _text(command_id),
        int(n),
        int(of),
        id_.decode(),
        _text(origin),
        _parts(parts),
        bytes.fromhex(prev.decode()),
        int(seq),
        _text(stream),
        _text(type_),
        int(version),
    )


def parse_sealed(raw: bytes) -> SealedEntry:
    """Read an entry of the sealed book. Raises EntryError unless the bytes are exactly canonical."""
    match = _match(SEALED_GRAMMAR, raw, "sealed")
    at, command, id_, open_hash, open_seq, origin, parts, prev, seq, slot = match.groups()
    return SealedEntry(
        raw,
        at.decode(),
        command.decode(),
        id_.decode(),
        bytes.fromhex(open_hash.decode()),
        int(open_seq),
        _text(origin),
        _parts(parts),
        bytes.fromhex(prev.decode()),
        int(seq),
        slot.decode(),
    )


def is_text(raw: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _match(grammar: re.Pattern[bytes], raw: bytes, book: str) -> re.Match[bytes]:
    if len(raw) > MAX_ENTRY:
        raise EntryError(f"{len(raw)} bytes are more than an entry may have")
    match = grammar.fullmatch(raw)
    if match is None:
        raise EntryError(f"the bytes are not a canonical entry of the {book} book (format {V})")
    return match


def _text(quoted: bytes) -> str:
    """The text between the quotes of a canonical string."""
    try:
        if b"\\" in quoted:
            return str(json.loads(b'"' + quoted + b'"'))
        return quoted.decode("utf-8")
    except ValueError:
        raise EntryError("a string of the entry is not UTF-8") from None


def _parts(listed: bytes) -> Sequence[Part]:
    return [Part(name.decode(), bytes.fromhex(commit.decode())) for name, commit in _EACH_PART.findall(listed)]


_PART_JSON: Final = '{"class":"%s","commit":"%s"}'


def parts_json(parts: Sequence[tuple[str, str]]) -> str:
    """The member `parts` of an entry: (class, commitment in hex), sorted by class."""
    return ",".join(map(_PART_JSON.__mod__, parts))


class OpenTemplate:
    """What the open entries of one command have in common, written once."""

    __slots__ = ("_before_n", "_before_parts", "_head")

    def __init__(self, actor: Actor, command_digest: str, command_id: str, origin: str) -> None:
        self._head = f'{{"actor":{actor.canonical()},"at":"'
        self._before_n = f'","command":{{"digest":"{command_digest}","id":{quote(command_id)},"n":'
        self._before_parts = f'","origin":{quote(origin)},"parts":['

    def fragments(
        self, n: int, of: int, id_: str, parts: str, stream: str, type_: str, version: int
    ) -> tuple[str, str, str]:
        """The three fixed fragments of an open entry: before `at`, between `at` and `prev`, after `seq`.

        `parts` comes as canonical JSON. An entry is `head + at + middle + prev (hex) + '","seq":' + seq + tail`.
        """
        return (
            self._head,
            f'{self._before_n}{n},"of":{of}}},"id":"{id_}{self._before_parts}{parts}],"prev":"',
            f',"stream":{quote(stream)},"type":{quote(type_)},"v":"{V}","version":{version}}}',
        )


def complete(fragments: tuple[str, str, str], at: str, prev: bytes, seq: int) -> bytes:
    """An open entry from its fragments and what is known only under the append lock."""
    head, middle, tail = fragments
    return f'{head}{at}{middle}{prev.hex()}","seq":{seq}{tail}'.encode()


def sealed_fragments(command: str, id_: str, origin: str, parts: str, slot: str) -> tuple[str, str, str]:
    """The fixed fragments of a sealed entry: after `at`, after the hash and seq of `open_head`, and after `seq`."""
    return (
        f'","command":"{command}","id":"{id_}","open_head":{{"hash":"',
        f'}},"origin":{quote(origin)},"parts":[{parts}],"prev":"',
        f',"slot":"{slot}","v":"{V}"}}',
    )


def assemble_sealed(
    at: str, command: str, id_: str, open_head: tuple[bytes, int], origin: str, parts: str, prev: bytes, seq: int,
    slot: str,
) -> bytes:  # fmt: skip
    """A sealed entry of all that is in it."""
    return complete_sealed(sealed_fragments(command, id_, origin, parts, slot), at, open_head, prev, seq)


def complete_sealed(
    fragments: tuple[str, str, str], at: str, open_head: tuple[bytes, int], prev: bytes, seq: int
) -> bytes:
    """A sealed entry from its fragments; `open_head` is (leaf hash, seq) of the open book's newest entry."""
    middle, tail, end = fragments
    return (
        f'{{"at":"{at}{middle}{open_head[0].hex()}","seq":{open_head[1]}{tail}{prev.hex()}","seq":{seq}{end}'
    ).encode()
