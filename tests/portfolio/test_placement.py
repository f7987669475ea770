"""Trials in several databases: found by a placement, opened when asked for, each failing alone."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from api.server import placement
from api.server import served as served_module
from api.server.placement import Database
from api.server.portfolio import Portfolio
from api.server.served import Served
from api.server.settings import Settings, SettingsError
from ledger.domain.events.access import AccessRefused
from ledger.domain.vocabulary import Role
from ledger.proof.entry import Actor
from ledger.recording.postgres.connecting import Address
from ledger.recording.postgres.creating import linked
from tests.api.server.people import bearer
from tests.portfolio.placing import person_of, served, trial_in
from tests.postgres import Server as Postgres

NAMES = ("ash", "birch", "cedar")


@pytest.fixture(scope="module")
def placed(databases: tuple[str, str]) -> dict[str, str]:
    """Two trials in one database, and a third in another. Each with the URL of its database."""
    where = {"ash": databases[0], "birch": databases[0], "cedar": databases[1]}
    for number, (name, url) in enumerate(where.items(), 1):
        trial_in(url, name, subjects=number).ledger.close()
    return where


@pytest.fixture
def text(databases: tuple[str, str], placed: dict[str, str]) -> str:  # noqa: ARG001
    """The placement file of all three."""
    one, two = databases
    return f'[databases]\none = "{one}"\ntwo = "{two}"\n[trials]\nash = "one"\nbirch = "one"\ncedar = "two"\n'


@contextmanager
def down(server: Postgres, url: str) -> Iterator[None]:
    """A database that takes no connection."""
    name = urlsplit(url).path.removeprefix("/")
    server.run(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    try:
        yield
    finally:
        server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def sponsor(names: tuple[str, ...] = NAMES, role: Role = Role.SPONSOR, id: str = "sponsor-1") -> Any:
    return person_of(dict.fromkeys(names, role), id)


def portfolio(client: Any, who: str = "sponsor-1") -> dict[str, Any]:
    value: dict[str, Any] = client.get("/v1/portfolio", headers=bearer(who)).json()
    return value


def test_one_server_totals_the_trials_of_several_databases_and_files(
    tmp_path: Path, text: str, recorded_file: Path
) -> None:
    people = [sponsor((*NAMES, "filed"))]
    with served(tmp_path, people, placement=text, trials={"filed": recorded_file}) as (_, client):
        value = portfolio(client)
        assert [row["trial"] for row in value["trials"]] == ["ash", "birch", "cedar", "filed"]
        assert [row["randomized"] for row in value["trials"]] == [1, 2, 3, 1]
        assert value["totals"]["randomized"] == 7
        assert value["complete"] is True


def test_a_trial_whose_database_is_down_is_named_and_the_others_are_counted(
    tmp_path: Path, text: str, server: Postgres, databases: tuple[str, str]
) -> None:
    with served(tmp_path, [sponsor()], placement=text) as (running, client):
        for one in running.trials:
            assert one.place.database is not None
            one.place.database._kept = (0.1, 1.0)
        assert portfolio(client)["totals"]["randomized"] == 6
        with down(server, databases[0]):
            time.sleep(0.2)
            began = time.monotonic()
            value = portfolio(client)
            assert [row["trial"] for row in value["trials"]] == ["cedar"]
            assert value["totals"]["randomized"] == 3
            assert value["unread"] == [{"trial": name, "problem": "/problems/unreachable"} for name in ("ash", "birch")]
            assert value["complete"] is False
            for path in ("/v1/trials/ash", "/v1/trials/birch/views/subjects", "/t/ash", "/t/birch/consort"):
                refused = client.get(path, headers=bearer("sponsor-1"))
                assert refused.status_code == 503, path
                assert refused.headers["retry-after"] == "5"
            assert client.get("/v1/trials/ash", headers=bearer("sponsor-1")).json()["type"] == "/problems/unreachable"
            assert client.get("/v1/trials/cedar", headers=bearer("sponsor-1")).status_code == 200
            stranger = client.get("/v1/trials/no-such", headers=bearer("sponsor-1"))
            assert stranger.status_code == 404
            assert client.get("/readyz").status_code == 200  # the rest is to be served on
            assert time.monotonic() - began < 5
        until = time.monotonic() + 15
        while not portfolio(client)["complete"]:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_a_database_that_takes_connections_and_says_nothing_is_waited_for_shortly(
    tmp_path: Path, placed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "PATIENCE", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        text = f'[databases]\ntwo = "{placed["cedar"]}"\ngone = "postgresql://u@127.0.0.1:{port}/d?sslmode=disable"\n'
        text += '[trials]\ncedar = "two"\n' + "".join(f'elm-{n} = "gone"\n' for n in range(50))
        names = ("cedar", *(f"elm-{n}" for n in range(50)))
        with served(tmp_path, [sponsor(names)], placement=text) as (_, client):
            began = time.monotonic()
            value = portfolio(client)
            assert time.monotonic() - began < 4
            assert [row["trial"] for row in value["trials"]] == ["cedar"]
            assert len(value["unread"]) == 50


def test_a_database_that_stops_answering_in_between_keeps_no_other_from_being_counted(
    tmp_path: Path, text: str, databases: tuple[str, str]
) -> None:
    person = sponsor()
    with served(tmp_path, [person], placement=text) as (running, _):
        reading = Portfolio(running.trials, seconds=1.0)
        with psycopg.connect(databases[0]) as locking:
            locking.execute("LOCK TABLE open_book.entry IN ACCESS EXCLUSIVE MODE")
            whole = reading.read(person)
            assert [row.trial for row in whole.rows] == ["cedar"]
            assert whole.unread == (("ash", "not-ready"), ("birch", "not-ready"))
        until = time.monotonic() + 10
        while not reading.read(person).complete:
            assert time.monotonic() < until


def test_a_portfolio_asked_again_asks_each_database_once_and_reads_only_what_has_grown(
    tmp_path: Path, text: str, placed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def watched(self: Served, person: Any) -> Any:
        looked.append(f"{self.name} by {person.id}")
        return real(self, person)

    real = Served.session
    monkeypatch.setattr(Served, "session", watched)
    people = [sponsor(), sponsor(role=Role.STATISTICIAN, id="statistician-1")]
    with served(tmp_path, people, placement=text) as (running, client):
        first = portfolio(client)
        assert sorted(looked) == [f"{name} by sponsor-1" for name in NAMES]
        looked.clear()
        assert portfolio(client) == first
        assert looked == []
        cedar = next(one for one in running.trials if one.name == "cedar")
        assert cedar.place.database is not None
        assert cedar.place.database.url == placed["cedar"]
        with cedar.recording() as ledger:
            actor = Actor("auditor-1", "FJD", "auditor")
            ledger.record_access(AccessRefused, actor, wanted="arm", what="a view")
        again = portfolio(client)
        assert looked == ["cedar by sponsor-1"]
        assert again["trials"][2]["as_of"]["seq"] == first["trials"][2]["as_of"]["seq"] + 1
        looked.clear()
        for _ in range(2):  # who has arms in sight is never shown a row without a look at the trial
            portfolio(client, "statistician-1")
            assert sorted(looked) == [f"{name} by statistician-1" for name in NAMES]
            looked.clear()
        monkeypatch.setattr(served_module, "RIGHTS_SECONDS", 0.0)
        assert portfolio(client) == again
        assert sorted(looked) == [f"{name} by sponsor-1" for name in NAMES]  # rights are looked at anew


def test_a_server_starts_while_a_database_is_down_and_counts_what_it_cannot_know(
    tmp_path: Path, placed: dict[str, str]
) -> None:
    gone = "postgresql://trials@127.0.0.1:1/none"
    text = f'[databases]\ntwo = "{placed["cedar"]}"\n[databases.gone]\nurl = "{gone}"\nall = true\n'
    text += '[trials]\ncedar = "two"\nelm = "gone"\n'
    with served(tmp_path, [sponsor(("cedar", "elm"))], placement=text) as (_, client):
        value = portfolio(client)
        assert [row["trial"] for row in value["trials"]] == ["cedar"]
        assert value["unread"] == [{"trial": "elm", "problem": "/problems/unreachable"}]
        assert value["unlisted"] == 1
        assert value["complete"] is False


def test_no_trial_at_all_that_can_be_opened_is_not_ready(tmp_path: Path) -> None:
    text = '[databases]\ngone = "postgresql://trials@127.0.0.1:1/none"\n[trials]\nelm = "gone"\n'
    with served(tmp_path, [sponsor(("elm",))], placement=text) as (_, client):
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert [one["reason"] for one in answer.json()["reasons"]] == ["ledger"]
        assert "elm" not in answer.text


def test_every_trial_that_a_database_has_is_served_where_it_says_all(
    tmp_path: Path, placed: dict[str, str], databases: tuple[str, str]
) -> None:
    one, two = databases
    text = f'[databases.one]\nurl = "{one}"\nall = true\n[databases]\ntwo = "{two}"\n[trials]\n'
    text = text.replace("[trials]\n", '[trials]\nlarch = {database = "two", trial = "cedar"}\n')
    with served(tmp_path, [sponsor((*NAMES, "larch", "later"))], placement=text) as (running, client):
        assert [row["trial"] for row in portfolio(client)["trials"]] == ["ash", "birch", "larch"]
        trial_in(one, "later", subjects=0).ledger.close()
        running.trials.look_for_more()
        assert [row["trial"] for row in portfolio(client)["trials"]] == ["ash", "birch", "larch", "later"]
    assert placed["cedar"] == two


def test_a_name_that_two_databases_have_is_served_from_neither_until_a_line_says_which(
    tmp_path: Path, placed: dict[str, str], databases: tuple[str, str]
) -> None:
    one, two = databases
    trial_in(two, "twin", subjects=1).ledger.close()
    trial_in(one, "twin", subjects=1).ledger.close()
    assert placed
    both = f'[databases.one]\nurl = "{one}"\nall = true\n[databases.two]\nurl = "{two}"\nall = true\n'
    with served(tmp_path, [sponsor(("twin", "ash"))], placement=both) as (_, client):
        value = portfolio(client)
        assert [row["trial"] for row in value["trials"]] == ["ash"]
        assert value["unread"] == [{"trial": "twin", "problem": "/problems/unreachable"}]
        assert client.get("/v1/trials/twin", headers=bearer("sponsor-1")).status_code == 503
    with served(tmp_path, [sponsor(("twin",))], placement=f'{both}[trials]\ntwin = "two"\n') as (_, client):
        assert portfolio(client)["totals"]["randomized"] == 1


def test_at_most_so_many_trials_are_held_open_and_each_goes_on_when_it_is_asked_again(
    tmp_path: Path, text: str, server: Postgres, databases: tuple[str, str]
) -> None:
    person = sponsor(role=Role.INVESTIGATOR, id="investigator-1")
    with served(tmp_path, [person], placement=text, open_trials=1) as (running, client):
        for turn in range(2):
            for name in NAMES:
                command = {
                    "id": f"held-{turn}-{name}",
                    "type": "record-visit",
                    "occurred_at": "2026-01-01T10:00+00:00",
                    "data": {"subject": "S-1", "visit": "DAY 3", "number": "3"},
                }
                sent = client.post(f"/v1/trials/{name}/commands", headers=bearer("investigator-1"), json=command)
                assert sent.status_code in (200, 201), sent.text
                assert [one.name for one in running.trials if one.awake] == [name]
                assert [one.name for one in running.trials if one._ledger is not None] == [name]
        pools = {urlsplit(url).path.removeprefix("/") for url in databases}
        rows = server.run("SELECT datname, count(*) FROM pg_stat_activity GROUP BY datname")
        held = {name: count for name, count in rows if name in pools}
        assert sum(held.values()) <= 1 + 2 * 8 * len(pools)


def test_a_command_under_way_ends_though_its_trial_is_let_go_meanwhile(tmp_path: Path, text: str) -> None:
    with served(tmp_path, [sponsor()], placement=text, open_trials=1) as (running, client):
        ash = next(one for one in running.trials if one.name == "ash")
        assert client.get("/t/ash", headers=bearer("sponsor-1")).status_code == 200
        with ash.recording() as ledger:
            thread = threading.Thread(target=client.get, args=("/t/birch",), kwargs={"headers": bearer("sponsor-1")})
            thread.start()
            thread.join(30)
            assert not ash.awake
            assert ledger.signatures is not None
            assert ash._ledger is ledger
        assert ash._ledger is None


def test_a_trial_may_be_named_by_a_url_in_the_settings(tmp_path: Path, placed: dict[str, str]) -> None:
    url = f"{placed['ash']}&trial=ash"
    with served(tmp_path, [sponsor(("mine", "birch"))], trials={"mine": url, "birch": placed["birch"]}) as (_, client):
        value = portfolio(client)
        assert [(row["trial"], row["randomized"]) for row in value["trials"]] == [("birch", 2), ("mine", 1)]
    assert linked(Address(placed["ash"], "ash")).name == "ash"


def test_what_a_url_of_the_settings_may_not_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text('[trials]\none = "postgresql://u:secret@h/d"\n')
    with pytest.raises(SettingsError) as caught:
        Settings.load(path)
    assert str(caught.value).startswith(f"{path}: trials: one: the URL holds a password")
    assert "secret" not in str(caught.value)
    path.write_text('placement = "here.toml"\n[trials]\none = "postgresql://h/d?trial=T-1"\ntwo = "data/two.db"\n')
    found = Settings.load(path)
    assert found.trials == {"one": "postgresql://h/d?trial=T-1", "two": tmp_path / "data/two.db"}
    assert found.placement == tmp_path / "here.toml"


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("x = 1", "x", "nothing else"),
        ("[trials]\na = 'b'", "databases", "at least one"),
        ("[databases]\na = 'no-url'", "databases.a.url", "must be a URL"),
        ("[databases]\na = 'postgresql://u:p@h/d'", "databases.a.url", "password"),
        ("[databases]\na = 'postgresql://h/d?trial=T'", "databases.a.url", "names a trial"),
        ("[databases.a]\nreplica = 'postgresql://h/d'", "databases.a.url", "must be there"),
        ("[databases.a]\nurl = 'postgresql://h/d'\nreplica = 3", "databases.a.replica", "must be a URL"),
        ("[databases.a]\nurl = 'postgresql://h/d'\nall = 'yes'", "databases.a.all", "true or false"),
        ("[databases.a]\nurl = 'postgresql://h/d'\nbogus = 1", "databases.a.bogus", "no such field"),
        ("[databases]\n'a b' = 'postgresql://h/d'", "databases.a b", "letters, digits"),
        ("[databases]\na = 'postgresql://h/d'", "trials", "none is named"),
        ("[databases]\na = 'postgresql://h/d'\n[trials]\nT = 'b'", "trials.T", "there is no database 'b'"),
        ("[databases]\na = 'postgresql://h/d'\n[trials]\n'x/y' = 'a'", "trials.x/y", "letters, digits"),
        ("[databases]\na = 'postgresql://h/d'\n[trials]\nT = {database='a', x=1}", "trials.T.x", "no such field"),
        ("[databases]\na = 'postgresql://h/d'\n[trials]\nT = {database='a', trial=''}", "trials.T", "trial: must be"),
        ("[databases]\na = 'postgresql://h/d'\n[trials]\nT='a'\nU={database='a', trial='T'}", "trials.U", "that T is"),
        ("[databases", "", "is no TOML"),
    ],
)
def test_a_fault_in_a_placement_is_named_with_file_field_and_rule(text: str, field: str, rule: str) -> None:
    with pytest.raises(SettingsError) as caught:
        placement.parsed(text, "here.toml")
    said = str(caught.value)
    assert said.startswith(f"here.toml: {field}")
    assert rule in said


def test_a_database_is_asked_seldom_whether_it_is_there() -> None:
    now = [0.0]
    asked: list[float] = []

    class Counting(Database):
        def _asked(self) -> str | None:
            asked.append(now[0])
            return None if len(asked) < 3 else "gone"

    database = Counting("x", "postgresql://h/d", now=lambda: now[0], good=1.0, bad=5.0)
    for _ in range(100):
        database.reach()
    assert asked == [0.0]
    now[0] = 1.5
    database.reach()
    now[0] = 3.0
    for at in (3.0, 4.0, 7.9):
        now[0] = at
        with pytest.raises(placement.UnreachableError, match="database x: gone"):
            database.reach()
    assert asked == [0.0, 1.5, 3.0]
