"""`POST …/code-break`: the emergency. The arm is told after the record says, durably, who broke the code and why.

1. What is not recorded is not told: the answer is then 503, and the sealed envelope is what is left.
2. The same id is the same code-break: sent again it is told again, and recorded once.
3. No answer is to be kept by anybody (`no-store`), refusals included.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.server import documents, paging
from api.server.bodies import texts
from api.server.commanding import answered, break_code
from api.server.state import Ask
from api.server.strict import json_of
from ledger.proof.canonical import Json

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["commands"], default_response_class=Response)
_TEXT: Final = {"type": "string"}
_BODY: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "subject", "reason"],
    "properties": {"id": _TEXT, "subject": _TEXT, "reason": _TEXT, "occurred_at": _TEXT},
}
_EXAMPLE: Final = {"id": "break-s-01-001", "subject": "S-01-001", "reason": "anaphylaxis; the treatment depends on it"}
_ANSWER: Final = {
    "id": "break-s-01-001",
    "book": "open",
    "seq": 43,
    "count": 1,
    "recorded_at": "2020-05-06T03:12:40.000000Z",
    "events": ["code.broken/1"],
    "repeated": False,
    "subject": "S-01-001",
    "arm": "CONTROL",
    "label": "Usual care",
}


async def _body(request: Request) -> Json:
    return await json_of(request)


@ROUTER.post(
    "/code-break",
    status_code=201,
    responses=documents.answers("The code is broken: the arm", example=_ANSWER, status=201)
    | documents.answers("It was broken by this command before: the arm", example={**_ANSWER, "repeated": True})
    | documents.problems("command", "command-reused", "refused"),
    openapi_extra=documents.json_body(_BODY, _EXAMPLE),
)
def code_break(request: Request, ask: Ask, body: Annotated[Json, Depends(_body)]) -> Response:
    """Emergency: learn the arm of a subject."""
    paging.only(request, ())
    given = texts(body, {"id": 128, "subject": 64, "reason": 4000}, {"occurred_at": 40})
    id_, subject, reason = (str(given[name]) for name in ("id", "subject", "reason"))
    done = break_code(ask, id_, subject, reason, given["occurred_at"])
    return answered(ask, done.answer, subject=done.subject, arm=done.arm, label=done.label)
