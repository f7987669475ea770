"""A dossier of an evidence bundle: of a ledger that is made of it for as long as that takes, and then gone.

1. The bundle is verified before anything is read of it. `--role` is a filter on what the bundle and the keys that are
   brought along open: on a file that one holds, the keys are the control (`api/access.py`, rule 5).
2. Nothing is recorded, for it is not the ledger: neither looks nor that the dossier was made. The manifest says so.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.access import Session
from api.bootstrap import DeniedError
from api.dossier import words
from api.durable import passing_folder
from api.restoring.making import restore
from api.restoring.mark import NEVER, read_mark
from ledger.domain.events.base import Event
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Book
from ledger.keys.kek import SEALED_KEK
from ledger.proof.assess import Trusted


class Unrecorded(Session):
    """A session with something that is no ledger of anybody's: what is looked at in it is recorded nowhere."""

    def _record(self, cls: type[Event], said: dict[str, object]) -> None:
        pass


def cannot_record(ledger: Path) -> bool:
    """Whether a ledger file was restored for reading. Raises LedgerFileError."""
    mark = read_mark(ledger)
    return mark is not None and mark.recording == NEVER


@contextmanager
def session_of(
    bundle: Path,
    viewer: Viewer,
    keys: Sequence[Path],
    trusted: Trusted,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Session]:
    """A session with a ledger file that is made of the bundle, for its reader alone; gone afterwards.

    Of a kill that nothing can be done against, the next run takes away what it left.

    Raises DeniedError where the viewer is to see arms and the bundle does not have them, or its keys were not brought;
    UnsoundBundleError and other LedgerFileErrors, KeysError, EvidenceError, OSError.
    """
    with passing_folder("trial-ledger-dossier-") as folder:
        made = restore(bundle, folder / "ledger.db", keys=keys, trusted=trusted, progress=progress)
        session = Unrecorded(made.path, viewer)
        if session.sight.arms:
            if Book.SEALED.value not in made.report.books:
                raise DeniedError(f"role {viewer.role}: {bundle} was made for {made.role}, without the sealed book")
            if SEALED_KEK in made.missing:
                raise DeniedError(f"role {viewer.role}: {bundle} has arms, and --keys does not bring the key to them")
        yield session


def said_of(bundle: Path) -> Mapping[str, Any]:
    """What the manifest of a dossier of a bundle says beside what every one says."""
    with bundle.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bundle": {"name": bundle.name, "sha256": digest}, "recorded": False, "remark": words.NOT_RECORDED}
