"""Checkpoints (c2sp.org/tlog-checkpoint), and what each type of signature on one signs (c2sp.org/tlog-cosignature).

    <origin>
    <tree size, decimal>
    <root hash, base64 of 32 bytes>
    <extension lines, if any>

    type   what is in the note                    what is signed
    0x01   signature                              the text of the note
    0x04   time stamp (u64) || signature          "cosignature/v1\\ntime <time stamp>\\n" || the text of the note
    0x06   time stamp (u64) || signature          "subtree/v1\\n\\0", name, time stamp, origin, 0, size and root

1. One checkpoint has one writing: decimals without leading zeros, canonical base64.
2. Type 0x06 does not sign extension lines. A checkpoint that has some, and no known signature over them, is refused.
3. A time stamp is at most 2^63 - 1. Zero, which states no time, is allowed in type 0x06 only.
4. Whether the size and the root are true is for a proof to say (`ledger.proof.tree`); here it is who stated them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.proof.note import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    Note,
    NoteError,
    SignatureError,
    VerifierKey,
    check_characters,
    decoded,
    encoded,
    shown,
    verified,
)
from ledger.proof.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

MAX_TIMESTAMP: Final = 2**63 - 1
_DECIMAL: Final = re.compile("0|[1-9][0-9]{0,18}")
_TIMESTAMP_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: whose, how many leaves, which root. Raises NoteError if no text could say so."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_line("line 1 (origin)", self.origin)
        if type(self.size) is not int or not 0 <= self.size <= MAX_SIZE:
            raise NoteError("checkpoint: line 2 (tree size) is not a number from 0 to 2^63 - 1")
        if len(self.root) != HASH_BYTES:
            raise NoteError(f"checkpoint: line 3 (root hash) has {len(self.root):,} bytes, not {HASH_BYTES}")
        for number, line in enumerate(self.extensions, 4):
            _check_line(f"line {number} (extension)", line)

    def text(self) -> str:
        """The text of the note, which is what gets signed."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), encoded(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint that the text of a note states. Raises NoteError."""
        if not text.endswith("\n"):
            raise NoteError("checkpoint: the last line does not end in a newline")
        lines = text[:-1].split("\n")
        if len(lines) < 3:
            raise NoteError(f"checkpoint: has {len(lines)} lines, not at least origin, tree size and root hash")
        return cls(
            lines[0],
            parse_size("checkpoint: line 2 (tree size)", lines[1]),
            decoded("checkpoint: line 3 (root hash)", lines[2]),
            tuple(lines[3:]),
        )

    @property
    def root_is_plausible(self) -> bool:
        """False if there are no leaves and yet another root than that of the empty tree (a witness answers 422)."""
        return self.size > 0 or self.root == EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class ValidSignature:
    """That a known key signed. `timestamp`: POSIX seconds, None where none is stated (type 0x01, or 0x06 with zero).

    Of several cosignatures by one key it is the earliest: since then, at the latest, the checkpoint exists.
    """

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint and those known keys that signed it, each once, every one of their signatures verified."""

    checkpoint: Checkpoint
    note: Note
    signatures: tuple[ValidSignature, ...]

    @property
    def keys(self) -> frozenset[VerifierKey]:
        """The known keys that signed."""
        return frozenset(one.key for one in self.signatures)


def signed_message(key_type: int, key_name: str, checkpoint: Checkpoint | str, timestamp: int) -> bytes:
    """What a key of this type and name signs, so as to sign a checkpoint (or its text) at that POSIX second.

    Type 0x01 has no time: `timestamp` is ignored. Raises NoteError for other types, times and lengths.
    """
    if isinstance(checkpoint, str):
        checkpoint = Checkpoint.parse(checkpoint)
    if key_type == ED25519:
        return checkpoint.text().encode()
    if key_type not in (COSIGNATURE, ML_DSA_44):
        raise NoteError(f"type {key_type:#04x} is not one of 0x01, 0x04 and 0x06, which sign checkpoints")
    _check_timestamp(key_type, key_name, timestamp)
    if key_type == COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{checkpoint.text()}".encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short("name of the cosigner", key_name),
            timestamp.to_bytes(8, "big"),
            _short("origin", checkpoint.origin),
            bytes(8),  # a checkpoint is the subtree that starts with the first leaf
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def signature_body(key_type: int, timestamp: int, signature: bytes) -> bytes:
    """What follows the key ID in a signature line: the bare signature, after its time stamp if the type has one."""
    return signature if key_type == ED25519 else timestamp.to_bytes(_TIMESTAMP_BYTES, "big") + signature


def open_checkpoint(data: bytes, keys: Iterable[VerifierKey]) -> OpenedCheckpoint:
    """A checkpoint, and who of `keys` signed it; signatures by other keys are ignored.

    Raises NoteError if it is malformed, NotSignedError if none of `keys` signed it, and SignatureError if one line
    with the name and key ID of one of `keys` does not verify, whatever the other lines say.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    times = verified(note, keys, lambda key, signature: verify_signature(key, signature, checkpoint))
    if checkpoint.extensions and all(key.type == ML_DSA_44 for key in times):
        raise NoteError("checkpoint: line 4 (extension) is covered by none of the known signatures")
    return OpenedCheckpoint(
        checkpoint,
        note,
        tuple(ValidSignature(key, min(filter(None, found), default=None)) for key, found in times.items()),
    )


def verify_signature(key: VerifierKey, signature: bytes, checkpoint: Checkpoint) -> int:
    """That what follows the key ID in a line is by this key over this checkpoint; returns its time, or 0 for none.

    Raises SignatureError.
    """
    timestamp = 0
    if key.type != ED25519:
        if len(signature) < _TIMESTAMP_BYTES:
            raise SignatureError(f"signature by {shown(key.name)}: is shorter than a time stamp")
        timestamp = int.from_bytes(signature[:_TIMESTAMP_BYTES], "big")
        signature = signature[_TIMESTAMP_BYTES:]
    try:
        message = signed_message(key.type, key.name, checkpoint, timestamp)
    except NoteError as error:
        raise SignatureError(str(error)) from None
    key.verify(signature, message)
    return timestamp


def parse_size(what: str, text: str) -> int:
    """A decimal from 0 to 2^63 - 1 without leading zeros. Raises NoteError that begins with `what`."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise NoteError(f"{what}: is not a decimal from 0 to 2^63 - 1 without leading zeros")
    return int(text)


def _check_line(what: str, line: str) -> None:
    if not line:
        raise NoteError(f"checkpoint: {what} is empty")
    if "\n" in line:
        raise NoteError(f"checkpoint: {what} contains a newline")
    check_characters(f"checkpoint: {what}", line)


def _check_timestamp(key_type: int, name: str, timestamp: int) -> None:
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise NoteError(f"signature by {shown(name)}: the time stamp is not from 0 to 2^63 - 1")
    if timestamp == 0 and key_type == COSIGNATURE:
        raise NoteError(f"signature by {shown(name)}: the time stamp of a cosignature of type 0x04 is zero")


def _short(what: str, text: str) -> bytes:
    """A vector of 1 to 255 bytes, as RFC 8446 section 3.4 writes it."""
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise NoteError(f"type 0x06 signs only if the {what} has 1 to 255 bytes, not {len(data):,}")
    return bytes([len(data)]) + data
