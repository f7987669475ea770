"""Sections: the parts of an event's payload, each committed to by its entry, stored beside it.

    commit = SHA-256(TAG || 0x00 || salt || payload)            salt: 32 random bytes

`payload` is the canonical bytes of the section (or, for an event that comes in raw through the eventsourcing
library, the opaque bytes that it came with). A section can be withheld, and the entry still verifies: the salt
keeps its commitment from being guessed. `docs/format.md` section 4.

How a row stores its sections: for each part of the entry, in the entry's order, one frame

    kind (1 byte) || length of body (4 bytes, big endian) || body

    kind 0x00  readable    body = salt (32) || payload
    kind 0x01  sealed      body = digest (32) || ciphertext     (`sealing.py`)
    kind 0x02  withheld    body empty

Sections of class plain are readable, those of all other classes sealed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

TAG: Final = b"trial-ledger/section/v1"
SALT_BYTES: Final = 32
MAX_PAYLOAD: Final = 1 << 20

READABLE: Final = 0x00
SEALED: Final = 0x01
WITHHELD: Final = 0x02

PLAIN: Final = "plain"
IDENTITY: Final = "identity"
ARM: Final = "arm"
HEADER: Final = "header"
ANCHOR: Final = "anchor"

OPEN_CLASSES: Final = frozenset({PLAIN, IDENTITY, ANCHOR})
SEALED_CLASSES: Final = frozenset({ARM, HEADER, IDENTITY})
ENCRYPTED: Final = frozenset({IDENTITY, ANCHOR, ARM, HEADER})
"""The classes whose sections are sealed at rest."""

_PREFIX: Final = TAG + b"\x00"
_DIGEST_BYTES: Final = 32
_started = hashlib.sha256(_PREFIX)


class SectionError(ValueError):
    """The stored frames of a row cannot be read."""


@dataclass(frozen=True, slots=True)
class Section:
    """One stored part: its salt and payload, its ciphertext with the digest beside it, or nothing where withheld."""

    salt: bytes
    payload: bytes | None
    ciphertext: bytes | None = None
    digest: bytes = b""

    @property
    def withheld(self) -> bool:
        return self.payload is None and self.ciphertext is None


def commitment(salt: bytes, payload: bytes) -> bytes:
    """The 32 bytes by which an entry commits to a section."""
    digest = _started.copy()
    digest.update(salt + payload)
    return digest.digest()


def frame(salt: bytes, payload: bytes) -> bytes:
    """The stored form of one readable section."""
    return b"\x00" + (SALT_BYTES + len(payload)).to_bytes(4, "big") + salt + payload


def sealed_frame(digest: bytes, ciphertext: bytes) -> bytes:
    """The stored form of one sealed section."""
    return b"\x01" + (len(digest) + len(ciphertext)).to_bytes(4, "big") + digest + ciphertext


def enter(salt: bytes, payload: bytes) -> tuple[str, bytes]:
    """(commitment in hex, frame) of a readable section: what a writer needs of it, at once."""
    body = salt + payload
    digest = _started.copy()
    digest.update(body)
    return digest.hexdigest(), b"\x00" + len(body).to_bytes(4, "big") + body


def pack(sections: Iterable[Section]) -> bytes:
    """The stored form of a row's sections."""
    frames = []
    for section in sections:
        if section.ciphertext is not None:
            frames.append(sealed_frame(section.digest, section.ciphertext))
        elif section.payload is None:
            frames.append(bytes([WITHHELD]) + bytes(4))
        else:
            frames.append(frame(section.salt, section.payload))
    return b"".join(frames)


def unpack(stored: bytes, count: int) -> Sequence[Section]:
    """The `count` sections of a row. Raises SectionError where the frames do not fit exactly."""
    sections = []
    position = 0
    for index in range(count):
        body = position + 5
        if body > len(stored):
            raise SectionError(f"section {index}: the stored bytes end before it")
        kind, end = stored[position], body + int.from_bytes(stored[position + 1 : body], "big")
        if end > len(stored):
            raise SectionError(f"section {index}: the stored bytes end within it")
        if kind == READABLE and end - body >= SALT_BYTES:
            sections.append(Section(stored[body : body + SALT_BYTES], stored[body + SALT_BYTES : end]))
        elif kind == SEALED and end - body > _DIGEST_BYTES:
            sections.append(Section(b"", None, stored[body + _DIGEST_BYTES : end], stored[body : body + _DIGEST_BYTES]))
        elif kind == WITHHELD and end == body:
            sections.append(Section(b"", None))
        else:
            raise SectionError(f"section {index}: kind {kind} with {end - body} bytes is not of this format")
        position = end
    if position != len(stored):
        raise SectionError(f"{len(stored) - position} bytes follow the last section")
    return sections
