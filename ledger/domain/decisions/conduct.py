"""Visits, deviations that people report, dispositions.

1. A planned visit outside of its window, and any visit after a withdrawal from follow-up or after death, raises a
   deviation. Windows count days from randomization, never from a dose.
2. A disposition event has a term of CDISC, and an epoch has one; milestones may be many.
"""

from __future__ import annotations

from ledger.domain.decisions.base import (
    Broken,
    Command,
    Decision,
    Reads,
    Refusal,
    after_lock,
    deviations,
    event,
    in_order,
    late,
    record,
)
from ledger.domain.events.conduct import (
    Deviation,
    DeviationRaised,
    Disposition,
    DispositionRecorded,
    Visit,
    VisitRecorded,
)
from ledger.domain.protocol import Protocol
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import (
    DISPOSITION_TERMS,
    DeviationCategory,
    DispositionCategory,
    VisitState,
    WithdrawalScope,
)
from ledger.domain.when import compare, days_between


def visit_faults(
    protocol: Protocol, subject: SubjectState, visit: Visit, occurred_at: str, *, imported: bool = False
) -> list[Broken]:
    """The rules that a visit departs from. Planned visits go by their names, whatever the case."""
    if visit.state is not VisitState.DONE:
        return []
    broken: list[Broken] = []
    day, name = visit.started or occurred_at, visit.visit.strip().casefold()
    planned = next((one for one in protocol.settings.visits if one.name.casefold() == name), None)
    since = days_between(subject.randomized_at, day) if subject.randomized_at is not None else None
    if planned is not None and since is not None:
        first, last = planned.day - planned.early_days, planned.day + planned.late_days
        if not first <= since <= last:
            text = f"{visit.visit} took place on day {since} after randomization; its window is day {first} to {last}"
            broken.append((DeviationCategory.VISIT_WINDOW, "visit-window", text))
    for scope in (WithdrawalScope.ALL, WithdrawalScope.FOLLOW_UP):
        withdrawn = subject.withdrawn.get(scope)
        if withdrawn is not None and compare(day, withdrawn) > 0:
            text = f"{visit.visit} took place on {day}, after the withdrawal of {withdrawn} ({scope})"
            broken.append((DeviationCategory.CONSENT, "visit-after-withdrawal", text))
            break
    if subject.dead_since is not None and not imported and compare(day, subject.dead_since) > 0:
        text = f"{visit.visit} took place on {day}, after the death (known by {subject.dead_since})"
        broken.append((DeviationCategory.PROCEDURE, "after-death", text))
    return broken


def visit(command: Command[Visit], reads: Reads, now: str) -> Decision:
    """Record a visit."""
    subject, data = reads.known_subject(), command.data
    in_order(command, data.started, data.ended, "ended")
    broken = visit_faults(reads.protocol, subject, data, command.occurred_at, imported=command.imported)
    return record(VisitRecorded, command, reads, now, broken)


def report_deviation(command: Command[Deviation], reads: Reads, now: str) -> Decision:
    """Record a deviation that a person reports."""
    data = command.data
    if data.subject is not None:
        reads.known_subject()
    elif data.site is None:
        raise Refusal("subject-or-site", "data", "a deviation is of a subject or of a site: name one")
    known = {site.id for site in reads.protocol.sites} | set(reads.trial.sites)
    if data.site is not None and data.site not in known:
        raise Refusal("site-unknown", "data.site", f"{data.site} is no site of this trial")
    reported = event(DeviationRaised, command, late=late(command, reads, now))
    return Decision(open=[reported, *deviations(command, data.subject, after_lock(reads), data.site)])


def check_term(category: DispositionCategory, term: str) -> None:
    """Refuse a disposition event whose term is not of CDISC's list."""
    if category is DispositionCategory.DISPOSITION_EVENT and term not in DISPOSITION_TERMS:
        raise Refusal("disposition-term", "data.term", f"{term!r} is not one of {', '.join(DISPOSITION_TERMS)}")


def disposition(command: Command[Disposition], reads: Reads, now: str) -> Decision:
    """Record a disposition event or a milestone."""
    subject, data = reads.known_subject(), command.data
    check_term(data.category, data.term)
    single = data.category is DispositionCategory.DISPOSITION_EVENT and not command.imported
    if single and (data.category, data.epoch) in subject.dispositions:
        where = f"epoch {data.epoch}" if data.epoch else "no epoch"
        raise Refusal("disposition-exists", "data.epoch", f"a disposition event for {where} is recorded; correct it")
    return record(DispositionRecorded, command, reads, now)
