"""`verification`: what the server found when it verified the record, and the means to check an entry without it.

1. What is told of a verification, and to whom, is as the API tells it (`api/server/routes/verification.py`): whoever
   has no arms in sight hears nothing from which the sealed book could be measured, nor whether a run is under way.
2. The checkpoint, its signatures and the keys are of the open book, the same for everybody.
3. `?entry=SEQ` fills the fields of the check with the entry, its proof, and the keys that the server names; the script
   `verify.js` reads the fields and asks nobody. What somebody brings from elsewhere may be put in their place.
4. The form that starts a run is a POST with the session's token, and is answered by leading back here.
"""

import hashlib
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from markupsafe import escape
from starlette.responses import RedirectResponse

from api.evidence.proving import own_vkeys
from api.pages.bundles import PLACE, bundles_of
from api.pages.entries import Proved, proof_of
from api.pages.headers import GUARDS
from api.pages.rendering import page, reading
from api.pages.views import words_of
from api.pages.words import Words
from api.server.operation.verifying import Verifications
from api.server.proofs import newest_checkpoint
from api.server.routes.verification import verifications_of
from api.server.state import Ask, Asking, state_of
from ledger.domain.vocabulary import Book
from ledger.proof.evidence import StoredCheckpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey
from ledger.proof.sections import ARM

ROUTER: Final = APIRouter()
_KINDS: Final = {ED25519: "Ed25519", COSIGNATURE: "Ed25519", ML_DSA_44: "ML-DSA-44"}
_SAID_BY_THE_SCRIPT: Final = (
    "leaf", "left", "right", "root", "holds", "fails", "other-same", "other-root", "other-size", "other-origin",
    "signed", "cosigned", "forged", "cannot", "not-signed", "no-crypto", "malformed", "in", "unsigned",
)  # fmt: skip

_PLACES: Final = {name: f"{{{name}}}" for name in ("name", "size", "other", "index", "time", "why", "field")}


@reading(ROUTER, "/t/{trial}/verification")
def verification(request: Request, ask: Ask) -> Response:
    """What was verified, and the check in the browser."""
    made, arms, words = verifications_of(state_of(request)), ask.session.sight.arms, words_of(request)
    if arms:
        ask.session.admit(ARM, "the verification")
    newest = made.newest(ask.served.name)
    chosen = newest_checkpoint(ask.served.path)
    keys = [] if chosen is None else list(own_vkeys(ask.served.path))
    asked = request.query_params.get("entry", "").strip()
    entry, proved, fault = _entry(request, ask, asked)
    return page(
        request,
        "verification.html",
        ask=ask,
        newest=None if newest is None else newest.seen(arms=arms),
        running=arms and made.running(ask.served.name),
        failed=made.failed(ask.served.name) if arms else None,
        begun="begun" in request.query_params,
        checkpoint=chosen,
        mark=None if chosen is None else hashlib.sha256(chosen.data).hexdigest(),
        signatures=[] if chosen is None else _signatures(chosen, keys),
        keys=[key.encode() for key in keys],
        asked=asked,
        fault=fault,
        entry=escape(entry),  # as it is, to the last byte: what cannot be seen in it has to be hashed too
        proved=proved,
        said=said_by_the_script(words),
        bundles=bundles_of(request, ask),
        bundle_place=PLACE,
    )


@ROUTER.post("/t/{trial}/verification", include_in_schema=False)
def begin(request: Request, ask: Ask) -> Response:
    """Have the whole record verified now."""
    made: Verifications = verifications_of(state_of(request))
    made.begin(ask.served.name)
    here = request.url.path
    return RedirectResponse(f"{here}?begun=1", 303, {**GUARDS, "cache-control": "no-store"})


def said_by_the_script(words: Words) -> dict[str, str]:
    """What the script says, in the language of the page. Values are put in by it, so the words keep their places."""
    return {key: words.say(f"check.{key}", **_PLACES) for key in _SAID_BY_THE_SCRIPT}


def _entry(request: Request, ask: Asking, asked: str) -> tuple[str, Proved, str | None]:
    """The entry that is asked for, its proof, and what is wrong with the number."""
    if not asked:
        return "", Proved(), None
    if not (asked.isascii() and asked.isdecimal()) or len(asked) > 16:
        return "", Proved(), "check.no-number"
    with ask.served.open_book() as reader:
        found = next(reader.stored(Book.OPEN, int(asked), int(asked) + 1), None)
    if found is None:
        return "", Proved(), "check.no-entry"
    proved = proof_of(request, ask, int(asked))
    return found[1].decode(), proved, None if proved.why is None else f"entry.proof.{proved.why}"


def _signatures(chosen: StoredCheckpoint, keys: list[VerifierKey]) -> list[dict[str, Any]]:
    """Who has signed a checkpoint, as its lines say; none of it verified here."""
    own = {(key.name, key.key_id): key for key in keys}
    told = []
    for line in chosen.note.signatures:
        key = own.get((line.name, line.key_id))
        told.append(
            {
                "name": line.name,
                "id": line.key_id.hex(),
                "own": key is not None or line.name == chosen.checkpoint.origin,
                "kind": None if key is None else _KINDS[key.type],
            }
        )
    return told
