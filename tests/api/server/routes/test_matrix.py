"""Role by route by method, from the API's own document: what this table does not list is denied."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from api.server.methods import methods_of
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, bearer, client_of, person

EVERYBODY: Final = frozenset(Role)
ARMS: Final = frozenset(
    # The auditor has a grant, in this trial; all others by their role.
    {Role.PHARMACIST, Role.STATISTICIAN, Role.DMC, Role.SAFETY_PHYSICIAN, Role.ARCHIVE, Role.AUDITOR}
)
ALLOWED: Final = {
    "trials": EVERYBODY,
    "portfolio": EVERYBODY,
    "trial": EVERYBODY,
    "views": EVERYBODY,
    "view": EVERYBODY,
    "audit": EVERYBODY,
    "entry": EVERYBODY,
    "entry_parts": EVERYBODY,
    "entry_proof": EVERYBODY,
    "sealed_entry": ARMS,
    "sealed_entry_content": ARMS,
    "checkpoint": EVERYBODY,
    "checkpoint_of_size": EVERYBODY,
    "keys": EVERYBODY,
    "verification": EVERYBODY,
    "begin_verification": EVERYBODY,
    "exports": EVERYBODY,
    "begin_export": EVERYBODY,
    "begin_bundle": EVERYBODY,
    "events": EVERYBODY,
    # Of one's own alone, of which there is none here: nobody is told of another's.
    "export": frozenset[Role](),
    "export_file": frozenset[Role](),
    "delete_export": frozenset[Role](),
}
"""The roles to which each reading route of the API is open, by the id of its operation."""
ELSEWHERE: Final = ("commands", "signatures", "code-break", "command-types")
"""What records has tables of its own: paths of a trial that begin so."""
BODIES: Final = {"begin_export": {"kind": "csv"}, "begin_bundle": {}}
VALUES: Final = {
    "trial": NAME,
    "view": "subjects",
    "seq": "1",
    "size": "49",
    "id": "of-somebody",
    "name": "manifest.json",
}
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def client(recorded_trial: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    import shutil

    path = tmp_path_factory.mktemp("matrix") / "trial.db"
    shutil.copyfile(recorded_trial, path)
    for beside in (".keys", ".evidence"):
        shutil.copytree(f"{recorded_trial}{beside}", f"{path}{beside}")
    with client_of(path) as made:
        yield made


def paths_of(client: TestClient) -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = client.get("/v1/openapi.json").json()["paths"]
    return {
        path: operations
        for path, operations in document.items()
        if path.startswith("/v1/") and path.removeprefix("/v1/trials/{trial}/").split("/")[0] not in ELSEWHERE
    }


def asked(client: TestClient, method: str, path: str, who: str, operation: str = "") -> int:
    address = path.format(**VALUES) + ("?follow=false" if path.endswith("/events") else "")
    body = BODIES.get(operation)
    return client.request(method, address, headers=bearer(who), json=body).status_code


def test_every_route_is_in_the_table_and_the_table_has_no_other(client: TestClient) -> None:
    listed = {one["operationId"] for operations in paths_of(client).values() for one in operations.values()}
    assert listed == set(ALLOWED)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_what_is_listed_and_nothing_else(client: TestClient, role: Role) -> None:
    for path, operations in paths_of(client).items():
        for method in METHODS:
            operation = operations.get(method.lower(), {}).get("operationId", "")
            status = asked(client, method, path, f"{role.value}-1", operation)
            if operation and role in ALLOWED[operation]:
                assert status in (200, 202), (method, path, status)
            elif operation:
                assert status in (403, 404), (method, path, status)
            else:
                assert status == 405, (method, path, status)


def test_nobody_is_let_in_without_a_token_nor_into_a_trial_that_is_not_theirs(client: TestClient, ledger: Path) -> None:
    stranger = client_of(ledger, [person(Role.STATISTICIAN, trial="another")])
    for path, operations in paths_of(client).items():
        for method, operation in operations.items():
            body = BODIES.get(operation["operationId"])
            nobody = client.request(method, path.format(**VALUES), json=body)
            assert (nobody.status_code, nobody.json()["type"]) == (401, "/problems/unauthenticated")
            if "{trial}" in path:
                assert asked(stranger, method, path, "statistician-1", operation["operationId"]) == 404


def test_head_is_get_without_a_body_and_options_names_the_methods(client: TestClient) -> None:
    for path, operations in paths_of(client).items():
        address = path.format(**VALUES)
        wanted = {method.upper() for method in operations} | {"OPTIONS"} | ({"HEAD"} if "get" in operations else set())
        options = client.options(address)
        assert (options.status_code, set(options.headers["allow"].split(", "))) == (204, wanted)
        assert not [name for name in options.headers if name.startswith("access-control")]
        refused = client.request("PATCH", address, headers=bearer("sponsor-1"))
        assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, wanted)
        head = client.head(address, headers=bearer("sponsor-1"))
        assert head.content == b""
        if path.endswith("/events"):
            continue
        get = client.get(address, headers=bearer("sponsor-1"))
        assert head.status_code == get.status_code
        for name in ("etag", "content-type", "content-length", "cache-control", "vary"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert client.options("/v1/nothing").status_code == 404


def test_methods_are_those_of_the_routes(client: TestClient) -> None:
    scope = {"type": "http", "app": client.app, "path": "/v1/trials", "method": "GET", "headers": [], "root_path": ""}
    assert methods_of(scope) == ["GET", "HEAD", "OPTIONS"]
