"""What decisions need to know of the trial and of one subject, folded from facts.

1. `fold` takes the facts of one stream of one book from its beginning, applies the corrections among them, leaves out
   what was voided, and folds.
2. `apply` goes one fact further. It cannot apply what changes something that came before: it raises, and the caller
   folds the whole stream again (`needs_refold` tells beforehand).
3. States are values: the same facts give equal states. A type that is not known here changes nothing.
4. `SubjectState` is of the open book and never holds anything sealed; what is sealed has a state of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar
from typing import Protocol as Shape

from ledger.domain.history import CORRECTIONS, VOIDS, Fact, corrected
from ledger.domain.protocol import Protocol
from ledger.domain.vocabulary import TrialStatus
from ledger.domain.when import compare

_HALTS: Final = {
    "trial.temporarily-halted/1": TrialStatus.TEMPORARILY_HALTED,
    "trial.suspended/1": TrialStatus.SUSPENDED_BY_AUTHORITY,
    "trial.clinical-hold-imposed/1": TrialStatus.CLINICAL_HOLD,
}


class CorrectionInFoldError(ValueError):
    """A correction was applied to a state; the stream has to be folded again from its beginning."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A time without new consents and allocations. `kind` is the kind imposed last, `until` None while it lasts."""

    kind: TrialStatus
    since: str
    reason: str
    until: str | None = None

    def covers(self, when: str) -> bool:
        """Whether something that happened at `when` happened during the halt, as far as its precision tells."""
        return compare(when, self.since) >= 0 and (self.until is None or compare(when, self.until) < 0)


@dataclass(frozen=True, slots=True)
class SiteState:
    """When a site was first activated, since when it is closed, and the closures (from, until) that are over."""

    activated_at: str
    closed_at: str | None = None
    closures: tuple[tuple[str, str], ...] = ()

    @property
    def active(self) -> bool:
        return self.closed_at is None

    def was_active(self, when: str) -> bool:
        """Whether the site was active at `when`, as far as its precision tells."""
        closed = self.closed_at is not None and compare(when, self.closed_at) >= 0
        return not closed and compare(when, self.activated_at) >= 0 and self.closed_during(when) is None

    def closed_during(self, when: str) -> tuple[str, str] | None:
        """The closure, over by now, during which `when` lies."""
        return next((one for one in self.closures if compare(when, one[0]) >= 0 and compare(when, one[1]) < 0), None)


@dataclass(frozen=True, slots=True)
class TrialState:
    """The trial as a whole. Times are when things occurred. `documents`: (since when, version) of consent documents."""

    protocol: Protocol | None = None
    amendments: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    halts: tuple[Halt, ...] = ()
    terminated_at: str | None = None
    sites: Mapping[str, SiteState] = field(default_factory=dict)
    cut_offs: tuple[tuple[str, str], ...] = ()
    locked_at: str | None = None

    @property
    def registered(self) -> bool:
        return self.protocol is not None

    @property
    def halted(self) -> Halt | None:
        """The halt that lasts."""
        return self.halts[-1] if self.halts and self.halts[-1].until is None else None

    @property
    def locked(self) -> bool:
        return self.locked_at is not None

    @property
    def status(self) -> TrialStatus:
        if self.terminated_at is not None:
            return TrialStatus.TERMINATED_EARLY
        if (halt := self.halted) is not None:
            return halt.kind
        return TrialStatus.RECRUITING if self.sites else TrialStatus.NOT_YET_RECRUITING

    def halted_at(self, when: str) -> Halt | None:
        """The halt, past or lasting, during which `when` lies."""
        return next((halt for halt in self.halts if halt.covers(when)), None)

    def documents_at(self, when: str) -> frozenset[str]:
        """The versions of the consent document that may have been in force at `when`, as far as its precision tells."""
        earlier = [version for since, version in self.documents if compare(since, when) < 0]
        same = [version for since, version in self.documents if compare(since, when) == 0]
        return frozenset((earlier[-1:] or [version for _, version in self.documents[:1]]) + same)

    def site_active(self, site: str | None) -> bool:
        state = self.sites.get(site) if site is not None else None
        return state is not None and state.active

    @classmethod
    def apply(cls, state: "TrialState", fact: Fact) -> "TrialState":
        """The state one fact further. Raises CorrectionInFoldError."""
        return _apply(_TRIAL, state, fact)

    @classmethod
    def fold(cls, facts: Iterable[Fact]) -> "TrialState":
        """The state after the facts of the stream `trial`."""
        return _fold(cls(), cls.apply, facts)


@dataclass(frozen=True, slots=True)
class ScreeningState:
    """The latest screening; `seq` is its place in the open book."""

    seq: int
    occurred_at: str
    eligible: bool
    failed: tuple[str, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AdverseEventState:
    """An adverse event as last reported or followed up."""

    serious: bool
    seriousness: tuple[str, ...] = ()
    onset: str | None = None
    ended: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectState:
    """One subject, as the open book knows it.

    `withdrawn`: what from, and when it occurred. `found_dead`: when a vital status or a disposition first said that
    the subject had died, whether or not the death itself is recorded. `last_visit`: the latest visit that was done.
    """

    id: str | None = None
    site: str | None = None
    consented_at: str | None = None
    renewed_at: str | None = None
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    screening: ScreeningState | None = None
    waivers: tuple[str, ...] = ()
    enrolled_at: str | None = None
    number: int | None = None
    randomized_at: str | None = None
    stratum: str | None = None
    index: int | None = None
    died: str | None = None
    found_dead: str | None = None
    last_alive: str | None = None
    last_visit: str | None = None
    dispositions: frozenset[tuple[str, str | None]] = frozenset()
    adverse_events: Mapping[str, AdverseEventState] = field(default_factory=dict)
    visits: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether anything is recorded of the subject: its consent comes first."""
        return self.consented_at is not None

    @property
    def dead_since(self) -> str | None:
        """When the subject died, or was dead at the latest; None of somebody who is not known to be dead."""
        return self.died or self.found_dead

    @property
    def only_consented(self) -> bool:
        """Whether nothing but the first consent is recorded."""
        return self == SubjectState(id=self.id, site=self.site, consented_at=self.consented_at)

    @property
    def enrolled(self) -> bool:
        return self.enrolled_at is not None

    @property
    def randomized(self) -> bool:
        return self.randomized_at is not None

    @property
    def unwaived(self) -> tuple[str, ...]:
        """The criteria of the latest screening that stand in the way and are not waived."""
        failed = self.screening.failed if self.screening else ()
        return tuple(criterion for criterion in failed if criterion not in self.waivers)

    @classmethod
    def apply(cls, state: "SubjectState", fact: Fact) -> "SubjectState":
        """The state one fact further. Raises CorrectionInFoldError."""
        return _apply(_SUBJECT, state, fact)

    @classmethod
    def fold(cls, facts: Iterable[Fact]) -> "SubjectState":
        """The state after the open facts of the subject's stream."""
        return _fold(cls(), cls.apply, facts)


@dataclass(frozen=True, slots=True)
class Dose:
    """A recorded administration."""

    number: int
    product: str
    started_at: str
    given_amount: str


@dataclass(frozen=True, slots=True)
class SealedSubjectState:
    """One subject, as the sealed book knows it."""

    arm: str | None = None
    doses: tuple[Dose, ...] = ()

    @classmethod
    def apply(cls, state: "SealedSubjectState", fact: Fact) -> "SealedSubjectState":
        """The state one fact further. Raises CorrectionInFoldError."""
        return _apply(_SEALED, state, fact)

    @classmethod
    def fold(cls, facts: Iterable[Fact]) -> "SealedSubjectState":
        """The state after the sealed facts of the subject's stream."""
        return _fold(cls(), cls.apply, facts)


def is_correction(fact: Fact) -> bool:
    """Whether a fact corrects another one, or voids it."""
    return fact.type in (CORRECTIONS[fact.book], VOIDS[fact.book])


def needs_refold(facts: Iterable[Fact]) -> bool:
    """Whether these further facts of a stream cannot be applied one by one."""
    return any(is_correction(fact) for fact in facts)


_Data = Mapping[str, Any]
_S = TypeVar("_S")


class _Step(Shape[_S]):
    def __call__(self, state: _S, fact: Fact, data: _Data, /) -> _S: ...


def _apply(steps: Mapping[str, _Step[_S]], state: _S, fact: Fact) -> _S:
    if is_correction(fact):
        raise CorrectionInFoldError(f"entry {fact.seq} of the {fact.book} book corrects: fold {fact.stream} again")
    step = steps.get(fact.type)
    return state if step is None else step(state, fact, fact.data)


def _fold(start: _S, apply: Callable[[_S, Fact], _S], facts: Iterable[Fact]) -> _S:
    state = start
    for fact in corrected(facts):
        if not is_correction(fact):
            state = apply(state, fact)
    return state


def _registered(state: TrialState, _: Fact, data: _Data) -> TrialState:
    return _under(state, Protocol.from_value(data["protocol"]), data["occurred_at"])


def _under(state: TrialState, protocol: Protocol, since: str) -> TrialState:
    version = protocol.settings.consent_document_version
    changed = not state.documents or state.documents[-1][1] != version
    documents = (*state.documents, (since, version)) if changed else state.documents
    return replace(state, protocol=protocol, documents=documents)


def _amended(state: TrialState, _: Fact, data: _Data) -> TrialState:
    protocol = Protocol.from_value(data["protocol"])
    amended = _under(state, protocol, data["occurred_at"])
    return replace(amended, amendments=(*state.amendments, data["amendment"]))


def _activated(state: TrialState, _: Fact, data: _Data) -> TrialState:
    before, at = state.sites.get(data["site"]), data["occurred_at"]
    site = SiteState(at) if before is None else replace(before, closed_at=None)
    if before is not None and before.closed_at is not None:
        site = replace(site, closures=(*before.closures, (before.closed_at, at)))
    return replace(state, sites={**state.sites, data["site"]: site})


def _closed(state: TrialState, _: Fact, data: _Data) -> TrialState:
    before = state.sites.get(data["site"])
    if before is None:
        return state
    return replace(state, sites={**state.sites, data["site"]: replace(before, closed_at=data["occurred_at"])})


def _halted(state: TrialState, fact: Fact, data: _Data) -> TrialState:
    kind, lasting = _HALTS[fact.type], state.halted
    if lasting is not None:  # another kind on top of it: the halt has begun already
        return replace(state, halts=(*state.halts[:-1], replace(lasting, kind=kind, reason=data["reason"])))
    return replace(state, halts=(*state.halts, Halt(kind, data["occurred_at"], data["reason"])))


def _restarted(state: TrialState, _: Fact, data: _Data) -> TrialState:
    lasting = state.halted
    if lasting is None:
        return state
    return replace(state, halts=(*state.halts[:-1], replace(lasting, until=data["occurred_at"])))


_TRIAL: Final[Mapping[str, _Step[TrialState]]] = {
    "trial.registered/1": _registered,
    "protocol.amended/1": _amended,
    "site.activated/1": _activated,
    "site.closed/1": _closed,
    **dict.fromkeys(_HALTS, _halted),
    "trial.restarted/1": _restarted,
    "trial.terminated-early/1": lambda state, _, data: replace(state, terminated_at=data["occurred_at"]),
    "data.cut-off-declared/1": lambda state, _, data: replace(
        state, cut_offs=(*state.cut_offs, (data["cut_off"], data["purpose"]))
    ),
    "database.locked/1": lambda state, _, data: replace(state, locked_at=data["occurred_at"]),
    "database.unlocked/1": lambda state, *_: replace(state, locked_at=None),
}


def _consented(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    return replace(state, id=data["subject"], site=data["site"], consented_at=data["occurred_at"])


def _renewed(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    at = data["occurred_at"]
    standing = {scope: since for scope, since in state.withdrawn.items() if compare(at, since) < 0}
    later = state.renewed_at is None or compare(at, state.renewed_at) > 0
    return replace(state, withdrawn=standing, renewed_at=at if later else state.renewed_at)


def _withdrawn(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    at = data["occurred_at"]
    if state.renewed_at is not None and compare(state.renewed_at, at) > 0:
        return state  # reported after consent had been given again
    return replace(state, withdrawn={**state.withdrawn, data["scope"]: at})


def _screened(state: SubjectState, fact: Fact, data: _Data) -> SubjectState:
    screening = ScreeningState(
        fact.seq, data["occurred_at"], data["eligible"], tuple(data.get("failed", ())), data["values"]
    )
    return replace(state, screening=screening)


def _enrolled(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    return replace(state, enrolled_at=data["occurred_at"], number=data["number"])


def _randomized(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    return replace(state, randomized_at=data["occurred_at"], stratum=data["stratum"], index=data["index"])


def _reported(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    event = AdverseEventState(
        data["serious"],
        tuple(data.get("seriousness", ())),
        data.get("onset"),
        data.get("ended"),
        data.get("outcome"),
    )
    return replace(state, adverse_events={**state.adverse_events, data["ae"]: event})


def _followed_up(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    before = state.adverse_events.get(data["ae"])
    if before is None:
        return state
    event = AdverseEventState(
        data.get("serious", before.serious),
        tuple(data.get("seriousness", before.seriousness)),
        before.onset,
        data.get("ended", before.ended),
        data.get("outcome", before.outcome),
    )
    return replace(state, adverse_events={**state.adverse_events, data["ae"]: event})


def _dead(state: SubjectState, at: str) -> SubjectState:
    first = state.found_dead is None or compare(at, state.found_dead) < 0
    return replace(state, found_dead=at) if first else state


def _disposed(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    ended = replace(state, dispositions=state.dispositions | {(data["category"], data.get("epoch"))})
    died = (data["category"], data["term"]) == ("DISPOSITION EVENT", "DEATH")
    return _dead(ended, data["occurred_at"]) if died else ended


def _visited(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    after = replace(state, visits=(*state.visits, data["visit"]))
    at = data.get("started") or data["occurred_at"]
    later = state.last_visit is None or compare(at, state.last_visit) > 0
    return replace(after, last_visit=at) if later and data.get("state", "DONE") == "DONE" else after


def _vital_status(state: SubjectState, _: Fact, data: _Data) -> SubjectState:
    at = data["occurred_at"]
    if data["status"] == "DEAD":
        return _dead(state, at)
    if data["status"] != "ALIVE" or (state.last_alive is not None and compare(at, state.last_alive) <= 0):
        return state
    return replace(state, last_alive=at)


_SUBJECT: Final[Mapping[str, _Step[SubjectState]]] = {
    "consent.obtained/1": _consented,
    "consent.renewed/1": _renewed,
    "consent.withdrawn/1": _withdrawn,
    "screening.completed/1": _screened,
    "waiver.granted/1": lambda state, _, data: replace(state, waivers=(*state.waivers, data["criterion"])),
    "subject.enrolled/1": _enrolled,
    "subject.randomized/1": _randomized,
    "visit.recorded/1": _visited,
    "adverse-event.reported/1": _reported,
    "adverse-event.followed-up/1": _followed_up,
    "vital-status.recorded/1": _vital_status,
    "death.recorded/1": lambda state, _, data: replace(state, died=data["died"]),
    "disposition.recorded/1": _disposed,
}


def _treated(state: SealedSubjectState, _: Fact, data: _Data) -> SealedSubjectState:
    dose = Dose(data["dose_number"], data["product"], data["started_at"], data["given_amount"])
    return replace(state, doses=(*state.doses, dose))


_SEALED: Final[Mapping[str, _Step[SealedSubjectState]]] = {
    "arm.assigned/1": lambda state, _, data: replace(state, arm=data["arm"]),
    "treatment.recorded/1": _treated,
}
