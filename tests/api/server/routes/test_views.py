"""Views over HTTP: whose they are, in which form, as of when, and in pages."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access import Session, viewer_of
from api.bootstrap import open_trial
from ledger.domain.commands import parse_command
from ledger.domain.vocabulary import Role
from projections.views import VIEWS
from tests.api.server.people import NAME, bearer, client_of, person

T = f"/v1/trials/{NAME}"
MASKED, UNMASKED = "investigator-1", "statistician-1"


@pytest.fixture
def client(ledger: Path) -> TestClient:
    return client_of(ledger)


def followed(client: TestClient, path: str, who: str, **headers: str) -> Iterator[Any]:
    """The answer, and those that its links lead to."""
    while True:
        answer = client.get(path, headers={**bearer(who), **headers})
        assert answer.status_code == 200, answer.text
        yield answer
        if "link" not in answer.headers:
            return
        path = answer.links["next"]["url"]


def visit(ledger: Path, subject: str = "S-01-001", number: str = "9") -> None:
    """Record one more visit."""
    trial = open_trial(ledger)
    value = {
        "id": f"visit-{subject}-{number}",
        "type": "record-visit",
        "actor": {"id": "investigator-9", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-06-01T10:00+02:00",
        "data": {"subject": subject, "visit": "DAY 9", "number": number},
    }
    trial.submit(parse_command(value))
    trial.close()


def test_the_list_has_the_views_that_the_role_may_have_and_no_other(client: TestClient) -> None:
    for who, arms in ((MASKED, False), (UNMASKED, True)):
        listed = client.get(f"{T}/views", headers=bearer(who)).json()["views"]
        names = {view["view"] for view in listed}
        assert ("exposure" in names) is arms
        assert "identities" not in names
        for one in listed:
            assert client.get(one["href"], headers=bearer(who)).status_code == 200
        for name in set(VIEWS) - names:
            assert client.get(f"{T}/views/{name}", headers=bearer(who)).status_code == 403


def test_a_view_says_the_same_as_the_command_line(client: TestClient, ledger: Path) -> None:
    for who, role in ((MASKED, "investigator"), (UNMASKED, "statistician")):
        given = client.get(f"{T}/views/subjects", headers=bearer(who)).json()
        at = f"{given['as_of']['seq']}" + (f"/{given['as_of']['sealed']}" if "sealed" in given["as_of"] else "")
        shown = Session(ledger, viewer_of(who, role, "FJD")).show("subjects", at)
        assert given == json.loads(shown.to_json())


def test_what_accept_likes_best_is_given_and_what_cannot_be_is_refused(client: TestClient) -> None:
    def form(accept: str, query: str = "") -> Any:
        return client.get(f"{T}/views/subjects{query}", headers={**bearer(MASKED), "accept": accept})

    assert form("text/csv").headers["content-type"].startswith("text/csv")
    assert form("application/json;q=0.3, text/csv;q=0.4").headers["content-type"].startswith("text/csv")
    assert form("text/*;q=0.9, application/json").headers["content-type"] == "application/json"
    assert form("*/*, application/json;q=0").headers["content-type"].startswith("text/csv")
    assert form("application/json", "?format=csv").headers["content-type"].startswith("text/csv")
    for refused in ("image/png", "application/json;q=0, text/csv;q=0", "application/json;q=2"):
        answer = form(refused)
        assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
    assert form("*/*", "?format=pdf").status_code == 400


def test_csv_has_the_same_rows_as_json(client: TestClient) -> None:
    rows = client.get(f"{T}/views/subjects", headers=bearer(MASKED)).json()["rows"]
    text = client.get(f"{T}/views/subjects?format=csv", headers=bearer(MASKED)).text
    assert [row["subject"] for row in csv.DictReader(io.StringIO(text))] == [row["subject"] for row in rows]


def test_pages_together_are_the_whole_and_each_row_comes_once(client: TestClient) -> None:
    whole = client.get(f"{T}/views/subjects", headers=bearer(MASKED)).json()["rows"]
    for limit in (1, 2, 3, len(whole)):
        pages = list(followed(client, f"{T}/views/subjects?limit={limit}", MASKED))
        assert [row for page in pages for row in page.json()["rows"]] == whole
        assert all(0 < len(page.json()["rows"]) <= limit for page in pages)


def test_a_page_stays_at_the_position_of_the_first_though_the_ledger_goes_on(client: TestClient, ledger: Path) -> None:
    pages = followed(client, f"{T}/views/follow-up?limit=1", MASKED)
    first = next(pages).json()
    visit(ledger)
    assert {page.json()["as_of"]["seq"] for page in pages} == {first["as_of"]["seq"]}
    now = client.get(f"{T}/views/follow-up", headers=bearer(MASKED)).json()
    assert now["as_of"]["seq"] > first["as_of"]["seq"]


def test_a_filter_takes_any_of_several_values_and_pages_as_well(client: TestClient) -> None:
    wanted = ["S-01-001", "S-01-003", "S-01-004"]
    query = "&".join(f"subject={one}" for one in wanted)
    pages = list(followed(client, f"{T}/views/subjects?{query}&limit=2", MASKED))
    assert [row["subject"] for page in pages for row in page.json()["rows"]] == wanted
    assert len(pages) == 2
    none = client.get(f"{T}/views/subjects?{query}&site=nowhere", headers=bearer(MASKED)).json()
    assert none["rows"] == []


def test_a_column_that_the_view_does_not_have_for_who_asks_is_no_filter(client: TestClient) -> None:
    sealed = sorted(
        {column.name for column in VIEWS["subjects"].stored if column.sealed} | {"arm", "no-such-column", "cells"}
    )
    details = set()
    for name in sealed:
        answer = client.get(f"{T}/views/subjects", params={name: "x"}, headers=bearer(MASKED))
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter")
        details.add(answer.json()["detail"].removeprefix(name))
    assert len(details) == 1  # nothing tells one that others have from one that nobody has


def test_the_tag_is_view_at_position_and_of_both_books_only_for_who_has_arms(client: TestClient) -> None:
    version = VIEWS["subjects"].version
    masked = client.get(f"{T}/views/subjects", headers=bearer(MASKED))
    assert masked.headers["etag"] == f'"subjects.v{version}@{masked.json()["as_of"]["seq"]}"'
    unmasked = client.get(f"{T}/views/subjects", headers=bearer(UNMASKED))
    at = unmasked.json()["as_of"]
    assert unmasked.headers["etag"] == f'"subjects.v{version}@{at["seq"]}/{at["sealed"]}"'
    for answer in (masked, unmasked):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert {"Accept", "Authorization", "Cookie"} <= set(answer.headers["vary"].split(", "))


def test_filters_form_page_and_day_are_in_the_tag(client: TestClient) -> None:
    tags = [
        client.get(f"{T}/views/{path}", headers=bearer(MASKED)).headers["etag"]
        for path in (
            "subjects",
            "subjects?format=csv",
            "subjects?site=S01",
            "subjects?limit=2",
            "subjects?subject=" + "x" * 500,
            "subjects?subject=%C3%A9",
            "duties",
        )
    ]
    assert len(set(tags)) == len(tags)
    assert all(tag.isascii() and len(tag) < 300 for tag in tags)
    assert client.get(f"{T}/views/duties", headers=bearer(MASKED)).json()["day"] in tags[-1]


def test_who_has_it_already_is_told_so_and_nothing_is_folded(
    client: TestClient, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in (UNMASKED, MASKED):
        tag = client.get(f"{T}/views/subjects", headers=bearer(who)).headers["etag"]
        with monkeypatch.context() as patched:
            patched.setattr(Session, "show", None)  # whoever folds fails
            again = client.get(f"{T}/views/subjects", headers={**bearer(who), "if-none-match": f'"x", W/{tag}'})
            assert client.get(f"{T}/views/subjects?limit=9", headers=bearer(who)).status_code == 500
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    visit(ledger)
    assert client.get(f"{T}/views/subjects", headers={**bearer(MASKED), "if-none-match": tag}).status_code == 200


def test_whoever_may_not_have_a_view_is_not_even_told_that_it_is_unchanged(client: TestClient) -> None:
    for tag in ("*", '"exposure.v1@49"'):
        answer = client.get(f"{T}/views/exposure", headers={**bearer(MASKED), "if-none-match": tag})
        assert answer.status_code == 403


def test_names_have_no_tag_and_are_not_to_be_kept_and_the_look_is_recorded_first(ledger: Path) -> None:
    investigator = person(Role.INVESTIGATOR, sites={"S01"})
    client = client_of(ledger, [investigator, person(Role.AUDITOR)])

    def looks() -> int:
        rows = client.get(f"{T}/views/access", headers=bearer("auditor-1")).json()["rows"]
        return sum(1 for row in rows if row["who"] == "investigator-1" and row["what"] == "LOOK")

    before = looks()
    for _ in range(2):
        answer = client.get(f"{T}/views/identities", headers=bearer("investigator-1"))
        assert answer.status_code == 200
        assert answer.json()["rows"]
        assert answer.headers["cache-control"] == "private, no-store"
        assert "etag" not in answer.headers
    assert looks() == before + 1  # once a session


@pytest.mark.parametrize("as_of", ["9999", "49/17", "yesterday", "2020-05-06T10:00", "\x00", "9" * 400, "1/2/3", "-1"])
def test_a_position_that_there_is_not_is_a_problem(client: TestClient, as_of: str) -> None:
    answer = client.get(f"{T}/views/subjects", params={"as_of": as_of}, headers=bearer(MASKED))
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/position")


def test_as_of_takes_positions_times_and_the_exact_pair_for_who_has_arms(client: TestClient) -> None:
    early = client.get(f"{T}/views/subjects?as_of=20", headers=bearer(MASKED)).json()
    assert early["as_of"]["seq"] == 20
    timed = client.get(
        f"{T}/views/subjects", params={"as_of": early["as_of"]["recorded_at"]}, headers=bearer(MASKED)
    ).json()
    assert timed["rows"] == early["rows"]
    both = client.get(f"{T}/views/subjects?as_of=20/1", headers=bearer(UNMASKED)).json()
    assert (both["as_of"]["seq"], both["as_of"]["sealed"]) == (20, 1)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=ten", "limit=+5", "limit=1_0", "limit=1&limit=2", "cursor=", "cursor=x",
        "cursor=49.1&as_of=49", "cursor=49.-1", "as_of=1&as_of=2", "cursor=%D9%A1.1", "format=",
    ],
)  # fmt: skip
def test_a_parameter_with_a_mistake_in_it_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"{T}/views/subjects?{query}", headers=bearer(MASKED))
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter")


def test_a_view_that_depends_on_the_day_keeps_the_day_of_the_first_page(ledger: Path) -> None:
    client = client_of(ledger)
    served = next(iter(client.app.state.ledger.trials))  # type: ignore[attr-defined]
    pages = followed(client, f"{T}/views/duties?limit=1", MASKED)
    first = next(pages).json()
    plain = served.clock
    served.clock = lambda: plain() + timedelta(days=400)
    assert {page.json()["day"] for page in pages} <= {first["day"]}


def test_the_audit_trail_has_a_route_of_its_own(client: TestClient) -> None:
    answer = client.get(f"{T}/views/audit", headers=bearer(MASKED), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{T}/audit")
