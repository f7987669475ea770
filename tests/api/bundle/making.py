"""Making bundles of a ledger, and looking at what was made and recorded."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from api.access import Session, viewer_of
from api.bundle.writing import export_bundle
from ledger.domain.roles import ROLES, Viewer
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import load_keys
from ledger.recording.reader import LedgerReader
from tests.trials import SITE

MASKABLE: Final = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")
UNMASKED: Final = {"pharmacist", "statistician", "dmc", "safety-physician", "archive", "auditor"}
"""Who has arms in sight in the trial of `conftest.py`: who always has, the archive, and an auditor by a grant."""


def viewer(role: str, *, sites: bool = True) -> Viewer:
    own = frozenset({SITE}) if sites and ROLES[Role(role)].identity else frozenset[str]()
    return viewer_of(f"{role}-1", role, "FJD", own)


def made(ledger: Path, role: str, at: str | None = None, *, name: str = "", sites: bool = True) -> Path:
    """The bundle of a role."""
    output = ledger.with_name(f"{name or role}.zip")
    return export_bundle(Session(ledger, viewer(role, sites=sites)), output, at).path


def there(ledger: Path) -> list[str]:
    """What lies in the folder of a ledger, without what SQLite keeps beside an open file."""
    return sorted(path.name for path in ledger.parent.iterdir() if not path.name.endswith(("-wal", "-shm")))


def anchored(ledger: Path, seq: int) -> bool:
    """Whether an anchor follows right upon an entry: a bundle up to it ends with that."""
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        return any(json.loads(raw)["stream"] == "anchors" for _, raw, _ in reader.stored(Book.OPEN, seq + 1, seq + 2))


def end_of_command(ledger: Path, at_least: int) -> str:
    """The first position from there on with which a command ends."""
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        for seq, raw, _ in reader.stored(Book.OPEN, at_least, reader.head().open):
            command = json.loads(raw)["command"]
            if command["n"] == command["of"] - 1:
                return str(seq)
    raise AssertionError(f"no command ends after {at_least}")


def facts(ledger: Path, book: Book) -> list[Any]:
    with closing(load_keys(ledger)) as keys:
        reader = LedgerReader(ledger, books=frozenset({book}), classes=frozenset({"plain", "arm"}), keys=keys)
        with closing(reader), reader:
            return list(reader.facts())
