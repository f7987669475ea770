"""The trial as a whole, folded from the facts of the stream `trial`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ledger.domain.allocation import ALLOCATION_ACTS, NO_ALLOCATION, AllocationState
from ledger.domain.grants import Grants, granted, revoked
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.domain.state.folding import Data, Folded
from ledger.domain.unblinded import LEARNED, NOTHING_KNOWN, Knowledge
from ledger.domain.vocabulary import TrialStatus
from ledger.domain.when import compare

_HALTS: Final = {
    "trial.temporarily-halted/1": TrialStatus.TEMPORARILY_HALTED,
    "trial.suspended/1": TrialStatus.SUSPENDED_BY_AUTHORITY,
    "trial.clinical-hold-imposed/1": TrialStatus.CLINICAL_HOLD,
}
STOPS: Final = frozenset({*_HALTS, "trial.terminated-early/1"})
"""The events by which a trial stops: halted, suspended, put on hold, or ended early."""


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
class TrialState(Folded):
    """The trial as a whole. Times are when things occurred. `documents`: (since when, version) of consent documents."""

    protocol: Protocol | None = None
    amendments: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    halts: tuple[Halt, ...] = ()
    terminated_at: str | None = None
    sites: Mapping[str, SiteState] = field(default_factory=dict)
    cut_offs: tuple[tuple[str, str], ...] = ()
    locked_at: str | None = None
    allocation: AllocationState = NO_ALLOCATION
    unblinded: Knowledge = NOTHING_KNOWN
    grants: Grants = ()

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


def _learned(state: TrialState, fact: Fact, _: Data) -> TrialState:
    return replace(state, unblinded=LEARNED[fact.type](state.unblinded, fact))


def _registered(state: TrialState, _: Fact, data: Data) -> TrialState:
    return _under(state, Protocol.from_value(data["protocol"]), data["occurred_at"])


def _under(state: TrialState, protocol: Protocol, since: str) -> TrialState:
    version = protocol.settings.consent_document_version
    changed = not state.documents or state.documents[-1][1] != version
    documents = (*state.documents, (since, version)) if changed else state.documents
    return replace(state, protocol=protocol, documents=documents)


def _amended(state: TrialState, _: Fact, data: Data) -> TrialState:
    protocol = Protocol.from_value(data["protocol"])
    amended = _under(state, protocol, data["occurred_at"])
    return replace(amended, amendments=(*state.amendments, data["amendment"]))


def _activated(state: TrialState, _: Fact, data: Data) -> TrialState:
    before, at = state.sites.get(data["site"]), data["occurred_at"]
    site = SiteState(at) if before is None else replace(before, closed_at=None)
    if before is not None and before.closed_at is not None:
        site = replace(site, closures=(*before.closures, (before.closed_at, at)))
    return replace(state, sites={**state.sites, data["site"]: site})


def _closed(state: TrialState, _: Fact, data: Data) -> TrialState:
    before = state.sites.get(data["site"])
    if before is None:
        return state
    return replace(state, sites={**state.sites, data["site"]: replace(before, closed_at=data["occurred_at"])})


def _halted(state: TrialState, fact: Fact, data: Data) -> TrialState:
    kind, lasting = _HALTS[fact.type], state.halted
    if lasting is not None:  # another kind on top of it: the halt has begun already
        return replace(state, halts=(*state.halts[:-1], replace(lasting, kind=kind, reason=data["reason"])))
    return replace(state, halts=(*state.halts, Halt(kind, data["occurred_at"], data["reason"])))


def _restarted(state: TrialState, _: Fact, data: Data) -> TrialState:
    lasting = state.halted
    if lasting is None:
        return state
    return replace(state, halts=(*state.halts[:-1], replace(lasting, until=data["occurred_at"])))


def _granted(state: TrialState, fact: Fact, data: Data) -> TrialState:
    grants = granted(state.grants, data)
    # From then on this person is taken to know the arms: whether they look is sealed, and cannot decide.
    knows = state.unblinded.knowing(grants[-1].person, None, fact.at) if grants[-1].arms else state.unblinded
    return replace(state, grants=grants, unblinded=knows)


TrialState.steps = {
    "access.granted/1": _granted,
    "access.revoked/1": lambda state, _, data: replace(state, grants=revoked(state.grants, data)),
    **dict.fromkeys(LEARNED, _learned),
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
    **dict.fromkeys(
        ALLOCATION_ACTS,
        lambda state, fact, _: replace(state, allocation=AllocationState.apply(state.allocation, fact)),
    ),
}
