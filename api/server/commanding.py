"""Commands over HTTP, and the code-break: who gives them is whoever the token says, and nobody else.

1. The actor of a command is the person and role of the token. A body that names another is refused, naming the field.
2. A command is recorded once, whoever sends it how often: its id tells (`TrialLedger.submit`). The first time it is
   answered 201, and from then on 200 with the same answer. A server that died in between has recorded it, or not.
3. A role that may not give a command is refused before anything is read for it. An import's licence is the importer's.
4. An arm is read only after the record says that the code is broken, and who may not break it is on record as refused.
   Whoever was told an arm knows one from then on, which decides where the traces of later looks are left.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Response

from api.bootstrap import DeniedError, protocol_of
from api.server.problems import Problem
from api.server.state import Asking
from ledger.application import Answer, CommandRefusedError
from ledger.domain.commands import Command, parse_command
from ledger.domain.decisions import Refusal, check_role
from ledger.domain.events.base import Facts, subject_stream
from ledger.domain.events.unblinding import CodeBreak, CodeBroken
from ledger.domain.roles import may_issue
from ledger.domain.unblinded import LEARNED
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import KeysError
from ledger.proof.canonical import Json
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import ARM
from ledger.recording.engine import StorageError
from ledger.recording.sqlite import CommandReused

CODE_BREAK: Final = "break-code"
NOT_KEPT: Final = {"cache-control": "no-store"}
_ENVELOPE: Final = "it cannot be recorded now, so no arm is told; if it cannot wait, open the sealed envelope"


@dataclass(frozen=True, slots=True)
class Told:
    """An arm that was told upon a code-break, and the answer to the command; None where no arm is recorded."""

    subject: str
    arm: str | None
    label: str | None
    answer: Answer


def actor_of(ask: Asking) -> dict[str, str]:
    """The actor of what the asker commands."""
    return {"id": ask.person.id, "role": ask.session.viewer.role, "org": ask.person.org}


def command_of(ask: Asking, value: Json) -> Command[Facts]:
    """The command that a body is, given by the asker. Raises CommandError, and Problem (403) for another actor."""
    if not isinstance(value, dict):
        return parse_command(value)  # which says what it must be
    own = actor_of(ask)
    if "actor" in value:
        _check_actor(value["actor"], own)
    return parse_command({**value, "actor": own})


def _check_actor(given: Json, own: Mapping[str, str]) -> None:
    if isinstance(given, dict) and given == own:
        return
    named = given if isinstance(given, dict) else {}
    fields = sorted(name for name in {*named, *own} if named.get(name) != own.get(name))
    field = f"actor.{fields[0][:100]}" if isinstance(given, dict) else "actor"
    detail = f"{field}: the actor is whoever the token says; leave it out"
    raise Problem("not-permitted", detail, rule="actor", field=field)


def submit(ask: Asking, command: Command[Facts]) -> Answer:
    """Record a command, durably. Raises Problem (403, 503), and what `TrialLedger.submit` raises."""
    try:
        check_role(command)
    except Refusal as refusal:
        if refusal.rule == "role":
            raise forbidden(refusal) from None
        raise CommandRefusedError(refusal) from None
    try:
        with ask.served.recording() as ledger:
            answer = ledger.submit(command)
    except CommandRefusedError as error:
        raise busy_or(error) from None
    if not LEARNED.keys().isdisjoint(answer.types):
        ask.served.ask_anew_who_knows()
    return answer


def forbidden(refusal: Refusal) -> Problem:
    """A refusal of a role, as it is answered."""
    return Problem("not-permitted", refusal.message, rule=refusal.rule, field=refusal.field)


def busy_or(error: CommandRefusedError) -> Exception:
    """The refusal itself; or, where others only wrote too often in between, that it can be sent again."""
    if error.refusal.rule != "busy":
        return error
    return Problem("not-recorded", error.refusal.message, headers={"retry-after": "1"})


def may_break(ask: Asking) -> bool:
    """Whether the asker's role may break a code."""
    return may_issue(Role(ask.session.viewer.role), CODE_BREAK, imported=False)


def break_code(ask: Asking, id: str, subject: str, reason: str, occurred_at: str | None = None) -> Told:
    """Break the code of a subject, and tell the arm: after the record says so, durably (rule 4).

    `id`: of the command, by which a repetition is told the same again. `occurred_at`: now, where it is not given.
    Raises DeniedError, CommandError, CommandRefusedError, CommandReused, and Problem (503) where it cannot be recorded:
    then nobody was told.
    """
    if not may_break(ask):
        ask.session.admit(ARM, "code-break")
        raise DeniedError(f"role {ask.session.viewer.role}: may not break a code")
    try:
        return _broken(ask, id, subject, reason, occurred_at)
    except CommandReused:
        if occurred_at is not None or _recorded_at(ask, id, subject) is None:
            raise
        return _broken(ask, id, subject, reason, None)  # the same, sent twice at once
    except CommandRefusedError as error:
        raise busy_or(error) from None
    except (KeysError, StorageError, LedgerFileError, OSError):
        raise Problem("not-recorded", _ENVELOPE, headers={"retry-after": "5"}) from None


def _broken(ask: Asking, id: str, subject: str, reason: str, occurred_at: str | None) -> Told:
    at = occurred_at or _recorded_at(ask, id, subject) or ask.served.clock().isoformat(timespec="seconds")
    value = {"id": id, "type": CODE_BREAK, "occurred_at": at, "data": {"subject": subject, "reason": reason}}
    command = command_of(ask, value)
    with ask.served.recording() as ledger:
        answer, arm = ledger.break_code(cast("Command[CodeBreak]", command))
    ask.served.ask_anew_who_knows()
    label = None if arm is None else protocol_of(ask.served.path).arm(arm).label
    return Told(subject, arm, label, answer)


def _recorded_at(ask: Asking, id: str, subject: str) -> str | None:
    """What the asker said of when, where this code-break is on record already."""
    with ask.served.open_book() as reader:
        for fact in reader.stream(subject_stream(subject)):
            if (fact.type, fact.command, fact.actor.id) == (CodeBroken.type, id, ask.person.id):
                at: str = fact.data["occurred_at"]
                return at
    return None


def told(answer: Answer) -> dict[str, Any]:
    """An answer as JSON has it. Of what is sealed, nothing of where it stands for who has no arms in sight."""
    return {
        "id": answer.id,
        "book": answer.book.value,
        "seq": answer.seq,
        "count": answer.count,
        "recorded_at": answer.at,
        "events": list(answer.types),
        "repeated": answer.repeated,
    }


def answered(ask: Asking, answer: Answer, **more: Any) -> Response:
    """201 for what was recorded now, 200 for what was before; `Location` leads to its first entry."""
    headers = dict(NOT_KEPT)
    if answer.seq is not None:
        entries = "entries" if answer.book is Book.OPEN else "sealed-entries"
        headers["location"] = f"/v1/trials/{ask.served.name}/{entries}/{answer.seq}"
    body = json.dumps({**told(answer), **more}, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
    return Response(body, 200 if answer.repeated else 201, headers=headers, media_type="application/json")
