"""An evidence bundle for whoever looks: asked for on the verification page, and downloaded there.

1. It is made as the API makes it (`api/server/exporting.py`): of what the role may see, recorded before it is handed
   out, by the one person who asked, kept for an hour. Files are fetched from the API's own address.
2. The form is a POST with the session's token, and is answered by leading back to the verification page.
"""

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from api.pages.headers import GUARDS
from api.server.exporting import BUNDLE, Export
from api.server.routes.exports import exports_of
from api.server.state import Ask, Asking, state_of

ROUTER: Final = APIRouter()
PLACE: Final = "bundle"


@ROUTER.post("/t/{trial}/bundles", include_in_schema=False)
def make(request: Request, ask: Ask) -> Response:
    """Have one made."""
    exports_of(state_of(request)).ask(ask.served, ask.session, BUNDLE, None)
    there = f"/t/{ask.served.name}/verification#{PLACE}"
    return RedirectResponse(there, 303, {**GUARDS, "cache-control": "no-store"})


def bundles_of(request: Request, ask: Asking) -> list[tuple[Export, str | None]]:
    """The person's own, the newest first; with the address of the file where it is made."""
    mine = exports_of(state_of(request)).all_of(ask.served, ask.session)
    return [(one, _address(one)) for one in reversed(mine) if one.kind == BUNDLE]


def _address(made: Export) -> str | None:
    if made.state != "made":
        return None
    return f"/v1/trials/{made.served.name}/exports/{made.id}/files/{made.files[0]['name']}"
