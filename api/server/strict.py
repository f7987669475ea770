"""Bodies, read strictly and before any model: never past the limit, and only JSON that two readers read alike.

A body of more than `MAX_BODY` bytes is refused as soon as that is known, whatever its header promised (chunked ones
too). Duplicate keys, NaN, infinities, lone surrogates, a byte order mark, other encodings than UTF-8, integers beyond
2**53 - 1 and nesting beyond 32 are refused by `ledger.proof.canonical.parse`.
"""

from typing import Final

from starlette.requests import ClientDisconnect, Request

from api.server.problems import Problem
from ledger.proof.canonical import CanonicalError, Json, parse

MAX_BODY: Final = 1 << 20
"""Bytes (1 MiB)."""


async def body_of(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body. Raises Problem (413) where it is, or promises to be, longer than the limit."""
    promised = request.headers.get("content-length", "0")
    if not (promised.isascii() and promised.isdigit()) or len(promised) > 10 or int(promised) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise Problem("body", "the connection was closed before the body was whole") from None
    return bytes(body)


async def json_of(request: Request, *, decimals: bool = False) -> Json:
    """The JSON value of the body; a dependency of routes. Raises Problem (400, 413, 415)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("content-type", "Content-Type: must be application/json")
    try:
        return parse(await body_of(request), decimals=decimals)
    except CanonicalError as error:
        raise Problem("body", str(error)) from None


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"the body has more than {limit} bytes", headers={"connection": "close"})
