"""Writing the evidence folder, `<ledger>.evidence/`; its names and how it is read: `ledger/proof/evidence.py`.

1. A file appears whole or not at all. A checkpoint's file only ever gains signatures; one with another text under the
   same name would be a fork, and is refused.
2. Of two signatures by one key the first stays: what was cosigned earlier says more. None is ever dropped.
3. Nothing in the folder is secret: whoever may read the ledger may read it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api import durable
from ledger.keys.folder import sync_folder
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import (
    CHECKPOINTS,
    MAX_NOTE_BYTES,
    TIMESTAMPS,
    EvidenceError,
    StoredCheckpoint,
    checkpoint_name,
    evidence_folder,
    stem_of,
    stored_checkpoint,
    token_name,
)
from ledger.proof.note import Note, NoteError, NoteSignature

_LOCK: Final = ".lock"
_READABLE: Final = 0o644
_TOKENS: Final = 100
"""How many time stamps one checkpoint may have: their numbers have two digits."""


def put(ledger: Path, note: Note) -> StoredCheckpoint:
    """Store a checkpoint, or the signatures that its file does not have yet. Raises EvidenceError, OSError."""
    try:
        checkpoint = Checkpoint.parse(note.text)
    except NoteError as error:
        raise EvidenceError(f"no checkpoint to store: {error}") from None
    with _writing(ledger) as folder:
        path = folder / CHECKPOINTS / checkpoint_name(checkpoint)
        stored = _read(path)
        if stored is not None and stored.note.text != note.text:
            raise EvidenceError(f"{path}: holds another checkpoint of this origin and size: one of the two is a fork")
        merged = note if stored is None else merge(stored.note, note.signatures)
        if stored is not None and merged == stored.note:
            return stored
        made = stored_checkpoint(path.name, merged.encode())
        durable.write(path, made.data, mode=_READABLE, replace=True)
        return made


def add_signatures(ledger: Path, stored: StoredCheckpoint, signatures: tuple[NoteSignature, ...]) -> StoredCheckpoint:
    """A stored checkpoint with cosignatures that were given for it; whoever adds them has verified them."""
    return put(ledger, Note(stored.note.text, (*stored.note.signatures, *signatures)))


def merge(note: Note, signatures: tuple[NoteSignature, ...]) -> Note:
    """The note with those signatures whose keys have none on it yet."""
    held = {(one.name, one.key_id) for one in note.signatures}
    new = []
    for one in signatures:
        if (one.name, one.key_id) not in held:
            held.add((one.name, one.key_id))
            new.append(one)
    return note.adding(*new)


def put_token(ledger: Path, checkpoint: Checkpoint, token: bytes) -> Path:
    """Store a time stamp (DER TimeStampResp) over a checkpoint under the next number. Raises EvidenceError, OSError."""
    with _writing(ledger) as folder:
        for number in range(_TOKENS):
            path = folder / TIMESTAMPS / token_name(checkpoint, number)
            if not path.exists():
                durable.write(path, token, mode=_READABLE)
                return path
        raise EvidenceError(f"{folder / TIMESTAMPS}: {stem_of(checkpoint)} has {_TOKENS} time stamps already")


def has(ledger: Path, checkpoint: Checkpoint) -> bool:
    """Whether there is a file of this checkpoint."""
    return (evidence_folder(ledger) / CHECKPOINTS / checkpoint_name(checkpoint)).exists()


def stored(ledger: Path, *, least: int = 0) -> Iterator[StoredCheckpoint]:
    """Checkpoints of at least that size, the largest first, read one by one. What cannot be read is passed over.

    Of those with the same size, of different origins, the order is that of their names.
    """
    folder = evidence_folder(ledger) / CHECKPOINTS
    for name in sorted((path.name for path in folder.glob("*.checkpoint") if path.name[0] != "."), reverse=True):
        size = name.partition("-")[0]
        if size.isascii() and size.isdigit() and int(size) < least:
            return
        try:
            found = _read(folder / name)
        except EvidenceError:
            continue
        if found is not None and checkpoint_name(found.checkpoint) == name:
            yield found


def newest(ledger: Path) -> StoredCheckpoint | None:
    """The largest checkpoint that is stored; nothing of it is verified."""
    return next(stored(ledger), None)


def names_in(folder: Path) -> list[tuple[Path, list[str]]]:
    """The files of an evidence folder that are ours by their names, by the folder that they lie in; itself is last."""
    kinds = ((CHECKPOINTS, "*.checkpoint"), (TIMESTAMPS, "*.tsr"))
    return [(folder / kind, [path.name for path in (folder / kind).glob(pattern)]) for kind, pattern in kinds] + [
        (folder, [_LOCK])
    ]


def _read(path: Path) -> StoredCheckpoint | None:
    try:
        with path.open("rb") as file:
            return stored_checkpoint(path.name, file.read(MAX_NOTE_BYTES + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})") from None


@contextmanager
def _writing(ledger: Path) -> Iterator[Path]:
    folder = evidence_folder(ledger)
    made = [each for each in (folder, folder / CHECKPOINTS, folder / TIMESTAMPS) if not each.exists()]
    for each in made:
        each.mkdir(exist_ok=True)
    if made:
        for parent in (folder.parent, folder):
            sync_folder(parent)
    with durable.locked(folder / _LOCK):
        yield folder
