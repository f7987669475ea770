"""One subject, folded from the open facts of its stream. Nothing sealed is ever in it.

(For somebody unblinded it is folded from the open facts and from what was entered so: `domain/routing.py`.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ledger.domain.history import Fact
from ledger.domain.state.folding import Data, Folded
from ledger.domain.unblinded import LEARNED, NOTHING_KNOWN, Knowledge
from ledger.domain.when import compare


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
class SubjectState(Folded):
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
    unblinded: Knowledge = NOTHING_KNOWN
    identity_erased_at: str | None = None

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


def _learned(state: SubjectState, fact: Fact, _: Data) -> SubjectState:
    return replace(state, unblinded=LEARNED[fact.type](state.unblinded, fact))


def _consented(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    return replace(state, id=data["subject"], site=data["site"], consented_at=data["occurred_at"])


def _renewed(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    at = data["occurred_at"]
    standing = {scope: since for scope, since in state.withdrawn.items() if compare(at, since) < 0}
    later = state.renewed_at is None or compare(at, state.renewed_at) > 0
    return replace(state, withdrawn=standing, renewed_at=at if later else state.renewed_at)


def _withdrawn(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    at = data["occurred_at"]
    if state.renewed_at is not None and compare(state.renewed_at, at) > 0:
        return state  # reported after consent had been given again
    return replace(state, withdrawn={**state.withdrawn, data["scope"]: at})


def _screened(state: SubjectState, fact: Fact, data: Data) -> SubjectState:
    screening = ScreeningState(
        fact.seq, data["occurred_at"], data["eligible"], tuple(data.get("failed", ())), data["values"]
    )
    return replace(state, screening=screening)


def _enrolled(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    return replace(state, enrolled_at=data["occurred_at"], number=data["number"])


def _randomized(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    return replace(state, randomized_at=data["occurred_at"], stratum=data["stratum"], index=data["index"])


def _reported(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    event = AdverseEventState(
        data["serious"],
        tuple(data.get("seriousness", ())),
        data.get("onset"),
        data.get("ended"),
        data.get("outcome"),
    )
    return replace(state, adverse_events={**state.adverse_events, data["ae"]: event})


def _followed_up(state: SubjectState, _: Fact, data: Data) -> SubjectState:
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


def _disposed(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    ended = replace(state, dispositions=state.dispositions | {(data["category"], data.get("epoch"))})
    died = (data["category"], data["term"]) == ("DISPOSITION EVENT", "DEATH")
    return _dead(ended, data["occurred_at"]) if died else ended


def _visited(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    after = replace(state, visits=(*state.visits, data["visit"]))
    at = data.get("started") or data["occurred_at"]
    later = state.last_visit is None or compare(at, state.last_visit) > 0
    return replace(after, last_visit=at) if later and data.get("state", "DONE") == "DONE" else after


def _vital_status(state: SubjectState, _: Fact, data: Data) -> SubjectState:
    at = data["occurred_at"]
    if data["status"] == "DEAD":
        return _dead(state, at)
    if data["status"] != "ALIVE" or (state.last_alive is not None and compare(at, state.last_alive) <= 0):
        return state
    return replace(state, last_alive=at)


SubjectState.steps = {
    **dict.fromkeys(LEARNED, _learned),
    "identity.erased/1": lambda state, _, data: replace(state, identity_erased_at=data["occurred_at"]),
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
