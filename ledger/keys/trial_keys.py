"""The keys of one trial, as the recorder, the readers and the application ask for them. Each has 32 bytes.

| key | what for | wrapped by |
|---|---|---|
| data key of class `identity` and a stream | names; the digests of commands that hold them | identity |
| data key of class `arm` and a stream, of `header`, of `anchor` | the sealed book, and the anchors of it | sealed |
| `marks` | looking up slots and commands in the sealed book | sealed |
| `digest/open` | digests of commands whose sections are plain | identity |
| `digest/arm` | digests of commands that tell an arm | sealed |
| secrets | what the trial keeps until it is opened: the allocation | sealed |

Of the two key-encryption keys either may be absent: what needs it is then not held (None), or, where it cannot be done
without, refused (KeysError, which names the file).
"""

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ledger.keys.folder import KeysError
from ledger.keys.kek import IDENTITY_KEK, KEY_BYTES, SEALED_KEK
from ledger.keys.store import KeyStore, destroyed_error
from ledger.proof.sealing import forget_keys
from ledger.proof.sections import ANCHOR, ARM, HEADER, IDENTITY

MARKS: Final = "marks"
DIGESTS: Final = {"open": ("digest/open", IDENTITY_KEK), "arm": ("digest/arm", SEALED_KEK)}
_KIND: Final = {IDENTITY: IDENTITY_KEK, ARM: SEALED_KEK, HEADER: SEALED_KEK, ANCHOR: SEALED_KEK}
_DIGEST_TAG: Final = b"trial-ledger/command-digest/v1"
_SECRET_STEP: Final = 256
"""What the length of a secret is padded to a multiple of: that of its parameters would tell something of them."""


def section_name(section_class: str, stream: str) -> str:
    """The name of a data key."""
    if section_class not in _KIND:
        raise ValueError(f"sections of class {section_class} are not sealed")
    return f"section/{section_class}/{stream}"


FIRST_KEYS: Final = (
    (MARKS, SEALED_KEK),
    *DIGESTS.values(),
    (section_name(HEADER, ""), SEALED_KEK),
    (section_name(ANCHOR, ""), SEALED_KEK),
)
"""The keys (name, kind) that a ledger has from its beginning."""


class TrialKeys:
    """The keys of one trial. Safe for several threads, and several processes."""

    def __init__(self, ledger: Path) -> None:
        self._store = KeyStore(ledger, forget_keys)

    def __repr__(self) -> str:
        return f"TrialKeys({str(self._store.folder)!r})"

    @property
    def marks(self) -> bytes | None:
        """The trial's key of slots and command marks; None where the key-encryption key `sealed` is not here."""
        return self._store.get(MARKS)

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        """The data key of a class and stream; None where it is not held, was never made, or is destroyed."""
        return self._store.get(section_name(section_class, stream))

    def make_section_key(self, section_class: str, stream: str, random: Callable[[int], bytes]) -> bytes:
        """The data key of a class and stream, or a new one, durable before it is given.

        Raises DestroyedKeyError, and KeysError where the key-encryption key is not here.
        """
        name = section_name(section_class, stream)
        return self._store.make(name, _KIND[section_class], lambda: random(KEY_BYTES))

    def destroyed(self, section_class: str, stream: str) -> bool:
        """Whether the data key of a class and stream was destroyed."""
        return self._store.destroyed(section_name(section_class, stream))

    def destroy(self, section_class: str, stream: str) -> None:
        """Destroy every copy of a data key that this folder holds. It may be done again, and without its own key."""
        if not stream:
            raise ValueError(f"the key of class {section_class} is the whole trial's, and is not destroyed")
        self._store.destroy(section_name(section_class, stream), _KIND[section_class])

    def forget_destroyed(self) -> None:
        """Forget at once the data keys that were destroyed elsewhere."""
        self._store.forget_destroyed()

    def secret(self, name: str) -> bytes | None:
        """A secret of the trial; None where there is none, or the key-encryption key `sealed` is not here."""
        kept = self._store.get(f"secret/{name}")
        return None if kept is None else kept[4 : 4 + int.from_bytes(kept[:4], "big")]

    def keep_secret(self, name: str, value: bytes) -> None:
        """Keep a secret of the trial, once: another value under the same name is refused (KeysError)."""
        framed = len(value).to_bytes(4, "big") + value
        framed += bytes(-len(framed) % _SECRET_STEP)
        if self._store.make(f"secret/{name}", SEALED_KEK, lambda: framed) != framed:
            raise KeysError(f"{self._store.folder}: the secret {name} is kept already, and is never replaced")

    def digest_of(self, scope: str, canonical: bytes) -> str:
        """The keyed digest (hex) of what a command says.

        `scope` is `open`, `arm`, or `identity:<stream>`: under the data key of that subject's identity, so that it can
        no longer be guessed at after an erasure. Raises KeysError, DestroyedKeyError.
        """
        kind, _, stream = scope.partition(":")
        if stream and kind == IDENTITY:
            key = self.section_key(IDENTITY, stream)
            if key is None:
                raise self._missing(section_name(IDENTITY, stream), IDENTITY_KEK)
        elif scope in DIGESTS:
            key = self._store.get(DIGESTS[scope][0])
            if key is None:
                raise self._missing(*DIGESTS[scope])
        else:
            raise ValueError(f"{scope} is no scope of digests")
        return hmac.digest(hmac.digest(key, _DIGEST_TAG, "sha256"), canonical, "sha256").hex()

    def close(self) -> None:
        """Let go of the files, and of all keys in memory."""
        self._store.close()

    def _missing(self, name: str, kind: str) -> KeysError:
        if self._store.destroyed(name):
            return destroyed_error(self._store.folder, name)
        if self._store.kek(kind) is None:
            return self._store.not_here(kind)
        return KeysError(f"{self._store.folder}: {name} was never made")
