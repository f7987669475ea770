"""`…/signatures`: sign an entry, a subject's record or a book; and who has signed. 21 CFR 11.50, 11.70, 11.200.

1. A body is read strictly. `of` is one entry, `{"seq", "hash"}` with its leaf hash as the signer saw it; or all up to
   an entry, `{"upto"}`, of one `subject` or of the book. `book` is `open` where it is not said.
2. Sent without `authentication`, it is answered 401 with what has to be asked of the issuer; with it, it is signed
   (`api/server/signing.py`). The same id is the same signature: 201 first, 200 from then on.
3. Signatures are shown with time and meaning, and with the printed name for who has names in sight: that look is
   recorded first, and its answer is kept by nobody. All others have the pseudonym.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, ValidationError, model_validator

from api.bootstrap import own_keys
from api.server import documents, paging
from api.server.commanding import answered
from api.server.negotiation import KEPT, NOT_KEPT
from api.server.problems import Problem, errors
from api.server.signing import sign, signing_of
from api.server.state import Ask, Asking, state_of
from api.server.strict import json_of
from ledger.application.signing import Wanted
from ledger.domain.commands import IN_WORDS
from ledger.domain.decisions.base import CommandId
from ledger.domain.events.base import Facts, SubjectId, Text
from ledger.domain.events.signature import SEALED_SIGNERS, SIGNERS, Extent, LeafHash, Meaning, Seq
from ledger.domain.protocol.base import problems_of
from ledger.domain.vocabulary import Book
from ledger.proof.canonical import Json, encode
from ledger.proof.sections import IDENTITY
from ledger.recording.reader import LedgerReader

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["signatures"], default_response_class=Response)
_VIEW: Final = "signatures"
_HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_PATTERN: Final = "string should match pattern "
_EXAMPLE: Final = {"id": "sign-42", "meaning": "REVIEW", "of": {"seq": 42, "hash": _HASH}}
_ANSWER: Final = {
    "id": "sign-42",
    "book": "open",
    "seq": 44,
    "count": 1,
    "recorded_at": "2020-05-06T08:31:02.000000Z",
    "events": ["signature.made/1"],
    "repeated": False,
    "meaning": "REVIEW",
    "of": {"extent": "ENTRY", "signed_book": "open", "signed_seq": 42, "signed_hash": _HASH},
}
_BODY: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "meaning", "of"],
    "properties": {
        "id": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "meaning": {"enum": [meaning.value for meaning in Meaning]},
        "of": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "book": {"enum": [book.value for book in Book]},
                "seq": {"type": "integer", "minimum": 0},
                "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "upto": {"type": "integer", "minimum": 0},
                "subject": {"type": "string"},
            },
        },
        "words": {"type": "string"},
        "authentication": {"type": "string", "description": "An ID token made for this signature"},
    },
}
_LISTED: Final = {
    "signatures": [{"seq": 44, "person": "monitor-1", "meaning": "REVIEW", "signed_seq": 42, "state": "CURRENT"}]
}
_OF: Final = documents.query("of", "The position of the entry that was signed", 42, minimum=0)
_BOOK: Final = documents.query("book", "Of which book that is", "open", enum=["open", "sealed"])


class _Of(Facts):
    book: Book = Book.OPEN
    seq: Seq | None = None
    hash: LeafHash | None = None
    upto: Seq | None = None
    subject: SubjectId | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "_Of":
        if (self.seq is None) == (self.upto is None):
            raise ValueError("must have either seq, of one entry, or upto")
        if self.seq is not None and (self.hash is None or self.subject is not None):
            raise ValueError("seq is given with the hash of the entry, and without a subject")
        if self.upto is not None and self.hash is not None:
            raise ValueError("upto is given without a hash")
        return self


class _Signature(Facts):
    id: CommandId
    meaning: Meaning
    of: _Of
    words: Text | None = None
    authentication: Annotated[str, Field(min_length=1, max_length=8192)] | None = None


async def _body(request: Request) -> Json:
    return await json_of(request)


@ROUTER.post(
    "/signatures",
    status_code=201,
    responses=documents.answers("It is signed", example=_ANSWER, status=201)
    | documents.answers("It was signed before", example={**_ANSWER, "repeated": True})
    | documents.problems("authentication", "command", "command-reused", "refused", "not-ready"),
    openapi_extra=documents.json_body(_BODY, _EXAMPLE),
)
def sign_entry(request: Request, ask: Ask, body: Annotated[Json, Depends(_body)]) -> Response:
    """Sign. Without `authentication` you are told what to ask the issuer for."""
    paging.only(request, ())
    asked = _asked(body)
    extent = Extent.ENTRY if asked.of.seq is not None else Extent.SUBJECT if asked.of.subject else Extent.BOOK
    seq = asked.of.seq if asked.of.seq is not None else asked.of.upto
    assert seq is not None
    wanted = Wanted(asked.id, asked.meaning, extent, asked.of.book, seq, asked.of.hash, asked.of.subject, asked.words)
    answer, bound = sign(ask, wanted, asked.authentication, signing_of(state_of(request)))
    return answered(ask, answer, meaning=asked.meaning.value, of=bound.said["of"])


@ROUTER.get(
    "/signatures",
    responses=documents.answers("The signatures", example=_LISTED) | documents.problems("position"),
    openapi_extra={"parameters": [_OF, _BOOK, documents.AS_OF]},
)
def signatures(request: Request, ask: Ask) -> Response:
    """Who has signed: an entry, or anything."""
    paging.only(request, ("of", "book", "as_of"))
    seq, book = _number(paging.single(request, "of")), _book(paging.single(request, "book"))
    result = ask.session.of_record().show(_VIEW, paging.single(request, "as_of"))
    rows = [dict(row) for row in result.rows if seq is None or row["signed_seq"] == seq]
    if book is not None:
        rows = [row for row in rows if row.get("signed_book", Book.OPEN.value) == book.value]
    headers = KEPT
    if ask.session.sight.names and rows:
        names, headers = printed_names(ask, rows), NOT_KEPT
        for row in rows:
            row["printed_name"] = names.get((row.get("book", Book.OPEN.value), row["seq"]))
    body = json.dumps({"signatures": rows}, ensure_ascii=False, separators=(",", ":")) + "\n"
    return Response(body, headers=dict(headers), media_type="application/json")


def printed_names(ask: Asking, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], str]:
    """(book, seq) -> the printed name of a signature, of rows of the view. The look is recorded first.

    Raises DeniedError for who has no names in sight.
    """
    ask.session.admit(IDENTITY, "signatures")
    sight = ask.session.sight
    found: dict[tuple[str, int], str] = {}
    with closing(own_keys(ask.served.path)) as keys:
        reader = LedgerReader(ask.served.path, books=sight.books, classes=sight.classes, keys=keys)
        with closing(reader), reader:
            for stream in {_stream(row) for row in rows}:
                for fact in reader.stream(stream):
                    if (name := fact.data.get("printed_name")) is not None:
                        found[fact.book.value, fact.seq] = name
    return found


def _stream(row: Mapping[str, Any]) -> str:
    sealed = row.get("book") == Book.SEALED.value
    return f"{SEALED_SIGNERS if sealed else SIGNERS}{row['person']}"


def _asked(body: Json) -> _Signature:
    try:
        return _Signature.model_validate_json(encode(body), strict=True)
    except ValidationError as error:
        faults = [
            (field, IN_WORDS.get(rule.removeprefix(_PATTERN).strip("'"), rule)) for field, rule in problems_of(error)
        ]
        detail = "; ".join(f"{field}: {rule}" for field, rule in faults)
        raise Problem("command", detail, errors=errors(faults)) from None


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Problem("parameter", "of: must be the position of an entry, in decimal digits", parameter="of")
    return int(text)


def _book(text: str | None) -> Book | None:
    if text is None:
        return None
    if text not in set(Book):
        raise Problem("parameter", "book: must be open or sealed", parameter="book")
    return Book(text)
