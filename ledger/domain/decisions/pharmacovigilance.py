"""Expectedness and reports of unexpected reactions, in the sealed book. ICH E2A.

1. What is assessed is an adverse event that the open book has. An assessment may be made again; the latest counts.
2. A report is of an event that is serious, and that was assessed as unexpected. Its number is given once; one that
   follows up another names it. An import is taken as its source has it.
3. Nothing of this is written into the open book, nor does anything there ever depend on it.
"""

from __future__ import annotations

from typing import Any

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, event, in_order, late
from ledger.domain.decisions.safety import reported
from ledger.domain.decisions.treatment import raised, recorded_after_lock
from ledger.domain.events.base import Event
from ledger.domain.events.pharmacovigilance import (
    ExpectednessAssessed,
    ExpectednessAssessment,
    UnexpectedReaction,
    UnexpectedReactionReported,
)


def assess(command: Command[ExpectednessAssessment], reads: Reads, now: str) -> Decision:
    """Record whether an adverse event was expected of the product."""
    reported(reads, command.data.ae)
    return _sealed(ExpectednessAssessed, command, reads, now)


def report(command: Command[UnexpectedReaction], reads: Reads, now: str) -> Decision:
    """Record that an unexpected reaction was reported."""
    data, adverse_event = command.data, reported(reads, command.data.ae)
    check_awareness(command, data, command.occurred_at)
    if reads.sealed is not None and not command.imported:
        if not adverse_event.serious:
            raise Refusal("not-serious", "data.ae", f"adverse event {data.ae} is not serious")
        expected = reads.sealed.expected.get(data.ae)
        if expected is None:
            raise Refusal("not-assessed", "data.ae", f"whether {data.ae} was expected is not assessed yet")
        if expected:
            raise Refusal("expected", "data.ae", f"{data.ae} was assessed as expected; assess it again first")
        if data.report in reads.sealed.reports:
            raise Refusal("report-exists", "data.report", f"report {data.report} of this subject is recorded already")
        if data.follows is not None and data.follows not in reads.sealed.reports:
            raise Refusal("report-unknown", "data.follows", f"no report {data.follows} of this subject is recorded")
    return _sealed(UnexpectedReactionReported, command, reads, now)


def check_awareness(command: Command[Any], data: UnexpectedReaction, sent_at: str) -> None:
    """Refuse a report that was sent before anybody knew."""
    in_order(command, data.aware_at, sent_at, "aware_at", what="day on which the sponsor first knew")


def _sealed(cls: type[Event], command: Command[Any], reads: Reads, now: str) -> Decision:
    said = event(cls, command, late=late(command, reads, now))
    return Decision(sealed=[said, *raised(command, command.data.subject, None, recorded_after_lock(reads))])
