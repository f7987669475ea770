"""Putting a new ledger, with what lies beside it, in its place when it is whole: all of it or nothing.

    .<name>.making/               mode 700; only while a ledger is being made, or where that was killed
        lock                      held by whoever is at work
        placing                   the names of what is being moved into its place
        made/<name>, made/<name>.keys/, made/<name>.evidence/, made/<name>.restored

1. Nothing that is there is ever overwritten: neither a ledger, nor keys, evidence or a mark under its name.
2. The ledger file gets its name last, by a link that refuses to replace. Before that, there is no ledger.
3. Whatever ends in between takes away what was moved. What a kill left, the next making of that name takes away: what
   is missing in `made` while there is no ledger was moved by the one that was killed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from api import durable
from api.restoring.mark import mark_file
from ledger.keys.folder import keys_folder, sync_folder, write_new
from ledger.proof.evidence import evidence_folder
from ledger.proof.ledger_file import LedgerFileError

_MADE: Final = "made"
_PLACING: Final = "placing"


class DraftError(LedgerFileError):
    """No ledger can be put there; the message says why."""


def beside(ledger: Path) -> tuple[Path, ...]:
    """What may lie beside a ledger file from its beginning."""
    return keys_folder(ledger), evidence_folder(ledger), mark_file(ledger)


@contextmanager
def drafted(ledger: Path) -> Iterator[Path]:
    """Where the ledger is to be made; it is put in its place when the block ends well. Raises DraftError, OSError."""
    if not ledger.parent.is_dir():
        raise DraftError(f"{ledger}: cannot be created: there is no folder {ledger.parent}")
    if _there(ledger):
        if _folder(ledger).exists():  # one was killed when all was done but this
            with _held(ledger):
                pass
        raise DraftError(f"{ledger}: exists already; a ledger is never overwritten")
    with _held(ledger) as folder:
        _require_free(ledger, *beside(ledger))
        made = folder / _MADE
        made.mkdir(mode=0o700)
        yield made / ledger.name
        _place(folder, ledger)


@contextmanager
def _held(ledger: Path) -> Iterator[Path]:
    """The folder of the draft, for us alone, emptied of what was left in it; it is taken away in the end."""
    folder = _folder(ledger)
    folder.mkdir(mode=0o700, exist_ok=True)
    with durable.locked(folder / "lock", wait=False) as held:
        if held is None:
            raise DraftError(f"{ledger}: another process is making a ledger of this name")
        try:
            _take_back(folder, ledger)
            yield folder
        finally:
            _take_back(folder, ledger)
            shutil.rmtree(folder)


def _folder(ledger: Path) -> Path:
    return ledger.with_name(f".{ledger.name}.making")


def _there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _require_free(*paths: Path) -> None:
    for path in paths:
        if _there(path):
            raise DraftError(f"{path}: exists already, and is never overwritten; use another name")


def _place(folder: Path, ledger: Path) -> None:
    made = folder / _MADE
    moving = [target for target in beside(ledger) if (made / target.name).exists()]
    sync_folder(made)
    write_new(folder / _PLACING, "".join(f"{target.name}\n" for target in moving).encode())
    for target in moving:
        _require_free(target)
        (made / target.name).rename(target)
    sync_folder(ledger.parent)
    try:
        os.link(made / ledger.name, ledger)  # unlike a rename, refuses to replace a file that came in between
    except FileExistsError:
        raise DraftError(f"{ledger}: exists already; a ledger is never overwritten") from None
    sync_folder(ledger.parent)


def _take_back(folder: Path, ledger: Path) -> None:
    """Drop what was made; of what was moved already too, where the ledger did not get its name."""
    made, placing = folder / _MADE, folder / _PLACING
    if placing.exists():
        draft = made / ledger.name
        if not (_there(ledger) and draft.exists() and ledger.samefile(draft)):
            moved = placing.read_text("utf-8").splitlines()
            for target in beside(ledger):
                if target.name in moved and not (made / target.name).exists():
                    _drop(target)
        placing.unlink()
    if made.exists():
        shutil.rmtree(made)


def _drop(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
