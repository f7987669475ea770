"""Files that are there whole or not at all, and that outlive a power cut.

A file is written under a name of its own beside its place, synced, and given its name by a rename; then the folder is
synced. Who reads it meets the old file, the new one, or none: never half of one. What is made while others may ask
for the same is held by a lock, which ends with its process: so what a kill left is known, and taken away.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import BinaryIO, Final

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
def drafted_file(output: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file of its owner alone, and its name beside `output`: to be linked or renamed there within, and gone after.

    What a kill left of one for the same output is taken away. Raises BlockingIOError where another is making it.
    """
    draft = output.with_name(f".{output.name}.new")
    with locked(draft, wait=False) as left:
        if left is None:
            raise _busy(output)
        draft.unlink()  # never written to: it may be another name of what was made and moved
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        except FileExistsError:
            raise _busy(output) from None
    try:
        with os.fdopen(handle, "wb", 1 << 20) as file:
            if not _lock(handle, wait=False):
                raise _busy(output)
            yield file, draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def drafted_folder(output: Path) -> Iterator[Path]:
    """An empty folder of its owner alone beside `output`: to be renamed within, and gone afterwards.

    What a kill left of one for the same output is taken away. Raises BlockingIOError where another is making it.
    """
    draft = output.with_name(f".{output.name}.draft")
    draft.mkdir(mode=0o700, exist_ok=True)
    with _held(draft) as held:
        if not held:
            raise _busy(output)
        _emptied(draft)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder of its owner alone, gone afterwards; those that a kill left are taken away before."""
    for left in Path(gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError), _held(left) as held:
            if held and left.stat().st_uid == os.getuid() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=prefix) as folder, _held(Path(folder)):
        yield Path(folder)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder; False where another has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield _lock(handle, wait=False)
    finally:
        os.close(handle)


def _emptied(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def _busy(output: Path) -> BlockingIOError:
    return BlockingIOError(11, "another process is making it", str(output))


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
