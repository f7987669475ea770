"""`…/exports`: exports and bundles that the server makes, for whoever asks to fetch afterwards.

1. `POST` answers at once with where the export will be; `GET` there tells its state, and in the end its files. What
   they are, what may be in them for the role, and how they are recorded: `api/server/exporting.py`.
2. Nobody else learns that there is one. Files are sent as they were made, and are not to be kept by others.
"""

import json
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from api.exports.kinds import KINDS
from api.server import documents, paging
from api.server.bodies import Body, texts
from api.server.exporting import BUNDLE, Export, Exports
from api.server.negotiation import NOT_KEPT
from api.server.problems import Problem
from api.server.state import Ask, Asking, State, state_of
from ledger.proof.canonical import Json

ROUTER = APIRouter(prefix="/v1/trials/{trial}", tags=["exports"], default_response_class=Response)
_AS_OF: Final = 64
_KIND: Final = 64
_AT: Final = {"type": "string", "maxLength": _AS_OF, "description": "As known then, as the parameter as_of"}
_EXPORT: Final = {
    "type": "object",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {"kind": {"type": "string", "enum": [*KINDS, BUNDLE]}, "at": _AT},
}
_BUNDLE: Final = {"type": "object", "additionalProperties": False, "properties": {"at": _AT}}
_EXAMPLE: Final = {
    "id": "Zx0c…",
    "kind": "csv",
    "at": "halt",
    "state": "made",
    "why": None,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "files": [{"name": "manifest.json", "bytes": 1234, "sha256": "9f86…", "href": "/v1/trials/balmys/exports/Zx0c…/…"}],
}
_ASKED: Final = documents.answers("It is made, or its turn comes", example=_EXAMPLE, status=202) | documents.problems(
    "body", "parameter"
)


def exports_of(state: State) -> Exports:
    """Those of the server."""
    found: Exports = state.more.setdefault("exports", Exports())
    return found


@ROUTER.post(
    "/exports",
    status_code=202,
    responses=_ASKED,
    openapi_extra=documents.json_body(_EXPORT, {"kind": "csv", "at": "halt"}),
)
def begin_export(request: Request, ask: Ask, body: Body) -> Response:
    """Have an export made, of what your role may see."""
    paging.only(request, ())
    said = texts(body, {"kind": _KIND}, {"at": _AS_OF})
    assert said["kind"] is not None
    return _begun(request, ask, said["kind"], said["at"])


@ROUTER.post("/bundle", status_code=202, responses=_ASKED, openapi_extra=documents.json_body(_BUNDLE, {"at": "halt"}))
def begin_bundle(request: Request, ask: Ask, body: Body) -> Response:
    """Have an evidence bundle made, of what your role may see: an export of the kind `bundle`."""
    paging.only(request, ())
    return _begun(request, ask, BUNDLE, texts(body, {}, {"at": _AS_OF})["at"])


@ROUTER.get("/exports", responses=documents.answers("The exports", example={"exports": [_EXAMPLE]}))
def exports(request: Request, ask: Ask) -> Response:
    """Your own exports of the trial."""
    paging.only(request, ())
    mine = exports_of(state_of(request)).all_of(ask.served, ask.session)
    return _json({"exports": [_value(one) for one in mine]})


@ROUTER.get("/exports/{id}", responses=documents.answers("The export", example=_EXAMPLE))
def export(request: Request, ask: Ask, id: str) -> Response:
    """One of your own exports: whether it is made, and its files."""
    paging.only(request, ())
    return _json(_value(_mine(request, ask, id)))


@ROUTER.delete("/exports/{id}", status_code=204, responses={204: {"description": "It is gone"}})
def delete_export(request: Request, ask: Ask, id: str) -> Response:
    """Take one of your own exports away. That it was made stays on the record."""
    paging.only(request, ())
    exports_of(state_of(request)).take_away(_mine(request, ask, id))
    return Response(status_code=204, headers=dict(NOT_KEPT))


@ROUTER.get(
    "/exports/{id}/files/{name:path}",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {
            "description": "A part of it",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        416: {"description": "It has no such part"},
    },
)
def export_file(request: Request, ask: Ask, id: str, name: str) -> Response:
    """A file of one of your own exports."""
    paging.only(request, ())
    found = _mine(request, ask, id)
    path = found.path(name)
    if path is None or not path.is_file():
        raise Problem("not-found", "the export has no such file")
    return FileResponse(path, headers=dict(NOT_KEPT), media_type="application/octet-stream", filename=path.name)


def _begun(request: Request, ask: Asking, kind: str, at: str | None) -> Response:
    if at is not None and not (ask.session.sight.arms and "/" in at):  # what is no position is refused at once
        with ask.served.open_book() as reader:
            reader.position_at(at)
    made = exports_of(state_of(request)).ask(ask.served, ask.session, kind, at)
    return _json(_value(made), 202, {"location": _address(made)})


def _mine(request: Request, ask: Asking, id: str) -> Export:
    return exports_of(state_of(request)).of(ask.served, ask.session, id)


def _value(made: Export) -> dict[str, Json]:
    files: list[dict[str, Any]] = list(made.files) if made.state == "made" else []
    return {
        "id": made.id,
        "kind": made.kind,
        "at": made.at,
        "state": made.state,
        "why": made.why,
        "sha256": made.sha256 if made.state == "made" else None,
        "files": [{**file, "href": f"{_address(made)}/files/{file['name']}"} for file in files],
    }


def _address(made: Export) -> str:
    return f"/v1/trials/{made.served.name}/exports/{made.id}"


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
    return Response(body, status, {**NOT_KEPT, **(headers or {})}, "application/json")
