"""Asking a time-stamping authority over HTTP (RFC 3161, 3.4).

1. The request has a nonce and asks for the certificate; only a digest leaves the house, never what is stamped.
2. The answer is bounded in size and time, and no redirect is followed: whoever was named is asked, nobody else.
3. Nothing is handed on before it was read and found to be over these bytes, with this nonce and this algorithm; with
   `authorities`, before it was verified too.
"""

import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ledger.proof.evidence import MAX_TOKEN_BYTES
from ledger.proof.timestamp_token import Token, read_response
from ledger.proof.timestamps import Authorities, TimestampError, TimestampsNotChecked, verify_token

TIMEOUT: Final = 30.0
"""Seconds within which an authority has to have answered."""

Ask = Callable[[str, bytes, str, Authorities | None], tuple[bytes, Token]]
"""`ask`, or what stands in for it: URL, what is stamped, algorithm, authorities -> response, and what it says."""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = build_opener(_NoRedirect)


def ask(
    url: str, data: bytes, algorithm: str, authorities: Authorities | None, *, timeout: float = TIMEOUT
) -> tuple[bytes, Token]:
    """A time stamp (DER TimeStampResp) over `data`, made with `sha256` or `sha512`, and what it says.

    Raises TimestampError with the URL and what is wrong, and TimestampsNotChecked without rfc3161-client.
    """
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
    except ImportError:
        raise TimestampsNotChecked from None
    request = TimestampRequestBuilder(data, HashAlgorithm[algorithm.upper()], nonce=True, cert_req=True).build()
    try:
        response = _post(url, request.as_bytes(), timeout)
        token = read_response(response)
        if token.nonce != request.nonce:
            raise TimestampError("the answer is to another request (its nonce differs)")
        if token.hash_algorithm != algorithm or not token.stamps(data):
            raise TimestampError("the answer is a time stamp of something else")
        if token.signer is None:
            raise TimestampError("the answer lacks the certificate that was asked for")
        if authorities is not None:
            verify_token(response, data, authorities)
    except TimestampError as error:
        raise TimestampError(f"{url}: {error}") from None
    return response, token


def _post(url: str, body: bytes, timeout: float) -> bytes:
    try:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise TimestampError("is not an address that begins with http:// or https://")
        request = Request(url, body, {"Content-Type": "application/timestamp-query", "Accept": "*/*"})
        until = time.monotonic() + timeout
        with _OPENER.open(request, timeout=timeout) as answer:
            if answer.status != 200:
                raise TimestampError(f"answered with status {answer.status}")
            return _bounded(answer, until)
    except HTTPError as error:
        error.close()
        moved = "; a redirect is not followed" if 300 <= error.code < 400 else ""
        raise TimestampError(f"answered with status {error.code}{moved}") from None
    except URLError as error:
        raise TimestampError(f"does not answer ({error.reason})") from None
    except TimestampError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise TimestampError(f"does not answer ({error or type(error).__name__})") from None


def _bounded(answer: HTTPResponse, until: float) -> bytes:
    read = bytearray()
    while chunk := answer.read1(8192):
        read += chunk
        if len(read) > MAX_TOKEN_BYTES:
            raise TimestampError(f"answered with more than {MAX_TOKEN_BYTES:,} bytes")
        if time.monotonic() > until:
            raise TimestampError("did not answer in time")
    return bytes(read)
