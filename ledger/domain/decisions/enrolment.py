"""From screening to enrolment.

1. A screening is computed, criterion by criterion, from the values stated; only an import may claim a result.
2. Enrolment needs a standing consent, a screening without failed criteria or a waiver for each of them, room below
   the cap, and a trial and site that take subjects in. Waivers that it rests on leave a deviation.
3. Enrolment, as randomization (`randomization.py`), is an act of this system: it is dated to a day on which the trial
   and the site took subjects in, no longer ago than the protocol allows for late entries. An import states when its
   source has it.
"""

from __future__ import annotations

from typing import Any

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
from ledger.domain.events.base import ENROLMENT_LOG, Code
from ledger.domain.events.enrolment import (
    CriterionOutcome,
    Enrolment,
    EnrolmentCounted,
    Screening,
    ScreeningCompleted,
    SubjectEnrolled,
    Waiver,
    WaiverGranted,
)
from ledger.domain.protocol import Protocol, ScreeningError, evaluate, failures, is_eligible
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import DeviationCategory
from ledger.domain.when import Moment, compare, is_late


class ClaimedScreening(Screening):
    """What a source says came of a screening: eligible or not, and the criteria that it names as failed."""

    eligible: bool
    failed: tuple[Code, ...] = ()


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


def check_acts_now(command: Command[Any], reads: Reads, now: str) -> None:
    """Refuse an act of this system that is dated to when it was not done, or might not have been (rule 3)."""
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


def check_open_to(command: Command[Any], reads: Reads) -> SubjectState:
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
    check_open_to(command, reads)
    if screening is None:
        raise Refusal("not-screened", "data.subject", "no screening of this subject is recorded")
    if compare(command.occurred_at, screening.occurred_at) < 0:
        raise Refusal("before-screening", "occurred_at", f"lies before the screening of {screening.occurred_at}")
    if not screening.eligible and (not screening.failed or subject.unwaived):
        named = ", ".join(subject.unwaived) or "the screening names no criterion"
        raise Refusal("not-eligible", "data.subject", f"not eligible, and not waived: {named}")
    check_acts_now(command, reads, now)
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
