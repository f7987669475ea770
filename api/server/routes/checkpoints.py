"""`…/checkpoint`, `…/checkpoints/{size}` and `…/keys`: what somebody outside holds the record against.

They are of the open book alone, the same for everybody who has a role in the trial, and are sent as they lie in the
evidence folder: a signed note (c2sp.org/tlog-checkpoint), with all cosignatures that it has by now. Who asks for one
has nothing signed.
"""

import hashlib
from typing import Final

from fastapi import APIRouter, Request, Response

from api.evidence.proving import own_vkeys
from api.server import documents, paging
from api.server.negotiation import KEPT, has_it, tag, unchanged
from api.server.problems import Problem
from api.server.proofs import checkpoint_of, newest_checkpoint
from api.server.state import Ask
from ledger.proof.checkpoint import parse_size
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.note import NoteError

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["checkpoints"], default_response_class=Response)
_TEXT: Final = "text/plain; charset=utf-8"
_NOTE: Final = documents.text(
    "A signed note (c2sp.org/tlog-checkpoint)", "text/plain", "example.org/balmys/…\n43\n…=\n\n— example.org/… …\n"
)


@ROUTER.get("/checkpoint", responses=_NOTE | documents.UNCHANGED)
def checkpoint(request: Request, ask: Ask) -> Response:
    """The newest checkpoint of the open book."""
    paging.only(request, ())
    return _sent(request, newest_checkpoint(ask.served.path))


@ROUTER.get("/checkpoints/{size}", responses=_NOTE | documents.UNCHANGED)
def checkpoint_of_size(request: Request, ask: Ask, size: str) -> Response:
    """The checkpoint of the first `size` entries of the open book."""
    paging.only(request, ())
    try:
        wanted = parse_size("size", size)
    except NoteError:
        raise Problem("parameter", "size: must be a number of entries, in decimal digits", parameter="size") from None
    return _sent(request, checkpoint_of(ask.served.path, wanted))


@ROUTER.get(
    "/keys",
    responses=documents.text("Verifier keys, one a line", "text/plain", "example.org/balmys/…+d3f1a0b2+AQ…\n"),
)
def keys(request: Request, ask: Ask) -> Response:
    """The verifier keys of the ledger, those of former origins last. Whoever relies on them has them from elsewhere."""
    paging.only(request, ())
    lines = "".join(f"{key.encode()}\n" for key in own_vkeys(ask.served.path))
    return Response(lines, headers=dict(KEPT), media_type=_TEXT)


def _sent(request: Request, found: StoredCheckpoint | None) -> Response:
    if found is None:
        raise Problem("not-found", "there is no such checkpoint")
    etag = tag(f"checkpoint@{found.checkpoint.size - 1}", hashlib.sha256(found.data).hexdigest())
    if has_it(request, etag):
        return unchanged(etag)
    return Response(found.data, headers={**KEPT, "etag": etag}, media_type=_TEXT)
