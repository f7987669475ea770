"""A proxy before the server, which cuts a connection at a chosen moment of what is said through it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote

_SOCKET = ".s.PGSQL.5432"


class Moment(Enum):
    """When the connection is cut."""

    BEFORE = "the request never reaches the server"
    AFTER = "the server did as it was told, and its answer never comes"
    MEANWHILE = "the request reaches the server, and the connection is gone before it is done"


class Proxy:
    """Passes on what comes, until a request has `marker` in it: that one is cut, once."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.cuts = 0
        self._armed: tuple[Moment, bytes] | None = None
        self._server = server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, moment: Moment, marker: bytes) -> None:
        """Cut at the next request that has these bytes in it."""
        self._armed = (moment, marker)

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server / _SOCKET))
            answers = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, answers), daemon=True).start()
            threading.Thread(target=self._answers, args=(client, server, answers), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, swallowed: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                armed = self._armed
                if armed is not None and armed[1] in data:
                    self._armed = None
                    self.cuts += 1
                    if armed[0] is Moment.BEFORE:
                        break
                    if armed[0] is Moment.AFTER:
                        swallowed.set()
                    server.sendall(data)
                    if armed[0] is Moment.MEANWHILE:
                        break
                    continue
                server.sendall(data)
        _end(client, server)

    def _answers(self, client: socket.socket, server: socket.socket, swallowed: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if swallowed.is_set():
                    break
                client.sendall(data)
        _end(client, server)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL (one with a socket), and the URL that leads through it."""
    place = next(part.partition("=")[2] for part in url.partition("?")[2].split("&") if part.startswith("host="))
    with TemporaryDirectory(prefix="cut-") as folder:
        proxy = Proxy(Path(folder), Path(unquote(place)))
        try:
            yield proxy, url.replace(place, quote(folder, safe=""))
        finally:
            proxy.close()
