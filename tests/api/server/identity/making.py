"""An issuer of the tests: keys, a key set, and tokens, good ones and every kind of bad one.

The tokens are put together from bytes and signed by `cryptography`, not by the library that verifies them.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from fastapi.testclient import TestClient

from api.server.app import create_app
from api.server.identity.composing import Composed, identity_of
from api.server.identity.fetching import FetchError
from api.server.settings import Settings
from api.server.trials import Trials
from tests.api.server.people import NAME

ISSUER: Final = "https://login.example.org/realms/trials"
AUDIENCE: Final = "trial-ledger"
NOW: Final = 1_800_000_000
ROLES: Final = f"""
[person]
org_claim = "org"

[[right]]
claim = "groups"
value = "balmys-investigators"
trial = "{NAME}"
role = "investigator"
sites_claim = "sites"

[[right]]
claim = "groups"
value = "balmys-statisticians"
trial = "{NAME}"
role = "statistician"
"""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk(key: PrivateKey, **more: Any) -> dict[str, Any]:
    """The public key as a member of a key set (RFC 7517)."""
    match key:
        case rsa.RSAPrivateKey():
            numbers = key.public_key().public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **more}
        case ec.EllipticCurvePrivateKey():
            point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
            curve = {256: "P-256", 384: "P-384", 521: "P-521"}[key.curve.key_size]
            return {"kty": "EC", "crv": curve, "x": _number(point.x, size), "y": _number(point.y, size), **more}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw()), **more}


def signature(key: PrivateKey | bytes, algorithm: str, message: bytes) -> bytes:
    """The signature (RFC 7518, section 3) by a key pair, or by a shared secret."""
    hashed: HashAlgorithm = SHA384() if algorithm.endswith("384") else SHA256()
    match key:
        case bytes():
            return hmac.new(key, message, hashlib.sha256).digest()
        case rsa.RSAPrivateKey():
            pss = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
            return key.sign(message, pss if algorithm.startswith("PS") else padding.PKCS1v15(), hashed)
        case ec.EllipticCurvePrivateKey():
            size = (key.curve.key_size + 7) // 8
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashed)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(message)


def claims(**other: Any) -> dict[str, Any]:
    """Those of an investigator; `None` takes one away."""
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "inv-0001",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "groups": ["balmys-investigators"],
        "org": "FJD",
        "name": "Ana Ferrer",
        **other,
    }
    return {name: value for name, value in given.items() if value is not None}


def compact(header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], key: PrivateKey | bytes) -> str:
    """A token of any header and payload, signed by the algorithm that the header names, if the key can."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    algorithm = "RS256" if isinstance(header, bytes) else str(header.get("alg"))
    signed = f"{b64(head)}.{b64(body)}"
    return f"{signed}.{b64(signature(key, algorithm, signed.encode()))}"


RSA_KEY: Final = rsa.generate_private_key(65537, 2048)
OTHER_RSA: Final = rsa.generate_private_key(65537, 2048)
P256: Final = ec.generate_private_key(ec.SECP256R1())
P384: Final = ec.generate_private_key(ec.SECP384R1())
ED25519: Final = ed25519.Ed25519PrivateKey.generate()
KEYS: Final[dict[str, PrivateKey]] = {"rsa": RSA_KEY, "p256": P256, "ed25519": ED25519}


def token(header: Mapping[str, Any] | None = None, key: PrivateKey | bytes = RSA_KEY, **other: Any) -> str:
    """A good token, but for what is said. Of the header too, `None` takes a parameter away."""
    given = {"alg": "RS256", "typ": "at+jwt", "kid": "rsa", **(header or {})}
    return compact({name: value for name, value in given.items() if value is not None}, claims(**other), key)


@dataclass
class Published:
    """What the issuer publishes, how often it was asked, and whether it fails."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(key, kid=kid) for kid, key in KEYS.items()])
    metadata: dict[str, Any] = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})
    failing: bool = False
    asked: list[str] = field(default_factory=list)

    def get(self, url: str) -> bytes:
        self.asked.append(url)
        if self.failing:
            raise FetchError(f"{url}: ConnectError")
        given = {
            f"{ISSUER}/.well-known/openid-configuration": self.metadata,
            self.metadata.get("jwks_uri"): {"keys": self.keys},
        }
        if url not in given:
            raise FetchError(f"{url}: answered 404")
        return json.dumps(given[url]).encode()

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> tuple[int, bytes]:
        raise FetchError(f"{url}: {sorted(form)}: {client is None}: no tokens here")

    @property
    def times(self) -> int:
        """How often it was asked for its keys."""
        return sum(url.endswith("/jwks") for url in self.asked)


@dataclass
class Time:
    """A clock, and a clock that never runs backwards, moved by hand."""

    seconds: float = NOW

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def ticks(self) -> float:
        return self.seconds


def composed(folder: Path, published: Published, time: Time, roles: str = ROLES, **other: Any) -> Composed:
    """The identity of a server whose issuer is that of the tests."""
    (folder / "roles.toml").write_text(roles)
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "roles": folder / "roles.toml",
        "trials": {NAME: folder / "trial.db"},
    }
    return identity_of(Settings(**given | other), clock=time.clock, ticks=time.ticks, fetch=published)


def client_for(made: Composed, ledger: Path, base_url: str = "http://127.0.0.1:8000") -> TestClient:
    """A client of a server with that identity, on this machine; it follows no redirect."""
    app = create_app(Trials({NAME: ledger}), made.identity)
    made.install(app)
    return TestClient(
        app, base_url, raise_server_exceptions=False, follow_redirects=False, client=("127.0.0.1", 50_000)
    )
