"""The product, in the sealed book: made ready, given, interrupted; departures from plan; action taken with it.

1. A dose that was prepared or given is a fact, whatever the plan, the arm or a halt say: each rule that it departs
   from becomes a sealed deviation. Nothing here reaches the open book.
2. A product is held against the dose planned for the arm; where none is planned, against the interventions that the
   protocol names for the arm; where it names none at all, nothing can be said.
3. An interruption is of an administration that is recorded, and lies within it.
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
    Interruption,
    Preparation,
    ProductAction,
    ProductInterrupted,
    ProductInterruption,
    ProductPrepared,
    Treatment,
    TreatmentRecorded,
)
from ledger.domain.protocol import DosePlan, ProtocolError
from ledger.domain.state import Dose, SubjectState
from ledger.domain.vocabulary import WithdrawalScope
from ledger.domain.when import compare

DoseFault = tuple[str, str]
"""The rule that a dose departs from, and by how much."""


def dose_faults(dose: Treatment, reads: Reads) -> Iterator[DoseFault]:
    """The rules that a dose departs from."""
    yield from _against_the_trial(dose.started_at, reads, reads.known_subject())
    yield from _against_the_arm(dose.product, "given", reads)
    plan = _plan(reads)
    if plan is not None:
        yield from _against_the_plan(dose, plan)


def preparation_faults(made: Preparation, reads: Reads) -> Iterator[DoseFault]:
    """The rules that a preparation departs from: the product, and how many doses there are to be."""
    if reads.known_subject().randomized_at is None:
        yield "not-randomized", "the subject is not randomized"
    yield from _against_the_arm(made.product, "prepared", reads)
    plan = _plan(reads)
    if plan is not None:
        yield from _against_the_number(made.dose_number, plan)


def _arm_type(reads: Reads) -> tuple[str, str] | None:
    """(code, type) of the subject's arm; None where there is none, or the protocol has it no longer."""
    arm = reads.sealed.arm if reads.sealed else None
    try:
        return None if arm is None else (arm, reads.protocol.arm(arm).type)
    except ProtocolError:
        return None


def _plan(reads: Reads) -> DosePlan | None:
    """The dose planned for the subject's arm."""
    arm = _arm_type(reads)
    return None if arm is None or arm[1] == "NO_INTERVENTION" else reads.protocol.dose_plan(arm[0])


def _against_the_arm(product: str, done: str, reads: Reads) -> Iterator[DoseFault]:
    arm = _arm_type(reads)
    if arm is None:
        return
    code, kind = arm
    if kind == "NO_INTERVENTION":
        yield "wrong-arm", f"{product} was {done} in arm {code}, in which no intervention is planned"
        return
    plan = reads.protocol.dose_plan(code)
    named = [each.name for each in reads.protocol.interventions if code in each.arms]
    planned = named if plan is None else [plan.intervention]
    if planned and not any(_alike(product, name) for name in planned):
        yield "product", f"{product} was {done}, planned is {' or '.join(planned)}"


def _against_the_number(number: int, plan: DosePlan) -> Iterator[DoseFault]:
    if number > plan.doses:
        yield "too-many-doses", f"dose {number}, where {plan.doses} are planned"


def _against_the_trial(start: str, reads: Reads, subject: SubjectState) -> Iterator[DoseFault]:
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
    if dose.route is not None and not _alike(dose.route, plan.route):
        yield "route", f"given by route {dose.route}, planned is {plan.route}"
    yield from _against_the_number(dose.dose_number, plan)
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


def recorded_after_lock(reads: Reads) -> list[DoseFault]:
    """What recording anything means while the database is locked, as a sealed deviation says it."""
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
    faults = [*dose_faults(data, reads), *recorded_after_lock(reads)]
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
    return Decision(sealed=[taken, *raised(command, command.data.subject, None, recorded_after_lock(reads))])


def prepare(command: Command[Preparation], reads: Reads, now: str) -> Decision:
    """Record that a dose was made ready. One may be made ready again, of another lot."""
    data = command.data
    reads.known_subject()
    check_amount(data)
    made = (data.dose_number, data.product, data.lot)
    if reads.sealed and made in reads.sealed.prepared and not command.imported:
        message = f"dose {data.dose_number} of {data.product} from lot {data.lot} is recorded as prepared already"
        raise Refusal("preparation-exists", "data.dose_number", message)
    faults = [*preparation_faults(data, reads), *recorded_after_lock(reads)]
    prepared = event(ProductPrepared, command, late=late(command, reads, now))
    return Decision(sealed=[prepared, *raised(command, data.subject, data.dose_number, faults)])


def check_amount(made: Preparation) -> None:
    """Refuse an amount of nothing, and a unit of no amount."""
    if (made.prepared_amount is None) is not (made.unit is None):
        raise Refusal("amount-and-unit", "data.unit", "an amount has a unit, and a unit is of an amount")


def interrupt(command: Command[ProductInterruption], reads: Reads, now: str) -> Decision:
    """Record that an administration was interrupted."""
    data = command.data
    reads.known_subject()
    check_interruption(command, data, reads)
    faults = recorded_after_lock(reads)
    interrupted = event(ProductInterrupted, command, late=late(command, reads, now))
    return Decision(sealed=[interrupted, *raised(command, data.subject, data.dose_number, faults)])


def check_interruption(command: Command[Any], pause: ProductInterruption, reads: Reads) -> None:
    """Refuse an interruption of a dose that is not recorded, or outside of it (rule 3)."""
    in_order(command, pause.stopped_at, pause.resumed_at, "resumed_at")
    if reads.sealed is None or command.imported:
        return
    doses = [dose for dose in reads.sealed.doses if _is_of(dose, pause)]
    if not doses:
        which = f"dose {pause.dose_number}" + (f" of {pause.product}" if pause.product else "")
        raise Refusal("dose-unknown", "data.dose_number", f"no {which} of this subject is recorded")
    for name, when in _times(pause):
        if not any(_within(when, dose) for dose in doses):
            spans = " or ".join(f"{dose.started_at} to {dose.ended_at or 'an end not recorded'}" for dose in doses)
            raise Refusal("outside-dose", f"data.{name}", f"{when} lies outside of the dose ({spans})")


def _is_of(dose: Dose, pause: ProductInterruption) -> bool:
    return dose.number == pause.dose_number and (pause.product is None or _alike(dose.product, pause.product))


def _times(pause: Interruption) -> Iterator[tuple[str, str]]:
    yield "stopped_at", pause.stopped_at
    if pause.resumed_at is not None:
        yield "resumed_at", pause.resumed_at


def _within(when: str, dose: Dose) -> bool:
    begun = compare(when, dose.started_at) >= 0
    return begun and (dose.ended_at is None or compare(when, dose.ended_at) <= 0)
