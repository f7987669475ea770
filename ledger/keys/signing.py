"""The signing keys of a ledger, with which it states checkpoints of its open book. `docs/keys.md`

    <ledger>.keys/
        log.ed25519      {"key":"<seed, 64 hex digits>","origin":"<origin>"}                         mode 600
                         or, in a token, {"key":"<label>","module":…,"origin":…,"public":"<hex>","token":…}
        log.mldsa44      {"key":"<seed, 64 hex digits>","origin":"<origin>"}                         mode 600
        log.<start of a former origin's SHA-256>.{ed25519,mldsa44}          kept to be shown, never loaded to sign

1. The name of a key is the checkpoint's origin. A key signs checkpoints of that origin and of no other: what goes on
   after a restored backup has another origin, so that no old key can ever sign a fork.
2. Ed25519 (C2SP type 0x01) is what everybody can verify, and may lie in a token (PKCS#11, CKM_EDDSA). ML-DSA-44 (type
   0x06) stands beside it for the years to come; it lies in its file always, since tokens do not have it yet.
3. A signature says who stated something. Before anything is signed it goes through `signed_head.py`.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.keys.folder import KeysError, keys_folder, require_private, write_new
from ledger.keys.token import TokenPlace, in_token
from ledger.proof.checkpoint import Checkpoint, signature_body, signed_message
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, NoteError, NoteSignature, VerifierKey

if TYPE_CHECKING:
    import pkcs11
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

SEED_BYTES: Final = 32
LOG_KEYS: Final = ("log.ed25519", "log.mldsa44")
"""The files of the two signing keys."""
FORMER_VKEYS: Final = "former.vkeys"
"""In a ledger that was restored from a bundle: the verifier keys that its log had, as the bundle tells them."""
_KEY: Final = "trial-ledger-log-"
_EDWARDS25519: Final = bytes([0x13, 12]) + b"edwards25519"  # PrintableString, as PKCS#11 3.0 writes this curve
_ED25519_POINT: Final = bytes([0x04, 32])  # OCTET STRING


class Signer(Protocol):
    """What can sign checkpoints under one name."""

    @property
    def key(self) -> VerifierKey:
        """By what its signatures are verified."""

    def sign(self, checkpoint: Checkpoint, timestamp: int) -> NoteSignature:
        """Its signature, made at that POSIX second. Raises KeysError."""


class Ed25519FileSigner:
    """An Ed25519 key in memory; `type` 0x01 for a log, 0x04 for a witness."""

    def __init__(self, name: str, seed: bytes, type: int = ED25519) -> None:
        if type not in (ED25519, COSIGNATURE):
            raise ValueError(f"type {type:#04x} is none of Ed25519")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(name, type, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"Ed25519FileSigner({self.key.name!r})"

    def sign(self, checkpoint: Checkpoint, timestamp: int) -> NoteSignature:
        """Deterministic (RFC 8032). Of type 0x01 it does not say when."""
        return _signature(self.key, checkpoint, timestamp, self._private.sign)


class MlDsaFileSigner:
    """An ML-DSA-44 key in memory (type 0x06), for logs and witnesses alike. Raises KeysError where there is none."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._private: MLDSA44PrivateKey = _ml_dsa(name, seed)
        self.key = VerifierKey(name, ML_DSA_44, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"MlDsaFileSigner({self.key.name!r})"

    def sign(self, checkpoint: Checkpoint, timestamp: int) -> NoteSignature:
        """Randomised (FIPS 204): the same checkpoint has another signature each time."""
        return _signature(self.key, checkpoint, timestamp, self._private.sign)


class TokenSigner:
    """An Ed25519 key in a PKCS#11 token, found by its label. What it signs is held against its public key."""

    def __init__(self, name: str, place: TokenPlace, label: str, public: bytes, type: int = ED25519) -> None:
        self.place = place
        self.label = label
        self.key = VerifierKey(name, type, public)

    def sign(self, checkpoint: Checkpoint, timestamp: int) -> NoteSignature:
        """Signed inside the token (CKM_EDDSA). Raises KeysError."""
        return _signature(self.key, checkpoint, timestamp, self._signed)

    def _signed(self, message: bytes) -> bytes:
        def act(session: "pkcs11.Session") -> bytes:
            from pkcs11 import KeyType, Mechanism, ObjectClass

            key: Any = session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC_EDWARDS, label=self.label
            )
            return bytes(key.sign(message, mechanism=Mechanism.EDDSA))

        signature = in_token(self.place, self.label, act)
        try:  # a token with another key under this label must not bring us to hand out what does not verify
            self.key.verify(signature, message)
        except NoteError as error:
            raise KeysError(f"{self.place}: key {self.label} is not the ledger's signing key ({error})") from None
        return signature


def make_in_token(place: TokenPlace, label: str) -> bytes:
    """Generate an Ed25519 key inside a token; gives its public key. Raises KeysError."""

    def act(session: "pkcs11.Session") -> bytes:
        from pkcs11 import Attribute, KeyType, Mechanism

        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _EDWARDS25519}, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            label=label,
            store=True,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
        )
        return bytes(public[Attribute.EC_POINT])

    point = in_token(place, label, act)
    raw = point.removeprefix(_ED25519_POINT)
    if len(raw) != SEED_BYTES:
        raise KeysError(f"{place}: made a key whose public half has {len(raw)} bytes, not {SEED_BYTES}")
    return raw


# -- the keys of a ledger -------------------------------------------------------------------------------------------

Files: TypeAlias = dict[str, bytes]


def new_signing_keys(origin: str, random: Callable[[int], bytes], place: TokenPlace | None = None) -> Files:
    """Signing keys to be of an origin, by file name. One for a token is made there now. Raises KeysError."""
    try:
        MlDsaFileSigner(origin, bytes(SEED_BYTES))  # the stricter of the two about names
    except NoteError as error:
        raise KeysError(f"{origin!r} cannot be the name of a signing key: {error}") from None
    if place is None:
        first = {"key": random(SEED_BYTES).hex(), "origin": origin}
    else:
        label = _KEY + random(8).hex()
        public = make_in_token(place, label)
        first = {"key": label, "module": str(place.module), "origin": origin, "public": public.hex(),
                 "token": place.token}  # fmt: skip
    second = {"key": random(SEED_BYTES).hex(), "origin": origin}
    return dict(zip(LOG_KEYS, (_content(first), _content(second)), strict=True))


def create_signing_keys(
    ledger: Path, origin: str, random: Callable[[int], bytes], place: TokenPlace | None = None
) -> None:
    """Write the first signing keys of a ledger. Keys that are there already are never overwritten (KeysError)."""
    folder = keys_folder(ledger)
    if found := [name for name in LOG_KEYS if (folder / name).exists()]:
        raise KeysError(f"{folder / found[0]}: is there already, and is never overwritten")
    for name, content in new_signing_keys(origin, random, place).items():
        try:
            write_new(folder / name, content)
        except OSError as error:
            raise KeysError(f"{folder / name}: cannot be written ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys in force: of which origin, and who signs, Ed25519 first."""

    origin: str
    signers: tuple[Signer, ...]

    @property
    def vkeys(self) -> tuple[VerifierKey, ...]:
        return tuple(signer.key for signer in self.signers)

    def sign(self, checkpoint: Checkpoint, timestamp: int) -> list[NoteSignature]:
        """A signature by each key. Raises KeysError; ValueError for a checkpoint of another origin (rule 1)."""
        if checkpoint.origin != self.origin:
            raise ValueError(f"keys of {self.origin} sign no checkpoint of {checkpoint.origin}")
        return [signer.sign(checkpoint, timestamp) for signer in self.signers]


def load_signing_keys(ledger: Path) -> SigningKeys:
    """The signing keys in force. Raises KeysError: missing, malformed, open to others, or of two origins."""
    folder = keys_folder(ledger)
    signers = tuple(_read(folder / name) for name in LOG_KEYS)
    origins = sorted({signer.key.name for signer in signers})
    if len(origins) != 1:
        raise KeysError(f"{folder}: the signing keys are of two origins ({' and '.join(origins)})")
    return SigningKeys(origins[0], signers)


def former_keys(ledger: Path) -> list[VerifierKey]:
    """The verifier keys of former origins, as far as their keys are kept and can be read; that is all they are for."""
    found = []
    for name in LOG_KEYS:
        for path in sorted(keys_folder(ledger).glob(name.replace(".", ".*.", 1))):
            with suppress(KeysError):  # it may have been put aside because it could not be read
                found.append(_read(path).key)
    told = keys_folder(ledger) / FORMER_VKEYS
    with suppress(OSError, ValueError):
        found += [VerifierKey.parse(line) for line in told.read_text("ascii").splitlines()]
    return list(dict.fromkeys(found))


def former_name(name: str, origin: str) -> str:
    """The name under which the file of an origin's key is kept when another is in force."""
    stem, _, kind = name.partition(".")
    return f"{stem}.{hashlib.sha256(origin.encode()).hexdigest()[:8]}{'.' + kind if kind else ''}"


def _read(path: Path) -> Signer:
    value = _value(path)
    try:
        if "token" in value:
            place = TokenPlace(Path(value["module"]), value["token"])
            return TokenSigner(value["origin"], place, value["key"], bytes.fromhex(value["public"]))
        seed = bytes.fromhex(value["key"])
        if len(seed) != SEED_BYTES:
            raise ValueError
        of: Callable[[str, bytes], Signer] = Ed25519FileSigner if path.suffix == ".ed25519" else MlDsaFileSigner
        return of(value["origin"], seed)
    except (ValueError, KeyError, TypeError):
        raise KeysError(f"{path}: holds no signing key in the form that docs/keys.md gives") from None


def _value(path: Path) -> dict[str, str]:
    try:
        require_private(path)
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict) or "origin" not in value or {type(each) for each in value.values()} != {str}:
            raise ValueError
    except FileNotFoundError:
        raise KeysError(
            f"{path}: there is no signing key, so nothing can be signed; without its key the ledger goes on under "
            "a new origin: trial-ledger continue"
        ) from None
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError):
        raise KeysError(f"{path}: holds no signing key in the form that docs/keys.md gives") from None
    return value


def _content(value: dict[str, str]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _ml_dsa(name: str, seed: bytes) -> "MLDSA44PrivateKey":
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(seed)
    except (ImportError, UnsupportedAlgorithm):
        raise KeysError(f"{name}: the installed cryptography does not know ML-DSA-44; a newer one does") from None


def _signature(
    key: VerifierKey, checkpoint: Checkpoint, timestamp: int, sign: Callable[[bytes], bytes]
) -> NoteSignature:
    signature = sign(signed_message(key.type, key.name, checkpoint, timestamp))
    return NoteSignature(key.name, key.key_id, signature_body(key.type, timestamp, signature))
