"""Adverse events, vital status, death.

1. An event is serious if and only if it meets a criterion of ICH E2A; an import is taken as its source has it.
2. Follow-up and coding are of an event that was reported; a number is given once.
   One that is fatal is serious because of the death.
3. A subject dies once. Another date, or being seen alive later, needs a correction of what was recorded first. Who is
   said to be dead by a vital status or a disposition is dead as well.
4. An adverse event with its onset after death, or a death before a visit that was done, raises a deviation.
All of it goes on during a halt, after a withdrawal and after death.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.domain.decisions.base import Broken, Command, Decision, Reads, Refusal, in_order, record
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
from ledger.domain.state import AdverseEventState, SubjectState
from ledger.domain.vocabulary import AeOutcome, DeviationCategory, Seriousness, VitalStatus
from ledger.domain.when import compare


def check_seriousness(
    command: Command[Facts], serious: bool, criteria: Sequence[str], outcome: str | None, field: str
) -> None:
    """Refuse an event that is serious without a criterion, or the other way round, or fatal without DEATH (rule 1)."""
    if command.imported:
        return
    if outcome == AeOutcome.FATAL and not (serious and Seriousness.DEATH in criteria):
        raise Refusal("fatal", field, "a fatal event is serious, and DEATH is among its criteria of seriousness")
    if serious is bool(criteria):
        return
    what = "a serious event needs a criterion of seriousness" if serious else "only a serious event has criteria"
    raise Refusal("seriousness", field, what)


def report(command: Command[AdverseEvent], reads: Reads, now: str) -> Decision:
    """Record an adverse event."""
    data = command.data
    if data.ae in reads.known_subject().adverse_events:
        raise Refusal("ae-exists", "data.ae", f"adverse event {data.ae} is reported already; follow it up")
    check_seriousness(command, data.serious, data.seriousness, data.outcome, "data.seriousness")
    in_order(command, data.onset, data.ended, "ended", what="onset")
    return record(AdverseEventReported, command, reads, now, onset_faults(command, reads, data.onset))


def onset_faults(command: Command[Any], reads: Reads, onset: str | None) -> list[Broken]:
    """The rules that the onset of an adverse event (else when it was seen) departs from (rule 4)."""
    dead, when = reads.known_subject().dead_since, onset or command.occurred_at
    if dead is None or command.imported or compare(when, dead) <= 0:
        return []
    return [(DeviationCategory.PROCEDURE, "after-death", f"dated {when}, after the death (known by {dead})")]


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
        before.outcome if data.outcome is None else data.outcome,
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
    subject = reads.known_subject()
    check_vital_status(command, command.data.status, command.occurred_at, subject)
    return record(VitalStatusRecorded, command, reads, now)


def check_vital_status(command: Command[Any], status: VitalStatus, when: str, subject: SubjectState) -> None:
    """Refuse somebody alive after death, or dead before having been seen alive (rule 3)."""
    dead, seen = subject.dead_since, subject.last_alive
    if command.imported:
        return
    if status is VitalStatus.ALIVE and dead is not None and compare(when, dead) > 0:
        raise Refusal("died", "data.status", f"the subject is recorded as dead (since {dead}); correct that first")
    if status is VitalStatus.DEAD and seen is not None and compare(when, seen) < 0:
        raise Refusal("seen-alive", "data.status", f"the subject was seen alive on {seen}; correct that first")


def check_death(command: Command[Any], died: str, subject: SubjectState) -> None:
    """Refuse a death before the consent, or before the subject was seen alive (rule 3)."""
    if command.imported:
        return
    if subject.consented_at is not None and compare(died, subject.consented_at) < 0:
        raise Refusal("before-consent", "data.died", f"lies before the consent of {subject.consented_at}")
    seen = subject.last_alive
    if seen is not None and compare(died, seen) < 0:
        raise Refusal("seen-alive", "data.died", f"the subject was seen alive on {seen}; correct that first")


def death_faults(died: str, subject: SubjectState) -> list[Broken]:
    """The rules that a death departs from (rule 4)."""
    visit = subject.last_visit
    if visit is None or compare(died, visit) >= 0:
        return []
    return [(DeviationCategory.PROCEDURE, "after-death", f"a visit of {visit} is recorded, after the death of {died}")]


def death(command: Command[Death], reads: Reads, now: str) -> Decision:
    """Record a death."""
    subject, died = reads.known_subject(), command.data.died
    if subject.died is not None and compare(died, subject.died) != 0:
        raise Refusal("died", "data.died", f"a death on {subject.died} is recorded; correct that record")
    check_death(command, died, subject)
    broken = [] if command.imported else death_faults(died, subject)
    return record(DeathRecorded, command, reads, now, broken)
