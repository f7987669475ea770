"""Where a ledger's books lie: in a file, or in a database to which the file of that name is a link."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from ledger.proof.ledger_file import check_ledger_file
from ledger.proof.link import is_link
from ledger.recording.books import Books
from ledger.recording.drafts import Randomness, WritingKeys
from ledger.recording.engine import create_ledger
from ledger.recording.live import utc_now
from ledger.recording.sqlite import SQLiteBooks


def open_books(
    path: Path,
    *,
    clock: Callable[[], datetime] = utc_now,
    randomness: Randomness | None = None,
    keys: WritingKeys | None = None,
) -> Books:
    """The books of a ledger, for appending. Raises LedgerFileError, StorageError."""
    check_ledger_file(path)
    if is_link(path):
        from ledger.recording.postgres.books import PostgresBooks

        return PostgresBooks(path, clock=clock, randomness=randomness, keys=keys)
    return SQLiteBooks(path, clock=clock, randomness=randomness, keys=keys)


def wait_until_durable(path: Path) -> None:
    """Return when all that could be read of a ledger so far is durable. Raises LedgerFileError, StorageError.

    A file shows what is on disk alone. A server with standbys can show what only it has, and a failover would take.
    """
    if is_link(path):
        from ledger.recording.postgres.standing import wait_for_standbys

        wait_for_standbys(path)


class Store(Protocol):
    """Where new books are made."""

    def create(self, path: Path, origin: str) -> None:
        """Make empty books, and what is to lie at `path`. Raises LedgerFileError, StorageError."""

    def discard(self, path: Path) -> None:
        """Take away what `create` made, since nothing came to be recorded in it."""


class InFile:
    """In the file itself."""

    def create(self, path: Path, origin: str) -> None:
        create_ledger(path, origin)

    def discard(self, path: Path) -> None:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


IN_FILE: Final = InFile()


@dataclass(frozen=True, slots=True)
class InDatabase:
    """In PostgreSQL, by the URL of a database and the name that the trial is to have there."""

    url: str
    trial: str

    def create(self, path: Path, origin: str) -> None:
        from ledger.recording.postgres.connecting import Address
        from ledger.recording.postgres.creating import create_in

        create_in(Address(self.url, self.trial), path, origin)

    def discard(self, path: Path) -> None:
        from ledger.recording.postgres.connecting import Address
        from ledger.recording.postgres.creating import discard

        discard(Address(self.url, self.trial))
        path.unlink(missing_ok=True)
