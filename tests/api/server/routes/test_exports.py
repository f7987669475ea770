"""Exports over HTTP: made by the server, recorded, and for who asked alone."""

import hashlib
import json
import os
import stat
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access import Session, viewer_of
from api.exports.kinds import KINDS
from api.exports.making import export
from api.server import exporting
from api.server.exporting import Exports
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, bearer, client_of, person
from tests.api.server.routes.test_views import MASKED, UNMASKED

T = f"/v1/trials/{NAME}"


@pytest.fixture
def client(ledger: Path) -> Iterator[TestClient]:
    with client_of(ledger) as client:
        yield client


def asked(client: TestClient, who: str, **said: str) -> Any:
    """The answer to who asks for an export, once it is made or failed."""
    begun = client.post(f"{T}/exports", headers=bearer(who), json=said)
    assert begun.status_code == 202, begun.text
    for _ in range(600):
        answer = client.get(begun.headers["location"], headers=bearer(who)).json()
        if answer["state"] in ("made", "failed"):
            return answer
        time.sleep(0.05)
    raise AssertionError("it was never made")


def test_an_export_has_the_files_that_the_command_line_makes(client: TestClient, ledger: Path, tmp_path: Path) -> None:
    made = asked(client, "sponsor-1", kind="csv", at="49")
    plain = export(Session(ledger, viewer_of("sponsor-1", "sponsor", "FJD")), KINDS["csv"], tmp_path / "plain", "49")
    assert made["sha256"] == plain.sha256
    for file in made["files"]:
        sent = client.get(file["href"], headers=bearer("sponsor-1"))
        assert sent.content == (tmp_path / "plain" / file["name"]).read_bytes()
        assert hashlib.sha256(sent.content).hexdigest() == file["sha256"]
        assert sent.headers["cache-control"] == "private, no-store"
        assert sent.headers["content-disposition"].startswith("attachment")
    manifest = next(file for file in made["files"] if file["name"] == "manifest.json")
    assert manifest["sha256"] == made["sha256"]


def test_that_it_was_made_is_on_the_record_before_it_can_be_fetched(client: TestClient) -> None:
    for who, reader in (("sponsor-1", "auditor-1"), (UNMASKED, "archive-1")):
        made = asked(client, who, kind="csv")
        rows = client.get(f"{T}/views/access", headers=bearer(reader)).json()["rows"]
        assert [row["digest"] for row in rows if (row["who"], row["what"]) == (who, "EXPORT")] == [made["sha256"]]


def test_a_bundle_comes_the_same_way(client: TestClient) -> None:
    for at in ({}, {"at": "40"}, {"at": "2020-05-06"}):
        begun = client.post(f"{T}/bundle", headers=bearer(UNMASKED), json=at)
        assert (begun.status_code, begun.json()["kind"]) == (202, "bundle")
    for _ in range(600):
        mine = client.get(f"{T}/exports", headers=bearer(UNMASKED)).json()["exports"]
        if all(one["state"] == "made" for one in mine):
            break
        assert all(one["state"] != "failed" for one in mine), mine
        time.sleep(0.05)
    assert len(mine) == 3
    for one in mine:
        (file,) = one["files"]
        sent = client.get(file["href"], headers=bearer(UNMASKED)).content
        assert hashlib.sha256(sent).hexdigest() == one["sha256"] == file["sha256"]
        assert zipfile.ZipFile(BytesIO(sent)).testzip() is None


def test_nobody_else_learns_that_there_is_one(ledger: Path) -> None:
    another = person(Role.SPONSOR, id="sponsor-2")
    promoted = person(Role.AUDITOR, id="sponsor-1")
    client = client_of(ledger, [person(Role.SPONSOR), another, person(Role.INVESTIGATOR)])
    made = asked(client, "sponsor-1", kind="csv")
    paths = [f"{T}/exports/{made['id']}", *(file["href"] for file in made["files"])]
    never = client.get(f"{T}/exports/no-such", headers=bearer("sponsor-2"))
    for path in paths:
        for who in ("sponsor-2", MASKED):
            answer = client.get(path, headers=bearer(who))
            assert (answer.status_code, answer.content) == (404, never.content)
        assert client.get(path).status_code == 401
    assert client.get(f"{T}/exports", headers=bearer("sponsor-2")).json() == {"exports": []}
    assert client.delete(paths[0], headers=bearer("sponsor-2")).status_code == 404
    identity = client.app.state.ledger.identity  # type: ignore[attr-defined]
    identity._people["sponsor-1"] = promoted
    assert client.get(paths[0], headers=bearer("sponsor-1")).status_code == 404  # no longer in the role that made it


def test_a_file_is_only_one_of_its_own(client: TestClient) -> None:
    made = asked(client, "sponsor-1", kind="csv")
    base = f"{T}/exports/{made['id']}/files"
    names = (
        "../export", "%2e%2e/%2e%2e/.lock", "/etc/passwd", "%2fetc%2fpasswd", "manifest.json/", "manifest.json%00",
        "MANIFEST.JSON", "", ".", "x" * 5000, "..%2fmanifest.json", "./manifest.json%20",
    )  # fmt: skip
    for name in names:
        answer = client.get(f"{base}/{name}", headers=bearer("sponsor-1"))
        assert answer.status_code in (400, 404), name


def test_it_lies_where_the_owner_of_the_process_alone_can_read_and_goes_with_the_server(ledger: Path) -> None:
    with client_of(ledger) as client:
        asked(client, "sponsor-1", kind="csv")
        folder = Path(f"{ledger}.exports")
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in (folder, *folder.iterdir()))
        assert any(folder.rglob("manifest.json"))
    assert list(folder.iterdir()) == []


def test_what_a_process_left_that_is_gone_is_taken_away_and_what_another_uses_stays(ledger: Path) -> None:
    folder = Path(f"{ledger}.exports")
    (folder / "left").mkdir(parents=True)
    (folder / "left" / "secret.csv").write_text("arm")
    with client_of(ledger) as one, client_of(ledger) as other:
        kept = asked(one, "sponsor-1", kind="csv")
        assert not (folder / "left").exists()
        asked(other, "sponsor-1", kind="csv")
        assert one.get(kept["files"][0]["href"], headers=bearer("sponsor-1")).status_code == 200


def test_somebody_has_only_so_many_at_a_time_and_is_told_when_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MOST", 2)
    made = asked(client, "sponsor-1", kind="csv")
    asked(client, "sponsor-1", kind="csv")
    refused = client.post(f"{T}/exports", headers=bearer("sponsor-1"), json={"kind": "csv"})
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert 3000 < int(refused.headers["retry-after"]) <= 3601
    assert client.post(f"{T}/exports", headers=bearer(MASKED), json={"kind": "csv"}).status_code == 202
    assert client.delete(f"{T}/exports/{made['id']}", headers=bearer("sponsor-1")).status_code == 204
    assert client.get(made["files"][0]["href"], headers=bearer("sponsor-1")).status_code == 404
    assert client.post(f"{T}/exports", headers=bearer("sponsor-1"), json={"kind": "csv"}).status_code == 202


def test_it_is_taken_away_after_its_time(ledger: Path) -> None:
    now = [0.0]
    client = client_of(ledger)
    client.app.state.ledger.more["exports"] = Exports(now=lambda: now[0])  # type: ignore[attr-defined]
    made = asked(client, "sponsor-1", kind="csv")
    now[0] = exporting.SECONDS - 1
    assert client.get(f"{T}/exports/{made['id']}", headers=bearer("sponsor-1")).status_code == 200
    now[0] = exporting.SECONDS
    assert client.get(f"{T}/exports/{made['id']}", headers=bearer("sponsor-1")).status_code == 404
    assert not list(Path(f"{ledger}.exports").rglob("manifest.json"))


def test_who_has_no_arms_in_sight_does_not_wait_for_who_has(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Exports._write

    def slow(self: Exports, export: exporting.Export) -> None:
        if export.session.sight.arms:
            time.sleep(3)
        write(self, export)

    monkeypatch.setattr(Exports, "_write", slow)
    first = client.post(f"{T}/exports", headers=bearer(UNMASKED), json={"kind": "csv"})
    asked(client, "sponsor-1", kind="csv")
    state = client.get(first.headers["location"], headers=bearer(UNMASKED)).json()["state"]
    assert state in ("waiting", "making")


def test_what_cannot_be_made_says_why_and_where_nothing_lies(client: TestClient, ledger: Path) -> None:
    failed = asked(client, UNMASKED, kind="csv", at="49/999999")
    assert failed["state"] == "failed"
    assert failed["files"] == []
    os.chmod(f"{ledger}.keys", 0o755)
    failed = asked(client, UNMASKED, kind="csv")
    assert failed["state"] == "failed"
    assert str(ledger.parent) not in json.dumps(failed)


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({}, "body"),
        ({"kind": "pdf"}, "parameter"),
        ({"kind": 1}, "body"),
        ({"kind": "csv", "at": 5}, "body"),
        ({"kind": "csv", "role": "statistician"}, "body"),
        ({"kind": "csv", "at": "49/11"}, "position"),
        ({"kind": "csv", "at": "never"}, "position"),
        ([], "body"),
    ],
)
def test_a_request_with_a_mistake_in_it_is_refused_at_once(client: TestClient, body: Any, slug: str) -> None:
    answer = client.post(f"{T}/exports", headers=bearer("sponsor-1"), json=body)
    assert (answer.status_code, answer.json()["type"]) == (400, f"/problems/{slug}")
    assert client.get(f"{T}/exports", headers=bearer("sponsor-1")).json() == {"exports": []}
