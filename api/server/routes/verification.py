"""`…/verification`: what the newest verification of the whole record said, and having one made now.

1. A run is a process of its own beside the server (`api/server/operation/verifying.py`): one at a time, and it delays
   no write. Who asks while one is under way or waiting has asked for that one.
2. Whoever has no arms in sight is told what is said of the open book, and nothing from which the length or content of
   the sealed one could be seen: neither whether a run is under way nor why one gave no verdict (rules 2 and 3 there).
"""

import hashlib
import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.server import documents, paging
from api.server.bodies import NoBody
from api.server.negotiation import KEPT, has_it, tag, unchanged
from api.server.operation.verifying import Verifications, Verified
from api.server.state import Ask, Asking, State, state_of
from ledger.proof.sections import ARM

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["verification"], default_response_class=Response)
_EXAMPLE: Final = {
    "verified": {
        "position": 42,
        "at": "2020-05-06T10:30:00.000000Z",
        "ok": True,
        "root": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "head": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "level": "witnessed 1 of 1",
        "external": 40,
        "witnessed_by": ["witness.example.org"],
        "findings": [],
    }
}


def verifications_of(state: State) -> Verifications:
    """Those of the server; where it was put together without, some that run when they are asked for."""
    found: Verifications | None = state.more.get("verifications")
    if found is None:
        found = state.more.setdefault(
            "verifications", Verifications({served.name: served.path for served in state.trials})
        )
        found.start()
    return found


@ROUTER.get(
    "/verification", responses=documents.answers("The newest verification", example=_EXAMPLE) | documents.UNCHANGED
)
def verification(request: Request, ask: Ask) -> Response:
    """What the newest verification said. `verified` is null before the first."""
    paging.only(request, ())
    answer = _told(ask, verifications_of(state_of(request)))
    etag = _tag(answer)
    if has_it(request, etag):
        return unchanged(etag)
    return Response(_json(answer), headers={**KEPT, "etag": etag}, media_type="application/json")


@ROUTER.post(
    "/verification",
    status_code=202,
    responses=documents.answers("It is made, or its turn comes", example=_EXAMPLE, status=202)
    | documents.problems("body", "body-too-large"),
)
def begin_verification(request: Request, ask: Ask, _: NoBody) -> Response:
    """Have the whole record verified now. What is answered is the verification before; the new one comes by GET."""
    paging.only(request, ())
    made = verifications_of(state_of(request))
    answer = _told(ask, made)
    made.begin(ask.served.name)
    headers = {"location": f"/v1/trials/{ask.served.name}/verification", "cache-control": "no-store"}
    return Response(_json(answer), 202, headers=headers, media_type="application/json")


def _told(ask: Asking, made: Verifications) -> dict[str, Any]:
    newest, arms = made.newest(ask.served.name), ask.session.sight.arms
    if arms:
        ask.session.admit(ARM, "the verification")
    answer: dict[str, Any] = {"verified": None if newest is None else _value(newest.seen(arms=arms))}
    if arms:
        answer |= {"running": made.running(ask.served.name), "failed": made.failed(ask.served.name)}
    return answer


def _value(newest: Verified) -> dict[str, Any]:
    return {
        "position": newest.position,
        "at": newest.at,
        "ok": newest.ok,
        "root": newest.root,
        "head": newest.head,
        "level": newest.level,
        "external": newest.external,
        "witnessed_by": list(newest.witnessed_by),
        "findings": [dict(finding) for finding in newest.findings],
    }


def _tag(answer: dict[str, Any]) -> str:
    newest = answer["verified"]
    position = "none" if newest is None else f"{newest['position']}"
    return tag(f"verification@{position}", hashlib.sha256(_json(answer).encode()).hexdigest())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
