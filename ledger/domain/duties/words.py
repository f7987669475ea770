"""The closed lists that rules of duties choose from. A word in a rule that is not here is refused."""

from enum import StrEnum
from typing import Final


class Jurisdiction(StrEnum):
    """Under whose law a trial is. ELSEWHERE is wherever none of the others holds: ICH guidelines alone."""

    EU = "EU"
    US = "US"
    ELSEWHERE = "ELSEWHERE"


class Kind(StrEnum):
    """NOTIFY: somebody is to be told by a day. KEEP: nothing may be destroyed before it. LAPSE: unless something has
    happened by then, the trial counts as ended on that day.
    """

    NOTIFY = "NOTIFY"
    KEEP = "KEEP"
    LAPSE = "LAPSE"


class Trigger(StrEnum):
    """What raises a duty.

    TRIAL_STARTED       the first site was activated (the first act by which subjects may be recruited)
    FIRST_SUBJECT       the first consent was obtained, at the first visit of the first subject
    RECRUITMENT_ENDED   the last open site was closed
    HALTED              temporary halt by the sponsor; a suspension or hold by an authority is none
    RESTARTED           the trial was restarted
    TERMINATED_EARLY    early termination
    ENDED               the end of the trial, however: ended early, as planned, or by lapse
    ENDED_NOT_EARLY     the same, but not by early termination
    SUSAR               a suspected serious adverse reaction was known to be serious, and is assessed as unexpected
    FATAL_SUSAR         the same, from when it was known to be fatal or life-threatening

    The end as planned is when all sites are closed, and every randomized subject's part has ended or the subject died.
    """

    TRIAL_STARTED = "TRIAL_STARTED"
    FIRST_SUBJECT = "FIRST_SUBJECT"
    RECRUITMENT_ENDED = "RECRUITMENT_ENDED"
    HALTED = "HALTED"
    RESTARTED = "RESTARTED"
    TERMINATED_EARLY = "TERMINATED_EARLY"
    ENDED = "ENDED"
    ENDED_NOT_EARLY = "ENDED_NOT_EARLY"
    SUSAR = "SUSAR"
    FATAL_SUSAR = "FATAL_SUSAR"


SEALED_TRIGGERS: Final = frozenset({Trigger.SUSAR, Trigger.FATAL_SUSAR})
"""Triggers that depend on the sealed book."""


class Shown(StrEnum):
    """What in the ledger shows a duty done.

    NOTIFICATION        `notification.sent` that names the rule, to each of the rule's recipients
    RESTART_OR_END      the trial was restarted, or terminated early
    REPORT              `unexpected-reaction.reported` of that adverse event
    FOLLOW_UP_REPORT    the same, as a report that follows up another
    NOTHING             nothing: it is for people to see that nothing was destroyed
    """

    NOTIFICATION = "NOTIFICATION"
    RESTART_OR_END = "RESTART_OR_END"
    REPORT = "REPORT"
    FOLLOW_UP_REPORT = "FOLLOW_UP_REPORT"
    NOTHING = "NOTHING"


class RunsFrom(StrEnum):
    """From which day a clock runs: when something occurred, or when the record first shows that it was known."""

    OCCURRED = "OCCURRED"
    KNOWN = "KNOWN"


class Recipient(StrEnum):
    """Who is to be told."""

    AUTHORITY = "AUTHORITY"
    ETHICS_COMMITTEE = "ETHICS_COMMITTEE"
    INVESTIGATORS = "INVESTIGATORS"
    PUBLIC_REGISTER = "PUBLIC_REGISTER"
    OTHER = "OTHER"


class Status(StrEnum):
    """How a duty stands on a day. NOT_YET: nothing is to be done before its day comes."""

    DONE = "DONE"
    DUE = "DUE"
    OVERDUE = "OVERDUE"
    NOT_YET = "NOT-YET"
