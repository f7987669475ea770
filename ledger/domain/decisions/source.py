"""Records of a source's audit trail: facts of another system, taken as it claims them.

Only an import brings them: no role may give the command. No rule of the trial speaks of them, and they raise no
deviation: they say what the source says, and how long ago that was makes nothing late here. None is corrected or voided
here: a source corrects itself, by a further record.
"""

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, event
from ledger.domain.events.source import SourceRecord, SourceRecordClaimed


def claim(command: Command[SourceRecord], reads: Reads, now: str) -> Decision:  # noqa: ARG001
    """Record one. It is dated to when the source says that it was made."""
    if not command.data.claimed.at.startswith(command.occurred_at[:19]):
        raise Refusal("claimed-time", "occurred_at", "is not the time that the source claims (data.claimed.at)")
    return Decision(open=[event(SourceRecordClaimed, command)])
