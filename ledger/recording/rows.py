"""Stored rows as facts: entry and sections put together, for readers who may see certain classes and hold their keys.

What is sealed and whose key the reader does not have (never had, or it was destroyed) is left out of a fact, as what is
of a class that is not for the reader. A sealed entry whose header does not open cannot be read at all.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.canonical import CanonicalError
from ledger.proof.entry import EntryError, Part, SealedEntry, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import Header, parse_header
from ledger.proof.sealing import BookKeys, SealError, key_stream, place, unseal
from ledger.proof.sections import HEADER, PLAIN, SectionError, unpack
from ledger.recording.common_entries import as_object, common_fact

_UNREADABLE: Final = (EntryError, SectionError, CanonicalError, SealError, ValueError)


class ClosedBookError(LedgerFileError):
    """The sealed book cannot be read: the key of its headers is not here."""


class _Place(NamedTuple):
    """Where the sections of an entry belong: what their ciphertexts are tied to, but for index, class and commit."""

    origin: str
    stream: str
    version: int
    entry_id: str


def open_fact(seq: int, raw: bytes, stored: bytes, classes: frozenset[str], keys: BookKeys | None) -> Fact:
    """The fact of a row of the open book. Raises LedgerFileError where the row cannot be read."""
    if PLAIN in classes and (common := common_fact(seq, raw, stored)) is not None:
        return common
    try:
        entry = parse_open(raw)
        where = _Place(entry.origin, entry.stream, entry.version, entry.id)
        data = _merged(entry.parts, stored, classes, where, keys)
    except _UNREADABLE as error:
        raise _damaged("open", seq, error) from None
    return Fact(
        Book.OPEN, seq, seq, entry.at, entry.id, entry.actor, entry.command_id, entry.n, entry.stream, entry.version,
        entry.type, data,
    )  # fmt: skip


def sealed_fact(seq: int, raw: bytes, stored: bytes, classes: frozenset[str], keys: BookKeys | None) -> Fact:
    """The fact of a row of the sealed book. Raises ClosedBookError without the key of the headers."""
    try:
        entry = parse_sealed(raw)
        header = sealed_header(entry, stored, keys)
        where = _Place(entry.origin, header.stream, header.version, entry.id)
        data = _merged(entry.parts, stored, classes, where, keys)
    except ClosedBookError:
        raise
    except _UNREADABLE as error:
        raise _damaged("sealed", seq, error) from None
    return Fact(
        Book.SEALED, seq, entry.open_head_seq, entry.at, entry.id, header.actor, header.command_id, header.n,
        header.stream, header.version, header.type, data,
    )  # fmt: skip


def header_of(seq: int, raw: bytes, stored: bytes, keys: BookKeys | None) -> Header:
    """The header of a row of the sealed book. Raises ClosedBookError without its key."""
    try:
        return sealed_header(parse_sealed(raw), stored, keys)
    except ClosedBookError:
        raise
    except _UNREADABLE as error:
        raise _damaged("sealed", seq, error) from None


def sealed_header(entry: SealedEntry, stored: bytes, keys: BookKeys | None) -> Header:
    """The header of a sealed row. Raises ClosedBookError without its key."""
    payload = _payloads(entry.parts, stored, frozenset({HEADER}), _Place(entry.origin, "", 0, entry.id), keys)
    if HEADER not in payload:
        raise ClosedBookError("the sealed book cannot be read without the keys of this ledger")
    return parse_header(payload[HEADER])


def _merged(
    parts: Sequence[Part], stored: bytes, classes: frozenset[str], where: _Place, keys: BookKeys | None
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for payload in _payloads(parts, stored, classes - {HEADER}, where, keys).values():
        data.update(as_object(payload))
    return data


def _payloads(
    parts: Sequence[Part], stored: bytes, classes: frozenset[str], where: _Place, keys: BookKeys | None
) -> dict[str, bytes]:
    """Class -> payload, of the classes wanted and as far as keys are held."""
    found = dict[str, bytes]()
    for index, (part, section) in enumerate(zip(parts, unpack(stored, len(parts)), strict=True)):
        name = part.section_class
        if name not in classes:
            continue
        if section.payload is not None:
            found[name] = section.payload
        elif section.ciphertext is not None and keys is not None:
            key = keys.section_key(name, key_stream(name, where.stream))
            if key is not None:
                aad = place(where.origin, where.stream, where.version, where.entry_id, index, name, part.commit)
                found[name] = unseal(key, aad, part.commit, section.ciphertext)[1]
    return found


def _damaged(book: str, seq: int, error: Exception) -> LedgerFileError:
    return LedgerFileError(f"entry {seq} of the {book} book cannot be read ({error}); run verify")
