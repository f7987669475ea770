"""`/` and `/t/{trial}`: the trials in which somebody has a role, and the overview of one.

The badge of the overview says what the server has verified, and nothing that it has not.
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.badge import Badge, badge_of
from api.pages.looking import Look, look
from api.pages.rendering import page, reading
from api.server import standing
from api.server.state import Ask, Asking, Who, state_of
from ledger.domain.events import CATALOGUE
from ledger.domain.history import Fact

ROUTER: Final = APIRouter()
_RECENT: Final = 12


@reading(ROUTER, "/")
def trials(request: Request, person: Who) -> Response:
    """The trials of the person."""
    mine = [
        {"name": served.name, "role": person.rights[served.name].role.value, "sites": person.rights[served.name].sites}
        for served in state_of(request).trials
        if served.name in person.rights
    ]
    return page(request, "trials.html", person=person, trials=mine)


def _beside(request: Request, ask: Asking) -> dict[str, Badge]:
    """What the overview is made of that is in no book."""
    return {"badge": badge_of(state_of(request), ask)}


@reading(ROUTER, "/t/{trial}", beside=_beside)
def overview(request: Request, ask: Ask) -> Response:
    """Where the trial stands."""
    looked = look(request, ask)
    numbers = numbers_of(looked)
    badge = badge_of(state_of(request), ask)
    return page(
        request,
        "overview.html",
        ask=ask,
        at=looked.where,
        made_of={**looked.made_of, "badge": badge},
        whole=looked.whole(),
        numbers=numbers,
        badge=badge,
        recent=[_entry(fact) for fact in looked.newest(_RECENT)],
    )


def numbers_of(looked: Look) -> dict[str, Any]:
    """The key numbers, each as one of the views has it."""
    return {**standing.numbers_of(looked.show), "entries": looked.open_end.open}


def _entry(fact: Fact) -> dict[str, Any]:
    """An entry as the list of the newest ones has it."""
    known = CATALOGUE.get(fact.type)
    subject = fact.data.get("subject")
    if subject is None and fact.stream.startswith("subject/"):
        subject = fact.stream.removeprefix("subject/")
    return {
        "seq": fact.seq,
        "type": fact.type,
        "what": fact.type if known is None else known.title,
        "subject": subject,
        "who": fact.actor.id,
        "role": fact.actor.role,
        "at": fact.at,
    }
