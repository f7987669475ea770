"""A log as a set of static files, from which any proof can be computed (c2sp.org/tlog-tiles).

    checkpoint                            the signed note; not made here
    tile/<level>/<index>[.p/<width>]      256 hashes (or `width` of them, in the last tile of a level)
    tile/entries/<index>[.p/<width>]      as many entries, each after its length in two bytes, big-endian

The hashes of level 0 are leaf hashes; each one above is the root over a full tile of the level below.

1. Nothing is held but one unfinished tile per level, so a log of any length streams through.
2. A tree has the partial tiles of its own size only, and no empty ones.
3. What is read is checked for its size; whether the hashes are true shows in the root that they give, which the
   reader compares with that of a verified checkpoint.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.proof.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash, root

WIDTH: Final = 256
"""Hashes in a full tile, entries in a full bundle."""
ENTRIES: Final = -1
"""The level under which a `Tile` stands for a bundle of entries."""
MAX_ENTRY_BYTES: Final = 65_535
_HEIGHT: Final = 8
_MAX_LEVEL: Final = 63
_PATH: Final = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class TileError(ValueError):
    """A tile that does not exist or is not what its path says, or an entry that fits into none."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Which tile: its level (ENTRIES for a bundle), its index from 0, and how many of the 256 it holds."""

    level: int
    index: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        if not ENTRIES <= self.level <= _MAX_LEVEL:
            raise TileError(f"a tile has a level from 0 to {_MAX_LEVEL}, not {self.level}")
        if not 1 <= self.width <= WIDTH:
            raise TileError(f"a tile is 1 to {WIDTH} wide, not {self.width}")
        if not 0 <= self.index <= MAX_SIZE:
            raise TileError("the index of a tile is not from 0 to 2^63 - 1")

    @property
    def path(self) -> str:
        """Where the log has it, below its prefix."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join((*(f"x{group}" for group in groups[:-1]), groups[-1]))
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{name}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """The tile at a path. Raises TileError if none has such a one."""
        if len(path) <= 80 and (matched := _PATH.fullmatch(path)):
            level, index, width = matched.groups()
            number = int(index.replace("x", "").replace("/", ""))
            tile = cls(ENTRIES if level == "entries" else int(level), number, int(width or WIDTH))
            if tile.path == path:  # one tile, one path: neither leading groups of zeros nor `.p/256`
                return tile
        raise TileError(f"no tile has the path {path[:80]!r}")


def tile_path(level: int, index: int, width: int | None = None) -> str:
    """The path of a tile of hashes; with a width (1 to 255), of a partial one. Raises TileError."""
    return Tile(level, index, _width(width)).path


def entries_path(index: int, width: int | None = None) -> str:
    """The path of a bundle of entries; with a width (1 to 255), of a partial one. Raises TileError."""
    return Tile(ENTRIES, index, _width(width)).path


def tiles(size: int) -> Iterator[Tile]:
    """All tiles of hashes of a tree of this size, level by level."""
    level, count = 0, size
    while count:
        yield from _row(level, count)
        level, count = level + 1, count >> _HEIGHT


def bundles(size: int) -> Iterator[Tile]:
    """All bundles of entries of a tree of this size."""
    return _row(ENTRIES, size)


def hash_tiles(leaf_hashes: Iterable[bytes]) -> Iterator[tuple[Tile, bytes]]:
    """The tiles over these leaf hashes and their contents, each as soon as it is full, the partial ones at the end."""
    open_tiles: list[list[bytes]] = []
    done: list[int] = []
    for leaf in leaf_hashes:
        level, found = 0, leaf
        while True:
            if level == len(open_tiles):
                open_tiles.append([])
                done.append(0)
            tile = open_tiles[level]
            tile.append(found)
            if len(tile) < WIDTH:
                break
            yield Tile(level, done[level]), b"".join(tile)
            found = root(tile)
            tile.clear()
            done[level] += 1
            level += 1
    for level, tile in enumerate(open_tiles):
        if tile:
            yield Tile(level, done[level], len(tile)), b"".join(tile)


def entry_bundles(entries: Iterable[bytes]) -> Iterator[tuple[Tile, bytes]]:
    """The bundles of these entries and their contents, in order. Raises TileError for an entry too long."""
    parts: list[bytes] = []
    index = 0
    for number, entry in enumerate(entries):
        if len(entry) > MAX_ENTRY_BYTES:
            raise TileError(
                f"entry {number} has {len(entry):,} bytes; a bundle of tlog-tiles holds entries up to"
                f" {MAX_ENTRY_BYTES:,} bytes, so this log cannot be written as tiles"
            )
        parts.append(len(entry).to_bytes(2, "big") + entry)
        if len(parts) == WIDTH:
            yield Tile(ENTRIES, index), b"".join(parts)
            parts.clear()
            index += 1
    if parts:
        yield Tile(ENTRIES, index, len(parts)), b"".join(parts)


def hashes_of(tile: Tile, data: bytes) -> list[bytes]:
    """The hashes in a tile. Raises TileError if their number is another than its width."""
    if len(data) != tile.width * HASH_BYTES:
        raise TileError(f"{tile.path}: has {len(data):,} bytes, not {tile.width} hashes of {HASH_BYTES}")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def entries_of(tile: Tile, data: bytes) -> list[bytes]:
    """The entries in a bundle. Raises TileError if they are not as many as its width, to the last byte."""
    found, at = [], 0
    for number in range(tile.width):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if len(data) < max(at, start):
            raise TileError(f"{tile.path}: ends within entry {number} of {tile.width}")
        found.append(data[start:at])
    if at != len(data):
        raise TileError(f"{tile.path}: goes on for {len(data) - at:,} bytes after its {tile.width} entries")
    return found


class TileReader:
    """Root and proofs of a tree of `size` leaves out of its tiles, which `fetch` gives by path.

    They are as true as the tiles: compare `root` with that of a verified checkpoint. Proofs say it by themselves.
    """

    def __init__(self, size: int, fetch: Callable[[str], bytes]) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise TileError("the size of a tree is not from 0 to 2^63 - 1")
        self._size, self._fetch = size, fetch

    def root(self) -> bytes:
        """The root that the tiles give. Raises TileError."""
        return self._range(0, self._size) if self._size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """As `ledger.proof.tree.inclusion_proof`. Raises TileError."""
        if not 0 <= index < self._size:
            raise TileError(f"there is no leaf {index} among {self._size}")
        start, end, path = 0, self._size, list[bytes]()
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, size1: int) -> list[bytes]:
        """As `ledger.proof.tree.consistency_proof`, from the tree of `size1` leaves to this one. Raises TileError."""
        if not 0 < size1 <= self._size:
            raise TileError(f"there is no consistency proof from {size1} to {self._size} leaves")
        start, end, path = 0, self._size, list[bytes]()
        while end != size1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if size1 <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        if start > 0:
            path.append(self._range(start, end))
        return path[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """The root over the leaves from `start` to before `end`, as RFC 9162 splits them."""
        count = end - start
        if count & (count - 1):
            middle = start + (1 << count.bit_length() - 1)
            return node_hash(self._range(start, middle), self._range(middle, end))
        level, height = divmod(count.bit_length() - 1, _HEIGHT)
        first = start >> (level * _HEIGHT)
        index, at = divmod(first, WIDTH)
        return root(self._hashes(level, index)[at : at + (1 << height)])

    def _hashes(self, level: int, index: int) -> Sequence[bytes]:
        count = (self._size >> (level * _HEIGHT)) - index * WIDTH
        tile = Tile(level, index, min(count, WIDTH))
        return hashes_of(tile, self._fetch(tile.path))


def _row(level: int, count: int) -> Iterator[Tile]:
    full, rest = divmod(count, WIDTH)
    for index in range(full):
        yield Tile(level, index)
    if rest:
        yield Tile(level, full, rest)


def _width(width: int | None) -> int:
    if width == WIDTH:
        raise TileError("a partial tile is 1 to 255 wide")
    return WIDTH if width is None else width
