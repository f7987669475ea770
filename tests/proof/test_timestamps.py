"""Time stamps: whom they bind, what is refused, and that OpenSSL says the same."""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.timestamp_token import read_response
from ledger.proof.timestamps import (
    Authorities,
    TimestampError,
    TimestampsNotChecked,
    verify_token,
)
from tests.tsa import POLICY, TestAuthority, openssl_accepts

MESSAGE = b"log.example/NCT00000000/0\n12\nroot=\n\n\xe2\x80\x94 log.example sig\n"
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def token(tsa: TestAuthority) -> bytes:
    """Made by `openssl ts -reply`."""
    return tsa.stamp(MESSAGE)


def trusting(*authorities: TestAuthority) -> Authorities:
    return Authorities.parse(*(one.roots_pem.read_bytes() for one in authorities))


def refused(token: bytes, authorities: Authorities, words: str, message: bytes = MESSAGE, **more: Any) -> None:
    with pytest.raises(TimestampError, match=words):
        verify_token(token, message, authorities, **more)


# -- what holds ----------------------------------------------------------------------------------------------------


def test_a_token_of_openssl_says_when_by_whom_and_until_when(tsa: TestAuthority, token: bytes) -> None:
    stamped = verify_token(token, MESSAGE, trusting(tsa))
    assert stamped.authority == "CN=Test authority,O=Tests"
    assert (stamped.hash_algorithm, stamped.policy) == ("sha256", POLICY)
    assert abs(stamped.gen_time - datetime.now(UTC)) < timedelta(minutes=5)
    assert stamped.gen_time.tzinfo is UTC
    assert stamped.serial == read_response(token).serial > 0
    assert stamped.expires == tsa.certificate.not_valid_after_utc


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_imprints_by_sha_2_are_accepted(tsa: TestAuthority, algorithm: str) -> None:
    for made in (tsa.stamp(MESSAGE, algorithm), tsa.made(MESSAGE, algorithm=algorithm)):
        assert verify_token(made, MESSAGE, trusting(tsa)).hash_algorithm == algorithm


@pytest.mark.parametrize("essential", ["sha1", "sha256", "sha384", "sha512"])
def test_either_form_of_the_signing_certificate_attribute_is_accepted(tsa: TestAuthority, essential: str) -> None:
    made = tsa.made(MESSAGE, essential=essential)
    assert verify_token(made, MESSAGE, trusting(tsa)).serial == 4711


def test_a_chain_may_go_through_an_intermediate_in_the_token(tmp_path: Path) -> None:
    tsa = TestAuthority(tmp_path, intermediate=True)
    # openssl writes the certificates in an order that is not that of DER.
    for made in (tsa.stamp(MESSAGE), tsa.made(MESSAGE)):
        assert verify_token(made, MESSAGE, trusting(tsa)).authority == "CN=Test authority,O=Tests"
        assert openssl_accepts(made, MESSAGE, tsa.roots_pem, tmp_path)


def test_certificates_that_are_not_in_the_token_may_be_among_the_authorities(tmp_path: Path) -> None:
    tsa = TestAuthority(tmp_path, intermediate=True)
    made = tsa.made(MESSAGE, with_certificates=False)
    refused(made, trusting(tsa), "neither in the token nor among the authorities")
    others = b"".join(one.public_bytes(Encoding.PEM) for one in (tsa.certificate, *tsa.chain))
    held = verify_token(made, MESSAGE, Authorities.parse(tsa.roots_pem.read_bytes(), others))
    assert held.expires == tsa.certificate.not_valid_after_utc


def test_two_authorities_of_one_name_are_told_apart(tmp_path: Path, tsa: TestAuthority, token: bytes) -> None:
    other = TestAuthority(tmp_path)
    assert other.root.subject == tsa.root.subject
    for order in ((tsa, other), (other, tsa)):
        assert verify_token(token, MESSAGE, trusting(*order)).authority == "CN=Test authority,O=Tests"
        assert verify_token(other.stamp(MESSAGE), MESSAGE, trusting(*order))


def test_a_certificate_that_has_run_out_since_says_nothing_against_the_stamp(tmp_path: Path) -> None:
    then = datetime.now(UTC) - 5 * YEAR
    tsa = TestAuthority(tmp_path, now=then, before=timedelta(days=1), after=YEAR)
    made = tsa.made(MESSAGE, at=then)
    stamped = verify_token(made, MESSAGE, trusting(tsa))
    assert stamped.gen_time == then.replace(microsecond=0)
    assert stamped.expires < datetime.now(UTC)
    assert not openssl_accepts(made, MESSAGE, tsa.roots_pem, tmp_path)
    assert openssl_accepts(made, MESSAGE, tsa.roots_pem, tmp_path, "-attime", int(then.timestamp()))


# -- what does not -------------------------------------------------------------------------------------------------


def test_a_stamp_made_when_a_certificate_was_not_valid_is_refused(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    tsa = TestAuthority(tmp_path, now=now, before=timedelta(days=2), after=timedelta(days=2))
    assert verify_token(tsa.made(MESSAGE, at=now), MESSAGE, trusting(tsa))
    for at in (now - timedelta(days=3), now + timedelta(days=3)):
        refused(tsa.made(MESSAGE, at=at), trusting(tsa), "was not valid at")


def test_a_certificate_has_to_be_valid_until_the_time_that_is_asked_for(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    tsa = TestAuthority(tmp_path, now=now, after=timedelta(days=2))
    made = tsa.made(MESSAGE, at=now)
    assert verify_token(made, MESSAGE, trusting(tsa), until=now + timedelta(days=1))
    refused(made, trusting(tsa), "was not valid at .* and ", until=now + timedelta(days=3))


def test_a_stamp_over_another_message_is_refused(tsa: TestAuthority, token: bytes) -> None:
    refused(token, trusting(tsa), "another message", MESSAGE + b" ")


def test_an_authority_that_nobody_trusts_is_refused_whatever_it_is_called(tmp_path: Path, tsa: TestAuthority) -> None:
    impostor = TestAuthority(tmp_path / "one")
    refused(impostor.stamp(MESSAGE), trusting(tsa), "no trusted authority")
    refused(TestAuthority(tmp_path / "two", name="Other").stamp(MESSAGE), trusting(tsa), "no trusted authority")


@pytest.mark.parametrize(
    ("usages", "critical"),
    [
        ((), True),
        ((ExtendedKeyUsageOID.CLIENT_AUTH,), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False),
    ],
)
def test_a_certificate_that_is_not_for_time_stamping_alone_is_refused(
    tmp_path: Path, usages: tuple[Any, ...], critical: bool
) -> None:
    tsa = TestAuthority(tmp_path, usages=usages, critical=critical)
    made = tsa.made(MESSAGE)
    refused(made, trusting(tsa), "for time stamping")
    assert not openssl_accepts(made, MESSAGE, tsa.roots_pem, tmp_path)


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_imprints_by_broken_hashes_are_refused(tsa: TestAuthority, algorithm: str) -> None:
    refused(tsa.made(MESSAGE, algorithm=algorithm), trusting(tsa), "accepted are sha256, sha384, sha512")


@pytest.mark.parametrize(("status", "said"), [(1, "modifications"), (2, "rejection"), (3, "waiting"), (9, "9")])
def test_an_answer_that_does_not_grant_is_none(tsa: TestAuthority, status: int, said: str) -> None:
    refused(tsa.made(MESSAGE, status=status), trusting(tsa), f"did not grant a time stamp: .*{said}")


def test_an_answer_of_openssl_that_rejects_is_none(tsa: TestAuthority) -> None:
    refused(tsa.reply(b"\x30\x03\x02\x01\x01"), trusting(tsa), "did not grant a time stamp: rejection")


def test_the_signed_attribute_has_to_name_the_signers_certificate(tmp_path: Path, tsa: TestAuthority) -> None:
    other = TestAuthority(tmp_path)
    made = tsa.made(MESSAGE, essential_of=other.certificate)
    refused(made, trusting(tsa), "names another certificate")
    assert not openssl_accepts(made, MESSAGE, tsa.roots_pem, tmp_path)
    refused(tsa.made(MESSAGE, essential=None), trusting(tsa), "attribute that names the signing certificate")


def test_nothing_follows_a_token_and_nothing_of_it_is_missing(tsa: TestAuthority, token: bytes) -> None:
    refused(token + b"\0", trusting(tsa), "1 bytes follow the value")
    refused(token + token, trusting(tsa), "bytes follow the value")
    for cut in (0, 1, 2, 30, len(token) // 2, len(token) - 1):
        refused(token[:cut], trusting(tsa), "is no time stamp")


def test_a_bundle_without_a_root_certificate_trusts_nobody(tmp_path: Path) -> None:
    tsa = TestAuthority(tmp_path, intermediate=True)
    for bundle, words in (
        (b"", "PEM"),
        (b"nonsense", "PEM"),
        (tsa.certificate.public_bytes(Encoding.PEM), "no self-signed root"),
    ):
        with pytest.raises(TimestampError, match=words):
            Authorities.parse(bundle)


def test_without_the_library_nothing_is_said_to_hold(
    tsa: TestAuthority, token: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(TimestampsNotChecked, match="time stamps not checked: rfc3161-client is not installed"):
        verify_token(token, MESSAGE, trusting(tsa))


# -- every byte ----------------------------------------------------------------------------------------------------


def flipped(token: bytes, seed: int, count: int) -> Iterator[bytes]:
    randomness = random.Random(seed)
    for _ in range(count):
        at, bit = randomness.randrange(len(token)), 1 << randomness.randrange(8)
        yield token[:at] + bytes([token[at] ^ bit]) + token[at + 1 :]


@pytest.mark.parametrize("intermediate", [False, True])
def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_said(tmp_path: Path, intermediate: bool) -> None:
    tsa = TestAuthority(tmp_path, intermediate=intermediate)
    token, trusted = tsa.stamp(MESSAGE), trusting(tsa)
    said, same = verify_token(token, MESSAGE, trusted), 0
    for altered in flipped(token, 7, 400):
        try:
            assert verify_token(altered, MESSAGE, trusted) == said
            same += 1
        except TimestampError:
            pass
    assert same < 40, "almost every byte of a token is signed, or holds it together"


def test_whatever_is_accepted_openssl_accepts_too(tmp_path: Path, tsa: TestAuthority) -> None:
    good = [tsa.stamp(MESSAGE), tsa.stamp(MESSAGE, "sha512"), tsa.made(MESSAGE), tsa.made(MESSAGE, essential="sha1")]
    bad = [
        tsa.stamp(b"another"),
        tsa.made(MESSAGE, status=2),
        TestAuthority(tmp_path / "other").stamp(MESSAGE),
        *flipped(good[0], 3, 60),
    ]
    trusted, accepted = trusting(tsa), 0
    for each in good:
        assert verify_token(each, MESSAGE, trusted)
        assert openssl_accepts(each, MESSAGE, tsa.roots_pem, tmp_path)
    for each in bad:
        try:
            verify_token(each, MESSAGE, trusted)
        except TimestampError:
            continue
        accepted += 1
        assert openssl_accepts(each, MESSAGE, tsa.roots_pem, tmp_path)
    assert accepted < 10


@given(st.binary(max_size=200))
def test_nonsense_is_no_time_stamp(data: bytes) -> None:
    with pytest.raises(TimestampError):
        read_response(data)
