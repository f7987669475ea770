"""Key-encryption keys in a token, by PKCS#11: they are made there, used there, and cannot be taken out.

    wrapped = nonce (12) || AES-256-GCM(key in the token, nonce, key, AAD)          CKM_AES_GCM, tag of 128 bits

The PIN comes from the environment (`TRIAL_LEDGER_PIN`), or from a file of mode 600 that it names
(`TRIAL_LEDGER_PIN_FILE`); it is written nowhere. A token is asked first when a key is needed, so that what needs none
of its keys goes without it.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ledger.keys.folder import KeysError, require_private

if TYPE_CHECKING:
    import pkcs11

_T = TypeVar("_T")

PIN: Final = "TRIAL_LEDGER_PIN"
PIN_FILE: Final = "TRIAL_LEDGER_PIN_FILE"
_NONCE_BYTES: Final = 12
_TAG_BITS: Final = 128
_KEY_BITS: Final = 256
_DOES_NOT_OPEN: Final = frozenset({
    # What tokens answer where a tag is wrong: the standard's word, and those that are given instead of it.
    "EncryptedDataInvalid", "EncryptedDataLenRange", "DataInvalid", "DataLenRange", "GeneralError", "FunctionFailed",
    "ArgumentsBad",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """A token: the PKCS#11 module (a shared library) that leads to it, and its label."""

    module: Path
    token: str

    def __str__(self) -> str:
        return f"token {self.token} of {self.module}"


class TokenKek:
    """An AES key of 256 bits in a token, found by its label, which is its id too."""

    def __init__(self, place: TokenPlace, label: str) -> None:
        self.place = place
        self.id = label

    def wrap(self, aad: bytes, key: bytes) -> bytes:
        """The key, wrapped inside the token."""
        nonce = os.urandom(_NONCE_BYTES)

        def sealed(session: "pkcs11.Session") -> bytes:
            done: bytes = self._key(session).encrypt(key, **_gcm(nonce, aad))
            return done

        return nonce + self._in_token(sealed)

    def unwrap(self, aad: bytes, wrapped: bytes) -> bytes | None:
        """The key, unwrapped inside the token; None where it does not open."""
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]

        def opened(session: "pkcs11.Session") -> bytes | None:
            import pkcs11

            key = self._key(session)
            try:
                done: bytes = key.decrypt(sealed, **_gcm(nonce, aad))
                return done
            except pkcs11.PKCS11Error as error:
                if type(error).__name__ in _DOES_NOT_OPEN:
                    return None
                raise

        return self._in_token(opened)

    def content(self) -> bytes:
        """Where the key lies, for its file."""
        value = {"key": self.id, "module": str(self.place.module), "token": self.place.token}
        return json.dumps(value, sort_keys=True).encode("ascii") + b"\n"

    def ready(self) -> None:
        """Log in. Raises KeysError."""
        self._in_token(lambda _: None)

    def make(self) -> None:
        """Generate the key inside the token."""

        def made(session: "pkcs11.Session") -> None:
            from pkcs11 import Attribute, KeyType, MechanismFlag

            session.generate_key(
                KeyType.AES,
                _KEY_BITS,
                label=self.id,
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
            )

        self._in_token(made)

    def destroy(self) -> None:
        """Destroy the key in its token. One that is not there is fine."""

        def destroyed(session: "pkcs11.Session") -> None:
            from pkcs11 import NoSuchKey

            try:
                self._key(session).destroy()
            except NoSuchKey:
                return

        self._in_token(destroyed)

    def _key(self, session: "pkcs11.Session") -> Any:  # the class that it gets at run time is not declared
        from pkcs11 import ObjectClass

        return session.get_key(object_class=ObjectClass.SECRET_KEY, label=self.id)

    def _in_token(self, act: Callable[["pkcs11.Session"], _T]) -> _T:
        return in_token(self.place, self.id, act)


def in_token(place: TokenPlace, label: str, act: Callable[["pkcs11.Session"], _T]) -> _T:
    """What `act` gives in a session with a token; `label` names the key it is about. Raises KeysError."""
    try:
        import pkcs11
    except ImportError:
        raise KeysError(f"{place}: keys in a token need the extra trial-ledger[pkcs11]") from None
    held = _held(place)
    with held.lock:
        try:
            if held.session is None:
                held.session = _open(place)
            return act(held.session)
        except pkcs11.NoSuchKey:
            raise KeysError(f"{place}: there is no key {label}") from None
        except pkcs11.PKCS11Error as error:
            held.session = None  # a token that was taken out and put back needs a new session
            raise KeysError(f"{place}: key {label} cannot be used ({_said(error)})") from None


@dataclass
class _Held:
    lock: threading.RLock = field(default_factory=threading.RLock)
    """A session is used by one thread at a time."""
    session: "pkcs11.Session | None" = None


_sessions: Final[dict[TokenPlace, _Held]] = {}
"""One session a token in a process: PKCS#11 lets a process log in once."""
_sessions_lock: Final = threading.Lock()


def _held(place: TokenPlace) -> _Held:
    with _sessions_lock:
        return _sessions.setdefault(place, _Held())


def close_sessions() -> None:
    """Log out of every token; the next use logs in again."""
    with _sessions_lock:
        for held in _sessions.values():
            with held.lock:
                if held.session is not None:
                    held.session.close()
                    held.session = None


def _open(place: TokenPlace) -> "pkcs11.Session":
    import pkcs11

    pin = _pin(place)
    try:
        return pkcs11.lib(str(place.module)).get_token(token_label=place.token).open(rw=True, user_pin=pin)
    except pkcs11.NoSuchToken:
        raise KeysError(f"{place}: there is no such token") from None
    except pkcs11.PKCS11Error as error:
        raise KeysError(f"{place}: cannot be opened ({_said(error)})") from None


def _pin(place: TokenPlace) -> str:
    if (pin := os.environ.get(PIN)) is not None:
        return pin
    if (name := os.environ.get(PIN_FILE)) is None:
        raise KeysError(f"{place}: its PIN is needed; set {PIN}, or {PIN_FILE} to a file of mode 600 that holds it")
    path = Path(name)
    try:
        require_private(path)
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise KeysError(f"{path}: the PIN cannot be read ({type(error).__name__})") from None


def _gcm(nonce: bytes, aad: bytes) -> "dict[str, object]":
    from pkcs11 import GCMParams, Mechanism

    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, aad, _TAG_BITS)}


def _said(error: Exception) -> str:
    """What a token said, in the standard's word, which is the name of the exception."""
    return type(error).__name__ + (f": {error}" if str(error) else "")
