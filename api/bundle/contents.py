"""The files of a bundle, each by what generates it: out of one snapshot of the ledger, and the evidence beside it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from heapq import merge
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Final

from api.bundle.handed import Handed
from api.bundle.page import MOST_ROWS, Shown, Told, page, payload_text
from api.bundle.walked import Walked, consistency, entries, walk
from api.bundle.zipped import Content, measured, small
from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.protocol import Protocol
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.proof.bundle import (
    DATA_KEYS,
    EVIDENCE,
    INDEX,
    LOG_KEYS,
    MANIFEST,
    MAX_EVIDENCE,
    PROTOCOL,
    SUMS,
    Manifest,
    consistency_name,
    digest_of,
    encode_proof,
    in_order,
    sums_of,
)
from ledger.proof.entry import parse_open, parse_sealed
from ledger.proof.evidence import CHECKPOINTS, TIMESTAMPS, Evidence, StoredCheckpoint
from ledger.proof.sealed import Header, parse_header
from ledger.proof.sections import ANCHOR, HEADER, PLAIN, unpack
from ledger.recording.reader import LedgerReader, Position

DOCUMENTS: Final = ("allocation.md", "bundle.md", "format.md")
_MOST_EVIDENCE: Final = MAX_EVIDENCE // 2
_MOST_CHECKPOINTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Making:
    """What a bundle is made of. `manifest` lacks what only the files tell."""

    reader: LedgerReader
    position: Position
    handed: Handed
    role: str
    sites: tuple[str, ...] | None
    forms: dict[str, str]
    evidence: Evidence
    log_keys: bytes
    data_keys: bytes


def contents_of(making: Making) -> list[Content]:
    """All files, in their order. Raises LedgerFileError, KeysError."""
    reader, position = making.reader, making.position
    sizes = {Book.OPEN: position.open} | ({} if position.sealed is None else {Book.SEALED: position.sealed})
    walked = {book.value: walk(reader, book, size) for book, size in sizes.items()}
    protocol = _protocol(reader.path, position)
    chosen, proofs = _evidence(making.evidence, reader, position.open)
    found = [
        *(
            content
            for book, size in sizes.items()
            for content in (
                measured(f"{book.value}/entries", lambda book=book, size=size: entries(reader, book, size)),  # type: ignore[misc]
                measured(f"{book.value}/sections", lambda book=book, size=size: _sections(making, book, size)),  # type: ignore[misc]
            )
        ),
        *(small(consistency_name(size), encode_proof(proof)) for size, proof in proofs.items()),
        *_documents(),
        *(small(f"{EVIDENCE}{CHECKPOINTS}/{one.name}", one.data) for one in chosen.checkpoints),
        *(
            small(f"{EVIDENCE}{TIMESTAMPS}/{name}", data)
            for tokens in chosen.tokens.values()
            for name, data in tokens.items()
        ),
        *([small(LOG_KEYS, making.log_keys)] if making.log_keys else []),
        *([small(DATA_KEYS, making.data_keys)] if making.data_keys else []),
        *([] if protocol is None else [small(PROTOCOL, protocol.to_json())]),
    ]
    found.sort(key=lambda one: in_order(one.name))
    heads = {name: one.head for name, one in walked.items()}
    manifest = Manifest(reader.origin(), making.role, making.sites, heads, making.forms, b"")
    sealed_types = _sealed_types(making) if HEADER in making.forms else {}
    told = Told(
        manifest,
        "" if protocol is None else protocol.registration.official_title or protocol.registration.brief_title,
        reader.origin().split("/")[1] if protocol is None else protocol.trial_id,
        walked,
        chosen,
        list(proofs),
        [(one.name, one.size, one.sha256) for one in found],
        sealed_types,
    )
    total = sum(sizes.values())
    left_out = max(0, total - MOST_ROWS)
    index = measured(INDEX, lambda: page(told, _events(making, walked, left_out), left_out))
    found = sorted([*found, index], key=lambda one: in_order(one.name))
    sums = sums_of({one.name: one.sha256 for one in found})
    finished = Manifest(manifest.origin, manifest.role, manifest.sites, heads, manifest.sections, digest_of(sums))
    return [small(MANIFEST, finished.encode()), small(SUMS, sums), *found]


def _sections(making: Making, book: Book, size: int) -> Iterator[bytes]:
    """The content of `<book>/sections`."""
    row = making.handed.open_row if book is Book.OPEN else making.handed.sealed_row
    for seq, raw, stored in making.reader.stored(book, 0, size):
        frames = row(seq, raw, stored)
        yield len(frames).to_bytes(4, "big") + frames


def _protocol(path: Path, position: Position) -> Protocol | None:
    """The protocol in force at the end of the open book, read of that book alone."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            return TrialState.fold(reader.stream(TRIAL_STREAM, Position(position.open, None))).protocol
    finally:
        reader.close()


@cache
def _documents() -> tuple[Content, ...]:
    """What the files mean: the formats, and a JSON Schema of each type of event. The same in all bundles."""
    return tuple(_generated())


def _generated() -> Iterator[Content]:
    for name in DOCUMENTS:
        yield small(f"docs/{name}", files("api.bundle").joinpath("documents", name).read_bytes())
    for cls in CATALOGUE:
        schema = {**cls.model_json_schema(), "$comment": f"Event type {cls.type}, of the {cls.book} book"}
        data = json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
        yield small(f"schemas/{cls.type.replace('/', '-')}.json", data)


def _evidence(held: Evidence, reader: LedgerReader, size: int) -> tuple[Evidence, dict[int, list[bytes]]]:
    """The evidence of the first `size` entries; or the smallest one beyond, with the proof that they begin its tree.

    Of more than a bundle may have, every second one is left out until it fits; the first and the newest stay.
    """
    within = [one for one in held.checkpoints if one.checkpoint.size <= size]
    there = reader.head().open
    beyond = [one for one in held.checkpoints if size < one.checkpoint.size <= there]
    last = beyond[:1] if not any(one.checkpoint.size == size for one in within) else []
    while len(within) > 2 and (_weight(held, within) > _MOST_EVIDENCE or len(within) > _MOST_CHECKPOINTS):
        within = [*within[:-1:2], within[-1]]
    chosen = [*within, *last]
    tokens = {one.stem: held.tokens[one.stem] for one in chosen if one.stem in held.tokens}
    proofs = {one.checkpoint.size: consistency(reader, size, one.checkpoint.size) for one in last}
    return Evidence(chosen, tokens), proofs


def _weight(held: Evidence, checkpoints: Iterable[StoredCheckpoint]) -> int:
    return sum(
        len(one.data) + sum(len(token) for token in held.tokens.get(one.stem, {}).values()) for one in checkpoints
    )


# -- what the page shows --------------------------------------------------------------------------------------------


def _events(making: Making, walked: dict[str, Walked], left_out: int) -> Iterator[Shown]:
    """The newest events of the books that are here, in merged order."""
    books = []
    for name, head in walked.items():
        start = max(0, head.head.size - MOST_ROWS)
        books.append(_shown(making, Book(name), start, head.head.size))
    merged = merge(*books, key=lambda one: (one.open_seq, one.book != "open", one.seq))
    skipped = left_out - sum(max(0, head.head.size - MOST_ROWS) for head in walked.values())
    return islice(merged, max(0, skipped), None)


def _shown(making: Making, book: Book, start: int, stop: int) -> Iterator[Shown]:
    for seq, raw, stored in making.reader.stored(book, start, stop):
        if book is Book.OPEN:
            opened = parse_open(raw)
            given = unpack(making.handed.open_row(seq, raw, stored), len(opened.parts))
            readable = [one.payload for one, part in zip(given, opened.parts, strict=True)
                        if one.payload is not None and part.section_class != ANCHOR]  # fmt: skip
            actor = f"{opened.actor.id} ({opened.actor.role}, {opened.actor.org})"
            yield Shown("open", seq, seq, opened.at, actor, opened.type, opened.stream, payload_text(readable))
            continue
        entry = parse_sealed(raw)
        given = unpack(making.handed.sealed_row(seq, raw, stored), len(entry.parts))
        header: Header | None = None
        payloads = []
        for one, part in zip(given, entry.parts, strict=True):
            if one.payload is not None and part.section_class == HEADER:
                header = parse_header(one.payload)
            elif one.payload is not None:
                payloads.append(one.payload)
        if header is None:
            yield Shown("sealed", seq, entry.open_head_seq, entry.at, "", "", "", None)
        else:
            actor = f"{header.actor.id} ({header.actor.role}, {header.actor.org})"
            yield Shown(
                "sealed", seq, entry.open_head_seq, entry.at, actor, header.type, header.stream, payload_text(payloads)
            )


def _sealed_types(making: Making) -> Counter[str]:
    counts = Counter[str]()
    for seq, raw, stored in making.reader.stored(Book.SEALED, 0, making.position.sealed or 0):
        parts = parse_sealed(raw).parts
        for one, part in zip(unpack(making.handed.sealed_row(seq, raw, stored), len(parts)), parts, strict=True):
            if part.section_class == HEADER and one.payload is not None:
                counts[parse_header(one.payload).type] += 1
    return counts
