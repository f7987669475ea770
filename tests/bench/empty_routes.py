"""Routes that do nothing but what every route does: what those that do something are compared with."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.server.state import Who
from api.server.strict import json_of
from ledger.proof.canonical import Json

ROUTER = APIRouter(prefix="/bench", default_response_class=Response)
ADDED = "import api.server.app as app; app.ROUTES += ('tests.bench.empty_routes',)"
"""What adds them to a server."""


@ROUTER.get("/empty")
def empty(_: Who) -> Response:
    """Authenticated, and nothing else."""
    return Response(b"{}", media_type="application/json")


@ROUTER.post("/empty")
def nothing(_: Who, body: Annotated[Json, Depends(json_of)]) -> Response:
    """Authenticated, with a body that is read as strictly as any, and nothing recorded."""
    return Response(b"{}" if body else b"[]", media_type="application/json")
