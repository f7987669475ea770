"""RFC 3161 time stamps, verified offline: what a token says, and whether an authority that is trusted said it.

1. A token is a DER TimeStampResp (status and token), as `openssl ts -verify -in` reads it. Only `granted` counts.
2. The signature over it, and the chain of certificates at the time of the stamp, are checked by `rfc3161-client`
   (OpenSSL's PKCS7_verify with the purpose timestampsign). Where that is not installed nothing is said to hold.
3. What that leaves out is checked here: the signing-certificate attribute (ESSCertID or ESSCertIDv2, RFC 5816), that
   the key usage for time stamping is critical and the only one, hash algorithms, one signer, no trailing bytes, and
   each certificate of the chain at the time of the stamp and, where asked for, until a later one.
4. A certificate that has run out since says nothing against a stamp made before, as long as its key was not stolen:
   renew before it runs out (`renewal.py`). Revocation is not looked up: there is no network here.
5. Trusted roots are those whom the reader names. Certificates in a token only help to find a way to them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ledger.proof.timestamp_token import HASHES, SHA1_OID, TimestampError, Token, in_order, read_response

__all__ = [
    "Authorities",
    "Stamped",
    "TimestampError",
    "TimestampsNotChecked",
    "subject_of",
    "verify_imprint",
    "verify_token",
]

_MAX_CHAIN: Final = 6
_UNREADABLE: Final = (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What cryptography raises about extensions that it cannot make sense of."""


class TimestampsNotChecked(Exception):  # noqa: N818  (it is no error of the token)
    """Nothing can be said about time stamps here."""

    def __init__(self) -> None:
        super().__init__("time stamps not checked: rfc3161-client is not installed")


@dataclass(frozen=True, slots=True)
class Authorities:
    """Whom the reader trusts to say the time: root certificates, and others that lead to them."""

    roots: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...] = ()

    @classmethod
    def parse(cls, *bundles: bytes) -> Self:
        """Authorities from PEM bundles: a self-signed certificate in them is a root. Raises TimestampError."""
        certificates = dict[bytes, x509.Certificate]()
        for bundle in bundles:
            try:
                for one in x509.load_pem_x509_certificates(bundle):
                    certificates[one.public_bytes(Encoding.DER)] = one
            except ValueError:
                raise TimestampError("authorities: not a bundle of certificates in PEM") from None
        roots = tuple(one for one in certificates.values() if _issued(one, one))
        if not roots:
            raise TimestampError("authorities: no self-signed root certificate among them")
        return cls(roots, tuple(one for one in certificates.values() if one not in roots))


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time stamp that holds: the message was there at `gen_time` (UTC), says a trusted authority.

    `expires` is when the first certificate of its chain runs out; `policy` is an object identifier.
    """

    gen_time: datetime
    hash_algorithm: str
    authority: str
    serial: int
    policy: str
    expires: datetime


def verify_token(token: bytes, message: bytes, authorities: Authorities, *, until: datetime | None = None) -> Stamped:
    """That a token (DER TimeStampResp) is a time stamp over `message` by one of the authorities.

    `until`: its certificates have to be valid up to then, not only when it was made (RFC 4998, 5.3).

    Raises TimestampError, and TimestampsNotChecked.
    """
    read = read_response(token)
    name = HASHES.get(read.imprint_oid)
    if name is None:
        raise TimestampError(f"the imprint is made by {read.imprint_oid}; accepted are {', '.join(HASHES.values())}")
    return verify_imprint(token, read, hashlib.new(name, message).digest(), authorities, until=until)


def verify_imprint(
    response: bytes, token: Token, digest: bytes, authorities: Authorities, *, until: datetime | None = None
) -> Stamped:
    """As `verify_token`, of a response that was read, for a message of which the digest is known."""
    if token.imprint_oid not in HASHES:
        raise TimestampError(f"the imprint is made by {token.imprint_oid}, which is not accepted")
    if token.imprint != digest:
        raise TimestampError("the time stamp is for another message")
    chain = _check_certificates(token, authorities, until)
    _check_by_library(response, digest, chain, in_token=bool(token.certificates))
    return Stamped(
        token.gen_time,
        token.hash_algorithm,
        subject_of(chain[0]),
        token.serial,
        token.policy,
        min(one.not_valid_after_utc for one in chain),
    )


def subject_of(certificate: x509.Certificate) -> str:
    """The name of a certificate's subject in one line (RFC 4514), shortened where it is very long."""
    try:
        text = certificate.subject.rfc4514_string()
    except ValueError:
        text = "a name that cannot be read"
    text = "".join(letter if letter.isprintable() else "?" for letter in text) or "(no name)"
    return text if len(text) <= 200 else f"{text[:199]}…"


# -- checking ------------------------------------------------------------------------------------------------------


def _check_certificates(token: Token, authorities: Authorities, until: datetime | None) -> Sequence[x509.Certificate]:
    """The chain of the token's signer, the signer first. Raises TimestampError."""
    if token.digest_oid not in HASHES:
        raise TimestampError(f"the signature is over a digest by {token.digest_oid}, which is not accepted")
    known = list(dict.fromkeys((*token.certificates, *authorities.others, *authorities.roots)))
    named = token.issuer_and_serial
    signer = next((one for one in known if (one.issuer.public_bytes(), one.serial_number) == named), None)
    if signer is None:
        raise TimestampError("the certificate of its signer is neither in the token nor among the authorities")
    algorithm, expected = token.certificate_hash
    hash_name = "sha1" if algorithm == SHA1_OID else HASHES.get(algorithm)
    der = signer.public_bytes(Encoding.DER)
    if hash_name is None or hashlib.new(hash_name, der, usedforsecurity=False).digest() != expected:
        raise TimestampError("the signed attribute names another certificate than the signer's")
    _check_usage(signer)
    times = (token.gen_time,) if until is None else (token.gen_time, until)
    valid = [one for one in known if all(_valid(one, at) for at in times)]
    chain = _chain(signer, valid, authorities.roots) if signer in valid else None
    if chain is not None:
        return chain
    if _chain(signer, known, authorities.roots) is None:
        raise TimestampError(f"no trusted authority made it ({subject_of(signer)})")
    at = " and ".join(f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in times)
    raise TimestampError(f"a certificate of its chain was not valid at {at}")


def _check_usage(signer: x509.Certificate) -> None:
    """RFC 3161, 2.3: the extended key usage is critical, and time stamping alone."""
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, *_UNREADABLE):
        raise TimestampError("the certificate of its signer is not one for time stamping") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TimestampError("the certificate of its signer is not one for time stamping alone, marked critical")


def _chain(
    leaf: x509.Certificate, known: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """The shortest way from a certificate to a root, each signed by the next; each is looked at once."""
    ways, seen = [[leaf]], {leaf}
    for way in ways:
        last = way[-1]
        if last in roots:
            return way
        if len(way) == _MAX_CHAIN or isinstance(_hash_of(last), SHA1 | MD5):
            continue
        for issuer in known:
            if issuer not in seen and _issued(last, issuer) and _may_issue(issuer):
                seen.add(issuer)
                ways.append([*way, issuer])
    return None


def _hash_of(certificate: x509.Certificate) -> object:
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None  # then its signature cannot be verified either


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(issuer: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
    except _UNREADABLE:
        return False


def _valid(certificate: x509.Certificate, at: datetime) -> bool:
    # To the second, as certificates state it: a stamp of the last second may have a fraction.
    return certificate.not_valid_before_utc <= at and at.replace(microsecond=0) <= certificate.not_valid_after_utc


def _check_by_library(response: bytes, digest: bytes, chain: Sequence[x509.Certificate], *, in_token: bool) -> None:
    """Rule 2, along the chain that was found: of two authorities of one name the library might try the other."""
    try:
        from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
    except ImportError:
        raise TimestampsNotChecked from None
    signer = None if in_token else chain[0]
    verifier = VerifierBuilder(roots=[chain[-1]], intermediates=list(chain[1:-1]), tsa_certificate=signer).build()
    try:
        verifier.verify(decode_timestamp_response(in_order(response)), digest)
    except (VerificationError, ValueError, TypeError, OverflowError) as error:
        raise TimestampError(f"its signature does not hold ({str(error).partition(': ErrorStack')[0]})") from None
    except BaseException as error:
        # The library is in Rust, and what it did not foresee is raised as a BaseException of this name.
        if type(error).__name__ != "PanicException":
            raise
        raise TimestampError("is no time stamp that the library could read") from None
