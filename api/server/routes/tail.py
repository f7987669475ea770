"""`GET /v1/trials/{trial}/events`: the tail of the record as server-sent events (`api/server/tailing.py`).

Each event is a row of the audit trail as the role may see it; its `id` is the place of the entry. A client that was cut
off sends the last one back (`Last-Event-ID`) and misses nothing. With `follow=false` the stream ends at the head.
"""

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api.server import documents, paging
from api.server.problems import Problem
from api.server.state import Ask, State, state_of
from api.server.tailing import Tails, place_of
from ledger.proof.sections import ARM
from projections.base import Audience

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["events"], default_response_class=Response)
_TYPE: Final = "text/event-stream"
_EXAMPLE: Final = 'retry: 5000\n\nevent: entry\nid: 42\ndata: {"book":"open","seq":42,"type":"visit.recorded/1"}\n\n'
_EVENT: Final = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "const": "entry"},
        "id": {"type": "string", "description": "The place of the entry, to go on after (Last-Event-ID)"},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "A row of the audit trail"},
    },
}
_HEADERS: Final = {"cache-control": "no-store", "vary": "Authorization, Cookie", "x-accel-buffering": "no"}


def tails_of(state: State) -> Tails:
    """Those of the server."""
    found: Tails = state.more.setdefault("tails", Tails())
    return found


@ROUTER.get(
    "/events",
    responses=documents.text("The stream", _TYPE, _EXAMPLE, _EVENT) | documents.problems("not-recorded", "not-ready"),
    openapi_extra={
        "parameters": [
            documents.query("follow", "Whether to go on at the head", "false", enum=["true", "false"]),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "required": False,
                "description": "The id of the last event that was received: the stream goes on after it",
                "schema": {"type": "string"},
            },
        ]
    },
)
async def events(request: Request, ask: Ask) -> Response:
    """New entries as they are recorded, as your role may see them."""
    paging.only(request, ("follow",))
    follow = paging.single(request, "follow") or "true"
    if follow not in ("true", "false"):
        raise Problem("parameter", "follow: must be true or false", parameter="follow")
    said = request.headers.get("last-event-id", "")
    after = place_of(said, ask.session.audience) if said else None
    if ask.session.audience is Audience.UNMASKED:
        await run_in_threadpool(ask.session.admit, ARM, "events")
    if request.scope.get("trial_ledger.head"):
        return Response(headers=_HEADERS, media_type=_TYPE)
    frames = await tails_of(state_of(request)).listen(
        ask.served, ask.session, ask.person, after, follow=follow == "true"
    )
    return StreamingResponse(frames, headers=_HEADERS, media_type=_TYPE)
