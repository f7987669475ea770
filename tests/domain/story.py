"""A trial told by commands, in memory: what the application does with a file, done with lists."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from ledger.domain.allocation import ListState, default_parameters
from ledger.domain.commands import parse_command
from ledger.domain.decisions import Decision, Reads, Refusal, counted_stream, decide, subject_of
from ledger.domain.decisions.routing import unblinded, with_entered
from ledger.domain.events import Event
from ledger.domain.events.base import subject_stream
from ledger.domain.history import Fact, corrected
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.state import SealedSubjectState, SubjectState, TrialState
from ledger.domain.vocabulary import Book
from ledger.proof.allocation import Parameters, commitment
from ledger.proof.entry import Actor

NOW: Final = "2020-06-01T12:00:00.000000Z"
PROTOCOL: Final = reference_protocol().amended(
    {"sites": [{"id": site, "name": f"Site {site}"} for site in ("S01", "S02")]}
)
IMPORT: Final = {"kind": "import", "source": "pilot"}

ELIGIBLE: Final[dict[str, Any]] = {
    "sex": "M",
    "age_years": 61,
    "rt_pcr_result": "POSITIVE",
    "rt_pcr_specimen": "TRACHEAL_ASPIRATE",
    "intubated": True,
    "mechanical_ventilation": True,
    "failure_secondary_to_sars_cov_2": True,
    "bilateral_infiltrate": True,
    "lv_failure_excluded_by": "ULTRASOUND",
    "sudden_onset": True,
    "pao2_fio2_mmhg": "150.5",
    "childbearing_potential": False,
    "consent_form": "VERBAL",
    "consent_giver": "FAMILY_MEMBER",
    "other_ards_cause": False,
    "failing_organs": 2,
    "ecmo_needed": False,
    "copd_severity": "NONE",
    "home_oxygen": "NEVER",
    "pregnant": False,
    "lactating": False,
    "effective_contraception": True,
    "active_tumour": False,
    "prior_immunosuppression": False,
    "product_hypersensitivity": False,
    "last_dvt_pe_date": "NEVER",
    "last_trial_participation_date": "NEVER",
}
CONSENT: Final = {
    "site": "S01",
    "form": "VERBAL",
    "giver": "FAMILY_MEMBER",
    "relation": "SPOUSE",
    "witnessed": True,
    "document_version": "1.0",
}
TREATMENT: Final = {
    "dose_number": 1,
    "product": PROTOCOL.dosing[0].intervention,
    "lot": "L-1",
    "weight_kg": "80",
    "given_amount": "120",
    "unit": "million cells",
    "started_at": "2020-05-21T10:00+02:00",
}
SPONSOR_COMMANDS: Final = (
    "register-trial",
    "amend-protocol",
    "activate-site",
    "close-site",
    "halt-trial",
    "suspend-trial",
    "impose-clinical-hold",
    "restart-trial",
    "terminate-trial",
    "record-notification",
    "grant-access",
    "revoke-access",
)
DATA_MANAGER_COMMANDS: Final = (
    "lock-database",
    "unlock-database",
    "declare-data-cut-off",
    "report-import",
    "code-adverse-event",
)
PHARMACIST_COMMANDS: Final = (
    "prepare-product",
    "record-treatment",
    "record-interruption",
    "record-action-taken",
    "correct-sealed-record",
    "void-sealed-record",
)
SAFETY_COMMANDS: Final = ("assess-expectedness", "report-unexpected-reaction")
SEALED_COMMANDS: Final = (*PHARMACIST_COMMANDS, *SAFETY_COMMANDS)
ALLOCATION_COMMANDS: Final = ("commit-allocation", "bind-allocation", "open-allocation")
SECRET: Final = bytes(range(32))
PARAMETERS: Final = default_parameters(PROTOCOL)
COMMITMENT: Final = {
    "commitment": commitment(SECRET, Parameters.from_value(PARAMETERS)),
    "method": "PERMUTED_BLOCKS",
}
OUTSIDE: Final = {"kind": "BEACON", "value": "YSBiZWFjb24ncyBwdWxzZQ=="}
ACTS_NOW: Final = ("enrol-subject", "randomize-subject")


def usual_role(type_: str) -> str:
    """The role in which somebody usually gives a command."""
    if type_ in SPONSOR_COMMANDS:
        return "sponsor"
    if type_ in DATA_MANAGER_COMMANDS:
        return "data-manager"
    if type_ in PHARMACIST_COMMANDS:
        return "pharmacist"
    if type_ in SAFETY_COMMANDS:
        return "safety-physician"
    if type_ in ALLOCATION_COMMANDS:
        return "statistician"
    return "dmc" if type_ == "record-dmc-recommendation" else "investigator"


@dataclass
class Story:
    """The facts recorded so far, and the door to record more."""

    arms: dict[tuple[str, int], str] = field(default_factory=dict)
    arm_of: Callable[[str, int], str | None] | None = None
    now: str = NOW
    facts: list[Fact] = field(default_factory=list)
    commands: int = 0

    def facts_of(self, stream: str, book: Book = Book.OPEN) -> list[Fact]:
        return [fact for fact in self.facts if fact.stream == stream and fact.book is book]

    @property
    def trial(self) -> TrialState:
        return TrialState.fold(self.facts_of("trial"))

    def subject(self, subject: str = "P1") -> SubjectState:
        return SubjectState.fold(self.facts_of(subject_stream(subject)))

    def sealed(self, subject: str = "P1") -> SealedSubjectState:
        return SealedSubjectState.fold(self.facts_of(subject_stream(subject), Book.SEALED))

    def command(self, type_: str, data: dict[str, Any], on: str = "2020-05-20", **more: Any) -> dict[str, Any]:
        """A command as it would be submitted, by the usual role unless `role` says otherwise."""
        self.commands += 1
        role = more.pop("role", None) or ("data-manager" if "provenance" in more else usual_role(type_))
        return {
            "id": more.pop("id", f"c{self.commands}"),
            "type": type_,
            "actor": {"id": f"{role}-1", "role": role, "org": "FJD"},
            "occurred_at": on,
            "data": data,
            **more,
        }

    def tell(self, type_: str, data: dict[str, Any], on: str = "2020-05-20", **more: Any) -> Decision:
        """Give a command and record what it becomes. Raises Refusal, and then nothing is recorded."""
        how = {name: more.pop(name) for name in ("importing", "now") if name in more}
        return self.give(self.command(type_, data, on, **more), **how)

    def give(self, value: dict[str, Any], *, importing: bool | None = None, now: str | None = None) -> Decision:
        """The same for a whole command. Whatever says that it is an import's is given by the importer.

        What the ledger does itself is recorded in the evening of its day, unless the time of this story was set.
        """
        command = parse_command(value)
        if importing is None:
            importing = command.imported
        if now is None:
            evening = command.type in ACTS_NOW and self.now == NOW and len(command.occurred_at) >= 10
            now = f"{command.occurred_at[:10]}T21:59:59.000000Z" if evening else self.now
        target = None
        if "target" in value["data"]:
            about = value["data"]["target"]
            book = Book.SEALED if command.type in SEALED_COMMANDS else Book.OPEN
            target = next(
                (
                    fact
                    for fact in corrected(self.facts)
                    if (fact.command, fact.n, fact.book) == (about["command"], about.get("n", 0), book)
                ),
                None,
            )
        subject = subject_of(command, target)
        reads = Reads(
            trial=self.trial,
            subject=None if subject is None else self.subject(subject),
            sealed=self.sealed(subject) if subject and command.type in SEALED_COMMANDS else None,
            target=target,
            arm_of=self.arm_of or (lambda stratum, index: self.arms.get((stratum, index), "TREATMENT")),
        )
        state = reads.subject
        by_unblinded = command.type not in PHARMACIST_COMMANDS and unblinded(
            command, reads.trial, subject, state, target
        )
        if subject is not None and (by_unblinded or reads.sealed is not None):
            stream = subject_stream(subject)
            reads = with_entered(command, reads, self.facts_of(stream), self.facts_of(stream, Book.SEALED))
        counted = counted_stream(command, reads, importing=importing)
        if counted is not None:
            drawn = ListState.fold(self.facts_of(counted)) if counted.startswith("allocation/") else ListState()
            reads = replace(reads, sealed=None, versions={counted: len(self.facts_of(counted))}, drawn=drawn)
        decision = decide(command, reads, now, importing=importing)
        for events in (decision.open, decision.sealed):
            for n, event in enumerate(events):
                hidden = decision.nameless and event.book is Book.OPEN
                actor = Actor("ledger", "ledger", "system") if hidden else command.actor.in_entry
                self._record(event, actor, f"masked-{command.id}" if decision.nameless else command.id, n)
        return decision

    def _record(self, event: Event, actor: Any, command: str, n: int) -> None:
        seq = sum(fact.book is event.book for fact in self.facts)
        data = event.model_dump(mode="json", exclude_none=True)
        assert type(event).read(data) == event
        version = len(self.facts_of(event.stream, event.book)) + 1
        opened = seq if event.book is Book.OPEN else sum(fact.book is Book.OPEN for fact in self.facts) - 1
        id_ = f"{seq:031x}{int(event.book is Book.SEALED)}"
        self.facts.append(
            Fact(event.book, seq, opened, self.now, id_, actor, command, n, event.stream, version, event.type, data)
        )

    def refused(self, type_: str, data: dict[str, Any], on: str = "2020-05-20", **more: Any) -> tuple[str, str]:
        """(rule, field) of the refusal that a command meets; fails if it is recorded."""
        before = list(self.facts)
        with pytest.raises(Refusal) as caught:
            self.tell(type_, data, on, **more)
        assert self.facts == before
        assert caught.value.message
        return caught.value.rule, caught.value.field


def deviations_of(decision: Decision) -> list[str]:
    """The rules of the deviations that a decision raises, in either book."""
    return [
        getattr(event, "rule", "") or "" for event in (*decision.open, *decision.sealed) if "deviation" in event.type
    ]


def begun(protocol: Protocol = PROTOCOL, site: str = "S01", *, listed: bool = True) -> Story:
    """A registered trial with one active site and, if `listed`, an allocation list that is ready."""
    story = Story()
    story.tell("register-trial", {"protocol": protocol.model_dump(mode="json")}, "2020-05-06")
    story.tell("activate-site", {"site": site}, "2020-05-07")
    if listed:
        story.tell("commit-allocation", COMMITMENT, "2020-05-07")
        story.tell("bind-allocation", OUTSIDE, "2020-05-08")
    return story


def consented(subject: str = "P1", story: Story | None = None) -> Story:
    """… with a subject who has consented."""
    story = story or begun()
    story.tell("record-consent", {"subject": subject, **CONSENT}, "2020-05-18")
    return story


def screened(subject: str = "P1", story: Story | None = None, **changes: Any) -> Story:
    """… and is screened: eligible, but for `changes`."""
    story = consented(subject, story)
    story.tell("record-screening", {"subject": subject, "values": {**ELIGIBLE, **changes}}, "2020-05-19")
    return story


def enrolled(subject: str = "P1", story: Story | None = None) -> Story:
    """… and enrolled."""
    story = screened(subject, story)
    story.tell("enrol-subject", {"subject": subject}, "2020-05-19")
    return story


def randomized(subject: str = "P1", story: Story | None = None) -> Story:
    """… and randomized on 2020-05-20."""
    story = enrolled(subject, story)
    story.tell("randomize-subject", {"subject": subject}, "2020-05-20")
    return story
