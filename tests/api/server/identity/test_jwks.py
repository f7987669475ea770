"""The issuer's keys: which are used, how they rotate, and how often the issuer is asked."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.server.identity.fetching import FetchError, Http, safe
from api.server.identity.jwks import (
    REFETCH_SECONDS,
    RENEW_SECONDS,
    WAITING,
    Issuer,
    IssuerError,
    KeyUnknownError,
    public_key,
)
from tests.api.server.identity.making import ED25519, ISSUER, KEYS, OTHER_RSA, P256, RSA_KEY, Published, Time, jwk

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")


class Aside(list[Callable[[], None]]):
    """What is to be done beside the work, done when the test says so."""

    def done(self) -> None:
        while self:
            self.pop(0)()


@pytest.fixture
def at() -> Time:
    return Time()


def issuer(published: Published, at: Time, aside: Callable[[Callable[[], None]], None] | None = None) -> Issuer:
    return Issuer(ISSUER, ALGORITHMS, published, ticks=at.ticks, aside=aside or Aside().append)


def test_keys_are_asked_for_once_however_many_tokens_come(at: Time) -> None:
    published = Published()
    of = issuer(published, at)
    for _ in range(100):
        of.key("rsa", "RS256")
        of.key("p256", "ES256")
    assert published.times == 1


def test_unknown_ids_ask_the_issuer_at_most_once_in_the_time(at: Time) -> None:
    published = Published()
    of = issuer(published, at)
    of.key("rsa", "RS256")
    for second in range(100):
        at.seconds += 1
        for one in range(10):
            with pytest.raises(KeyUnknownError):
                of.key(f"unknown-{second}-{one}", "RS256")
    assert published.times == 1 + 100 // REFETCH_SECONDS


def test_unknown_ids_of_many_threads_ask_the_issuer_once(at: Time) -> None:
    published = Published()
    of = issuer(published, at)
    of.key("rsa", "RS256")
    at.seconds += REFETCH_SECONDS
    ready = threading.Barrier(WAITING)

    def asked() -> None:
        ready.wait()
        with pytest.raises(KeyUnknownError):
            of.key("unknown", "RS256")

    threads = [threading.Thread(target=asked) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published.times == 2


def test_a_new_key_is_found_when_a_token_names_it_and_the_old_one_goes(at: Time) -> None:
    published = Published()
    of = issuer(published, at)
    assert of.key("rsa", "RS256")
    published.keys = [jwk(OTHER_RSA, kid="new")]
    at.seconds += REFETCH_SECONDS
    assert of.key("new", "RS256").as_dict(private=False)["n"] == jwk(OTHER_RSA)["n"]
    with pytest.raises(KeyUnknownError):
        of.key("rsa", "RS256")


def test_a_key_that_was_withdrawn_is_gone_when_keys_are_renewed(at: Time) -> None:
    published, aside = Published(), Aside()
    of = issuer(published, at, aside.append)
    of.key("rsa", "RS256")
    published.keys = published.keys[1:]
    at.seconds += RENEW_SECONDS + 1
    assert of.key("rsa", "RS256")  # nobody waits for the renewal
    aside.done()
    with pytest.raises(KeyUnknownError):
        of.key("rsa", "RS256")


def test_an_issuer_that_fails_takes_no_known_key_away(at: Time) -> None:
    published, aside = Published(), Aside()
    of = issuer(published, at, aside.append)
    of.key("rsa", "RS256")
    published.failing = True
    for _ in range(100):
        at.seconds += RENEW_SECONDS
        assert of.key("rsa", "RS256")
        aside.done()
        with pytest.raises(IssuerError):
            of.key("unknown", "RS256")
    published.failing = False
    at.seconds += RENEW_SECONDS
    with pytest.raises(KeyUnknownError):
        of.key("unknown", "RS256")


def test_known_keys_are_not_waited_for_while_the_issuer_hangs(at: Time) -> None:
    hanging, let_go = threading.Event(), threading.Event()

    class Hanging(Published):
        def get(self, url: str) -> bytes:
            if at.seconds > Time().seconds:
                hanging.set()
                assert let_go.wait(30)
            return super().get(url)

    of = issuer(Hanging(), at)
    of.key("rsa", "RS256")
    at.seconds += RENEW_SECONDS + 1
    failed: list[Exception] = []

    def unknown() -> None:
        try:
            of.key("unknown", "RS256")
        except (KeyUnknownError, IssuerError) as error:
            failed.append(error)

    threads = [threading.Thread(target=unknown) for _ in range(WAITING + 5)]
    for thread in threads:
        thread.start()
    assert hanging.wait(30)
    begun = time.monotonic()
    for _ in range(1000):
        assert of.key("rsa", "RS256")
    assert time.monotonic() - begun < 5
    while len(failed) < 5:  # those who would be too many to wait are told to come again
        time.sleep(0.01)
        assert time.monotonic() - begun < 30
    assert all(isinstance(error, IssuerError) for error in failed)
    let_go.set()
    for thread in threads:
        thread.join()
    assert len(failed) == WAITING + 5


def test_keys_are_renewed_in_a_thread_of_their_own(at: Time) -> None:
    published = Published()
    of = Issuer(ISSUER, ALGORITHMS, published, ticks=at.ticks)
    of.warm()
    until = time.monotonic() + 30
    while published.times < 1:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": f"{ISSUER}/", "jwks_uri": f"{ISSUER}/jwks"},
        {"issuer": "https://evil.example", "jwks_uri": f"{ISSUER}/jwks"},
        {"jwks_uri": f"{ISSUER}/jwks"},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": ISSUER.replace("https", "http") + "/jwks"},
        {"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/jwks"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "token_endpoint": "http://evil.example/token"},
    ],
)
def test_a_discovery_document_of_somebody_else_is_refused(metadata: dict[str, Any], at: Time) -> None:
    with pytest.raises(IssuerError):
        issuer(Published(metadata=metadata), at).key("rsa", "RS256")


@pytest.mark.parametrize(
    "keys",
    [[], [jwk(RSA_KEY, kid="rsa")] * 101, [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}], ["rsa"], [None]],
)
def test_a_key_set_without_a_usable_key_is_refused(keys: list[Any], at: Time) -> None:
    with pytest.raises(IssuerError):
        issuer(Published(keys=keys), at).key("rsa", "RS256")


@pytest.mark.parametrize(
    "one",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
        jwk(RSA_KEY, d="AQAB"),
        jwk(RSA_KEY, use="enc"),
        jwk(RSA_KEY, key_ops=["encrypt"]),
        jwk(RSA_KEY, alg="RS512"),
        jwk(RSA_KEY, alg="none"),
        jwk(RSA_KEY, kid=1),
        jwk(rsa.generate_private_key(65537, 1024)),
        jwk(ec.generate_private_key(ec.SECP384R1())),
        {**jwk(P256), "y": jwk(P256)["x"]},
        {**jwk(P256), "crv": "P-521"},
        {**jwk(ED25519), "crv": "X25519"},
        {**jwk(ED25519), "x": "AAAA"},
        {"kty": "RSA", "n": jwk(RSA_KEY)["n"]},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {},
    ],
)
def test_a_key_that_is_no_public_one_for_an_allowed_algorithm_is_passed_over(one: dict[str, Any]) -> None:
    assert public_key(one, ALGORITHMS) is None


@pytest.mark.parametrize("key", KEYS.values())
def test_a_good_key_is_for_the_algorithms_of_its_kind_alone(key: Any) -> None:
    of_kind = {"RSA": {"RS256", "PS256"}, "EC": {"ES256"}, "OKP": {"EdDSA", "Ed25519"}}[jwk(key)["kty"]]
    found = public_key(jwk(key, use="sig", key_ops=["verify"]), ALGORITHMS)
    assert found is not None
    assert found.algorithms == of_kind


def test_without_an_id_the_only_key_is_meant_and_of_several_none(at: Time) -> None:
    assert issuer(Published(keys=[jwk(RSA_KEY, kid="rsa")]), at).key(None, "RS256")
    assert issuer(Published(keys=[jwk(RSA_KEY)]), at).key(None, "RS256")
    with pytest.raises(KeyUnknownError):
        issuer(Published(), at).key(None, "RS256")


def test_of_two_keys_of_one_id_none_is_meant(at: Time) -> None:
    twice = Published(keys=[jwk(RSA_KEY, kid="a"), jwk(OTHER_RSA, kid="a"), jwk(P256, kid="a")])
    with pytest.raises(KeyUnknownError):
        issuer(twice, at).key("a", "RS256")
    assert issuer(twice, at).key("a", "ES256")  # of another kind there is but one


def test_addresses_are_https_or_of_this_machine_where_the_issuer_is() -> None:
    assert safe("https://login.example.org/x?y=1", ISSUER)
    assert safe("http://127.0.0.1:3000/x", "http://127.0.0.1:3000")
    for url in ("http://login.example.org", "http://127.0.0.1/x", "//x", "https://", "https://a@b/", "https://a/#x", 1):
        assert not safe(url, ISSUER), url
    for url in ("http://login.example.org/x", "https://x\n/", "https://[x/", "ftp://127.0.0.1/"):
        assert not safe(url, "http://127.0.0.1:3000"), url


class _Odd(http.server.BaseHTTPRequestHandler):
    """An issuer that behaves oddly, by the path that is asked for."""

    seen: Final[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("location", "/good")
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/packed":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        try:
            if self.path == "/endless":
                for _ in range(1000):
                    self.wfile.write(bytes(65536))
            elif self.path == "/slow":
                for _ in range(100):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.1)
            elif self.path == "/hanging":
                time.sleep(2)
            self.wfile.write(b"{}")
        except OSError:
            pass  # who asked has gone, as it should

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def odd() -> Iterator[str]:
    _Odd.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_asked_for_over_the_network_is_bounded(odd: str) -> None:
    assert Http(seconds=30, most_bytes=100_000).get(f"{odd}/good") == b"{}"
    asking = Http(seconds=0.5, most_bytes=100_000)
    for path in ("away", "packed", "endless", "slow", "hanging"):
        begun = time.monotonic()
        with pytest.raises(FetchError, match=f"{odd}/{path}: "):
            asking.get(f"{odd}/{path}")
        assert time.monotonic() - begun < 5, path  # `slow` would take ten seconds
    assert _Odd.seen.count("/good") == 1  # no redirect was followed
    with pytest.raises(FetchError):
        asking.get("http://127.0.0.1:1/nobody")
