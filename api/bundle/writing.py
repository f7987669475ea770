"""Making a bundle: the look is recorded, then the file made, then the export recorded, and then it has its name.

1. Who receives arms or names is recorded as having looked, before anything is read for the bundle. Where that cannot be
   recorded there is no bundle.
2. The file grows under a name of its own beside its place, for its owner alone. Its SHA-256 is recorded
   (`api/access.py`: in the sealed book for who knows arms) before it is linked to its name. None is ever overwritten.
3. An erasure that is recorded before the export reaches it: what was made meanwhile, with the name in it, is dropped.
4. Without a position, a checkpoint of the open book is made, and the bundle ends where it does. Somebody who knows arms
   leaves none in the evidence folder.
"""

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from api.access import Session
from api.bootstrap import own_keys
from api.bundle.contents import Making, contents_of
from api.bundle.handed import Handed, Names, forms_of
from api.bundle.walked import position_of
from api.bundle.zipped import write_zip
from api.durable import drafted_file
from api.evidence.book import open_book
from api.evidence.making import checkpoint_for_export
from ledger.domain.events.erasure import IdentityErased
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import TrialKeys
from ledger.keys.folder import KeysError, sync_folder
from ledger.keys.signing import load_signing_keys
from ledger.keys.wrapped import wrapped_keys
from ledger.proof.evidence import Evidence, StoredCheckpoint, evidence_folder, read_evidence
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader, Position

KIND: Final = "bundle"


class BundleWriteError(ValueError):
    """No bundle can be made so; the message says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was made. `checkpoint`: the size of the newest one in it; None without any."""

    path: Path
    sha256: str
    bytes: int
    position: Position
    checkpoint: int | None


def export_bundle(
    session: Session, output: Path, at: str | None = None, *, clock: Callable[[], datetime] = utc_now
) -> Made:
    """Make the bundle of what the viewer of `session` may see, up to a position (without: all).

    Raises BundleWriteError, AsOfError (before anything is recorded), DeniedError, LedgerFileError, KeysError,
    EvidenceError, StorageError, OSError.
    """
    if output.exists() or output.is_symlink():
        raise BundleWriteError(f"{output}: exists already, and is left as it is; name a new file")
    if not output.parent.is_dir():
        raise BundleWriteError(f"{output}: there is no folder {output.parent}")
    sight = session.sight
    with closing(_reader(session.path, sight, None)) as reader, reader:
        position_of(reader, at)
    classes = {PLAIN}
    if sight.arms:
        session.admit(ARM, KIND)
        classes.add(ARM)
    if sight.names or session.viewer.sites:
        session.admit(IDENTITY, KIND)
        classes.add(IDENTITY)
    before = _open_size(session.path)
    made: StoredCheckpoint | None = None
    if at is None:
        made = checkpoint_for_export(session.path, keep=not session.knows_arms, clock=clock)
        at = str(made.checkpoint.size - 1)
    with drafted_file(output) as (file, draft):
        try:
            position, newest, digest = _written(session, sight, at, made, file)
        except AssertionError:  # a key that was there is not there any more
            _refuse_if_erased(session.path, before, classes)
            raise
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
        session.exported(KIND, frozenset(classes), digest)
        _refuse_if_erased(session.path, before, classes)
        _named(draft, output)
    return Made(output, digest, size, position, newest)


def _written(
    session: Session, sight: Sight, at: str, made: StoredCheckpoint | None, file: BinaryIO
) -> tuple[Position, int | None, str]:
    path = session.path
    archive = session.viewer.role == Role.ARCHIVE
    opens = not archive and (sight.arms or sight.names)
    today = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with (
        closing(own_keys(path)) if opens else nullcontext() as keys,
        closing(today),
        today,
        closing(_reader(path, sight, keys)) as reader,
        reader,
    ):
        position = position_of(reader, at)
        forms = forms_of(sight, archive=archive)
        evidence = _with(read_evidence(evidence_folder(path)), made)
        making = Making(
            reader,
            position,
            Handed(forms, keys, Names(sight, today)),
            session.viewer.role,
            None if sight.sites is None else tuple(sorted(sight.sites)),
            forms,
            evidence,
            _log_keys(path),
            wrapped_keys(path) if archive else b"",
        )
        contents = contents_of(making)
        digest = write_zip(file, contents)
        sizes = [one.checkpoint.size for one in evidence.checkpoints if one.checkpoint.size <= position.open]
        return position, max(sizes, default=None), digest.hex()


def _reader(path: Path, sight: Sight, keys: TrialKeys | None) -> LedgerReader:
    return LedgerReader(path, books=sight.books, classes=frozenset({PLAIN}), keys=keys)


def _with(evidence: Evidence, made: StoredCheckpoint | None) -> Evidence:
    if made is None or any(one.name == made.name for one in evidence.checkpoints):
        return evidence
    return Evidence(sorted([*evidence.checkpoints, made], key=lambda one: one.name), evidence.tokens)


def _open_size(path: Path) -> int:
    with open_book(path) as book:
        return book.size


def _refuse_if_erased(path: Path, start: int, classes: set[str]) -> None:
    """Raises BundleWriteError where a name has been erased since the book had `start` entries, and names are given."""
    with open_book(path) as book:
        if IDENTITY in classes and book.holds_any(frozenset({IdentityErased.type}), start):
            raise BundleWriteError(f"{path}: a name was erased while the bundle was made, so it is not kept; try again")


def _log_keys(path: Path) -> bytes:
    """The verifier keys of the ledger, one a line; none where it has no signing keys."""
    try:
        return "".join(f"{key.encode()}\n" for key in load_signing_keys(path).vkeys).encode()
    except KeysError:
        return b""


def _named(draft: Path, output: Path) -> None:
    try:
        os.link(draft, output)  # unlike a rename, refuses to replace a file that came in between
    except FileExistsError:
        raise BundleWriteError(f"{output}: exists already, and is left as it is; name a new file") from None
    sync_folder(output.parent)
