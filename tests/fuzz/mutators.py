"""Mutations of bytes, whatever they mean: from a source of randomness, so that a seed gives the same everywhere."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

TOKENS: Final = (
    b"", b"\x00", b"\x00" * 300, b"\xff" * 40, b"\n", b"\n\n", b"\r\n", b" ", b"\t", b"\xe2\x80\x94 ", b"0", b"-1",
    b"00", b"1e9", b"18446744073709551616", b"9" * 400, b"9223372036854775807", b"9223372036854775808", b"4294967295",
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06" + bytes(18), b"PK\x06\x06" + b"\xff" * 52, b"PK\x06\x07" + bytes(16),
    b"\xff\xff\xff\xff", b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"A" * 70_000, b"A" * 70_000 + b"\n", b"\xc0\x80",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"[" * 40, b"{\"a\":" * 3000,
    b"[" * 100_000,
    b"\\ud800", b"\\u0000", b"null", b"true", b"1.5", b"{}", b"[]", b'""', b"====", b"AAAA", b"AAA=", b"AA==", b"_-_-",
    b"../../etc/passwd", b"/", b"SQLite format 3\x00", b"c2sp.org/tlog-proof@v1\n", b"old 0\n", b"\x30\x80",
    b"\x30\x84", b"\x04\x84\xff\xff\xff\xff", b"0" * 64, b"\n" * 2000, b"a\n" * 2000, b"quorum none\n",
)  # fmt: skip
"""Numbers at and beyond limits, signatures, ends of lines, nesting, wrong UTF-8, wrong base64, lengths that lie."""


def _place(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    length = random.choice((1, 2, 4, 8, 32, 64, 500, max(1, len(data) // 3)))
    return start, min(len(data), start + length)


def flip_bits(random: Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _number in range(random.choice((1, 1, 1, 2, 8, 40)) if data else 0):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(random: Random, data: bytes, _: bytes) -> bytes:
    start, end = _place(random, data)
    return data[:start] + random.randbytes(end - start) + data[end:]


def cut(random: Random, data: bytes, _: bytes) -> bytes:
    start, end = _place(random, data)
    return random.choice((data[:start], data[start:], data[:start] + data[end:]))


def repeat(random: Random, data: bytes, _: bytes) -> bytes:
    start, end = _place(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 20)) + data[end:]


def move(random: Random, data: bytes, _: bytes) -> bytes:
    start, end = _place(random, data)
    rest, at = data[:start] + data[end:], random.randrange(len(data) - end + start + 1)
    return rest[:at] + data[start:end] + rest[at:]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def insert(random: Random, data: bytes, _: bytes) -> bytes:
    start, end = _place(random, data)
    return data[:start] + random.choice(TOKENS) + data[random.choice((start, end)) :]


def replace_number(random: Random, data: bytes, _: bytes) -> bytes:
    """Another number where there is one; or, without any, nothing new."""
    digits = [at for at in range(min(len(data), 100_000)) if data[at : at + 1].isdigit()]
    if not digits:
        return data
    at = random.choice(digits)
    return data[:at] + random.choice((b"0", b"9", b"-1", b"10", b"99999999999999999999", b"")) + data[at + 1 :]


def lines(random: Random, data: bytes, other: bytes) -> bytes:
    """Lines dropped, doubled, exchanged, or taken from elsewhere."""
    found, foreign = data.split(b"\n"), other.split(b"\n")
    one, two = random.randrange(len(found)), random.randrange(len(found))
    how = random.randrange(4)
    if how == 0:
        del found[one]
    elif how == 1:
        found.insert(one, found[two])
    elif how == 2:
        found[one], found[two] = found[two], found[one]
    else:
        found[one] = random.choice(foreign)
    return b"\n".join(found)


MUTATORS: Final[Sequence[Callable[[Random, bytes, bytes], bytes]]] = (
    flip_bits, flip_bits, flip_bits, set_bytes, cut, repeat, move, splice, insert, insert, replace_number, lines, lines,
)  # fmt: skip


def mutated(random: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """One to four mutations; `pool`: whatever else of the kind there is."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(MUTATORS)(random, data, random.choice(pool) if pool else data)
    return data
