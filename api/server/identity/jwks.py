"""The issuer as it publishes itself: its discovery document, and the keys by which its tokens are verified.

1. Both come from the configured issuer alone: `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery
   1.0, section 4), which has to name the same issuer, and the `jwks_uri` in it. A key in a token is never looked at.
2. A key that is not known is asked for, but the issuer at most once in `REFETCH_SECONDS`, whoever asks and however
   often. Meanwhile `WAITING` requests wait; more are told to come again.
3. A known key is never waited for. Known keys are renewed beside the work, once older than `RENEW_SECONDS`; a key that
   the issuer no longer publishes is then gone. While the issuer fails, the keys that are known stay.
4. Keys that are no public ones for signatures by an allowed algorithm are passed over: symmetric and private ones, RSA
   under 2048 bits, other curves, other uses. Of a token without `kid` the key is known only if there is but one.
"""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from api.server.identity.fetching import Fetch, FetchError, safe
from ledger.proof.canonical import CanonicalError, parse

REFETCH_SECONDS: Final = 30.0
RENEW_SECONDS: Final = 600.0
WAITING: Final = 8
MOST_KEYS: Final = 100

Key = RSAKey | ECKey | OKPKey
_KINDS: Final[Mapping[str, tuple[str, str | None]]] = {
    **{f"{scheme}{bits}": ("RSA", None) for scheme in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""Of each algorithm the type and curve of its keys (RFC 7518, section 3.1; RFC 8037; RFC 9864)."""
ALGORITHMS: Final = frozenset(_KINDS)
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LEAST_RSA_BITS: Final = 2048
_log: Final = logging.getLogger(__name__)


class IssuerError(Exception):
    """The issuer cannot be asked now, or says what cannot be used."""


class KeyUnknownError(Exception):
    """The issuer has no key as a token asks for; `rule` is the header parameter at fault."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that the issuer publishes."""

    kid: str | None
    key: Key
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Published:
    """What the issuer published. `at`: by the clock that never runs backwards."""

    metadata: Mapping[str, Any]
    keys: tuple[PublicKey, ...]
    at: float


def _in_a_thread(do: Callable[[], None]) -> None:
    threading.Thread(target=do, name="issuer-keys", daemon=True).start()


class Issuer:
    """One issuer, and what of it is known by now. Safe for several threads.

    `ticks`: seconds of a clock that never runs backwards; `aside`: does something beside the work.
    """

    def __init__(
        self,
        url: str,
        algorithms: Collection[str],
        fetch: Fetch,
        *,
        ticks: Callable[[], float] = time.monotonic,
        aside: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        self.url = url
        self.fetch = fetch
        self.algorithms = frozenset(algorithms) & ALGORITHMS
        self._ticks = ticks
        self._aside = aside
        self._asking = threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._known: Published | None = None
        self._asked: float | None = None
        self._failed = False

    def metadata(self) -> Mapping[str, Any]:
        """The discovery document. Raises IssuerError."""
        known = self._known or self._asked_anew()
        if known is None:
            raise IssuerError("the issuer could not be asked for its discovery document")
        return known.metadata

    def key(self, kid: str | None, algorithm: str) -> Key:
        """The key of that id for that algorithm. Raises KeyUnknownError and IssuerError."""
        known = self._known
        found = None if known is None else _chosen(known.keys, kid, algorithm)
        if known is not None and found is not None:
            if self._ticks() - known.at > RENEW_SECONDS:
                self._renew()
            return found
        known = self._asked_anew()
        found = None if known is None else _chosen(known.keys, kid, algorithm)
        if found is not None:
            return found
        if self._failed:
            raise IssuerError("the issuer could not be asked for the key of the token")
        raise KeyUnknownError("kid", "the issuer publishes no key of that id")

    def warm(self) -> None:
        """Ask for the keys beside the work, before the first token comes."""
        self._renew()

    def _asked_anew(self) -> Published | None:
        """What is known after the issuer was asked, unless that was done lately (rule 2)."""
        if not self._waiting.acquire(blocking=False):
            raise IssuerError("the issuer is being asked for its keys")
        try:
            with self._asking:
                self._ask()
                return self._known
        finally:
            self._waiting.release()

    def _renew(self) -> None:
        if self._asking.locked() or not self._due():
            return

        def renewed() -> None:
            with self._asking:
                self._ask()

        self._aside(renewed)

    def _due(self) -> bool:
        return self._asked is None or self._ticks() - self._asked >= REFETCH_SECONDS

    def _ask(self) -> None:
        """Ask the issuer, if that is due. Only under the lock; never raises."""
        if not self._due():
            return
        self._asked = self._ticks()
        try:
            self._known = self._published()
            self._failed = False
        except (FetchError, IssuerError) as error:
            self._failed = True
            _log.warning("issuer: %s", error)

    def _published(self) -> Published:
        at = self._ticks()
        metadata = _object(self.fetch.get(discovery_of(self.url)), "discovery document")
        if metadata.get("issuer") != self.url:
            raise IssuerError("discovery document: issuer: is not the configured one, letter by letter")
        for name in _ENDPOINTS:
            if name in metadata and not safe(metadata[name], self.url):
                raise IssuerError(f"discovery document: {name}: must be an https address")
        if "jwks_uri" not in metadata:
            raise IssuerError("discovery document: jwks_uri: is missing")
        found = _object(self.fetch.get(metadata["jwks_uri"]), "keys").get("keys")
        if not isinstance(found, list) or len(found) > MOST_KEYS:
            raise IssuerError(f"keys: keys: must be a list of at most {MOST_KEYS}")
        keys = tuple(key for one in found if (key := public_key(one, self.algorithms)) is not None)
        if not keys:
            raise IssuerError("keys: none is a public key for signatures by an allowed algorithm")
        return Published(metadata, keys, at)


def discovery_of(issuer: str) -> str:
    """Where an issuer publishes its discovery document (OpenID Connect Discovery 1.0, section 4.1)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def public_key(jwk: Any, allowed: Collection[str]) -> PublicKey | None:
    """A member of a key set, or None where it verifies no signature by an allowed algorithm (rule 4)."""
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys() or jwk.get("use", "sig") != "sig":
        return None
    kid, operations, only = jwk.get("kid"), jwk.get("key_ops", ["verify"]), jwk.get("alg")
    if not isinstance(kid, str | None) or not isinstance(operations, list) or "verify" not in operations:
        return None
    kind = (jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv"))
    suits = {name for name in allowed if _KINDS[name] == kind and only in (None, name)}
    # The same algorithm under its older and its newer name.
    if kind[1] == "Ed25519" and only in ("EdDSA", "Ed25519"):
        suits = {name for name in allowed if _KINDS[name] == kind}
    if not suits:
        return None
    bare = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    try:
        with warnings.catch_warnings():  # a short RSA key is refused below
            warnings.simplefilter("ignore")
            key = import_key(bare)
            raw = key.raw_value
    except (JoseError, ValueError, TypeError):
        return None
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        return None
    if isinstance(raw, RSAPublicKey) and raw.key_size < _LEAST_RSA_BITS:
        return None
    return PublicKey(kid, key, frozenset(suits))


def _chosen(keys: tuple[PublicKey, ...], kid: str | None, algorithm: str) -> Key | None:
    """The key that is meant; None where there is no such id. Raises KeyUnknownError."""
    if kid is None and len(keys) > 1:
        raise KeyUnknownError("kid", "is missing, and the issuer has several keys")
    named = [one for one in keys if kid is None or one.kid == kid]
    suits = [one for one in named if algorithm in one.algorithms]
    if named and not suits:
        raise KeyUnknownError("alg", "is none for which the issuer has made the key of that id")
    if len(suits) > 1:
        raise KeyUnknownError("kid", "the issuer publishes several keys of that id")
    return suits[0].key if suits else None


def _object(body: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = parse(body, decimals=True)
    except CanonicalError as error:
        raise IssuerError(f"{what}: {error}") from None
    if not isinstance(value, dict):
        raise IssuerError(f"{what}: is no JSON object")
    return value
