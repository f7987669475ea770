"""Grants of access to auditors and inspectors, by the sponsor. All other roles have what the table of roles gives.

1. A grant is to one person who audits or inspects, and never to whoever gives it.
2. It begins when it is recorded. Its end lies ahead; without one it stands until it is revoked.
3. What was granted already is not granted again, and what does not stand is not revoked: a mistaken name shows.
Both go on during a halt, after termination and while the database is locked: audits do.
"""

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal, event, late
from ledger.domain.events.access import AccessGranted, AccessRevoked, Grant, Revocation
from ledger.domain.grants import classes_of
from ledger.domain.roles import ROLES
from ledger.domain.when import compare


def grant(command: Command[Grant], reads: Reads, now: str) -> Decision:
    """Let a person see classes of data that the role alone does not give."""
    data = command.data
    if not ROLES[data.role].by_grant:
        may = ", ".join(role for role, has in ROLES.items() if has.by_grant)
        raise Refusal("role-not-granted", "data.role", f"what {data.role} sees is not granted; granted is to {may}")
    if data.person == command.actor.id:
        raise Refusal("own-grant", "data.person", "nobody grants access to themselves")
    if len(set(data.classes)) < len(data.classes):
        raise Refusal("class-twice", "data.classes", "a class stands twice")
    if data.until is not None and compare(data.until, now) < 0:
        raise Refusal("until-past", "data.until", f"{data.until} is over (it is {now})")
    if data.until is None and set(data.classes) <= classes_of(reads.trial.grants, data.person, data.role, None):
        raise Refusal("granted-already", "data.classes", f"{data.person} has that already")
    return Decision(open=[event(AccessGranted, command, late=late(command, reads, now))])


def revoke(command: Command[Revocation], reads: Reads, now: str) -> Decision:
    """End what a person was granted in a role."""
    data = command.data
    if not classes_of(reads.trial.grants, data.person, data.role, now):
        raise Refusal("not-granted", "data.person", f"no grant to {data.person} as {data.role} stands")
    return Decision(open=[event(AccessRevoked, command, late=late(command, reads, now))])
