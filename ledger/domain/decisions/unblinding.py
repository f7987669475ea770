"""Unblinding: in an emergency, as planned by two people, by mistake, from an envelope; and the erasure of names.

1. A code-break is never refused for how the trial stands (halt, early termination, lock), nor after a withdrawal or a
   death, nor because the code was broken before, by whomever: a patient in danger comes first. It needs a subject who
   has an arm, and a reason, which the sponsor has to be told (ICH E6(R3) 2.11).
2. A planned unblinding takes two people: one asks, another approves, and nobody approves to know the arms himself.
   Who may ask are those whose work can need it: sponsor and data-manager (an analysis), statistician and dmc (an
   interim review), safety-physician (an expedited report). Who may approve are sponsor, statistician and dmc: they
   answer for keeping the blind (ICH E6(R3) 4.1; ICH E9 2.3.1, 4.5).
3. An inadvertent unblinding and an opened envelope are facts: they are taken as they are reported, by anybody who
   works in the trial.
4. Whoever erases names gives a reason; it is done once. From then on nothing that names a person of this subject's
   records is taken, for it would be under a key that nobody has, or worse, a new one.
"""

from __future__ import annotations

from typing import Any

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, event, late
from ledger.domain.events import CATALOGUE
from ledger.domain.events.base import Facts, identifying
from ledger.domain.events.conduct import Correction
from ledger.domain.events.erasure import Erasure, IdentityErased
from ledger.domain.events.unblinding import (
    CodeBreak,
    CodeBroken,
    EnvelopeExport,
    EnvelopeOpened,
    EnvelopeOpening,
    EnvelopesExported,
    InadvertentUnblinding,
    UnblindingApproval,
    UnblindingApproved,
    UnblindingReported,
    UnblindingRequest,
    UnblindingRequested,
)
from ledger.domain.history import Fact
from ledger.domain.state import SubjectState


def _with_an_arm(reads: Reads) -> SubjectState:
    subject = reads.known_subject()
    if not subject.randomized:
        raise Refusal("not-randomized", "data.subject", "the subject is not randomized: there is no arm to be told")
    return subject


def break_code(command: Command[CodeBreak], reads: Reads, now: str) -> Decision:
    """Break the code of a subject in an emergency (rule 1)."""
    _with_an_arm(reads)
    return Decision(open=[event(CodeBroken, command, late=late(command, reads, now))])


def request(command: Command[UnblindingRequest], reads: Reads, now: str) -> Decision:
    """Ask for a planned unblinding."""
    data = command.data
    if len(set(data.subjects)) < len(data.subjects):
        raise Refusal("subject-twice", "data.subjects", "names a subject twice")
    known = reads.trial.unblinded
    if all(known.of(data.person, subject) is not None for subject in data.subjects or (None,)):
        raise Refusal("unblinded-already", "data.person", f"{data.person} is unblinded for that already")
    return Decision(open=[event(UnblindingRequested, command, late=late(command, reads, now))])


def approve(command: Command[UnblindingApproval], reads: Reads, now: str) -> Decision:
    """Approve a planned unblinding that somebody else has asked for (rule 2)."""
    asked = reads.trial.unblinded.requests.get(command.data.request)
    if asked is None:
        raise Refusal("request-unknown", "data.request", f"no unblinding was requested by {command.data.request!r}")
    if asked.approved:
        raise Refusal("approved-already", "data.request", "this request is approved already")
    if command.actor.id == asked.by:
        raise Refusal("four-eyes", "actor.id", f"{asked.by} has asked for it: another person has to approve")
    if command.actor.id == asked.person:
        raise Refusal(
            "four-eyes", "actor.id", f"{asked.person} is to be unblinded by it: another person has to approve"
        )
    named = {"person": asked.person, "role": asked.role, "subjects": asked.subjects}
    return Decision(open=[event(UnblindingApproved, command, late=late(command, reads, now), **named)])


def report_inadvertent(command: Command[InadvertentUnblinding], reads: Reads, now: str) -> Decision:
    """Record that somebody came to know an arm without anybody's having meant it."""
    if command.data.subject is not None:
        reads.known_subject()
    return Decision(open=[event(UnblindingReported, command, late=late(command, reads, now))])


def envelopes_exported(command: Command[EnvelopeExport], reads: Reads, now: str) -> Decision:
    """Record into whose keeping sealed envelopes were given."""
    return Decision(open=[event(EnvelopesExported, command, late=late(command, reads, now))])


def envelope_opened(command: Command[EnvelopeOpening], reads: Reads, now: str) -> Decision:
    """Record that a subject's sealed envelope was opened, by whoever reports it if nobody else is named."""
    _with_an_arm(reads)
    person = command.data.person or command.actor.id
    return Decision(open=[event(EnvelopeOpened, command, late=late(command, reads, now), person=person)])


def erase(command: Command[Erasure], reads: Reads, now: str) -> Decision:
    """Erase what names persons in the records of a subject (rule 4)."""
    subject = reads.known_subject()
    if (since := subject.identity_erased_at) is not None:
        raise Refusal("erased-already", "data.subject", f"the names of this subject are erased already ({since})")
    return Decision(open=[event(IdentityErased, command, late=late(command, reads, now))])


def check_erased(command: Command[Any], reads: Reads) -> None:
    """Refuse what names a person in the records of a subject whose names are erased (rule 4)."""
    if reads.subject is None or (since := reads.subject.identity_erased_at) is None:
        return
    field = named_field(command, reads.target)
    if field is None and isinstance(command.data, Correction) and _needs_a_name(reads.target):
        field = "data.target"  # it cannot be read whole any more, and so not be corrected
    if field is not None:
        message = f"the names in this subject's records are erased (since {since}); none is taken any more"
        raise Refusal("identity-erased", field, message)


def named_field(command: Command[Any], target: Fact | None) -> str | None:
    """Where a command names a person; None where it names nobody. `target`: what a correction is about."""
    data: Facts = command.data
    if not isinstance(data, Correction):
        named = sorted(name for name in identifying(type(data)) if getattr(data, name) is not None)
        return f"data.{named[0]}" if named else None
    names = _names_of(target)
    return next((f"data.changes[{n}].field" for n, change in enumerate(data.changes) if change.field in names), None)


def _names_of(target: Fact | None) -> frozenset[str]:
    cls = None if target is None else CATALOGUE.get(target.type)
    return frozenset() if cls is None else identifying(cls)


def _needs_a_name(target: Fact | None) -> bool:
    cls = None if target is None else CATALOGUE.get(target.type)
    return cls is not None and any(cls.model_fields[name].is_required() for name in identifying(cls))
