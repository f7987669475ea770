"""Tokens of the issuer (JWT, RFC 7519, signed as RFC 7515 says), verified; read by nobody else.

1. A token is three segments of canonical base64url, `LONGEST` bytes at most. Header and claims are read strictly: a key
   that stands twice, or what two readers could read differently, refuses the token.
2. The algorithm is one of the allowed list, all of them of key pairs: `none` and shared secrets are in no list. The key
   is the issuer's, by `kid`, and made for that algorithm; a key or an address in the header is never looked at.
3. `crit`, `b64`, and whatever makes a token more than one signed set of claims (encryption, compression, another token
   inside) refuse it. So does a `typ` of another kind of token (RFC 8725, section 3.11).
4. `iss` and `aud` are exact. `exp`, `iat`, and `sub` have to be there; `LEEWAY` seconds are granted to clocks.
5. A token that is bound to a key of the client (`cnf`) is refused as a bearer's: nobody proves here to have that key.
6. An error names the rule. It never holds the token, nor any part of it.

The signature of an ECDSA token can be rewritten by anybody into another valid one: nothing is told apart by the whole
token, but by what was signed (`Claims.fingerprint`).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from api.server.identity.jwks import Issuer, KeyUnknownError
from ledger.proof.canonical import CanonicalError, parse

LONGEST: Final = 8 * 1024
"""Bytes of a token."""
LEEWAY: Final = 60
"""Seconds by which the issuer's clock and ours may differ."""
ACCESS: Final = frozenset({"at+jwt", "jwt", ""})
"""Types of a bearer token: RFC 9068, and issuers that give none of their own. In small letters."""
IDENTITY: Final = frozenset({"jwt", ""})
"""Types of an ID token."""

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MORE_THAN_CLAIMS: Final = ("crit", "b64", "enc", "zip", "cty", "epk")
_MOST_SECONDS: Final = 1 << 40


class TokenError(Exception):
    """A token is refused; `rule` is the field at fault, and the message a sentence about it."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(f"{rule}: {sentence}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to be. `alone`: for this audience only, or made for it first (`azp`), as an ID token."""

    audience: str
    types: frozenset[str]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token that was verified. Times are seconds since the epoch."""

    values: Mapping[str, Any]
    fingerprint: str
    """SHA-256 of what was signed, in hex."""
    expires_at: int
    authenticated_at: int
    """When the person was authenticated (`auth_time`), or else the token made."""


def verified(token: str, expected: Expected, issuer: Issuer, now: float) -> Claims:
    """The claims of a token. `now`: seconds since the epoch. Raises TokenError, and IssuerError."""
    if len(token) > LONGEST:
        raise TokenError("token", f"has more than {LONGEST} bytes")
    if not _FORM.fullmatch(token):
        raise TokenError("token", "is not three segments of base64url (a signed JWT in its compact form)")
    signed, _, last = token.rpartition(".")
    first, _, second = signed.partition(".")
    header, claims = _object(first, "header"), _object(second, "claims")
    algorithm = _header(header, expected.types, issuer.algorithms)
    if claims.get("iss") != issuer.url:
        raise TokenError("iss", "is not the issuer of this server")
    try:
        key = issuer.key(header.get("kid"), algorithm)
    except KeyUnknownError as error:
        raise TokenError(error.rule, str(error)) from None
    if not _signed(algorithm, key, signed.encode(), _bytes(last, "signature")):
        raise TokenError("signature", "is not the issuer's")
    _audience(claims, expected)
    return _timed(claims, hashlib.sha256(signed.encode()).hexdigest(), now)


def _header(header: Mapping[str, Any], types: Collection[str], algorithms: Collection[str]) -> str:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenError("alg", f"must be one of {', '.join(sorted(algorithms))}")
    for name in _MORE_THAN_CLAIMS:
        if name in header:
            raise TokenError(name, "is not understood, and may not be there")
    typ = header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in types:
        raise TokenError("typ", "is that of another kind of token")
    kid = header.get("kid")
    if "kid" in header and not isinstance(kid, str):
        raise TokenError("kid", "is no text")
    return algorithm


def _signed(algorithm: str, key: Any, message: bytes, signature: bytes) -> bool:
    # RFC 9864 gave what RFC 8037 calls EdDSA, with this curve, a name of its own.
    name = "Ed25519" if algorithm == "EdDSA" else algorithm
    model = JWSRegistry(algorithms=[name]).get_alg(name)
    try:
        model.check_key(key)
        return model.verify(message, signature, key)
    except (JoseError, ValueError):
        return False


def _audience(claims: Mapping[str, Any], expected: Expected) -> None:
    audience = claims.get("aud")
    given = [audience] if isinstance(audience, str) else audience
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given) or expected.audience not in given:
        raise TokenError("aud", "does not name this server")
    if expected.alone and (len(given) > 1 or "azp" in claims) and claims.get("azp") != expected.audience:
        raise TokenError("azp", "the token was made for somebody else")
    if not expected.alone and "cnf" in claims:
        raise TokenError("cnf", "the token is bound to a key, and cannot be a bearer's")
    if "events" in claims:
        raise TokenError("events", "the token states an event, and is nobody's")


def _timed(claims: Mapping[str, Any], fingerprint: str, now: float) -> Claims:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise TokenError("sub", "must be there")
    expires, made = _time(claims, "exp", now), _time(claims, "iat", now)
    since = _time(claims, "nbf", 0)
    authenticated = _time(claims, "auth_time", made)
    if expires + LEEWAY <= now:
        raise TokenError("exp", "the token has expired")
    if since - LEEWAY > now:
        raise TokenError("nbf", "the token is not valid yet")
    if made - LEEWAY > now or authenticated - LEEWAY > now:
        raise TokenError("iat", "the token was made in the future")
    return Claims(claims, fingerprint, int(expires), int(authenticated))


def _time(claims: Mapping[str, Any], name: str, otherwise: float) -> float:
    if name not in claims and name in ("nbf", "auth_time"):
        return otherwise
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < _MOST_SECONDS:
        raise TokenError(name, "must be there, as seconds since 1970-01-01")
    return float(value)


def _object(segment: str, what: str) -> Mapping[str, Any]:
    try:
        value = parse(_bytes(segment, what), decimals=True)
    except CanonicalError:  # whose message may quote the token
        raise TokenError(what, "is not JSON that two readers read alike") from None
    if not isinstance(value, dict):
        raise TokenError(what, "is no JSON object")
    return value


def _bytes(segment: str, what: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise TokenError(what, "is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != segment:
        raise TokenError(what, "is not base64url in its one form")
    return data
