"""Into which book a command goes: the rule of the two books, for people who have come to know an arm.

1. What a masked person enters is open. What somebody enters about a subject whose arm he knows (`unblinded`: since the
   record says so) is sealed, as the open event that it would have been, with the deviations that come of it. So is
   what those enter whose role always sees arms, and what somebody who knows an arm reports of a site, or says that he
   has notified: its words are about subjects. Whose role the protocol does not mask, though it masks others, knows the
   arm of a subject from the randomization on.
2. A closed list stays open whoever enters it (`STAYS_OPEN`): death, vital status, withdrawal, unblinding, erasure,
   halts and the committee's recommendation. So does every act of the trial as a whole: it is about no subject. Such a
   command is decided on open facts alone.
3. Where somebody is named in the open book whose role tells an arm, the open record is the ledger's, under the mark of
   the command's id, and `reporter.named/1` says in the sealed book who it was (`NAMELESS`). Whoever is unblinded by
   an act of the record stays named: that is open already.
4. Who knows an arm takes part in no decision about who comes into the trial: to enrol, randomize or waive is refused.
5. A correction or a voiding goes where its author's records go: of an open record too, which then stands corrected
   for those alone who see arms.
6. Names of persons lie in the open book alone, where an erasure reaches them: who knows an arm enters none.
7. An import is no person's entry: its importer splits what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.domain.decisions.base import Command, Decision, Reads, Refusal
from ledger.domain.decisions.unblinding import named_field
from ledger.domain.events.base import Event, SubjectEvent
from ledger.domain.events.conduct import AboutRecord
from ledger.domain.events.unblinding import ReporterNamed
from ledger.domain.history import Fact, corrected
from ledger.domain.roles import ROLES
from ledger.domain.routing import MARK, merged, unmarked, wrapped
from ledger.domain.state import SubjectState, TrialState
from ledger.domain.vocabulary import Book, Role

NAMELESS: Final = frozenset(
    {"record-death", "record-vital-status", "withdraw-consent", "report-inadvertent-unblinding"}
)
"""Open commands about a subject that a pharmacist or safety physician may give too, and is not named for."""
STAYS_OPEN: Final = NAMELESS | {"break-code", "report-envelope-opened", "erase-identity"}
"""Commands about a subject that are open whoever gives them."""
TAKES_IN: Final = frozenset({"enrol-subject", "randomize-subject", "grant-waiver", "record-allocation-out-of-turn"})
OPEN_CHANGES: Final = frozenset({"correct-record", "void-record"})
OF_NO_SUBJECT: Final = {"report-deviation": "deviation.raised/1", "record-notification": "notification.sent/1"}
"""Commands that are sealed, though about no subject, if somebody who knows an arm gives them; and what they record."""


@dataclass(frozen=True, slots=True)
class Unblinded:
    """Somebody who knows the arm that a command is about; since when, None where his role always does."""

    since: str | None


def nameless(command: Command[Any]) -> bool:
    """Whether the open record of a command does not name who gave it (rule 3). The command alone tells."""
    about_somebody = getattr(command.data, "subject", None) is not None
    return (
        command.type in NAMELESS and about_somebody and ROLES[command.actor.role].arms is True and not command.imported
    )


def unblinded(
    command: Command[Any],
    trial: TrialState,
    subject: str | None,
    state: SubjectState | None,
    target: Fact | None = None,
    *,
    some: bool = False,
) -> Unblinded | None:
    """Who enters an open command knowing the arm, so that it becomes a sealed one (rule 1); None where nobody does.

    `subject` is whom it is about, `state` what is open of that subject, `target` what a correction is about; `some`:
    whether the actor knows the arm of somebody, asked where it is about no subject and `may_be_sealed`.
    """
    if command.imported or command.type in STAYS_OPEN:
        return None
    if subject is None and not may_be_sealed(command, target):
        return None
    if subject is None and some:
        return Unblinded(None)
    if by_role(command.actor.role, trial, state):
        return Unblinded(None)
    person = command.actor.id
    known = [trial.unblinded.of(person, subject)]
    if state is not None and subject is not None:
        known.append(state.unblinded.of(person, subject))
    since = min((one for one in known if one is not None), default=None)
    return None if since is None else Unblinded(since)


def may_be_sealed(command: Command[Any], target: Fact | None) -> bool:
    """Whether a command about no subject says something of the trial (`OF_NO_SUBJECT`), and is no act of it."""
    return command.type in OF_NO_SUBJECT or (target is not None and target.type in OF_NO_SUBJECT.values())


def by_role(role: Role, trial: TrialState, state: SubjectState | None) -> bool:
    """Whether a role alone tells the arm of a subject, or (without one) of any."""
    arms = ROLES[role].arms
    if arms is not None:
        return arms
    protocol = trial.protocol
    if protocol is None or not protocol.effective_masked_roles or protocol.is_masked_role(role):
        return False  # where nobody is masked, there is nobody to keep it from
    return state is None or state.randomized


def check_unblinded(command: Command[Any], knows: Unblinded | None, target: Fact | None) -> None:
    """Refuse whoever knows an arm where it is decided who comes into the trial (rule 4), and names by him (rule 6)."""
    if knows is None:
        return
    who = f"{command.actor.id} is unblinded (since {knows.since})"
    if command.type in TAKES_IN:
        raise Refusal("unblinded", "actor.id", f"{who} and takes nobody into the trial")
    if (field := named_field(command, target)) is not None:
        message = f"{who}: what is entered so is sealed, where no name may lie; a masked person enters it"
        raise Refusal("unblinded", field, message)


def routed(command: Command[Any], reads: Reads, decision: Decision, knows: Unblinded | None) -> Decision:
    """The decision on an open command, each of its events in the book where it belongs."""
    if knows is not None:
        about_wrapped = reads.target_wrapped
        events: list[Event] = [wrapped(one, knows.since, about_wrapped=about_wrapped) for one in decision.open]
        return Decision(sealed=[*events, *decision.sealed])
    if nameless(command):
        return replace(decision, sealed=[*decision.sealed, _reporter(command, decision.open[0])], nameless=True)
    return decision


def entered_as(command: Command[Any]) -> str:
    """The id under which the sealed book has what somebody unblinded enters: apart from everybody else's.

    So nobody learns from an answer that another has used an id there. With a space in it, it is no command's own.
    """
    return f"by {command.actor.id} {command.id}"


def with_entered(command: Command[Any], reads: Reads, opened: Sequence[Fact], sealed: Iterable[Fact]) -> Reads:
    """The reads of a command that becomes sealed, with what was entered about its subject after unblinding.

    By its own author, that is: somebody who knows one arm is not to learn from answers what others have entered, and
    that he knows it may be nothing but his own word. Whose role always sees arms has what anybody entered.
    `opened` and `sealed` are the facts of the subject's stream in each book. What a correction is about is found in
    the open book, with the corrections that lie in the sealed one, or else among what was entered after unblinding.
    """
    everybodys = ROLES[command.actor.role].arms is True
    own = [fact for fact in sealed if everybodys or fact.actor.id == command.actor.id]
    facts = merged(opened, own)
    reads = replace(reads, subject=SubjectState.fold(facts))
    if not isinstance(command.data, AboutRecord) or command.type not in OPEN_CHANGES:
        return reads
    standing, about, known = corrected(facts), command.data.target, reads.target
    if known is not None:
        return replace(reads, target=next((one for one in standing if one.order == known.order), None))
    for fact in standing:
        if fact.data.get(MARK) and (fact.command.split(" ")[-1], fact.n) == (about.command, about.n):
            return replace(reads, target=replace(unmarked(fact), book=Book.OPEN), target_wrapped=True)
    return reads


def _reporter(command: Command[Any], first: Event) -> SubjectEvent:
    return ReporterNamed(
        occurred_at=command.occurred_at,
        subject=command.data.subject,
        recorded_type=first.type,
        person=command.actor.id,
        role=command.actor.role,
        org=command.actor.org,
        command=command.id,
    )
