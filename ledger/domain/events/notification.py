"""That somebody was notified of something in the trial, as a rule of duties asks (`ledger/domain/duties`).

It is open: what is sealed (a report of an unexpected reaction) is shown by an event of the sealed book. But what
somebody who knows an arm notifies is sealed (`decisions/routing.py`): a note, or what it is about, may tell it.
"""

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from ledger.domain.duties.model import RuleId
from ledger.domain.duties.words import Recipient
from ledger.domain.events.base import Facts, Identifying, Name, Text, TrialEvent


class Notification(Facts):
    """What was sent at `occurred_at`: under which rule, to what kind of recipient, and who that is by name.

    `about` is the id of the command that recorded what is notified, where a rule may apply more than once; `reference`
    the recipient's or the sponsor's number of it.
    """

    duty: RuleId
    recipient: Recipient
    name: Identifying = None
    about: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")] | None = None
    reference: Name | None = None
    note: Text | None = None


class NotificationSent(Notification, TrialEvent):
    """Somebody was notified as a rule of duties asks."""

    type: ClassVar[str] = "notification.sent/1"
    title: ClassVar[str] = "Notification sent"
