"""Which form an answer has, by which tag it is known, and when the asker has it already (RFC 9110).

1. The form is the one that `Accept` likes best; of forms that are liked alike, the first that is offered. A parameter
   `format` decides where there is one: a link in a page cannot say what it accepts.
2. A tag names what an answer was made from, so that it can be compared before anything is made. Answers depend on who
   asks (`Vary`), are nobody else's to keep (`private`), and are asked for anew each time (`no-cache`).
3. What was read from a replica says its position (`Replica-Position`), and by how many open entries that lies behind
   the record (`Replica-Behind`).
4. Names of persons are never kept by anybody (`no-store`), and have no tag.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.server.problems import Problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
FORMATS: Final = {"json": JSON, "csv": CSV}
"""The values of the parameter `format`."""
VARY: Final = "Accept, Authorization, Cookie"
KEPT: Final[Mapping[str, str]] = {"cache-control": "private, no-cache", "vary": VARY}
NOT_KEPT: Final[Mapping[str, str]] = {"cache-control": "private, no-store", "vary": VARY}
_WEIGHT: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LONGEST_TAG: Final = 200


def as_read(response: Response, at: str, behind: int | None) -> Response:
    """The answer, which says where it was read, if from a replica: at which position, and how far that lies behind."""
    if behind is not None:
        response.headers["replica-position"] = at
        response.headers["replica-behind"] = str(behind)
    return response


def form_of(request: Request, offered: Sequence[str] = (JSON, CSV)) -> str:
    """The media type of the answer. Raises Problem: 406, or 400 for a `format` that there is not."""
    asked = request.query_params.get("format")
    if asked is not None:
        form = FORMATS.get(asked)
        if form is None or form not in offered:
            known = ", ".join(name for name, one in FORMATS.items() if one in offered)
            raise Problem("parameter", f"format: must be one of {known}", parameter="format")
        return form
    accepted = request.headers.getlist("accept")
    if not accepted:
        return offered[0]
    ranges = [_range(item) for item in ",".join(accepted).split(",") if item.strip()]
    best, first = max(((_liked(one, ranges), -place) for place, one in enumerate(offered)), default=(0.0, 0))
    if not best:
        raise Problem("not-acceptable", f"Accept: can be given {', '.join(offered)}", offered=list(offered))
    return offered[-first]


def _range(item: str) -> tuple[str, float]:
    """A media range and its weight; 0 where the weight is none."""
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return name, float(value) if _WEIGHT.fullmatch(value) else 0.0
    return name, 1.0


def _liked(form: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that takes in a media type."""
    for wanted in (form, f"{form.partition('/')[0]}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == wanted]
        if weights:
            return max(weights)
    return 0.0


def tag(what: str, *more: str) -> str:
    """An entity tag: what it is and at which position, and whatever else the bytes depend on."""
    text = ";".join((what, *filter(None, more)))
    if len(text) > _LONGEST_TAG or not _TAG.fullmatch(f'"{text}"') or not text.isascii():
        text = f"{what};sha256={hashlib.sha256(text.encode()).hexdigest()}"
    return f'"{text}"'


def has_it(request: Request, etag: str) -> bool:
    """Whether the asker says that it has what the tag names (If-None-Match, compared weakly)."""
    said = ",".join(request.headers.getlist("if-none-match"))
    return said.strip() == "*" or etag.strip('"') in _TAG.findall(said)


def unchanged(etag: str) -> Response:
    """304: what the asker has is what would be sent."""
    return Response(status_code=304, headers={**KEPT, "etag": etag})
