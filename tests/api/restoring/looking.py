"""What a restored ledger is compared by: its rows, and what it shows to each role."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from api.bootstrap import DeniedError, viewing
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Book, Role
from ledger.keys.folder import KeysError
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import fetch, open_reading
from projections.views import VIEWS
from tests.api.bundle.making import viewer

TABLES = {
    "open": "SELECT seq, name, version, command, entry, sections FROM open_entry JOIN open_stream "
    "ON stream = id WHERE seq < ? ORDER BY seq",
    "sealed": "SELECT seq, open_seq, slot, command, entry, sections FROM sealed_entry WHERE seq < ? ORDER BY seq",
}


def rows(ledger: Path, book: str, size: int = 1 << 40) -> list[Any]:
    """The stored rows of a book."""
    with closing(open_reading(ledger)) as connection:
        return fetch(connection, TABLES[book], (size,))


def heads(ledger: Path) -> dict[str, tuple[Any, ...]]:
    with closing(open_reading(ledger)) as connection:
        return {row[0]: row[1:] for row in fetch(connection, "SELECT book, origin, size, hash, frontier FROM head")}


def shown(ledger: Path, role: Role, view: str, at: str | None) -> str:
    """What a role is shown, or that it is shown nothing; `at` SEQ/SEALED, of which masked people see SEQ."""
    try:
        seen = viewing(ledger, viewer(role.value))
        masked = Book.SEALED not in seen.sight.books or VIEWS[view].needs_identity
        return str(seen.show(view, at.partition("/")[0] if at and masked else at).to_json())
    except DeniedError as error:
        return f"denied: {error}"
    except (LedgerFileError, KeysError) as error:
        return f"closed: {type(error).__name__}"


def all_shown(ledger: Path, at: str | None, roles: Iterable[Role] = tuple(ROLES)) -> dict[tuple[str, str], str]:
    """Every view of each of these roles."""
    return {(role.value, view): shown(ledger, role, view, at) for role in roles for view in VIEWS}


def lying(folder: Path) -> dict[str, bytes | None]:
    """All that lies in a folder, with its bytes, without what SQLite keeps beside an open file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
    }
