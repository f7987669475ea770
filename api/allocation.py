"""The life of an allocation list: its secret drawn and committed to, bound to a value from outside, opened at the end.

1. The secret and the parameters are durable in the keys before the commitment is recorded. So a crash in between leaves
   a secret without a commitment, never the other way round, and the next attempt commits to that same secret: nobody
   can draw again until a list pleases.
2. What is opened is what the keys hold. Only the record says whether it is what was committed to.
"""

import base64
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from api.acting import Who, command_of
from ledger.application import Answer, CommandRefusedError, TrialLedger
from ledger.domain.allocation import checked_parameters, default_parameters
from ledger.domain.decisions import Refusal, check_role
from ledger.domain.events.base import TRIAL_STREAM, subject_stream
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.domain.state import SubjectState, TrialState
from ledger.domain.vocabulary import Book
from ledger.keys.allocation import keep_allocation, kept_allocation
from ledger.keys.file import KeysError, TrialKeys
from ledger.proof.allocation import PERMUTED_BLOCKS, SECRET_BYTES, commitment
from ledger.proof.sections import PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader


class AllocationError(ValueError):
    """The list cannot be committed to or opened; the message says why."""


def trial_state(path: Path) -> TrialState:
    """The trial as the open book has it now."""
    return TrialState.fold(_stream(path, TRIAL_STREAM))


def subject_state(path: Path, subject: str) -> SubjectState:
    """A subject as the open book has it now."""
    return SubjectState.fold(_stream(path, subject_stream(subject)))


def _stream(path: Path, stream: str) -> list[Fact]:
    reader = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    try:
        with reader:
            return reader.stream(stream)
    finally:
        reader.close()


def parameters_for(
    protocol: Protocol, method: str = PERMUTED_BLOCKS, block_sizes: tuple[int, ...] = ()
) -> Mapping[str, Any]:
    """The parameters of a list, those that nobody named by default. Raises AllocationError."""
    try:
        value = default_parameters(protocol, method)
        if block_sizes:
            if "block_sizes" not in value:
                raise AllocationError(f"block_sizes: {value['method']} has none")
            value["block_sizes"] = list(block_sizes)
        return checked_parameters(value, protocol).to_value()
    except AllocationError:
        raise
    except ValueError as error:
        raise AllocationError(str(error)) from None


def commit(
    trial: TrialLedger,
    keys: TrialKeys,
    who: Who,
    parameters: Mapping[str, Any] | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    random: Callable[[int], bytes] = os.urandom,
) -> Answer:
    """Draw the secret, keep it, and commit to it; `parameters` as `parameters_for` gives them.

    Raises AllocationError where that is done already, or other parameters are kept; and what `TrialLedger.submit` does.
    """
    state = trial_state(trial.path)
    if state.allocation.committed:
        since = state.allocation.committed_at
        raise AllocationError(f"the allocation list is committed to already ({since}), and that stands")
    check_may_commit(who)  # before anything is kept: a refused attempt must not fix the parameters of the next
    _keep(keys, parameters or _defaults(state), random)
    kept = kept_allocation(keys)
    if kept is None:
        raise AllocationError("the keys of this ledger cannot keep the secret of an allocation list")
    if parameters is not None and kept[1].to_value() != dict(parameters):
        raise AllocationError(
            f"the keys keep a secret with other parameters already ({kept[1].method}): leave them out, and it is that "
            "which is committed to"
        )
    data = {"commitment": commitment(*kept), "method": kept[1].method}
    return trial.submit(command_of("commit-allocation", data, who, clock=clock))


def check_may_commit(who: Who) -> None:
    """Refuse whoever may not commit to a list. Raises CommandRefusedError."""
    try:
        check_role(command_of("commit-allocation", {"commitment": "0" * 64, "method": PERMUTED_BLOCKS}, who))
    except Refusal as refusal:
        raise CommandRefusedError(refusal) from None


def _defaults(state: TrialState) -> Mapping[str, Any]:
    if state.protocol is None:
        raise AllocationError("no trial is registered in this ledger")
    return parameters_for(state.protocol)


def _keep(keys: TrialKeys, parameters: Mapping[str, Any], random: Callable[[int], bytes]) -> None:
    """Keep a new secret, unless one is kept already: by an attempt that was interrupted, or one that is going on."""
    if kept_allocation(keys) is not None:
        return
    try:
        keep_allocation(keys, random(SECRET_BYTES), parameters)
    except KeysError:
        if kept_allocation(keys) is None:  # it was not another process that came first
            raise


def bind(
    trial: TrialLedger,
    who: Who,
    value: bytes,
    kind: str,
    note: str | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> Answer:
    """Record the value from outside. Raises what `TrialLedger.submit` raises."""
    data = {"kind": kind, "value": base64.b64encode(value).decode()} | ({} if note is None else {"note": note})
    return trial.submit(command_of("bind-allocation", data, who, clock=clock))


def open_list(
    trial: TrialLedger, keys: TrialKeys, who: Who, reason: str, *, clock: Callable[[], datetime] = utc_now
) -> Answer:
    """Open the secret and the parameters to everybody. Raises AllocationError, and what `TrialLedger.submit` raises."""
    kept = kept_allocation(keys)
    if kept is None:
        raise AllocationError("the keys of this ledger hold no secret of an allocation list: there is nothing to open")
    data = {"secret": kept[0].hex(), "parameters": kept[1].to_value(), "reason": reason}
    return trial.submit(command_of("open-allocation", data, who, clock=clock))
