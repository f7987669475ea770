"""Records that a correction or a voiding is about: found, and only for roles that may make such records.

1. Who changes a record needs a role that may issue a command which makes records of its type (`MADE_BY`); an import
   corrects what it claims.
2. A deviation that the ledger raised itself says what a rule found: nobody edits it. What it is about is corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.decisions.base import Command, Reads, Refusal
from ledger.domain.events.conduct import AboutRecord
from ledger.domain.history import Fact
from ledger.domain.roles import roles_for
from ledger.domain.vocabulary import Book

MADE_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "site.activated/1": ("activate-site",),
    "site.closed/1": ("close-site",),
    "trial.temporarily-halted/1": ("halt-trial",),
    "trial.suspended/1": ("suspend-trial",),
    "trial.clinical-hold-imposed/1": ("impose-clinical-hold",),
    "trial.restarted/1": ("restart-trial",),
    "trial.terminated-early/1": ("terminate-trial",),
    "dmc.recommended/1": ("record-dmc-recommendation",),
    "data.cut-off-declared/1": ("declare-data-cut-off",),
    "database.locked/1": ("lock-database",),
    "database.unlocked/1": ("unlock-database",),
    "data.imported/1": ("report-import",),
    "notification.sent/1": ("record-notification",),
    "sealed-data.imported/1": ("report-sealed-import",),
    "consent.obtained/1": ("record-consent",),
    "consent.renewed/1": ("renew-consent",),
    "consent.withdrawn/1": ("withdraw-consent",),
    "screening.completed/1": ("record-screening", "claim-screening"),
    "waiver.granted/1": ("grant-waiver",),
    "subject.enrolled/1": ("enrol-subject",),
    "subject.randomized/1": ("randomize-subject", "claim-randomization"),
    "stratum.found-wrong/1": ("report-wrong-stratum",),
    "visit.recorded/1": ("record-visit",),
    "adverse-event.reported/1": ("report-adverse-event",),
    "adverse-event.followed-up/1": ("follow-up-adverse-event",),
    "adverse-event.coded/1": ("code-adverse-event",),
    "vital-status.recorded/1": ("record-vital-status",),
    "death.recorded/1": ("record-death",),
    "deviation.raised/1": ("report-deviation",),
    "disposition.recorded/1": ("record-disposition",),
    "treatment.recorded/1": ("record-treatment",),
    "dose-deviation.raised/1": (),
    "adverse-event.action-taken/1": ("record-action-taken",),
    "product.prepared/1": ("prepare-product",),
    "product.interrupted/1": ("record-interruption",),
    "expectedness.assessed/1": ("assess-expectedness",),
    "unexpected-reaction.reported/1": ("report-unexpected-reaction",),
}
"""Type of record -> the commands that make it. What is not in it is neither corrected nor voided."""


def target_of(command: Command[Any], reads: Reads, book: Book) -> Fact:
    """The record that a command is about, as it stands. Raises Refusal (there is none; rules 1 and 2)."""
    target = reads.target
    about, subject = command.data.target, command.data.subject
    if target is None or target.book is not book or subject not in (None, target_subject(target)):
        message = f"no such record in the {book} book: command {about.command!r}, event {about.n}"
        raise Refusal("target-unknown", "data.target", message)
    return target


def check_maker(command: Command[AboutRecord], target: Fact) -> None:
    """Refuse whoever may not make records like `target` (rule 1), and any change of the ledger's own (rule 2)."""
    if target.type in ("deviation.raised/1", "dose-deviation.raised/1") and target.data.get("rule") is not None:
        message = "the ledger raised this deviation itself: correct or void the record that it is about"
        raise Refusal("ledger-raised", "data.target", message)
    if command.imported:
        return
    allowed = frozenset[Any]().union(*(roles_for(maker) for maker in MADE_BY.get(target.type, ())))
    if command.actor.role not in allowed:
        who = ", ".join(sorted(allowed)) or "only an import by a data-manager"
        message = f"{command.actor.role} may make no record of type {target.type}, and change none; may: {who}"
        raise Refusal("role", "actor.role", message)


def about(command: Command[AboutRecord], target: Fact, tardy: bool) -> dict[str, Any]:
    """The fields by which an event points at the record that it corrects or voids."""
    return {
        "occurred_at": command.occurred_at,
        "late": tardy,
        "provenance": command.provenance,
        "on_stream": target.stream,
        "target_seq": target.seq,
        "target_id": target.id,
        "target_type": target.type,
        "reason": command.data.reason,
    }


def target_subject(target: Fact | None) -> str | None:
    """The subject whom a record is about."""
    return None if target is None else target.data.get("subject")
