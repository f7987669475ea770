"""Signed notes and verifier keys, as c2sp.org/signed-note says.

    text, one or more lines, each ended by a newline
                                                        a blank line, the last one of the note
    — <key name> base64(key ID, 4 bytes || signature)   one line for each signature

    vkey:   <key name>+<key ID, 8 hex digits>+base64(type || public key)
    key ID: SHA-256(key name || newline || type || public key)[:4]

1. One value has one writing. Base64 is standard and padded, hex is lower-case, and what would be written otherwise
   is refused; so `Note.parse(data).encode() == data`, and no byte of a note can change unseen.
2. Signatures by unknown keys are ignored, also where they share the name or the key ID of a known one. One by a known
   key must verify: otherwise the whole note is refused, as it is if no known key signed it.
3. Known types: 0x01 (Ed25519 over the text), 0x04 and 0x06 (cosignatures, `ledger.proof.checkpoint`). Keys of other
   types are refused: they could verify nothing here, and the recipe of their key ID is not known.
4. Ed25519 keys of small order, off the curve or written unreduced are refused: under some of them anything verifies.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
ML_DSA_44: Final = 0x06
"""Types of keys and signatures: Ed25519, timestamped Ed25519 cosignature, timestamped ML-DSA-44 cosignature."""
PUBLIC_KEY_BYTES: Final = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
SIGNATURE_BYTES: Final = {ED25519: 64, COSIGNATURE: 64, ML_DSA_44: 2420}
"""Of the bare signature: without key ID, and without the time stamp of a cosignature."""
MAX_SIGNATURES: Final = 64
MAX_NOTE_BYTES: Final = 1 << 20
KEY_ID_BYTES: Final = 4

_DASH: Final = "\u2014 "
_HEX: Final = re.compile("[0-9a-f]{8}")
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f]")

_Verified = TypeVar("_Verified")


class NoteError(ValueError):
    """A note, key or checkpoint that is malformed or cannot be relied on; the message names the line and the rule."""


class SignatureError(NoteError):
    """A signature that claims to be by a known key does not verify: the note was altered, or somebody forged it."""


class NotSignedError(NoteError):
    """None of the known keys signed the note. Nothing in it may be believed."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The name and public key of a signer (signed-note, Verifier keys). Raises NoteError if it can verify nothing."""

    name: str
    type: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name("key name", self.name)
        wanted = PUBLIC_KEY_BYTES.get(self.type)
        if wanted is None:
            raise NoteError(f"verifier key {shown(self.name)}: type {self.type:#04x} is not one of 0x01, 0x04 and 0x06")
        if len(self.public) != wanted:
            raise NoteError(
                f"verifier key {shown(self.name)}: a public key of type {self.type:#04x} has {wanted:,} bytes,"
                f" not {len(self.public):,}"
            )
        if self.type == ML_DSA_44:
            if len(self.name.encode()) > 255:
                raise NoteError("verifier key: the name of an ML-DSA-44 key has at most 255 bytes")
        elif why := _weakness(self.public):
            raise NoteError(f"verifier key {shown(self.name)}: the Ed25519 public key {why}")

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, tell whose signature a line is."""
        return key_id(self.name, self.type, self.public)

    def encode(self) -> str:
        """The vkey, in one line without newline."""
        return f"{self.name}+{self.key_id.hex()}+{encoded(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """The key that a vkey writes. Raises NoteError."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise NoteError("verifier key: is not <key name>+<8 hex digits>+<base64>")
        name, identifier, encoded = parts
        _check_name("key name", name)
        if not _HEX.fullmatch(identifier):
            raise NoteError(f"verifier key {shown(name)}: the key ID is not 8 lower-case hex digits")
        material = decoded(f"verifier key {shown(name)}", encoded)
        if not material:
            raise NoteError(f"verifier key {shown(name)}: has neither type nor public key")
        key = cls(name, material[0], material[1:])
        if key.key_id.hex() != identifier:
            raise NoteError(
                f"verifier key {shown(name)}: the key ID is {identifier}, but its key has {key.key_id.hex()}"
            )
        return key

    def verify(self, signature: bytes, message: bytes) -> None:
        """That the bare signature is by this key over the message, whatever the type says the message is.

        Raises SignatureError if it is not, NoteError if this installation has no ML-DSA-44.
        """
        if len(signature) != (wanted := SIGNATURE_BYTES[self.type]):
            raise SignatureError(f"signature by {shown(self.name)}: has {len(signature):,} bytes, not {wanted:,}")
        try:
            if self.type == ML_DSA_44:
                _verify_ml_dsa(self.public, signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"signature by {shown(self.name)}: does not verify") from None
        except (ImportError, UnsupportedAlgorithm):
            raise NoteError(
                f"signature by {shown(self.name)}: is of ML-DSA-44, which the installed cryptography does not know"
            ) from None


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature line. `signature` is what follows the key ID, for a cosignature with its time stamp."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        _check_name("signature: key name", self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            raise NoteError(f"signature by {shown(self.name)}: is shorter than the 4 bytes of a key ID and one more")

    def encode(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {encoded(self.key_id + self.signature)}\n"

    @classmethod
    def parse(cls, line: str) -> "NoteSignature":
        """What one line writes, with its newline or without. Raises NoteError."""
        parts = line.removesuffix("\n").split(" ")
        if len(parts) != 3 or parts[0] != _DASH[0]:
            raise NoteError("signature line: is not an em dash, a space, a key name, a space and base64")
        data = decoded(f"signature by {shown(parts[1])}", parts[2])
        return cls(parts[1], data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures on it, none of them verified. One without any can be made, but not parsed."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise NoteError("note: the text does not end in a newline")
        check_characters("note", self.text)
        if len(self.signatures) > MAX_SIGNATURES:
            raise NoteError(f"note: has {len(self.signatures):,} signatures; at most {MAX_SIGNATURES} are read")

    def encode(self) -> bytes:
        """The bytes of the note. Raises NoteError if they were too many to be read again."""
        data = "".join((self.text, "\n", *(one.encode() for one in self.signatures))).encode()
        _check_size(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """The note that these bytes are. Raises NoteError, whatever they are."""
        _check_size(data)
        try:
            whole = data.decode()
        except UnicodeDecodeError as error:
            at = data.count(b"\n", 0, error.start) + 1
            raise NoteError(f"note: line {at} is not UTF-8") from None
        check_characters("note", whole)
        if not whole.endswith("\n"):
            raise NoteError("note: the last line does not end in a newline")
        split = whole.rfind("\n\n")
        if split < 0:
            raise NoteError("note: no blank line stands between text and signatures")
        text, lines = whole[: split + 1], whole[split + 2 : -1].split("\n")
        if lines == [""]:
            raise NoteError("note: no signature line follows the last blank line")
        if len(lines) > MAX_SIGNATURES:
            raise NoteError(f"note: has {len(lines):,} signatures; at most {MAX_SIGNATURES} are read")
        signatures, first = [], text.count("\n") + 2
        for number, line in enumerate(lines, first):
            try:
                signatures.append(NoteSignature.parse(line))
            except NoteError as error:
                raise NoteError(f"note: line {number}: {error}") from None
        return cls(text, tuple(signatures))

    def adding(self, *signatures: NoteSignature) -> "Note":
        """The note with these signatures after those it has; one that is there already is not repeated."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))


def key_id(name: str, type: int, public: bytes) -> bytes:
    """The key ID (signed-note, Signatures; tlog-cosignature, Format). It identifies; it proves nothing."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([type]) + public).digest()[:KEY_ID_BYTES]


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> tuple[Note, tuple[VerifierKey, ...]]:
    """A note of any text, and who of `keys` (Ed25519, type 0x01) signed it. Raises NoteError; see `verified`."""
    note = Note.parse(data)

    def verify(key: VerifierKey, signature: bytes) -> None:
        if key.type != ED25519:
            raise SignatureError(f"signature by {shown(key.name)}: type {key.type:#04x} signs checkpoints only")
        key.verify(signature, note.text.encode())

    return note, tuple(verified(note, keys, verify))


def verified(
    note: Note, keys: Iterable[VerifierKey], verify: Callable[[VerifierKey, bytes], _Verified]
) -> dict[VerifierKey, list[_Verified]]:
    """By which of `keys` the note is signed, each once, with what `verify` said of each of its lines.

    `verify` gets the key and what follows the key ID, and raises SignatureError. Raises it likewise, or
    NotSignedError if no line is by a known key, or NoteError if two different keys have one name and key ID.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError(
                f"verifier keys: two different keys are named {shown(key.name)} and have the key ID {key.key_id.hex()}"
            )
    found: dict[VerifierKey, list[_Verified]] = {}
    for one in note.signatures:
        signer = known.get((one.name, one.key_id))
        if signer is not None:
            found.setdefault(signer, []).append(verify(signer, one.signature))
    if not found:
        raise NotSignedError("note: none of its signatures is by a known key")
    return found


def decoded(what: str, text: str) -> bytes:
    """Base64 in the one writing that RFC 4648 section 4 calls canonical. Raises NoteError that begins with `what`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or encoded(data) != text:
        raise NoteError(f"{what}: is not canonical base64")
    return data


def check_characters(what: str, text: str) -> None:
    """That a note can hold the text: no control character but newline, nothing outside UTF-8. Raises NoteError."""
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise NoteError(f"{what}: contains the control character {ord(found[0]):#04x} (line {line})")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoteError(f"{what}: contains half of a surrogate pair, which UTF-8 cannot write") from None


def shown(text: str) -> str:
    """A name as it goes into messages: cut at 100 characters; what is not printable (terminals obey some) escaped."""
    if len(text) > 100:
        text = f"{text[:100]}..."
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def encoded(data: bytes) -> str:
    """Standard base64, padded, in one line."""
    return base64.b64encode(data).decode("ascii")


def _check_name(what: str, name: str) -> None:
    if not name:
        raise NoteError(f"{what}: is empty")
    check_characters(what, name)
    if "+" in name or any(character.isspace() for character in name):
        raise NoteError(f"{what}: contains a space or a plus")


def _check_size(data: bytes) -> None:
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"note: has {len(data):,} bytes; at most {MAX_NOTE_BYTES:,} are read")


def _verify_ml_dsa(public: bytes, signature: bytes, message: bytes) -> None:
    # Not every installed cryptography has it, and notes without such signatures must be verifiable all the same.
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)


# The curve of RFC 8032 section 5.1: -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo p.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_Y_OF_ORDER_8: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})


def _weakness(public: bytes) -> str | None:
    """Why an Ed25519 public key is none that a key generator makes; None if it may be one."""
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    if y >= _P:
        return "is not written in its reduced form"
    if y in _SMALL_ORDER:
        return "is a point of small order"
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return None if pow(square, (_P - 1) // 2, _P) == 1 else "is no point of the curve"
