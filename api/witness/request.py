"""The body of an add-checkpoint request, as C2SP tlog-witness lays it out. Pure.

    old <size>
    <hash of the consistency proof, base64>          0 to 63 such lines
                                                     an empty line
    <checkpoint: a signed note>

Nothing is repaired and nothing ignored: a body that differs in one byte from this form is refused with the line and
the rule.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import Note, NoteError, decoded
from ledger.proof.tree import HASH_BYTES, MAX_SIZE

MAX_BODY_BYTES: Final = 1 << 18
"""A note with many ML-DSA-44 signatures has 3.2 kB for each; this leaves room for more than the 16 of signed-note."""
MAX_PROOF_LINES: Final = 63
_OLD: Final = re.compile(rb"old (0|[1-9][0-9]{0,18})")


class RequestError(ValueError):
    """The body is no add-checkpoint request; the message names the line and the rule."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign a checkpoint. Of its signatures nothing is verified yet."""

    old: int
    """The size of the tree that the proof begins with, as the client believes the witness to have cosigned it."""
    proof: tuple[bytes, ...]
    data: bytes
    """The checkpoint as it came, a signed note."""
    note: Note
    checkpoint: Checkpoint

    def encode(self) -> bytes:
        """The body."""
        return encode(self.old, self.proof, self.data)


def encode(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of a request."""
    lines = [b"old %d" % old, *(b64encode(each) for each in proof)]
    return b"".join(line + b"\n" for line in lines) + b"\n" + note


def parse(body: bytes) -> AddCheckpoint:
    """A request out of the body of a POST. Raises RequestError."""
    if len(body) > MAX_BODY_BYTES:
        raise RequestError(f"the body has more than {MAX_BODY_BYTES} bytes")
    head, separator, data = body.partition(b"\n\n")
    if not separator:
        raise RequestError("there is no empty line between the proof and the checkpoint")
    first, *lines = head.split(b"\n")
    matched = _OLD.fullmatch(first)
    if matched is None or int(matched[1]) > MAX_SIZE:
        raise RequestError("line 1: 'old', a space and a size in decimal, without leading zeros")
    if len(lines) > MAX_PROOF_LINES:
        raise RequestError(f"the proof has {len(lines)} lines, more than {MAX_PROOF_LINES}")
    proof = tuple(_hash(number, line) for number, line in enumerate(lines, 2))
    try:
        note = Note.parse(data)
        return AddCheckpoint(int(matched[1]), proof, data, note, Checkpoint.parse(note.text))
    except NoteError as error:
        raise RequestError(f"checkpoint: {error}") from None


def _hash(number: int, line: bytes) -> bytes:
    try:
        hash_ = decoded("hash", line.decode("ascii"))
    except ValueError:
        hash_ = b""
    if len(hash_) != HASH_BYTES:
        raise RequestError(f"line {number}: a hash of {HASH_BYTES} bytes in base64")
    return hash_
