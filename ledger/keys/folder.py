"""The folder of the keys, `<ledger>.keys/`, and what is written to it so that it is there after a power cut.

Folder mode 700, files mode 600; what others can read is refused, since nobody could say who has read it.
"""

import os
from pathlib import Path
from typing import Final

from ledger.proof.sealing import DestroyedError

_OTHERS: Final = 0o077
ORIGIN: Final = "origin"
"""The file that says of which ledger the keys are."""


class KeysError(Exception):
    """Keys of a ledger are missing, unreadable, open to others, or do not open what they should."""


class DestroyedKeyError(KeysError, DestroyedError):
    """The key was destroyed, as its tombstone says; what it sealed is erased for good."""


def keys_folder(ledger: Path) -> Path:
    """Where the keys of a ledger file lie."""
    return ledger.with_name(f"{ledger.name}.keys")


def claim(ledger: Path, origin: str) -> None:
    """Write down, once, to which ledger (by its origin) the keys belong."""
    write_new(keys_folder(ledger) / ORIGIN, f"{origin}\n".encode())


def require_own(ledger: Path, origin: str) -> None:
    """Refuse the keys of another ledger. Raises KeysError."""
    path = keys_folder(ledger) / ORIGIN
    try:
        said = path.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return  # made before the ledger was, and of none yet
    except OSError as error:
        raise KeysError(f"{path}: cannot be read ({error.strerror})") from None
    if said != origin:
        raise KeysError(f"{keys_folder(ledger)}: these are the keys of another ledger ({said[:200]})")


def require_private(path: Path) -> None:
    """Refuse a file or folder that others than its owner may use. Raises KeysError, or FileNotFoundError."""
    if path.stat().st_mode & _OTHERS:
        wanted = 700 if path.is_dir() else 600
        raise KeysError(f"{path}: others than the owner have access to the keys; set its mode to {wanted}")


def write_new(path: Path, content: bytes) -> None:
    """Write a file that was not there, durably. Raises FileExistsError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # a full disk does not say which file it is about
        raise OSError(error.errno, error.strerror, str(path)) from None
    sync_folder(path.parent)


def overwrite(path: Path) -> None:
    """Put zeros in the place of what a file holds. (Where the disk puts them is the disk's affair: docs/keys.md.)"""
    with path.open("r+b") as file:
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())


def put(path: Path, content: bytes) -> None:
    """Put a file in its place, durably, whatever was there. Interruptions leave one draft, always of the same name."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    write_new(draft, content)
    move(draft, path)


def move(source: Path, target: Path) -> None:
    """Rename a file onto another, durably."""
    source.replace(target)
    sync_folder(target.parent)


def remove(path: Path) -> None:
    """Overwrite a file and take it away, durably. One that is not there is fine."""
    if path.exists():
        overwrite(path)
        path.unlink()
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or unlinked in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
