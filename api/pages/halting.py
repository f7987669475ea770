"""`as-of`: the trial as it was known at a position, beside how it is known now.

1. Both sides are made of the same views, each of one position. What a role may see of the earlier one is what it may
   see today.
2. A position is chosen by a slider, by what is typed (an entry, a day, a time, `halt`), or by an event of the trial as
   a whole. The slider counts entries of the open book, whoever looks. All of it are links and forms of GET.
3. Without a position there is nothing to compare, and the page says which positions there are.
"""

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.looking import Look, look
from api.pages.rendering import page, reading
from api.pages.trial import numbers_of
from api.pages.views import words_of
from api.server.state import Ask
from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.history import Fact, corrected
from ledger.domain.state.trial import STOPS
from ledger.recording.reader import Position

ROUTER: Final = APIRouter()
_MOST: Final = 40
_NUMBERS: Final = (
    ("consented", "enrolment", "overview.consented"),
    ("randomized", "enrolment", "overview.randomized"),
    ("completed", "consort", "overview.completed"),
    ("died", "survival", "overview.died"),
    ("open_events", "adverse-events", "overview.open-events"),
    ("open_serious", "serious-events", "menu.serious-events"),
    ("deviations", "deviations", "overview.deviations"),
    ("due", "duties", "as-of.due"),
    ("overdue", "duties", "overview.overdue"),
    ("entries", "audit", "overview.entries"),
)


@reading(ROUTER, "/t/{trial}/as-of")
def as_of(request: Request, ask: Ask) -> Response:
    """The trial then and now."""
    then = look(request, ask)
    now = then if then.as_of is None else replace(then, as_of=None, at=None, day=None, _shown={})
    sides = {id(one): _side(one) for one in (then, now)}
    events = _events(now)
    return page(
        request,
        "as_of.html",
        ask=ask,
        at=then.where,
        made_of={"now": (now.where.seq, now.where.head, now.where.sealed_head), "days": (then.day, now.day)},
        then=sides[id(then)] if then is not now else None,
        now=sides[id(now)],
        rows=_NUMBERS,
        last=now.where.seq or 0,
        chosen=then.where.seq or 0,
        stopped=any(fact.type in STOPS for fact in events),
        events=[_event(request, fact) for fact in events[-_MOST:]],
    )


def _side(one: Look) -> dict[str, Any]:
    """What is known at the position of a look."""
    numbers = numbers_of(one)
    whole = one.whole()
    return {"at": one.where, "numbers": numbers, "status": whole.state.status.value, "why": whole.reason}


def _events(now: Look) -> list[Fact]:
    """What happened to the trial as a whole, as the open book has it."""
    with now.ask.served.open_book(shown=True) as reader:
        return list(corrected(reader.stream(TRIAL_STREAM, stop=Position(now.open_end.open, None))))


def _event(request: Request, fact: Fact) -> dict[str, Any]:
    known = CATALOGUE.get(fact.type)
    what = words_of(request).event(fact.type, fact.type if known is None else known.title)
    return {"seq": fact.seq, "at": fact.at, "what": what}
