"""Sealed envelopes: single allocations in files, each under a passphrase of its own, for a server that is down.

1. An envelope is text, and says all that is needed to open it but the passphrase:

       trial-ledger envelope v1
       trial: …            origin: …            subject: …
       kdf: scrypt n=32768 r=8 p=1              (RFC 7914)
       salt: 16 bytes      nonce: 12 bytes      ciphertext: AES-256-GCM-SIV (RFC 8452), all in base64

   The additional data of the cipher are the lines above `ciphertext`, as they stand (UTF-8, each with its line feed):
   an envelope that says another subject than it was made for does not open.
2. The plaintext is length (4 bytes, big endian) || canonical JSON {arm, label, subject} || zeros. Its size is the same
   for all arms of a trial, so the length of a file tells none.
3. A passphrase is 20 characters of Crockford's base32 (100 bits), drawn evenly, in groups of five; case, hyphens and
   spaces do not matter, nor do O for 0 and I or L for 1.
4. Opening one needs no ledger. That it was opened is to be recorded as soon as there is one again.
"""

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.domain.protocol import Protocol
from ledger.proof.canonical import CanonicalError, encode, parse

HEADING: Final = "trial-ledger envelope v1"
PASSPHRASE_CHARACTERS: Final = 20
MAX_FILE: Final = 1 << 20
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_READ_AS: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": "", "\t": "", "\n": "", "\r": ""})
_STEP: Final = 512
_N, _R, _P = 1 << 15, 8, 1
# What a prepared file may ask for: 1 GiB of memory (128 * n * r), and no more passes than anybody would set.
_MOST_MEMORY: Final = 1 << 30
_MOST_PASSES: Final = 16
_KDF: Final = re.compile(r"scrypt n=([0-9]{1,8}) r=([0-9]{1,3}) p=([0-9]{1,3})")
_MEMBERS: Final = ("trial", "origin", "subject", "kdf", "salt", "nonce", "ciphertext")

Random = Callable[[int], bytes]


class EnvelopeError(ValueError):
    """The file is no envelope, was altered, or the passphrase is not its own."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope holds."""

    trial: str
    origin: str
    subject: str
    arm: str
    label: str


def new_passphrase(random: Random) -> str:
    """A passphrase for one envelope (rule 3)."""
    drawn = "".join(_ALPHABET[byte % 32] for byte in random(PASSPHRASE_CHARACTERS))  # 256 is a multiple of 32
    return "-".join(drawn[start : start + 5] for start in range(0, PASSPHRASE_CHARACTERS, 5))


def plaintext_size(protocol: Protocol, subjects: Iterable[str]) -> int:
    """The size into which each arm of the trial fits, whoever the subject is (rule 2)."""
    longest = max((len(subject) for subject in subjects), default=0)
    sizes = [len(_content("x" * longest, arm.code, arm.label)) for arm in protocol.arms]
    return -(-(4 + max(sizes)) // _STEP) * _STEP


def seal_envelope(
    *, trial: str, origin: str, subject: str, arm: str, label: str, size: int, passphrase: str, random: Random
) -> bytes:
    """The file of one envelope."""
    content = _content(subject, arm, label)
    if 4 + len(content) > size:
        raise ValueError(f"an envelope of {size} bytes has no room for {len(content)}")
    salt, nonce = random(16), random(12)
    kdf = f"scrypt n={_N} r={_R} p={_P}"
    values = (trial, origin, subject, kdf, _base64(salt), _base64(nonce))
    named = "".join(f"{name}: {value}\n" for name, value in zip(_MEMBERS, values, strict=False))
    above = f"{HEADING}\n{named}".encode()
    plain = (len(content).to_bytes(4, "big") + content).ljust(size, b"\x00")
    ciphertext = AESGCMSIV(_key(passphrase, salt, _N, _R, _P)).encrypt(nonce, plain, above)
    return above + f"ciphertext: {_base64(ciphertext)}\n".encode()


def open_envelope(data: bytes, passphrase: str) -> Opened:
    """What an envelope holds, for who has its passphrase. Raises EnvelopeError."""
    values, above = _read(data)
    n, r, p = _kdf(values["kdf"])
    salt, nonce, ciphertext = (_bytes(name, values[name]) for name in ("salt", "nonce", "ciphertext"))
    try:
        plain = AESGCMSIV(_key(passphrase, salt, n, r, p)).decrypt(nonce, ciphertext, above)
    except (InvalidTag, ValueError):
        raise EnvelopeError(
            f"the passphrase is not that of the envelope of {values['subject']}, or the envelope was altered"
        ) from None
    try:
        content = parse(plain[4 : 4 + int.from_bytes(plain[:4], "big")])
        arm, label, subject = content["arm"], content["label"], content["subject"]
    except (CanonicalError, KeyError, TypeError):
        raise EnvelopeError("the envelope opens, but what it holds is not of this format") from None
    if subject != values["subject"]:
        raise EnvelopeError("the envelope opens, but says another subject inside")
    return Opened(values["trial"], values["origin"], subject, arm, label)


def subject_on(data: bytes) -> str:
    """The subject that stands on an envelope. Raises EnvelopeError."""
    return _read(data)[0]["subject"]


def _content(subject: str, arm: str, label: str) -> bytes:
    return encode({"arm": arm, "label": label, "subject": subject})


def _key(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    said = passphrase.lower().translate(_READ_AS)
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(said.encode())


def _read(data: bytes) -> tuple[dict[str, str], bytes]:
    """The members of an envelope, and the bytes above its ciphertext. Line ends of other systems are read as ours."""
    try:
        lines = data[:MAX_FILE].decode().replace("\r\n", "\n").rstrip("\n").split("\n")
    except UnicodeDecodeError:
        lines = []
    if lines[:1] != [HEADING]:
        raise EnvelopeError(f"this is no envelope: it does not begin with the line {HEADING!r}")
    parted = [line.partition(": ") for line in lines[1:]]
    if tuple(name for name, _, _ in parted) != _MEMBERS:
        raise EnvelopeError(f"the envelope is damaged: its lines are not {', '.join(_MEMBERS)}")
    values = {name: value for name, _, value in parted}
    return values, "".join(f"{line}\n" for line in lines[:-1]).encode()


def _kdf(text: str) -> tuple[int, int, int]:
    found = _KDF.fullmatch(text)
    n, r, p = (int(group) for group in found.groups()) if found else (0, 0, 0)
    possible = n > 1 and not n & (n - 1) and r and 0 < p <= _MOST_PASSES and 128 * n * r <= _MOST_MEMORY
    if not possible:
        raise EnvelopeError("the envelope is damaged: its line kdf is not one that can be followed")
    return n, r, p


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise EnvelopeError(f"the envelope is damaged: its line {name} is not base64") from None
