"""Dashboards are folded from a replica and say where that stands; no decision ever reads one.

The replica is a real streaming standby, whose replay is paused, so that it stands still while the record goes on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ledger.domain.vocabulary import Role
from ledger.recording.postgres.connecting import Address
from ledger.recording.postgres.creating import place_of
from projections.base import Audience
from projections.store import open_store
from projections.views import VIEWS
from tests import postgres
from tests.api.pages.hypertext import faults, get
from tests.api.server.people import bearer
from tests.portfolio.placing import person_of, served, trial_in
from tests.trials import ELIGIBLE

NAME = "yew"
SPONSOR, INVESTIGATOR, STATISTICIAN = "sponsor-1", "investigator-1", "statistician-1"


@pytest.fixture(scope="module")
def replica(server: postgres.Server, databases: tuple[str, str]) -> Iterator[postgres.Server]:
    trial_in(databases[0], NAME, subjects=2).ledger.close()
    with postgres.standby(server) as standing_by:
        yield standing_by


@pytest.fixture
def placement(replica: postgres.Server, databases: tuple[str, str]) -> str:
    url = replica.url(_name(databases[0]))
    return f'[databases.one]\nurl = "{databases[0]}"\nreplica = "{url}"\n[trials]\n{NAME} = "one"\n'


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def people() -> list[Any]:
    roles = {SPONSOR: Role.SPONSOR, INVESTIGATOR: Role.INVESTIGATOR, STATISTICIAN: Role.STATISTICIAN}
    return [person_of({NAME: role}, who) for who, role in roles.items()]


def caught_up(server: postgres.Server, replica: postgres.Server) -> None:
    """Wait until the replica has replayed what the server has written."""
    ((at,),) = server.run("SELECT pg_current_wal_lsn()::text")
    until = time.monotonic() + 20
    while not replica.run(f"SELECT pg_last_wal_replay_lsn() >= '{at}'::pg_lsn")[0][0]:
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def paused(server: postgres.Server, replica: postgres.Server) -> Iterator[None]:
    """A replica that stands still."""
    caught_up(server, replica)
    replica.run("SELECT pg_wal_replay_pause()")
    until = time.monotonic() + 20
    while replica.run("SELECT pg_get_wal_replay_pause_state()")[0][0] != "paused":
        server.run("SELECT pg_switch_wal()")
        assert time.monotonic() < until
        time.sleep(0.02)
    try:
        yield
    finally:
        replica.run("SELECT pg_wal_replay_resume()")


def submit(client: Any, type_: str, data: dict[str, Any], id: str, who: str = INVESTIGATOR) -> Any:
    sent = {"id": id, "type": type_, "occurred_at": "2026-01-01T10:00+00:00", "data": data}
    return client.post(f"/v1/trials/{NAME}/commands", headers=bearer(who), json=sent)


def consent(client: Any, subject: str, id: str) -> Any:
    data = {"subject": subject, "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"}
    return submit(client, "record-consent", {**data, "site": _site(client), "subject_name": "Ada Byron"}, id)


def _site(client: Any) -> str:
    rows = client.get(f"/v1/trials/{NAME}/views/subjects", headers=bearer(SPONSOR)).json()["rows"]
    site: str = rows[0]["site"]
    return site


def view(client: Any, name: str, who: str = SPONSOR) -> Any:
    answer = client.get(f"/v1/trials/{NAME}/views/{name}", headers=bearer(who))
    assert answer.status_code == 200, answer.text
    return answer


def head(client: Any) -> int:
    seq: int = client.get(f"/v1/trials/{NAME}", headers=bearer(SPONSOR)).json()["head"]["seq"]
    return seq


def test_a_dashboard_says_the_replicas_position_while_a_command_is_decided_by_the_record(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server
) -> None:
    with served(tmp_path, people(), placement=placement) as (_, client):
        with paused(server, replica):
            before = head(client)
            assert view(client, "subjects").headers["replica-behind"] == "0"
            assert consent(client, "S-90", "first").status_code in (200, 201)
            after = head(client)
            assert after > before
            # Every dashboard is of the older position, and says so.
            shown = view(client, "subjects")
            assert shown.headers["replica-position"] == str(before)
            assert shown.headers["replica-behind"] == str(after - before)
            assert shown.json()["as_of"]["seq"] == before
            assert "S-90" not in shown.text
            row = client.get("/v1/portfolio", headers=bearer(SPONSOR)).json()["trials"][0]
            assert (row["as_of"]["seq"], row["behind"]) == (before, after - before)
            page = get(client, f"/t/{NAME}/subjects", SPONSOR)
            assert page.texts("//p[@id='behind']") == [_behind(after - before)]
            assert faults(page) == []
            # A command is decided on what the record has: a second consent of the same subject is refused,
            again = consent(client, "S-90", "second")
            assert (again.status_code, again.json()["type"]) == (409, "/problems/refused")
            # and what only the record has can be gone on from.
            screened = submit(client, "record-screening", {"subject": "S-90", "values": ELIGIBLE}, "third")
            assert screened.status_code in (200, 201), screened.text
            after = head(client)
            # Proofs and entries are the record's.
            entry = client.get(f"/v1/trials/{NAME}/entries/{after}", headers=bearer(SPONSOR))
            assert entry.status_code == 200
            assert "replica-position" not in entry.headers
        caught_up(server, replica)
        now = view(client, "subjects")
        assert now.headers["replica-behind"] == "0"
        assert "S-90" in now.text


def _behind(count: int) -> str:
    noun = "entry" if count == 1 else "entries"
    return f"Read from a replica, {count} {noun} behind the record."


def test_a_page_that_was_kept_says_how_far_it_has_come_to_lie_behind(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server
) -> None:
    with served(tmp_path, people(), placement=placement) as (_, client), paused(server, replica):
        first = get(client, f"/t/{NAME}/consort", SPONSOR)
        assert first.texts("//p[@id='behind']") == [_behind(0)]
        start = head(client)
        assert consent(client, "S-91", "kept").status_code in (200, 201)
        grown = head(client) - start
        asked = {"if-none-match": first.answer.headers["etag"]}
        later = get(client, f"/t/{NAME}/consort", SPONSOR, **asked)
        assert later.answer.status_code == 200
        assert later.texts("//p[@id='behind']") == [_behind(grown)]


def test_what_has_to_be_recorded_is_recorded_though_views_are_read_from_a_replica(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server, databases: tuple[str, str]
) -> None:
    sealed = "SELECT count(*) FROM sealed_book.entry e JOIN trial_ledger.trial t ON t.trial = e.trial "
    sealed += f"WHERE t.name = '{NAME}'"
    with served(tmp_path, people(), placement=placement) as (_, client), paused(server, replica):
        ((before,),) = server.run(sealed, database=_name(databases[0]))
        shown = view(client, "survival", STATISTICIAN)
        assert "/" in shown.headers["replica-position"]
        ((after,),) = server.run(sealed, database=_name(databases[0]))
        assert after == before + 1  # the look at arms
        ((there,),) = replica.run(sealed, database=_name(databases[0]))
        assert there == before


def test_rights_that_were_taken_from_the_record_hold_at_once(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server
) -> None:
    """Whether an auditor may see the trial follows from a grant, which the replica does not have yet."""
    auditor = person_of({NAME: Role.AUDITOR}, "auditor-1")
    with served(tmp_path, [*people(), auditor], placement=placement) as (_, client), paused(server, replica):
        before = client.get(f"/v1/trials/{NAME}/views", headers=bearer("auditor-1")).status_code
        grant = {"person": "auditor-1", "role": "auditor", "classes": ["arm"], "reason": "an audit for cause"}
        granted = submit(client, "grant-access", grant, "grant", SPONSOR)
        assert granted.status_code in (200, 201), granted.text
        after = client.get(f"/v1/trials/{NAME}/views/allocation", headers=bearer("auditor-1"))
        assert (before, after.status_code) == (200, 200)
        assert "/" in after.headers["replica-position"]


def test_a_replica_that_is_gone_is_done_without(
    tmp_path: Path, replica: postgres.Server, databases: tuple[str, str]
) -> None:
    assert replica.folder.is_dir()
    gone = "postgresql://trials@127.0.0.1:1/none"
    text = f'[databases.one]\nurl = "{databases[0]}"\nreplica = "{gone}"\n[trials]\n{NAME} = "one"\n'
    with served(tmp_path, people(), placement=text) as (_, client):
        shown = view(client, "subjects")
        assert shown.json()["as_of"]["seq"] == head(client)
        assert "replica-behind" not in shown.headers
        assert client.get("/v1/portfolio", headers=bearer(SPONSOR)).json()["trials"][0]["behind"] is None


def test_views_of_the_replica_and_of_the_record_are_kept_apart(
    tmp_path: Path, placement: str, replica: postgres.Server, databases: tuple[str, str]
) -> None:
    """They stand at different positions: kept together, each would throw the other's away."""
    assert replica.folder.is_dir()
    path = place_of(Address(databases[0], NAME))
    with served(tmp_path, people(), placement=placement) as (_, client):
        view(client, "subjects")
    assert path.with_name(f"{NAME}.replica.views").is_dir()
    assert not path.with_name(f"{NAME}.replica.keys").exists()


def test_an_export_is_of_the_record_and_not_of_the_replica(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server
) -> None:
    with served(tmp_path, people(), placement=placement) as (_, client), paused(server, replica):
        assert consent(client, "S-92", "exported").status_code in (200, 201)
        assert "S-92" not in view(client, "subjects").text
        begun = client.post(f"/v1/trials/{NAME}/exports", headers=bearer(SPONSOR), json={"kind": "csv"})
        until = time.monotonic() + 20
        while (made := client.get(begun.headers["location"], headers=bearer(SPONSOR)).json())["state"] != "made":
            assert time.monotonic() < until, made
            time.sleep(0.05)
        files = [one["href"] for one in made["files"] if one["name"].startswith("subjects")]
        assert any("S-92" in client.get(href, headers=bearer(SPONSOR)).text for href in files)


def test_views_of_the_replica_are_brought_to_its_head_in_the_background(
    tmp_path: Path, placement: str, server: postgres.Server, replica: postgres.Server
) -> None:
    with served(tmp_path, people(), placement=placement) as (running, client):
        caught_up(server, replica)
        running.following.start()
        names = {thread.name for thread in threading.enumerate() if thread.name.startswith("views-")}
        assert names == {"views-masked-one", "views-unmasked-one"}  # one for each database, however many trials
        until = time.monotonic() + 20
        while any(running.following.lag(NAME, one).entries != 0 for one in Audience):
            assert time.monotonic() < until
            time.sleep(0.05)
        folder = running.trials.path(NAME).with_name(f"{NAME}.replica.views")
        with open_store(folder, Audience.MASKED) as store, store.reading():
            place = store.place(VIEWS["subjects"])
        assert place is not None
        assert place.open_size == head(client) + 1
