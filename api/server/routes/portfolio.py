"""`GET /v1/portfolio`: all trials in which the asker has a role, and what they come to (`api/server/portfolio.py`)."""

import json
from typing import Final

from fastapi import APIRouter, Request, Response

from api.server import documents, paging
from api.server.negotiation import KEPT
from api.server.portfolio import Counts, Portfolio
from api.server.state import State, Who, state_of

ROUTER = APIRouter(prefix="/v1", tags=["portfolio"], default_response_class=Response)
_COUNTS: Final = Counts(planned=120, consented=64, randomized=60, sites=4, sites_planned=5, serious=7).to_value()
_EXAMPLE: Final = {
    "trials": [
        {
            "trial": "balmys",
            "role": "sponsor",
            "title": "BALMYS-19",
            "status": "RECRUITING",
            "since": None,
            **_COUNTS,
            "as_of": {"seq": 420, "recorded_at": "2020-05-06T10:30:00.000000Z"},
            "behind": None,
        }
    ],
    "totals": {"trials": 1, "by_status": {"RECRUITING": 1}, **_COUNTS},
    "complete": False,
    "unread": [{"trial": "pilot-2", "problem": "/problems/unreachable"}],
    "unlisted": 0,
}


@ROUTER.get("/portfolio", responses=documents.answers("The trials and their totals", example=_EXAMPLE))
def portfolio(request: Request, person: Who) -> Response:
    """Your trials at a glance, with what they come to; what could not be read is named."""
    paging.only(request, ())
    value = portfolio_of(state_of(request)).read(person).to_value()
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
    return Response(body, headers=dict(KEPT), media_type="application/json")


def portfolio_of(state: State) -> Portfolio:
    """What reads the rows, and keeps them."""
    found: Portfolio = state.more.setdefault("portfolio", Portfolio(state.trials))
    return found
