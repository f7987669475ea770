"""What an RFC 3161 time stamp says of itself, read from its bytes. Nothing of it is believed; `timestamps.py` verifies.

1. A response is a DER TimeStampResp (status and token), as `openssl ts` reads and writes it; only `granted` counts.
2. Read is the one form that the RFC allows: SignedData over a TSTInfo of version 1, with one signer, named by issuer
   and serial number, whose signature covers the hash of its certificate. Nothing follows the response.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from ledger.proof.der import INTEGER, SEQUENCE, SET, DERError, Value, context, encoded, integer, set_of

HASHES: Final[Mapping[str, str]] = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""Object identifier -> name of a hash algorithm that is accepted."""
SHA1_OID: Final = "1.3.14.3.2.26"
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_ESS: Final = "1.2.840.113549.1.9.16.2.12"
_ESS_V2: Final = "1.2.840.113549.1.9.16.2.47"
_STATUS: Final = ("granted", "granted with modifications", "rejection", "waiting", "revocation warning", "revoked")
_MAX_CERTIFICATES: Final = 16


class TimestampError(ValueError):
    """A time stamp does not hold, or is none; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says of itself; nothing of it is believed."""

    content: bytes
    """The time-stamp token alone: a DER ContentInfo."""
    imprint_oid: str
    imprint: bytes
    gen_time: datetime
    serial: int
    policy: str
    nonce: int | None
    signer: x509.Certificate | None
    """The certificate that the signer names, where the token has it."""
    certificates: tuple[x509.Certificate, ...]
    issuer_and_serial: tuple[bytes, int]
    digest_oid: str
    certificate_hash: tuple[str, bytes]
    """Algorithm (object identifier) and hash of the signer's certificate, as the signature covers them."""

    @property
    def hash_algorithm(self) -> str:
        """The algorithm of the imprint; an object identifier where it is none of those accepted."""
        return HASHES.get(self.imprint_oid, self.imprint_oid)

    @property
    def expires(self) -> datetime | None:
        """When the signer's certificate runs out, where the token has it."""
        return None if self.signer is None else self.signer.not_valid_after_utc

    def stamps(self, message: bytes) -> bool:
        """Whether it is over this message."""
        name = HASHES.get(self.imprint_oid)
        return name is not None and self.imprint == hashlib.new(name, message).digest()


def as_response(content: bytes) -> bytes:
    """A TimeStampResp that grants this token (a ContentInfo): the form in which tokens are stored."""
    return encoded(SEQUENCE, encoded(SEQUENCE, integer(0)), content)


def read_response(data: bytes) -> Token:
    """What a TimeStampResp says (RFC 3161, 2.4.2). Raises TimestampError; believes nothing."""
    try:
        members = Value.read(data).members(SEQUENCE)
        if not 1 <= len(members) <= 2:
            raise DERError("a TimeStampResp has one or two members")
        status = members[0].members(SEQUENCE)[0].integer
        if status != 0 or len(members) == 1:
            said = _STATUS[status] if 0 <= status < len(_STATUS) else str(status)
            raise TimestampError(f"the authority did not grant a time stamp: {said}")
        return _read_token(members[1])
    except (IndexError, ValueError, x509.InvalidVersion) as error:
        if isinstance(error, TimestampError):
            raise
        raise TimestampError(f"is no time stamp of RFC 3161 ({error})") from None


def read_token(content: bytes) -> Token:
    """What a token alone (a ContentInfo) says. Raises TimestampError."""
    return read_response(as_response(content))


def in_order(response: bytes) -> bytes:
    """A response that could be read, with its certificates in the order of DER.

    `openssl ts` writes them in another, which the library does not read. The signature does not cover them.
    """
    status, content = Value.read(response).members(SEQUENCE)
    kind, wrapped = content.members()
    members = wrapped.only().members()
    ordered = [
        set_of([each.whole for each in one.members()], one.tag) if one.tag == context(0) else one.whole
        for one in members
    ]
    data = encoded(wrapped.tag, encoded(SEQUENCE, *ordered))
    return encoded(SEQUENCE, status.whole, encoded(SEQUENCE, kind.whole, data))


def _read_token(content: Value) -> Token:
    kind, wrapped = _count(content.members(SEQUENCE), 2, 2)
    if kind.oid != _SIGNED_DATA:
        raise DERError("the token is no SignedData")
    members = wrapped.only(context(0)).members(SEQUENCE)
    _, _, encapsulated, *optional, signers = _count(members, 4, 6)
    info_type, info = _count(encapsulated.members(SEQUENCE), 2, 2)
    if info_type.oid != _TST_INFO:
        raise DERError("what is signed is no TSTInfo")
    certificates = list[x509.Certificate]()
    for one in optional:
        if one.tag == context(0):
            found = one.members()
            if len(found) > _MAX_CERTIFICATES:
                raise DERError(f"more than {_MAX_CERTIFICATES} certificates")
            certificates += [x509.load_der_x509_certificate(each.whole) for each in found]
    return _read_signer(signers.only(SET), Value.read(info.only(context(0)).octets), content.whole, certificates)


def _read_signer(signer: Value, info: Value, content: bytes, certificates: list[x509.Certificate]) -> Token:
    version, who, digest, signed, *_ = _count(signer.members(SEQUENCE), 6, 7)
    if version.integer != 1:
        raise DERError("the signer is not named by issuer and serial number")
    issuer, serial = _count(who.members(SEQUENCE), 2, 2)
    named = (issuer.whole, serial.integer)
    matching = [one for one in dict.fromkeys(certificates) if (one.issuer.public_bytes(), one.serial_number) == named]
    if len(matching) > 1:
        raise DERError("two certificates are of the name of the signer")

    info_version, policy, imprint, number, time, *more = _count(info.members(SEQUENCE), 5, 10)
    if info_version.integer != 1:
        raise DERError("the TSTInfo is of another version")
    algorithm, hashed = _count(imprint.members(SEQUENCE), 2, 2)
    nonces = [one.integer for one in more if one.tag == INTEGER]
    return Token(
        content,
        algorithm.members(SEQUENCE)[0].oid,
        hashed.octets,
        time.time,
        number.integer,
        policy.oid,
        nonces[0] if nonces else None,
        matching[0] if matching else None,
        tuple(certificates),
        named,
        digest.members(SEQUENCE)[0].oid,
        _certificate_hash(signed),
    )


def _certificate_hash(signed: Value) -> tuple[str, bytes]:
    """The hash of the signer's certificate in the signing-certificate attribute (RFC 2634, 5.4; RFC 5035, 5.4)."""
    found = list[tuple[str, bytes]]()
    for attribute in signed.members(context(0)):
        kind, values = _count(attribute.members(SEQUENCE), 2, 2)
        if kind.oid not in (_ESS, _ESS_V2):
            continue
        first = values.only(SET).members(SEQUENCE)[0].members(SEQUENCE)[0].members(SEQUENCE)
        if kind.oid == _ESS:
            found.append((SHA1_OID, first[0].octets))
        elif first[0].tag == SEQUENCE:
            found.append((first[0].members()[0].oid, first[1].octets))
        else:
            found.append((next(iter(HASHES)), first[0].octets))  # by default SHA-256
    if not found:
        raise DERError("the attribute that names the signing certificate is missing")
    return found[-1]


def _count(members: list[Value], least: int, most: int) -> list[Value]:
    if not least <= len(members) <= most:
        raise DERError(f"a value has {len(members)} members")
    return members
