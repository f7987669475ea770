"""Routes that take their time, for tests of how a server ends, and of what it does beside them."""

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from api.server.state import Who
from api.server.strict import body_of

ROUTER = APIRouter()
ADDED = "import api.server.app as app; app.ROUTES += ('tests.api.server.operation.slow_routes',)"
"""What adds them to a server."""


@ROUTER.get("/slow/{seconds}")
def slow(seconds: float) -> dict[str, float]:
    """Works in a thread that nobody can interrupt."""
    time.sleep(seconds)
    return {"slept": seconds}


@ROUTER.get("/stream")
async def stream() -> StreamingResponse:
    """A stream that never ends by itself."""

    async def told() -> AsyncIterator[bytes]:
        while True:
            yield b": still here\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(told(), media_type="text/event-stream")


@ROUTER.get("/fails/{what}")
def fails(what: str, _: Who) -> None:
    """Fails as no rule foresaw, with what was sent in the message."""
    try:
        raise ValueError(f"inner {what}")
    except ValueError as error:
        raise RuntimeError(f"outer {what}") from error


@ROUTER.post("/takes/{what}")
async def takes(what: str, request: Request, _: Who) -> dict[str, int]:
    """Reads a body."""
    return {"took": len(await body_of(request)) + len(what)}


@ROUTER.get("/large")
def large() -> StreamingResponse:
    """More than the buffers between here and a client that does not read."""
    return StreamingResponse((b"x" * 65536 for _ in range(1600)), media_type="application/octet-stream")
