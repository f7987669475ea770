"""Rate limits: what is let through, what is refused and for how long, and how much memory that takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.server.composing import Server
from api.server.operation.limits import Buckets, cost_of, household
from api.server.settings import Rates, Settings
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, People, bearer, person


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


requests = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20)), max_size=60)


@given(requests, st.integers(1, 6000), st.integers(20, 500))
def test_nobody_ever_gets_more_than_the_burst_and_what_flowed_in(
    asked: list[tuple[float, int]], per_minute: int, burst: int
) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, burst, clock)
    began, spent = clock.at, 0
    for later, cost in asked:
        clock.at += later
        if buckets.take("x", cost) == 0:
            spent += cost
        assert spent <= burst + (clock.at - began) * per_minute / 60 + 1e-6


@given(requests, st.integers(1, 6000), st.integers(20, 500))
def test_whoever_waits_as_long_as_told_is_let_through(
    asked: list[tuple[float, int]], per_minute: int, burst: int
) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, burst, clock)
    for later, cost in asked:
        clock.at += later
        if seconds := buckets.take("x", cost):
            assert seconds >= 1
            clock.at += seconds
            assert buckets.take("x", cost) == 0


def test_one_bucket_says_nothing_of_another() -> None:
    buckets = Buckets(1, 20, Clock())
    assert buckets.take("one", 20) == 0
    assert buckets.take("one", 1) == 60
    assert buckets.take("two", 20) == 0


def test_memory_is_bounded_and_those_used_last_stay() -> None:
    buckets = Buckets(1, 20, Clock(), most=100)
    for number in range(1000):
        buckets.take("kept", 0 if number % 2 else 1) if number < 40 else buckets.take(f"a{number}", 1)
        buckets.take("kept", 1)
    assert len(buckets) == 100
    assert buckets.take("kept", 1) > 0


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/healthz", 0),
        ("GET", "/readyz", 0),
        ("GET", "/v1/trials", 1),
        ("GET", "/v1/trials/x/verification", 1),
        ("POST", "/v1/trials/x/verification", 20),
        ("POST", "/v1/trials/x/exports", 20),
        ("POST", "/v1/trials/x/commands", 2),
        ("GET", "/v1/trials/x/audit", 2),
    ],
)
def test_what_is_dear_costs_more(method: str, path: str, cost: int) -> None:
    assert cost_of(method, path) == cost


def test_a_network_of_one_household_is_one_address() -> None:
    assert household("2001:db8::1") == household("2001:db8::ffff:1") != household("2001:db8:0:1::1")
    assert household("::ffff:10.0.0.1") == household("10.0.0.1") != household("10.0.0.2")


def _client(ledger: Path, clock: Clock, **rates: int) -> TestClient:
    settings = Settings(trials={NAME: ledger}, rates=Rates(**rates), verify_minutes=0)
    people = People([person(Role.INVESTIGATOR), person(Role.STATISTICIAN)])
    return TestClient(Server(settings, identity=people, now=clock).app, raise_server_exceptions=False)


@pytest.mark.parametrize("who", ["investigator-1", "statistician-1"])
def test_who_asks_too_much_is_told_when_to_come_again_and_others_are_not_refused(ledger: Path, who: str) -> None:
    clock = Clock()
    client = _client(ledger, clock, person_per_minute=60, person_burst=20)
    other = ({"investigator-1", "statistician-1"} - {who}).pop()
    answers = [client.get("/v1/trials", headers=bearer(who)) for _ in range(25)]
    assert [one.status_code for one in answers] == [200] * 20 + [429] * 5
    refused = answers[-1]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert client.get("/v1/trials", headers=bearer(other)).status_code == 200
    clock.at += 1
    assert client.get("/v1/trials", headers=bearer(who)).status_code == 200


def test_guessing_tokens_is_slowed_down_and_health_is_not(ledger: Path) -> None:
    client = _client(ledger, Clock(), address_per_minute=60, address_burst=20)
    answers = [client.get("/v1/trials", headers=bearer(f"guess-{number}")).status_code for number in range(30)]
    assert answers == [401] * 20 + [429] * 10
    assert client.get("/healthz").status_code == 200
