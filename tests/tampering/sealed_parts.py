"""Sealed sections, taken apart and sealed again by one who has all keys, as a recorder that lies would."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ledger.proof.sealing import digest, key_stream, place, seal, unseal
from ledger.proof.sections import ENCRYPTED, HEADER, commitment, frame, sealed_frame, unpack
from tests.tampering.ledgers import KEYS

OVERHEAD: Final = 5 + 32
"""What stands before the ciphertext in a frame: kind, length, digest."""


@dataclass(frozen=True)
class SomeKeys:
    """The keys but for those of `without`, and with others in their place for those of `wrong`: (class, stream)."""

    marks: bytes | None = KEYS.marks
    without: frozenset[tuple[str, str]] = frozenset()
    wrong: frozenset[tuple[str, str]] = frozenset()

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        if (section_class, stream) in self.without:
            return None
        if (section_class, stream) in self.wrong:
            return b"\x07" * 32
        return KEYS.section_key(section_class, stream)


class Opened(NamedTuple):
    """A section in clear."""

    section_class: str
    salt: bytes
    payload: bytes


def opened(entry: dict[str, Any], stored: bytes) -> Sequence[Opened]:
    """The sections of an entry (as JSON) of either book."""
    parts, found, header = entry["parts"], dict[str, Opened](), entry
    sections = list(zip(range(len(parts)), parts, unpack(stored, len(parts)), strict=True))
    for index, part, section in sorted(sections, key=lambda one: one[1]["class"] != HEADER):  # the header first
        name, commit = part["class"], bytes.fromhex(part["commit"])
        if section.ciphertext is None:
            found[name] = Opened(name, section.salt, section.payload or b"")
            continue
        salt, payload = unseal(
            key_of(name, header), aad_of(entry, header, index, name, commit), commit, section.ciphertext
        )
        found[name] = Opened(name, salt, payload)
        if name == HEADER:
            header = json.loads(payload)
    return [found[part["class"]] for part in parts]


def sealed_again(entry: dict[str, Any], sections: Sequence[Opened]) -> bytes:
    """The stored form of sections of this entry, which is made to commit to them."""
    header, frames = entry, []
    for section in sections:
        if section.section_class == HEADER:
            said = json.loads(section.payload)
            header = said if {"stream", "version"} <= said.keys() else {"stream": "", "version": 0}
    for index, (name, salt, payload) in enumerate(sections):
        commit = commitment(salt, payload)
        entry["parts"][index] = {"class": name, "commit": commit.hex()}
        if name in ENCRYPTED:
            frames.append(
                sealed(key_of(name, header), aad_of(entry, header, index, name, commit), commit, salt, payload)
            )
        else:
            frames.append(frame(salt, payload))
    return b"".join(frames)


def changed(sections: Sequence[Opened], name: str, change: Callable[[bytes], bytes]) -> Sequence[Opened]:
    """The same sections with another payload of one class."""
    return [one._replace(payload=change(one.payload)) if one.section_class == name else one for one in sections]


def sealed(key: bytes, aad: bytes, commit: bytes, salt: bytes, payload: bytes) -> bytes:
    """One frame."""
    ciphertext = seal(key, aad, commit, salt, payload)
    return sealed_frame(digest(commit, ciphertext), ciphertext)


def key_of(name: str, header: dict[str, Any]) -> bytes:
    key = KEYS.section_key(name, key_stream(name, header.get("stream", "")))
    assert key is not None
    return key


def aad_of(entry: dict[str, Any], header: dict[str, Any], index: int, name: str, commit: bytes) -> bytes:
    """The place of a section; `header` gives stream and version (of the open book, the entry itself)."""
    stream, version = header.get("stream", ""), header.get("version", 0)
    return place(entry["origin"], stream, version, entry["id"], index, name, commit)
