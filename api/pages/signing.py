"""`signatures`: who signed what, when and meaning what; and, of one entry, which signatures cover it.

1. The rows are those of the view `signatures`. Nothing is signed here: a signature needs an authentication that is made
   for it, which a program asks the issuer for (`api/server/routes/signatures.py`).
2. A signature has a printed name (21 CFR 11.50): for who has names in sight. That look is recorded before a name is
   read, and no cache keeps the page. Everybody else has the pseudonym.
3. An entry is covered by the signatures of it alone, by those of its subject's record up to a later entry, and by
   those of the whole book up to a later entry.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.looking import look
from api.pages.rendering import reading
from api.pages.tables import Column, Columns, table
from api.pages.views import Section, choice, filtered, view_page, words_of
from api.pages.words import Words
from api.server.routes.signatures import printed_names
from api.server.state import Ask, Asking
from ledger.domain.events.signature import Extent
from ledger.domain.vocabulary import Book

ROUTER: Final = APIRouter()
VIEW: Final = "signatures"
NOT_KEPT: Final = {"cache-control": "no-store"}


@reading(ROUTER, "/t/{trial}/signatures")
def signatures(request: Request, ask: Ask) -> Response:
    """All signatures of the trial."""
    looked, words = look(request, ask), words_of(request)
    rows = signed(ask, looked.rows(VIEW), words)
    filters = [
        choice(request, "person", rows),
        choice(request, "meaning", rows, terms=True),
        choice(request, "subject", rows),
    ]
    shown = filtered(rows, filters)
    caption = words.say("signatures.table")
    named = [row["printed_name"] for row in rows]
    columns: Columns = (
        Column("open", words.say("column.seq"), "entries", "sealed"),
        ("recorded_at", "when"),
        ("person", "text"),
        *((("printed_name", "text"),) if ask.session.sight.names else ()),
        ("role", "role"),
        ("org", "text"),
        ("meaning", "term"),
        ("signed", "text"),
        Column("signed_open", words.say("column.signed_seq"), "entries", "signed_sealed"),
        ("subject", "subject"),
        ("now", "text"),
        ("words", "text"),
        ("authenticated_at", "when"),
        ("method", "text"),
    )
    return view_page(
        request,
        looked,
        words.say("signatures.title"),
        [Section(caption, table(request, "signatures", caption, columns, shown, sortable=True))],
        views=[VIEW],
        intro=[words.say("signatures.intro", n=len(shown), all=len(rows))],
        notes=[words.say("signatures.about"), words.say("signatures.verified")],
        filters=filters,
        made_of={"names": hashlib.sha256(repr(named).encode()).hexdigest()} if any(named) else {},
        headers=NOT_KEPT if any(named) else None,
    )


def signed(ask: Asking, rows: Iterable[Mapping[str, Any]], words: Words) -> list[dict[str, Any]]:
    """Rows of the view as pages show them, with the printed names where they are in sight (rule 2)."""
    held = list(rows)
    names = printed_names(ask, held) if held and ask.session.sight.names else {}
    return [_told(row, names, words) for row in held]


def covering(rows: Iterable[Mapping[str, Any]], book: Book, seq: int, subject: str | None) -> list[Mapping[str, Any]]:
    """Those of the rows of the view that cover an entry (rule 3)."""
    return [row for row in rows if row.get("signed_book", Book.OPEN.value) == book.value and _covers(row, seq, subject)]


def _covers(row: Mapping[str, Any], seq: int, subject: str | None) -> bool:
    if row["extent"] == Extent.ENTRY.value:
        return bool(row["signed_seq"] == seq)
    about = row["extent"] == Extent.BOOK.value or (subject is not None and row["subject"] == subject)
    return about and bool(row["signed_seq"] >= seq)


def _told(row: Mapping[str, Any], names: Mapping[tuple[str, int], str], words: Words) -> dict[str, Any]:
    book, of = row.get("book", Book.OPEN.value), row.get("signed_book", Book.OPEN.value)
    what = words.say(f"signatures.extent.{row['extent']}")
    if row["signed_type"] is not None:
        what += f": {words.event(row['signed_type'], row['signed_type'])}"
    return {
        **row,
        "open": [row["seq"]] if book == Book.OPEN.value else [],
        "sealed": [row["seq"]] if book != Book.OPEN.value else [],
        "signed_open": [row["signed_seq"]] if of == Book.OPEN.value else [],
        "signed_sealed": [row["signed_seq"]] if of != Book.OPEN.value else [],
        "signed": what,
        "now": None if row["state"] is None else words.say(f"signatures.state.{row['state']}"),
        "method": ", ".join(filter(None, (*row["methods"], row["level"]))) or None,
        "printed_name": names.get((book, row["seq"])),
    }
