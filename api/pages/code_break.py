"""`code-break`: the one form that changes the trial, for one person in an emergency, at night, on a telephone.

1. It is done as the API does it (`api/server/commanding.py`): the arm is read and shown only after the record says,
   durably, who broke the code, of whom and why. What cannot be recorded is not told; then the page says that there is
   the sealed envelope.
2. The form carries the id of the command. Sent twice, or loaded anew after it was answered, it is one code-break: the
   answer is the same, and nothing is recorded a second time.
3. Nothing of these pages is kept by any cache. What is wrong is said at its field, and nothing that was typed is lost.
4. A role that may break no code gets no form. Where it sends one all the same, that is on record as a refused look.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response

from api.bootstrap import DeniedError
from api.pages.rendering import page, reading
from api.pages.views import words_of
from api.server import commanding
from api.server.commanding import CODE_BREAK, Told, may_break
from api.server.problems import Problem
from api.server.state import Ask, Asking
from api.server.strict import body_of
from ledger.application.answers import CommandRefusedError
from ledger.domain.commands import CommandError
from ledger.recording.sqlite import CommandReused

ROUTER: Final = APIRouter()
_FORM: Final = "application/x-www-form-urlencoded"
_MOST: Final = 64 * 1024
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NOT_KEPT: Final = {"cache-control": "no-store"}
_FIELDS: Final = {"data.subject": "subject", "data.reason": "reason"}


@dataclass(slots=True)
class Sent:
    """What the form holds. `faults`: field (or nothing, for the form as a whole) and what is wrong, a key or words."""

    subject: str = ""
    reason: str = ""
    confirmed: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    faults: dict[str, str] = field(default_factory=dict)
    status: int = 200


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of the form. Raises Problem (400, 413, 415)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Problem("content-type", f"Content-Type: must be {_FORM}")
    body = await body_of(request, _MOST)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise Problem("body", "the form is not UTF-8, or has too many fields") from None
    if len(dict(pairs)) != len(pairs):
        raise Problem("body", "the form has a field twice")
    return dict(pairs)


@reading(ROUTER, "/t/{trial}/code-break")
def form(request: Request, ask: Ask) -> Response:
    """The form."""
    if not may_break(ask):
        raise DeniedError(f"role {ask.session.viewer.role}: may not break a code")
    return _page(request, ask, Sent(subject=request.query_params.get("subject", "")[:100]))


@ROUTER.post("/t/{trial}/code-break", include_in_schema=False)
def break_code(request: Request, ask: Ask, given: Annotated[Mapping[str, str], Depends(_form)]) -> Response:
    """Break the code of a subject, and tell the arm."""
    if not may_break(ask):
        commanding.break_code(ask, "", "", "")  # which refuses it, and records that
    sent = _sent(given)
    if sent.faults:
        return _page(request, ask, sent)
    try:
        told = commanding.break_code(ask, f"{CODE_BREAK}-{sent.id}", sent.subject, sent.reason)
    except CommandRefusedError as error:
        sent.faults = {_FIELDS.get(error.refusal.field, ""): error.refusal.message}
        sent.status = 409
    except CommandError as error:
        sent.faults = {_FIELDS.get(fault.field, ""): fault.message for fault in error.refusals}
        sent.status = 422
    except CommandReused:
        sent.faults, sent.status = {"": "code-break.reused"}, 409
        sent.id = secrets.token_hex(16)
    except Problem as problem:
        if problem.slug != "not-recorded":
            raise
        sent.faults, sent.status = {"": "code-break.not-recorded"}, problem.status
    else:
        if told.arm is not None:
            return _page(request, ask, sent, told)
        sent.faults, sent.status = {"": "code-break.no-arm"}, 503
    return _page(request, ask, sent)


def _sent(given: Mapping[str, str]) -> Sent:
    """What was sent, with what is missing in it."""
    sent = Sent(given.get("subject", "").strip(), given.get("reason", "").strip(), "confirm" in given)
    if _ID.fullmatch(given.get("command", "")):
        sent.id = given["command"]
    else:
        sent.faults[""] = "code-break.no-id"
    if not sent.subject:
        sent.faults["subject"] = "code-break.no-subject"
    if not sent.reason:
        sent.faults["reason"] = "code-break.no-reason"
    if not sent.confirmed:
        sent.faults["confirm"] = "code-break.no-confirm"
    sent.status = 422 if sent.faults else 200
    return sent


def _page(request: Request, ask: Asking, sent: Sent, told: Told | None = None) -> Response:
    words = words_of(request)
    faults = {
        name: (words.say(text), words.language) if text.startswith("code-break.") else (text, "en")
        for name, text in sent.faults.items()
    }
    return page(
        request,
        "code_break.html",
        ask=ask,
        status=sent.status,
        headers=_NOT_KEPT,
        sent=sent,
        faults=faults,
        told=told,
    )
