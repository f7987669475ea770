"""Common rows of the open book, walked through one after another.

The common row (of a command, with one plain section, in ASCII) is compared with the entry that it ought to have:
commitment, `prev`, `seq`, stream and version are written down from what was computed and from the columns, and what is
left (actor, time, command, ids, type) is looked at by itself. Actors and types that are as the grammar has them are
remembered, each with all the bytes that the grammar was asked about. Each byte of an entry is compared or looked at.

Whatever is not as it ought to be raises GiveUp, or is not common; nothing is ever reported from here. `kernel.pyx` does
the same in C.
"""

import re
from datetime import datetime
from typing import Any, Final

from ledger.proof.entry import MAX_ENTRY, V
from ledger.proof.sections import MAX_PAYLOAD, SALT_BYTES
from ledger.verifying.payloads import Shape, is_canonical_object, learn
from ledger.verifying.plain_rows import TELLING, Stand
from ledger.verifying.run import give_up

_TELLING: Final = frozenset(type_.decode() for type_ in TELLING)
_FRAME: Final = 5
_SALTED: Final = _FRAME + SALT_BYTES
_HEX: Final = b"0123456789abcdef"
_CLEAN: Final = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
"""What stands in a string as it is."""
_LONGEST_COMMAND: Final = 4096
_REMEMBERED: Final = 1 << 14
_COUNTS: Final = {str(count): count for count in range(1, 1025)}

# Pieces of a row that is common, in ASCII, without escapes.
_STRING: Final = r'"([ !#-\[\]-~]{0,1000}+)"'
_ACTOR: Final = re.compile(rf'\{{"actor":\{{"id":{_STRING},"org":{_STRING},"role":{_STRING}\}}')
_TAIL: Final = re.compile(rf'({_STRING[1:]}),"v":"{re.escape(V)}","version":([1-9][0-9]{{0,14}})\}}')
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIMES: Final = re.compile(rf"(?:{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{6}}Z)*+")
_SHORTEST: Final = 150
"""No entry has its id before that."""
_BEFORE_AT: Final = len(',"at":"')
_AT: Final = len("2020-05-04T09:30:00.000000Z")
_BEFORE_DIGEST: Final = '","command":{"digest":"'
_DIGEST: Final = _AT + len(_BEFORE_DIGEST)
_AFTER_DIGEST: Final = _DIGEST + 64
_BEFORE_N: Final = len('","id":"","n":')
_ID: Final = len('},"id":"')
_AFTER_ID: Final = _ID + 32


class _Frames(dict[int, bytes]):
    """What the frame of one readable section begins with, by the length of what is stored."""

    def __missing__(self, length: int) -> bytes:
        if not _SALTED <= length <= _SALTED + MAX_PAYLOAD:
            return b"\xff"  # no frame begins so
        if len(self) >= _REMEMBERED:
            self.clear()
        begin = self[length] = b"\x00" + (length - _FRAME).to_bytes(4, "big")
        return begin


class CommonRows:
    """Walks through the common rows of one ledger."""

    def __init__(self, names: dict[Any, str], origin: str) -> None:
        """`names` as reading.py has them, `origin` as entries have it."""
        self._names = names
        self._between = f'","origin":"{origin}","parts":[{{"class":"plain","commit":"'
        self._frames = _Frames()
        self._actors = set[str]()
        self._tails = dict[str, tuple[int, list[Shape]]]()
        self._shapes = dict[str, list[Shape]]()
        self._days = set[str]()

    def take(
        self, rows: list[tuple[Any, ...]], hashes: list[bytes], commits: list[bytes], index: int, stand: Stand
    ) -> int:
        """The index of the first row from `index` on that is not common; `stand` has come up to it.

        `hashes` are those of the entries, `commits` the commitments to what is stored as their sections. What `stand`
        goes on from is known: no row here is the first of its block. Raises GiveUp.
        """
        between, names, frames = self._between, self._names, self._frames
        actors, tails, counts, first, versions = self._actors, self._tails, _COUNTS, stand.first, stand.versions
        ids, digests, commands, times = list[str](), list[str](), list[str](), list[str]()
        texts, others, after_id = list[bytes](), list[tuple[bytes, list[Shape]]](), _AFTER_ID
        prev, at, head, n, of, (command_id, digest) = stand.prev, stand.at, stand.head, stand.n, stand.of, stand.command
        expected = f'{head}{n},"of":{of}'

        for (seq, key, version, command, entry, sections), commit, hash_ in zip(
            rows[index:], map(bytes.hex, commits[index:]), map(bytes.hex, hashes[index:]), strict=True
        ):
            try:
                text = str(entry, "ascii") if len(entry) <= MAX_ENTRY else ""
            except UnicodeDecodeError:
                text = ""
            cut = text.find('},"id":"', _SHORTEST)
            known = f'{between}{commit}"}}],"prev":"{prev}","seq":{seq}{names[key]}'
            common = text.startswith(known, cut + after_id) and sections.startswith(frames[len(sections)])
            if common:
                tail = text[cut + after_id + len(known) :]
                tail_version, shapes = tails.get(tail) or self._knows_tail(tail)
                common = tail_version == version
            if not common:
                pass
            elif n:
                common = command is None and text[:cut] == expected
            else:
                begin = text.find(',"at":"', 20)
                actor, rest = text[:begin], text[begin + _BEFORE_AT : cut]
                before_of = f'","id":"{command}","n":0,"of":'
                events = counts.get(rest[_AFTER_DIGEST + len(before_of) :], 0)
                common = (
                    events > 0
                    and rest.startswith(before_of, _AFTER_DIGEST)
                    and rest.startswith(_BEFORE_DIGEST, _AT)
                    and (actor in actors or self._knows_actor(actor))
                )
                if common:
                    if rest[:_AT] != at:
                        if rest[:_AT] < at:
                            give_up(f"time of entry {seq}")
                        at = rest[:_AT]
                        times.append(at)
                    command_id, digest, of = command, rest[_DIGEST:_AFTER_DIGEST], events
                    digests.append(digest)
                    commands.append(command)
                    if of > 1:
                        head = text[: begin + _BEFORE_AT + _AFTER_DIGEST + _BEFORE_N + len(command)]
            if not common:
                break
            ids.append(text[cut + _ID : cut + after_id])
            payload = sections[_SALTED:]
            for matches in shapes:
                if matches(payload):
                    if not payload.isascii():
                        texts.append(payload)
                    break
            else:
                others.append((payload, shapes))
            last = versions.get(key)
            if last is None:
                first[key] = version
            elif version != last + 1:
                give_up(f"version of entry {seq}")
            versions[key] = version
            if n + 1 == of:
                n = 0
            else:
                n += 1
                expected = f'{head}{n},"of":{of}'
            prev = hash_
            index += 1

        stand.prev, stand.at, stand.head, stand.n, stand.of, stand.command = (
            prev, at, head, n, of, (command_id, digest)
        )  # fmt: skip
        self._look_at(ids, digests, commands, times)
        b"".join(texts).decode()  # each ends in ASCII
        for payload, known_shapes in others:
            if not is_canonical_object(payload):
                give_up("a payload is not canonical")
            learn(known_shapes, payload)
        return index

    def _look_at(self, ids: list[str], digests: list[str], commands: list[str], times: list[str]) -> None:
        """The members of common rows that stand for themselves, all of a chunk at once."""
        if "".join(ids + digests).encode().translate(None, _HEX):
            give_up("an id or digest is not hex")
        if "".join(commands).encode().translate(None, _CLEAN) or not all(commands):
            give_up("an id of a command is unusual")
        if max(map(len, commands), default=0) > _LONGEST_COMMAND:
            give_up("an id of a command is long")
        if not _TIMES.fullmatch("".join(times)):
            give_up("a time is none")
        for day in {at[:10] for at in times} - self._days:
            datetime.fromisoformat(day)
            self._days.add(day)

    def _knows_actor(self, text: str) -> bool:
        """Whether an entry begins so, up to its time; if it does, that is remembered."""
        if not _ACTOR.fullmatch(text):
            return False
        if len(self._actors) >= _REMEMBERED:
            self._actors.clear()
        self._actors.add(text)
        return True

    def _knows_tail(self, text: str) -> tuple[int, list[Shape]]:
        """The version, if an entry ends so, from the value of its type on, and the shapes that payloads of it have.

        No version where it does not, or where somebody asks for events of this type.
        """
        match = _TAIL.fullmatch(text)
        if match is None or match[2] in _TELLING:
            return -1, []
        if len(self._tails) >= _REMEMBERED:
            self._tails.clear()
            self._shapes.clear()
        known = self._tails[text] = int(match[3]), self._shapes.setdefault(match[2], [])
        return known
