"""Writing the zip of a bundle: what each file holds is generated twice, once to be measured and once to be written.

So memory does not grow with it, nothing of it lies in other files meanwhile, and the sizes can stand before the bytes.
A file that comes out otherwise the second time is a fault of ours, and gives no bundle.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from ledger.proof.bundle_zip import Member, ending, local_header

Chunks = Callable[[], Iterable[bytes]]
Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Content:
    """A file to be: its name, what generates its bytes, and what they measured."""

    name: str
    chunks: Chunks
    size: int
    crc: int
    sha256: bytes


def measured(name: str, chunks: Chunks) -> Content:
    """Generate a file once, and measure it."""
    size, crc, digest = _measure(chunks())
    return Content(name, chunks, size, crc, digest)


def small(name: str, data: bytes) -> Content:
    """A file whose bytes are at hand."""
    return measured(name, lambda: (data,))


def write_zip(file: BinaryIO, contents: Sequence[Content]) -> bytes:
    """Write the bundle of these files, in the order given; gives its SHA-256."""
    whole, offset, members = hashlib.sha256(), 0, list[tuple[str, Member]]()

    def put(data: bytes) -> None:
        nonlocal offset
        file.write(data)
        whole.update(data)
        offset += len(data)

    for one in contents:
        put(local_header(one.name, one.size, one.crc))
        members.append((one.name, Member(offset, one.size, one.crc)))
        if _measure(_handed(one.chunks(), put)) != (one.size, one.crc, one.sha256):
            raise AssertionError(f"{one.name} was generated twice, and came out otherwise")
    for data in ending(members, offset):
        put(data)
    return whole.digest()


def _handed(chunks: Iterable[bytes], put: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        put(chunk)
        yield chunk


def _measure(chunks: Iterable[bytes]) -> tuple[int, int, bytes]:
    size, crc, digest = 0, 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
        digest.update(chunk)
    return size, crc, digest.digest()
