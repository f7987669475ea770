"""Erasing what names persons in one subject's records: the event, then the key, then the views, whatever interrupts it.

1. What is being done lies in `<ledger>.keys/erasing` before anything else happens, and is taken away at the very end.
   Whoever does it holds that file's lock. Who opens the ledger and finds the file unlocked finishes what it says.
2. The event comes first: no key is destroyed of which the record does not say who had it destroyed, and why. An intent
   without its event is dropped.
3. Then every copy of the key in the keys' folder is destroyed, and then all views are made again with what goes
   overwritten. Views that cannot be made again are taken away: they say nothing that the ledger does not say.
4. What lies elsewhere is out of reach: a backup of the keys, a copy of the views, a file that was exported.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api import durable
from ledger.application import Answer, CommandRefusedError, TrialLedger
from ledger.domain.commands import Command
from ledger.domain.events.base import Facts, subject_stream
from ledger.domain.events.erasure import Erasure
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, TrialKeys, keys_folder, load_keys
from ledger.keys.folder import sync_folder
from ledger.proof.sections import IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader
from projections.runner import views_folder

INTENT: Final = "erasing"

Rebuild = Callable[[Path], object]
"""Makes the views of every audience of a ledger file anew."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to: how it was recorded, or why not (it had been before), and whether a key was left."""

    subject: str
    answer: Answer | None
    refused: CommandRefusedError | None
    key_destroyed_now: bool

    @property
    def recorded_now(self) -> bool:
        return self.answer is not None


def erase(trial: TrialLedger, command: Command[Facts], rebuild: Rebuild) -> Erased:
    """Erase a subject's names, or finish doing so. Raises what `TrialLedger.submit` raises, KeysError, OSError."""
    data = command.data
    if not isinstance(data, Erasure):
        raise TypeError(f"{command.type} erases nothing")
    path, subject = trial.path, data.subject
    with _intent(path, wait=True) as intent:
        if intent is None:
            raise KeysError(f"{keys_folder(path)}: an erasure cannot be begun here")
        _finish(path, intent, rebuild)  # what an earlier one left
        _write(intent, path, subject)
        answer, refused = None, None
        try:
            answer = TrialLedger.submit(trial, command)  # the recording alone: what follows from it is done here
        except CommandRefusedError as error:
            if error.refusal.rule != "erased-already":
                _drop(path)
                raise
            refused = error
        destroyed = _complete(path, subject, rebuild)
        trial.forget_destroyed_keys()
        _drop(path)
    return Erased(subject, answer, refused, destroyed)


def finish_interrupted(path: Path, rebuild: Rebuild) -> None:
    """Finish an erasure that was interrupted, if there is one. Raises KeysError, LedgerFileError."""
    if not _file(path).exists():
        return
    with _intent(path, wait=False) as intent:
        if intent is not None:  # else somebody is at it
            _finish(path, intent, rebuild)
            _drop(path)


def _finish(path: Path, intent: int, rebuild: Rebuild) -> None:
    subject = _read(intent)
    if subject is not None and _is_recorded(path, subject):
        _complete(path, subject, rebuild)


def _complete(path: Path, subject: str, rebuild: Rebuild) -> bool:
    """Destroy the key and make the views anew; whether there was a key left to destroy."""
    keys: TrialKeys = load_keys(path)
    try:
        stream = subject_stream(subject)
        left = not keys.destroyed(IDENTITY, stream)
        keys.destroy(IDENTITY, stream)
    finally:
        keys.close()
    _views_anew(path, rebuild)
    return left


def _views_anew(path: Path, rebuild: Rebuild) -> None:
    folder = views_folder(path)
    if not folder.exists():
        return
    try:
        rebuild(path)
    except Exception:  # whatever it is, it must not keep names in a view, nor the ledger from being opened
        for kept in sorted(folder.glob("*.db*")):
            with suppress(OSError):  # somebody else's; the ledger has to be opened all the same
                kept.unlink(missing_ok=True)


def _is_recorded(path: Path, subject: str) -> bool:
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            return SubjectState.fold(reader.stream(subject_stream(subject))).identity_erased_at is not None
    finally:
        reader.close()


# -- the intent ----------------------------------------------------------------------------------------------------


def _file(path: Path) -> Path:
    return keys_folder(path) / INTENT


@contextmanager
def _intent(path: Path, *, wait: bool) -> Iterator[int | None]:
    """The file of the intent, open and locked; None where another process has it and we do not wait."""
    while True:
        with durable.locked(_file(path), wait=wait) as handle:
            if handle is not None and not _still_there(handle, _file(path)):
                continue  # whoever had the lock before us took the file away
            yield handle
            return


def _still_there(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def _write(intent: int, path: Path, subject: str) -> None:
    os.ftruncate(intent, 0)
    os.pwrite(intent, json.dumps({"subject": subject}).encode(), 0)
    os.fsync(intent)
    sync_folder(keys_folder(path))


def _read(intent: int) -> str | None:
    """The subject of an earlier intent; None for none, or half of one: nothing was recorded then either."""
    try:
        return str(json.loads(os.pread(intent, 1 << 16, 0))["subject"])
    except (ValueError, KeyError, TypeError):
        return None


def _drop(path: Path) -> None:
    durable.remove(_file(path))
