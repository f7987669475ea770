"""What has to be known of a run of entries, whose own rules all hold, to join it to the runs before and after it."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from ledger.proof.tree import HASH_BYTES, Frontier

Place: TypeAlias = tuple[int, int, str, str, str]
"""Where in a command an entry stands, or is to stand: n, of, and the command's id, digest and time."""


class GiveUp(Exception):  # noqa: N818 - no error: it says that the reference has to look
    """Something is wrong, or unusual: the fast way has nothing to say about this ledger."""


def give_up(why: str) -> NoReturn:
    raise GiveUp(why)


@dataclass(slots=True)
class Run:
    """Entries from `start` to `end` - 1; its blocks have one size, but for the last one of the book."""

    start: int
    end: int
    prev: str
    """`prev` of the first entry, in hex."""
    hash: str
    """The leaf hash of the last entry, in hex."""
    first_at: str
    last_at: str
    begins: Place | None
    """Where in its command the first entry stands, if that began before it."""
    pending: Place | None
    """Where in its command the next entry has to stand, if that goes on."""
    first: dict[int, int]
    """The first version of each stream, and the last one."""
    last: dict[int, int]
    closed: dict[str, int] = field(default_factory=dict)
    """Of each class, how many sections were found to be sealed, and left closed."""
    left: "array[int]" = field(default_factory=lambda: array("q"))
    """Entries whose sections are left to the reference; and their leaf hashes."""
    left_hashes: bytearray = field(default_factory=bytearray)
    trees: list[tuple[int, bytes]] = field(default_factory=list)
    """The blocks, as size and frontier."""
    wanted: Mapping[int, bytes] = field(default_factory=dict)
    """Frontiers within blocks: size of the book -> hashes of the entries from the beginning of its block on."""
    commands: int = 0
    """How many rows have a command in their column."""

    def join(self, after: "Run") -> "Run":
        """This run and the one that follows it. Raises GiveUp where they do not fit."""
        if self.end != after.start or self.hash != after.prev:
            give_up(f"the chain is broken at entry {after.start}")
        if self.last_at > after.first_at:
            give_up(f"time runs backwards at entry {after.start}")
        if self.pending != after.begins:
            give_up(f"a command is cut at entry {after.start}")
        first, last = self._join_versions(after)
        for name, count in after.closed.items():
            self.closed[name] = self.closed.get(name, 0) + count
        return Run(
            self.start, after.end, self.prev, after.hash, self.first_at, after.last_at, self.begins, after.pending,
            first, last, self.closed, self.left + after.left, self.left_hashes + after.left_hashes,
            self.trees + after.trees, {**self.wanted, **after.wanted}, self.commands + after.commands,
        )  # fmt: skip

    def _join_versions(self, after: "Run") -> tuple[dict[int, int], dict[int, int]]:
        """First and last version of each stream of both; the larger run takes in the smaller one."""
        for stream in self.last.keys() & after.first.keys():
            if after.first[stream] != self.last[stream] + 1:
                give_up(f"versions of stream {stream} do not follow each other")
        if len(self.first) >= len(after.first):
            first, last = self.first, self.last
            for stream, version in after.first.items():
                first.setdefault(stream, version)
            last.update(after.last)
        else:
            first, last = after.first, after.last
            first.update(self.first)
            for stream, version in self.last.items():
                last.setdefault(stream, version)
        return first, last


def frontiers(run: Run, block: int) -> tuple[Frontier, dict[int, Frontier]]:
    """The tree of a run from entry 0 on, and as it stood at each size that was wanted.

    A block (of a power of two of entries, from a multiple of that on) is a perfect subtree, so that the blocks make up
    a tree by themselves; all but the last one have to be whole.
    """
    size, blocks, end = 0, Frontier(), b""
    found: dict[int, Frontier] = {}
    wanted = sorted(run.wanted)
    for count, hashes in run.trees:
        if end:
            give_up("a block follows one that is not whole")
        while wanted and wanted[0] < size + count:
            at = wanted.pop(0)
            found[at] = Frontier.from_bytes(at, blocks.to_bytes() + run.wanted[at])
        size += count
        if count == block and len(hashes) == HASH_BYTES:
            blocks.append(hashes)
        else:
            end = hashes
        if wanted and wanted[0] == size:
            found[wanted.pop(0)] = Frontier.from_bytes(size, blocks.to_bytes() + end)
    return Frontier.from_bytes(size, blocks.to_bytes() + end), found
