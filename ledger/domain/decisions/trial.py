"""The trial as a whole: registered, amended, its sites, halts, restart, end, cut-offs and lock.

1. A halt (temporary, suspension, clinical hold) is imposed once per kind; another kind may come on top. Only what is
   halted restarts, and a restart ends the halt whatever its kinds. After an early termination nothing restarts.
   A halt that is recorded after its day leaves a deviation, and so does a restart more than two years after the halt
   (by EU CTR article 37(7) the trial counts as ended by then).
2. Lock and unlock alternate.
3. An amendment keeps the trial's name, and what the allocation list is laid out by: arms and ratios, and the factors
   of a list of minimisation. It takes nobody out of those who are masked, for what somebody has seen cannot be taken
   back.
"""

from __future__ import annotations

from typing import Any, Final

from ledger.domain.allocation import arms_of
from ledger.domain.decisions.base import Command, Decide, Decision, Reads, Refusal, deviations, event
from ledger.domain.events.base import Event, Facts
from ledger.domain.events.trial import (
    Amendment,
    ClinicalHoldImposed,
    DatabaseLocked,
    DatabaseUnlocked,
    DataCutOffDeclared,
    DataImported,
    DmcRecommended,
    ProtocolAmended,
    Registration,
    SealedDataImported,
    SiteActivated,
    SiteChange,
    SiteClosed,
    TrialRegistered,
    TrialRestarted,
    TrialSuspended,
    TrialTemporarilyHalted,
    TrialTerminatedEarly,
)
from ledger.domain.protocol import Protocol, ProtocolError
from ledger.domain.vocabulary import DeviationCategory, TrialStatus
from ledger.domain.when import Moment, compare, is_late
from ledger.proof.allocation import MINIMISATION


def _recorded(cls: type[Event], command: Command[Facts], rules: Protocol, now: str, **more: Any) -> Decision:
    tardy = is_late(command.occurred_at, now, rules.settings.late_entry_days)
    return Decision(open=[event(cls, command, late=tardy, **more)])


def _read_protocol(value: dict[str, Any]) -> Protocol:
    try:
        return Protocol.from_value(value)
    except ProtocolError as error:
        first = error.problems[0]
        raise Refusal("protocol", f"data.protocol.{first.field}".removesuffix(".$"), _listed(error)) from None


def _listed(error: ProtocolError) -> str:
    first, *others = error.problems
    return "; ".join([first.rule, *(f"{other.field}: {other.rule}" for other in others[:20])])


def register(command: Command[Registration], reads: Reads, now: str) -> Decision:
    """Register the trial; the protocol is recorded with its defaults filled in."""
    if reads.trial.registered:
        raise Refusal("trial-registered", "type", "the trial is registered already; amend its protocol instead")
    protocol = _read_protocol(command.data.protocol)
    return _recorded(TrialRegistered, command, protocol, now, protocol=protocol.model_dump(mode="json"))


def _layout(protocol: Protocol, method: str | None) -> tuple[object, ...]:
    # Permuted blocks have a list of its own for each stratum, old or new; minimisation weighs each of its factors.
    factors = protocol.settings.stratification.factors if method == MINIMISATION else ()
    return arms_of(protocol), factors


def amend(command: Command[Amendment], reads: Reads, now: str) -> Decision:
    """Amend the protocol."""
    before = reads.protocol
    _not_terminated(reads)
    data = command.data
    if data.amendment in reads.trial.amendments:
        raise Refusal("amendment-exists", "data.amendment", f"{data.amendment} is recorded already")
    protocol = _read_protocol(data.protocol)
    if protocol.trial_id != before.trial_id:
        message = f"is of the trial {protocol.trial_id}, this is the ledger of {before.trial_id}"
        raise Refusal("trial-id", "data.protocol.registration", message)
    method = reads.trial.allocation.method
    if _layout(protocol, method) != _layout(before, method):
        message = "the arms, their ratios and what minimisation weighs are those of the allocation list, which stays"
        raise Refusal("allocation-list", "data.protocol.arms", message)
    unmasked = set(before.effective_masked_roles) - set(protocol.effective_masked_roles)
    if unmasked:
        message = f"an amendment unmasks nobody; it takes the masking from {', '.join(sorted(unmasked))}"
        raise Refusal("unmasking", "data.protocol.masked_roles", message)
    return _recorded(ProtocolAmended, command, before, now, protocol=protocol.model_dump(mode="json"))


def _not_terminated(reads: Reads) -> None:
    if reads.trial.terminated_at is not None:
        raise Refusal("terminated", "type", f"the trial was terminated early ({reads.trial.terminated_at})")


def activate_site(command: Command[SiteChange], reads: Reads, now: str) -> Decision:
    """Activate a site, or activate it again."""
    _not_terminated(reads)
    site = command.data.site
    if site not in {one.id for one in reads.protocol.sites}:
        raise Refusal("site-unknown", "data.site", f"the protocol has no site {site}; amend it first")
    if reads.trial.site_active(site):
        raise Refusal("site-active", "data.site", f"site {site} is active already")
    return _recorded(SiteActivated, command, reads.protocol, now)


def close_site(command: Command[SiteChange], reads: Reads, now: str) -> Decision:
    """Close an active site."""
    site = command.data.site
    if not reads.trial.site_active(site):
        raise Refusal("site-not-active", "data.site", f"site {site} is not active")
    if compare(command.occurred_at, reads.trial.sites[site].activated_at) < 0:
        raise Refusal("before-activation", "occurred_at", f"site {site} was not active yet")
    return _recorded(SiteClosed, command, reads.protocol, now)


def _halting(kind: TrialStatus, cls: type[Event]) -> Decide:
    def decide(command: Command[Facts], reads: Reads, now: str) -> Decision:
        _not_terminated(reads)
        if reads.trial.status is kind:
            raise Refusal("halted-already", "type", f"the trial is halted already ({kind})")
        decision = _recorded(cls, command, reads.protocol, now)
        known = command.occurred_at[: Moment(command.occurred_at).precision]
        if known < now[: len(known)] and not command.imported:
            text = (
                f"the halt since {command.occurred_at} was recorded only on {now[:10]}: "
                "the consents and allocations since then are to be reviewed"
            )
            broken = [(DeviationCategory.DURING_HALT, "halt-recorded-late", text)]
            return Decision(open=[*decision.open, *deviations(command, None, broken)])
        return decision

    return decide


halt: Final = _halting(TrialStatus.TEMPORARILY_HALTED, TrialTemporarilyHalted)
suspend: Final = _halting(TrialStatus.SUSPENDED_BY_AUTHORITY, TrialSuspended)
hold: Final = _halting(TrialStatus.CLINICAL_HOLD, ClinicalHoldImposed)


def restart(command: Command[Facts], reads: Reads, now: str) -> Decision:
    """End a halt."""
    _not_terminated(reads)
    lasting = reads.trial.halted
    if lasting is None:
        raise Refusal("not-halted", "type", "the trial is not halted")
    if compare(command.occurred_at, lasting.since) < 0:
        raise Refusal("before-halt", "occurred_at", f"the halt began only at {lasting.since}")
    decision = _recorded(TrialRestarted, command, reads.protocol, now)
    ends = f"{int(lasting.since[:4]) + 2:04}{lasting.since[4:10]}"
    if compare(command.occurred_at[:10], ends) > 0:
        text = f"restarted {command.occurred_at}, more than two years after the halt of {lasting.since}"
        broken = [(DeviationCategory.OTHER, "restart-after-two-years", text)]
        return Decision(open=[*decision.open, *deviations(command, None, broken)])
    return decision


def terminate(command: Command[Facts], reads: Reads, now: str) -> Decision:
    """End the trial early."""
    _not_terminated(reads)
    return _recorded(TrialTerminatedEarly, command, reads.protocol, now)


def lock(command: Command[Facts], reads: Reads, now: str) -> Decision:
    """Lock the database."""
    if reads.trial.locked:
        raise Refusal("locked", "type", "the database is locked already")
    return _recorded(DatabaseLocked, command, reads.protocol, now)


def unlock(command: Command[Facts], reads: Reads, now: str) -> Decision:
    """Unlock the database."""
    if not reads.trial.locked:
        raise Refusal("not-locked", "type", "the database is not locked")
    return _recorded(DatabaseUnlocked, command, reads.protocol, now)


def _noting(cls: type[Event]) -> Decide:
    def decide(command: Command[Facts], reads: Reads, now: str) -> Decision:
        return _recorded(cls, command, reads.protocol, now)

    return decide


recommend: Final = _noting(DmcRecommended)
declare_cut_off: Final = _noting(DataCutOffDeclared)
report_import: Final = _noting(DataImported)


def report_sealed_import(command: Command[Facts], reads: Reads, now: str) -> Decision:
    """Record what of an import depends on an arm, in the sealed book alone."""
    return Decision(sealed=_recorded(SealedDataImported, command, reads.protocol, now).open)
