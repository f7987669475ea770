"""The HTTP edge of a witness: C2SP tlog-witness on starlette and uvicorn.

    POST /add-checkpoint                      ask for cosignatures
    GET  /<SHA-256 of the origin>/checkpoint  the checkpoint cosigned last, for monitors

1. Nothing else is answered. Who asks is not asked for: a checkpoint is let in by the log's signature alone.
2. A body is read up to its limit and no further, whatever its header promised; a request that has not arrived whole
   within REQUEST_SECONDS is cut off, whether it dawdles in its head, its body or its chunks.
3. The operator's log tells what was cosigned and what could not be, never what a request held.
4. SIGTERM: no new connection is taken, requests under way are answered, then the process ends with 0.
"""

import socket
from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from api.server.operation import connections
from api.server.operation.connections import listen
from api.witness.core import TEXT, Response, Witness
from api.witness.request import MAX_BODY_BYTES

__all__ = ["application", "listen", "serve"]

REQUEST_SECONDS: Final = 20.0
MAX_CONNECTIONS: Final = 256


def application(witness: Witness, tell: Callable[[str], None]) -> Starlette:
    """The witness as an ASGI application; `tell` takes a line for the operator's log."""

    async def add_checkpoint(request: Request) -> HttpResponse:
        try:
            body = await _body(request)
        except ClientDisconnect:
            return HttpResponse(status_code=400)  # nobody is there to read it
        if body is None:
            too_much = Response(413, TEXT, f"the body has more than {MAX_BODY_BYTES} bytes\n".encode())
            return _http(too_much, close=True)
        return answered(await run_in_threadpool(witness.add_checkpoint, body))

    async def checkpoint(request: Request) -> HttpResponse:
        return answered(await run_in_threadpool(witness.checkpoint, request.path_params["origin_hash"]))

    def answered(response: Response) -> HttpResponse:
        if response.note:
            tell(response.note)
        return _http(response)

    routes = [
        Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
        Route("/{origin_hash}/checkpoint", checkpoint, methods=["GET"]),
    ]
    routes[1].methods = {"GET"}  # starlette would add HEAD
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


async def _body(request: Request) -> bytes | None:
    """The body; None where it is, or promises to be, longer than the limit."""
    promised = request.headers.get("content-length", "0")
    if len(promised) > 10 or int(promised) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _http(response: Response, *, close: bool = False) -> HttpResponse:
    headers = {"content-type": response.content_type, "cache-control": "no-store"}
    if response.retry_after is not None:
        headers["retry-after"] = str(response.retry_after)
    if close:
        headers["connection"] = "close"
    return HttpResponse(response.body, response.status, headers)


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; returns after the requests under way were answered."""
    connections.serve(app, listening, most=MAX_CONNECTIONS, request_seconds=REQUEST_SECONDS)
