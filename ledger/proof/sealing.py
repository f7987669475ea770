"""Sections as they are sealed: encrypted at rest, each under the data key of its class and stream. docs/format.md 4.1.

    plaintext  = length of the payload (4 bytes, big endian) || salt (32) || payload || zeros up to a multiple of 256
    ciphertext = AES-256-GCM-SIV(data key, nonce = first 12 bytes of commit, plaintext, AAD), RFC 8452
    AAD        = canonical JSON  ["trial-ledger/section/v1", origin, stream, version, index, class, commit]
                 of a header     ["trial-ledger/section/v1", origin, entry id, index, class, commit]
    digest     = SHA-256("trial-ledger/ciphertext/v1" || 0x00 || commit || ciphertext)

The AAD ties a ciphertext to its place, so that what was moved opens nowhere else; the digest, which lies beside it,
shows without any key that a ciphertext was damaged or put beside another commitment. The nonce is that of a commitment,
which holds a random salt and so does not come again; were it to, GCM-SIV would tell that two plaintexts are equal, and
no more.

Where a section does not open, nothing of it is given back: there is no wrong plaintext.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from ledger.proof.canonical import encode
from ledger.proof.sections import HEADER, MAX_PAYLOAD, SALT_BYTES, commitment, sealed_frame

AAD_TAG: Final = "trial-ledger/section/v1"
DIGEST_TAG: Final = b"trial-ledger/ciphertext/v1"
DIGEST_BYTES: Final = 32
KEY_BYTES: Final = 32
STEP: Final = 256
"""What the length of a plaintext is a multiple of."""
AUTHENTICATION_TAG: Final = 16
MAX_CIPHERTEXT: Final = -(-(4 + SALT_BYTES + MAX_PAYLOAD) // STEP) * STEP + AUTHENTICATION_TAG

_DIGEST_PREFIX: Final = DIGEST_TAG + b"\x00"
_NONCE_BYTES: Final = 12


class SealError(ValueError):
    """A ciphertext does not open under this key at this place, or does not hold what its entry commits to."""


class OtherSectionError(SealError):
    """A ciphertext opens, and holds another section than its entry commits to."""


class DestroyedError(Exception):
    """The data key of a class and stream was destroyed: nothing is sealed under it any more."""


class BookKeys(Protocol):
    """The keys of one ledger, as far as their holder has them."""

    @property
    def marks(self) -> bytes | None:
        """The trial's key of slots and command marks."""

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        """The data key (32 bytes) of a class and stream; None where it is not held, was never made, or is destroyed.

        Headers and anchors have one key each for the whole trial, under the stream "".
        """


def place(
    origin: str, stream: str, version: int, entry_id: str, index: int, section_class: str, commit: bytes
) -> bytes:
    """The AAD: where the section belongs. A header's place is that of its entry, whose stream it holds itself."""
    where: Sequence[object] = (entry_id,) if section_class == HEADER else (stream, version)
    return encode([AAD_TAG, origin, *where, index, section_class, commit.hex()])


def seal(key: bytes, aad: bytes, commit: bytes, salt: bytes, payload: bytes) -> bytes:
    """The ciphertext of a section."""
    plain = len(payload).to_bytes(4, "big") + salt + payload
    return _cipher(key).encrypt(commit[:_NONCE_BYTES], plain + bytes(-len(plain) % STEP), aad)


def unseal(key: bytes, aad: bytes, commit: bytes, ciphertext: bytes) -> tuple[bytes, bytes]:
    """(salt, payload) of a ciphertext. Raises SealError."""
    try:
        plain = _cipher(key).decrypt(commit[:_NONCE_BYTES], ciphertext, aad)
    except (InvalidTag, ValueError):
        raise SealError("the ciphertext does not open under its key at this place") from None
    end = 4 + SALT_BYTES + int.from_bytes(plain[:4], "big")
    if len(plain) != -(-end // STEP) * STEP or any(plain[end:]):
        raise SealError("the ciphertext opens, but its length or padding is not of this format")
    salt, payload = plain[4 : 4 + SALT_BYTES], plain[4 + SALT_BYTES : end]
    if commitment(salt, payload) != commit:
        raise OtherSectionError("the ciphertext opens, but holds another section than the entry commits to")
    return salt, payload


def digest(commit: bytes, ciphertext: bytes) -> bytes:
    """The 32 bytes by which damage to a ciphertext shows without its key."""
    return hashlib.sha256(_DIGEST_PREFIX + commit + ciphertext).digest()


def key_stream(section_class: str, stream: str) -> str:
    """Under which stream the data key of a section is kept: headers and anchors have one for the whole trial."""
    return "" if section_class in _WHOLE_TRIAL else stream


_WHOLE_TRIAL: Final = frozenset({"anchor", "header"})


@lru_cache(maxsize=1024)
def _cipher(key: bytes) -> AESGCMSIV:
    return AESGCMSIV(key)


def enter_sealed(
    key: bytes, origin: str, stream: str, version: int, entry_id: str, index: int, section_class: str, salt: bytes,
    payload: bytes,
) -> tuple[str, bytes]:  # fmt: skip
    """(commitment in hex, frame) of a sealed section: what a writer needs of it, at once."""
    commit = commitment(salt, payload)
    aad = place(origin, stream, version, entry_id, index, section_class, commit)
    ciphertext = seal(key, aad, commit, salt, payload)
    return commit.hex(), sealed_frame(digest(commit, ciphertext), ciphertext)


def forget_keys() -> None:
    """Let go of the ciphers that were made of keys: one of them may have been destroyed."""
    _cipher.cache_clear()
