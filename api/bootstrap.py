"""The composition root: the one place where files, keys, clocks and random sources meet the rooms that need them."""

import logging
import os
import re
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self

from api.erasure import erase, finish_interrupted
from api.evidence.automatic import CheckpointingLedger
from api.evidence.continuing import settle_if_due
from api.evidence.making import check_not_restored
from api.restoring.mark import NEVER, read_mark
from api.workers import others
from ledger.application import Answer, TrialLedger, reading
from ledger.domain.commands import Command, parse_command
from ledger.domain.events.base import TRIAL_STREAM, Facts
from ledger.domain.events.erasure import Erasure
from ledger.domain.protocol import Protocol
from ledger.domain.roles import Sight, Viewer, sight
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.allocation import keep_allocation
from ledger.keys.file import KeysError, TrialKeys, create_keys, keys_folder, load_keys
from ledger.keys.folder import require_own
from ledger.keys.signing import create_signing_keys
from ledger.proof.allocation import Parameters
from ledger.proof.canonical import parse
from ledger.proof.entry import Actor
from ledger.proof.ledger_file import LedgerFileError, check_ledger_file
from ledger.proof.sections import ENCRYPTED, IDENTITY, PLAIN
from ledger.recording.drafts import Randomness
from ledger.recording.engine import StorageError
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader
from ledger.recording.stores import IN_FILE, Store
from projections.base import Audience, audience_of
from projections.result import Result
from projections.runner import catch_up, rebuild, show, views_folder
from projections.store import StoreUnavailableError
from projections.views import VIEWS
from projections.watched import Progress, Watched

_log: Final = logging.getLogger("trial_ledger")
# An origin has neither white space nor "+" (C2SP tlog-checkpoint); a sponsor's own number for a trial may.
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


class DeniedError(PermissionError):
    """The role may not see what it asked for."""


class UnknownSiteError(ValueError):
    """A viewer's own site is none of the trial's."""


class LiveLedger(CheckpointingLedger):
    """A ledger for recording, with all that follows from a command: alerts, checkpoints, of an erasure the key gone."""

    def submit(self, command: Command[Facts], *, importing: bool = False) -> Answer:
        if not isinstance(command.data, Erasure):
            return super().submit(command, importing=importing)
        done = erase(self, command, rebuild_all)
        if done.refused is not None:
            raise done.refused
        assert done.answer is not None
        return done.answer


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
    store: Store = IN_FILE,
) -> TrialLedger:
    """Make a ledger and its keys, and register the trial as the first event.

    `store` says where its books are to lie, if not in the file itself; what lies at `path` is then a link.

    Origin: `<host>/<trial>/<128-bit hex>`. If anything fails, neither file nor keys are left behind.
    """
    if path.exists() or path.is_symlink():
        raise LedgerFileError(f"{path}: exists already; a ledger is never overwritten")
    if not path.parent.is_dir():
        raise LedgerFileError(f"{path}: cannot be created: there is no folder {path.parent}")
    had_keys = keys_folder(path).exists()
    keys = create_keys(path, random)
    try:
        origin_id = random(16).hex()
        origin = f"{host}/{_NO_NAME.sub('-', protocol.trial_id)}/{origin_id}"
        create_signing_keys(path, origin, random)
        register = registration(protocol, actor, clock().isoformat(timespec="seconds"), origin_id, provenance)
        return LiveLedger.create(
            path,
            keys,
            register=register,
            importing=importing,
            origin=origin,
            clock=clock,
            randomness=randomness,
            store=store,
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


def keep_list(path: Path, secret: bytes, parameters: Parameters) -> None:
    """Keep the secret of an allocation list with the ledger's keys, before it is committed to. Raises KeysError."""
    with closing(load_keys(path)) as keys:
        keep_allocation(keys, secret, parameters.to_value())


def open_trial(path: Path, *, clock: Callable[[], datetime] = utc_now) -> TrialLedger:
    """Open a ledger for recording. What an interruption left undone (an erasure, alerts) is done first.

    Raises RestoredBackupError where the file is not the one that was signed last.
    """
    check_ledger_file(path)  # what is no ledger has no keys to ask for
    settle_if_due(path)
    check_not_restored(path)
    try:
        finish_interrupted(path, rebuild_all)
    except (OSError, KeysError, StorageError) as error:  # it is tried again; nobody's code-break is to wait for it
        _log.warning("%s: an erasure is not finished yet: %s", path, error)
    ledger = LiveLedger(path, load_keys(path), clock=clock)
    ledger.catch_up_alerts()
    return ledger


@dataclass(frozen=True, slots=True)
class Viewing:
    """A ledger as one viewer may see it. Whoever hands out what it gives records the access first (`access.py`).

    `reads`: a link to a replica of the ledger, from which views without names are folded, where there is one.
    """

    path: Path
    role: str
    sight: Sight
    reads: Path | None = field(default=None, kw_only=True)

    @property
    def audience(self) -> Audience:
        return audience_of(self.sight.books, self.sight.classes)

    def show(
        self, view: str, as_of: str | int | None, progress: Progress | None = None, *, today: str | None = None
    ) -> Result:
        """A view as of a position or recorded time. Raises DeniedError, AsOfError, LedgerFileError.

        A view of names is handed the open book alone; any other is handed no key of a name. `progress` is told what is
        read; `today` is the day of the question.
        """
        known = VIEWS.get(view)
        named = known is not None and known.needs_identity
        books = self.sight.books & {Book.OPEN} if named else self.sight.books
        at = None if named else self.reads
        open_reader = partial(_reader, self.path, replace(self.sight, books=books, classes=self._classes(named)), at)
        reader = open_reader()
        try:
            return show(
                reader if progress is None else Watched(reader, progress),
                view,
                self.audience,
                sight=self.sight,
                role=self.role,
                as_of=as_of,
                folder=views_folder(at or self.path),
                today=today,
                others=others(open_reader),
            )
        except PermissionError as error:
            raise DeniedError(f"role {self.role}: {error}") from None
        finally:
            reader.close()

    def of_record(self) -> Self:
        """The same, read from no replica."""
        return replace(self, reads=None)

    def catch_up(self, progress: Progress | None = None) -> None:
        """Bring all kept views to the head in one pass, before many are shown. Where none can be kept, nothing."""
        open_reader = partial(_reader, self.path, replace(self.sight, classes=self._classes(False)), self.reads)
        reader = open_reader()
        try:
            with suppress(StoreUnavailableError):
                watched = reader if progress is None else Watched(reader, progress)
                catch_up(watched, self.audience, views_folder(self.reads or self.path), others=others(open_reader))
        finally:
            reader.close()

    def _classes(self, named: bool) -> frozenset[str]:
        return self.sight.classes & {PLAIN, IDENTITY} if named else self.sight.classes - {IDENTITY}


def viewing(path: Path, viewer: Viewer | str, *, now: str | None = None) -> Viewing:
    """The ledger as a viewer, or somebody without a name in a role, may see it now; default is denial.

    Raises DeniedError for who sees nothing at all, and UnknownSiteError.
    """
    if isinstance(viewer, str):
        viewer = Viewer("", viewer, "")
    trial = trial_of(path)
    assert trial.protocol is not None
    known = {site.id for site in trial.protocol.sites} | set(trial.sites)
    if unknown := sorted(viewer.sites - known):
        raise UnknownSiteError(f"{', '.join(unknown)}: no site of this trial; its sites are {', '.join(sorted(known))}")
    seen = sight(viewer, trial.protocol, trial, now=now or recorded(utc_now()))
    if Book.OPEN not in seen.books:
        raise DeniedError(f"role {viewer.role}: sees nothing of this trial")
    return Viewing(path, viewer.role, seen)


def rebuild_all(path: Path, progress: Progress | None = None) -> list[Path]:
    """Make the views of every audience anew; the files that were made."""
    made = []
    for role in ("participant", "statistician"):  # who never sees an arm, and who always does
        seen = viewing(path, role)
        try:
            open_reader = partial(_reader, path, seen.sight)
            reader = open_reader()
        except KeysError:  # of a file that was restored for reading, from a bundle without arms
            if (mark := read_mark(path)) is None or mark.recording != NEVER:
                raise
            continue
        try:
            watched = reader if progress is None else Watched(reader, progress)
            rebuild(watched, seen.audience, views_folder(path), others=others(open_reader))
        finally:
            reader.close()
        made.append(views_folder(path) / seen.audience.file_name)
    return made


def origin_of(path: Path) -> str:
    """The origin of a ledger's open book."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset())
    try:
        with reader:
            return reader.origin()
    finally:
        reader.close()


def own_keys(path: Path) -> TrialKeys:
    """The keys beside a ledger, and no other's. Raises KeysError."""
    require_own(path, origin_of(path))
    return load_keys(path)


def knows_some_arm(path: Path, person: str) -> bool:
    """Whether the open book says that a person has come to know an arm, of one subject or of all."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            return reading.knows_some_arm(reader, TrialState.fold(reader.stream(TRIAL_STREAM)), person)
    finally:
        reader.close()


def protocol_of(path: Path) -> Protocol:
    """The protocol in force at the head of a ledger."""
    protocol = trial_of(path).protocol
    assert protocol is not None
    return protocol


def trial_of(path: Path) -> TrialState:
    """The trial as a whole, at the head of a ledger; registered. It is read without any key."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            trial = TrialState.fold(reader.stream(TRIAL_STREAM))
    finally:
        reader.close()
    if not trial.registered:
        raise LedgerFileError(f"{path}: no trial is registered in it")
    return trial


def _reader(path: Path, seen: Sight, at: Path | None = None) -> LedgerReader:
    """A reader of what `seen` has in sight, of the replica `at`. Who sees plain sections alone is not handed keys."""
    keys = own_keys(path) if seen.books != {Book.OPEN} or seen.classes & ENCRYPTED else None
    return LedgerReader(at or path, books=seen.books, classes=seen.classes, keys=keys)
