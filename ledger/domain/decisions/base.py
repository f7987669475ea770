"""What every decision is made of: the command, what was read for it, and either events or a refusal.

1. A decision is a function of (command, reads, now) and of nothing else.
2. An act that a rule forbids is refused (`Refusal`), whole: nothing of the command is recorded. A fact is taken, and
   raises a deviation where it departs from a rule. What contradicts the record (an end before the start, a death on
   two dates) is refused too: it is a mistake of whoever reports it, unless an import says that its source has it so.
3. `Reads` holds sealed state only for commands that write nothing into the open book: those of the sealed book, and
   what somebody enters after unblinding. For them, `subject` is the subject with what was entered so.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import SerializeAsAny, StringConstraints

from ledger.domain.allocation import NOTHING_DRAWN, ListState
from ledger.domain.events.base import Event, Facts, Name, Provenance, SubjectEvent
from ledger.domain.events.conduct import DeviationRaised
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState
from ledger.domain.vocabulary import DeviationCategory, Role
from ledger.domain.when import When, compare, is_late
from ledger.proof.entry import Actor

CommandId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""1 to 128 printable ASCII characters without spaces."""


class Refusal(Exception):  # noqa: N818 - it is what the field calls it, and no fault of the program
    """Why a command is not recorded: the rule (a fixed slug), the field at fault, and a sentence."""

    def __init__(self, rule: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message} (rule {rule})")
        self.rule = rule
        self.field = field
        self.message = message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


class CommandActor(Facts):
    """Who gives a command: a pseudonym, a role, and the organisation."""

    id: CommandId
    role: Role
    org: Name

    @property
    def in_entry(self) -> Actor:
        """The actor as an entry names it."""
        return Actor(self.id, self.org, self.role.value)


D = TypeVar("D", bound=Facts, covariant=True)


class Command(Facts, Generic[D]):
    """A command whose data have the form of its type. `occurred_at` is when what it states was observed."""

    id: CommandId
    type: str
    actor: CommandActor
    occurred_at: When
    data: SerializeAsAny[D]
    provenance: Provenance | None = None

    @property
    def imported(self) -> bool:
        """Whether it says what a source claims, and no person states here."""
        return self.provenance is not None and self.provenance.kind == "import"


@dataclass(frozen=True, slots=True)
class Reads:
    """What was read for a decision.

    `versions` tells how many entries a stream has (0 where a stream is not in it). `target`: of a correction, the
    fact that it is about, with earlier corrections applied. `drawn`: of a command that draws from an allocation list,
    how far that list is drawn. `arm_of(stratum, index)` asks the list, which is not the sealed book, after those draws;
    None where its secret is not at hand. `knows_some_arm`: of a command about no subject, whether the record says that
    its actor knows an arm, of whomever. `target_wrapped`: the target was itself entered after unblinding, and stands
    here as the open record that it would have been.
    """

    trial: TrialState
    subject: SubjectState | None = None
    sealed: SealedSubjectState | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    target: Fact | None = None
    target_wrapped: bool = False
    arm_of: Callable[[str, int], str | None] | None = None
    drawn: ListState = NOTHING_DRAWN
    knows_some_arm: bool = False

    @property
    def protocol(self) -> Protocol:
        """The protocol in force. Raises Refusal where no trial is registered."""
        if self.trial.protocol is None:
            raise Refusal("trial-unregistered", "type", "the trial is not registered yet")
        return self.trial.protocol

    def known_subject(self) -> SubjectState:
        """The subject's state. Raises Refusal where the ledger has nothing of the subject."""
        if self.subject is None or not self.subject.known:
            raise Refusal("subject-unknown", "data.subject", "no consent of this subject is recorded")
        return self.subject


@dataclass(frozen=True, slots=True)
class Decision:
    """The events that a command becomes, in order, in each book. `nameless`: the open ones do not name their actor."""

    open: list[Event] = field(default_factory=list)
    sealed: list[Event] = field(default_factory=list)
    nameless: bool = False


Decide = Callable[[Any, Reads, str], Decision]
"""(command, reads, now) -> decision; raises Refusal. `now` is the time of recording, as `when.recorded` writes it."""


DataClass = type[Facts]  # a name of its own, because CommandSpec has a field `type`


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A type of command.

    `act`: the trial or the system does something by it, else it reports a fact. `sealed`: it writes only the sealed
    book. `counts`: the stream on which the next number is drawn (its version is read and guarded); the function
    raises Refusal where the reads do not tell.
    """

    type: str
    data: DataClass
    roles: frozenset[Role]
    act: bool
    decide: Decide
    sealed: bool
    summary: str
    counts: Callable[[Any, Reads], str] | None = None


Broken = tuple[DeviationCategory, str, str]
"""A rule that a fact departs from: category, slug, and a sentence."""

IMPORTANT: Final = frozenset({DeviationCategory.CONSENT, DeviationCategory.ELIGIBILITY})
"""Deviations that may significantly affect a subject's rights, safety or well-being, or the trial's data (ICH E3)."""


def late(command: Command[Facts], reads: Reads, now: str) -> bool:
    """Whether what the command states is recorded later than the protocol allows."""
    return is_late(command.occurred_at, now, reads.protocol.settings.late_entry_days)


def event(cls: type[Event], command: Command[Facts], *, late: bool = False, **more: Any) -> Event:
    """The event `cls` with the command's data, and `more` fields beside it."""
    stated = {name: getattr(command.data, name) for name in type(command.data).model_fields if name not in more}
    return cls.model_validate(
        {
            **stated,
            **more,
            "occurred_at": command.occurred_at,
            "late": late,
            "provenance": command.provenance,
        }
    )


def deviations(
    command: Command[Facts], subject: str | None, broken: Iterable[Broken], site: str | None = None
) -> list[Event]:
    """The deviations that the ledger raises itself for rules that a fact departs from."""
    return [
        DeviationRaised(
            occurred_at=command.occurred_at,
            provenance=command.provenance,
            subject=subject,
            site=site,
            category=category,
            important=category in IMPORTANT,
            detail=sentence,
            rule=rule,
        )
        for category, rule, sentence in broken
    ]


def after_lock(reads: Reads) -> list[Broken]:
    """What recording anything means while the database is locked."""
    if reads.trial.locked_at is None:
        return []
    since = reads.trial.locked_at
    return [(DeviationCategory.AFTER_LOCK, "after-lock", f"recorded while the database was locked (since {since})")]


def record(
    cls: type[SubjectEvent], command: Any, reads: Reads, now: str, broken: Iterable[Broken] = (), *,
    late_anyway: bool = False, **more: Any,
) -> Decision:  # fmt: skip
    """The decision that takes a fact about a subject: its event, and a deviation for each rule that it departs from."""
    tardy = late_anyway or late(command, reads, now)
    first = event(cls, command, late=tardy, **more)
    return Decision(open=[first, *deviations(command, command.data.subject, [*broken, *after_lock(reads)])])


def in_order(
    command: Command[Facts], start: str | None, end: str | None, field_name: str, *, what: str = "start"
) -> None:
    """Refuse an end that lies before its start, unless an import says that its source has it so."""
    if start is not None and end is not None and compare(end, start) < 0 and not command.imported:
        raise Refusal("end-before-start", f"data.{field_name}", f"{end} lies before the {what}, {start}")
