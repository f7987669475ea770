"""`/portfolio`: all trials in which somebody has a role, and what they come to (`api/server/portfolio.py`)."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.rendering import page, reading
from api.pages.tables import Column, Columns, table
from api.pages.views import words_of
from api.server.portfolio import Row
from api.server.routes.portfolio import portfolio_of
from api.server.state import Who, state_of

ROUTER: Final = APIRouter()
_NUMBERS: Final = (
    "planned",
    "consented",
    "randomized",
    "completed",
    "died",
    "sites",
    "serious",
    "open_serious",
    "deviations",
    "overdue",
)


@reading(ROUTER, "/portfolio")
def portfolio(request: Request, person: Who) -> Response:
    """The trials of the person at a glance."""
    words = words_of(request)
    whole = portfolio_of(state_of(request)).read(person)
    caption = words.say("portfolio.table")
    columns: Columns = (
        Column("trial", words.say("portfolio.trial"), "trial"),
        Column("role", words.say("portfolio.role"), "role"),
        ("status", "term"),
        Column("since", words.say("overview.since"), "when"),
        *(Column(name, words.say(f"portfolio.{name}"), "number") for name in _NUMBERS),
        Column("seq", words.say("portfolio.entry"), "number"),
        Column("recorded_at", words.say("position.recorded"), "when"),
        Column("behind", words.say("portfolio.behind"), "number"),
    )
    return page(
        request,
        "portfolio.html",
        person=person,
        whole=whole,
        numbers=[(f"portfolio.{name}", getattr(whole.totals, name)) for name in _NUMBERS],
        trials=table(request, "trials", caption, columns, map(_told, whole.rows), sortable=True),
    )


def _told(row: Row) -> dict[str, Any]:
    seen = {name: getattr(row.counts, name) for name in _NUMBERS}
    at = {"seq": row.seq, "recorded_at": row.recorded_at, "behind": row.behind}
    return {"trial": row.trial, "role": row.role, "status": row.status, "since": row.since, **seen, **at}
