"""Connections: a listening socket, clients that dawdle are cut off, and an end that loses no answer.

1. A request that has not arrived whole within `REQUEST_SECONDS` is cut off, whether it dawdles in its head, its body or
   its chunks; so is a client that takes nothing of its answer for as long. Idling ends by uvicorn's keep-alive.
2. SIGTERM or SIGINT, once or more often: no new connection is taken, requests under way have `stop_seconds` to be
   answered, streams are ended by `Stopping`, and then `serve` returns. Whatever has not ended then is cut off.
3. A request's head has at most `MAX_HEAD_BYTES`, and there are at most `most` connections; more are answered with 503.
4. What a proxy says of a client is believed only where the proxy's address is named (`trusted_proxies`).
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 10
MAX_HEAD_BYTES: Final = 1 << 14
_LONGER: Final = 5.0
"""Seconds, after `stop_seconds`, for closing what is open before the process is ended as it stands."""


class Stopping:
    """Told once that the server ends; whoever streams waits for it, in whichever loop."""

    def __init__(self) -> None:
        self._set = False
        self._lock = threading.Lock()
        self._waiting: set[asyncio.Future[None]] = set()

    def __bool__(self) -> bool:
        return self._set

    async def wait(self) -> None:
        """Until the server is told to end."""
        told = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._set:
                return
            self._waiting.add(told)
        try:
            await told
        finally:
            with self._lock:
                self._waiting.discard(told)

    def set(self) -> None:
        """Tell everybody. From any thread."""
        with self._lock:
            self._set = True
            waiting = list(self._waiting)
        for told in waiting:
            told.get_loop().call_soon_threadsafe(_tell, told)


def _tell(told: "asyncio.Future[None]") -> None:
    if not told.done():
        told.set_result(None)


def impatient(seconds: float) -> type[H11Protocol]:
    """uvicorn's connection, which alone would wait for ever for the rest of a request, with limits on waiting."""

    class Impatient(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _reading: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # asyncio does so itself only where the listening socket was made with the protocol's number. Without, a
            # small answer waits 40 ms for an acknowledgement.
            known = transport.get_extra_info("socket")
            if known is not None and known.family in {socket.AF_INET, socket.AF_INET6}:
                known.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._timer = self.loop.call_later(seconds, self._cut_off)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._reading is None:
                self._reading = self.loop.call_later(seconds, self._abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

        def _watch(self) -> None:
            """The clock runs while a request has begun and is not whole."""
            state = self.conn.their_state
            begun = state is h11.SEND_BODY or (state is h11.IDLE and self.conn.trailing_data[0] != b"")
            if not begun:
                self._stop()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self._cut_off)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _cut_off(self) -> None:
            self._timer = None
            self.transport.close()

        def _abort(self) -> None:
            self._reading = None
            self.transport.abort()  # closing would wait for the client to take the rest

    return Impatient


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), f"{host}:{port}") from None


def address_of(listening: socket.socket, host: str) -> str:
    """Where it listens, as an address for people."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def serve(
    app: Any,
    listening: socket.socket,
    *,
    most: int,
    request_seconds: float = REQUEST_SECONDS,
    stop_seconds: int = STOP_SECONDS,
    stopping: Stopping | None = None,
    lifespan: Literal["on", "off"] = "off",
    trusted_proxies: Sequence[str] = (),
    log_level: str = "error",
    end_at_once: bool = False,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; returns after the requests under way were answered.

    `ready` is called once connections are taken. `end_at_once`: where a thread still hangs in a request after all
    that, the process ends without it, with 0: what was recorded is recorded, what was not is nothing.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=impatient(request_seconds),
        ws="none",
        lifespan=lifespan,
        interface="asgi3",
        log_config=None,
        log_level=log_level,
        access_log=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        server_header=False,
        limit_concurrency=most,
        backlog=min(most, 2048),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=stop_seconds,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    server = _Server(config, stopping, stop_seconds + _LONGER if end_at_once else None, ready)
    # uvicorn takes them over while it runs, and raises what it got again once it has stopped: the process is to end
    # with 0 by itself then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, stopping: Stopping | None, at_most: float | None, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._at_most = at_most
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._at_most is not None:
            watchdog = threading.Timer(self._at_most, _end)
            watchdog.daemon = True
            watchdog.start()
        if self._stopping is not None:
            self._stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        if not self.should_exit:  # asked again, it does not end sooner: what is under way is answered
            super().handle_exit(sig, frame)


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
