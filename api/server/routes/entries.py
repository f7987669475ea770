"""`…/entries/{seq}`, its parts and its proof; `…/sealed-entries/{seq}`: one entry of the record as it is stored.

1. An entry is sent as the bytes that were hashed, and nothing is serialised again: what is received can be held against
   a proof. `Content-Digest` (RFC 9530) is that of these bytes, `Ledger-Leaf-Hash` the hash by which the tree has them.
2. Its parts are the payloads that the role may have, each with the salt, so that whoever has it can compute the
   commitment in the entry. Sealed parts are named with their commitment alone. Names are in the view `identities`.
3. An entry of the sealed book is for who has arms in sight, and the look is recorded before anything is read: whoever
   has not is refused alike, whether there is such an entry or not.
"""

import base64
import hashlib
import json
import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.server import documents, paging
from api.server.negotiation import KEPT, has_it, tag, unchanged
from api.server.problems import Problem
from api.server.proofs import Blocks, NotCoveredError
from api.server.state import Ask, state_of
from ledger.domain.vocabulary import Book
from ledger.proof.entry import parse_open
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM, unpack
from ledger.proof.tree import ProofError, leaf_hash
from ledger.recording.reader import LedgerReader, Position

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["entries"], default_response_class=Response)
_SEQ: Final = re.compile(r"(?:0|[1-9][0-9]{0,15})", re.ASCII)
_HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_STORED: Final = {"actor": {"id": "investigator-1", "org": "FJD", "role": "investigator"}, "seq": 42, "v": "…"}
_HEADERS: Final = {
    "Content-Digest": {"description": "RFC 9530", "schema": {"type": "string"}},
    "Ledger-Leaf-Hash": {"description": "The leaf hash, in hex (RFC 9162)", "schema": {"type": "string"}},
    "ETag": {"schema": {"type": "string"}},
}


def _stored(description: str) -> documents.Responses:
    found = documents.answers(description, example=_STORED) | documents.UNCHANGED
    found[200]["headers"] = _HEADERS
    return found


@ROUTER.get("/entries/{seq}", responses=_stored("The stored bytes"))
def entry(request: Request, ask: Ask, seq: str) -> Response:
    """An entry of the open book, as it is stored."""
    paging.only(request, ())
    with ask.served.open_book() as reader:
        raw, _ = _row(reader, Book.OPEN, _number(seq))
    return _bytes(request, f"entry@{seq}", raw)


@ROUTER.get(
    "/entries/{seq}/parts",
    responses=documents.answers(
        "The parts", example={"seq": 42, "parts": [{"class": "plain", "commit": _HASH, "salt": "…", "payload": "{…}"}]}
    ),
)
def entry_parts(request: Request, ask: Ask, seq: str) -> Response:
    """What an entry of the open book says, in the parts that it commits to."""
    paging.only(request, ())
    number = _number(seq)
    with ask.served.open_book() as reader:
        raw, sections = _row(reader, Book.OPEN, number)
    opened = parse_open(raw)
    parts: list[dict[str, Any]] = []
    for part, section in zip(opened.parts, unpack(sections, len(opened.parts)), strict=True):
        told: dict[str, Any] = {"class": part.section_class, "commit": part.commit.hex(), "salt": None, "payload": None}
        if section.payload is not None:
            told |= {"salt": section.salt.hex(), "payload": section.payload.decode()}
        parts.append(told)
    return _json({"seq": number, "leaf_hash": leaf_hash(raw).hex(), "parts": parts})


@ROUTER.get(
    "/entries/{seq}/proof",
    responses=documents.text(
        "A proof (c2sp.org/tlog-proof)", "text/plain", "c2sp.org/tlog-proof@v1\nindex 42\n…\n\n…/balmys\n43\n…\n"
    ),
)
def entry_proof(request: Request, ask: Ask, seq: str) -> Response:
    """That an entry is in the tree of the newest checkpoint."""
    paging.only(request, ())
    number = _number(seq)
    with ask.served.open_book() as reader:
        _row(reader, Book.OPEN, number)
    blocks: dict[str, Blocks] = state_of(request).more.setdefault("blocks", {})
    try:
        proof = blocks.setdefault(ask.served.name, Blocks(ask.served.path)).prove(number)
    except NotCoveredError as error:
        raise Problem("not-found", str(error)) from None
    except ProofError:
        raise LedgerFileError("the open book is not the one that was signed; run verify") from None
    return Response(proof.encode(), headers=dict(KEPT), media_type="text/plain; charset=utf-8")


@ROUTER.get("/sealed-entries/{seq}", responses=_stored("The stored bytes"))
def sealed_entry(request: Request, ask: Ask, seq: str) -> Response:
    """An entry of the sealed book, as it is stored: for who has arms in sight."""
    paging.only(request, ())
    number = _number(seq)
    ask.session.admit(ARM, f"sealed entry {number}")
    with ask.served.reader(ask.session) as reader:
        raw, _ = _row(reader, Book.SEALED, number)
    return _bytes(request, f"sealed-entry@{seq}", raw)


@ROUTER.get(
    "/sealed-entries/{seq}/content",
    responses=documents.answers("The content", example={"seq": 7, "type": "arm.assigned/1", "data": {"arm": "…"}}),
)
def sealed_entry_content(request: Request, ask: Ask, seq: str) -> Response:
    """What an entry of the sealed book says, opened: for who has arms in sight. Nobody's name is in it."""
    paging.only(request, ())
    number = _number(seq)
    ask.session.admit(ARM, f"sealed entry {number}")
    with ask.served.reader(ask.session) as reader:
        _row(reader, Book.SEALED, number)
        end = reader.head().open
        (fact,) = reader.facts(Position(end, number), Position(end, number + 1))
    told = {
        "seq": fact.seq,
        "open_seq": fact.open_seq,
        "recorded_at": fact.at,
        "actor": {"id": fact.actor.id, "org": fact.actor.org, "role": fact.actor.role},
        "command": {"id": fact.command, "n": fact.n},
        "stream": fact.stream,
        "version": fact.version,
        "type": fact.type,
        "data": dict(fact.data),
    }
    return _json(told)


def _number(seq: str) -> int:
    if not _SEQ.fullmatch(seq):
        raise Problem("parameter", "seq: must be the position of an entry, from 0, in decimal digits", parameter="seq")
    return int(seq)


def _row(reader: LedgerReader, book: Book, seq: int) -> tuple[bytes, bytes]:
    """Entry and sections. Raises Problem (404)."""
    found = next(reader.stored(book, seq, seq + 1), None)
    if found is None:
        raise Problem("not-found", f"the {book} book has no entry {seq}")
    return found[1], found[2]


def _bytes(request: Request, what: str, raw: bytes) -> Response:
    leaf = leaf_hash(raw).hex()
    etag = tag(what, leaf)
    if has_it(request, etag):
        return unchanged(etag)
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    headers = {**KEPT, "etag": etag, "content-digest": f"sha-256=:{digest}:", "ledger-leaf-hash": leaf}
    return Response(raw, headers=headers, media_type="application/json")


def _json(value: object) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
    return Response(body, headers=dict(KEPT), media_type="application/json")
