"""`subjects` and `subjects/{id}`: the list of subjects, and all that was recorded of one.

The timeline is what the audit trail says of the stream of one subject, made of that stream alone. A subject of whom
nothing is recorded at the position is not found, whoever asks.
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.looking import Look, look
from api.pages.rendering import page, reading
from api.pages.tables import Column, Columns, table
from api.pages.views import Section, choice, filtered, view_page, words_of
from api.server.problems import Problem
from api.server.state import Ask
from ledger.recording.reader import Position
from projections.base import Audience, Context
from projections.histories import History, visible
from projections.plan import Plan
from projections.views import VIEWS

ROUTER: Final = APIRouter()
_COLUMNS: Final[Columns] = (
    ("subject", "subject"),
    ("site", "text"),
    ("status", "term"),
    ("since", "when"),
    ("consented", "when"),
    ("randomized", "when"),
    ("stratum", "text"),
    ("last_contact", "when"),
    ("open_adverse_events", "number"),
)


@reading(ROUTER, "/t/{trial}/subjects")
def subjects(request: Request, ask: Ask) -> Response:
    """The list."""
    looked, words = look(request, ask), words_of(request)
    rows = looked.rows("subjects")
    filters = [choice(request, "site", rows), choice(request, "status", rows, terms=True)]
    arms = ask.session.sight.arms
    if arms:
        filters.append(choice(request, "arm", rows))
    shown = filtered(rows, filters)
    entries = Column("events", words.say("column.events"), "entries", "sealed_events" if arms else None)
    columns: Columns = (*_COLUMNS, *((("arm", "text"),) if arms else ()), entries)
    caption = words.say("subjects.table")
    return view_page(
        request,
        looked,
        words.say("subjects.title"),
        [Section(caption, table(request, "subjects", caption, columns, shown, sortable=True))],
        views=["subjects"],
        intro=[words.say("subjects.intro", n=len(shown), all=len(rows))],
        filters=filters,
    )


@reading(ROUTER, "/t/{trial}/subjects/{subject}")
def subject(request: Request, ask: Ask, subject: str) -> Response:
    """One subject, entry by entry."""
    looked = look(request, ask)
    standing = next((row for row in looked.rows("subjects") if row["subject"] == subject), None)
    entries = timeline(looked, subject)
    if standing is None and not entries:
        raise Problem("not-found", "there is no such subject at this position")
    return page(
        request,
        "subject.html",
        ask=ask,
        at=looked.where,
        made_of=looked.made_of,
        views={"subjects": {"subject": subject}, "audit": {"subject": subject}},
        subject=subject,
        standing=standing,
        entries=entries,
    )


def timeline(looked: Look, subject: str) -> list[dict[str, Any]]:
    """The rows of the audit trail of a subject's stream, as the audience of the session has them. After a `show`."""
    session, where = looked.ask.session, looked.where
    unmasked = session.audience is Audience.UNMASKED
    stream, stop = f"subject/{subject}", looked.open_end
    if unmasked and where.sealed is not None:
        stop = Position(stop.open, where.sealed + 1)
    elif unmasked:
        stop = Position(stop.open, 0)
    with looked.ask.served.reader(session, shown=True) as reader:
        recorded = tuple(visible(reader.stream(stream, stop=stop), sealed=unmasked))
    view = VIEWS["audit"]
    names = [column.name for column in view.columns(session.audience)]
    stored = [
        {"key": stream, **{name: row.get(name) for name in names}} for row in view.rows(History(stream, recorded))
    ]
    return list(view.present(stored, Context(Plan(), None), session.audience).rows)
