"""`entries/{seq}`: one entry, as it is stored, what it says, and how to show that it is in the record.

1. The bytes are shown as they are stored, and the API sends the same ones; nothing is serialised again.
2. Parts that the role may not see are named with their commitment alone. Names are in the view `identities`.
3. An entry of the sealed book (`?book=sealed`) is for who has arms in sight, and the look is recorded before anything
   is read; whoever has not is refused alike, whether there is such an entry or not. No proof of it is handed out: only
   the open book is signed.
4. As of an earlier position there is no later entry, and what became of this one later is not said: not who signed it.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.auditing import told
from api.pages.rendering import as_of_of, page, pinned, reading
from api.pages.signing import NOT_KEPT, covering, signed
from api.pages.signing import VIEW as SIGNATURES
from api.pages.views import words_of
from api.server.paging import PlaceCursor, exact
from api.server.problems import Problem
from api.server.proofs import Blocks, NotCoveredError
from api.server.routes import audit as trail
from api.server.state import Ask, Asking, state_of
from api.server.trail import Facets, Place
from ledger.domain.vocabulary import Book
from ledger.proof.entry import Part, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM, Section, unpack
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import ProofError, leaf_hash
from ledger.recording.reader import LedgerReader, Position

ROUTER: Final = APIRouter()
_SEQ: Final = re.compile(r"(?:0|[1-9][0-9]{0,15})", re.ASCII)
_LAST: Final = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Proved:
    """The proof of an entry. `why`: `uncovered` where no checkpoint covers it yet, `altered` where none can be made."""

    proof: TlogProof | None = None
    why: str | None = None

    @property
    def text(self) -> str:
        """The proof as a file."""
        return "" if self.proof is None else self.proof.encode().decode()


@reading(ROUTER, "/t/{trial}/entries/{seq}")
def entry(request: Request, ask: Ask, seq: str) -> Response:
    """One entry."""
    asked = request.query_params.get("book", Book.OPEN.value)
    if asked not in (Book.OPEN.value, Book.SEALED.value):
        raise Problem("parameter", "book: must be open or sealed", parameter="book")
    if not _SEQ.fullmatch(seq):
        raise Problem("not-found", "there is no such entry")
    number, book = int(seq), Book(asked)
    if book is Book.SEALED:
        ask.session.admit(ARM, f"sealed entry {number}")
    trail.admit(ask)
    with ask.served.reader(ask.session) as reader:
        at = reader.position_at(as_of_of(request))
        end = (at.sealed or 0) if book is Book.SEALED else at.open
        if number >= end:
            raise Problem("not-found", f"the {book} book has no entry {number} as of this position")
        _, raw, sections = next(reader.stored(book, number, number + 1))
        data = _data(reader, at, number) if book is Book.SEALED else None
        looked = trail.look(ask, reader, at, _only(reader, at, book, number))
    stored = parse_open(raw) if book is Book.OPEN else parse_sealed(raw)
    proved = proof_of(request, ask, number) if book is Book.OPEN else Proved()
    row = next((one for one in looked.result.rows if (one["book"], one["seq"]) == (book.value, number)), None)
    made = ask.session.show(SIGNATURES, pinned(looked.result.as_of)).rows
    subject = None if row is None else row["subject"]
    signatures = signed(ask, covering(made, book, number, subject), words_of(request))
    return page(
        request,
        "entry.html",
        ask=ask,
        at=looked.result.as_of,
        made_of={
            "proof": hashlib.sha256(proved.text.encode()).hexdigest(),
            "why": proved.why,
            "names": [one["printed_name"] for one in signatures],
        },
        headers=NOT_KEPT if any(one["printed_name"] for one in signatures) else None,
        signatures=signatures,
        seq=number,
        book=book.value,
        last=end - 1,
        row=None if row is None else told(row, words_of(request)),
        data=data,
        stored=raw.decode(),
        entry=stored,
        leaf=leaf_hash(raw).hex(),
        parts=[] if book is Book.SEALED else list(zip(stored.parts, unpack(sections, len(stored.parts)), strict=True)),
        sealed_parts=stored.parts if book is Book.SEALED else (),
        shown=shown,
        proved=proved,
        bytes_at=f"/v1/trials/{ask.served.name}/{'entries' if book is Book.OPEN else 'sealed-entries'}/{number}",
    )


def proof_of(request: Request, ask: Asking, seq: int) -> Proved:
    """The proof of an entry of the open book, against the newest checkpoint."""
    blocks: dict[str, Blocks] = state_of(request).more.setdefault("blocks", {})
    try:
        return Proved(blocks.setdefault(ask.served.name, Blocks(ask.served.path)).prove(seq))
    except NotCoveredError:
        return Proved(why="uncovered")
    except (ProofError, LedgerFileError):
        return Proved(why="altered")


def shown(part: Part, section: Section) -> dict[str, Any]:
    """A part of an entry of the open book, as far as everybody may have it."""
    payload = section.payload
    return {
        "class": part.section_class,
        "commit": part.commit.hex(),
        "salt": None if payload is None else section.salt.hex(),
        "payload": None if payload is None else json.loads(payload),
    }


def _data(reader: LedgerReader, at: Position, number: int) -> dict[str, Any]:
    """What an entry of the sealed book says."""
    (fact,) = reader.facts(Position(at.open, number), Position(at.open, number + 1))
    return {"type": fact.type, "stream": fact.stream, "version": fact.version, **fact.data}


def _only(reader: LedgerReader, at: Position, book: Book, number: int) -> trail.Query:
    """The query of which the first row is this entry's."""
    before = Place(number - 1, True, _LAST)
    if book is Book.SEALED:
        (fact,) = reader.facts(Position(at.open, number), Position(at.open, number + 1))
        before = Place(fact.open_seq, True, number - 1)
    return trail.Query(Facets(), None, None, False, 1, None, PlaceCursor(exact(at), before))
