"""Adverse events, vital status, death.

1. An event is serious if and only if it meets a criterion of ICH E2A; an import is taken as its source has it.
2. Follow-up and coding are of an event that was reported; a number is given once.
3. A subject dies once. Another date, or being seen alive later, needs a correction of what was recorded first.
All of it goes on during a halt, after a withdrawal and after death.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, in_order, record
from ledger.domain.events.base import Facts
from ledger.domain.events.safety import (
    AdverseEvent,
    AdverseEventCoded,
    AdverseEventFollowedUp,
    AdverseEventFollowUp,
    AdverseEventReported,
    Coding,
    Death,
    DeathRecorded,
    Vital,
    VitalStatusRecorded,
)
from ledger.domain.state import AdverseEventState
from ledger.domain.vocabulary import VitalStatus
from ledger.domain.when import compare


def check_seriousness(command: Command[Facts], serious: bool, criteria: Sequence[str], field: str) -> None:
    """Refuse an event that is serious without a criterion, or the other way round (rule 1)."""
    if serious is bool(criteria) or command.imported:
        return
    what = "a serious event needs a criterion of seriousness" if serious else "only a serious event has criteria"
    raise Refusal("seriousness", field, what)


def report(command: Command[AdverseEvent], reads: Reads, now: str) -> Decision:
    """Record an adverse event."""
    data = command.data
    if data.ae in reads.known_subject().adverse_events:
        raise Refusal("ae-exists", "data.ae", f"adverse event {data.ae} is reported already; follow it up")
    check_seriousness(command, data.serious, data.seriousness, "data.seriousness")
    in_order(command, data.onset, data.ended, "ended", what="onset")
    return record(AdverseEventReported, command, reads, now)


def reported(reads: Reads, ae: str) -> AdverseEventState:
    """The adverse event with this number. Raises Refusal."""
    event = reads.known_subject().adverse_events.get(ae)
    if event is None:
        raise Refusal("ae-unknown", "data.ae", f"no adverse event {ae} of this subject is reported")
    return event


def follow_up(command: Command[AdverseEventFollowUp], reads: Reads, now: str) -> Decision:
    """Record what has changed about an adverse event."""
    data, before = command.data, reported(reads, command.data.ae)
    if not data.model_fields_set - {"subject", "ae"}:
        raise Refusal("nothing-new", "data", "says nothing about the adverse event")
    check_seriousness(
        command,
        before.serious if data.serious is None else data.serious,
        before.seriousness if data.seriousness is None else data.seriousness,
        "data.seriousness",
    )
    in_order(command, before.onset, data.ended, "ended", what="onset")
    return record(AdverseEventFollowedUp, command, reads, now)


def code(command: Command[Coding], reads: Reads, now: str) -> Decision:
    """Record the dictionary terms of an adverse event; the latest coding counts."""
    reported(reads, command.data.ae)
    return record(AdverseEventCoded, command, reads, now)


def vital_status(command: Command[Vital], reads: Reads, now: str) -> Decision:
    """Record whether a subject is alive."""
    died = reads.known_subject().died
    alive = command.data.status is VitalStatus.ALIVE
    if alive and died is not None and compare(command.occurred_at, died) > 0 and not command.imported:
        raise Refusal("died", "data.status", f"the subject's death on {died} is recorded; correct that first")
    return record(VitalStatusRecorded, command, reads, now)


def death(command: Command[Death], reads: Reads, now: str) -> Decision:
    """Record a death."""
    subject, died = reads.known_subject(), command.data.died
    if subject.died is not None and compare(died, subject.died) != 0:
        raise Refusal("died", "data.died", f"a death on {subject.died} is recorded; correct that record")
    seen = subject.last_alive
    if seen is not None and compare(died, seen) < 0 and not command.imported:
        raise Refusal("seen-alive", "data.died", f"the subject was seen alive on {seen}; correct that first")
    return record(DeathRecorded, command, reads, now)
