"""The OpenAPI document: what FastAPI makes of the routes, with what holds for all of them said once.

1. Each operation lists every status that it can answer with; refusals are Problem Details, the same for all.
2. Who asks comes by a bearer token (or, for reading, by a browser's sign-in). Whoever is not known gets 401 anywhere.
3. An operation's id is the name of its function, so that a client that was generated stays as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.server.problems import MEDIA_TYPE, PROBLEMS
from ledger.proof.canonical import Json

Responses = dict[int | str, dict[str, Any]]
_ALWAYS: Final = (
    "parameter",
    "unauthenticated",
    "not-permitted",
    "two-roles",
    "token-claim",
    "not-found",
    "host",
    "too-many-requests",
    "internal",
    "issuer",
)
"""How any request may be refused: by the route, by who tells the person (`api/server/identity/`), by the edge."""
_RECORDING: Final = ("not-recorded", "unreachable")
_BODY: Final = ("body", "body-too-large", "content-type")
DESCRIPTION: Final = """The trials of this server: what stands in their records, as the role of who asks may see it.

Every refusal is a Problem Details object (RFC 9457) whose `type` names the rule. Positions are those of the open book;
who has arms in sight is given those of both books, as `SEQ/SEALED`.
"""
HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ETag": {"description": "View and position, and what else the answer was made from", "schema": {"type": "string"}},
    "Replica-Position": {
        "description": "Where it was read from a replica: the position that it is of",
        "schema": {"type": "string"},
    },
    "Replica-Behind": {
        "description": "Where it was read from a replica: by how many open entries that lies behind the record",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Link": {"description": "Where the next page is (RFC 8288)", "schema": {"type": "string"}},
}
"""Of a page."""
_OF_PROBLEMS: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": {"description": "RFC 6750, section 3", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"description": "Seconds, where that is known", "schema": {"type": "integer", "minimum": 1}}},
}
PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "enum": [f"/problems/{slug}" for slug in PROBLEMS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "rule": {"type": "string", "description": "Of a refused command: the rule of the trial."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "rule"],
                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
            },
        },
    },
}


def problems(*slugs: str) -> Responses:
    """Responses that are problems, by their slugs; those that every route has need not be named."""
    found: Responses = {}
    for slug in slugs:
        status, title = PROBLEMS[slug]
        shown = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": "which field, and the rule"}
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {slug: {"value": shown}}}
        if status in found:
            found[status]["description"] += f"; or: {title}"
            found[status]["content"][MEDIA_TYPE]["examples"][slug] = {"value": shown}
        else:
            found[status] = {"description": title, "content": {MEDIA_TYPE: content}}
            if status in _OF_PROBLEMS:
                found[status]["headers"] = dict(_OF_PROBLEMS[status])
    return found


def answers(
    description: str,
    *,
    example: Json,
    schema: Mapping[str, Any] | None = None,
    csv: str | None = None,
    status: int = 200,
) -> Responses:
    """A good answer: JSON of a schema (without: an object) with an example.

    `csv`: of a page of rows, the same as CSV.
    """
    content: dict[str, Any] = {"application/json": {"schema": dict(schema or {"type": "object"}), "example": example}}
    if csv is None:
        return {status: {"description": description, "content": content}}
    content["text/csv"] = {"schema": {"type": "string"}, "example": csv}
    return {status: {"description": description, "headers": dict(HEADERS), "content": content}}


def text(description: str, media_type: str, example: str, schema: Mapping[str, Any] | None = None) -> Responses:
    """A good answer that is text, or bytes of some other kind. `schema`: of a stream, that of each event in it."""
    content = {"schema": dict(schema or {"type": "string"}), "example": example}
    return {200: {"description": description, "content": {media_type: content}}}


UNCHANGED: Final[Responses] = {304: {"description": "What the asker has is what would be sent (If-None-Match)"}}


def query(name: str, description: str, example: str | int, *, many: bool = False, **schema: Any) -> dict[str, Any]:
    """A parameter of the query that a route reads by itself."""
    kind: dict[str, Any] = {"type": "integer" if isinstance(example, int) else "string", **schema}
    if many:
        kind = {"type": "array", "items": kind}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": kind,
        "example": [example] if many else example,
    }


AS_OF: Final = query(
    "as_of",
    "As known then: SEQ of the open book, a recorded time or date, `halt`, or SEQ/SEALED for who has arms in sight",
    "halt",
)
LIMIT: Final = query("limit", "Rows of a page", 100, minimum=1, maximum=1000)
CURSOR: Final = query("cursor", "What the Link of the page before gave", "12.100")
FORMAT: Final = query("format", "The form, where Accept cannot say it", "csv", enum=["json", "csv"])
IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Tags of what the asker has",
    "schema": {"type": "string"},
}


def json_body(schema: Mapping[str, Any], example: Json) -> dict[str, Any]:
    """What `openapi_extra` has to say of a body that a route reads strictly by itself."""
    content = {"application/json": {"schema": dict(schema), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def install(app: FastAPI) -> None:
    """Have the document made by this module, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        description=DESCRIPTION,
        routes=app.routes,
    )
    parts = found.setdefault("components", {})
    parts.get("schemas", {}).pop("HTTPValidationError", None)
    parts.get("schemas", {}).pop("ValidationError", None)
    parts.setdefault("schemas", {})["Problem"] = dict(PROBLEM)
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token of the server's issuer"}
    }
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return found


def _complete(path: str, operation: dict[str, Any]) -> None:
    """What holds for every operation, and nothing over what it says itself."""
    said = operation["responses"]
    validation = said.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if validation.get("$ref", "").endswith("/HTTPValidationError"):
        del said["422"]
    slugs = [*_ALWAYS, *(_RECORDING if "{trial}" in path else ())]
    if "requestBody" in operation:
        slugs += _BODY
    for status, response in problems(*slugs).items():
        mine = said.setdefault(str(status), response)
        examples = mine.get("content", {}).get(MEDIA_TYPE, {}).get("examples")
        if mine is not response and examples is not None:
            examples |= {**response["content"][MEDIA_TYPE]["examples"], **examples}
    operation["responses"] = {status: said[status] for status in sorted(said)}
    operation["security"] = [{"bearer": []}]


def operation_id(route: APIRoute) -> str:
    """The id of an operation: the name of its function."""
    return route.name
