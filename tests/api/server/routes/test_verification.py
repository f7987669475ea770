"""Verification over HTTP: who asks has it made, and what is told says nothing of the sealed book to masked people."""

import shutil
import time
from pathlib import Path
from typing import Any

import apsw
import pytest
from fastapi.testclient import TestClient

from api.server.operation.verifying import Verifications, Verified
from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_views import MASKED, UNMASKED

T = f"/v1/trials/{NAME}"


def client_at_once(path: Path) -> TestClient:
    """A client of a server that tells what came of a verification as soon as it did."""
    client = client_of(path)
    made = Verifications({NAME: path}, slot=0.0)
    client.app.state.ledger.more["verifications"] = made  # type: ignore[attr-defined]
    made.start()
    return client


def verified(client: TestClient, who: str) -> Any:
    begun = client.post(f"{T}/verification", headers=bearer(who))
    assert begun.status_code == 202
    before = begun.json()["verified"]
    for _ in range(600):
        answer = client.get(begun.headers["location"], headers=bearer(who)).json()
        if answer["verified"] != before:
            return answer
        time.sleep(0.05)
    raise AssertionError("no verification came")


def test_who_asks_has_the_record_verified_and_is_told_up_to_where(ledger: Path) -> None:
    client = client_at_once(ledger)
    assert client.get(f"{T}/verification", headers=bearer(MASKED)).json() == {"verified": None}
    told = verified(client, MASKED)["verified"]
    head = client.get(f"/v1/trials/{NAME}", headers=bearer(MASKED)).json()["head"]
    assert (told["ok"], told["position"], told["head"]) == (True, head["seq"], head["hash"])
    assert told["findings"] == []
    tag = client.get(f"{T}/verification", headers=bearer(MASKED)).headers["etag"]
    again = client.get(f"{T}/verification", headers={**bearer(MASKED), "if-none-match": tag})
    assert again.status_code == 304


def test_masked_people_are_told_that_something_does_not_hold_and_not_what_or_where(
    ledger: Path, tmp_path: Path
) -> None:
    told = []
    for seq in (1, 7):
        damaged = tmp_path / f"damaged-{seq}.db"
        shutil.copyfile(ledger, damaged)
        shutil.copytree(f"{ledger}.keys", f"{damaged}.keys")
        with apsw.Connection(str(damaged)) as connection:
            connection.execute("DROP TRIGGER sealed_entry_no_update")
            connection.execute("UPDATE sealed_entry SET sections = zeroblob(length(sections)) WHERE seq = ?", (seq,))
        client = client_at_once(damaged)
        masked = verified(client, MASKED)
        assert set(masked) == {"verified"}
        assert not masked["verified"]["ok"]
        told.append(masked["verified"]["findings"])
        whole = client.get(f"{T}/verification", headers=bearer(UNMASKED)).json()
        assert any(one["book"] == "sealed" and one["seq"] == seq for one in whole["verified"]["findings"])
        assert set(whole) == {"verified", "running", "failed"}
    assert told[0] == told[1]
    assert "sealed" not in str(told[0]) or all(one["book"] != "sealed" for one in told[0])


def test_whether_one_is_under_way_is_told_to_who_has_arms_in_sight_alone(ledger: Path) -> None:
    client = client_of(ledger)
    made = Verifications({NAME: ledger})  # not started: what is asked for waits
    client.app.state.ledger.more["verifications"] = made  # type: ignore[attr-defined]
    before = client.get(f"{T}/verification", headers=bearer(MASKED))
    assert client.post(f"{T}/verification", headers=bearer(UNMASKED)).status_code == 202
    after = client.get(f"{T}/verification", headers=bearer(MASKED))
    assert (before.content, before.headers) == (after.content, after.headers)
    assert client.get(f"{T}/verification", headers=bearer(UNMASKED)).json()["running"] is True


def test_asking_often_asks_once(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def counted(_: Verifications, trial: str) -> tuple[Verified | None, str]:
        runs.append(trial)
        time.sleep(0.3)
        return None, "no process"

    monkeypatch.setattr(Verifications, "_verified", counted)
    client = client_at_once(ledger)
    for _ in range(10):
        assert client.post(f"{T}/verification", headers=bearer(MASKED)).status_code == 202
    time.sleep(1.0)
    assert 1 <= len(runs) <= 2
