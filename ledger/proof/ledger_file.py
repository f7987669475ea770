"""Is this file a ledger? Told from its first bytes, before any database engine touches it."""

import os
import stat
from pathlib import Path
from typing import Final

from ledger.proof.link import MAGIC as LINK
from ledger.proof.link import LinkError, read_link
from ledger.proof.schema import APPLICATION_ID, FORMAT

_MAGIC: Final = b"SQLite format 3\x00"
_HEADER: Final = 100


class LedgerFileError(Exception):
    """The file cannot be used as a ledger; the message says why, in one sentence."""


def check_regular(path: Path, kind: str) -> None:
    """Raise LedgerFileError unless there is a regular file at `path`: a pipe would be waited for without end.

    `kind`: what was to be there, as in "a ledger file".
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise LedgerFileError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise LedgerFileError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from None
    if stat.S_ISDIR(mode):
        raise LedgerFileError(f"{path}: is a folder, not {kind}")
    if not stat.S_ISREG(mode):
        raise LedgerFileError(f"{path}: is no regular file, and so not {kind}")


def check_ledger_file(path: Path, *, linked: bool = True) -> None:
    """Raise LedgerFileError unless `path` is a whole file of this format, or (`linked`) a link to a ledger elsewhere.

    Missing, a folder, not SQLite, another application's database, a newer format, and a file cut short each get
    their own sentence.
    """
    check_regular(path, "a ledger file")
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            length = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise LedgerFileError(f"{path}: cannot be read ({error.strerror})") from None
    if header.startswith(LINK):
        _check_link(path, linked=linked)
        return
    if len(header) < _HEADER and _MAGIC.startswith(header[:16]) and header:
        raise LedgerFileError(f"{path}: the file is truncated: only {len(header)} bytes are left")
    if not header.startswith(_MAGIC):
        raise LedgerFileError(f"{path}: is not a ledger (not an SQLite database)")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise LedgerFileError(f"{path}: is not a ledger (an SQLite database of another application)")
    version = int.from_bytes(header[60:64], "big")
    if version > FORMAT:
        raise LedgerFileError(f"{path}: has format {version}; this version reads up to format {FORMAT}")
    if version < FORMAT:
        raise LedgerFileError(f"{path}: has format {version}, which no released version wrote")
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    # A crash in the middle of a checkpoint leaves a file shorter than its header says, and the write-ahead log
    # mends it: only without a log is it truncated.
    pages = int.from_bytes(header[28:32], "big")
    log = path.with_name(path.name + "-wal")
    if length < pages * page and not (log.exists() and log.stat().st_size):
        raise LedgerFileError(f"{path}: the file is truncated: {length} bytes, where {pages * page} belong")


def _check_link(path: Path, *, linked: bool) -> None:
    try:
        read_link(path)
    except (LinkError, OSError) as error:
        raise LedgerFileError(f"{path}: {error}") from None
    if not linked:
        raise LedgerFileError(
            f"{path}: is a link to a ledger in PostgreSQL, and no file that could be read as one: copy the ledger into "
            "a file first (trial-ledger copy), or use trial-ledger verify"
        )
