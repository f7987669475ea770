"""What a writer hands to a recorder: drafts of entries, complete but for what only the append lock knows.

An open draft is three fragments of canonical bytes around `at`, `prev` and `seq`. A sealed draft is kept as
values: its version may be known only under the lock (a masked person's command must not read the sealed book), and
its header, and so its commitment, depends on it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from eventsourcing.persistence import DataError

from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor, OpenTemplate, parts_json
from ledger.proof.sealing import KEY_BYTES, BookKeys, DestroyedError, enter_sealed, key_stream
from ledger.proof.sections import ENCRYPTED, MAX_PAYLOAD, enter

_LONGEST_NAMES: Final = 8192  # each character may take six bytes in an entry of at most 65,536


class Randomness(Protocol):
    """Where salts and ids come from: one source a book, so that the open one never tells of the sealed one."""

    def open(self, count: int) -> bytes: ...

    def sealed(self, count: int) -> bytes: ...


class WritingKeys(BookKeys, Protocol):
    """The keys of whoever records: missing data keys are made when the first section needs them."""

    def make_section_key(self, section_class: str, stream: str, random: Callable[[int], bytes]) -> bytes:
        """The data key of a class and stream, made durable before it is given where there was none yet."""


@dataclass(frozen=True, slots=True)
class CommandMark:
    """Which command an event belongs to: its id (empty for a raw event) and the keyed digest of all it said.

    `sealed_id`: under which the sealed half of an open command is kept, where not under its id. No command of the
    sealed book has it, so that nobody's open command can be refused for an id that was given to a sealed one.
    """

    id: str
    digest: str
    sealed_id: str | None = None


class OpenDraft(NamedTuple):
    """An open entry to be. (A tuple, as the append below: one is made for each event, and tuples are made fastest.)"""

    stream: str
    version: int
    command: str | None
    """The command's id where this is its first event, for the lookup of repeated commands."""
    fragments: tuple[str, str, str]
    sections: bytes


@dataclass(frozen=True, slots=True)
class SealedDraft:
    """A sealed entry to be; `version` None means the next free one, whatever that is."""

    stream: str
    version: int | None
    type: str
    actor: Actor
    payloads: Sequence[tuple[str, bytes]]
    n: int
    of: int


@dataclass(frozen=True, slots=True)
class Guard:
    """The stream must stand at this version (0: nothing on it yet) when the append happens."""

    book: Book
    stream: str
    version: int


class Append(NamedTuple):
    """One command's events, to be recorded together or not at all."""

    command: CommandMark
    open: Sequence[OpenDraft] = ()
    sealed: Sequence[SealedDraft] = ()
    guards: Sequence[Guard] = ()


class Recorded(NamedTuple):
    """Where a command's events stand: the first seq and the count in each book. `repeated`: they were there before."""

    open_seq: int
    open_count: int
    sealed_seq: int
    sealed_count: int
    at: str
    repeated: bool = False


class Drafter:
    """Drafts the open entries of one command: salts, commits and assembles."""

    __slots__ = ("_command", "_keys", "_origin", "_random", "_template")

    def __init__(
        self,
        origin: str,
        actor: Actor,
        command: CommandMark,
        random: Callable[[int], bytes],
        keys: WritingKeys | None = None,
    ) -> None:
        self._template = OpenTemplate(actor, command.digest, command.id, origin)
        self._command = command.id or None
        self._origin = origin
        self._random = random
        self._keys = keys

    def draft(
        self, stream: str, version: int, type_: str, payloads: Sequence[tuple[str, bytes]], n: int = 0, of: int = 1
    ) -> OpenDraft:
        """A draft of the command's event `n` of `of`; `payloads` are (class, canonical bytes), sorted by class.

        Raises DataError for what the format has no room for.
        """
        drawn = self._random(16 + 32 * len(payloads))
        position, parts, frames = 16, [], []
        for index, (name, payload) in enumerate(payloads):
            if len(payload) > MAX_PAYLOAD:
                raise DataError(f"a section of {len(payload)} bytes: the format has room for {MAX_PAYLOAD}")
            salt = drawn[position : position + 32]
            if name in ENCRYPTED:
                if self._keys is None:
                    raise DataError(f"a section of class {name} cannot be recorded without the keys of the ledger")
                key = self._key(name, stream, payload)
                commit, framed = enter_sealed(
                    key, self._origin, stream, version, drawn[:16].hex(), index, name, salt, payload
                )
            else:
                commit, framed = enter(salt, payload)
            parts.append((name, commit))
            frames.append(framed)
            position += 32
        if len(stream) + len(type_) > _LONGEST_NAMES:
            raise DataError("stream and type are longer than an entry has room for")
        fragments = self._template.fragments(n, of, drawn[:16].hex(), parts_json(parts), stream, type_, version)
        return OpenDraft(stream, version, None if n else self._command, fragments, b"".join(frames))

    def _key(self, section_class: str, stream: str, payload: bytes) -> bytes:
        """The data key of a section. After an erasure there is none: what says nothing is sealed under a key that is
        drawn for it and kept nowhere, so that an event has the sections of its type. Raises DestroyedError.
        """
        assert self._keys is not None
        try:
            return self._keys.make_section_key(section_class, key_stream(section_class, stream), self._random)
        except DestroyedError:
            if not _is_empty(payload):
                raise
            return self._random(KEY_BYTES)


def _is_empty(payload: bytes) -> bool:
    """Whether a section says nothing: its fields are left out, or lists without members."""
    return not any(json.loads(payload).values())


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the ledger itself records in the open book, beside the events of commands.

    Anchors, after every `every` open entries: `anchor(size, root, version, at)` drafts the next one (`version` on the
    stream `anchors`) for a sealed book of `size` entries with tree head `root`. The cadence counts open entries, and
    nothing else. Clock steps: `step(shown, last, version)` drafts one where our clock shows a time before the last.
    """

    anchors: str
    anchor: Callable[[int, bytes, int, str], OpenDraft]
    clock: str
    step: Callable[[str, str, int], OpenDraft]
    every: int = 64
