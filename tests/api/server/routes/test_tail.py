"""The tail of the record as server-sent events, over a real socket."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from api.bootstrap import open_trial
from api.server import tailing
from api.server.app import create_app
from api.server.person import Person
from api.server.trials import Trials
from ledger.domain.commands import parse_command
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, People, bearer, client_of, person
from tests.api.server.routes.test_audit import head
from tests.api.server.routes.test_views import MASKED, UNMASKED, visit

T = f"/v1/trials/{NAME}"
Event = dict[str, str]


@contextmanager
def serving(path: Path, *people: Person) -> Iterator[tuple[str, People]]:
    """The address of a server of a ledger, and who is known to it."""
    known = People(people or [person(role) for role in Role])
    server = uvicorn.Server(
        uvicorn.Config(create_app(Trials({NAME: path}), known), port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", known
    finally:
        server.should_exit = True
        thread.join(10)


class Listener:
    """Reads a stream in a thread of its own."""

    def __init__(self, address: str, who: str, *, reads: bool = True, **headers: str) -> None:
        self.events: list[Event] = []
        self.comments: list[float] = []
        self.ended = threading.Event()
        self.begun = threading.Event()
        self._response: httpx.Response | None = None
        self._reads = reads
        self._asked = (f"{address}{T}/events", {**bearer(who), **headers})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.begun.wait(10)

    def _run(self) -> None:
        with (
            suppress(httpx.HTTPError),
            httpx.stream("GET", self._asked[0], headers=self._asked[1], timeout=30) as found,
        ):
            self._response = found
            assert found.status_code == 200
            self.begun.set()
            if not self._reads:
                self.ended.wait(30)
                return
            event: Event = {}
            for line in found.iter_lines():
                if line.startswith(":"):
                    self.comments.append(time.monotonic())
                elif line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif event:
                    if "data" in event:
                        self.events.append(event)
                    event = {}
        self.ended.set()

    def wait(self, until: Callable[["Listener"], bool], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not until(self):
            assert time.monotonic() < end, (self.events, len(self.comments))
            time.sleep(0.01)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]


def parsed(text: str) -> list[Event]:
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]
    return [block for block in blocks if "data" in block]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "EVERY", 0.05)


def test_each_event_is_a_row_of_the_trail_and_a_client_goes_on_where_it_was_cut_off(ledger: Path) -> None:
    client = client_of(ledger)
    for who, start in ((MASKED, "0"), (MASKED, "30"), (UNMASKED, "0"), (UNMASKED, "18/1")):
        answer = client.get(f"{T}/events?follow=false", headers={**bearer(who), "last-event-id": start})
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = parsed(answer.text)
        cursor = f"{head(client, who)}.{start.replace('/', 's')}"
        rows = client.get(f"{T}/audit?limit=1000&cursor={cursor}", headers=bearer(who)).json()["rows"]
        assert [json.loads(event["data"]) for event in events][: len(rows)] == rows
        assert len(rows) > 15
        middle = len(events) // 2
        again = client.get(f"{T}/events?follow=false", headers={**bearer(who), "last-event-id": events[middle]["id"]})
        assert [one["id"] for one in parsed(again.text)][: len(events) - middle - 1] == [
            one["id"] for one in events[middle + 1 :]
        ]


def test_without_an_id_only_what_is_new_comes(ledger: Path) -> None:
    for who in (MASKED, UNMASKED):
        assert parsed(client_of(ledger).get(f"{T}/events?follow=false", headers=bearer(who)).text) == []


@pytest.mark.parametrize("said", ["x", "-1", "1/2/3", "1/", "49/3", "9" * 20, "1 2"])
def test_an_id_that_is_none_is_refused(ledger: Path, said: str) -> None:
    answer = client_of(ledger).get(f"{T}/events?follow=false", headers={**bearer(MASKED), "last-event-id": said})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter")


def test_head_tells_what_it_is_and_begins_no_stream(ledger: Path) -> None:
    answer = client_of(ledger).head(f"{T}/events", headers=bearer(MASKED))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.usefixtures("quick")
def test_what_is_recorded_comes_to_all_who_listen_and_one_who_reads_nothing_holds_up_nobody(ledger: Path) -> None:
    with serving(ledger) as (address, _):
        slow = [Listener(address, f"{role}-1", reads=False) for role in ("sponsor", "monitor", "auditor")]
        listeners = [Listener(address, who) for who in (MASKED, "sponsor-1", UNMASKED)]
        for number in ("9", "10", "11"):
            visit(ledger, number=number)
        for one in listeners:
            one.wait(lambda found: sum("visit.recorded/1" in event["data"] for event in found.events) == 3)
        assert listeners[0].ids == listeners[1].ids
        assert listeners[0].ids == sorted(listeners[0].ids, key=int)
        for one in slow:
            one.ended.set()


@pytest.mark.usefixtures("quick")
def test_the_sealed_book_wakes_nobody_who_may_not_see_it(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "HEARTBEAT", 0.4)
    client = client_of(ledger)
    with serving(ledger) as (address, _):
        masked, unmasked = Listener(address, MASKED), Listener(address, UNMASKED)
        for role in ("dmc", "pharmacist", "safety-physician", "archive"):
            assert client.get(f"{T}/views/exposure", headers=bearer(f"{role}-1")).status_code == 200
        unmasked.wait(lambda found: sum("arm.accessed/1" in event["data"] for event in found.events) >= 4)
        masked.wait(lambda found: len(found.comments) >= 3)
        assert masked.events == []
        gaps = [later - before for before, later in zip(masked.comments, masked.comments[1:], strict=False)]
        assert all(0.3 < gap < 0.8 for gap in gaps)
        assert all("/" in event_id for event_id in unmasked.ids)


@pytest.mark.usefixtures("quick")
def test_there_are_so_many_listeners_and_no_more(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "MOST_EACH", 2)
    monkeypatch.setattr(tailing, "MOST", 3)
    monkeypatch.setattr(tailing, "HEARTBEAT", 0.2)
    with serving(ledger) as (address, _):
        mine = [Listener(address, MASKED) for _ in range(2)]
        third = httpx.get(f"{address}{T}/events", headers=bearer(MASKED))
        assert (third.status_code, third.json()["type"]) == (429, "/problems/too-many-requests")
        Listener(address, "sponsor-1")
        full = httpx.get(f"{address}{T}/events", headers=bearer("monitor-1"))
        assert (full.status_code, full.json()["type"]) == (503, "/problems/not-ready")
        assert all(int(answer.headers["retry-after"]) > 0 for answer in (third, full))
        Listener(address, UNMASKED)  # the others' are counted apart
        assert mine[0]._response is not None
        mine[0]._response.close()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            answer = httpx.get(f"{address}{T}/events?follow=false", headers=bearer(MASKED))
            if answer.status_code == 200:
                return
            time.sleep(0.1)
        raise AssertionError("who went away is counted still")


@pytest.mark.usefixtures("quick")
def test_a_stream_ends_with_the_token(ledger: Path) -> None:
    soon = replace(person(Role.SPONSOR), expires_at=int(time.time()) + 2)
    with serving(ledger, soon, person(Role.MONITOR)) as (address, _):
        ending, stays = Listener(address, "sponsor-1"), Listener(address, "monitor-1")
        ending.wait(lambda found: found.ended.is_set())
        visit(ledger)
        stays.wait(lambda found: bool(found.events))
        assert not stays.ended.is_set()


@pytest.mark.usefixtures("quick")
def test_a_stream_ends_when_arms_are_no_longer_in_sight_and_nothing_more_of_them_comes(ledger: Path) -> None:
    with serving(ledger) as (address, _):
        granted, always = Listener(address, "auditor-1"), Listener(address, UNMASKED)
        trial = open_trial(ledger)
        value = {
            "id": "revoke-1",
            "type": "revoke-access",
            "actor": {"id": "sponsor-1", "role": "sponsor", "org": "FJD"},
            "occurred_at": "2020-06-01T10:00+02:00",
            "data": {"person": "auditor-1", "role": "auditor", "reason": "the inspection is over"},
        }
        trial.submit(parse_command(value))
        trial.close()
        granted.wait(lambda found: found.ended.is_set())
        always.wait(lambda found: any("access.revoked/1" in event["data"] for event in found.events))
        assert not any("access.revoked/1" in event["data"] for event in granted.events)


def test_many_who_listen_cost_one_reading(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    plain = tailing.Channel._made

    def counted(self: tailing.Channel, place: Any, end: Any) -> Any:
        made.append(place)
        return plain(self, place, end)

    monkeypatch.setattr(tailing.Channel, "_made", counted)
    monkeypatch.setattr(tailing, "EVERY", 0.3)
    with serving(ledger) as (address, _):
        everybody = [Listener(address, who) for who in (MASKED, "sponsor-1", "monitor-1") for _ in range(6)]
        made.clear()
        visit(ledger)
        for one in everybody:
            one.wait(lambda found: bool(found.events))
        assert len(made) <= 2 * 3  # the batch, and that there is no further one; now and then in two parts


def test_a_client_of_a_trial_that_is_not_theirs_has_no_stream(ledger: Path) -> None:
    client: TestClient = client_of(ledger, [person(Role.SPONSOR, trial="another")])
    assert client.get(f"{T}/events", headers=bearer("sponsor-1")).status_code == 404
