"""A development issuer: an OpenID provider in small that signs anybody in as one of its made-up people. No password.

1. It is for trying the server out, and says so on its page. It is there only where the settings say `development`,
   which excludes `production`, and it answers only who asks from this machine, and for it by a loopback name: a page
   of another site that had its own name point here would be answered nothing.
2. What it does, it does as a real one: discovery, JWKS, an authorize page, codes that count once and for
   `CODE_SECONDS`, PKCE (S256 alone), ES256 by a key that is made at the start and never written down. It has one
   client, this server.
3. For the command line there is a grant without a browser: `client_credentials`, with a made-up person as the client.
"""

import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey
from starlette.requests import Request

from api.server.identity.browser import challenge
from api.server.identity.fetching import FetchError
from api.server.identity.jwks import discovery_of
from api.server.problems import Problem
from api.server.settings import is_loopback
from ledger.domain.vocabulary import Role

PATH: Final = "/development"
CLIENT: Final = "trial-ledger-pages"
ALGORITHM: Final = "ES256"
TOKEN_SECONDS: Final = 60 * 60
CODE_SECONDS: Final = 60
_MOST_CODES: Final = 1000
_GIVEN: Final = "Ana Bruno Clara Diego Elena Fermín Gloria Hugo Irene Jaime Karla Luis Marta Nicolás"
_FAMILY: Final = "Ferrer Salas Montes Rivas Prado Soler Navas Lozano Campos Robledo Duarte Miranda Olmedo Vega"


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Somebody whom the issuer makes up: a pseudonym, a printed name, a role."""

    id: str
    name: str
    role: Role
    org: str


PEOPLE: Final = tuple(
    MadeUp(f"{role.value}-1", f"{given} {family}", role, "Development")
    for role, given, family in zip(Role, _GIVEN.split(), _FAMILY.split(), strict=True)
)
"""One for each role, named after it: `investigator-1`."""


class GrantError(Exception):
    """A request of a client is refused: the error code of RFC 6749, and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Code:
    person: MadeUp
    challenge: str
    nonce: str | None
    at: float


class DevelopmentIssuer:
    """The issuer itself, and (`get`, `post`) how the server that it is part of asks it: without the network."""

    def __init__(
        self,
        public_url: str,
        audience: str,
        redirect_uri: str,
        clock: Callable[[], datetime],
        people: Iterable[MadeUp] = PEOPLE,
    ) -> None:
        self.url = public_url + PATH
        self.people = {person.id: person for person in people}
        self._audience = audience
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._key = ECKey.generate_key("P-256")
        self._kid = secrets.token_urlsafe(8)
        self._codes: OrderedDict[str, _Code] = OrderedDict()
        self._lock = threading.Lock()

    def metadata(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0, section 3)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        """The public key."""
        return {"keys": [{**self._key.as_dict(private=False), "kid": self._kid, "alg": ALGORITHM, "use": "sig"}]}

    def asked(self, query: Mapping[str, str]) -> None:
        """Raises GrantError for an authorization request that is not our client's, or not as it has to be."""
        if query.get("client_id") != CLIENT or query.get("redirect_uri") != self._redirect_uri:
            raise GrantError("invalid_request", "client_id, redirect_uri: are not those of this server")
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            raise GrantError("invalid_request", "response_type, scope: must be code, and openid among others")
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            raise GrantError("invalid_request", "code_challenge: must be there, with the method S256")

    def authorized(self, query: Mapping[str, str], person: str) -> dict[str, str]:
        """The parameters with which a browser goes back, as that person. Raises GrantError."""
        self.asked(query)
        known = self.people.get(person)
        if known is None:
            raise GrantError("access_denied", "person: there is nobody of that name")
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[code] = _Code(known, query["code_challenge"], query.get("nonce"), self._now())
            while len(self._codes) > _MOST_CODES:
                self._codes.popitem(last=False)
        return {"code": code, "iss": self.url, **({"state": query["state"]} if "state" in query else {})}

    def granted(self, form: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint gives (RFC 6749, section 5.1). Raises GrantError."""
        answer = {"token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        match form.get("grant_type"):
            case "client_credentials":
                person = self.people.get(form.get("client_id", ""))
                if person is None:
                    raise GrantError("invalid_client", "client_id: must be one of the made-up people")
                return {**answer, "access_token": self.token(person.id)}
            case "authorization_code":
                code = self._code(form)
                id_token = self._signed(
                    "JWT", code.person, {"aud": CLIENT, **({} if code.nonce is None else {"nonce": code.nonce})}
                )
                return {**answer, "access_token": self.token(code.person.id), "id_token": id_token}
        raise GrantError("unsupported_grant_type", "grant_type: must be authorization_code or client_credentials")

    def token(self, person: str) -> str:
        """A bearer token of one of the people, by the pseudonym. Raises KeyError."""
        return self._signed("at+jwt", self.people[person], {"aud": self._audience, "client_id": CLIENT})

    def get(self, url: str) -> bytes:
        """As `Fetch`."""
        documents = {discovery_of(self.url): self.metadata, f"{self.url}/jwks": self.jwks}
        if url not in documents:
            raise FetchError(f"{url}: answered 404")
        return json.dumps(documents[url]()).encode()

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> tuple[int, bytes]:
        """As `Fetch`."""
        if url != f"{self.url}/token" or client is not None:
            raise FetchError(f"{url}: answered 404")
        try:
            return 200, json.dumps(self.granted(form)).encode()
        except GrantError as error:
            return 400, json.dumps({"error": error.code}).encode()

    def _code(self, form: Mapping[str, str]) -> _Code:
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        if code is None or self._now() - code.at > CODE_SECONDS:
            raise GrantError("invalid_grant", "code: is not known, was used, or is too old")
        if form.get("client_id") != CLIENT or form.get("redirect_uri") != self._redirect_uri:
            raise GrantError("invalid_grant", "client_id, redirect_uri: are not those of the request")
        if not hmac.compare_digest(challenge(form.get("code_verifier", "")), code.challenge):
            raise GrantError("invalid_grant", "code_verifier: does not fit the challenge")
        return code

    def _signed(self, typ: str, person: MadeUp, more: Mapping[str, Any]) -> str:
        now = int(self._now())
        claims = {
            "iss": self.url,
            "sub": person.id,
            "name": person.name,
            "org": person.org,
            "role": person.role.value,
            "iat": now,
            "auth_time": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            **more,
        }
        header = {"alg": ALGORITHM, "kid": self._kid, "typ": typ}
        return jws.serialize_compact(header, json.dumps(claims).encode(), self._key, algorithms=[ALGORITHM])

    def _now(self) -> float:
        return self._clock().timestamp()


def own_machine(request: Request) -> None:
    """Raises Problem (404) for whoever does not ask from this machine, and for it (rule 1)."""
    try:
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        named = ""
    if request.client is None or not is_loopback(request.client.host) or not is_loopback(named):
        raise Problem("not-found", "the development issuer answers on the loopback address alone")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a small urlencoded form; of a field that stands twice, the last."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > 16 * 1024:
            raise Problem("body-too-large", "a form has at most 16384 bytes", headers={"connection": "close"})
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=50, keep_blank_values=True))
    except ValueError:
        raise Problem("body", "the body is no form (application/x-www-form-urlencoded)") from None
