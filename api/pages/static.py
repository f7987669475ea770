"""`GET /static/{name}`: the style sheet, the scripts and the icon, for everybody.

They are the files of the folder `static` as they were when the server started. A page links to them with the hash of
their content, so that a browser may keep them for good.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from api.pages.headers import GUARDS
from api.server.problems import Problem

ROUTER: Final = APIRouter(include_in_schema=False)
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    content: bytes
    media_type: str

    @property
    def mark(self) -> str:
        """What its content is known by."""
        return hashlib.sha256(self.content).hexdigest()[:16]


@cache
def files() -> dict[str, StaticFile]:
    """All of them, by name."""
    folder = Path(__file__).with_name("static")
    known = (path for path in sorted(folder.iterdir()) if path.suffix in _TYPES)
    return {path.name: StaticFile(path.read_bytes(), _TYPES[path.suffix]) for path in known}


def address(name: str) -> str:
    """Where a page finds a file."""
    return f"/static/{name}?v={files()[name].mark}"


@ROUTER.api_route("/static/{name}", methods=["GET", "HEAD"])
def static(request: Request, name: str) -> Response:
    """One file."""
    found = files().get(name)
    if found is None:
        raise Problem("not-found", "there is no such file")
    etag = f'"{found.mark}"'
    exact = request.query_params.get("v") == found.mark
    headers = {
        **GUARDS,
        "etag": etag,
        "cache-control": "public, max-age=31536000, immutable" if exact else "public, no-cache",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)
