"""The stored sections of a row against the commitments of its entry, and payloads that must be canonical JSON.

1. The frames fit the parts, which are of the classes of the book. Plain sections are readable, all others sealed.
2. A readable section is the one that the entry commits to.
3. A sealed one has the length and the digest that it must have. That takes no key.
4. With its key it opens at this place, to the section that the entry commits to.
"""

import hashlib
import json
import re
from collections.abc import Collection
from itertools import islice
from operator import lt
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from ledger.proof.canonical import MAX_DEPTH, CanonicalError, encode_trusted, is_canonical
from ledger.proof.opening import At, Opening
from ledger.proof.sealing import AUTHENTICATION_TAG, MAX_CIPHERTEXT, STEP, OtherSectionError, SealError, digest
from ledger.proof.sections import ENCRYPTED, MAX_PAYLOAD, SALT_BYTES, TAG, Section, SectionError, commitment, unpack

Complaint: TypeAlias = tuple[str, str]
"""A code and a sentence."""
Where: TypeAlias = tuple[int, bytes, bytes, int, bytes]
"""Seq, origin, stream, version and id of an entry of the open book; texts as they are written there."""

_PREFIX: Final = TAG + b"\x00"
_ONE_PLAIN: Final = b'{"class":"plain","commit":"'
_EACH_PART: Final = re.compile(rb'\{"class":"([a-z]+)","commit":"([0-9a-f]{64})"\}')


class StoredPart(NamedTuple):
    """A part of an entry: its place among the parts, class and commitment, and what is stored for it."""

    number: int
    section_class: str
    commit: bytes
    section: Section


def check_sections(
    parts: bytes, stored: bytes, allowed: Collection[str], where: Where, opening: Opening, *, canonical: bool,
    payloads: dict[str, bytes] | None = None,
) -> Complaint | None:  # fmt: skip
    """What is wrong with the stored sections of an entry, or None.

    `parts` is the entry's member as it is written; `payloads` takes in the payload of each class that is readable or
    could be opened.
    """
    if type(stored) is not bytes:
        return "section", "the stored sections are no bytes"
    # The common case, one plain section, without taking anything apart.
    if (
        len(parts) == 93
        and payloads is None
        and parts.startswith(_ONE_PLAIN)
        and 5 + SALT_BYTES <= len(stored) <= 5 + SALT_BYTES + MAX_PAYLOAD
        and stored[:5] == b"\x00" + (len(stored) - 5).to_bytes(4, "big")
        and hashlib.sha256(_PREFIX + stored[5:]).hexdigest().encode() == parts[27:91]
    ):
        return _not_canonical("plain", stored[37:]) if canonical else None
    complaint, listed = take_apart(parts, stored, allowed)
    seq, origin, stream, version, entry_id = where
    at = At(seq, unquote(origin), unquote(stream), version, entry_id.decode())
    for part in listed:
        wrong, payload = read_part(part, at, opening, canonical=canonical)
        complaint = complaint or wrong
        if payload is not None and payloads is not None:
            payloads[part.section_class] = payload
    return complaint


def take_apart(parts: bytes, stored: bytes, allowed: Collection[str]) -> tuple[Complaint | None, list[StoredPart]]:
    """The parts of an entry, each with its frame; or what is wrong with them as a whole, and none."""
    if type(stored) is not bytes:
        return ("section", "the stored sections are no bytes"), []
    listed = [(name.decode(), bytes.fromhex(commit.decode())) for name, commit in _EACH_PART.findall(parts)]
    before = ""
    for name, _ in listed:
        if name not in allowed:
            return ("section", f"a section of class {name} does not belong into this book"), []
        if name <= before:
            return ("section", "the sections are not in the order of their classes, each once"), []
        before = name
    try:
        sections = unpack(stored, len(listed))
    except SectionError as error:
        return ("section", str(error)), []
    return None, [
        StoredPart(index, name, commit, section)
        for index, ((name, commit), section) in enumerate(zip(listed, sections, strict=True))
    ]


def read_part(
    part: StoredPart, at: At | None, opening: Opening, *, canonical: bool
) -> tuple[Complaint | None, bytes | None]:
    """What is wrong with a part, and its payload: None where something is, or where it stays closed.

    `at` None: it is not known where the section belongs, so that it cannot be opened.
    """
    _, name, commit, section = part
    if section.withheld:
        return (None if opening.withheld(name, at) else ("withheld", f"the section of class {name} is withheld")), None
    if section.ciphertext is not None:
        complaint, payload = _opened(part, section.ciphertext, at, opening)
    elif name in ENCRYPTED and not opening.gives_readable(name):
        return ("section", f"the section of class {name} is stored readable, where it must be sealed"), None
    else:
        complaint, payload = None, section.payload
        if payload is not None and commitment(section.salt, payload) != commit:
            complaint = "commitment", f"the stored section of class {name} is not the one that the entry commits to"
        elif name in ENCRYPTED:
            opening.handed(name, at)
    if complaint is None and payload is not None:
        if len(payload) > MAX_PAYLOAD:
            complaint = "section", f"the section of class {name} has {len(payload)} bytes, more than a section may"
        elif canonical:
            complaint = _not_canonical(name, payload)
    return complaint, None if complaint else payload


def _opened(
    part: StoredPart, ciphertext: bytes, at: At | None, opening: Opening
) -> tuple[Complaint | None, bytes | None]:
    """A sealed section: its form and digest without any key, and what it holds with its own."""
    number, name, commit, section = part
    if name not in ENCRYPTED or not opening.gives_sealed(name):
        return ("section", f"the section of class {name} is sealed, where it must be readable"), None
    if len(ciphertext) % STEP != AUTHENTICATION_TAG or not STEP < len(ciphertext) <= MAX_CIPHERTEXT:
        return ("section", f"the section of class {name} has a ciphertext of {len(ciphertext)} bytes"), None
    if digest(commit, ciphertext) != section.digest:
        message = f"the ciphertext of class {name} is not the one whose digest lies beside it under this commitment"
        return ("ciphertext", message), None
    if at is None:
        opening.leave(name)
        return None, None
    try:
        return None, opening.open(at, number, name, commit, ciphertext)
    except CanonicalError:
        return ("sealed", f"the section of class {name} is sealed for a place that no entry can have"), None
    except OtherSectionError as error:
        return ("commitment", f"the section of class {name}: {error}"), None
    except SealError as error:
        return ("sealed", f"the section of class {name}: {error}"), None


def _not_canonical(name: str, payload: bytes) -> Complaint | None:
    if _FLAT.fullmatch(payload):
        keys = _KEY.findall(payload)
        if len(keys) == 1 or all(map(lt, keys, islice(keys, 1, None))):
            return None
    elif _reads_back(payload) or (payload[:1] == b"{" and is_canonical(payload)):
        return None
    return "payload", f"the section of class {name} is not an object in canonical JSON"


def _reads_back(payload: bytes) -> bool:
    """Whether `payload` is a canonical object, told fast; False says nothing.

    What comes back the same from reading and writing has sorted keys, each once, no white space and the shortest
    escapes. What that would let through is ruled out beforehand (keys beyond ASCII, depth) or while reading
    (fractions, NaN, long integers).
    """
    if payload[:1] != b"{" or not payload.isascii() or payload.count(b"{") + payload.count(b"[") > MAX_DEPTH:
        return False
    try:
        return encode_trusted(_decoder.decode(payload.decode("ascii"))) == payload
    except ValueError:
        return False


def unquote(text: bytes) -> str:
    """The text of a string as an entry has it between its quotes."""
    if b"\\" in text:
        return str(json.loads(b'"' + text + b'"'))
    return text.decode("utf-8")


def _short(digits: str) -> int:
    return int(digits) if len(digits) < 16 else _refuse(digits)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


_decoder: Final[Any] = json.JSONDecoder(parse_int=_short, parse_float=_refuse, parse_constant=_refuse)

# Most payloads: one object of plain strings, short integers, booleans and null. Its strings have no quotes within,
# so that what looks like a key is one.
_VALUE: Final = rb'(?:"[ !#-\[\]-~]*+"|-?[1-9][0-9]{0,14}|0|true|false|null)'
_MEMBER: Final = rb'"[0-9A-Za-z_]++":' + _VALUE
_FLAT: Final = re.compile(rb"\{%s(?:,%s)*+\}" % (_MEMBER, _MEMBER))
_KEY: Final = re.compile(rb'[{,]"([0-9A-Za-z_]++)":')
