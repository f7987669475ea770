"""The code-break over HTTP: on record before it is told, told once more to who asks again, and to nobody else."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from api.bootstrap import open_trial, own_keys
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.engine import StorageError
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks
from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_hostile import BODIES, IDS, is_problem
from tests.projections.whole_trial import ARM_WORDS, LABELS, SUBJECTS

PATH: Final = f"/v1/trials/{NAME}/code-break"
WHO: Final = "investigator-1"
SUBJECT: Final = SUBJECTS[1]
MAY: Final = frozenset({Role.CARE_PROVIDER, Role.INVESTIGATOR, Role.SAFETY_PHYSICIAN})


@pytest.fixture
def client(ledger: Path) -> Iterator[TestClient]:
    with client_of(ledger) as made:
        yield made


def post(client: TestClient, who: str, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(PATH, content=content, headers={**bearer(who), "content-type": "application/json"})


def asked(id_: str = "break-1", **more: Any) -> dict[str, Any]:
    return {"id": id_, "subject": SUBJECT, "reason": "anaphylaxis", **more}


def facts(ledger: Path, book: Book = Book.OPEN) -> list[Fact]:
    with closing(own_keys(ledger)) as keys:
        reader = LedgerReader(
            ledger, books=frozenset({book}), classes=frozenset({PLAIN if book is Book.OPEN else ARM}), keys=keys
        )
        with closing(reader), reader:
            return list(reader.facts())


def arm_of(ledger: Path) -> str:
    with closing(open_trial(ledger)) as trial:
        arm = trial.arm_of(SUBJECT)
    assert arm is not None
    return arm


def test_the_arm_is_told_after_it_is_on_record_who_broke_the_code_and_why(client: TestClient, ledger: Path) -> None:
    answer = post(client, WHO, asked())
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["subject"], told["arm"], told["label"]) == (SUBJECT, arm_of(ledger), LABELS[arm_of(ledger)])
    fact = facts(ledger)[told["seq"]]
    assert (fact.type, fact.actor.id, fact.data["reason"]) == ("code.broken/1", WHO, "anaphylaxis")
    assert answer.headers["cache-control"] == "no-store"


def test_the_same_id_is_the_same_code_break_and_another_reason_is_not(client: TestClient, ledger: Path) -> None:
    first = post(client, WHO, asked())
    size = len(facts(ledger))
    again = post(client, WHO, asked())
    assert (again.status_code, again.json()) == (200, first.json() | {"repeated": True})
    other = post(client, WHO, asked(reason="curiosity"))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/command-reused")
    assert not any(word in other.text for word in ARM_WORDS)
    assert len(facts(ledger)) == size


def test_what_is_not_recorded_is_not_told(client: TestClient, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise StorageError("the disk is full")

    monkeypatch.setattr(SQLiteBooks, "append", full)
    answer = post(client, WHO, asked())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-recorded")
    assert "envelope" in answer.json()["detail"]
    assert not any(word in answer.text for word in ARM_WORDS)
    assert not [fact for fact in facts(ledger) if fact.command == "break-1"]


@pytest.mark.parametrize("role", sorted(set(Role) - MAY))
def test_a_role_that_may_not_is_refused_and_told_nothing(client: TestClient, ledger: Path, role: Role) -> None:
    before = len(facts(ledger)), len(facts(ledger, Book.SEALED))
    answer = post(client, f"{role.value}-1", asked())
    assert answer.status_code == 403
    assert not any(word in answer.text for word in ARM_WORDS)
    assert not [fact for fact in facts(ledger) if fact.command == "break-1"]
    after = len(facts(ledger)), len(facts(ledger, Book.SEALED))
    assert after != before  # the refusal, or the look, is on record


def test_what_is_not_of_the_form_is_named_and_nothing_hostile_meets_a_failure(client: TestClient, ledger: Path) -> None:
    size = len(facts(ledger))
    for body, field in (
        ({"id": "b"}, "subject"),
        (asked(reason=""), "reason"),
        (asked(reason=7), "reason"),
        (asked(occurred_at="soon"), "occurred_at"),
        (asked(arm="CONTROL"), "arm"),
        (asked(id_="a b"), "id"),
    ):
        answer = post(client, WHO, body)
        assert answer.status_code in (400, 422), (field, answer.text)
        assert field in answer.text
    for raw in BODIES.values():
        answer = post(client, WHO, raw)
        assert answer.status_code in (400, 413, 422)
        assert is_problem(answer)
    for id_ in IDS:
        answer = post(client, WHO, asked(subject=id_))
        assert answer.status_code in (400, 409, 422), id_
    assert len(facts(ledger)) == size
