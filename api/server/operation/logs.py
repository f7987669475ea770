"""The log: one JSON value a line on stderr, and in none of them what a request held.

1. Members of every line: `time` (UTC), `level`, `logger`, `message`. A request adds `request`, `method`, `route`,
   `status`, `ms` and, where it is known, `person`.
2. `route` is the template, such as `/v1/trials/{trial}/views/{view}`: neither what stood in its place, nor a query, nor
   a header, nor a body, nor a name, nor a token comes into the log. A method that is none of HTTP's is `other`.
3. `person` is a keyed hash of the pseudonym, by a key that ends with the process: it joins the lines of one person, and
   says to nobody who that is. Who did what is in the ledger, for those who may know.
4. Of an exception the types and the places in the program are told, never its message: that may quote what was sent.
5. `X-Request-Id` is taken over from the request where it has the form of one, and is otherwise made.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TextIO

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_MEMBERS: Final = ("request", "method", "route", "status", "ms", "person")
_MOST_FRAMES: Final = 12
_LOUD: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


class Lines(logging.Formatter):
    """A record as one line of JSON (rules 1 and 4)."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: getattr(record, name) for name in _MEMBERS if hasattr(record, name)}
        if record.exc_info is not None and record.exc_info[1] is not None:
            said["error"] = told(record.exc_info[1])
        return json.dumps(said, ensure_ascii=True)


def told(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes: types, and places in the program (rule 4)."""
    found: list[dict[str, Any]] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < _MOST_FRAMES:
        frames = traceback.extract_tb(cause.__traceback__)[-_MOST_FRAMES:]
        found.append(
            {
                "type": f"{type(cause).__module__}.{type(cause).__qualname__}",
                "at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        cause = cause.__cause__ or cause.__context__
    return found


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Have everything that the process logs written in this form, uvicorn's own lines too."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("httpx", "httpcore", "asyncio"):  # they tell addresses with their queries
        logging.getLogger(name).setLevel("WARNING")


def hashed(key: bytes) -> Callable[[str], str]:
    """What a pseudonym is called in the log of a process that has this key (rule 3)."""

    def person(id: str) -> str:
        return hmac.new(key, id.encode(), hashlib.sha256).hexdigest()[:16]

    return person


def request_id(said: str | None, random: Callable[[int], bytes] = os.urandom) -> str:
    """The id of a request: the one that it brought, if it is one, or a new one."""
    return said if said is not None and REQUEST_ID.fullmatch(said) else random(16).hex()


def _short(path: str) -> str:
    """A file without the folders that lead to the program."""
    parts = path.replace(os.sep, "/").split("/")
    return "/".join(parts[-3:])
