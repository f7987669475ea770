"""Going on after a restored backup, or without the old signing key: an explicit act, on the record, under a new origin.

    <ledger>.keys/continuing      what is being done: {"former_origin", "origin"}
    <ledger>.keys/log.*.new       the signing keys of the new origin, until they are in force

1. Whoever does it holds the lock of whoever signs. First the intent, then the new keys, then the event
   `ledger.continued/1`; then the old mark and keys are put aside, and the new keys take their place.
2. Interrupted before the event, nothing has been done, and what was begun is taken away. Interrupted after it, the next
   to sign or to open the ledger finishes it (`settle`). In between nothing is signed: the keys in force are of another
   origin than the book says.
3. The former keys are kept to be shown, and never loaded to sign: so none of them ever signs a fork.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from api import durable
from api.evidence import store
from api.evidence.book import open_book
from api.evidence.own import own_newest
from api.restoring.mark import gone_on, may_continue, signed_beyond
from ledger.application import TrialLedger
from ledger.domain.decisions.base import CommandActor
from ledger.domain.events.evidence import LedgerContinued, SignedTree
from ledger.domain.vocabulary import Role
from ledger.keys.file import TokenPlace, load_keys
from ledger.keys.folder import KeysError, keys_folder, move, put, remove, require_own, write_new
from ledger.keys.signed_head import (
    LOCK,
    SIGNED_HEAD,
    DamagedMarkError,
    SigningRefusedError,
    check_mark,
    read_signed_head,
)
from ledger.keys.signing import LOG_KEYS, former_name, new_signing_keys
from ledger.recording.live import utc_now

INTENT: Final = "continuing"
_NEW: Final = ".new"
_RECORDED_AS: Final = "continued"


def continue_ledger(
    path: Path,
    *,
    reason: str,
    actor: CommandActor,
    clock: Callable[[], datetime] = utc_now,
    random: Callable[[int], bytes] = os.urandom,
    place: TokenPlace | None = None,
) -> LedgerContinued:
    """Put a new checkpoint origin with new signing keys in force, and record that and why. Gives what was recorded.

    `place`: the token in which the new Ed25519 key is made. Raises KeysError, LedgerFileError, StorageError, OSError,
    and ValueError (pydantic's too) where the role may not, or the reason is none.
    """
    if actor.role is not Role.SPONSOR:
        raise ValueError(f"{actor.role} may not continue a ledger; may: {Role.SPONSOR}")
    folder = keys_folder(path)
    with open_book(path) as book:
        require_own(path, book.origin)
    may_continue(path)
    if not folder.is_dir():
        raise KeysError(f"{folder}: there are no keys; without them nothing can be recorded either")
    with durable.locked(folder / LOCK):
        settle(path)
        with open_book(path) as book:
            former, size = book.checkpoint_origin(), book.size
        event = LedgerContinued(
            occurred_at=clock().isoformat(timespec="seconds"),
            origin=f"{former.rpartition('/')[0]}/{random(16).hex()}",
            former_origin=former,
            reason=reason,
            size=size,
            lost=_lost(path, former),
        )
        intent = event.model_dump(mode="json", include={"origin", "former_origin"})
        put(folder / INTENT, json.dumps(intent).encode())
        for name, content in new_signing_keys(event.origin, random, place).items():
            write_new(folder / f"{name}{_NEW}", content)
        _record(path, event, actor, clock)
        settle(path)
    return event


def settle(path: Path) -> None:
    """Finish, or undo, what an interrupted `continue` left. Whoever calls holds the lock. Raises KeysError, OSError."""
    folder = keys_folder(path)
    try:
        intent = json.loads((folder / INTENT).read_bytes())
        origin, former = str(intent["origin"]), str(intent["former_origin"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        raise KeysError(f"{folder / INTENT}: cannot be read; it was not written by trial-ledger") from None
    with open_book(path) as book:
        recorded = book.checkpoint_origin() == origin
    if recorded:
        _put_in_force(folder, former)
        gone_on(path)
    else:
        for name in LOG_KEYS:
            remove(folder / f"{name}{_NEW}")
    durable.remove(folder / INTENT)


def settle_if_due(path: Path) -> None:
    """The same for who does not hold the lock; while another process has it, that one does it."""
    folder = keys_folder(path)
    if (folder / INTENT).exists():
        with durable.locked(folder / LOCK):
            settle(path)


def _put_in_force(folder: Path, former: str) -> None:
    """The old keys and mark aside, the new keys in their place. It may be done again, from wherever it stopped."""
    mark = folder / SIGNED_HEAD
    if mark.exists():
        move(mark, folder / former_name(SIGNED_HEAD, former))
    for name in LOG_KEYS:
        standing, new = folder / name, folder / f"{name}{_NEW}"
        if not new.exists():
            continue  # in force already
        if standing.exists():  # whatever is in it: it may be what cannot be read any more
            move(standing, folder / former_name(name, former))
        move(new, standing)


def _lost(path: Path, former: str) -> SignedTree | None:
    """What was signed last under the former origin and the book does not hold; None where nothing is known to be."""
    try:
        mark = read_signed_head(path)
    except DamagedMarkError:  # it is put aside with the old keys; what the evidence folder has may still tell
        mark = None
    newest = own_newest(path, after=mark)
    if newest is None and mark is None:  # perhaps the keys are lost too: then what says it is of this origin has to do
        newest = next((one.checkpoint for one in store.stored(path) if one.checkpoint.origin == former), None)
        beyond = signed_beyond(path, former)  # or the bundle that it was restored from
        newest = newest if beyond is None else beyond
    with open_book(path) as book:
        if newest is not None and newest.origin == former and newest.size > book.size:
            return SignedTree(size=newest.size, root=newest.root.hex())
        if mark is not None:
            try:
                check_mark(mark, book.size, book.entry(mark.size - 1))
            except SigningRefusedError:
                return SignedTree(size=mark.size, root=mark.root.hex())
        return None


def _record(path: Path, event: LedgerContinued, actor: CommandActor, clock: Callable[[], datetime]) -> None:
    """Record the event. Not through what opens a ledger for everybody: that refuses a restored backup."""
    said = event.model_dump(exclude={"occurred_at"})
    trial = TrialLedger(path, load_keys(path), clock=clock)
    try:
        trial.record_own(LedgerContinued, actor.in_entry, _RECORDED_AS, **said)
    finally:
        trial.close()
