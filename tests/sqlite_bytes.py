"""What each byte of an SQLite database is for, told from the bytes alone: https://www.sqlite.org/fileformat2.html.

An independent reader, for tests that ask whether a byte means anything: `uses` walks the header (1.3), the free list
(1.5), and from the schema on each b-tree with its cells and overflow pages (1.6), and names every byte of the file.

1. Nothing is repaired: it is for files that SQLite itself finds sound. Anything else raises ValueError.
2. Auto-vacuum, which adds pages of pointers, is not used by ledgers and is refused. The first column of each table
   with rowids is taken to be its INTEGER PRIMARY KEY, as it is in ledgers.
"""

import struct
from collections.abc import Iterator
from typing import Final

UNALLOCATED: Final = "space between cell pointers and cells"
FRAGMENT: Final = "fragment between cells"
FREE_BLOCK: Final = "free block within a page"
FREE_PAGE: Final = "free page"
TRUNK_REST: Final = "rest of a page of the free list"
OVERFLOW_REST: Final = "rest of the last overflow page"
PADDING: Final = "padding of a short cell"
RESERVED: Final = "reserved at the end of each page"
EXPANSION: Final = "header: reserved for expansion"
SCHEMA_NUMBER: Final = "rowid in the schema"
KEY_TYPE: Final = "type of a key that is the rowid"
UNUSED: Final = frozenset(
    {UNALLOCATED, FRAGMENT, FREE_BLOCK, FREE_PAGE, TRUNK_REST, OVERFLOW_REST, PADDING, RESERVED, EXPANSION}
)
"""What no reader of SQLite looks at."""

_HEADER: Final = (
    (16, "header: magic"),
    (18, "header: page size"),
    (19, "header: write version"),
    (20, "header: read version"),
    (21, "header: reserved bytes a page"),
    (24, "header: payload fractions"),
    (28, "header: file change counter"),
    (32, "header: pages"),
    (36, "header: first page of the free list"),
    (40, "header: free pages"),
    (44, "header: schema cookie"),
    (48, "header: schema format"),
    (52, "header: default cache size"),
    (56, "header: largest root page"),
    (60, "header: text encoding"),
    (64, "header: user version"),
    (68, "header: incremental vacuum"),
    (72, "header: application id"),
    (92, EXPANSION),
    (96, "header: version-valid-for"),
    (100, "header: version of SQLite"),
)
_TABLE_LEAF, _TABLE_INNER, _INDEX_LEAF, _INDEX_INNER = 13, 5, 10, 2


def uses(data: bytes) -> list[str]:
    """The use of each byte of a database. Raises ValueError for what is not one, or not sound."""
    walk = _Walk(data)
    walk.header()
    walk.free_list()
    for root in (1, *walk.roots()):
        walk.tree(root, schema=root == 1)
    return walk.done()


class _Walk:
    def __init__(self, data: bytes) -> None:
        size = int.from_bytes(data[16:18], "big")
        self.data, self.page_size = data, 65536 if size == 1 else size
        self.usable = self.page_size - data[20]
        if len(data) % self.page_size or int.from_bytes(data[52:56], "big"):
            raise ValueError("not whole pages, or auto-vacuum")
        self.names: list[str | None] = [None] * len(data)
        self.seen: set[int] = set()

    def mark(self, start: int, end: int, name: str) -> None:
        if any(name is not None for name in self.names[start:end]):
            raise ValueError(f"two things claim bytes {start} to {end}: {name}")
        self.names[start:end] = [name] * (end - start)

    def number(self, at: int, length: int) -> int:
        return int.from_bytes(self.data[at : at + length], "big")

    def take(self, page: int) -> int:
        """The offset of a page, which nothing else may use; its reserved end is named."""
        if page in self.seen or not 0 < page <= len(self.data) // self.page_size:
            raise ValueError(f"page {page} does not exist, or has two uses")
        self.seen.add(page)
        base = (page - 1) * self.page_size
        self.mark(base + self.usable, base + self.page_size, RESERVED)
        return base

    def done(self) -> list[str]:
        missing = set(range(1, len(self.data) // self.page_size + 1)) - self.seen
        if missing:
            raise ValueError(f"pages {missing} belong to nothing")
        return [FRAGMENT if name is None else name for name in self.names]

    def header(self) -> None:
        start = 0
        for end, name in _HEADER:
            self.mark(start, end, name)
            start = end

    def free_list(self) -> None:
        trunk = self.number(32, 4)
        while trunk:
            base = self.take(trunk)
            trunk, count = self.number(base, 4), self.number(base + 4, 4)
            leaves = base + 8 + 4 * count
            self.mark(base, leaves, "free list")
            self.mark(leaves, base + self.usable, TRUNK_REST)
            for at in range(base + 8, leaves, 4):
                leaf = self.take(self.number(at, 4))
                self.mark(leaf, leaf + self.usable, FREE_PAGE)

    def roots(self) -> Iterator[int]:
        """The root pages that the schema names: the fourth column of its rows, 0 or NULL for what has none."""
        for payload in self._payloads(1):
            at, kinds = 0, list[int]()
            end, at = _varint(payload, at)
            while at < end:
                kind, at = _varint(payload, at)
                kinds.append(kind)
            start = end + sum(map(_length, kinds[:3]))
            page = {8: 0, 9: 1}.get(kinds[3], int.from_bytes(payload[start : start + _length(kinds[3])], "big"))
            if page:
                yield page

    def tree(self, page: int, *, schema: bool = False) -> None:
        """A b-tree from this page down; `schema`: that of the table sqlite_schema."""
        base = self.take(page)
        at = base + (100 if page == 1 else 0)
        kind, block, count, start, _ = struct.unpack_from(">BHHHB", self.data, at)
        inner = kind in (_TABLE_INNER, _INDEX_INNER)
        pointers = at + (12 if inner else 8)
        self.mark(at, pointers, "page header")
        self.mark(pointers, pointers + 2 * count, "cell pointers")
        self.mark(pointers + 2 * count, base + (start or 65536), UNALLOCATED)
        while block:
            following, size = self.number(base + block, 2), self.number(base + block + 2, 2)
            self.mark(base + block, base + block + 4, "header of a free block")
            self.mark(base + block + 4, base + block + size, FREE_BLOCK)
            block = following
        for pointer in range(pointers, pointers + 2 * count, 2):
            self._cell(kind, base + self.number(pointer, 2), schema)
        if inner:
            self.tree(self.number(at + 8, 4), schema=schema)

    def _cell(self, kind: int, start: int, schema: bool) -> None:
        at = number = start
        child = 0
        if kind in (_TABLE_INNER, _INDEX_INNER):
            child, at = self.number(at, 4), at + 4
        if kind == _TABLE_INNER:
            _, at = _varint(self.data, at)
            self.mark(start, at, "cell of an inner page")
        else:
            length, at = _varint(self.data, at)
            if kind == _TABLE_LEAF:
                number = at
                _, at = _varint(self.data, at)
            local = self._local(kind, length)
            end = at + local + (4 if local < length else 0)
            self.mark(start, end, "cell")
            if kind == _TABLE_LEAF and schema:
                self.names[number:at] = [SCHEMA_NUMBER] * (at - number)
            elif kind == _TABLE_LEAF:
                self.names[_varint(self.data, at)[1]] = KEY_TYPE
            if end - start < 4:
                self.mark(end, start + 4, PADDING)
            if local < length:
                self._overflow(self.number(end - 4, 4), length - local)
        if child:
            self.tree(child, schema=schema)

    def _overflow(self, page: int, left: int) -> None:
        while left:
            base = self.take(page)
            page, here = self.number(base, 4), min(left, self.usable - 4)
            self.mark(base, base + 4 + here, "overflow page")
            self.mark(base + 4 + here, base + self.usable, OVERFLOW_REST)
            left -= here

    def _local(self, kind: int, length: int) -> int:
        """How much of a payload lies in its cell."""
        most = self.usable - 35 if kind == _TABLE_LEAF else (self.usable - 12) * 64 // 255 - 23
        least = (self.usable - 12) * 32 // 255 - 23
        if length <= most:
            return length
        wanted = least + (length - least) % (self.usable - 4)
        return wanted if wanted <= most else least

    def _payloads(self, page: int) -> Iterator[bytes]:
        """The payloads of the rows of a table; read before the walk, which names the bytes."""
        base = (page - 1) * self.page_size
        at = base + (100 if page == 1 else 0)
        inner, count = self.data[at] == _TABLE_INNER, self.number(at + 3, 2)
        pointers = at + (12 if inner else 8)
        for pointer in range(pointers, pointers + 2 * count, 2):
            cell = base + self.number(pointer, 2)
            if inner:
                yield from self._payloads(self.number(cell, 4))
                continue
            length, cell = _varint(self.data, cell)
            _, cell = _varint(self.data, cell)
            local = self._local(_TABLE_LEAF, length)
            payload, following = self.data[cell : cell + local], cell + local
            while len(payload) < length:
                over = (self.number(following, 4) - 1) * self.page_size
                payload += self.data[over + 4 : over + self.usable][: length - len(payload)]
                following = over
            yield payload
        if inner:
            yield from self._payloads(self.number(at + 8, 4))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where it ends (1.6)."""
    value = 0
    for index in range(at, at + 8):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    return value << 8 | data[at + 8], at + 9


def _length(kind: int) -> int:
    """How many bytes a value of this serial type has (2.1)."""
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind] if kind < 10 else (kind - 12) // 2
