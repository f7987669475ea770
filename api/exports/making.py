"""Making an export: the look is recorded, then the files made, then the export recorded, and then it has its name.

1. An export is a folder: the files of its kind, and `manifest.json`, which says of which ledger, up to which position,
   for which role, by which version of the kind, and what the files hash to. Made again it has the same bytes.
2. It grows under a name of its own beside its place, for its owner alone. The SHA-256 of its manifest is recorded
   (in the sealed book for who knows arms) before it is renamed. None is ever overwritten.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from api.access import Session
from api.bootstrap import own_keys
from api.durable import drafted_folder
from api.exports.kinds import Kind
from api.exports.source import Source
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.keys.folder import sync_folder
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader
from projections.watched import Progress

MANIFEST: Final = "manifest.json"
FORMAT: Final = "trial-ledger/export/1"


class ExportError(ValueError):
    """No such export can be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was made. `sha256`: that of its manifest."""

    path: Path
    sha256: str
    manifest: dict[str, Any]


def export(
    session: Session,
    kind: Kind,
    output: Path,
    at: str | None = None,
    *,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = utc_now,  # noqa: ARG001  (the session's own, for who makes one)
) -> Exported:
    """Make an export of what the viewer of `session` may see, up to a position (without: all), as a new folder.

    Raises ExportError, AsOfError, DeniedError, LedgerFileError, KeysError, StorageError, OSError.
    """
    if output.exists() or output.is_symlink():
        raise ExportError(f"{output}: exists already, and is left as it is; name a new folder")
    if not output.parent.is_dir():
        raise ExportError(f"{output}: there is no folder {output.parent}")
    what = f"export {kind.name}"
    if session.sight.arms:
        session.admit(ARM, what)
    with drafted_folder(output) as draft:
        with source_of(session, at, progress) as source:
            try:
                kind.write(source, draft)
            except ImportError as error:
                if not kind.extra:
                    raise
                message = f"{error.name} is not installed; it comes with trial-ledger[{kind.extra}]"
                raise ExportError(f"{kind.name}: {message}") from None
            manifest = _manifest(source, kind, draft)
        data = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
        (draft / MANIFEST).write_bytes(data)
        _durable(draft)
        digest = hashlib.sha256(data).hexdigest()
        session.exported(kind.name, frozenset({PLAIN, ARM} if source.unmasked else {PLAIN}), digest)
        draft.rename(output)
        sync_folder(output.parent)
    return Exported(output, digest, manifest)


@contextmanager
def source_of(session: Session, at: str | None, progress: Progress | None = None) -> Iterator[Source]:
    """One snapshot of what the viewer may see, up to a position (without: all); whoever reads from it records it first.

    Raises ExportError, AsOfError, LedgerFileError, KeysError.
    """
    sight = session.sight
    classes = sight.classes - {IDENTITY}
    books = sight.books if sight.arms else sight.books & {Book.OPEN}
    with closing(own_keys(session.path)) if sight.arms else nullcontext() as keys:
        reader = LedgerReader(session.path, books=books, classes=classes, keys=keys)
        with closing(reader), reader:
            position = reader.position_at(at)
            trial = TrialState.fold(reader.stream(TRIAL_STREAM, stop=position))
            if trial.protocol is None:
                raise ExportError(f"{session.path}: no trial is registered in it by then")
            yield Source(session, reader, position, trial.protocol, progress, at)


def _manifest(source: Source, kind: Kind, folder: Path) -> dict[str, Any]:
    position: dict[str, Any] = {"open": {"seq": source.position.open - 1, "head": source.head(Book.OPEN)}}
    if source.unmasked and source.position.sealed:
        position["sealed"] = {"seq": source.position.sealed - 1, "head": source.head(Book.SEALED)}
    return {
        "format": FORMAT,
        "kind": kind.name,
        "version": kind.version,
        "trial": source.protocol.trial_id,
        "origin": source.origin,
        "role": source.viewer.role,
        "position": position,
        "recorded_at": source.made_at,
        **kind.manifest(),
        "files": [
            {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": _digest(path)}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ],
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _durable(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)
