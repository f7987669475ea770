"""The development issuer: a real one in small, for this machine alone, and never in production."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.server.app import create_app
from api.server.identity.browser import challenge
from api.server.identity.composing import Composed, identity_of
from api.server.identity.development import CODE_SECONDS, PEOPLE, TOKEN_SECONDS
from api.server.settings import Settings, SettingsError
from api.server.trials import Trials
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Role
from tests.api.server.identity.making import ROLES as RIGHTS
from tests.api.server.identity.making import Published, Time, composed
from tests.api.server.identity.signing_in import HOME, begun, browser_of, chosen, development
from tests.api.server.people import NAME, bearer

PATHS = ("", "/.well-known/openid-configuration", "/jwks", "/authorize", "/token")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def made(ledger: Path, time: Time) -> Composed:
    return development(ledger, time)


@pytest.fixture
def browser(made: Composed, ledger: Path) -> TestClient:
    return browser_of(made, ledger)


def test_there_is_somebody_for_each_role_who_sees_what_it_may(made: Composed, browser: TestClient) -> None:
    assert {one.role for one in PEOPLE} == set(Role)
    for one in PEOPLE:
        headers = bearer(made.development_token(one.id))
        told = browser.get("/v1/trials", headers=headers).json()
        assert told == {"trials": [{"trial": NAME, "role": one.role.value}]}
        assert browser.get(f"/v1/trials/{NAME}", headers=headers).status_code in (200, 403)


def test_names_are_those_of_a_site_for_the_roles_that_have_them(made: Composed) -> None:
    for rule in made.identity.rights.rules:
        assert len(rule.sites) == (1 if ROLES[rule.role].identity else 0)


def test_a_token_ends(made: Composed, browser: TestClient, time: Time) -> None:
    headers = bearer(made.development_token("auditor-1"))
    assert browser.get("/v1/trials", headers=headers).status_code == 200
    time.seconds += TOKEN_SECONDS + 60
    assert browser.get("/v1/trials", headers=headers).status_code == 401


def test_the_key_is_new_at_each_start(made: Composed, ledger: Path, time: Time) -> None:
    before = browser_of(development(ledger, time), ledger)
    token = made.development_token("auditor-1")
    assert before.get("/v1/trials", headers=bearer(token)).status_code == 401


def test_its_page_says_what_it_is_for(browser: TestClient) -> None:
    page = browser.get("/development")
    assert "This is for development" in page.text
    for one in PEOPLE:
        assert one.id in page.text
    assert "This is for development" in browser.get("/development/authorize", params=begun(browser)).text


def test_the_command_line_gets_a_token_as_the_page_says(browser: TestClient) -> None:
    data = {"grant_type": "client_credentials", "client_id": "dmc-1"}
    told = browser.post("/development/token", data=data)
    assert told.headers["cache-control"] == "no-store"
    token = told.json()["access_token"]
    assert browser.get("/v1/trials", headers=bearer(token)).json()["trials"][0]["role"] == "dmc"


def test_it_publishes_no_private_key(browser: TestClient) -> None:
    (key,) = browser.get("/development/jwks").json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    told = browser.get("/development/.well-known/openid-configuration").json()
    assert told["issuer"] == f"{HOME}/development"
    assert told["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "others"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{HOME}/sign-in/callback/x"},
        {"response_type": "token"},
        {"scope": "profile"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
    ],
)
def test_an_authorization_request_that_is_not_our_clients_is_refused(browser: TestClient, other: Any) -> None:
    asked = {**begun(browser), **other}
    for answer in (
        browser.get("/development/authorize", params=asked),
        browser.post("/development/authorize", data={**asked, "person": "dmc-1"}),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers


def test_what_stands_in_a_request_is_no_html_of_the_page(browser: TestClient) -> None:
    asked = {**begun(browser), "nonce": '"><script>alert(1)</script>'}
    page = browser.get("/development/authorize", params=asked)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_nobody_unknown_is_signed_in(browser: TestClient) -> None:
    asked = {**begun(browser), "person": "boss"}
    assert browser.post("/development/authorize", data=asked).status_code == 400
    for form in ({"client_id": "boss"}, {}):
        data = {"grant_type": "client_credentials", **form}
        assert browser.post("/development/token", data=data).json()["error"] == "invalid_client"


class TestCodes:
    VERIFIER = "v" * 43

    def code(self, browser: TestClient) -> dict[str, str]:
        back = chosen(browser, {**begun(browser), "code_challenge": challenge(self.VERIFIER)})
        code = back.partition("code=")[2].partition("&")[0]
        return {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": "trial-ledger-pages",
            "redirect_uri": f"{HOME}/sign-in/callback",
            "code_verifier": self.VERIFIER,
        }

    def given(self, browser: TestClient, form: dict[str, str]) -> Any:
        return browser.post("/development/token", data=form).json()

    def test_a_code_counts_once(self, browser: TestClient) -> None:
        form = self.code(browser)
        assert "id_token" in self.given(browser, form)
        assert self.given(browser, form)["error"] == "invalid_grant"

    @pytest.mark.parametrize(
        "other",
        [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"client_id": "x"}, {"redirect_uri": "x"}, {"code": "x"}],
    )
    def test_a_code_is_for_who_asked_for_it(self, browser: TestClient, other: dict[str, str]) -> None:
        assert self.given(browser, {**self.code(browser), **other})["error"] == "invalid_grant"

    def test_a_code_is_for_a_minute(self, browser: TestClient, time: Time) -> None:
        form = self.code(browser)
        time.seconds += CODE_SECONDS + 1
        assert self.given(browser, form)["error"] == "invalid_grant"

    def test_there_are_no_other_grants(self, browser: TestClient) -> None:
        assert self.given(browser, {"grant_type": "password"})["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(("host", "address"), [("evil.example", "127.0.0.1"), ("127.0.0.1:8000", "192.0.2.7")])
def test_only_this_machine_is_answered_and_by_its_own_name_alone(
    made: Composed, ledger: Path, host: str, address: str
) -> None:
    app = create_app(Trials({NAME: ledger}), made.identity)
    made.install(app)
    stranger = TestClient(app, f"http://{host}", raise_server_exceptions=False, client=(address, 50_000))
    for path in PATHS:
        for method in ("GET", "POST"):
            assert stranger.request(method, f"/development{path}").status_code in (404, 405), path
    own = TestClient(app, HOME, raise_server_exceptions=False, client=("::1", 50_000))
    assert own.get("/development").status_code == 200  # the control


@pytest.mark.parametrize(
    "other",
    [
        {"production": True},
        {"host": "0.0.0.0"},
        {"host": "192.0.2.7"},
        {"public_url": "https://ledger.example.org"},
        {"issuer": "https://login.example.org"},
    ],
)
def test_it_is_refused_in_production_and_off_the_loopback_address(ledger: Path, other: dict[str, Any]) -> None:
    given: dict[str, Any] = {"development": True, "trials": {NAME: ledger}, "public_url": HOME}
    assert identity_of(Settings(**given)).development is not None  # the control
    with pytest.raises((SettingsError, ValueError)):
        identity_of(Settings(**given | other))
    # Settings that nobody checked are refused all the same.
    if "issuer" not in other:
        unchecked = Settings(**given).model_copy(update=other)
        with pytest.raises(SettingsError, match="development"):
            identity_of(unchecked)


def test_where_nobody_could_come_in_the_server_does_not_start(ledger: Path) -> None:
    with pytest.raises(SettingsError, match="nobody can come in"):
        identity_of(Settings(trials={NAME: ledger}))


def test_a_real_issuer_leaves_no_development_token(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="development"):
        composed(tmp_path, Published(), Time()).development_token("dmc-1")


def test_a_file_of_roles_goes_before_the_built_in_ones(ledger: Path, time: Time, tmp_path: Path) -> None:
    (tmp_path / "roles.toml").write_text(RIGHTS.replace('"groups"', '"role"').replace("balmys-statisticians", "dmc"))
    made = development(ledger, time, roles=tmp_path / "roles.toml")
    told = browser_of(made, ledger).get("/v1/trials", headers=bearer(made.development_token("dmc-1"))).json()
    assert told == {"trials": [{"trial": NAME, "role": "statistician"}]}


def test_the_address_is_that_of_the_port_which_the_system_chose(ledger: Path) -> None:
    made = identity_of(Settings(development=True, trials={NAME: ledger}, port=0), address="http://127.0.0.1:40123")
    assert made.development is not None
    assert made.development.url == "http://127.0.0.1:40123/development"
