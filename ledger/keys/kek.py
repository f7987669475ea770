"""Key-encryption keys: what wraps the data keys, and the only thing that has to be guarded apart from a backup.

A ledger has two. `identity` wraps what opens names; `sealed` wraps what opens the sealed book, its headers and marks,
the anchors, and the secret of the allocation. Whoever is to have but one is given but one file.

    wrapped = nonce (12) || AES-256-GCM-SIV(key-encryption key, nonce, key, AAD = TAG || 0x00 || name)     RFC 8452

`name` says what is wrapped, so that one wrapped key cannot be put in the place of another. In a token the cipher is
AES-256-GCM, which is what tokens have (`token.py`). Where a wrapped key does not open, KeysError says which one; there
is never a wrong key.

A file `<kind>.kek` holds either the key, 64 hex digits, or, as a JSON object, where in a token the key lies.
"""

import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from ledger.keys.folder import KeysError, require_private
from ledger.keys.token import TokenKek, TokenPlace

IDENTITY_KEK: Final = "identity"
SEALED_KEK: Final = "sealed"
KINDS: Final = (IDENTITY_KEK, SEALED_KEK)

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_TAG: Final = b"trial-ledger/wrapped-key/v1\x00"
_ID_TAG: Final = b"trial-ledger/key-encryption-key/id/v1"


class Kek(Protocol):
    """A key-encryption key, in memory or in a token. `id` tells it from others, and nothing about it."""

    @property
    def id(self) -> str: ...

    def wrap(self, aad: bytes, key: bytes) -> bytes:
        """The key, wrapped."""

    def unwrap(self, aad: bytes, wrapped: bytes) -> bytes | None:
        """The key; None where it does not open."""

    def content(self) -> bytes:
        """What the file of this key-encryption key holds."""

    def ready(self) -> None:
        """Whether the key could be made. Raises KeysError."""

    def make(self) -> None:
        """Bring the key about, after its file is durable: a crash in between leaves no key that nobody knows of."""

    def destroy(self) -> None:
        """Destroy the key where it lies outside its file. One that is not there is fine."""


class FileKek:
    """A key-encryption key that lies in its file."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key-encryption key has {KEY_BYTES} bytes")
        self._key = key
        self._cipher = AESGCMSIV(key)
        self.id = f"file-{hmac.digest(key, _ID_TAG, 'sha256')[:8].hex()}"

    def wrap(self, aad: bytes, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, aad)

    def unwrap(self, aad: bytes, wrapped: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError):
            return None

    def content(self) -> bytes:
        return f"{self._key.hex()}\n".encode()

    def ready(self) -> None:
        """It is here already."""

    def make(self) -> None:
        """Its file is all there is."""

    def destroy(self) -> None:
        """Its file is all there is."""


def new_kek(kind: str, place: TokenPlace | None, random: Callable[[int], bytes]) -> Kek:
    """A key-encryption key to be: in its file, or in a token."""
    return FileKek(random(KEY_BYTES)) if place is None else TokenKek(place, f"trial-ledger-{kind}-{random(8).hex()}")


def kek_file(folder: Path, kind: str) -> Path:
    """The file of a key-encryption key."""
    return folder / f"{kind}.kek"


def incoming_file(folder: Path, kind: str) -> Path:
    """The file of a key-encryption key that a rotation is bringing in."""
    return folder / f"{kind}.kek.new"


def read_kek(path: Path) -> Kek | None:
    """The key-encryption key of a file; None where there is no such file, or only the rest of one.

    A rest is what an interrupted rotation leaves: not yet written, or overwritten already.
    """
    try:
        require_private(path)
        text = path.read_text("ascii").strip()
        if text.startswith("{"):
            value = json.loads(text)
            return TokenKek(TokenPlace(Path(value["module"]), value["token"]), value["key"])
        return FileKek(bytes.fromhex(text))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None


def wrapping_aad(name: str) -> bytes:
    """What a wrapped key is tied to: its name."""
    return _TAG + name.encode()
