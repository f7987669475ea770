"""Requests made from the API's own document, sent to the API: nothing fails, and nothing comes that is not documented.

    python -m tests.api.server.fuzz 2000      so many walks, and a tenth as many requests for each operation and role

Without a number: 100. The requests go straight into the application, without a network. The tail is asked to end at the
head, since a request that never ends would tell nothing.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, checks

from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, bearer
from tests.api.server.signing import desk_of
from tests.projections.whole_trial import MASKABLE_TERMS, protocol_masking, whole_trial

ROLES: Final = (Role.INVESTIGATOR, Role.STATISTICIAN)
"""One role that sees no arm, and one that does."""
_CHECKED: Final = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)
_UNKNOWN_TRIAL: Final = 12
"""One request in so many is about a trial that is not there."""


def app_of(path: Path) -> FastAPI:
    """The API over one ledger, known to one person a role, with an issuer that signers are authenticated by."""
    app = desk_of(path).client.app
    assert isinstance(app, FastAPI)
    return app


def fuzz(app: FastAPI, examples: int, seen: Counter[tuple[str, int]]) -> None:
    """So many requests for each operation and role. Raises AssertionError for what is not documented, and for a 5xx."""
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)
    for role in ROLES:
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]
            if operation.path.startswith("/v1/"):
                _one(operation, role, examples, seen)


def walk(app: FastAPI, examples: int, role: Role = ROLES[0]) -> None:
    """So many walks of somebody from answer to answer, as the links of the document lead."""
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case[Any]) -> None:
            _addressed(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": {**dict(case.headers or {}), **bearer(f"{role.value}-1")}}

        def validate_response(self, response: Any, case: Case[Any], **_: Any) -> None:
            case.validate_response(response, checks=list(_CHECKED))

    Walk.run(settings=_settings(examples, stateful_step_count=6))


def _one(operation: Any, role: Role, examples: int, seen: Counter[tuple[str, int]]) -> None:
    @seed(6)
    @_settings(examples)
    @given(case=operation.as_strategy())
    def asks(case: Case[Any]) -> None:
        _addressed(case)
        response = case.call(headers={**dict(case.headers or {}), **bearer(f"{role.value}-1")})
        seen[operation.label, response.status_code] += 1
        case.validate_response(response, checks=list(_CHECKED))

    asks()


def _addressed(case: Case[Any]) -> None:
    """Mostly of the trial that there is; and a stream that ends."""
    parameters = case.path_parameters or {}
    if "trial" in parameters and crc32(repr(parameters["trial"]).encode()) % _UNKNOWN_TRIAL:
        parameters["trial"] = NAME
    for name in ("seq", "size"):
        if name in parameters and len(str(parameters[name])) % 2:
            parameters[name] = str(len(str(parameters[name])))
    if "view" in parameters and len(str(parameters["view"])) % 2:
        parameters["view"] = "subjects"
    if case.path.endswith("/events"):
        case.query = {**(case.query or {}), "follow": "false"}


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        **more,
    )


@contextmanager
def _ledger() -> Iterator[Path]:
    with suppress(ImportError):
        import_module("numpy")  # Hypothesis looks for it, while an export in another thread would be importing it
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # an export may be under way
        yield whole_trial(Path(folder), protocol_masking("QUADRUPLE", MASKABLE_TERMS)).path


def main() -> None:
    """Fuzz, and print how often each operation was answered with which status."""
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seen: Counter[tuple[str, int]] = Counter()
    with _ledger() as path:
        app = app_of(path)
        fuzz(app, max(1, examples // 10), seen)
        for role in ROLES:
            walk(app, max(1, examples // len(ROLES)), role)
    for (operation, status), count in sorted(seen.items()):
        print(f"{operation:60} {status} {count:>7,}")


if __name__ == "__main__":
    main()
