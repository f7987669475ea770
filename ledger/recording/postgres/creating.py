"""Making a trial's books in a database, and the link by which they are found here.

The link appears when the books are there, and not before; an existing one is never overwritten, nor a trial's name
given twice in a database.
"""

import os
import re
from pathlib import Path
from typing import Final

import psycopg
from psycopg import conninfo

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.link import Link, read_link
from ledger.recording.postgres.connecting import NAME, Address, check_revision, translated

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def create_in(address: Address, path: Path, origin: str) -> None:
    """Make the empty books of `address.trial`, and the link to them at `path`. Raises LedgerFileError, StorageError."""
    if not NAME.fullmatch(address.trial) or address.trial.endswith(".copying"):
        raise LedgerFileError(f"{address}: needs the name of the trial (?trial=NAME)")
    if path.exists():
        raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
    with address.connect() as db:
        check_revision(db, address)
        try:
            db.execute("SELECT trial_ledger.create_trial(%s, %s)", (address.trial, origin))
        except psycopg.errors.UniqueViolation:
            raise LedgerFileError(
                f"{address}: has a trial {address.trial} already; a ledger is never overwritten"
            ) from None
        except psycopg.Error as error:
            raise translated(error, address) from None
    try:
        put_link(path, Link(address.url, address.trial, origin))
    except OSError as error:
        discard(address)
        raise LedgerFileError(f"{path}: cannot be created here ({error})") from None


def discard(address: Address) -> None:
    """Take away books in which nothing was ever recorded. Others stay as they are."""
    with address.connect() as db:
        try:
            db.execute(
                "SELECT trial_ledger.drop_empty(trial) FROM trial_ledger.trial WHERE name = %s", (address.trial,)
            )
        except psycopg.Error as error:
            raise translated(error, address) from None


def linked(address: Address) -> Path:
    """The link to a trial that is in its database; it is made where there is none yet. Raises LedgerFileError."""
    with address.connect() as db:
        check_revision(db, address)
        try:
            rows = db.execute(
                "SELECT t.name, b.origin FROM trial_ledger.trial t JOIN open_book.book b ON b.trial = t.trial "
                "WHERE t.name = %s OR %s = '' AND t.name NOT LIKE '%%.copying' ORDER BY t.name",
                (address.trial, address.trial),
            ).fetchall()  # fmt: skip
        except psycopg.Error as error:
            raise translated(error, address) from None
    if not rows:
        named = f"trial {address.trial}" if address.trial else "trial"
        raise LedgerFileError(f"{address}: has no {named}; trial-ledger init makes one")
    if len(rows) > 1:
        names = ", ".join(name for name, _ in rows[:20])
        raise LedgerFileError(f"{address}: has several trials ({names}): say which one by ?trial=NAME")
    name, origin = rows[0]
    link = Link(address.url, name, origin)
    path = place_of(Address(address.url, name))
    found = read_link(path)
    if found is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_link(path, link)
    elif found != link:
        raise LedgerFileError(f"{path}: leads to another ledger ({found.url}, {found.origin}); take it away, or use it")
    return path


def names_in(address: Address) -> list[str]:
    """The trials that a database has, without those that are being copied. Raises LedgerFileError, StorageError."""
    with address.connect() as db:
        check_revision(db, address)
        try:
            rows = db.execute("SELECT name FROM trial_ledger.trial WHERE name NOT LIKE '%.copying' ORDER BY name")
            return [name for (name,) in rows.fetchall()]
        except psycopg.Error as error:
            raise translated(error, address) from None


def place_of(address: Address) -> Path:
    """Where the link of a trial lies, and beside it its keys and evidence: below TRIAL_LEDGER_HOME."""
    known = conninfo.conninfo_to_dict(address.url)
    told = "-".join(str(known[part]) for part in ("host", "port", "dbname") if known.get(part))
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    home = Path(os.environ.get("TRIAL_LEDGER_HOME") or Path(base) / "trial-ledger")
    return home / (_NO_NAME.sub("-", told).strip("-") or "local") / address.trial


def put_link(path: Path, link: Link) -> None:
    """Write a link that was not there, durably. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(link.encode())
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
