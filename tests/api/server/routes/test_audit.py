"""The audit trail over HTTP: the rows of the view `audit`, in either order, by facets, and never read as a whole."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access import Session, viewer_of
from api.server import trail
from ledger.recording.reader import LedgerReader
from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_views import MASKED, UNMASKED, followed

T = f"/v1/trials/{NAME}"
Row = dict[str, Any]


@pytest.fixture
def client(ledger: Path) -> TestClient:
    return client_of(ledger)


@pytest.fixture(params=["masked", "unmasked"])
def who(request: pytest.FixtureRequest) -> str:
    return MASKED if request.param == "masked" else UNMASKED


def pages(client: TestClient, who: str, query: str) -> Iterator[Any]:
    return followed(client, f"{T}/audit?{query}", who)


def rows(client: TestClient, who: str, query: str = "limit=1000") -> list[Row]:
    return [row for page in pages(client, who, query) for row in page.json()["rows"]]


def head(client: TestClient, who: str) -> str:
    """The position at which the record stands, exactly, for somebody whose look is recorded by then."""
    at = client.get(f"{T}/audit?limit=1", headers=bearer(who)).json()["as_of"]
    return str(at["seq"]) + (f"/{at['sealed']}" if "sealed" in at else "")


def expected(ledger: Path, exact: str, who: str) -> list[Row]:
    """The rows of the view at a position."""
    shown = Session(ledger, viewer_of(who, who.removesuffix("-1"), "FJD")).show("audit", exact)
    base = {"open": f"{T}/entries", "sealed": f"{T}/sealed-entries"}
    return [{**row, "entry": f"{base[row['book']]}/{row['seq']}"} for row in json.loads(shown.to_json())["rows"]]


def test_the_trail_is_the_view_row_for_row(client: TestClient, ledger: Path, who: str) -> None:
    at = head(client, who)
    wanted = expected(ledger, at, who)
    assert len(wanted) > 40
    assert {row["book"] for row in wanted} == ({"open"} if who == MASKED else {"open", "sealed"})
    assert rows(client, who, f"limit=1000&as_of={at}") == wanted


@pytest.mark.parametrize("limit", [1, 2, 7, 20])
def test_pages_in_either_order_are_the_whole_trail_once(client: TestClient, who: str, limit: int) -> None:
    at = f"as_of={head(client, who)}"
    whole = rows(client, who, f"limit=1000&{at}")
    rising = list(pages(client, who, f"limit={limit}&{at}"))
    assert [row for page in rising for row in page.json()["rows"]] == whole
    assert all(len(page.json()["rows"]) == limit for page in rising[:-1])
    assert rows(client, who, f"limit={limit}&sort=-position&{at}") == whole[::-1]


def _in_after(name: str) -> Callable[[Row], bool]:
    return lambda row: isinstance(row["after"], dict) and name in row["after"]


def _words(row: Row) -> str:
    return json.dumps(row).lower()


FACETS: dict[str, Callable[[Row], bool]] = {
    "type=visit.recorded/1": lambda row: row["type"] == "visit.recorded/1",
    "type=visit.recorded/1&type=access.granted/1": lambda row: row["type"] in ("visit.recorded/1", "access.granted/1"),
    "subject=S-01-002": lambda row: row["subject"] == "S-01-002",
    "subject=S-01-002&subject=S-01-003": lambda row: row["subject"] in ("S-01-002", "S-01-003"),
    "subject=S-01-002&type=visit.recorded/1": lambda row: (
        row["subject"] == "S-01-002" and row["type"] == "visit.recorded/1"
    ),
    "actor=investigator-1": lambda row: row["who"] == "investigator-1",
    "actor=ledger": lambda row: row["who"] == "ledger",
    "field=severity": _in_after("severity"),
    "text=FEVER": lambda row: "fever" in _words(row),
    "actor=investigator-1&text=fever&field=severity": lambda row: (
        row["who"] == "investigator-1" and "fever" in _words(row) and _in_after("severity")(row)
    ),
    "subject=nobody": lambda _: False,
    "type=no.such/1": lambda _: False,
}


@pytest.mark.parametrize("order", ["position", "-position"])
def test_a_facet_gives_the_rows_of_the_whole_that_have_it(client: TestClient, who: str, order: str) -> None:
    at = f"as_of={head(client, who)}"
    whole = rows(client, who, f"limit=1000&{at}&sort={order}")
    for query, wanted in FACETS.items():
        assert rows(client, who, f"{query}&limit=3&{at}&sort={order}") == [row for row in whole if wanted(row)], query


def test_the_site_of_an_entry_is_its_own_or_its_subjects(client: TestClient, who: str) -> None:
    found = rows(client, who, "site=S01&limit=1000")
    assert {"visit.recorded/1", "site.activated/1", "adverse-event.reported/1"} <= {row["type"] for row in found}
    assert all(row["subject"] or (row["after"] or {}).get("site") == "S01" for row in found)
    assert rows(client, who, "site=S02") == []


def test_from_and_to_bound_when_it_was_recorded(client: TestClient, who: str) -> None:
    def opened(query: str) -> list[Row]:  # sealed entries count with the open one that they name
        return [row for row in rows(client, who, query) if row["book"] == "open"]

    whole = opened("limit=1000")
    first, last = whole[10]["recorded_at"], whole[30]["recorded_at"]
    assert opened(f"from={first}&to={last}&limit=4") == [row for row in whole if first < row["recorded_at"] <= last]
    assert opened("from=2020-05-06&to=2020-05-06&limit=7") == whole
    assert opened("from=2020-05-07") == []
    assert client.get(f"{T}/audit?from=never", headers=bearer(who)).json()["type"] == "/problems/position"


def test_a_correction_shows_old_new_and_reason_and_leads_to_its_entry(client: TestClient, ledger: Path) -> None:
    from api.bootstrap import open_trial
    from ledger.domain.commands import parse_command

    told = next(row for row in rows(client, MASKED) if row["type"] == "adverse-event.reported/1")
    stored = client.get(told["entry"], headers=bearer(MASKED)).json()
    trial = open_trial(ledger)
    trial.submit(
        parse_command(
            {
                "id": "correct-1",
                "type": "correct-record",
                "actor": {"id": "investigator-9", "role": "investigator", "org": "FJD"},
                "occurred_at": "2020-06-01T10:00+02:00",
                "data": {
                    "subject": told["subject"],
                    "target": {"command": stored["command"]["id"], "n": stored["command"]["n"]},
                    "changes": [{"field": "severity", "new": "MODERATE"}],
                    "reason": "a slip of the pen",
                },
            }
        )
    )
    trial.close()
    (row,) = rows(client, MASKED, "type=record.corrected/1")
    assert (row["before"], row["after"]) == ({"severity": "MILD"}, {"severity": "MODERATE"})
    assert (row["why"], row["target_seq"]) == ("a slip of the pen", told["seq"])
    assert client.get(row["entry"], headers=bearer(MASKED)).json()["type"] == "record.corrected/1"
    assert next(one["seq"] for one in rows(client, MASKED, "field=severity&sort=-position")) == row["seq"]


def test_csv_has_exactly_the_rows_that_are_seen(client: TestClient, who: str) -> None:
    at = f"as_of={head(client, who)}"
    query = f"type=visit.recorded/1&limit=3&sort=-position&{at}"
    seen = client.get(f"{T}/audit?{query}", headers=bearer(who)).json()["rows"]
    answer = client.get(f"{T}/audit?{query}", headers={**bearer(who), "accept": "text/csv"})
    assert [line["entry"] for line in csv.DictReader(io.StringIO(answer.text))] == [row["entry"] for row in seen]
    assert "cursor=" in answer.headers["link"]


def test_masked_people_have_the_open_book_alone_and_no_column_of_the_other(client: TestClient) -> None:
    masked, unmasked = rows(client, MASKED), rows(client, UNMASKED)
    assert {row["book"] for row in masked} == {"open"}
    assert {row["book"] for row in unmasked} == {"open", "sealed"}
    assert not {"after_unblinding", "voided_in"} & set(masked[0])
    page = client.get(f"{T}/audit?limit=1", headers=bearer(MASKED))
    assert "/" not in page.headers["etag"]
    assert set(page.json()["as_of"]) == {"seq", "recorded_at"}
    for cursor in ("49/11.3", "49.3s1"):
        answer = client.get(f"{T}/audit?cursor={cursor}", headers=bearer(MASKED))
        assert answer.status_code in (200, 400)
        assert all(row["book"] == "open" for row in answer.json().get("rows", ()))


def test_a_page_without_facets_reads_no_more_entries_than_it_shows(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    stored = LedgerReader.stored

    def counted(self: LedgerReader, book: Any, start: int, stop: int) -> Any:
        read.append(max(0, stop - start))
        return stored(self, book, start, stop)

    monkeypatch.setattr(LedgerReader, "stored", counted)
    for query in ("limit=3", "limit=3&sort=-position", "limit=3&cursor=49.30", "limit=3&cursor=49.30&sort=-position"):
        read.clear()
        assert len(client.get(f"{T}/audit?{query}", headers=bearer(MASKED)).json()["rows"]) == 3
        assert sum(read) <= 2 * (3 + 1)


def test_a_request_looks_at_so_many_entries_and_no_more_and_says_where_it_goes_on(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    at = f"as_of={head(client, who)}"
    for query in ("type=visit.recorded/1", "text=fever"):
        whole = rows(client, who, f"{query}&{at}")
        with monkeypatch.context() as patched:
            patched.setattr(trail, "LOOKED_AT", 5)
            patched.setattr(trail, "READ", 3)
            found = list(pages(client, who, f"limit=99&{query}&{at}"))  # an address that nobody asked for before
        assert len(found) > 5
        assert any(not page.json()["rows"] for page in found)
        assert [row for page in found for row in page.json()["rows"]] == whole


def test_who_has_the_page_already_is_told_so(client: TestClient) -> None:
    tag = client.get(f"{T}/audit?limit=2", headers=bearer(MASKED)).headers["etag"]
    assert client.get(f"{T}/audit?limit=2", headers={**bearer(MASKED), "if-none-match": tag}).status_code == 304
    assert client.get(f"{T}/audit?limit=3", headers={**bearer(MASKED), "if-none-match": tag}).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["typ=visit.recorded/1", "sort=seq", "sort=position&sort=-position", "cursor=49", "limit=0", "text=" + "x" * 201,
     "&".join(f"type=t{n}" for n in range(51)), "subject=" + "x" * 201, "text=a&text=b"],
)  # fmt: skip
def test_what_is_not_known_or_too_much_is_refused_and_not_passed_over(client: TestClient, query: str) -> None:
    answer = client.get(f"{T}/audit?{query}", headers=bearer(MASKED))
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/parameter")
