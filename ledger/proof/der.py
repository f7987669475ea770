"""DER (ITU-T X.690), as little of it as time stamps and evidence records need: tag, length, value, strictly.

1. Lengths are definite and minimal, tags have one octet, nothing follows a value: what is accepted has one encoding.
2. Reading copies nothing it does not return, and goes one level down at a time, so that depth is the caller's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from re import compile as pattern
from typing import Final, Self

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_TIME: Final = pattern(rb"([0-9]{14})(?:\.([0-9]{0,14}[1-9]))?Z")


class DERError(ValueError):
    """Bytes are not the DER that was expected; the message says which rule they break."""


def context(number: int, *, constructed: bool = True) -> int:
    """The identifier octet of the context-specific tag [number]."""
    return (0xA0 if constructed else 0x80) | number


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its identifier octet, its contents, and its whole encoding."""

    tag: int
    body: bytes
    whole: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The one value that `data` is. Raises DERError."""
        value, end = cls._at(data, 0)
        if end != len(data):
            raise DERError(f"{len(data) - end} bytes follow the value")
        return value

    @classmethod
    def _at(cls, data: bytes, start: int) -> tuple[Self, int]:
        if len(data) - start < 2:
            raise DERError("a value ends before its length")
        tag, length, body = data[start], data[start + 1], start + 2
        if tag & 0x1F == 0x1F:
            raise DERError("a tag has more than one octet")
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4 or len(data) - body < count:
                raise DERError("a length is indefinite, longer than 4 octets, or cut off")
            length, body = int.from_bytes(data[body : body + count]), body + count
            if length < 0x80 or length >> 8 * (count - 1) == 0:
                raise DERError("a length is not minimal")
        if len(data) - body < length:
            raise DERError("a value is longer than what it lies in")
        return cls(tag, data[body : body + length], data[start : body + length]), body + length

    def expect(self, tag: int) -> Self:
        """This value, which has to have the tag."""
        if self.tag != tag:
            raise DERError(f"a value has tag 0x{self.tag:02x}, not 0x{tag:02x}")
        return self

    def members(self, tag: int | None = None) -> list[Self]:
        """The values in this one, which is constructed (and has the tag)."""
        if tag is not None:
            self.expect(tag)
        if not self.tag & 0x20:
            raise DERError(f"a value of tag 0x{self.tag:02x} has no members")
        found, at = [], 0
        while at < len(self.body):
            value, at = self._at(self.body, at)
            found.append(value)
        return found

    def only(self, tag: int | None = None) -> Self:
        """The one value in this one."""
        found = self.members(tag)
        if len(found) != 1:
            raise DERError(f"a value has {len(found)} members, not one")
        return found[0]

    @property
    def integer(self) -> int:
        body = self.expect(INTEGER).body
        if not body or (len(body) > 1 and body[0] in (0x00, 0xFF) and (body[0] ^ body[1]) < 0x80):
            raise DERError("an integer is empty or not minimal")
        return int.from_bytes(body, signed=True)

    @property
    def oid(self) -> str:
        body = self.expect(OID).body
        if not body or body[-1] & 0x80:
            raise DERError("an object identifier is cut off")
        arcs, arc, begun = list[int](), 0, False
        for octet in body:
            if not begun and octet == 0x80:
                raise DERError("an object identifier is not minimal")
            arc, begun = arc << 7 | octet & 0x7F, bool(octet & 0x80)
            if not begun:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    @property
    def octets(self) -> bytes:
        return self.expect(OCTET_STRING).body

    @property
    def time(self) -> datetime:
        """A GeneralizedTime of RFC 3161: UTC, with seconds; fractions are cut to microseconds."""
        matched = _TIME.fullmatch(self.expect(GENERALIZED_TIME).body)
        if matched is None:
            raise DERError("a time is not of the form YYYYMMDDhhmmss[.f]Z")
        fraction = (matched[2] or b"")[:6].ljust(6, b"0").decode()
        try:
            return datetime.strptime(matched[1].decode() + fraction, "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
        except ValueError:
            raise DERError("a time is not in the calendar") from None


def encoded(tag: int, *contents: bytes) -> bytes:
    """A value with the tag and these contents, one after the other."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + body


def integer(number: int) -> bytes:
    """An INTEGER."""
    return encoded(INTEGER, number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, signed=True))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return encoded(OID, bytes(octets))


def set_of(values: Iterable[bytes], tag: int = SET) -> bytes:
    """A SET OF, in the order that DER demands."""
    return encoded(tag, *sorted(values))
