"""Which bearer tokens are taken: those of the issuer, for us, now; and none of a corpus of all others."""

import base64
import json
import logging
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from api.server.identity.jwks import Issuer
from api.server.identity.tokens import ACCESS, IDENTITY, LEEWAY, LONGEST, Claims, Expected, TokenError, verified
from tests.api.server.identity.making import (
    AUDIENCE,
    ED25519,
    ISSUER,
    KEYS,
    NOW,
    OTHER_RSA,
    P256,
    P384,
    RSA_KEY,
    Published,
    Time,
    b64,
    claims,
    client_for,
    compact,
    composed,
    jwk,
    token,
)

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
_PEM: Final = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_DER: Final = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_N: Final = RSA_KEY.public_key().public_numbers().n.to_bytes(256, "big")
_GOOD: Final = token()
_HEAD, _BODY, _SIGNATURE = _GOOD.split(".")


def _header(**other: Any) -> bytes:
    return json.dumps({"alg": "RS256", "kid": "rsa", **other}).encode()


def _payload(before: str) -> bytes:
    """The claims, with something written before them in the same object."""
    return b"{" + before.encode() + b"," + json.dumps(claims()).encode()[1:]


HOSTILE: Final[dict[str, tuple[str, str]]] = {
    # What it is: the token, and the rule that refuses it.
    "alg none": (token({"alg": "none"}), "alg"),
    "alg none, without signature": (f"{b64(_header(alg='none'))}.{_BODY}.", "token"),
    "alg None": (token({"alg": "None"}), "alg"),
    "no alg": (token({"alg": None}), "alg"),
    "alg a number": (compact({"alg": 256, "kid": "rsa"}, claims(), RSA_KEY), "alg"),
    "alg a list": (compact({"alg": ["RS256"], "kid": "rsa"}, claims(), RSA_KEY), "alg"),
    "HS256 by the public key as PEM": (token({"alg": "HS256"}, _PEM), "alg"),
    "HS256 by the public key as DER": (token({"alg": "HS256"}, _DER), "alg"),
    "HS256 by the modulus": (token({"alg": "HS256"}, _N), "alg"),
    "HS256 by the JWK": (token({"alg": "HS256"}, json.dumps(jwk(RSA_KEY)).encode()), "alg"),
    "an algorithm that is not allowed here": (token({"alg": "RS384"}), "alg"),
    "RS256 by the key of ES256": (token({"kid": "p256"}), "alg"),
    "ES256 by the RSA key's id": (token({"alg": "ES256"}, P256), "alg"),
    "another curve": (token({"alg": "ES256", "kid": "p256"}, P384), "signature"),
    "another curve, ES384": (token({"alg": "ES384", "kid": "p256"}, P384), "alg"),
    "EdDSA by the key of ES256": (token({"alg": "EdDSA", "kid": "p256"}, ED25519), "alg"),
    "somebody else's key": (token(key=OTHER_RSA), "signature"),
    "RS256 called PS256": (f"{b64(_header(alg='PS256'))}.{_BODY}.{_SIGNATURE}", "signature"),
    "signature of zeros": (f"{_HEAD}.{_BODY}.{b64(bytes(256))}", "signature"),
    "ES256 of zeros": (
        f"{b64(_header(alg='ES256', kid='p256'))}.{_BODY}.{b64(bytes(64))}",
        "signature",
    ),
    "other claims under the signature": (
        f"{_HEAD}.{b64(json.dumps(claims(sub='boss')).encode())}.{_SIGNATURE}",
        "signature",
    ),
    "another header over the signature": (f"{b64(_header(typ='JWT'))}.{_BODY}.{_SIGNATURE}", "signature"),
    "key in the header": (token({"jwk": jwk(OTHER_RSA), "kid": "rsa"}, OTHER_RSA), "signature"),
    "key in the header alone": (token({"jwk": jwk(OTHER_RSA, kid="mine"), "kid": "mine"}, OTHER_RSA), "kid"),
    "jku": (token({"jku": "https://evil.example/jwks"}, OTHER_RSA), "signature"),
    "x5u": (token({"x5u": "https://evil.example/cert"}, OTHER_RSA), "signature"),
    "x5c": (token({"x5c": [base64.b64encode(_DER).decode()]}, OTHER_RSA), "signature"),
    "unknown kid": (token({"kid": "no-such"}), "kid"),
    "kid a path": (token({"kid": "../../../../dev/null"}), "kid"),
    "kid an address": (token({"kid": "https://evil.example/key"}), "kid"),
    "kid SQL": (token({"kid": "x' UNION SELECT 'key' --"}), "kid"),
    "kid a number": (token({"kid": 1}), "kid"),
    "kid an object": (compact({"alg": "RS256", "kid": {}}, claims(), RSA_KEY), "kid"),
    "kid null": (compact({"alg": "RS256", "kid": None}, claims(), RSA_KEY), "kid"),
    "no kid": (token({"kid": None}), "kid"),
    "crit": (token({"crit": ["exp"]}), "crit"),
    "b64 false": (token({"b64": False, "crit": ["b64"]}), "crit"),
    "b64 false without crit": (token({"b64": False}), "b64"),
    "compressed": (token({"zip": "DEF"}), "zip"),
    "nested": (compact({"alg": "RS256", "kid": "rsa", "cty": "JWT"}, _GOOD.encode(), RSA_KEY), "claims"),
    "nested, as it says": (token({"cty": "JWT"}), "cty"),
    "encrypted": (f"{b64(_header(alg='RSA-OAEP', enc='A256GCM'))}.AAAA.AAAA.AAAA.AAAA", "token"),
    "typ of a logout token": (token({"typ": "logout+jwt"}), "typ"),
    "typ of a security event": (token({"typ": "secevent+jwt"}), "typ"),
    "typ of a proof": (token({"typ": "dpop+jwt"}), "typ"),
    "typ a list": (token({"typ": ["at+jwt"]}), "typ"),
    "wrong audience": (token(aud="another-server"), "aud"),
    "wrong audiences": (token(aud=["another-server", "trial-ledger-2"]), "aud"),
    "audience in part": (token(aud=f"{AUDIENCE} another"), "aud"),
    "audience with other things": (token(aud=[AUDIENCE, 1]), "aud"),
    "audience an object": (token(aud={AUDIENCE: 1}), "aud"),
    "no audience": (token(aud=None), "aud"),
    "wrong issuer": (token(iss="https://evil.example"), "iss"),
    "issuer with a slash": (token(iss=f"{ISSUER}/"), "iss"),
    "issuer in capitals": (token(iss=ISSUER.upper()), "iss"),
    "issuer a list": (token(iss=[ISSUER]), "iss"),
    "no issuer": (token(iss=None), "iss"),
    "expired": (token(exp=NOW - LEEWAY), "exp"),
    "no expiry": (token(exp=None), "exp"),
    "expiry a text": (token(exp=str(NOW + 600)), "exp"),
    "expiry true": (token(exp=True), "exp"),
    "expiry never": (token(exp=10**15), "exp"),
    "not yet valid": (token(nbf=NOW + LEEWAY + 1), "nbf"),
    "nbf a text": (token(nbf="now"), "nbf"),
    "made in the future": (token(iat=NOW + LEEWAY + 1), "iat"),
    "no iat": (token(iat=None), "iat"),
    "authenticated in the future": (token(auth_time=NOW + LEEWAY + 1), "iat"),
    "no subject": (token(sub=None), "sub"),
    "empty subject": (token(sub=""), "sub"),
    "bound to a key": (token(cnf={"jkt": "x"}), "cnf"),
    "a logout": (token(events={"http://schemas.openid.net/event/backchannel-logout": {}}), "events"),
    "claim twice": (compact({"alg": "RS256", "kid": "rsa"}, _payload('"sub":"boss"'), RSA_KEY), "claims"),
    "header parameter twice": (compact(b'{"alg":"none",' + _header()[1:], claims(), RSA_KEY), "header"),
    "claims with NaN": (compact({"alg": "RS256", "kid": "rsa"}, _payload('"x":NaN'), RSA_KEY), "claims"),
    "claims with a lone surrogate": (
        compact({"alg": "RS256", "kid": "rsa"}, _payload(r'"x":"\ud800"'), RSA_KEY),
        "claims",
    ),
    "claims nested deep": (
        compact({"alg": "RS256", "kid": "rsa"}, _payload('"x":' + "[" * 40 + "]" * 40), RSA_KEY),
        "claims",
    ),
    "claims with a byte order mark": (
        compact({"alg": "RS256", "kid": "rsa"}, b"\xef\xbb\xbf" + json.dumps(claims()).encode(), RSA_KEY),
        "claims",
    ),
    "claims in UTF-16": (
        compact({"alg": "RS256", "kid": "rsa"}, json.dumps(claims()).encode("utf-16"), RSA_KEY),
        "claims",
    ),
    "claims a list": (compact({"alg": "RS256", "kid": "rsa"}, b"[]", RSA_KEY), "claims"),
    "header a text": (compact(b'"RS256"', claims(), RSA_KEY), "header"),
    "empty": ("", "token"),
    "two segments": (f"{_HEAD}.{_BODY}", "token"),
    "four segments": (f"{_GOOD}.{_SIGNATURE}", "token"),
    "doubled": (f"{_GOOD}.{_GOOD}", "token"),
    "doubled without a dot": (_GOOD + _GOOD, "token"),
    "truncated": (_GOOD[:-4], "signature"),
    "signature empty": (f"{_HEAD}.{_BODY}.", "token"),
    "padded": (f"{_HEAD}.{_BODY}.{_SIGNATURE}==", "token"),
    "white space within": (f"{_HEAD}. {_BODY}.{_SIGNATURE}", "token"),
    "plain base64": (f"{_HEAD}.{_BODY}.{'+/' * 171}", "token"),
    "other bits at the end of the signature": (
        f"{_HEAD}.{_BODY}.{_SIGNATURE[:-1]}{chr(ord(_SIGNATURE[-1]) + 1)}",
        "signature",
    ),
    "huge": (token(padding="x" * LONGEST), "token"),
    "the JSON serialisation": (json.dumps({"protected": _HEAD, "payload": _BODY, "signature": _SIGNATURE}), "token"),
    "not ASCII": (f"{_HEAD}.{_BODY}.{_SIGNATURE[:-1]}é", "token"),
    "digits of another script": (f"{_HEAD}.{_BODY}.{_SIGNATURE[:-1]}\u0661", "token"),
}


def issuer(published: Published | None = None) -> Issuer:
    return Issuer(ISSUER, ALGORITHMS, published or Published(), ticks=Time().ticks)


def taken(given: str, of: Issuer | None = None, expected: Expected | None = None) -> Claims:
    return verified(given, expected or Expected(AUDIENCE, ACCESS), of or issuer(), NOW)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_token_is_refused_by_its_rule(what: str) -> None:
    given, rule = HOSTILE[what]
    with pytest.raises(TokenError) as refused:
        taken(given)
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    ("algorithm", "kid"),
    [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "p256"), ("EdDSA", "ed25519"), ("Ed25519", "ed25519")],
)
@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", None])
def test_a_token_of_each_allowed_algorithm_and_type_is_taken(algorithm: str, kid: str, typ: str | None) -> None:
    found = taken(token({"alg": algorithm, "kid": kid, "typ": typ}, KEYS[kid]))
    assert found.values["sub"] == "inv-0001"
    assert (found.expires_at, found.authenticated_at) == (NOW + 600, NOW - 10)


@pytest.mark.parametrize(
    "other",
    [
        {"aud": [AUDIENCE]},
        {"aud": ["another", AUDIENCE]},
        {"exp": NOW - LEEWAY + 1},
        {"nbf": NOW + LEEWAY},
        {"iat": NOW + LEEWAY},
        {"auth_time": NOW - 3600},
        {"name": "María José Ñandú"},
        {"weight": 1.5},
    ],
)
def test_what_the_rules_let_be_is_taken(other: dict[str, Any]) -> None:
    assert taken(token(**other)).values["sub"] == "inv-0001"


def test_a_key_in_the_header_changes_nothing_for_a_good_token() -> None:
    found = taken(token({"jwk": jwk(OTHER_RSA), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/c"}))
    assert found.values["sub"] == "inv-0001"


def test_the_issuer_alone_is_asked_for_keys_whatever_the_header_says() -> None:
    published = Published()
    with pytest.raises(TokenError):
        taken(token({"jku": "https://evil.example/jwks", "kid": "mine"}, OTHER_RSA), issuer(published))
    assert {url.partition(".org")[0] for url in published.asked} == {"https://login.example"}


def test_an_ecdsa_token_rewritten_by_a_stranger_is_the_same_token() -> None:
    good = token({"alg": "ES256", "kid": "p256"}, P256)
    signed, _, last = good.rpartition(".")
    raw = base64.urlsafe_b64decode(last + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = f"{signed}.{b64(raw[:32] + (order - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"
    assert twin != good
    assert taken(twin).fingerprint == taken(good).fingerprint


def test_a_der_signature_is_none_of_es256() -> None:
    signed = token({"alg": "ES256", "kid": "p256"}, P256).rpartition(".")[0]
    der = P256.sign(signed.encode(), ec.ECDSA(SHA256()))
    assert decode_dss_signature(der)
    with pytest.raises(TokenError, match="signature"):
        taken(f"{signed}.{b64(der)}")


class TestIdTokens:
    EXPECTED: Final = Expected("pages", IDENTITY, alone=True)

    def taken(self, **other: Any) -> Claims:
        return taken(token({"typ": "JWT"}, **{"aud": "pages", **other}), expected=self.EXPECTED)

    def test_that_of_our_client_is_taken(self) -> None:
        assert self.taken(aud=["pages"]).values["sub"] == "inv-0001"
        assert self.taken(aud=["pages", "others"], azp="pages").values["sub"] == "inv-0001"

    @pytest.mark.parametrize(
        ("rule", "other"),
        [("aud", {"aud": AUDIENCE}), ("azp", {"azp": "others"}), ("azp", {"aud": ["pages", "others"]})],
    )
    def test_that_of_another_client_is_refused(self, rule: str, other: dict[str, Any]) -> None:
        with pytest.raises(TokenError) as refused:
            self.taken(**other)
        assert refused.value.rule == rule

    def test_an_access_token_is_none(self) -> None:
        with pytest.raises(TokenError, match="typ"):
            taken(token(aud="pages"), expected=self.EXPECTED)


_ISSUER: Final = issuer()


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda data: data.decode("latin-1"))))
def test_no_text_is_a_token_by_chance(given_text: str) -> None:
    with pytest.raises(TokenError):
        taken(given_text, _ISSUER)


@settings(max_examples=800, deadline=None)
@given(st.data())
def test_no_change_of_a_good_token_is_taken(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from([_GOOD, token({"alg": "EdDSA", "kid": "ed25519"}, ED25519)]))
    assert taken(good, _ISSUER).values["sub"] == "inv-0001"  # the control
    at = data.draw(st.integers(0, len(good) - 1))
    end = data.draw(st.integers(at, min(len(good), at + 8)))
    changed = good[:at] + data.draw(st.text(alphabet=st.characters(codec="latin-1"), max_size=8)) + good[end:]
    if changed != good:
        with pytest.raises(TokenError):
            taken(changed, _ISSUER)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "cty", "jwk", "jku", "zip", "enc"]), _JSON, max_size=4
    ),
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "auth_time", "cnf", "events"]), _JSON, max_size=4
    ),
)
def test_whatever_the_issuer_signs_fits_or_is_refused(header: dict[str, Any], body: dict[str, Any]) -> None:
    given_token = compact({"alg": "RS256", "kid": "rsa", **header}, {**claims(), **body}, RSA_KEY)
    try:
        found = taken(given_token, _ISSUER)
    except TokenError:
        return
    assert found.values["iss"] == ISSUER
    assert AUDIENCE in found.values["aud"]
    assert found.expires_at + LEEWAY > NOW


class TestOverHttp:
    @pytest.fixture
    def client(self, ledger: Path, tmp_path: Path) -> Any:
        return client_for(composed(tmp_path, Published(), Time()), ledger)

    def test_a_good_token_opens_the_trials_of_its_rights(self, client: Any) -> None:
        answer = client.get("/v1/trials", headers={"authorization": f"Bearer {_GOOD}"})
        assert answer.json() == {"trials": [{"trial": "balmys", "role": "investigator"}]}

    def test_every_hostile_token_is_a_401_that_tells_the_rule_and_nothing_of_the_token(
        self, client: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for what, (given_token, rule) in HOSTILE.items():
            answer = client.get("/v1/trials", headers={"authorization": f"Bearer {given_token}".encode()})
            assert answer.status_code == 401, what
            told = answer.headers["www-authenticate"]
            assert told.startswith(f'Bearer error="invalid_token", error_description="{rule}: '), what
            assert told.isascii()
            assert answer.json()["rule"] == rule, what
            for part in (segment for segment in given_token.split(".") if len(segment) > 8):
                assert part not in answer.text + told + caplog.text, what
        assert caplog.text.count("refused: ") >= len(HOSTILE)

    def test_without_a_token_no_error_is_told(self, client: Any) -> None:
        for headers in ({}, {"authorization": "Basic YTpi"}, {"authorization": ""}):
            answer = client.get("/v1/trials", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

    def test_two_tokens_are_none(self, client: Any) -> None:
        both = [("authorization", f"Bearer {_GOOD}"), ("authorization", f"Bearer {_GOOD}")]
        assert client.get("/v1/trials", headers=both).status_code == 401

    def test_a_token_in_the_query_is_not_looked_at(self, client: Any) -> None:
        assert client.get(f"/v1/trials?access_token={_GOOD}").status_code == 401
