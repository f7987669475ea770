"""A browser, as far as a sign-in by the development issuer needs one."""

import re
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Request
from fastapi.testclient import TestClient

from api.server.app import create_app
from api.server.identity.composing import Composed, identity_of
from api.server.settings import Settings
from api.server.state import Who
from api.server.trials import Trials
from tests.api.server.identity.making import Time
from tests.api.server.people import NAME

HOME: Final = "http://127.0.0.1:8000"
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def development(ledger: Path, time: Time, **other: Any) -> Composed:
    """The identity of a development server."""
    given: dict[str, Any] = {"development": True, "trials": {NAME: ledger}, "public_url": HOME}
    return identity_of(Settings(**given | other), clock=time.clock, ticks=time.ticks)


def browser_of(made: Composed, ledger: Path, *, home: str = HOME) -> TestClient:
    """A browser at a server with that identity, which has two routes more, that change something."""
    app = create_app(Trials({NAME: ledger}), made.identity)
    made.install(app)
    more = APIRouter()

    @more.post("/t/{trial}/form-of-this-test")
    async def form(trial: str, person: Who, request: Request) -> dict[str, Any]:
        fields = {name: str(value) for name, value in (await request.form()).items()}
        return {"trial": trial, "person": person.id, "fields": fields}

    @more.api_route("/v1/change", methods=["POST", "PUT", "PATCH", "DELETE"])
    async def change(person: Who) -> str:
        return person.id

    @more.get("/csrf")
    async def csrf(person: Who) -> dict[str, Any]:
        return {"csrf": person.csrf, "session": person.session, "until": person.expires_at}

    app.include_router(more)
    return TestClient(app, home, raise_server_exceptions=False, follow_redirects=False, client=("127.0.0.1", 50_000))


def begun(browser: TestClient, query: str = "") -> dict[str, str]:
    """The parameters with which a browser is sent to the issuer."""
    answer = browser.get(f"/sign-in{query}")
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def chosen(browser: TestClient, asked: dict[str, str], person: str = "investigator-1") -> str:
    """The address with which the issuer sends the browser back, once somebody was chosen on its page."""
    page = browser.get("/development/authorize", params=asked)
    assert page.status_code == 200, page.text
    fields = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
    answer = browser.post("/development/authorize", data={**fields, "person": person})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def signed_in(browser: TestClient, person: str = "investigator-1", query: str = "") -> str:
    """Sign somebody in; where the browser is led then."""
    answer = browser.get(chosen(browser, begun(browser, query), person))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def csrf_of(browser: TestClient) -> str:
    """The CSRF token of the session."""
    return str(browser.get("/csrf").json()["csrf"])
