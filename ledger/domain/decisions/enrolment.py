"""From screening to randomization.

1. A screening is computed, criterion by criterion, from the values stated; only an import may claim a result.
2. Enrolment needs a standing consent, a screening without failed criteria or a waiver for each of them, room below
   the cap, and a trial and site that take subjects in. Waivers that it rests on leave a deviation.
3. Randomization needs an enrolled subject whom nothing keeps from it, and an allocation list. It takes the next index
   of the subject's stratum in the open book; the arm goes into the sealed one. Nothing sealed is read for either.
4. Both are acts of this system: they are dated to a day on which the trial and the site took subjects in, no longer
   ago than the protocol allows for late entries. An import states when its source has them.
5. The stratum is made of the protocol's factors, joined by "/": the site, and for other factors the latest screening's
   value of the same name (`sex`, `age_group`, `severity`). Without factors it is "ALL".
"""

from __future__ import annotations

import re
from typing import Any, Final

from ledger.domain.decisions.base import (
    Broken,
    Command,
    Decision,
    Reads,
    Refusal,
    deviations,
    event,
    late,
    record,
)
from ledger.domain.decisions.consent import stops
from ledger.domain.events.base import ENROLMENT_LOG, Code, allocation_stream
from ledger.domain.events.enrolment import (
    AllocationDrawn,
    ArmAssigned,
    CriterionOutcome,
    Enrolment,
    EnrolmentCounted,
    Randomization,
    Screening,
    ScreeningCompleted,
    SubjectEnrolled,
    SubjectRandomized,
    Waiver,
    WaiverGranted,
)
from ledger.domain.protocol import Protocol, ProtocolError, ScreeningError, evaluate, failures, is_eligible
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import DeviationCategory
from ledger.domain.when import Moment, compare, is_late

_STRATUM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")


class ClaimedScreening(Screening):
    """What a source says came of a screening: eligible or not, and the criteria that it names as failed."""

    eligible: bool
    failed: tuple[Code, ...] = ()


class ClaimedRandomization(Randomization):
    """The arm that a source says a subject was allocated to; the stratum where it names one."""

    arm: Code
    stratum: Code | None = None


def computed(protocol: Protocol, values: dict[str, Any], occurred_at: str, field: str) -> dict[str, Any]:
    """The fields `eligible`, `results` and `failed` of a screening. `field`: the path of its values, for refusals."""
    if Moment(occurred_at).day is None:
        raise Refusal(
            "day-needed", "occurred_at", "the day of a screening must be known for its criteria to be computed"
        )
    try:
        results = evaluate(protocol, values, occurred_at[:10])
    except ScreeningError as error:
        first = error.problems[0]
        others = [f"{name}: {rule}" for name, rule in error.problems[1:20]]
        path = "occurred_at" if first.field == "on" else field + first.field.removeprefix("values")
        raise Refusal("screening-value", path, "; ".join([first.rule, *others])) from None
    return {
        "eligible": is_eligible(results),
        "results": tuple(
            CriterionOutcome(criterion=one.criterion, result=one.result, sentence=one.sentence) for one in results
        ),
        "failed": tuple(one.criterion for one in failures(results)),
    }


def unfit(subject: SubjectState, eligible: bool, failed: tuple[str, ...]) -> list[Broken]:
    """The deviation that a screening means which finds an enrolled subject not eligible."""
    standing = [criterion for criterion in failed if criterion not in subject.waivers]
    if not subject.enrolled or eligible or (failed and not standing):
        return []
    text = f"enrolled ({subject.enrolled_at}), but not eligible: {', '.join(standing) or 'no criterion named'}"
    return [(DeviationCategory.ELIGIBILITY, "enrolled-not-eligible", text)]


def _screened(
    command: Command[Screening], reads: Reads, now: str, eligible: bool, failed: tuple[str, ...], **more: Any
) -> Decision:
    subject = reads.known_subject()
    broken = unfit(subject, eligible, failed)
    if subject.consented_at is not None and compare(command.occurred_at, subject.consented_at) < 0:
        text = f"screened {command.occurred_at}, before the consent of {subject.consented_at}"
        broken.append((DeviationCategory.CONSENT, "screening-before-consent", text))
    for scope, since in subject.withdrawn.items():
        if compare(command.occurred_at, since) > 0:
            text = f"screened {command.occurred_at}, after the withdrawal of {since} ({scope})"
            broken.append((DeviationCategory.CONSENT, "screening-after-withdrawal", text))
            break
    return record(ScreeningCompleted, command, reads, now, broken, eligible=eligible, failed=failed, **more)


def screen(command: Command[Screening], reads: Reads, now: str) -> Decision:
    """Record a screening with the result of each criterion."""
    reads.known_subject()
    found = computed(reads.protocol, dict(command.data.values), command.occurred_at, "data.values")
    return _screened(command, reads, now, basis="COMPUTED", **found)


def claim_screening(command: Command[ClaimedScreening], reads: Reads, now: str) -> Decision:
    """Record what a source says came of a screening."""
    if command.data.eligible and command.data.failed:
        raise Refusal("eligible-with-failures", "data.failed", "who is eligible has failed no criterion")
    return _screened(command, reads, now, command.data.eligible, command.data.failed, basis="CLAIMED")


def waive(command: Command[Waiver], reads: Reads, now: str) -> Decision:
    """Record a waiver of a failed criterion."""
    subject, criterion = reads.known_subject(), command.data.criterion
    if subject.enrolled:
        raise Refusal("enrolled-already", "data.subject", "a waiver after enrolment is none; report a deviation")
    if criterion in subject.waivers:
        raise Refusal("waived-already", "data.criterion", f"{criterion} is waived already")
    if subject.screening is None or criterion not in subject.screening.failed:
        raise Refusal("criterion-not-failed", "data.criterion", f"{criterion} has not failed in the latest screening")
    return record(WaiverGranted, command, reads, now)


def _acts_now(command: Command[Any], reads: Reads, now: str) -> None:
    """Refuse an act of this system that is dated to when it was not done, or might not have been (rule 4)."""
    when, allowance = command.occurred_at, reads.protocol.settings.late_entry_days
    if command.imported:
        return
    fault = None
    site = reads.trial.sites.get(reads.known_subject().site or "")
    if Moment(when).day is None:
        fault = "the day must be known"
    elif (halt := reads.trial.halted_at(when)) is not None:
        fault = f"the trial was halted then ({halt.kind}, since {halt.since})"
    elif site is None or not site.was_active(when):
        fault = f"the subject's site {reads.known_subject().site} was not active then"
    elif is_late(when, now, allowance):
        fault = f"lies more than {allowance} days before now; the ledger does it now, and not then"
    if fault is not None:
        raise Refusal("act-not-now", "occurred_at", f"{when}: {fault}")


def _may_take_in(command: Command[Any], reads: Reads) -> SubjectState:
    """What enrolment and randomization have in common."""
    subject = reads.known_subject()
    for rule, _, sentence in stops(reads):
        raise Refusal(rule, "type", sentence)
    if not reads.trial.site_active(subject.site):
        raise Refusal("site-not-active", "data.subject", f"the subject's site {subject.site} is not active")
    if subject.dead_since is not None:
        raise Refusal("died", "data.subject", f"the subject is dead (since {subject.dead_since})")
    if subject.withdrawn:
        scopes = ", ".join(f"{scope} ({since})" for scope, since in subject.withdrawn.items())
        raise Refusal("withdrawn", "data.subject", f"consent was withdrawn: {scopes}")
    if subject.consented_at is not None and compare(command.occurred_at, subject.consented_at) < 0:
        raise Refusal("before-consent", "occurred_at", f"lies before the consent of {subject.consented_at}")
    return subject


def check_enrolment_date(when: str, subject: SubjectState) -> None:
    """Refuse an enrolment, corrected to have been at `when`, that what else is recorded of the subject rules out."""
    if subject.consented_at is not None and compare(when, subject.consented_at) < 0:
        raise Refusal("before-consent", "occurred_at", f"lies before the consent of {subject.consented_at}")
    if subject.screening is not None and compare(when, subject.screening.occurred_at) < 0:
        message = f"lies before the screening of {subject.screening.occurred_at}"
        raise Refusal("before-screening", "occurred_at", message)
    if subject.randomized_at is not None and compare(when, subject.randomized_at) > 0:
        raise Refusal("after-randomization", "occurred_at", f"lies after the randomization of {subject.randomized_at}")


def check_randomization_date(when: str, subject: SubjectState) -> None:
    """The same for a randomization."""
    if subject.enrolled_at is not None and compare(when, subject.enrolled_at) < 0:
        raise Refusal("before-enrolment", "occurred_at", f"lies before the enrolment of {subject.enrolled_at}")
    if subject.consented_at is not None and compare(when, subject.consented_at) < 0:
        raise Refusal("before-consent", "occurred_at", f"lies before the consent of {subject.consented_at}")


def enrol(command: Command[Enrolment], reads: Reads, now: str) -> Decision:
    """Enrol a subject (rule 2)."""
    subject, screening = reads.known_subject(), reads.known_subject().screening
    if subject.enrolled:
        raise Refusal("enrolled-already", "data.subject", f"enrolled already ({subject.enrolled_at})")
    _may_take_in(command, reads)
    if screening is None:
        raise Refusal("not-screened", "data.subject", "no screening of this subject is recorded")
    if compare(command.occurred_at, screening.occurred_at) < 0:
        raise Refusal("before-screening", "occurred_at", f"lies before the screening of {screening.occurred_at}")
    if not screening.eligible and (not screening.failed or subject.unwaived):
        named = ", ".join(subject.unwaived) or "the screening names no criterion"
        raise Refusal("not-eligible", "data.subject", f"not eligible, and not waived: {named}")
    _acts_now(command, reads, now)
    number, cap = reads.versions.get(ENROLMENT_LOG, 0) + 1, reads.protocol.cap
    if cap is not None and number > cap:
        raise Refusal("cap", "type", f"{cap} subjects are enrolled, as many as the protocol allows")
    site, tardy = subject.site, late(command, reads, now)
    enrolled = event(SubjectEnrolled, command, late=tardy, site=site, number=number, waived=screening.failed)
    broken: list[Broken] = []
    if screening.failed:
        text = f"enrolled on a waiver of {', '.join(screening.failed)}"
        broken.append((DeviationCategory.ELIGIBILITY, "enrolled-on-waiver", text))
    counted = event(EnrolmentCounted, command, late=tardy, site=site, number=number)
    return Decision(open=[enrolled, counted, *deviations(command, command.data.subject, broken)])


def stratum_of(protocol: Protocol, subject: SubjectState) -> str:
    """The stratum to which a subject belongs (rule 5). Raises Refusal where a factor is not known."""
    values = subject.screening.values if subject.screening else {}
    parts: list[str] = []
    for factor in protocol.settings.stratification.factors:
        value = subject.site if factor == "SITE" else values.get(factor.lower())
        if value is None:
            raise Refusal("stratum-unknown", "data.subject", f"the screening has no value of {factor.lower()}")
        parts.append(str(value))
    stratum = "/".join(parts) or "ALL"
    if _STRATUM.fullmatch(stratum) is None:
        raise Refusal("stratum-unknown", "data.subject", f"{stratum[:80]!r} cannot name a stratum")
    return stratum


def _stratum(command: Command[Randomization], reads: Reads) -> str:
    claimed = command.data.stratum if isinstance(command.data, ClaimedRandomization) else None
    return claimed or stratum_of(reads.protocol, reads.known_subject())


def drawn_from(command: Command[Randomization], reads: Reads) -> str:
    """The stream that counts the indices of the subject's stratum. Raises Refusal."""
    return allocation_stream(_stratum(command, reads))


def _enrolled(command: Command[Randomization], reads: Reads) -> SubjectState:
    subject = reads.known_subject()
    if subject.randomized:
        raise Refusal("randomized-already", "data.subject", f"randomized already ({subject.randomized_at})")
    if subject.enrolled_at is None:
        raise Refusal("not-enrolled", "data.subject", "the subject is not enrolled")
    if compare(command.occurred_at, subject.enrolled_at) < 0:
        raise Refusal("before-enrolment", "occurred_at", f"lies before the enrolment of {subject.enrolled_at}")
    return subject


def _drawn(command: Command[Randomization], reads: Reads, now: str, arm: str, claimed: bool) -> Decision:
    subject, stratum = reads.known_subject(), _stratum(command, reads)
    place = {"stratum": stratum, "index": reads.versions.get(allocation_stream(stratum), 0) + 1}
    tardy = late(command, reads, now)
    return Decision(
        open=[
            _event(SubjectRandomized, command, tardy, site=subject.site, claimed=claimed, **place),
            _event(AllocationDrawn, command, tardy, **place),
        ],
        sealed=[_event(ArmAssigned, command, tardy, arm=arm, claimed=claimed, **place)],
    )


def _event(cls: type[Any], command: Command[Randomization], tardy: bool, **more: Any) -> Any:
    return cls(
        occurred_at=command.occurred_at,
        late=tardy,
        provenance=command.provenance,
        subject=command.data.subject,
        **more,
    )


def randomize(command: Command[Randomization], reads: Reads, now: str) -> Decision:
    """Randomize a subject (rule 3)."""
    subject = _enrolled(command, reads)
    _may_take_in(command, reads)
    _acts_now(command, reads, now)
    stratum = stratum_of(reads.protocol, subject)
    index = reads.versions.get(allocation_stream(stratum), 0) + 1
    arm = None if reads.arm_of is None else reads.arm_of(stratum, index)
    if arm is None:
        raise Refusal("no-allocation-list", "type", f"there is no allocation list with index {index} of {stratum}")
    return _drawn(command, reads, now, arm, claimed=False)


def claim_randomization(command: Command[ClaimedRandomization], reads: Reads, now: str) -> Decision:
    """Record the allocation that a source claims; it is exempt from our list."""
    _enrolled(command, reads)
    try:
        reads.protocol.arm(command.data.arm)
    except ProtocolError as error:
        raise Refusal("arm-unknown", "data.arm", error.problems[0].rule) from None
    decision = _drawn(command, reads, now, command.data.arm, claimed=True)
    halt = reads.trial.halted_at(command.occurred_at)
    broken: list[Broken] = []
    if halt is not None:
        text = f"allocated {command.occurred_at}, while the trial was halted ({halt.kind}, since {halt.since})"
        broken.append((DeviationCategory.DURING_HALT, "allocation-during-halt", text))
    return Decision([*decision.open, *deviations(command, command.data.subject, broken)], decision.sealed)
