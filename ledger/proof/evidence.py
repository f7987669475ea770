"""The evidence folder of a ledger: checkpoints with what others have signed on them, and time stamps.

    <ledger>.evidence/
        checkpoints/<size, 16 digits>-<8 hex digits>.checkpoint    a signed note; the digits begin SHA-256 of its origin
        timestamps/<stem of its checkpoint>-<number, 2 digits>.tsr  an RFC 3161 TimeStampResp over that checkpoint
        timestamps/<the same>-<the same>.er                         that time stamp, renewed: an RFC 4998 EvidenceRecord

1. Nothing in it is secret, and nothing in it is believed: each file is verified against keys that the reader brings.
2. A time stamp covers the checkpoint as its log signed it (`as_signed`), so that cosignatures can be added later.
3. Reading is bounded: number of files, size of each. What is no checkpoint, or has another's name, is refused by name.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import Note, NoteError

CHECKPOINTS: Final = "checkpoints"
TIMESTAMPS: Final = "timestamps"
MAX_NOTE_BYTES: Final = 1 << 18
"""A note with its cosignatures; those of ML-DSA-44 have 3.2 kB each."""
MAX_TOKEN_BYTES: Final = 1 << 16
MAX_RECORD_BYTES: Final = 1 << 21
"""An evidence record holds each renewal of a time stamp."""
MAX_FILES: Final = 100_000
"""How many checkpoints, and how many time stamps, are read of one ledger."""
_CHECKPOINT_NAME: Final = re.compile(r"[0-9]{16}-[0-9a-f]{8}\.checkpoint")
_TOKEN_NAME: Final = re.compile(r"([0-9]{16}-[0-9a-f]{8})-([0-9]{2})\.(?:tsr|er)")


class EvidenceError(ValueError):
    """A file of evidence cannot be read as what its name says; the message names it, and the rule."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is stored; of its signatures nothing is verified yet."""

    name: str
    data: bytes
    note: Note
    checkpoint: Checkpoint

    @property
    def stem(self) -> str:
        return self.name.removesuffix(".checkpoint")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Checkpoints, by rising size; and by the stem of each its time stamps and their records, by name."""

    checkpoints: Sequence[StoredCheckpoint] = ()
    tokens: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.checkpoints)


def evidence_folder(ledger: Path) -> Path:
    """Where the evidence of a ledger file lies."""
    return ledger.with_name(f"{ledger.name}.evidence")


def stem_of(checkpoint: Checkpoint) -> str:
    """What the names of a checkpoint and of its time stamps begin with."""
    return f"{checkpoint.size:016d}-{hashlib.sha256(checkpoint.origin.encode()).hexdigest()[:8]}"


def checkpoint_name(checkpoint: Checkpoint) -> str:
    """The name of a checkpoint's file."""
    return f"{stem_of(checkpoint)}.checkpoint"


def token_name(checkpoint: Checkpoint, number: int) -> str:
    """The name of a time stamp's file; `number` counts those of one checkpoint, from 0."""
    return f"{stem_of(checkpoint)}-{number:02d}.tsr"


def as_signed(note: Note) -> bytes:
    """The bytes that a time stamp covers: the note with its log's own signature lines, those named as the origin."""
    origin = note.text.partition("\n")[0]
    return Note(note.text, tuple(one for one in note.signatures if one.name == origin)).encode()


def stored_checkpoint(name: str, data: bytes) -> StoredCheckpoint:
    """A checkpoint out of a file of that name. Raises EvidenceError."""
    if len(data) > MAX_NOTE_BYTES:
        raise EvidenceError(f"{name}: a checkpoint has at most {MAX_NOTE_BYTES:,} bytes")
    try:
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
    except NoteError as error:
        raise EvidenceError(f"{name}: is no checkpoint ({error})") from None
    return StoredCheckpoint(name, data, note, checkpoint)


def collected(files: Iterable[tuple[str, bytes]]) -> Evidence:
    """Evidence out of files, each with its path in the folder. Raises EvidenceError."""
    checkpoints: list[StoredCheckpoint] = []
    tokens: dict[str, dict[str, bytes]] = {}
    for path, data in files:
        folder, _, name = path.rpartition("/")
        if len(data) > (most := most_bytes(name)):
            raise EvidenceError(f"{path}: has more than {most:,} bytes")
        if folder == CHECKPOINTS and _CHECKPOINT_NAME.fullmatch(name):
            stored = stored_checkpoint(name, data)
            if checkpoint_name(stored.checkpoint) != name:
                raise EvidenceError(f"{path}: the checkpoint in it belongs into {checkpoint_name(stored.checkpoint)}")
            checkpoints.append(stored)
        elif folder == TIMESTAMPS and (matched := _TOKEN_NAME.fullmatch(name)):
            tokens.setdefault(matched[1], {})[name] = data
        else:
            raise EvidenceError(f"{path}: no evidence has such a name")
    return Evidence(sorted(checkpoints, key=lambda one: one.name), {stem: tokens[stem] for stem in sorted(tokens)})


def read_evidence(folder: Path) -> Evidence:
    """All evidence in a folder; none where there is no folder. Raises EvidenceError."""
    try:
        return collected(_files(folder))
    except EvidenceError as error:
        raise EvidenceError(f"{folder}: {error}; if it is no evidence of this ledger, move it away") from None


def _files(folder: Path) -> Iterable[tuple[str, bytes]]:
    for part, pattern in ((CHECKPOINTS, _CHECKPOINT_NAME), (TIMESTAMPS, _TOKEN_NAME)):
        # What has another name (a temporary file of a writer, a note of the keeper) is not ours to read.
        paths = sorted(path for path in (folder / part).glob("*") if pattern.fullmatch(path.name))
        if len(paths) > MAX_FILES:
            raise EvidenceError(f"{part}: {len(paths):,} files; at most {MAX_FILES:,} are read")
        for path in paths:
            most = most_bytes(path.name)
            try:
                with path.open("rb") as file:
                    data = file.read(most + 1)
            except OSError as error:
                raise EvidenceError(f"{part}/{path.name}: cannot be read ({error.strerror})") from None
            if len(data) > most:
                raise EvidenceError(f"{part}/{path.name}: has more than {most:,} bytes")
            yield f"{part}/{path.name}", data


def most_bytes(name: str) -> int:
    """How long a file of evidence may be, by its name."""
    return {".checkpoint": MAX_NOTE_BYTES, ".tsr": MAX_TOKEN_BYTES}.get(Path(name).suffix, MAX_RECORD_BYTES)
