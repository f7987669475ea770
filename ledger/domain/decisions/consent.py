"""Consent: obtained, asked for again, withdrawn.

1. A consent given on or after the day on which new ones stopped (halt, early termination, lock, site closed) is
   refused: the trial may not take it. One that was given before, and is only reported now, is a fact: it is recorded,
   marked late, and raises a deviation.
2. A consent given in a halt, or while its site was closed, that is over by now, or before its site was activated,
   raises a deviation.
3. So does a consent on another version of the document than the one in force that day.
4. Asking again goes on during a halt. After a withdrawal, though, it is a new consent, and rule 1 holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.domain.decisions.base import Broken, Command, Decision, Reads, Refusal, record
from ledger.domain.events.base import Facts
from ledger.domain.events.consent import (
    Consent,
    ConsentObtained,
    ConsentRenewed,
    ConsentWithdrawn,
    Renewal,
    Withdrawal,
)
from ledger.domain.vocabulary import ConsentGiver, DeviationCategory, RenewalReason, WithdrawalScope
from ledger.domain.when import compare

CONSENT = DeviationCategory.CONSENT


def stops(reads: Reads) -> Iterator[tuple[str, str, str]]:
    """(rule, since when, sentence) of each reason for which the trial as a whole takes nobody in at present."""
    trial = reads.trial
    if trial.terminated_at is not None:
        yield "terminated", trial.terminated_at, f"the trial was terminated early ({trial.terminated_at})"
    if (halt := trial.halted) is not None:
        yield "halted", halt.since, f"the trial is halted ({halt.kind}, since {halt.since}: {halt.reason})"
    if trial.locked_at is not None:
        yield "locked", trial.locked_at, f"the database is locked (since {trial.locked_at})"


def _consent_given(command: Command[Facts], reads: Reads, site: str) -> list[Broken]:
    """The deviations that a new consent means. Raises Refusal where it may not be taken (rules 1 and 2)."""
    when = command.occurred_at
    broken: list[Broken] = []
    state = reads.trial.sites.get(site)
    if state is None:
        raise Refusal("site-not-active", "data.site", f"site {site} was never activated")
    reasons = list(stops(reads))
    if state.closed_at is not None:
        reasons.append(("site-not-active", state.closed_at, f"site {site} is closed (since {state.closed_at})"))
    for rule, since, sentence in reasons:
        if compare(when, since) >= 0:
            raise Refusal(rule, "occurred_at", sentence)
        if rule != "locked":  # that it is recorded after the lock is a deviation by itself
            broken.append((CONSENT, "late-consent", f"given {when}, reported only when {sentence}"))
    if compare(when, state.activated_at) < 0:
        text = f"given {when}, before site {site} was activated ({state.activated_at})"
        broken.append((DeviationCategory.SITE, "before-activation", text))
    if (closure := state.closed_during(when)) is not None:
        text = f"given {when}, while site {site} was closed ({closure[0]} to {closure[1]})"
        broken.append((DeviationCategory.SITE, "consent-while-closed", text))
    past = reads.trial.halted_at(when)
    if past is not None:
        text = f"given {when}, while the trial was halted ({past.kind}, {past.since} to {past.until})"
        broken.append((DeviationCategory.DURING_HALT, "consent-during-halt", text))
    return broken


def obtain(command: Command[Consent], reads: Reads, now: str) -> Decision:
    """Record the consent that makes somebody a subject."""
    if reads.subject is not None and reads.subject.known:
        raise Refusal("consented-already", "data.subject", "a consent is recorded already; renew or correct it")
    check_consent(command, command.data)
    broken = _consent_given(command, reads, command.data.site)
    broken += document_faults(command, reads, command.data, command.occurred_at)
    belated = any(rule == "late-consent" for _, rule, _ in broken)
    return record(ConsentObtained, command, reads, now, broken, late_anyway=belated)


def renew(command: Command[Renewal], reads: Reads, now: str) -> Decision:
    """Record that consent was given again."""
    subject = reads.known_subject()
    _not_before_consent(command, subject.consented_at)
    check_consent(command, command.data)
    dead = subject.dead_since
    if dead is not None and compare(command.occurred_at, dead) > 0 and not command.imported:
        raise Refusal("died", "occurred_at", f"the subject is dead (since {dead})")
    broken: list[Broken] = []
    if subject.withdrawn and subject.site is not None:
        broken = _consent_given(command, reads, subject.site)
    broken += document_faults(command, reads, command.data, command.occurred_at)
    belated = any(rule == "late-consent" for _, rule, _ in broken)
    return record(ConsentRenewed, command, reads, now, broken, late_anyway=belated)


def withdraw(command: Command[Withdrawal], reads: Reads, now: str) -> Decision:
    """Record that somebody withdrew."""
    subject = reads.known_subject()
    _not_before_consent(command, subject.consented_at)
    if command.data.scope in subject.withdrawn:
        since = subject.withdrawn[command.data.scope]
        raise Refusal("withdrawn-already", "data.scope", f"withdrawn from {command.data.scope} already ({since})")
    broken: list[Broken] = []
    visit, scope = subject.last_visit, command.data.scope
    if scope is not WithdrawalScope.INTERVENTION and visit is not None and compare(visit, command.occurred_at) > 0:
        text = f"withdrawn {command.occurred_at} ({scope}), before a visit of {visit} that is recorded"
        broken.append((CONSENT, "visit-after-withdrawal", text))
    return record(ConsentWithdrawn, command, reads, now, broken)


def check_consent(command: Command[Any], given: Consent | Renewal) -> None:
    """Refuse a consent whose parts contradict each other, unless an import says that its source has it so."""
    if command.imported:
        return
    if given.witness_name is not None and not given.witnessed:
        raise Refusal("witness", "data.witness_name", "only a consent that was witnessed has a witness")
    if given.giver is ConsentGiver.PATIENT and given.relation is not None:
        raise Refusal("relation", "data.relation", "patients who consent for themselves have no relation")
    regained = isinstance(given, Renewal) and given.reason is RenewalReason.CAPACITY_REGAINED
    if regained and given.giver is not ConsentGiver.PATIENT:
        raise Refusal("capacity", "data.giver", "who has regained capacity consents in person (PATIENT)")


def document_faults(command: Command[Any], reads: Reads, given: Consent | Renewal, when: str) -> list[Broken]:
    """The deviation that a consent on a document other than the one in force means (rule 3)."""
    in_force = reads.trial.documents_at(when)
    if command.imported or given.document_version in in_force:
        return []
    text = f"given {when} on document version {given.document_version}; in force was {' or '.join(sorted(in_force))}"
    return [(CONSENT, "document-version", text)]


def _not_before_consent(command: Command[Facts], consented_at: str | None) -> None:
    if consented_at is not None and compare(command.occurred_at, consented_at) < 0 and not command.imported:
        raise Refusal("before-consent", "occurred_at", f"lies before the consent of {consented_at}")
