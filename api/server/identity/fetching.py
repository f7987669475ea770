"""What is asked of the issuer over HTTP: documents that it publishes, and a token for a code.

1. Each wait for the issuer lasts `SECONDS` at most, and the whole body no longer; it has `MOST_BYTES` at most.
   Compressed answers, whose size nobody knows, are refused.
2. No redirect is followed: an address that the operator did not set, and the issuer did not publish, is never asked.
3. https only; http where the issuer itself is on the loopback address, and then to the loopback address alone.
4. An error names address and cause, and nothing that was sent or received.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from api.server.settings import is_loopback

SECONDS: Final = 5.0
MOST_BYTES: Final = 256 * 1024


class FetchError(Exception):
    """The issuer gave no answer that can be used; the message says from where and why."""


class Fetch(Protocol):
    """How the issuer is asked."""

    def get(self, url: str) -> bytes:
        """The document at an address. Raises FetchError."""
        ...

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> tuple[int, bytes]:
        """Status and body of what a form gets, with the client's id and secret (RFC 6749, section 2.3.1)."""
        ...


class Http:
    """Over the network."""

    def __init__(self, *, seconds: float = SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes

    def get(self, url: str) -> bytes:
        status, body = self._ask("GET", url)
        if status != 200:
            raise FetchError(f"{url}: answered {status}")
        return body

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> tuple[int, bytes]:
        return self._ask("POST", url, data=dict(form), auth=client)

    def _ask(self, method: str, url: str, **said: Any) -> tuple[int, bytes]:
        until = time.monotonic() + self._seconds
        # A proxy of the environment stands between this machine and others, not between it and itself.
        proxied = not is_loopback(urlsplit(url).hostname or "")
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        try:
            with (
                httpx.Client(timeout=self._seconds, follow_redirects=False, trust_env=proxied) as client,
                client.stream(method, url, headers=headers, **said) as answer,
            ):
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise FetchError(f"{url}: the answer is compressed, which was not asked for")
                return answer.status_code, self._body(url, answer, until)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"{url}: {type(error).__name__}") from None

    def _body(self, url: str, answer: httpx.Response, until: float) -> bytes:
        body = bytearray()
        for chunk in answer.iter_raw():  # as they come; asked for by size, they would be waited for
            body += chunk
            if len(body) > self._most_bytes:
                raise FetchError(f"{url}: the answer has more than {self._most_bytes} bytes")
            if time.monotonic() > until:
                raise FetchError(f"{url}: the answer took more than {self._seconds} seconds")
        return bytes(body)


def safe(url: object, issuer: str) -> bool:
    """Whether an address may be asked, or a browser be sent there, of an issuer (rule 3)."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
        host, own_host = parts.hostname, own.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == own.scheme == "http" and is_loopback(host) and is_loopback(own_host or "")
