"""The application: which routes there are, and how what the ledger raises becomes a Problem.

`create_app` composes what it is given; it opens no file and reads no setting.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import DeniedError
from api.pages import problem_pages
from api.server import documents, problems
from api.server.exporting import Exports
from api.server.methods import Methods
from api.server.operation.verifying import Verifications
from api.server.person import Identity
from api.server.placement import UnreachableError
from api.server.problems import Problem
from api.server.state import State
from api.server.trials import Trials
from ledger.application.answers import CommandRefusedError
from ledger.domain.commands import CommandError
from ledger.keys.file import KeysError
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import StorageError
from ledger.recording.reader import AsOfError
from ledger.recording.sqlite import CommandReused
from projections.base import UnknownViewError

ROUTES: Final[tuple[str, ...]] = (
    "api.server.routes.trials",
    "api.server.routes.portfolio",
    "api.server.routes.views",
    "api.server.routes.audit",
    "api.server.routes.entries",
    "api.server.routes.checkpoints",
    "api.server.routes.verification",
    "api.server.routes.exports",
    "api.server.routes.tail",
    "api.server.routes.commands",
    "api.server.routes.code_break",
    "api.server.routes.signatures",
    "api.pages.static",
    "api.pages.trial",
    "api.pages.portfolio",
    "api.pages.flow_pages",
    "api.pages.subjects",
    "api.pages.safety",
    "api.pages.conduct",
    "api.pages.auditing",
    "api.pages.entries",
    "api.pages.signing",
    "api.pages.bundles",
    "api.pages.verifying",
    "api.pages.code_break",
    "api.pages.halting",
)
"""The modules of routes, each with a `ROUTER`."""


def create_app(trials: Trials, identity: Identity) -> FastAPI:
    """The API over these trials, for whom `identity` knows."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            held: State = app.state.ledger
            for kept in held.more.values():
                if isinstance(kept, Exports | Verifications):
                    kept.close()
            trials.close()

    app = FastAPI(
        title="trial-ledger",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        generate_unique_id_function=documents.operation_id,
        redirect_slashes=False,
        lifespan=running,
    )
    app.state.ledger = State(trials, identity)
    problems.install(app)
    for error in _AS_PROBLEM:
        app.add_exception_handler(error, _known)
    for module in ROUTES:
        app.include_router(import_module(module).ROUTER)
    problem_pages.install(app)
    documents.install(app)
    app.add_middleware(Methods)
    return app


def problem_of(error: Exception) -> Problem:
    """What the ledger raised, as it is answered. Says nothing of files or keys."""
    if isinstance(error, CommandRefusedError):
        refusal = error.refusal
        return Problem("refused", refusal.message, rule=refusal.rule, field=refusal.field)
    if isinstance(error, CommandError):
        faults = [(fault.field, fault.message) for fault in error.refusals]
        return Problem("command", str(error), errors=problems.errors(faults))
    slug, detail = next(named for kind, named in _AS_PROBLEM.items() if isinstance(error, kind))
    return Problem(slug, detail or str(error), headers={"retry-after": "5"} if slug in _LATER else None)


async def _known(_: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.slug in _LATER:
        _log.error("%s: %s", problem.slug, error)
    return problem.response()


_log: Final = logging.getLogger(__name__)
_LATER: Final = frozenset({"not-recorded", "unreachable"})
_FAILED: Final = "the ledger could not be read or written; the cause is in the server's log"
_AS_PROBLEM: Final[dict[type[Exception], tuple[str, str]]] = {
    CommandRefusedError: ("refused", ""),
    CommandError: ("command", ""),
    CommandReused: ("command-reused", "the id of the command was recorded before, with other content"),
    AsOfError: ("position", ""),
    UnknownViewError: ("not-found", "there is no such view"),
    DeniedError: ("not-permitted", ""),
    KeysError: ("not-recorded", _FAILED),
    UnreachableError: ("unreachable", "it is asked again in a few seconds; the other trials are not affected"),
    LedgerFileError: ("not-recorded", _FAILED),
    StorageError: ("not-recorded", _FAILED),
}
