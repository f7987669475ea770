"""The sign-in of browsers: authorization code with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9700).

1. `/sign-in?to=PATH` sends the browser to the issuer with `state`, `nonce` and the S256 challenge; `/sign-in/callback`
   takes what it brings back. It counts once, and only in the browser that began it. The ID token is verified as every
   token is (`tokens.py`), and has to be for our client and to hold the nonce.
2. `to` is a path of this server, or else `/`: nobody is sent elsewhere from here. `again=1` asks the issuer to
   authenticate the person anew, and refuses an answer in which it did not: for whoever is about to sign.
3. Cookies are `HttpOnly`, and on https `Secure` under a `__Host-` name. They are `SameSite=Lax`: the browser comes back
   from the issuer, another site, and a `Strict` cookie would stay away from the request that follows. What Lax lets
   through are links, so GET, which changes nothing; the rest is for the CSRF token to stop (`who.py`).
4. `/sign-out` ends the session here (POST, with the CSRF token), and says how to end the one of the issuer. It does
   not lead to a page that would sign in again.
"""

import base64
import hashlib
import logging
import re
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.pages.headers import GUARDS
from api.server.identity.fetching import FetchError
from api.server.identity.jwks import IssuerError
from api.server.identity.plain import plain
from api.server.identity.sessions import BEGUN_SECONDS, WHOLE_SECONDS, Begun, random_text
from api.server.identity.tokens import IDENTITY, LEEWAY, Claims, Expected, TokenError
from api.server.identity.who import SIGN_OUT, Who
from api.server.person import Person
from api.server.problems import Problem
from ledger.proof.canonical import CanonicalError, parse

SIGN_IN: Final = "/sign-in"
CALLBACK: Final = "/sign-in/callback"
LONGEST_PATH: Final = 2000
_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_RANDOM: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ERROR: Final = re.compile(r"[a-z_]{1,64}")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Client:
    """What this server is at the issuer. `one_host`: a browser at another name of it is led to `public_url`."""

    public_url: str
    id: str
    secret: str | None = field(default=None, repr=False)
    scope: str = "openid profile"
    one_host: bool = False

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends browsers back; it has to be registered there."""
        return self.public_url + CALLBACK

    @property
    def secure(self) -> bool:
        """Whether people come by https."""
        return self.public_url.startswith("https://")


def cookie_of(public_url: str) -> str:
    """The name of the session's cookie (rule 3). On http, where ports share cookies, it has the port in it."""
    parts = urlsplit(public_url)
    return "__Host-trial-ledger" if parts.scheme == "https" else f"trial-ledger-{parts.port or 80}"


def local_path(to: str | None) -> str:
    """Where somebody wants to go, if that is a page of this server; else its first (rule 2)."""
    if to is None or len(to) > LONGEST_PATH or not _PATH.fullmatch(to):
        return "/"
    return "/" if to.partition("?")[0] in (SIGN_IN, CALLBACK, SIGN_OUT) else to


class Browser:
    """The routes of the sign-in, for one identity and one client of its issuer."""

    def __init__(self, who: Who, client: Client) -> None:
        self.who = who
        self.client = client
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route(SIGN_IN, self.sign_in, methods=["GET"])
        self.router.add_api_route(CALLBACK, self.callback, methods=["GET"])
        self.router.add_api_route(SIGN_OUT, self.sign_out, methods=["POST"])
        self.router.add_api_route(SIGN_OUT, self.signed_out, methods=["GET"])

    @property
    def _browser_cookie(self) -> str:
        return f"{self.who.cookie}-sign-in"

    def sign_in(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        if self.client.one_host and request.headers.get("host") != urlsplit(self.client.public_url).netloc:
            return _to(f"{self.client.public_url}{SIGN_IN}" + (f"?{request.url.query}" if request.url.query else ""))
        endpoint = self._endpoint("authorization_endpoint")
        again = request.query_params.get("again") == "1"
        browser = request.cookies.get(self._browser_cookie, "")
        if not _RANDOM.fullmatch(browser):
            browser = random_text()
        state, begun = self.who.sessions.begin(
            browser,
            to=local_path(request.query_params.get("to")),
            again=again,
            now=self.who.clock().timestamp(),
        )
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.client.redirect_uri,
            "scope": self.client.scope,
            "state": state,
            "nonce": begun.nonce,
            "code_challenge": challenge(begun.verifier),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if again else {}),
        }
        answer = _to(endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(asked))
        self._set(answer, self._browser_cookie, browser, BEGUN_SECONDS)
        return answer

    def callback(self, request: Request) -> Response:
        """Take what the issuer sent the browser back with."""
        state, browser = _one(request, "state"), request.cookies.get(self._browser_cookie)
        begun = None if state is None or browser is None else self.who.sessions.begun(state, browser)
        if begun is None:
            raise _failed("it was not begun in this browser, or too long ago, or was ended before; begin anew")
        if request.query_params.get("iss", self.who.issuer.url) != self.who.issuer.url:  # RFC 9207
            raise _failed("the answer is of another issuer")
        code = _one(request, "code")
        if code is None or "error" in request.query_params:
            said = request.query_params.get("error", "")
            raise _failed(f"the issuer answered {said if _ERROR.fullmatch(said) else 'without a code'}")
        claims = self._claims(self._id_token(code, begun), begun)
        until = int(self.who.clock().timestamp()) + WHOLE_SECONDS

        def made(session: str, csrf: str) -> Person:
            return self.who.rights.person(claims, session, until=until, csrf=csrf)

        secret = self.who.sessions.open(made, request.cookies.get(self.who.cookie))
        answer = _to(begun.to)
        self._set(answer, self.who.cookie, secret, None)
        return answer

    def sign_out(self, request: Request) -> Response:
        """End the session here."""
        secret = request.cookies.get(self.who.cookie)
        if secret is not None and self.who.sessions.person(secret) is not None:
            self.who.person(request)  # with the CSRF token
            self.who.sessions.close(secret)
        answer = _to(SIGN_OUT)
        answer.delete_cookie(self.who.cookie, path="/", secure=self.client.secure, httponly=True, samesite="lax")
        return answer

    def signed_out(self, _: Request) -> Response:
        """The page after it."""
        body = (
            "<p>You are signed out of this server.</p>\n"
            '<p lang="es">Ha cerrado la sesión en este servidor.</p>\n'
            f'<p><a href="{SIGN_IN}">Sign in · <span lang="es">Iniciar sesión</span></a></p>'
        )
        try:
            end = self.who.issuer.metadata().get("end_session_endpoint")
        except IssuerError:
            end = None
        if end is not None:
            link = f"{end}{'&' if urlsplit(end).query else '?'}client_id={quote(self.client.id, safe='')}"
            body += f'\n<p><a href="{escape(link)}">Sign out of {escape(urlsplit(end).netloc)} too</a></p>'
        return plain("Signed out", body)

    def _id_token(self, code: str, begun: Begun) -> str:
        """What the issuer gives for a code (RFC 6749, section 4.1.3). Raises Problem."""
        endpoint = self._endpoint("token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": begun.verifier,
        }
        client = None
        if self.client.secret is None:
            form["client_id"] = self.client.id
        elif "client_secret_basic" in self._methods():
            client = (quote(self.client.id, safe=""), quote(self.client.secret, safe=""))
        else:
            form |= {"client_id": self.client.id, "client_secret": self.client.secret}
        try:
            status, body = self.who.issuer.fetch.post(endpoint, form, client)
            said = parse(body, decimals=True)
        except FetchError as error:
            _log.warning("sign-in: issuer: %s", error)
            raise Problem("issuer", "the issuer gave no answer to the code", headers={"retry-after": "5"}) from None
        except CanonicalError:
            raise _failed("the issuer's answer to the code is no JSON") from None
        if status != 200 or not isinstance(said, dict) or not isinstance(said.get("id_token"), str):
            raise _failed(f"the issuer gave no ID token for the code (it answered {status})")
        token: str = said["id_token"]
        return token

    def _methods(self) -> Any:
        return self.who.issuer.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])

    def _claims(self, token: str, begun: Begun) -> Claims:
        try:
            claims = self.who.checked(token, Expected(self.client.id, IDENTITY, alone=True))
        except TokenError as error:
            raise _failed(f"the ID token is refused: {error}") from None
        if claims.values.get("nonce") != begun.nonce:
            raise _failed("the ID token is refused: nonce: is not that of this sign-in")
        if begun.again and ("auth_time" not in claims.values or claims.authenticated_at < begun.at - LEEWAY):
            raise _failed("the issuer did not authenticate the person anew (auth_time)")
        return claims

    def _endpoint(self, name: str) -> str:
        try:
            endpoint = self.who.issuer.metadata().get(name)
        except IssuerError as error:
            raise Problem("issuer", str(error), headers={"retry-after": "5"}) from None
        if not isinstance(endpoint, str):
            raise Problem("issuer", f"the issuer publishes no {name}", headers={"retry-after": "5"})
        return endpoint

    def _set(self, answer: Response, name: str, value: str, seconds: int | None) -> None:
        answer.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.client.secure, httponly=True, samesite="lax"
        )


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _one(request: Request, name: str) -> str | None:
    """A parameter that stands once in the query."""
    given = request.query_params.getlist(name)
    return given[0] if len(given) == 1 else None


def _to(address: str) -> RedirectResponse:
    headers = {**GUARDS, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(address, 303, headers)


def _failed(detail: str) -> Problem:
    _log.info("refused: sign-in: %s", detail)
    return Problem("sign-in-failed", detail)
