"""Who makes a request: the one place in which that is decided, for bearer tokens and for browsers.

1. A bearer token (RFC 6750, section 2.1: the `Authorization` header, never a query or a form) goes before a cookie. Is
   it refused, so is the request, whatever cookie came with it: no other page can make a browser send the header.
2. A cookie is good for GET and HEAD, which change nothing. For other methods it is good only under `/t/` and for the
   sign-out, with the session's CSRF token as the field `csrf` of a form, and never where the browser says that another
   site made the request (`Sec-Fetch-Site`). All others are the API's, which takes bearer tokens alone.
3. The form is read before the routes, by `Forms`: up to `MOST_FORM` bytes, urlencoded. The routes read it again.
4. A refusal says which rule failed, and is logged with that rule alone: neither token nor cookie nor address.
"""

import hmac
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.identity.jwks import Issuer, IssuerError
from api.server.identity.rights import Rights
from api.server.identity.sessions import Sessions
from api.server.identity.tokens import ACCESS, Claims, Expected, TokenError, verified
from api.server.person import Person
from api.server.problems import Problem

SAFE: Final = frozenset({"GET", "HEAD"})
SIGN_OUT: Final = "/sign-out"
MOST_FORM: Final = 64 * 1024
_CSRF: Final = "trial_ledger.csrf"
_log: Final = logging.getLogger(__name__)


class Who:
    """The identity of a server: of one issuer, whose tokens have to be for `audience`.

    `cookie`: the name of the session's cookie. `clock` as for the ledger.
    """

    def __init__(
        self,
        issuer: Issuer,
        audience: str,
        rights: Rights,
        sessions: Sessions,
        cookie: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.issuer = issuer
        self.rights = rights
        self.sessions = sessions
        self.cookie = cookie
        self.clock = clock
        self._expected = Expected(audience, ACCESS)

    def person(self, request: HTTPConnection) -> Person:
        """Who makes a request. Raises Problem: 401, 403, and 503 where the issuer cannot be asked."""
        given = request.headers.getlist("authorization")
        if len(given) > 1:
            raise _refused("Authorization", "stands several times in the request")
        if given:
            return self._bearer(given[0])
        secret = request.cookies.get(self.cookie)
        if secret is None:
            raise _nobody("sign in, or send a bearer token")
        person = self.sessions.person(secret)
        if person is None:
            _log.info("refused: session: has ended")
            raise _nobody("the sign-in has ended")
        if request.scope["type"] != "http" or request.scope["method"] not in SAFE:
            self._own_form(request, person)
        return person

    def checked(self, token: str, expected: Expected) -> Claims:
        """The claims of a token of the issuer. Raises TokenError, and Problem (503)."""
        try:
            return verified(token, expected, self.issuer, self.clock().timestamp())
        except IssuerError as error:
            _log.warning("refused: issuer: %s", error)
            raise Problem("issuer", str(error), headers={"retry-after": "5"}) from None

    def _bearer(self, header: str) -> Person:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _nobody("a bearer token is needed")
        try:
            claims = self.checked(token.strip(" "), self._expected)
        except TokenError as error:
            raise _refused(error.rule, str(error).removeprefix(f"{error.rule}: ")) from None
        return self.rights.person(claims, f"bearer:{claims.fingerprint}")

    def _own_form(self, request: HTTPConnection, person: Person) -> None:
        path = request.scope["path"]
        if not path.startswith("/t/") and path != SIGN_OUT:
            raise _cross_site("the API takes bearer tokens alone for what is no GET or HEAD")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise _cross_site("the browser says that another site made the request")
        token = request.scope.get(_CSRF)
        if token is None or person.csrf is None or not hmac.compare_digest(token, person.csrf.encode()):
            raise _cross_site("field csrf: is not that of this sign-in; go back, load the page anew, and send it again")


class Forms:
    """Reads the forms of browsers that are signed in, and keeps their CSRF token for `Who` (rule 3)."""

    def __init__(self, app: ASGIApp, cookie: str) -> None:
        self._app = app
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._wanted(scope):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the browser has gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_FORM:
                refusal = Problem("body-too-large", f"a form has at most {MOST_FORM} bytes")
                refusal.headers["connection"] = "close"
                await refusal.response()(scope, receive, send)
                return
        scope[_CSRF] = _token_of(bytes(body))
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)

    def _wanted(self, scope: Scope) -> bool:
        path = scope["path"]
        if scope["method"] in SAFE or not (path.startswith("/t/") or path == SIGN_OUT):
            return False
        asked = HTTPConnection(scope)
        kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
        return (
            self._cookie in asked.cookies
            and "authorization" not in asked.headers
            and kind == "application/x-www-form-urlencoded"
        )


def _token_of(body: bytes) -> bytes | None:
    """The one field `csrf` of a form."""
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=1000, keep_blank_values=True)
    except ValueError:
        return None
    found = [value for name, value in fields if name == "csrf"]
    return found[0].encode() if len(found) == 1 else None


def _nobody(detail: str) -> Problem:
    """Nobody said who they are: without an error code (RFC 6750, section 3.1)."""
    return Problem("unauthenticated", detail, headers={"www-authenticate": "Bearer"})


def _refused(rule: str, sentence: str) -> Problem:
    """Somebody's token is refused (RFC 6750, section 3)."""
    _log.info("refused: %s: %s", rule, sentence)
    header = f'Bearer error="invalid_token", error_description="{rule}: {sentence}"'
    return Problem("unauthenticated", f"{rule}: {sentence}", headers={"www-authenticate": header}, rule=rule)


def _cross_site(detail: str) -> Problem:
    _log.info("refused: csrf: %s", detail)
    return Problem("cross-site", detail)
