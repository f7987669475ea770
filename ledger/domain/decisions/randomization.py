"""Randomization: the place on the allocation list, and the arm that it stands for.

1. It needs an enrolled subject whom nothing keeps from it, and an allocation list that is committed to, bound and not
   opened. It takes the smallest index that is left of the subject's list in the open book; the arm goes into the sealed
   one. Nothing sealed is read for either.
2. It is an act of this system, as enrolment is, and dated as that is.
3. The stratum is made of the protocol's factors, joined by "/": the site, and for other factors the latest screening's
   value of the same name (`sex`, `age_group`, `severity`). Without factors it is "ALL". Each stratum has a list; by
   minimisation all have one.
4. What a source claims is exempt from our list, and takes its next index all the same. Once a list is committed to,
   nothing is claimed any more: an exemption after that would be a way around the list.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ledger.domain.decisions.base import Broken, Command, Decision, Reads, Refusal, deviations, late
from ledger.domain.decisions.enrolment import check_acts_now, check_open_to
from ledger.domain.events.allocation import AllocationExhausted
from ledger.domain.events.base import Code, allocation_stream
from ledger.domain.events.enrolment import AllocationDrawn, ArmAssigned, Randomization, SubjectRandomized
from ledger.domain.protocol import Protocol, ProtocolError
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import DeviationCategory
from ledger.domain.when import compare

_STRATUM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")


class ClaimedRandomization(Randomization):
    """The arm that a source says a subject was allocated to, if it says one that there is; the stratum likewise."""

    arm: Code | None = None
    stratum: Code | None = None


def stratum_of(protocol: Protocol, subject: SubjectState) -> str:
    """The stratum to which a subject belongs (rule 3). Raises Refusal where a factor is not known."""
    values = subject.screening.values if subject.screening else {}
    parts: list[str] = []
    for factor in protocol.settings.stratification.factors:
        value = subject.site if factor == "SITE" else values.get(factor.lower())
        if value is None:
            raise Refusal("stratum-unknown", "data.subject", f"the screening has no value of {factor.lower()}")
        if "/" in str(value):
            raise Refusal("stratum-unknown", "data.subject", f"{value!r} cannot name a level of {factor.lower()}")
        parts.append(str(value))
    stratum = "/".join(parts) or "ALL"
    if _STRATUM.fullmatch(stratum) is None:
        raise Refusal("stratum-unknown", "data.subject", f"{stratum[:80]!r} cannot name a stratum")
    return stratum


def _stratum(command: Command[Any], reads: Reads) -> str:
    claimed = command.data.stratum if isinstance(command.data, ClaimedRandomization) else None
    return claimed or stratum_of(reads.protocol, reads.known_subject())


def drawn_from(command: Command[Any], reads: Reads) -> str:
    """The stream that counts the indices drawn from the subject's list. Raises Refusal."""
    return allocation_stream(reads.trial.allocation.list_of(_stratum(command, reads)))


def check_enrolled(command: Command[Any], reads: Reads) -> SubjectState:
    """The subject who is to be randomized: enrolled by then, and not randomized yet. Raises Refusal."""
    subject = reads.known_subject()
    if subject.randomized:
        raise Refusal("randomized-already", "data.subject", f"randomized already ({subject.randomized_at})")
    if subject.enrolled_at is None:
        raise Refusal("not-enrolled", "data.subject", "the subject is not enrolled")
    if compare(command.occurred_at, subject.enrolled_at) < 0:
        raise Refusal("before-enrolment", "occurred_at", f"lies before the enrolment of {subject.enrolled_at}")
    return subject


def due_of(command: Command[Any], reads: Reads) -> int:
    """The index that is next on the subject's list."""
    if reads.drawn.version != reads.versions.get(drawn_from(command, reads), 0):
        raise ValueError("the draws that were read are not those of the list's stream")
    return reads.drawn.due


def arm_of_list(reads: Reads, stratum: str, index: int) -> str:
    """The arm at an index of a list that is committed to, bound and not opened. Raises Refusal."""
    allocation, missing = reads.trial.allocation, "no-allocation-list"
    if allocation.opened:
        message = f"the allocation list is open to everybody (since {allocation.opened_at}): nobody is randomized by it"
        raise Refusal("allocation-opened", "type", message)
    if not allocation.committed:
        message = (
            "there is no allocation list: run `trial-ledger allocation commit`, then `trial-ledger allocation bind`"
        )
        raise Refusal(missing, "type", message)
    if not allocation.bound:
        message = "the allocation list is not bound to a value from outside: run `trial-ledger allocation bind`"
        raise Refusal(missing, "type", message)
    length = reads.protocol.settings.stratification.list_length
    if length is not None and index > length:
        name = allocation.list_of(stratum)
        message = f"all {length} indices of the list {name} are drawn; an amendment may make the lists longer"
        raise Refusal("list-exhausted", "type", message)
    try:
        arm = None if reads.arm_of is None else reads.arm_of(stratum, index)
    except ValueError as error:
        raise Refusal(missing, "type", f"the list has no place for this subject: {error}") from None
    if arm is None:
        raise Refusal(missing, "type", "the keys of this ledger do not hold the secret of the allocation list")
    return arm


def drawn(
    command: Command[Any], reads: Reads, now: str, index: int, arm: str | None, *, claimed: bool = False
) -> Decision:
    """The decision that gives the subject an index, and ends the list where it was the last.

    Where a source does not say the arm, nothing is sealed: the open half is the same.
    """
    subject, stratum, tardy = reads.known_subject(), _stratum(command, reads), late(command, reads, now)
    name, length = reads.trial.allocation.list_of(stratum), reads.protocol.settings.stratification.list_length
    place = {"stratum": stratum, "index": index, "claimed": claimed}
    opened = [
        _event(SubjectRandomized, command, tardy, site=subject.site, **place),
        _event(AllocationDrawn, command, tardy, list_name=None if name == stratum else name, **place),
    ]
    if reads.drawn.after(index, stratum).due - 1 == length and name not in reads.trial.allocation.exhausted:
        opened.append(
            AllocationExhausted(
                occurred_at=command.occurred_at,
                late=tardy,
                provenance=command.provenance,
                list_name=name,
                length=length,
            )
        )
    sealed = [] if arm is None else [_event(ArmAssigned, command, tardy, arm=arm, **place)]
    return Decision(open=opened, sealed=sealed)


def _event(cls: type[Any], command: Command[Any], tardy: bool, **more: Any) -> Any:
    return cls(
        occurred_at=command.occurred_at,
        late=tardy,
        provenance=command.provenance,
        subject=command.data.subject,
        **more,
    )


def randomize(command: Command[Randomization], reads: Reads, now: str) -> Decision:
    """Randomize a subject (rules 1 and 2)."""
    subject = check_enrolled(command, reads)
    check_open_to(command, reads)
    check_acts_now(command, reads, now)
    due = due_of(command, reads)
    return drawn(command, reads, now, due, arm_of_list(reads, stratum_of(reads.protocol, subject), due))


def claim_randomization(command: Command[ClaimedRandomization], reads: Reads, now: str) -> Decision:
    """Record the allocation that a source claims; it is exempt from our list (rule 4)."""
    allocation = reads.trial.allocation
    if allocation.committed:
        message = f"an allocation list is committed to ({allocation.committed_at}): it alone allocates from then on"
        raise Refusal("allocation-committed", "type", message)
    check_enrolled(command, reads)
    try:
        if command.data.arm is not None:
            reads.protocol.arm(command.data.arm)
    except ProtocolError as error:
        raise Refusal("arm-unknown", "data.arm", error.problems[0].rule) from None
    decision = drawn(command, reads, now, due_of(command, reads), command.data.arm, claimed=True)
    broken = allocated_in_halt(command, reads)
    return Decision([*decision.open, *deviations(command, command.data.subject, broken)], decision.sealed)


def allocated_in_halt(command: Command[Any], reads: Reads) -> list[Broken]:
    """The deviation that an allocation during a halt means."""
    halt = reads.trial.halted_at(command.occurred_at)
    if halt is None:
        return []
    text = f"allocated {command.occurred_at}, while the trial was halted ({halt.kind}, since {halt.since})"
    return [(DeviationCategory.DURING_HALT, "allocation-during-halt", text)]
