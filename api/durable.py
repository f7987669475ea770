"""Files that are there whole or not at all, and that outlive a power cut.

A file is written under a name of its own beside its place, synced, and given its name by a rename; then the folder is
synced. Who reads it meets the old file, the new one, or none: never half of one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.keys.folder import sync_folder

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows, where one process at a time is up to whoever runs them
    fcntl = None  # type: ignore[assignment]

OWNER_ONLY: Final = 0o600


def write(path: Path, data: bytes, *, mode: int = OWNER_ONLY, replace: bool = False) -> None:
    """A durable file with these bytes. Raises FileExistsError where there is one already that is not to be replaced."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # unlike a rename, refuses to replace a file that came in between
    except FileExistsError:
        raise FileExistsError(17, "exists already, and is left as it is", str(path)) from None
    except OSError as error:  # of the file that was asked for, and not of its draft, or of none (a full disk)
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Take a file away, durably; nothing happens where there is none."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Hold the lock that the file at `path` stands for, which is open meanwhile; None: another has it, and no waiting.

    It ends with the process that holds it, however that ends.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        yield handle if _lock(handle, wait) else None
    finally:
        os.close(handle)


def _lock(handle: int, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
