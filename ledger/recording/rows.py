"""Stored rows as facts: entry and readable sections put together, for readers who may see certain classes."""

import json
from typing import Any, Final

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.canonical import CanonicalError
from ledger.proof.entry import EntryError, Part, SealedEntry, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import Header, parse_header
from ledger.proof.sections import HEADER, SectionError, unpack

_UNREADABLE: Final = (EntryError, SectionError, CanonicalError, ValueError)


def open_fact(seq: int, raw: bytes, stored: bytes, classes: frozenset[str]) -> Fact:
    """The fact of a row of the open book. Raises LedgerFileError where the row cannot be read."""
    try:
        entry = parse_open(raw)
        data = _merged(entry.parts, stored, classes)
    except _UNREADABLE as error:
        raise _damaged("open", seq, error) from None
    return Fact(
        Book.OPEN, seq, seq, entry.at, entry.id, entry.actor, entry.command_id, entry.n, entry.stream, entry.version,
        entry.type, data,
    )  # fmt: skip


def sealed_fact(seq: int, raw: bytes, stored: bytes, classes: frozenset[str]) -> Fact:
    """The fact of a row of the sealed book, for a reader who holds what its header is sealed with."""
    try:
        entry = parse_sealed(raw)
        header = sealed_header(entry, stored)
        data = _merged(entry.parts, stored, classes)
    except _UNREADABLE as error:
        raise _damaged("sealed", seq, error) from None
    return Fact(
        Book.SEALED, seq, entry.open_head_seq, entry.at, entry.id, header.actor, header.command_id, header.n,
        header.stream, header.version, header.type, data,
    )  # fmt: skip


def sealed_header(entry: SealedEntry, stored: bytes) -> Header:
    """The header of a sealed row."""
    for part, section in zip(entry.parts, unpack(stored, len(entry.parts)), strict=True):
        if part.section_class == HEADER and section.payload is not None:
            return parse_header(section.payload)
    raise SectionError("the header section is missing or withheld")


def _merged(parts: Any, stored: bytes, classes: frozenset[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    listed: list[Part] = list(parts)
    for part, section in zip(listed, unpack(stored, len(listed)), strict=True):
        if part.section_class in classes and section.payload is not None:
            data.update(json.loads(section.payload))
    return data


def _damaged(book: str, seq: int, error: Exception) -> LedgerFileError:
    return LedgerFileError(f"entry {seq} of the {book} book cannot be read ({error}); run verify")
