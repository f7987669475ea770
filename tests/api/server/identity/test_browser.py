"""The sign-in of browsers: what brings somebody in, what does not, and what ends it."""

import hashlib
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.server.identity.browser import LONGEST_PATH, challenge, cookie_of, local_path
from api.server.identity.composing import Composed
from api.server.identity.sessions import BEGUN_SECONDS, IDLE_SECONDS, WHOLE_SECONDS
from tests.api.server.identity.making import Time
from tests.api.server.identity.signing_in import HOME, begun, browser_of, chosen, csrf_of, development, signed_in

COOKIE = "trial-ledger-8000"


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def made(ledger: Path, time: Time) -> Composed:
    return development(ledger, time)


@pytest.fixture
def browser(made: Composed, ledger: Path) -> TestClient:
    return browser_of(made, ledger)


def _with(address: str, **other: str | None) -> str:
    """An address with parameters changed, or (None) taken away."""
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **other}
    kept = {name: value for name, value in query.items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(kept)))


def test_whoever_signs_in_is_somebody_and_comes_where_they_wanted_to_go(browser: TestClient) -> None:
    assert browser.get("/v1/trials").status_code == 401
    assert signed_in(browser, query="?to=/t/balmys%3Fas_of=halt") == "/t/balmys?as_of=halt"
    answer = browser.get("/v1/trials")
    assert answer.json() == {"trials": [{"trial": "balmys", "role": "investigator"}]}
    assert browser.get("/v1/trials/balmys").status_code == 200


def test_the_issuer_is_asked_with_pkce_state_and_nonce_that_are_new_each_time(browser: TestClient) -> None:
    first, second = begun(browser), begun(browser)
    for asked in (first, second):
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "openid" in asked["scope"].split()
        assert asked["redirect_uri"] == f"{HOME}/sign-in/callback"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43
        assert first[name] != second[name]


def test_the_challenge_is_that_of_the_specification() -> None:
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_cookies_are_for_this_server_and_no_script(browser: TestClient) -> None:
    back = chosen(browser, begun(browser))
    for answer in (browser.get("/sign-in"), browser.get(back)):
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/" in cookie
        assert "domain" not in cookie
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_on_https_cookies_are_secure_and_bound_to_the_host() -> None:
    assert cookie_of("https://ledger.example.org") == "__Host-trial-ledger"
    assert cookie_of("http://127.0.0.1:8000") == COOKIE
    assert cookie_of("http://[::1]:8001") == "trial-ledger-8001"


def test_the_cookie_is_not_what_the_server_keeps(browser: TestClient, made: Composed) -> None:
    signed_in(browser)
    secret = browser.cookies[COOKIE]
    assert len(secret) == 43
    kept = repr(vars(made.identity.sessions))
    assert secret not in kept
    assert hashlib.sha256(secret.encode()).hexdigest() in kept


def test_two_tabs_can_sign_in_at_once(browser: TestClient) -> None:
    one, two = begun(browser, "?to=/t/balmys"), begun(browser, "?to=/t/balmys/audit")
    assert browser.get(chosen(browser, one)).headers["location"] == "/t/balmys"
    assert browser.get(chosen(browser, two)).headers["location"] == "/t/balmys/audit"


def test_an_answer_counts_once(browser: TestClient) -> None:
    back = chosen(browser, begun(browser))
    assert browser.get(back).status_code == 303
    again = browser.get(back)
    assert (again.status_code, again.json()["type"]) == (400, "/problems/sign-in-failed")
    assert "was ended before" in again.json()["detail"]  # and the issuer was not asked again


def test_an_answer_counts_only_in_the_browser_that_began(browser: TestClient, made: Composed, ledger: Path) -> None:
    other = browser_of(made, ledger)
    begun(other)  # it has a sign-in of its own under way
    back = chosen(browser, begun(browser), "statistician-1")
    assert other.get(back).status_code == 400
    assert other.get("/v1/trials").status_code == 401
    assert browser.get(back).status_code == 303  # the control


def test_an_answer_that_comes_too_late_is_refused(browser: TestClient, time: Time) -> None:
    back = begun(browser)
    time.seconds += BEGUN_SECONDS + 1
    assert browser.get(chosen(browser, back)).status_code == 400


@pytest.mark.parametrize(
    "other",
    [
        {"state": None},
        {"state": "A" * 43},
        {"code": None},
        {"code": "A" * 43},
        {"error": "access_denied"},
        {"iss": "https://evil.example"},
    ],
)
def test_an_answer_that_was_changed_brings_nobody_in(browser: TestClient, other: dict[str, str | None]) -> None:
    answer = browser.get(_with(chosen(browser, begun(browser)), **other))
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/sign-in-failed")
    assert browser.get("/v1/trials").status_code == 401


def test_the_code_of_another_sign_in_is_refused(browser: TestClient, made: Composed, ledger: Path) -> None:
    """A code that was stolen from, or slipped in from, another browser: PKCE and the nonce stand against it."""
    other = browser_of(made, ledger)
    theirs = dict(parse_qsl(urlsplit(chosen(other, begun(other), "statistician-1")).query))["code"]
    assert browser.get(_with(chosen(browser, begun(browser)), code=theirs)).status_code == 400


def test_a_token_without_the_nonce_of_this_sign_in_is_refused(browser: TestClient) -> None:
    asked = begun(browser)
    answer = browser.get(chosen(browser, {**asked, "nonce": "B" * 43}))
    assert answer.status_code == 400
    assert "nonce" in answer.json()["detail"]


def test_no_session_can_be_set_for_somebody(browser: TestClient) -> None:
    for brought in (b"A" * 43, b"", b"x; y=z", "é".encode(), b"None"):
        cookie = {b"cookie": COOKIE.encode() + b"=" + brought}
        back = chosen(browser, begun(browser))
        begun_here = f"; {COOKIE}-sign-in={browser.cookies[f'{COOKIE}-sign-in']}".encode()
        answer = browser.get(back, headers={b"cookie": cookie[b"cookie"] + begun_here})
        assert answer.status_code == 303
        assert len(browser.cookies[COOKIE]) == 43
        assert browser.cookies[COOKIE].encode() != brought
        browser.cookies.clear()
        assert browser.get("/v1/trials", headers=cookie).status_code == 401


def test_a_new_sign_in_ends_the_one_before(browser: TestClient) -> None:
    signed_in(browser)
    before = browser.cookies[COOKIE]
    signed_in(browser, "statistician-1")
    assert browser.get("/v1/trials").json()["trials"][0]["role"] == "statistician"
    browser.cookies.clear()
    assert browser.get("/v1/trials", headers={"cookie": f"{COOKIE}={before}"}).status_code == 401


def test_a_session_ends_when_nothing_is_asked_for_a_while(browser: TestClient, time: Time) -> None:
    signed_in(browser)
    for _ in range(3):
        time.seconds += IDLE_SECONDS
        assert browser.get("/v1/trials").status_code == 200
    time.seconds += IDLE_SECONDS + 1
    assert browser.get("/v1/trials").status_code == 401


def test_a_session_ends_in_any_case(browser: TestClient, time: Time) -> None:
    signed_in(browser)
    until = browser.get("/csrf").json()["until"]
    assert until == int(time.seconds) + WHOLE_SECONDS
    while time.seconds <= until:
        assert browser.get("/v1/trials").status_code == 200
        time.seconds += IDLE_SECONDS
    assert browser.get("/v1/trials").status_code == 401


def test_a_cookie_that_was_kept_is_nothing_after_the_sign_out(browser: TestClient) -> None:
    signed_in(browser)
    kept = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    out = browser.post("/sign-out", data={"csrf": csrf_of(browser)})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-out")
    assert COOKIE not in browser.cookies
    assert browser.get("/v1/trials", headers=kept).status_code == 401
    page = browser.get("/sign-out")
    assert page.status_code == 200
    assert "signed out" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_nobody_can_be_signed_out_by_another_page(browser: TestClient) -> None:
    signed_in(browser)
    for data in ({}, {"csrf": ""}, {"csrf": "A" * 43}):
        assert browser.post("/sign-out", data=data).status_code == 403
    assert browser.get("/sign-out").status_code == 200  # a page, and no more
    assert browser.get("/v1/trials").status_code == 200


def test_a_sign_out_without_a_session_is_one_all_the_same(browser: TestClient) -> None:
    assert browser.post("/sign-out").headers["location"] == "/sign-out"


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0a",
        "javascript:alert(1)",
        "evil",
        "",
        "/a\nb",
        "/a\\..\\b",
        "/é",
        "/a b",
        "/\t/evil.example",
        "/sign-in",
        "/sign-in/callback?x=1",
        "/sign-out",
        "/" + "a" * LONGEST_PATH,
    ],
)
def test_nobody_is_sent_elsewhere(browser: TestClient, to: str) -> None:
    led = signed_in(browser, query=f"?{urlencode({'to': to})}")
    assert led == ("/" if to != "/%0d%0a" else to)  # escaped characters are none of a header


@given(st.text(max_size=40) | st.text(alphabet="/\\:.@?#a\t\n", max_size=12).map(lambda text: f"/{text}"))
def test_no_text_leads_to_another_host(to: str) -> None:
    led = local_path(to)
    assert led in ("/", to)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))
    assert led.isascii()
    assert led.isprintable()
    assert not urlsplit(led).netloc


def test_whoever_has_to_sign_anew_is_asked_to_authenticate_anew(browser: TestClient) -> None:
    asked = begun(browser, "?again=1&to=/t/balmys")
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert browser.get(chosen(browser, asked)).headers["location"] == "/t/balmys"
    assert "prompt" not in begun(browser)


def test_an_authentication_from_before_is_not_taken_for_a_new_one(browser: TestClient, time: Time) -> None:
    asked = begun(browser, "?again=1")
    time.seconds -= 3600  # the issuer goes by this clock, and so authenticated before
    back = chosen(browser, asked)
    answer = browser.get(back)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/sign-in-failed")
    assert "auth_time" in answer.json()["detail"]


def test_a_browser_by_another_name_of_the_machine_is_led_to_the_one_that_the_issuer_knows(browser: TestClient) -> None:
    answer = browser.get("/sign-in?to=/t/balmys", headers={"host": "localhost:8000"})
    assert answer.headers["location"] == f"{HOME}/sign-in?to=/t/balmys"
    assert "set-cookie" not in answer.headers
