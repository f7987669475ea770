"""An arm told to somebody who has a right to know it: after the record says so, and never otherwise.

1. A code-break is durable before the arm is read for whoever broke it. What cannot be recorded tells nothing.
2. Envelopes are made after the record says into whose keeping they go. They come as one new folder, or not.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from api import durable
from api.acting import Who, command_of
from api.durable import drafted_folder
from api.envelopes import new_passphrase, plaintext_size, seal_envelope
from ledger.application import Answer, TrialLedger
from ledger.domain.commands import Command
from ledger.domain.events.base import subject_stream
from ledger.domain.events.unblinding import CodeBreak
from ledger.domain.protocol import Protocol
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, TrialKeys
from ledger.keys.folder import sync_folder
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader

PASSPHRASES: Final = "passphrases.csv"
_RANDOMIZED: Final = "subject.randomized/1"

Random = Callable[[int], bytes]


class UnblindingError(ValueError):
    """There is nothing to be told, or nowhere to put it; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Told:
    """An arm, and the answer to the command that it was told upon."""

    subject: str
    arm: str
    label: str
    answer: Answer


def break_code(
    trial: TrialLedger,
    protocol: Protocol,
    subject: str,
    reason: str,
    who: Who,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> Told:
    """Break a subject's code. Raises KeysError (before anything is recorded), and what `TrialLedger.submit` raises."""
    command = command_of("break-code", {"subject": subject, "reason": reason}, who, clock=clock)
    answer, arm = trial.break_code(cast("Command[CodeBreak]", command))
    if arm is None:
        raise UnblindingError(f"{subject}: the code is broken (entry {answer.seq}), but no arm is recorded")
    return Told(subject, arm, protocol.arm(arm).label, answer)


def _require_arms(keys: TrialKeys, subjects: Sequence[str]) -> None:
    """Refuse what would be recorded as told, and could not be told: the key of the sealed book is not here."""
    if keys.marks is None:
        raise KeysError("the key-encryption key `sealed` is not with the keys of this ledger: it cannot tell an arm")
    for subject in subjects:
        if keys.destroyed(ARM, subject_stream(subject)):
            raise KeysError(f"the key of the arm of {subject} is destroyed: nobody can be told it")


@dataclass(frozen=True, slots=True)
class Exported:
    """Envelopes that were made: of whom, where, and the answer to the command that recorded it."""

    subjects: tuple[str, ...]
    folder: Path
    answer: Answer


def allocated(path: Path) -> list[str]:
    """The subjects who hold a place of a list, in the order in which they got it."""
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            drawn = dict.fromkeys(fact.data["subject"] for fact in reader.facts() if fact.type == _RANDOMIZED)
            states = {subject: SubjectState.fold(reader.stream(subject_stream(subject))) for subject in drawn}
    finally:
        reader.close()
    return [subject for subject, state in states.items() if state.randomized]


def export_envelopes(
    trial: TrialLedger,
    keys: TrialKeys,
    protocol: Protocol,
    folder: Path,
    who: Who,
    *,
    admit: Callable[[], None],
    subjects: Sequence[str] | None = None,
    holder: str | None = None,
    reason: str | None = None,
    clock: Callable[[], datetime] = utc_now,
    random: Random = os.urandom,
) -> Exported:
    """Make an envelope for each of the subjects (without: all allocated), in a new folder.

    `admit` lets `who` have arms, and has recorded that when it returns: else it raises, and nothing is made.
    Raises UnblindingError and KeysError before anything is recorded, and what `TrialLedger.submit` raises.
    """
    if folder.exists() or folder.is_symlink():
        raise UnblindingError(f"{folder}: exists already, and is left as it is; name a new folder")
    if not folder.parent.is_dir():
        raise UnblindingError(f"{folder}: there is no folder {folder.parent}")
    known = allocated(trial.path)
    chosen = list(dict.fromkeys(known if subjects is None else subjects))
    if unknown := [subject for subject in chosen if subject not in known]:
        raise UnblindingError(f"{unknown[0]}: is not allocated, so there is nothing to put into an envelope")
    if not chosen:
        raise UnblindingError("nobody is allocated yet, so there is nothing to put into an envelope")
    _require_arms(keys, chosen)
    said = {"holder": holder or who.id, "subjects": len(chosen)} | ({} if reason is None else {"reason": reason})
    command = command_of("record-envelopes-exported", said, who, clock=clock)  # malformed, it is no look at arms either
    with drafted_folder(folder) as draft:  # before it is recorded: where nothing can be written, nothing is
        admit()
        answer = trial.submit(command)
        _make(trial, protocol, chosen, draft, random)
        draft.rename(folder)
    sync_folder(folder.parent)
    return Exported(tuple(chosen), folder, answer)


def _make(trial: TrialLedger, protocol: Protocol, subjects: Sequence[str], draft: Path, random: Random) -> None:
    size = plaintext_size(protocol, subjects)
    listed = io.StringIO()
    table = csv.writer(listed, lineterminator="\n")
    table.writerow(("subject", "passphrase"))
    for subject in subjects:
        arm = trial.arm_of(subject)
        if arm is None:
            raise UnblindingError(f"{subject}: no arm is recorded, so no envelope was made for anybody")
        passphrase = new_passphrase(random)
        sealed = seal_envelope(
            trial=protocol.trial_id,
            origin=trial.origin,
            subject=subject,
            arm=arm,
            label=protocol.arm(arm).label,
            size=size,
            passphrase=passphrase,
            random=random,
        )
        durable.write(draft / f"{subject}.envelope", sealed)
        table.writerow((subject, passphrase))
    durable.write(draft / PASSPHRASES, listed.getvalue().encode())
