"""Sections of a bundle as a ledger file stores them. `docs/restoring.md`

1. What the bundle has as it was stored (plain sections; all ciphertexts of an archive) goes in byte by byte.
2. What it gives opened is sealed anew, under keys that are made for this file: an entry commits to the payload and
   never to a ciphertext, so heads and roots stay the same. The nonce follows from the commitment, and each key is new.
3. What it withholds becomes a *vacant* section: a ciphertext of 272 zero bytes with the digest that belongs to it. It
   has the form of a section whose key nobody holds, which is what it is.
4. The bundle was verified before: a section that does not fit its entry is an error of whoever changed it meanwhile.
"""

import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from ledger.proof.entry import EntryError, Part, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import parse_header
from ledger.proof.sealing import AUTHENTICATION_TAG, STEP, digest, enter_sealed, key_stream
from ledger.proof.sections import ENCRYPTED, HEADER, Section, SectionError, pack, sealed_frame, unpack

VACANT: Final = bytes(STEP + AUTHENTICATION_TAG)
"""The ciphertext that stands for a section which was withheld."""
_ONE_PLAIN: Final = b'"parts":[{"class":"plain","commit":"'


def is_vacant(section: Section) -> bool:
    """Whether a stored section stands for one that was withheld, or is withheld."""
    return section.withheld or section.ciphertext == VACANT


class Frames:
    """Gives the frames of rows as the new file stores them, and remembers the keys that this took."""

    def __init__(self, master: bytes) -> None:
        """`master`: 32 random bytes, from which the new data keys are derived, one each for a class and stream."""
        self._master = master
        self._streams = set[tuple[str, str]]()

    def keys(self) -> Iterator[tuple[str, str, bytes]]:
        """(class, stream, data key) of everything that was sealed."""
        return ((name, stream, self._key(name, stream)) for name, stream in sorted(self._streams))

    def open_row(self, raw: bytes, stored: bytes) -> bytes:
        """The frames of a row of the open book. Raises LedgerFileError."""
        at = raw.find(_ONE_PLAIN)
        if at >= 0 and raw[at + len(_ONE_PLAIN) + 64 :].startswith(b'"}],"prev":'):
            return stored
        try:
            entry = parse_open(raw)
            frames = unpack(stored, len(entry.parts))
            return self._row(entry.parts, frames, entry.origin, entry.stream, entry.version, entry.id)
        except (EntryError, SectionError) as error:
            raise LedgerFileError(f"an entry of the open book cannot be restored ({error})") from None

    def sealed_row(self, raw: bytes, stored: bytes) -> bytes:
        """The frames of a row of the sealed book. Raises LedgerFileError."""
        try:
            entry = parse_sealed(raw)
            frames = unpack(stored, len(entry.parts))
            stream, version = "", 0
            for part, section in zip(entry.parts, frames, strict=True):
                if part.section_class == HEADER and section.payload is not None:
                    header = parse_header(section.payload)
                    stream, version = header.stream, header.version
            return self._row(entry.parts, frames, entry.origin, stream, version, entry.id)
        except (EntryError, SectionError, ValueError) as error:
            raise LedgerFileError(f"an entry of the sealed book cannot be restored ({error})") from None

    def _row(
        self, parts: Sequence[Part], frames: Sequence[Section], origin: str, stream: str, version: int,
        entry_id: str,
    ) -> bytes:  # fmt: skip
        found = []
        for index, (part, section) in enumerate(zip(parts, frames, strict=True)):
            name = part.section_class
            if section.withheld:
                found.append(sealed_frame(digest(part.commit, VACANT), VACANT))
            elif section.payload is None or name not in ENCRYPTED:
                found.append(pack([section]))
            else:
                where = key_stream(name, stream)
                self._streams.add((name, where))
                commit, framed = enter_sealed(
                    self._key(name, where), origin, stream, version, entry_id, index, name, section.salt,
                    section.payload,
                )  # fmt: skip
                if commit != part.commit.hex():
                    raise SectionError(f"the section of class {name} is not the one that the entry commits to")
                found.append(framed)
        return b"".join(found)

    def _key(self, section_class: str, stream: str) -> bytes:
        return hmac.digest(self._master, f"{section_class}\x00{stream}".encode(), "sha256")
