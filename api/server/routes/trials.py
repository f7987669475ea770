"""`GET /v1/trials`: the trials in which the asker has a role, and what each is."""

from typing import Any

from fastapi import APIRouter, Request

from api.server.state import Ask, Who, state_of
from ledger.domain.vocabulary import Book

ROUTER = APIRouter(prefix="/v1/trials", tags=["trials"])


@ROUTER.get("")
def trials(request: Request, person: Who) -> dict[str, Any]:
    """The trials in which you have a role."""
    mine = [served.name for served in state_of(request).trials if served.name in person.rights]
    return {"trials": [{"trial": name, "role": person.rights[name].role.value} for name in mine]}


@ROUTER.get("/{trial}")
def trial(ask: Ask) -> dict[str, Any]:
    """One trial: its ledger's origin, how far the open book has come, and in which role you see it."""
    with ask.served.open_book() as reader:
        head = reader.head().open
        return {
            "trial": ask.served.name,
            "origin": reader.origin(),
            "role": ask.session.viewer.role,
            "head": {
                "seq": head - 1,
                "hash": reader.head_hash(Book.OPEN, head),
                "recorded_at": reader.recorded_at(head),
            },
        }
