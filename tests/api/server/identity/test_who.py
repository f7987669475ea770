"""The one place that decides who makes a request: bearer before cookie, and what a cookie is good for."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.server.identity.composing import Composed
from api.server.identity.who import MOST_FORM
from tests.api.server.identity.making import Published, Time, client_for, composed, token
from tests.api.server.identity.signing_in import browser_of, csrf_of, development, signed_in
from tests.api.server.people import bearer

FORM = "/t/balmys/form-of-this-test"


@pytest.fixture
def made(ledger: Path) -> Composed:
    return development(ledger, Time())


@pytest.fixture
def browser(made: Composed, ledger: Path) -> TestClient:
    browser = browser_of(made, ledger)
    signed_in(browser)
    return browser


def _refused(answer: Any) -> bool:
    return (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-site")


def test_a_form_with_the_token_of_the_session_is_taken_and_read_whole(browser: TestClient) -> None:
    fields = {"csrf": csrf_of(browser), "subject": "BAL-001", "reason": "año ñ"}
    assert browser.post(FORM, data=fields).json() == {"trial": "balmys", "person": "investigator-1", "fields": fields}


@pytest.mark.parametrize("field", [None, "", "A" * 43, "é", "none"])
def test_a_form_without_it_is_refused(browser: TestClient, field: str | None) -> None:
    assert _refused(browser.post(FORM, data={} if field is None else {"csrf": field}))


def test_the_token_of_another_session_is_none(browser: TestClient, made: Composed, ledger: Path) -> None:
    other = browser_of(made, ledger)
    signed_in(other, "statistician-1")
    assert _refused(browser.post(FORM, data={"csrf": csrf_of(other)}))


def test_the_token_counts_in_the_form_alone(browser: TestClient) -> None:
    csrf = csrf_of(browser)
    assert _refused(browser.post(f"{FORM}?csrf={csrf}"))
    assert _refused(browser.post(FORM, headers={"x-csrf-token": csrf}))
    assert _refused(browser.post(FORM, json={"csrf": csrf}))
    assert _refused(browser.post(FORM, data={"csrf": csrf}, files={"file": b"x"}))
    assert _refused(browser.post(FORM, content=f"csrf={csrf}", headers={"content-type": "text/plain"}))
    assert _refused(browser.post(FORM, data={"csrf": [csrf, csrf]}))
    assert browser.post(FORM, data={"csrf": csrf}).status_code == 200  # the control


@pytest.mark.parametrize("site", ["cross-site", "same-site", "other"])
def test_what_the_browser_says_another_site_sent_is_refused_whatever_it_holds(browser: TestClient, site: str) -> None:
    data = {"csrf": csrf_of(browser)}
    assert _refused(browser.post(FORM, data=data, headers={"sec-fetch-site": site}))
    assert browser.post(FORM, data=data, headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_cookie_changes_nothing_by_the_api(browser: TestClient, made: Composed, method: str) -> None:
    data = {"csrf": csrf_of(browser)}
    refused = browser.request(method, "/v1/change", data=data)
    assert _refused(refused)
    assert "bearer tokens alone" in refused.json()["detail"]
    answer = browser.request(method, "/v1/change", headers=bearer(made.development_token("investigator-1")))
    assert answer.json() == "investigator-1"  # the control


def test_a_form_that_is_too_large_is_refused_before_it_is_read(browser: TestClient) -> None:
    fields = {"csrf": csrf_of(browser), "reason": "x" * MOST_FORM}
    assert browser.post(FORM, data=fields).status_code == 413

    def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 4096

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post(FORM, content=chunks(), headers=headers).status_code == 413


def test_a_bearer_token_goes_before_a_cookie(browser: TestClient, made: Composed) -> None:
    both = bearer(made.development_token("statistician-1"))
    assert browser.get("/v1/trials", headers=both).json()["trials"][0]["role"] == "statistician"
    answer = browser.post(FORM, headers=both, data={"reason": "x"})  # no other site can make a browser send the header
    assert answer.json()["person"] == "statistician-1"


def test_a_bearer_token_that_is_refused_does_not_fall_back_on_the_cookie(browser: TestClient) -> None:
    for header in ("Bearer x", "Bearer", "Basic YTpi", ""):
        assert browser.get("/v1/trials", headers={"authorization": header}).status_code == 401
    assert browser.get("/v1/trials").status_code == 200  # the control


def test_each_token_and_each_sign_in_is_a_session_of_its_own(browser: TestClient, made: Composed) -> None:
    seen = {browser.get("/csrf").json()["session"] for _ in range(2)}
    signed_in(browser)
    seen.add(browser.get("/csrf").json()["session"])
    tokens = [made.development_token("investigator-1") for _ in range(2)]
    for one in tokens + tokens:
        answer = browser.get("/csrf", headers=bearer(one)).json()
        assert answer["csrf"] is None
        seen.add(answer["session"])
    assert len(seen) == 4


def test_an_issuer_that_fails_is_no_fault_of_the_token(ledger: Path, tmp_path: Path) -> None:
    client = client_for(composed(tmp_path, Published(failing=True), Time()), ledger)
    answer = client.get("/v1/trials", headers=bearer(token()))
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/issuer")
    assert int(answer.headers["retry-after"]) > 0


def test_with_an_issuer_and_no_client_browsers_have_no_sign_in(ledger: Path, tmp_path: Path) -> None:
    client = client_for(composed(tmp_path, Published(), Time()), ledger)
    assert client.get("/sign-in").status_code == 404
    assert client.get("/development").status_code == 404
