"""The stored sections of a row against the commitments of its entry, and payloads that must be canonical JSON."""

import hashlib
import json
import re
from collections.abc import Collection
from itertools import islice
from operator import lt
from typing import Any, Final, NoReturn, TypeAlias

from ledger.proof.canonical import MAX_DEPTH, encode_trusted, is_canonical
from ledger.proof.sections import MAX_PAYLOAD, SALT_BYTES, TAG, SectionError, commitment, unpack

Complaint: TypeAlias = tuple[str, str]
"""A code and a sentence."""

_PREFIX: Final = TAG + b"\x00"
_ONE_PLAIN: Final = b'{"class":"plain","commit":"'
_EACH_PART: Final = re.compile(rb'\{"class":"([a-z]+)","commit":"([0-9a-f]{64})"\}')


def check_sections(
    parts: bytes, stored: bytes, allowed: Collection[str], *, canonical: bool, payloads: dict[str, bytes] | None = None
) -> Complaint | None:
    """What is wrong with the stored sections of an entry, or None.

    `parts` is the entry's member as it is written; `payloads` takes in the payload of each class.
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
    return _check_each(parts, stored, allowed, canonical, payloads if payloads is not None else {})


def _check_each(
    parts: bytes, stored: bytes, allowed: Collection[str], canonical: bool, payloads: dict[str, bytes]
) -> Complaint | None:
    listed = [(name.decode(), bytes.fromhex(commit.decode())) for name, commit in _EACH_PART.findall(parts)]
    before = ""
    for name, _ in listed:
        if name not in allowed:
            return "section", f"a section of class {name} does not belong into this book"
        if name <= before:
            return "section", "the sections are not in the order of their classes, each once"
        before = name
    try:
        sections = unpack(stored, len(listed))
    except SectionError as error:
        return "section", str(error)
    for (name, commit), section in zip(listed, sections, strict=True):
        payload = section.payload
        if payload is None:
            return "withheld", f"the section of class {name} is withheld"
        if len(payload) > MAX_PAYLOAD:
            return "section", f"the section of class {name} has {len(payload)} bytes, more than a section may"
        if commitment(section.salt, payload) != commit:
            return "commitment", f"the stored section of class {name} is not the one that the entry commits to"
        payloads[name] = payload
        if canonical and (complaint := _not_canonical(name, payload)):
            return complaint
    return None


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
