"""Notifications that duties ask for.

1. The rule is one of the table or of the protocol in force, whatever its dates: whoever notifies more than is due may.
   It asks for a notification, and the recipient is one that it names, or OTHER.
2. A rule about unexpected reactions is refused: that there was one is for the sealed book to say.
"""

from __future__ import annotations

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, event, late
from ledger.domain.duties import rules_with
from ledger.domain.duties.words import Recipient, Shown
from ledger.domain.events.notification import Notification, NotificationSent


def notify(command: Command[Notification], reads: Reads, now: str) -> Decision:
    """Record that somebody was notified."""
    rules = {rule.id: rule for rule in rules_with(reads.protocol.duties)}
    rule = rules.get(command.data.duty)
    if rule is None:
        known = ", ".join(name for name, one in rules.items() if not one.sealed)
        raise Refusal("duty-unknown", "data.duty", f"{command.data.duty} is no rule of this trial; it has {known}")
    if rule.sealed:
        message = f"{rule.id} is about an unexpected reaction: report-unexpected-reaction says so, in the sealed book"
        raise Refusal("duty-sealed", "data.duty", message)
    if rule.shown_by is not Shown.NOTIFICATION:
        message = f"{rule.id} is no duty to notify anybody, so no notification shows it done"
        raise Refusal("duty-not-notified", "data.duty", message)
    if command.data.recipient not in {*rule.to, Recipient.OTHER}:
        message = f"{rule.id} is to be notified to {', '.join(rule.to)}; who else was told is OTHER"
        raise Refusal("recipient-not-of-duty", "data.recipient", message)
    return Decision(open=[event(NotificationSent, command, late=late(command, reads, now))])
