"""Bodies of the routes that take a small JSON object: read strictly (`strict.py`), and held against their members."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request

from api.server.problems import Problem, errors
from api.server.strict import body_of, json_of
from ledger.proof.canonical import Json

_SMALL: Final = 4096
"""Bytes, where nothing needs to be sent."""


async def _json(request: Request) -> Json:
    return await json_of(request)


async def _nothing(request: Request) -> None:
    """Raises Problem (400, 413) where something was sent, which nobody would read."""
    if await body_of(request, _SMALL):
        raise Problem("body", "this route takes no body")


Body = Annotated[Json, Depends(_json)]
"""The JSON value of the body."""
NoBody = Annotated[None, Depends(_nothing)]
"""Nothing: the route takes no body."""


def texts(value: Json, required: Mapping[str, int], optional: Mapping[str, int]) -> dict[str, str | None]:
    """The members of an object of texts; each name with the most characters it may have. Raises Problem (400)."""
    if not isinstance(value, dict):
        raise Problem("body", "the body must be a JSON object", errors=errors([("body", "must be an object")]))
    faults = [(name, "is not known") for name in sorted(set(value) - set(required) - set(optional))]
    found: dict[str, str | None] = {}
    for name, most in {**required, **optional}.items():
        given = value.get(name)
        if given is None and name not in required:
            found[name] = None
        elif not isinstance(given, str) or not 0 < len(given) <= most:
            faults.append((name, f"must be a text of 1 to {most} characters"))
        else:
            found[name] = given
    if faults:
        raise Problem("body", "; ".join(f"{name[:100]}: {rule}" for name, rule in faults), errors=errors(faults))
    return found
