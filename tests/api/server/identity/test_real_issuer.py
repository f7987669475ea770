"""An issuer that others wrote: npm's oidc-provider, on loopback, with this server beside it, both over real HTTP.

A browser goes the whole way of the authorization code flow, through the issuer's own pages; a tool gets a bearer token
of it (a JWT of RFC 9068, for this server's audience) and asks the API with it.
"""

import json
import re
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest
import uvicorn

from api.server.app import create_app
from api.server.identity.browser import challenge
from api.server.identity.composing import Composed, identity_of
from api.server.identity.jwks import REFETCH_SECONDS
from api.server.settings import Settings
from api.server.trials import Trials
from tests.api.server.identity.making import ROLES
from tests.api.server.people import NAME, bearer
from tests.interop.foreign import missing, tool

HERE: Final = Path(__file__).parent / "provider"
AUDIENCE: Final = "https://ledger.example.org/"
PAGES, TOOL, SECRET = "pages", "tool", "a secret / of: the+pages"
BASIC: Final = "client_secret_basic"
_FORM: Final = re.compile(r'<form[^>]*action="([^"]+)"')
_INPUT: Final = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of the issuer, with what its lock file names installed beside a copy of it."""
    node, npm = tool("node", "apt install nodejs"), tool("npm", "apt install npm")
    folder = tmp_path_factory.mktemp("provider")
    for name in (".npmrc", "package.json", "package-lock.json", "provider.mjs"):
        shutil.copyfile(HERE / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        missing(f"npm ci could not install what {HERE.name}/package.json names: {done.stderr.strip()[-500:]}")
    return [node, str(folder / "provider.mjs")]


@contextmanager
def issuing(provider: list[str], redirect: str, port: int = 0, auth: str = BASIC) -> Iterator[str]:
    """The issuer, while it runs; its address."""
    given = {"port": port, "redirect": redirect, "pages": PAGES, "tool": TOOL, "secret": SECRET, "auth": auth}
    process = subprocess.Popen(
        [*provider, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the issuer ended before it listened"
        yield json.loads(line)["issuer"]
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


@contextmanager
def serving(made: Composed, ledger: Path, listening: socket.socket) -> Iterator[None]:
    """This server, while it runs."""
    app = create_app(Trials({NAME: ledger}), made.identity)
    made.install(app)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


class Ticks:
    """A clock that never runs backwards, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Scene:
    """Both servers, and a clock that is moved by hand for how often the issuer is asked."""

    home: str
    issuer: str
    ticks: Ticks
    redirect: str


@pytest.fixture
def scene(provider: list[str], ledger: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        home = f"http://127.0.0.1:{listening.getsockname()[1]}"
        redirect = f"{home}/sign-in/callback"
        with issuing(provider, redirect, auth=getattr(request, "param", BASIC)) as issuer:
            (tmp_path / "roles.toml").write_text(ROLES)
            secret = tmp_path / "client-secret"
            secret.touch(0o600)
            secret.write_text(SECRET)
            ticks = Ticks()
            settings = Settings(
                issuer=issuer,
                audience=AUDIENCE,
                roles=tmp_path / "roles.toml",
                trials={NAME: ledger},
                public_url=home,
                client_id=PAGES,
                client_secret_file=secret,
            )
            with serving(identity_of(settings, ticks=ticks), ledger, listening):
                yield Scene(home, issuer, ticks, redirect)


def went(browser: httpx.Client, address: str, person: str, stop: str) -> str:
    """Follow the issuer's redirects and fill in its forms, until it sends the browser to `stop`; the whole address."""
    answer = browser.get(address)
    for _ in range(20):
        if answer.is_redirect:
            address = urljoin(address, answer.headers["location"])
            if address.startswith(stop):
                return address
            answer = browser.get(address)
            continue
        form = _FORM.search(answer.text)
        assert form is not None, answer.text
        fields = {name: unescape(value) for name, value in _INPUT.findall(answer.text)}
        if fields.get("prompt") == "login":
            fields |= {"login": person, "password": "any"}
        address = urljoin(address, unescape(form[1]))
        answer = browser.post(address, data=fields)
    raise AssertionError("the issuer never came to an end")


def signed_in(browser: httpx.Client, scene: Scene, person: str, query: str = "") -> httpx.Response:
    """What the browser is answered when it comes back from the issuer."""
    return browser.get(went(browser, f"{scene.home}/sign-in{query}", person, scene.redirect))


def bearer_token(scene: Scene, person: str, audience: str = AUDIENCE) -> str:
    """A bearer token that a tool gets for a person."""
    verifier = secrets.token_urlsafe(32)
    asked = {
        "response_type": "code",
        "client_id": TOOL,
        "redirect_uri": f"{scene.issuer}/tool",
        "scope": "openid profile",
        "resource": audience,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    with httpx.Client(trust_env=False) as browser:
        back = went(browser, f"{scene.issuer}/auth?{urlencode(asked)}", person, asked["redirect_uri"])
        form = {
            "grant_type": "authorization_code",
            "code": dict(parse_qsl(urlsplit(back).query))["code"],
            "client_id": TOOL,
            "redirect_uri": asked["redirect_uri"],
            "code_verifier": verifier,
            "resource": audience,
        }
        given: dict[str, Any] = browser.post(f"{scene.issuer}/token", data=form).json()
    assert "access_token" in given, given
    return str(given["access_token"])


def trials(scene: Scene, token: str) -> httpx.Response:
    return httpx.get(f"{scene.home}/v1/trials", headers=bearer(token), trust_env=False)


@pytest.mark.parametrize("scene", [BASIC, "client_secret_post"], indirect=True)
def test_a_browser_signs_in_by_a_real_issuer_and_out_again(scene: Scene) -> None:
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(f"{scene.home}/v1/trials").status_code == 401
        back = signed_in(browser, scene, "inv-0001", "?to=/v1/trials")
        assert (back.status_code, back.headers["location"]) == (303, "/v1/trials")
        seen = browser.get(urljoin(scene.home, back.headers["location"]))
        assert seen.json() == {"trials": [{"trial": NAME, "role": "investigator"}]}
        assert browser.get(f"{scene.home}/v1/trials/{NAME}").json()["role"] == "investigator"
        assert browser.post(f"{scene.home}/sign-out").status_code == 403
        page = browser.get(f"{scene.home}/sign-out").text
        assert f"{scene.issuer}/session/end?client_id={PAGES}" in page


def test_a_sign_in_anew_makes_the_real_issuer_ask_for_the_password_again(scene: Scene) -> None:
    with httpx.Client(trust_env=False) as browser:
        signed_in(browser, scene, "inv-0001")
        # Signed in there already, one is let through; asked anew, one has to log in, here as somebody else.
        assert signed_in(browser, scene, "stat-0001").status_code == 303
        assert browser.get(f"{scene.home}/v1/trials").json()["trials"][0]["role"] == "investigator"
        assert signed_in(browser, scene, "stat-0001", "?again=1").status_code == 303
        assert browser.get(f"{scene.home}/v1/trials").json()["trials"][0]["role"] == "statistician"


def test_somebody_with_two_roles_is_not_signed_in(scene: Scene) -> None:
    with httpx.Client(trust_env=False) as browser:
        back = signed_in(browser, scene, "both")
        assert (back.status_code, back.json()["type"]) == (403, "/problems/two-roles")
        assert browser.get(f"{scene.home}/v1/trials").status_code == 401


def test_a_bearer_token_of_a_real_issuer_opens_the_api(scene: Scene) -> None:
    token = bearer_token(scene, "stat-0001")
    assert trials(scene, token).json() == {"trials": [{"trial": NAME, "role": "statistician"}]}
    head, body, signature = token.split(".")
    flipped = ("B" if signature[10] == "A" else "A").join((signature[:10], signature[11:]))
    refused = trials(scene, f"{head}.{body}.{flipped}")
    assert (refused.status_code, refused.json()["rule"]) == (401, "signature")


def test_a_bearer_token_of_a_real_issuer_for_another_server_is_refused(scene: Scene) -> None:
    refused = trials(scene, bearer_token(scene, "stat-0001", "https://another.example.org/"))
    assert (refused.status_code, refused.json()["rule"]) == (401, "aud")


def test_a_real_issuer_may_change_its_keys_and_be_away(provider: list[str], ledger: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        home, ticks = f"http://127.0.0.1:{listening.getsockname()[1]}", Ticks()
        redirect = f"{home}/sign-in/callback"
        (tmp_path / "roles.toml").write_text(ROLES)
        with issuing(provider, redirect) as issuer:
            scene = Scene(home, issuer, ticks, redirect)
            old = bearer_token(scene, "inv-0001")
        given = Settings(
            issuer=issuer, audience=AUDIENCE, roles=tmp_path / "roles.toml", trials={NAME: ledger}, public_url=home
        )
        with serving(identity_of(given, ticks=ticks), ledger, listening):
            assert trials(scene, old).status_code == 503  # the issuer is away, and no key of it is known
            ticks.seconds += REFETCH_SECONDS
            with issuing(provider, redirect, urlsplit(issuer).port or 0):
                new = bearer_token(scene, "inv-0001")
                assert trials(scene, new).status_code == 200
                refused = trials(scene, old)
                assert (refused.status_code, refused.json()["rule"]) == (401, "kid")
            ticks.seconds += 10_000
            assert trials(scene, new).status_code == 200  # it is away again, and its keys are known
            assert trials(scene, old).status_code in (401, 503)
