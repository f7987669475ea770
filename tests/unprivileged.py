"""Being somebody without rights, where the tests run as root: for what root may do whatever the mode of a file says."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NOBODY: Final = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's right to read and write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def folder_of_nobody(source: Path) -> Iterator[Path]:
    """A copy of a folder that an unprivileged user owns and can reach: pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="trial-ledger-"))
    try:
        copy = folder / "copy"
        shutil.copytree(source, copy)
        if os.geteuid() == 0:
            for each in (folder, copy, *copy.rglob("*")):
                os.chown(each, NOBODY, NOBODY)
        yield copy
    finally:
        for each in (copy, *copy.rglob("*")):
            if each.is_dir():
                each.chmod(0o700)
        shutil.rmtree(folder)
