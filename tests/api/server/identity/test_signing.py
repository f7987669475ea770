"""Signing by whole processes: `trial-ledger serve`, with the development issuer and with one that others wrote."""

import json
import os
import secrets
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from api.bootstrap import own_keys
from api.server.identity.browser import challenge
from api.server.identity.development import CLIENT
from ledger.proof.verify import verify_ledger
from tests.api.server.identity.making import ROLES
from tests.api.server.identity.test_real_issuer import (
    AUDIENCE,
    TOOL,
    Scene,
    Ticks,
    bearer_token,
    issuing,
    provider,
    went,
)
from tests.api.server.operation.running import environment
from tests.api.server.people import NAME, bearer

__all__ = ["provider"]
REDIRECT: Final = "http://127.0.0.1/sign-in/callback"


@contextmanager
def serving(ledger: Path, settings: Mapping[str, Any], *options: str) -> Iterator[str]:
    """The program itself, with these settings; its address."""
    file = ledger.with_name("trial-ledger.toml")
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()) +
                    f"[trials]\n{NAME} = {json.dumps(str(ledger))}\n")  # fmt: skip
    command = [sys.executable, "-m", "api.cli", "serve", "--settings", str(file), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 60)[0], "the server did not begin"
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def posted(home: str, token: str, body: Mapping[str, Any]) -> Any:
    return httpx.post(f"{home}/v1/trials/{NAME}/signatures", json=body, headers=bearer(token), trust_env=False)


def hash_of(home: str, token: str, seq: int) -> str:
    entry = httpx.get(f"{home}/v1/trials/{NAME}/entries/{seq}", headers=bearer(token), trust_env=False)
    return str(entry.headers["ledger-leaf-hash"])


def test_one_signs_at_a_development_server_by_an_authentication_for_each_signature(ledger: Path) -> None:
    with serving(ledger, {}, "--development") as home, httpx.Client(base_url=home, trust_env=False) as browser:

        def authenticated(person: str, nonce: str) -> str:
            verifier = secrets.token_urlsafe(32)
            asked = {
                "response_type": "code", "client_id": CLIENT, "redirect_uri": f"{home}/sign-in/callback",
                "scope": "openid profile", "nonce": nonce, "code_challenge": challenge(verifier),
                "code_challenge_method": "S256",
            }  # fmt: skip
            back = browser.post("/development/authorize", data={**asked, "person": person})
            code = dict(parse_qsl(urlsplit(back.headers["location"]).query))["code"]
            form = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT,
                    "redirect_uri": asked["redirect_uri"], "code_verifier": verifier}  # fmt: skip
            return str(browser.post("/development/token", data=form).json()["id_token"])

        form = {"grant_type": "client_credentials", "client_id": "monitor-1"}
        token = browser.post("/development/token", data=form).json()["access_token"]
        for n, meaning in enumerate(("REVIEW", "APPROVAL")):
            body = {"id": f"s-{n}", "meaning": meaning, "of": {"seq": 2, "hash": hash_of(home, token, 2)}}
            asked = posted(home, token, body)
            assert (asked.status_code, asked.json()["ask"]["client_id"]) == (401, CLIENT)
            nonce = asked.json()["ask"]["nonce"]
            other = posted(home, token, {**body, "authentication": authenticated("sponsor-1", nonce)})
            assert (other.status_code, other.json()["rule"]) == (401, "sub")
            while True:  # whole seconds: the next authentication is to be a later one
                done = posted(home, token, {**body, "authentication": authenticated("monitor-1", nonce)})
                if done.status_code == 201:
                    break
                assert done.json()["rule"] == "authentication-used"
                time.sleep(0.3)
        listed = browser.get(f"/v1/trials/{NAME}/signatures?of=2", headers=bearer(token)).json()["signatures"]
        assert [one["meaning"] for one in listed] == ["REVIEW", "APPROVAL"]
    with closing(own_keys(ledger)) as keys:
        assert verify_ledger(ledger, keys=keys).ok


def test_one_signs_by_an_issuer_that_others_wrote_and_not_upon_its_single_sign_on(
    provider: list[str],
    ledger: Path,
) -> None:
    (ledger.parent / "roles.toml").write_text(ROLES)
    with issuing(provider, REDIRECT) as issuer:
        settings = {"issuer": issuer, "audience": AUDIENCE, "roles": "roles.toml", "signing_client": TOOL}
        with serving(ledger, settings) as home, httpx.Client(trust_env=False) as browser:
            scene = Scene(home, issuer, Ticks(), REDIRECT)
            token = bearer_token(scene, "inv-0001")

            def authenticated(nonce: str, **more: str) -> str:
                verifier = secrets.token_urlsafe(32)
                asked = {
                    "response_type": "code", "client_id": TOOL, "redirect_uri": f"{issuer}/tool", "max_age": "300",
                    "scope": "openid profile", "nonce": nonce, "code_challenge": challenge(verifier),
                    "code_challenge_method": "S256", **more,
                }  # fmt: skip
                back = went(browser, f"{issuer}/auth?{urlencode(asked)}", "inv-0001", asked["redirect_uri"])
                form = {"grant_type": "authorization_code", "code": dict(parse_qsl(urlsplit(back).query))["code"],
                        "client_id": TOOL, "redirect_uri": asked["redirect_uri"],
                        "code_verifier": verifier}  # fmt: skip
                return str(browser.post(f"{issuer}/token", data=form).json()["id_token"])

            def asked(number: int) -> tuple[dict[str, Any], str]:
                body = {"id": f"s-{number}", "meaning": "REVIEW", "of": {"upto": number}}
                answer = posted(home, token, body)
                assert answer.status_code == 401, answer.text
                return body, answer.json()["ask"]["nonce"]

            first, nonce = asked(2)
            done = posted(home, token, {**first, "authentication": authenticated(nonce)})
            assert done.status_code == 201, done.text
            second, nonce = asked(3)
            # signed in there already, one is let through without a password: that signs nothing more
            again = posted(home, token, {**second, "authentication": authenticated(nonce)})
            assert (again.status_code, again.json()["rule"]) == (401, "authentication-used")
            time.sleep(1.1)
            assert posted(home, token, {**second, "authentication": authenticated(nonce, prompt="login")}).is_success
            # and what the bearer token itself says is no authentication for a signature
            third, _ = asked(4)
            assert posted(home, token, {**third, "authentication": token}).status_code == 401
    with closing(own_keys(ledger)) as keys:
        assert verify_ledger(ledger, keys=keys).ok


@pytest.mark.parametrize("field", ["signing_seconds = 5", "signing_levels = 7", "signing_clients = 'x'"])
def test_settings_for_signing_that_cannot_be_are_refused(ledger: Path, field: str) -> None:
    file = ledger.with_name("bad.toml")
    file.write_text(field + "\n")
    command = [sys.executable, "-m", "api.cli", "serve", str(ledger), "--settings", str(file), "--development"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    assert done.returncode == 3, done.stderr
    assert field.split()[0] in done.stderr
