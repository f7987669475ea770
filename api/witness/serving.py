"""The HTTP edge of a witness: C2SP tlog-witness on starlette and uvicorn.

    POST /add-checkpoint                      ask for cosignatures
    GET  /<SHA-256 of the origin>/checkpoint  the checkpoint cosigned last, for monitors

1. Nothing else is answered. Who asks is not asked for: a checkpoint is let in by the log's signature alone.
2. A body is read up to its limit and no further, whatever its header promised; a request that has not arrived whole
   within REQUEST_SECONDS is cut off, whether it dawdles in its head, its body or its chunks.
3. The operator's log tells what was cosigned and what could not be, never what a request held.
4. SIGTERM: no new connection is taken, requests under way are answered, then the process ends with 0.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any, Final

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.witness.core import TEXT, Response, Witness
from api.witness.request import MAX_BODY_BYTES

REQUEST_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 10
MAX_CONNECTIONS: Final = 256
MAX_HEAD_BYTES: Final = 1 << 14


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


class _Impatient(H11Protocol):
    """uvicorn's connection, which alone would wait for ever for the rest of a request."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(REQUEST_SECONDS, self._cut_off)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """The clock runs while a request has begun and is not whole; idling ends by uvicorn's keep-alive."""
        state = self.conn.their_state
        begun = state is h11.SEND_BODY or (state is h11.IDLE and self.conn.trailing_data[0] != b"")
        if not begun:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(REQUEST_SECONDS, self._cut_off)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off(self) -> None:
        self._timer = None
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), f"{host}:{port}") from None


def serve(app: Any, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; returns after the requests under way were answered."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=_Impatient,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        backlog=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    # uvicorn raises the signal again once it has stopped; the process is to end with 0 by itself then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listening])
