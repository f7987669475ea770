"""A row of the open book as the reference looks at it, and how it stands to the rows before it in its block."""

import re
from array import array
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ledger.proof.draws import OPEN_TYPES
from ledger.proof.entry import MAX_ENTRY, OPEN_GRAMMAR, is_text
from ledger.proof.open_book import ANCHOR_TYPE
from ledger.proof.opening import ERASED_TYPE, Opening
from ledger.proof.sections import OPEN_CLASSES
from ledger.proof.signatures import OPEN_SIGNATURE
from ledger.proof.stored_sections import check_sections, unquote
from ledger.proof.watch import WATCHED_TYPES
from ledger.verifying.reading import Names
from ledger.verifying.run import Place, give_up

TELLING: Final = OPEN_TYPES | WATCHED_TYPES | {ANCHOR_TYPE, ERASED_TYPE, OPEN_SIGNATURE}
"""Types of events whose sections somebody asks for."""
_ONE_PLAIN: Final = re.compile(rb'\{"class":"plain","commit":"[0-9a-f]{64}"\}')


@dataclass(slots=True)
class Stand:
    """How far a block has come."""

    prev: str = ""
    """The leaf hash of the entry before, in hex."""
    at: str = ""
    first_at: str = ""
    n: int = 0
    """Which event of a command is to come next; 0: the first of any."""
    of: int = 0
    command: tuple[str, str] = ("", "")
    """Id and digest of the command."""
    head: str = ""
    """The entry before, up to the number of the event in its command; empty where nothing can be compared with it."""
    begins: Place | None = None
    first: dict[int, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    opening: Opening = field(default_factory=lambda: Opening(None))
    left: "array[int]" = field(default_factory=lambda: array("q"))
    left_hashes: bytearray = field(default_factory=bytearray)

    def pending(self) -> Place | None:
        """Where the next entry has to stand in its command."""
        return (self.n, self.of, *self.command, self.at) if self.n else None


class PlainRows:
    """Checks rows one by one."""

    def __init__(self, names: Names, origin: bytes, *, closed: bool) -> None:
        self._names = names
        self._origin = origin
        self._closed = closed

    def take(self, row: tuple[Any, ...], hash_: bytes, stand: Stand, *, first: bool = False) -> None:
        """The next row; `first`: of its block, so that what it goes on with is not known. Raises GiveUp."""
        seq, key, stored_version, stored_command, raw, sections = row
        match = OPEN_GRAMMAR.fullmatch(raw) if type(raw) is bytes and len(raw) <= MAX_ENTRY else None
        if match is None or not is_text(raw):
            give_up(f"entry {seq} is none")
        entry = match.groups()
        _, _, _, at, digest, command_id, n, of, id_, origin, parts, prev, said, stream, type_, version_text = entry
        version, number, count = int(version_text), int(n), int(of)
        if int(said) != seq or origin != self._origin or prev.decode() != stand.prev:
            give_up(f"entry {seq} is another one")
        member = b',"stream":"%s","type":"' % stream
        if self._names[key].encode() != member or stored_version != version:
            give_up(f"columns of entry {seq}")
        wanted = unquote(command_id) if number == 0 and command_id else None
        if stored_command != wanted:
            give_up(f"column command of entry {seq}")
        self._command(seq, (number, count, command_id.decode(), digest.decode(), at.decode()), stand, first=first)
        self._order(seq, at.decode(), stand, first=first)
        stand.head = raw[: match.start(7)].decode() if command_id and raw.isascii() else ""
        self._version(seq, key, version, stand, raw=not command_id)
        where = seq, origin, stream, version, id_
        self._sections(where, parts, sections, type_ if command_id else b"", command_id != b"", hash_, stand)
        stand.prev = hash_.hex()

    def _order(self, seq: int, at: str, stand: Stand, *, first: bool) -> None:
        if first:
            stand.first_at = at
        if at < stand.at:
            give_up(f"time of entry {seq}")
        if at != stand.at:
            datetime.fromisoformat(at)
        stand.at = at

    def _command(self, seq: int, place: Place, stand: Stand, *, first: bool) -> None:
        n, of, command_id, digest, _ = place
        if first and n:
            stand.begins = place
        elif n != stand.n or (n and place != stand.pending()):
            give_up(f"entry {seq} within a command")
        if not n < of:
            give_up(f"entry {seq} is past its command")
        stand.n, stand.of, stand.command = (n + 1) % of, of, (command_id, digest)

    def _version(self, seq: int, key: int, version: int, stand: Stand, *, raw: bool) -> None:
        last = stand.versions.get(key)
        if last is None:
            stand.first[key] = version
        elif version != last + 1:
            give_up(f"version of entry {seq}")
        if version == 0 and not raw:
            give_up(f"version of entry {seq}")
        stand.versions[key] = version

    def _sections(
        self, where: tuple[int, bytes, bytes, int, bytes], parts: bytes, sections: Any, type_: bytes, canonical: bool,
        hash_: bytes, stand: Stand,
    ) -> None:  # fmt: skip
        holds_anchor = b'"anchor"' in parts
        told = type_ in TELLING or holds_anchor
        if type_ == ANCHOR_TYPE and holds_anchor and self._closed:
            told = False  # without its key, an anchor tells nothing
        if told or not (self._closed or _ONE_PLAIN.fullmatch(parts)):
            stand.left.append(where[0])
            stand.left_hashes += hash_
            return
        if check_sections(parts, sections, OPEN_CLASSES, where, stand.opening, canonical=canonical) is not None:
            give_up(f"sections of entry {where[0]}")
