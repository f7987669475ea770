"""The product, in the sealed book: doses, departures from plan, action taken with the product.

A dose that was given is a fact, whatever the plan, the arm or a halt say: each rule that it departs from becomes a
sealed deviation. Nothing here reaches the open book.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, after_lock, event, in_order, late
from ledger.domain.decisions.safety import reported
from ledger.domain.events.base import Event
from ledger.domain.events.treatment import (
    ActionTakenRecorded,
    DoseDeviationRaised,
    ProductAction,
    Treatment,
    TreatmentRecorded,
)
from ledger.domain.protocol import DosePlan, ProtocolError
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import WithdrawalScope
from ledger.domain.when import compare

DoseFault = tuple[str, str]
"""The rule that a dose departs from, and by how much."""


def dose_faults(dose: Treatment, reads: Reads) -> Iterator[DoseFault]:
    """The rules that a dose departs from."""
    yield from _against_the_trial(dose, reads, reads.known_subject())
    arm = reads.sealed.arm if reads.sealed else None
    if arm is None:
        return
    try:
        kind = reads.protocol.arm(arm).type
    except ProtocolError:
        return
    plan = reads.protocol.dose_plan(arm)
    if kind == "NO_INTERVENTION":
        yield "wrong-arm", f"{dose.product} was given in arm {arm}, in which no intervention is planned"
    elif plan is not None:
        yield from _against_the_plan(dose, plan)


def _against_the_trial(dose: Treatment, reads: Reads, subject: SubjectState) -> Iterator[DoseFault]:
    start = dose.started_at
    if subject.randomized_at is None:
        yield "not-randomized", "the subject is not randomized"
    elif compare(start, subject.randomized_at) < 0:
        yield "before-randomization", f"given {start}, before the randomization of {subject.randomized_at}"
    if (halt := reads.trial.halted_at(start)) is not None:
        yield "during-halt", f"given {start}, while the trial was halted ({halt.kind}, since {halt.since})"
    for scope in (WithdrawalScope.INTERVENTION, WithdrawalScope.ALL):
        since = subject.withdrawn.get(scope)
        if since is not None and compare(start, since) > 0:
            yield "after-withdrawal", f"given {start}, after the withdrawal of {since} ({scope})"
    if subject.dead_since is not None and compare(start, subject.dead_since) > 0:
        yield "after-death", f"given {start}, after the death (known by {subject.dead_since})"


def _against_the_plan(dose: Treatment, plan: DosePlan) -> Iterator[DoseFault]:
    if not _alike(dose.product, plan.intervention):
        yield "product", f"{dose.product} was given, planned is {plan.intervention}"
    if dose.route is not None and not _alike(dose.route, plan.route):
        yield "route", f"given by route {dose.route}, planned is {plan.route}"
    if dose.dose_number > plan.doses:
        yield "too-many-doses", f"dose {dose.dose_number}, where {plan.doses} are planned"
    if dose.unit != plan.unit:
        yield "unit", f"given in {dose.unit}, planned in {plan.unit}: the amounts cannot be compared"
        return
    if plan.per_kg and dose.weight_kg is None:
        yield "no-weight", "planned per kg, but no weight is recorded: the amounts cannot be compared"
        return
    planned = plan.planned_amount(dose.weight_kg or Decimal(0))
    if plan.deviates(planned, dose.given_amount):
        yield "amount", f"{dose.given_amount} given, {planned} planned ({dose.unit}, {_percent(planned, dose)})"
    if dose.planned_amount is not None and plan.deviates(planned, dose.planned_amount):
        yield "plan", f"{dose.planned_amount} was planned, the protocol makes it {planned} ({dose.unit})"


def _alike(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _percent(planned: Decimal, dose: Treatment) -> str:
    share = (dose.given_amount - planned) * 100 / planned
    return f"{share:+.1f} %"


def raised(command: Command[Any], subject: str, dose_number: int | None, faults: list[DoseFault]) -> list[Event]:
    """The sealed deviations for the rules that a dose departs from."""
    return [
        DoseDeviationRaised(
            occurred_at=command.occurred_at,
            provenance=command.provenance,
            subject=subject,
            dose_number=dose_number,
            rule=rule,
            detail=detail,
        )
        for rule, detail in faults
    ]


def _recorded_after_lock(reads: Reads) -> list[DoseFault]:
    return [(rule, sentence) for _, rule, sentence in after_lock(reads)]


def treat(command: Command[Treatment], reads: Reads, now: str) -> Decision:
    """Record that the product was given."""
    data = command.data
    reads.known_subject()
    check_intervals(command, data)
    if reads.sealed and not command.imported:
        for dose in reads.sealed.doses:
            if (dose.number, dose.product) == (data.dose_number, data.product):
                message = f"dose {dose.number} of {dose.product} is recorded already ({dose.started_at})"
                raise Refusal("dose-exists", "data.dose_number", message)
    faults = [*dose_faults(data, reads), *_recorded_after_lock(reads)]
    treated = event(TreatmentRecorded, command, late=late(command, reads, now))
    return Decision(sealed=[treated, *raised(command, data.subject, data.dose_number, faults)])


def check_intervals(command: Command[Any], dose: Treatment) -> None:
    """Refuse an administration, or an interruption of it, that ends before it starts."""
    in_order(command, dose.started_at, dose.ended_at, "ended_at")
    for index, pause in enumerate(dose.interruptions):
        in_order(command, pause.stopped_at, pause.resumed_at, f"interruptions[{index}].resumed_at")
        in_order(command, dose.started_at, pause.stopped_at, f"interruptions[{index}].stopped_at")
        for name, when in (("stopped_at", pause.stopped_at), ("resumed_at", pause.resumed_at)):
            if dose.ended_at and when and compare(when, dose.ended_at) > 0 and not command.imported:
                message = f"{when} lies after the end of the dose, {dose.ended_at}"
                raise Refusal("outside-dose", f"data.interruptions[{index}].{name}", message)


def action_taken(command: Command[ProductAction], reads: Reads, now: str) -> Decision:
    """Record what was done with the product because of an adverse event."""
    reported(reads, command.data.ae)
    taken = event(ActionTakenRecorded, command, late=late(command, reads, now))
    return Decision(sealed=[taken, *raised(command, command.data.subject, None, _recorded_after_lock(reads))])
