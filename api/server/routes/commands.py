"""`…/commands`: what may be commanded, the form of it, and a command given.

1. A body is read strictly, as bytes, and then as a command (`ledger/domain/commands.py`): every fault is named at once.
   Decimals may be written as numbers or as strings.
2. The actor is the token's (`api/server/commanding.py`); a body need not name it.
3. 201 the first time, 200 with the same answer when the command comes again, 409 where its id was used for another or a
   rule forbids it, 403 where the role may not give it. What of an answer would tell of the sealed book is left out for
   who has no arms in sight.
"""

import hashlib
import json
from functools import cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from api.server import documents, paging
from api.server.commanding import answered, command_of, submit
from api.server.negotiation import KEPT, has_it, tag, unchanged
from api.server.state import Ask, Who, asking
from api.server.strict import json_of
from ledger.domain.commands import COMMANDS, command_schema
from ledger.domain.vocabulary import Role
from ledger.proof.canonical import Json

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["commands"], default_response_class=Response)
_EXAMPLE: Final = {
    "id": "visit-s-01-001-day-3",
    "type": "record-visit",
    "occurred_at": "2020-05-06T10:30+02:00",
    "data": {"subject": "S-01-001", "visit": "DAY 3", "number": "3"},
}
_ANSWER: Final = {
    "id": "visit-s-01-001-day-3",
    "book": "open",
    "seq": 42,
    "count": 1,
    "recorded_at": "2020-05-06T08:31:02.000000Z",
    "events": ["visit.recorded/1"],
    "repeated": False,
}
_BODY: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "type", "occurred_at", "data"],
    "description": "A command, as `/commands/schema` has it for each type",
    "properties": {
        "id": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "type": {"type": "string", "enum": list(COMMANDS)},
        "actor": {"type": "object", "description": "If it is given, exactly what the token says"},
        "occurred_at": {"type": "string", "description": "ISO 8601, possibly partial"},
        "data": {"type": "object"},
        "provenance": {"type": "object"},
    },
}
_SCHEMA: Final[documents.Responses] = {
    200: {
        "description": "JSON Schema (2020-12)",
        "content": {"application/schema+json": {"schema": {"type": "object"}, "example": {"oneOf": []}}},
    }
}


async def _body(request: Request) -> Json:
    return await json_of(request, decimals=True)


@ROUTER.get(
    "/commands",
    responses=documents.answers(
        "The commands",
        example={"commands": [{"type": "record-visit", "summary": "a visit done or missed", "act": False}]},
    ),
)
def commands(request: Request, ask: Ask) -> Response:
    """The types of commands that your role may give."""
    paging.only(request, ())
    role = Role(ask.session.viewer.role)
    mine = [
        {"type": spec.type, "summary": spec.summary, "act": spec.act}
        for spec in COMMANDS.values()
        if role in spec.roles
    ]
    return Response(_json({"commands": mine}), headers=dict(KEPT), media_type="application/json")


@ROUTER.get(
    "/commands/schema",
    responses=_SCHEMA | documents.UNCHANGED,
)
def commands_schema(request: Request, ask: Ask) -> Response:  # noqa: ARG001 - asking is what needs a role
    """The form of each command, as this API takes it."""
    paging.only(request, ())
    text, etag = _schema()
    if has_it(request, etag):
        return unchanged(etag)
    return Response(text, headers={**KEPT, "etag": etag}, media_type="application/schema+json")


@ROUTER.post(
    "/commands",
    status_code=201,
    responses=documents.answers("It is recorded", example=_ANSWER, status=201)
    | documents.answers("It was recorded before", example={**_ANSWER, "repeated": True})
    | documents.problems("command", "command-reused", "refused"),
    openapi_extra=documents.json_body(_BODY, _EXAMPLE),
)
def give_command(request: Request, trial: str, person: Who, body: Annotated[Json, Depends(_body)]) -> Response:
    """Give a command. It is recorded, durably, whole or not at all."""
    ask = asking(request, trial, person)  # here, and not as a dependency: one change of threads less for each command
    paging.only(request, ())
    return answered(ask, submit(ask, command_of(ask, body)))


@cache
def _schema() -> tuple[str, str]:
    """The schema as it is sent, and its tag: that of the commands, the actor left to the token."""
    schema = command_schema()
    for form in schema["oneOf"]:
        form["required"] = [name for name in form["required"] if name != "actor"]
    text = _json(schema)
    return text, tag("commands", hashlib.sha256(text.encode()).hexdigest())


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
