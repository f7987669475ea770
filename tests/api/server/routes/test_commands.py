"""Commands over HTTP: by whom, once each however often they are sent, and nothing that tells of the sealed book."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from ledger.domain.commands import COMMANDS
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import PLAIN
from ledger.recording.engine import StorageError
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks
from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_hostile import BODIES, IDS, is_problem
from tests.projections.whole_trial import SUBJECTS
from tests.trials import SITE

PATH: Final = f"/v1/trials/{NAME}/commands"
MASKED, UNMASKED = "investigator-1", "pharmacist-1"
BODIES_OF: Final[dict[str, dict[str, Any]]] = {
    "activate-site": {"site": SITE},
    "halt-trial": {"reason": "no money"},
    "report-deviation": {"site": SITE, "category": "OTHER", "detail": "late"},
    "record-visit": {"subject": SUBJECTS[1], "visit": "DAY 9", "number": "9"},
    "record-vital-status": {"subject": SUBJECTS[1], "status": "ALIVE"},
    "record-death": {"subject": SUBJECTS[1], "died": "2020-06-01"},
    "lock-database": {"reason": "the end"},
    "declare-data-cut-off": {"cut_off": "2020-05-01", "purpose": "interim"},
    "grant-access": {"person": "inspector-2", "role": "inspector", "classes": ["identity"], "reason": "inspection"},
    "break-code": {"subject": SUBJECTS[1], "reason": "bleeding"},
    "bind-allocation": {"kind": "BEACON", "value": "YQ=="},
    "correct-sealed-record": {"target": {"command": "x"}, "reason": "x", "changes": [{"field": "lot", "new": "L"}]},
    "void-record": {"target": {"command": "x"}, "reason": "x"},
}


@pytest.fixture
def client(ledger: Path) -> Iterator[TestClient]:
    with client_of(ledger) as made:
        yield made


def visit(number: int = 9, **more: Any) -> dict[str, Any]:
    data = {"subject": SUBJECTS[1], "visit": f"DAY {number}", "number": str(number)}
    return {
        "id": f"visit-{number}",
        "type": "record-visit",
        "occurred_at": "2020-06-01T10:00+02:00",
        "data": data,
    } | more


def post(client: TestClient, who: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(PATH, content=content, headers={**bearer(who), "content-type": "application/json"})


def facts(ledger: Path) -> list[Fact]:
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with closing(reader), reader:
        return list(reader.facts())


def test_a_command_is_recorded_for_who_the_token_says_and_leads_to_its_entry(client: TestClient, ledger: Path) -> None:
    answer = post(client, MASKED, visit())
    assert answer.status_code == 201, answer.text
    told = answer.json()
    fact = facts(ledger)[told["seq"]]
    assert (fact.type, fact.command) == ("visit.recorded/1", "visit-9")
    assert (fact.actor.id, fact.actor.role, fact.actor.org) == (MASKED, "investigator", "FJD")
    assert (told["book"], told["count"], told["repeated"], told["recorded_at"]) == ("open", 1, False, fact.at)
    assert client.get(answer.headers["location"], headers=bearer(MASKED)).json()["id"] == fact.id
    assert answer.headers["cache-control"] == "no-store"


def test_a_command_that_comes_again_is_answered_as_it_was(client: TestClient, ledger: Path) -> None:
    first = post(client, MASKED, visit())
    size = len(facts(ledger))
    again = post(client, MASKED, visit())
    assert again.status_code == 200
    assert again.json() == first.json() | {"repeated": True}
    assert again.headers["location"] == first.headers["location"]
    assert len(facts(ledger)) == size


@pytest.mark.parametrize("who", [MASKED, "care-provider-1"])
def test_an_id_with_other_content_or_of_another_person_is_refused(client: TestClient, ledger: Path, who: str) -> None:
    assert post(client, MASKED, visit()).status_code == 201
    size = len(facts(ledger))
    other = visit() if who != MASKED else visit(occurred_at="2020-06-02T10:00+02:00")
    answer = post(client, who, other)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/command-reused")
    assert len(facts(ledger)) == size


@pytest.mark.parametrize(
    ("actor", "field"),
    [
        ({"id": "somebody", "role": "investigator", "org": "FJD"}, "actor.id"),
        ({"id": MASKED, "role": "sponsor", "org": "FJD"}, "actor.role"),
        ({"id": MASKED, "role": "investigator", "org": "Another"}, "actor.org"),
        ({"id": MASKED, "role": "investigator"}, "actor.org"),
        ({"id": MASKED, "role": "investigator", "org": "FJD", "site": "S01"}, "actor.site"),
        ("investigator-1", "actor"),
        (None, "actor"),
    ],
)
def test_the_actor_is_whoever_the_token_says_whatever_a_body_says(
    client: TestClient, ledger: Path, actor: Any, field: str
) -> None:
    size = len(facts(ledger))
    answer = post(client, MASKED, visit(actor=actor))
    assert (answer.status_code, answer.json()["field"]) == (403, field)
    assert len(facts(ledger)) == size
    own = {"id": MASKED, "role": "investigator", "org": "FJD"}
    assert post(client, MASKED, visit(actor=own)).status_code == 201


@pytest.mark.parametrize("type_", BODIES_OF)
def test_each_role_gives_the_commands_that_are_its_own_and_no_other(client: TestClient, type_: str) -> None:
    """403 for who may not; for who may, whatever the rules say."""
    for role in Role:
        body = {"id": f"{type_}-{role}", "type": type_, "occurred_at": "2020-06-01", "data": BODIES_OF[type_]}
        answer = post(client, f"{role.value}-1", body)
        assert (answer.status_code == 403) is (role not in COMMANDS[type_].roles), (role, answer.text)
        assert answer.status_code in (201, 403, 409), answer.text
        if answer.status_code == 403:
            assert (answer.json()["type"], answer.json()["rule"]) == ("/problems/not-permitted", "role")


def test_the_list_has_the_commands_of_the_role_and_the_schema_the_forms(client: TestClient) -> None:
    for role in Role:
        listed = client.get(PATH, headers=bearer(f"{role.value}-1")).json()["commands"]
        assert [one["type"] for one in listed] == [name for name, spec in COMMANDS.items() if role in spec.roles]
    schema = client.get(f"{PATH}/schema", headers=bearer(MASKED))
    assert schema.headers["content-type"] == "application/schema+json"
    Draft202012Validator(schema.json()).validate(visit())
    assert not Draft202012Validator(schema.json()).is_valid(visit(data={"visit": 3}))
    again = client.get(f"{PATH}/schema", headers={**bearer(MASKED), "if-none-match": schema.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_no_command_makes_a_signature_nor_has_an_importers_licence(client: TestClient, ledger: Path) -> None:
    size = len(facts(ledger))
    for body, status in (
        (visit(type="sign"), 422),
        (visit(type="signature.made/1"), 422),
        (visit(provenance={"kind": "import", "source": "edc"}), 409),
        ({"id": "c", "type": "claim-randomization", "occurred_at": "2020-06-01", "data": {}}, 422),
    ):
        assert post(client, MASKED, body).status_code == status, body
    assert len(facts(ledger)) == size


def test_every_fault_of_a_form_is_named_at_once(client: TestClient) -> None:
    answer = post(client, MASKED, {"id": "a b", "type": "record-visit", "occurred_at": "soon", "data": {"visit": 3}})
    assert answer.status_code == 422
    fields = {one["field"] for one in answer.json()["errors"]}
    assert {"id", "occurred_at", "data.subject", "data.visit"} <= fields


def test_hostile_bodies_and_ids_meet_no_failure(client: TestClient, ledger: Path) -> None:
    size = len(facts(ledger))
    for name, raw in BODIES.items():
        answer = post(client, MASKED, raw)
        assert answer.status_code in (400, 413, 422), (name, answer.status_code)
        assert is_problem(answer)
    wrong: list[Any] = ["", "a b", "x" * 129, "é", "\x00", "\u202e", 7, None, [], {}]
    for none in wrong:
        assert post(client, MASKED, visit(id=none)).status_code == 422, none
    assert len(facts(ledger)) == size
    for n, id_ in enumerate(one for one in IDS if len(one) <= 128):  # odd, and an id all the same
        assert post(client, MASKED, visit(100 + n, id=id_)).status_code == 201, id_
        assert post(client, MASKED, visit(100 + n, id=id_)).status_code == 200, id_


def test_a_rule_that_forbids_it_is_named(client: TestClient) -> None:
    answer = post(client, "sponsor-1", {"id": "r", "type": "restart-trial", "occurred_at": "2020-06-01",
                                        "data": {"reason": "money"}})  # fmt: skip
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/refused")
    assert answer.json()["rule"]


def test_what_cannot_be_recorded_is_answered_so_and_can_be_sent_again(
    client: TestClient, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise StorageError(f"{ledger}: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SQLiteBooks, "append", full)
        answer = post(client, MASKED, visit())
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-recorded")
        assert str(ledger) not in answer.text
        assert answer.headers["retry-after"]
    assert post(client, MASKED, visit()).status_code == 201


# -- the blind --------------------------------------------------------------------------------------------------------


def test_what_somebody_enters_after_unblinding_is_sealed_and_not_told_where(client: TestClient, ledger: Path) -> None:
    """The investigator broke the code of the first subject of this trial."""
    size = len(facts(ledger))
    body = visit(data={"subject": SUBJECTS[0], "visit": "DAY 9", "number": "9"})
    answer = post(client, MASKED, body)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["book"], told["seq"], told["recorded_at"]) == ("sealed", None, None)
    assert "location" not in answer.headers
    assert len(facts(ledger)) == size
    assert post(client, MASKED, body).json() == told | {"repeated": True}


def test_who_has_arms_in_sight_is_told_where_the_sealed_entry_stands(client: TestClient) -> None:
    body = {"id": "action", "type": "record-action-taken", "occurred_at": "2020-06-01",
            "data": {"subject": SUBJECTS[1], "ae": "AE1", "action": "NOT APPLICABLE"}}  # fmt: skip
    answer = post(client, UNMASKED, body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["book"] == "sealed"
    assert client.get(answer.headers["location"], headers=bearer(UNMASKED)).status_code == 200
    assert client.get(answer.headers["location"], headers=bearer("sponsor-1")).status_code == 403
