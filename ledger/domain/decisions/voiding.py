"""Records that were entered in error, such as a death written down for the wrong subject.

1. A voided record stays as it was written, beside the reason; it counts no longer. With it fall the deviations that
   the ledger raised for it, and what was said until then of an adverse event that is voided.
2. Voidable are facts about subjects. What others rest on is not: an enrolment, a randomization, an act of the trial,
   a correction; a screening or a waiver of an enrolled subject; a consent once anything more is recorded of its
   subject. Those are corrected, or a deviation is reported.
3. The role must be one that may make such a record, as for a correction.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, after_lock, deviations, late
from ledger.domain.decisions.targets import about, check_maker, target_of, target_subject
from ledger.domain.decisions.treatment import raised
from ledger.domain.events.conduct import RecordVoided, SealedRecordVoided, Voiding
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book

VOIDABLE: Final = frozenset(
    {
        "adverse-event.reported/1",
        "adverse-event.followed-up/1",
        "adverse-event.coded/1",
        "adverse-event.action-taken/1",
        "consent.obtained/1",
        "consent.renewed/1",
        "consent.withdrawn/1",
        "death.recorded/1",
        "deviation.raised/1",
        "disposition.recorded/1",
        "expectedness.assessed/1",
        "product.interrupted/1",
        "product.prepared/1",
        "screening.completed/1",
        "stratum.found-wrong/1",
        "treatment.recorded/1",
        "unexpected-reaction.reported/1",
        "vital-status.recorded/1",
        "visit.recorded/1",
        "waiver.granted/1",
    }
)
_BEFORE_ENROLMENT: Final = frozenset({"screening.completed/1", "waiver.granted/1"})


def void_open(command: Command[Voiding], reads: Reads, now: str) -> Decision:
    """Void a record of the open book."""
    target = _voidable(command, reads, Book.OPEN)
    subject = target_subject(target)
    voided = RecordVoided(**about(command, target, late(command, reads, now)))
    broken = [] if subject is None else after_lock(reads)
    return Decision(open=[voided, *deviations(command, subject, broken)])


def void_sealed(command: Command[Voiding], reads: Reads, now: str) -> Decision:
    """Void a record of the sealed book."""
    target = _voidable(command, reads, Book.SEALED)
    voided = SealedRecordVoided(**about(command, target, late(command, reads, now)))
    faults = [(rule, sentence) for _, rule, sentence in after_lock(reads)]
    return Decision(sealed=[voided, *raised(command, target.data["subject"], None, faults)])


def _voidable(command: Command[Voiding], reads: Reads, book: Book) -> Fact:
    target, subject = target_of(command, reads, book), reads.subject
    if target.type not in VOIDABLE and target.type != "dose-deviation.raised/1":
        raise Refusal("not-voidable", "data.target", f"a record of type {target.type} is not voided; correct it")
    check_maker(command, target)
    if target.type in _BEFORE_ENROLMENT and subject is not None and subject.enrolled:
        raise Refusal("not-voidable", "data.target", "the subject is enrolled on it; correct it")
    if target.type == "consent.obtained/1" and subject is not None and not subject.only_consented:
        raise Refusal("not-voidable", "data.target", "more is recorded of the subject; correct it, or void that first")
    return target
