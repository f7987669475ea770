"""The allocation list: committed to, bound, opened; a stratum found wrong, and an index given out of turn.

1. A list is committed to once, and bound once, to a value that came later: a second attempt at either could choose
   among lists. The secret is in no command before it is opened.
2. It is opened only while nobody is taken in (halted, ended or locked), for it tells everybody every arm; the secret
   and the parameters have to be those committed to, and nobody is randomized by it afterwards.
3. A stratum found wrong later is a fact: it is recorded, and the draw stays (the list was used as it was).
4. So is an allocation out of turn (an envelope that was opened while the ledger was out of reach): the subject has the
   index that it was given, later draws take the one that was skipped first, and an important deviation says so. What
   would have refused a randomization leaves a deviation. It may lie at most 1,000 beyond the index that is due.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from ledger.domain.allocation import checked_parameters
from ledger.domain.decisions.base import Broken, Command, Decision, Reads, Refusal, deviations, event, late, record
from ledger.domain.decisions.consent import stops
from ledger.domain.decisions.randomization import (
    allocated_in_halt,
    arm_of_list,
    check_enrolled,
    drawn,
    due_of,
    stratum_of,
)
from ledger.domain.events.allocation import (
    AllocationBound,
    AllocationCommitment,
    AllocationCommitted,
    AllocationOpened,
    AllocationOpening,
    AllocationOutOfTurn,
    OutOfTurn,
    OutsideValue,
    RightStratum,
    StratumFoundWrong,
)
from ledger.domain.vocabulary import DeviationCategory, TrialStatus
from ledger.domain.when import compare
from ledger.proof.allocation import MINIMISATION, commitment

MOST_BYTES: Final = 16 * 1024
FURTHEST: Final = 1000


def commit(command: Command[AllocationCommitment], reads: Reads, now: str) -> Decision:
    """Commit to the allocation list (rule 1)."""
    allocation = reads.trial.allocation
    if allocation.committed:
        message = f"the allocation list is committed to already ({allocation.committed_at}), and that stands"
        raise Refusal("allocation-committed", "type", message)
    if command.data.method == MINIMISATION and len({arm.ratio for arm in reads.protocol.arms}) != 1:
        raise Refusal("method", "data.method", "minimisation is for arms of equal ratios")
    return Decision(open=[event(AllocationCommitted, command, late=late(command, reads, now))])


def bind(command: Command[OutsideValue], reads: Reads, now: str) -> Decision:
    """Bind the list to a value from outside (rule 1)."""
    allocation = reads.trial.allocation
    if not allocation.committed:
        message = "nothing is committed to: run `trial-ledger allocation commit` first"
        raise Refusal("allocation-not-committed", "type", message)
    if allocation.bound:
        message = f"the allocation list is bound already ({allocation.bound_at}), and that stands"
        raise Refusal("allocation-bound", "type", message)
    if allocation.opened:
        raise Refusal("allocation-opened", "type", f"the allocation list was opened ({allocation.opened_at})")
    if allocation.committed_at is not None and compare(command.occurred_at, allocation.committed_at) < 0:
        message = f"lies before the commitment of {allocation.committed_at}; the value has to come after it"
        raise Refusal("before-commitment", "occurred_at", message)
    try:
        value = base64.b64decode(command.data.value, validate=True)
    except binascii.Error:
        value = b""
    if base64.b64encode(value).decode() != command.data.value or len(value) > MOST_BYTES:
        raise Refusal("base64", "data.value", f"must be the base64 of 1 to {MOST_BYTES} bytes")
    digest = hashlib.sha256(value).hexdigest()
    return Decision(open=[event(AllocationBound, command, late=late(command, reads, now), sha256=digest)])


def open_list(command: Command[AllocationOpening], reads: Reads, now: str) -> Decision:
    """Open the secret and the parameters of the list (rule 2)."""
    allocation, data = reads.trial.allocation, command.data
    if not allocation.committed:
        raise Refusal("allocation-not-committed", "type", "there is no allocation list that could be opened")
    if allocation.opened:
        raise Refusal("allocation-opened", "type", f"the allocation list was opened already ({allocation.opened_at})")
    if reads.trial.status is TrialStatus.RECRUITING and not reads.trial.locked:
        message = "the trial is recruiting, and this would unmask everybody: halt or terminate it, or lock the database"
        raise Refusal("recruiting", "type", message)
    try:
        parameters = checked_parameters(data.parameters, reads.protocol)
    except ValueError as error:
        raise Refusal("allocation-parameters", "data.parameters", str(error)) from None
    if parameters.method != allocation.method:
        message = f"the method committed to is {allocation.method}, not {parameters.method}"
        raise Refusal("commitment-mismatch", "data.parameters", message)
    if commitment(bytes.fromhex(data.secret), parameters) != allocation.commitment:
        message = "secret and parameters are not those that were committed to"
        raise Refusal("commitment-mismatch", "data.secret", message)
    return Decision(open=[event(AllocationOpened, command, late=late(command, reads, now))])


def stratum_wrong(command: Command[RightStratum], reads: Reads, now: str) -> Decision:
    """Record that a subject was drawn for a stratum to which it does not belong (rule 3)."""
    subject, right = reads.known_subject(), command.data.stratum
    if subject.stratum is None or subject.randomized_at is None:
        raise Refusal("not-randomized", "data.subject", "the subject is not randomized")
    if right == subject.stratum:
        raise Refusal("stratum-right", "data.stratum", f"{right} is the stratum for which the subject was drawn")
    if compare(command.occurred_at, subject.randomized_at) < 0:
        message = f"lies before the randomization of {subject.randomized_at}"
        raise Refusal("before-randomization", "occurred_at", message)
    text = f"drawn for the stratum {subject.stratum} (index {subject.index}), belongs to {right}"
    broken = [(DeviationCategory.PROCEDURE, "wrong-stratum", text)]
    return record(StratumFoundWrong, command, reads, now, broken, drawn_for=subject.stratum, index=subject.index)


def out_of_turn(command: Command[OutOfTurn], reads: Reads, now: str) -> Decision:
    """Record that a subject was given an index other than the one due (rule 4)."""
    subject, index, due = check_enrolled(command, reads), command.data.index, due_of(command, reads)
    stratum = stratum_of(reads.protocol, subject)
    name = reads.trial.allocation.list_of(stratum)
    if reads.drawn.drawn(index):
        raise Refusal("index-drawn", "data.index", f"index {index} of the list {name} is drawn already")
    if index == due:
        message = f"index {index} of the list {name} is the one due: randomize-subject takes it"
        raise Refusal("in-turn", "data.index", message)
    if index > due + FURTHEST:
        raise Refusal("index-too-far", "data.index", f"more than {FURTHEST} beyond index {due}, which is due")
    decision = drawn(command, reads, now, index, arm_of_list(reads, stratum, index))
    said = event(AllocationOutOfTurn, command, late=late(command, reads, now), stratum=stratum, due=due)
    text = f"has index {index} of the list {name}, out of turn: {due} was due"
    faults = deviations(
        command,
        subject.id,
        [(DeviationCategory.PROCEDURE, "allocation-out-of-turn", text), *_departures(command, reads)],
    )
    faults[0] = faults[0].model_copy(update={"important": True})
    return Decision([*decision.open, said, *faults], decision.sealed)


def _departures(command: Command[Any], reads: Reads) -> list[Broken]:
    """The rules from which an allocation departs that was made without the ledger."""
    subject, when, category = reads.known_subject(), command.occurred_at, DeviationCategory.PROCEDURE
    broken = allocated_in_halt(command, reads)
    for rule, since, sentence in stops(reads):
        if rule != "halted" and compare(when, since) >= 0:
            broken.append((category, f"allocation-{rule}", f"allocated {when}, although {sentence}"))
    for scope, since in subject.withdrawn.items():
        if compare(when, since) > 0:
            text = f"allocated {when}, after the withdrawal of {since} ({scope})"
            broken.append((DeviationCategory.CONSENT, "allocation-after-withdrawal", text))
            break
    return broken
