"""The document of the API: complete, checked in, and true of what the server answers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.server.problems import PROBLEMS
from tests.api.server import fuzz
from tests.api.server.openapi_document import PATH, document

DOCUMENT: dict[str, Any] = json.loads(document())
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def test_the_document_that_is_checked_in_is_that_of_the_code() -> None:
    assert PATH.read_text("utf-8") == document(), "run python -m tests.api.server.openapi_document --write"


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda value: str(value)[:60])
def test_each_operation_says_who_may_ask_what_it_answers_and_how_it_refuses(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["security"] == [{"bearer": []}]
    assert operation["summary"]
    assert operation["description"]
    responses = operation["responses"]
    assert {"400", "401", "403", "404", "429", "500"} <= set(responses)
    for status, response in responses.items():
        for media_type, content in response.get("content", {}).items():
            if int(status) >= 400:
                assert media_type == "application/problem+json"
                for example in content["examples"].values():
                    slug = example["value"]["type"].removeprefix("/problems/")
                    assert str(PROBLEMS[slug][0]) == status
    if "requestBody" in operation:
        assert {"413", "415"} <= set(responses)
        content = operation["requestBody"]["content"]["application/json"]
        Draft202012Validator({**content["schema"], "components": DOCUMENT["components"]}).validate(content["example"])
    if path.startswith("/v1/trials/{trial}/") and method == "get" and "/files/" not in path:
        assert all("example" in content for content in responses["200"]["content"].values())


def test_operation_ids_are_those_that_clients_were_generated_from() -> None:
    ids = Counter(operation["operationId"] for _, _, operation in OPERATIONS)
    assert max(ids.values()) == 1
    reading = "trials trial views view audit entry entry_parts entry_proof sealed_entry sealed_entry_content checkpoint"
    others = "checkpoint_of_size keys verification begin_verification exports begin_export begin_bundle export"
    assert {*reading.split(), *others.split(), "export_file", "delete_export", "events"} <= set(ids)


def test_requests_made_from_the_document_meet_no_failure_and_nothing_undocumented(ledger: Path) -> None:
    app, seen = fuzz.app_of(ledger), Counter[tuple[str, int]]()
    fuzz.fuzz(app, 8, seen)
    fuzz.walk(app, 5)
    good = {operation for operation, status in seen if status < 300}
    assert len(good) >= 15  # and most are not merely refused


def test_a_server_that_answers_what_is_not_documented_is_found(ledger: Path) -> None:
    app = fuzz.app_of(ledger)
    app.openapi()["paths"]["/v1/trials/{trial}/keys"]["get"]["responses"].pop("200")
    with pytest.raises(BaseException, match=r"[Uu]ndocumented"):
        fuzz.fuzz(app, 20, Counter())
