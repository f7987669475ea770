"""The zip of a bundle: every byte of it that is not content is laid down here, so that no two parsers differ over it.

For each file a local header (PKWARE APPNOTE 4.3.7) and its bytes, stored; then the central directory (4.3.12) and its
end (4.3.16), and nothing between, before or after. Flags, time, comments: none. Date 1980-01-01, made by Unix, a
regular file of mode 644. Zip64 (4.3.14, 4.3.15, 4.5.3) where a size, an offset or the number of files needs it, and
only there.

Reading walks the local headers from the first byte on, and compares what follows with the one central directory that
they imply. What differs is refused: there is no other way to write these files into a bundle.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from ledger.proof.bundle import MAX_MEMBERS, MAX_NAME, BundleError, in_order, is_known

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64_MAGIC, _LOCATOR_MAGIC = b"PK\x06\x06", b"PK\x06\x07"
_DATE: Final = 0x0021
_PLAIN, _ZIP64 = 10, 45
_UNIX: Final = 3 << 8
_MODE: Final = 0o100644 << 16
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF
_PRINTABLE: Final = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a bundle: where its bytes begin, how many they are, and their CRC-32 as the headers have it."""

    start: int
    size: int
    crc: int


def local_header(name: str, size: int, crc: int) -> bytes:
    """What stands before the bytes of a file."""
    encoded, extra, shown = name.encode("ascii"), b"", size
    if size >= _FULL:
        extra, shown = struct.pack("<2H2Q", 1, 16, size, size), _FULL
    needed = _ZIP64 if extra else _PLAIN
    fixed = _LOCAL.pack(_LOCAL_MAGIC, needed, 0, 0, 0, _DATE, crc, shown, shown, len(encoded), len(extra))
    return fixed + encoded + extra


def central_header(name: str, size: int, crc: int, offset: int) -> bytes:
    """What stands for a file in the central directory; `offset` is that of its local header."""
    encoded, wide = name.encode("ascii"), b""
    if size >= _FULL:
        wide += struct.pack("<2Q", size, size)
    if offset >= _FULL:
        wide += struct.pack("<Q", offset)
    extra = struct.pack("<2H", 1, len(wide)) + wide if wide else b""
    needed, shown = _ZIP64 if extra else _PLAIN, min(size, _FULL)
    fixed = _CENTRAL.pack(
        _CENTRAL_MAGIC, _UNIX | needed, needed, 0, 0, 0, _DATE, crc, shown, shown, len(encoded), len(extra), 0, 0, 0,
        _MODE, min(offset, _FULL),
    )  # fmt: skip
    return fixed + encoded + extra


def end_of(count: int, offset: int, size: int) -> bytes:
    """What follows the central directory of `count` files, which begins at `offset` and has `size` bytes."""
    wide = b""
    if count >= _FULL_COUNT or offset >= _FULL or size >= _FULL:
        wide = _END64.pack(
            _END64_MAGIC, _END64.size - 12, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, offset
        ) + _LOCATOR.pack(_LOCATOR_MAGIC, 0, offset + size, 1)
    shown = min(count, _FULL_COUNT)
    return wide + _END.pack(_END_MAGIC, 0, 0, shown, shown, min(size, _FULL), min(offset, _FULL), 0)


def ending(members: Iterable[tuple[str, Member]], offset: int) -> Iterator[bytes]:
    """The central directory of these files, which begins at `offset`, and its end."""
    count = size = 0
    for name, member in members:
        header = central_header(name, member.size, member.crc, member.start - local_size(name, member.size))
        count, size = count + 1, size + len(header)
        yield header
    yield end_of(count, offset, size)


def local_size(name: str, size: int) -> int:
    """How many bytes the local header of a file has."""
    return _LOCAL.size + len(name) + (20 if size >= _FULL else 0)


def read_members(file: BinaryIO, length: int) -> dict[str, Member]:
    """The files of a bundle of `length` bytes, in their order. Raises BundleError for what is not just so."""
    found = dict[str, Member]()
    offset, before = 0, ""
    while True:
        file.seek(offset)
        fixed = file.read(_LOCAL.size)
        if fixed[:4] != _LOCAL_MAGIC:
            break
        if len(found) == MAX_MEMBERS:
            raise BundleError(f"holds more than {MAX_MEMBERS:,} files")
        if len(fixed) < _LOCAL.size:
            raise BundleError("is cut off within the header of a file")
        name, member = _local(file, offset, fixed)
        if member.start + member.size > length:
            raise BundleError(f"is cut off: {name} would have {member.size:,} bytes")
        if name in found:
            raise BundleError(f"holds two files of the name {name}")
        if before and in_order(name) < in_order(before):
            raise BundleError(f"holds {name} after {before}, where the order is another")
        found[name], before, offset = member, name, member.start + member.size
    if not found:
        raise BundleError("is no bundle: it does not begin with a file")
    file.seek(offset)
    _compare(file, found, offset, length)
    return found


def _local(file: BinaryIO, offset: int, fixed: bytes) -> tuple[str, Member]:
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(fixed)
    if not 0 < name_length <= MAX_NAME:
        raise BundleError(f"holds a file whose name has {name_length} bytes")
    rest = file.read(name_length + min(extra_length, 20))
    name = rest[:name_length].decode("ascii", "replace")
    shown = _PRINTABLE.sub("?", name)
    if not is_known(name):
        raise BundleError(f"holds a file {shown!r}, which no bundle has")
    if flags & 1:
        raise BundleError(f"holds {name} encrypted")
    if method:
        raise BundleError(f"holds {name} compressed, where files are stored")
    if flags & 8:
        raise BundleError(f"holds {name} without its size before it")
    if size == _FULL and extra_length == 20 and len(rest) == name_length + 20:
        size = packed = int(struct.unpack("<Q", rest[-8:])[0])
    if packed != size:
        raise BundleError(f"holds {name} with two sizes")
    header = local_header(name, size, crc)
    if fixed + rest != header:
        raise BundleError(f"holds {name} under a header with other flags, dates, sizes or extra fields than a bundle's")
    return name, Member(offset + len(header), size, crc)


def _compare(file: BinaryIO, found: dict[str, Member], offset: int, length: int) -> None:
    names = [*found, "the end of its directory"]
    for name, wanted in zip(names, ending(found.items(), offset), strict=True):
        if file.read(len(wanted)) != wanted:
            what = f"what its directory says of {name}" if name in found else name
            raise BundleError(f"{what} is not what the files before it imply")
    if file.tell() != length:
        raise BundleError(f"has {length - file.tell():,} bytes after its end")
