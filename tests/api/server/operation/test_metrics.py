"""Metrics: what is counted, who may have them, and that they are the same whatever the sealed book holds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.server.composing import Server
from api.server.operation import edge
from api.server.operation.metrics import counts
from api.server.settings import Settings
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, People, bearer, person
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]
_TIMES = re.compile(r"^trial_ledger_[a-z_]*seconds.*$", re.MULTILINE)
_MASKED = (Role.SPONSOR, Role.MONITOR, Role.AUDITOR, Role.DATA_MANAGER, Role.PARTICIPANT)


@contextmanager
def _client(path: Path, address: str = "127.0.0.1", **more: object) -> Iterator[tuple[TestClient, Server]]:
    settings = Settings.model_validate({"trials": {NAME: path}, "verify_minutes": 0, **more})
    server = Server(settings, identity=People(person(role) for role in Role))
    server.verifications._slot = 0.0
    server.verifications.start()
    try:
        yield TestClient(server.app, raise_server_exceptions=False, client=(address, 5000)), server
    finally:
        server.close()


def _told(world: World, *, busy: bool) -> str:
    """The metrics of a world in which masked people do one thing, and unmasked ones do more where it is `busy`."""
    with world.at_the_desk(), _client(world.path) as (client, server):
        for role in _MASKED:
            client.get("/v1/trials", headers=bearer(f"{role.value}-1"))
            client.get(f"/v1/trials/{NAME}", headers=bearer(f"{role.value}-1"))
            client.get("/v1/trials/no-such", headers=bearer(f"{role.value}-1"))
        for _ in range(7 if busy else 1):
            client.get(f"/v1/trials/{NAME}", headers=bearer("statistician-1"))
            client.get(f"/v1/trials/{NAME}", headers=bearer("pharmacist-1"))
        client.get(f"/v1/trials/{NAME}")
        for follower in server.following._all.values():
            follower.step()
        server.verifications.begin(NAME)
        assert server.verifications.wait(NAME, 60) is not None
        text = client.get("/metrics").text
    assert f'trial_ledger_verified_holds{{trial="{NAME}"}} 1.0' in text
    assert 'route="/v1/trials/{trial}",status="401"' in text
    return _TIMES.sub("", text)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_metrics_are_the_same_in_both_worlds_whatever_unmasked_people_do(protocol: str, tmp_path: Path) -> None:
    told = PROTOCOLS[protocol]
    with two_worlds(tmp_path, told, story(told, _ALL)) as (one, other):
        assert _told(one, busy=False) == _told(other, busy=True)


def test_counting_everybody_would_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "counts", lambda *_, **__: True)
    told = PROTOCOLS[min(PROTOCOLS)]
    with two_worlds(tmp_path, told, story(told, _ALL[:3])) as (one, other):
        assert _told(one, busy=False) != _told(other, busy=True)


@pytest.mark.parametrize(
    ("method", "route", "status", "arms", "counted"),
    [
        ("GET", "/v1/trials/{trial}/views/{view}", 200, False, True),
        ("GET", "/v1/trials/{trial}/views/{view}", 200, True, False),
        ("GET", "/v1/trials/{trial}/views/{view}", 403, False, True),
        ("POST", "/v1/trials/{trial}/commands", 201, False, False),
        ("POST", "/v1/trials/{trial}/commands", 409, False, True),
        ("POST", "/v1/trials/{trial}/commands", 500, False, True),
        ("POST", "/v1/trials/{trial}/commands", 409, True, False),
        ("POST", "/t/{trial}/code-break", 403, False, False),
        ("GET", "/t/{trial}/code-break", 200, False, False),
    ],
)
def test_what_tells_of_the_sealed_book_is_not_counted(
    method: str, route: str, status: int, arms: bool, counted: bool
) -> None:
    assert counts(method, route, status, arms=arms) == counted


def test_there_is_nothing_of_the_process_and_the_disk(ledger: Path) -> None:
    with _client(ledger) as (client, _):
        names = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    assert all(name.startswith("trial_ledger_") for name in names)
    assert not [name for name in names if re.search("sealed|process|bytes|created|memory", name)]


def test_they_are_for_this_machine_alone(ledger: Path) -> None:
    with _client(ledger) as (client, _):
        assert client.get("/metrics").status_code == 200
        for header in ("X-Forwarded-For", "Forwarded", "Via"):
            assert client.get("/metrics", headers={header: "for=192.0.2.1"}).status_code == 404
    with _client(ledger, "192.0.2.1") as (client, _):
        assert client.get("/metrics").status_code == 404


def test_they_are_for_whoever_has_the_token_from_wherever(ledger: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("planted-token\n")
    token.chmod(0o600)
    with _client(ledger, "192.0.2.1", metrics="bearer", metrics_token_file=token) as (client, _):
        assert client.get("/metrics", headers=bearer("planted-token")).status_code == 200
        for wrong in ({}, bearer("planted"), bearer("investigator-1"), {"authorization": "Basic planted-token"}):
            refused = client.get("/metrics", headers=wrong)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")


def test_they_can_be_turned_off(ledger: Path) -> None:
    with _client(ledger, metrics="off") as (client, _):
        assert client.get("/metrics").status_code == 404


def test_a_refusal_counts_by_its_rule(ledger: Path) -> None:
    with _client(ledger) as (client, _):
        client.get("/v1/trials", headers=bearer("nobody"))
        client.get("/v1/trials/no-such", headers=bearer("sponsor-1"))
        text = client.get("/metrics").text
    assert 'trial_ledger_refusals_total{rule="unauthenticated"} 1.0' in text
    assert 'trial_ledger_refusals_total{rule="not-found"} 1.0' in text
