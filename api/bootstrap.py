"""The composition root: the one place where files, keys, clocks and random sources meet the rooms that need them."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ledger.application import TrialLedger
from ledger.domain.commands import Command, parse_command
from ledger.domain.events.base import TRIAL_STREAM, Facts
from ledger.domain.protocol import Protocol
from ledger.domain.roles import Sight, sight
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, create_keys, keys_folder, load_keys
from ledger.proof.canonical import parse
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Randomness
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import utc_now
from projections.base import Audience, audience_of
from projections.result import Result
from projections.runner import rebuild, show, views_folder

# An origin has neither white space nor "+" (C2SP tlog-checkpoint); a sponsor's own number for a trial may.
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


class DeniedError(PermissionError):
    """The role may not see what it asked for."""


def create_trial(
    path: Path,
    protocol: Protocol,
    *,
    actor: Actor,
    host: str,
    clock: Callable[[], datetime] = utc_now,
    randomness: Randomness | None = None,
    random: Callable[[int], bytes] = os.urandom,
    provenance: dict[str, object] | None = None,
    importing: bool = False,
) -> TrialLedger:
    """Make a ledger file and its keys, and register the trial as the first event.

    Origin: `<host>/<trial>/<128-bit hex>`. If anything fails, neither file nor keys are left behind.
    """
    if path.exists() or path.is_symlink():
        raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
    if not path.parent.is_dir():
        raise LedgerFileError(f"{path}: cannot be created: there is no folder {path.parent}")
    had_keys = keys_folder(path).exists()
    keys = create_keys(path, random(96))
    try:
        origin_id = random(16).hex()
        register = registration(protocol, actor, clock().isoformat(timespec="seconds"), origin_id, provenance)
        return TrialLedger.create(
            path,
            keys,
            register=register,
            importing=importing,
            origin=f"{host}/{_NO_NAME.sub('-', protocol.trial_id)}/{origin_id}",
            clock=clock,
            randomness=randomness,
        )
    except BaseException:
        if not had_keys:
            shutil.rmtree(keys_folder(path), ignore_errors=True)
        raise


def registration(
    protocol: Protocol, actor: Actor, at: str, origin_id: str, provenance: dict[str, object] | None
) -> Command[Facts]:
    """The command that registers a trial in a new ledger."""
    value: dict[str, object] = {
        "id": f"register-{origin_id}",
        "type": "register-trial",
        "actor": {"id": actor.id, "org": actor.org, "role": actor.role},
        "occurred_at": at,
        "data": {"protocol": parse(protocol.to_json())},
    }
    if provenance is not None:
        value["provenance"] = provenance
    return parse_command(value)


def open_trial(path: Path, *, clock: Callable[[], datetime] = utc_now) -> TrialLedger:
    """Open a ledger for recording."""
    check_ledger_file(path)  # what is no ledger has no keys to ask for
    return TrialLedger(path, load_keys(path), clock=clock)


@dataclass(frozen=True, slots=True)
class Viewing:
    """A ledger as one role may see it."""

    path: Path
    role: str
    sight: Sight

    @property
    def audience(self) -> Audience:
        return audience_of(self.sight.books, self.sight.classes)

    def show(self, view: str, as_of: str | int | None) -> Result:
        """A view as of a position or recorded time. Raises DeniedError, AsOfError, LedgerFileError."""
        reader = _reader(self.path, self.sight)
        try:
            return show(reader, view, self.audience, as_of=as_of, folder=views_folder(self.path))
        except PermissionError as error:
            raise DeniedError(f"role {self.role}: {error}") from None
        finally:
            reader.close()


def viewing(path: Path, role: str) -> Viewing:
    """The ledger as `role` may see it under its protocol; default is denial."""
    seen = sight(role, protocol_of(path))
    if Book.OPEN not in seen.books:
        raise DeniedError(f"role {role}: sees nothing of this trial")
    return Viewing(path, role, seen)


def rebuild_all(path: Path) -> list[Path]:
    """Make the views of every audience anew; the files that were made."""
    made = []
    for role in ("sponsor", "statistician"):
        seen = viewing(path, role)
        reader = _reader(path, seen.sight)
        try:
            rebuild(reader, seen.audience, views_folder(path))
        finally:
            reader.close()
        made.append(views_folder(path) / seen.audience.file_name)
    return made


def protocol_of(path: Path) -> Protocol:
    """The protocol in force at the head of a ledger."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            protocol = TrialState.fold(reader.stream(TRIAL_STREAM)).protocol
    finally:
        reader.close()
    if protocol is None:
        raise LedgerFileError(f"{path}: no trial is registered in it")
    return protocol


def _reader(path: Path, seen: Sight) -> LedgerReader:
    key = None
    if Book.SEALED in seen.books:
        try:
            key = load_keys(path).marks
        except KeysError:
            key = None  # the sealed book can be read in order without it, though not looked up
    return LedgerReader(path, books=seen.books, classes=seen.classes, key=key)
