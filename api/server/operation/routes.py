"""`/healthz`, `/readyz` and `/metrics`: for the machines that look after the server. They are no part of `/v1`."""

import hmac
import json
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.server.operation.health import REASONS, Health
from api.server.operation.metrics import MEDIA_TYPE, Metrics
from api.server.problems import Problem
from api.server.settings import is_loopback

_NO_STORE: Final = {"cache-control": "no-store"}
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def router_of(health: Health, metrics: Metrics | None, token: str | None) -> APIRouter:
    """The routes. `metrics`: None where nobody may have them; `token`: what has to be brought for them, if any."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        """The process lives: it takes a request and answers it."""
        return _json({"status": "alive"})

    @router.get("/readyz")
    def readyz() -> Response:
        """The server is ready: see `health.py`."""
        reasons = health.reasons()
        if not reasons:
            return _json({"status": "ready"})
        told = [{"reason": reason, "rule": REASONS[reason]} for reason in reasons]
        raise Problem("not-ready", "; ".join(map(REASONS.__getitem__, reasons)), headers=_RETRY, reasons=told)

    @router.get("/metrics")
    def text(request: Request) -> Response:
        """The metrics: see `metrics.py`."""
        if metrics is None:
            raise Problem("not-found", "there is no such thing here")
        if token is None:
            # What a proxy on this machine hands on comes from this machine as well, and is not from here.
            near = request.client is not None and is_loopback(request.client.host)
            if not near or any(name in request.headers for name in _FORWARDED):
                raise Problem("not-found", "there is no such thing here")
        else:
            scheme, _, brought = request.headers.get("authorization", "").partition(" ")
            same = hmac.compare_digest(brought.strip().encode(), token.encode())
            if scheme.lower() != "bearer" or not same:
                needed = {"www-authenticate": 'Bearer realm="metrics"'}
                raise Problem("unauthenticated", "the token for metrics is needed", headers=needed)
        return Response(metrics.text(), headers=_NO_STORE, media_type=MEDIA_TYPE)

    return router


_RETRY: Final = {"retry-after": "5"}


def _json(value: dict[str, str]) -> Response:
    return Response(json.dumps(value) + "\n", headers=_NO_STORE, media_type="application/json")
