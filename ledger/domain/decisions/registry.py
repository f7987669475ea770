"""The closed registry of commands, and the one door through which they are decided.

Role and times are checked here, for every command alike; the rest is each decision's own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.domain.decisions import (
    access,
    allocation,
    conduct,
    consent,
    correction,
    enrolment,
    notification,
    pharmacovigilance,
    randomization,
    safety,
    source,
    treatment,
    trial,
    unblinding,
    voiding,
)
from ledger.domain.decisions.base import Command, CommandSpec, Decide, Decision, Reads, Refusal
from ledger.domain.decisions.routing import check_unblinded, routed, unblinded
from ledger.domain.decisions.targets import target_subject
from ledger.domain.decisions.times import check_times
from ledger.domain.decisions.unblinding import check_erased
from ledger.domain.events.access import Grant, Revocation
from ledger.domain.events.allocation import (
    AllocationCommitment,
    AllocationOpening,
    OutOfTurn,
    OutsideValue,
    RightStratum,
)
from ledger.domain.events.base import ENROLMENT_LOG, Facts
from ledger.domain.events.conduct import AboutRecord, Correction, Deviation, Disposition, Visit, Voiding
from ledger.domain.events.consent import Consent, Renewal, Withdrawal
from ledger.domain.events.enrolment import Enrolment, Randomization, Screening, Waiver
from ledger.domain.events.erasure import Erasure
from ledger.domain.events.notification import Notification
from ledger.domain.events.pharmacovigilance import ExpectednessAssessment, UnexpectedReaction
from ledger.domain.events.safety import AdverseEvent, AdverseEventFollowUp, Coding, Death, Vital
from ledger.domain.events.source import SourceRecord
from ledger.domain.events.treatment import Preparation, ProductAction, ProductInterruption, Treatment
from ledger.domain.events.trial import (
    Amendment,
    AuthorityDecision,
    CutOff,
    ImportReport,
    Reason,
    Recommendation,
    Registration,
    SealedImportReport,
    SiteChange,
)
from ledger.domain.events.unblinding import (
    CodeBreak,
    EnvelopeExport,
    EnvelopeOpening,
    InadvertentUnblinding,
    UnblindingApproval,
    UnblindingRequest,
)
from ledger.domain.history import Fact
from ledger.domain.roles import may_issue, roles_for


def _spec(
    type_: str,
    data: type[Facts],
    decide: Decide,
    summary: str,
    *,
    act: bool = False,
    sealed: bool = False,
    counts: Callable[[Any, Reads], str] | None = None,
) -> CommandSpec:
    return CommandSpec(type_, data, roles_for(type_), act, decide, sealed, summary, counts)


def _enrolment_log(_: Any, __: Reads) -> str:
    return ENROLMENT_LOG


_SPECS: Final = (
    _spec("register-trial", Registration, trial.register, "begin the ledger with a protocol", act=True),
    _spec("amend-protocol", Amendment, trial.amend, "put an amended protocol in force", act=True),
    _spec("activate-site", SiteChange, trial.activate_site, "let a site obtain consents", act=True),
    _spec("close-site", SiteChange, trial.close_site, "let a site take in nobody more", act=True),
    _spec("halt-trial", Reason, trial.halt, "temporary halt by the sponsor", act=True),
    _spec("suspend-trial", AuthorityDecision, trial.suspend, "suspension by an authority"),
    _spec("impose-clinical-hold", AuthorityDecision, trial.hold, "clinical hold by an authority"),
    _spec("restart-trial", Reason, trial.restart, "end a halt", act=True),
    _spec("terminate-trial", Reason, trial.terminate, "early termination", act=True),
    _spec("record-notification", Notification, notification.notify, "what was sent, and to whom, as a duty asks"),
    _spec("record-dmc-recommendation", Recommendation, trial.recommend, "what the data monitoring committee advises"),
    _spec("declare-data-cut-off", CutOff, trial.declare_cut_off, "up to when data count for an analysis", act=True),
    _spec("lock-database", Reason, trial.lock, "expect no further data", act=True),
    _spec("unlock-database", Reason, trial.unlock, "take data again", act=True),
    _spec("report-import", ImportReport, trial.report_import, "what an import has read, recorded and rejected"),
    _spec(
        "report-sealed-import",
        SealedImportReport,
        trial.report_sealed_import,
        "what of an import depends on an arm",
        sealed=True,
    ),
    _spec("claim-source-record", SourceRecord, source.claim, "a record of another system's audit trail, as claimed"),
    _spec("record-consent", Consent, consent.obtain, "informed consent; makes somebody a subject"),
    _spec("renew-consent", Renewal, consent.renew, "consent given again"),
    _spec("withdraw-consent", Withdrawal, consent.withdraw, "withdrawal from intervention, follow-up, or all"),
    _spec("record-screening", Screening, enrolment.screen, "screening values; eligibility is computed from them"),
    _spec(
        "claim-screening",
        enrolment.ClaimedScreening,
        enrolment.claim_screening,
        "eligibility as a source claims it",
    ),
    _spec("grant-waiver", Waiver, enrolment.waive, "waive a failed criterion", act=True),
    _spec(
        "enrol-subject", Enrolment, enrolment.enrol, "take a subject into the trial", act=True, counts=_enrolment_log
    ),
    _spec(
        "randomize-subject",
        Randomization,
        randomization.randomize,
        "draw the next place of the allocation list",
        act=True,
        counts=randomization.drawn_from,
    ),
    _spec(
        "claim-randomization",
        randomization.ClaimedRandomization,
        randomization.claim_randomization,
        "an allocation as a source claims it",
        counts=randomization.drawn_from,
    ),
    _spec(
        "commit-allocation",
        AllocationCommitment,
        allocation.commit,
        "commit to the secret of the allocation list",
        act=True,
    ),
    _spec("bind-allocation", OutsideValue, allocation.bind, "bind the list to a value from outside", act=True),
    _spec("open-allocation", AllocationOpening, allocation.open_list, "open the list to everybody", act=True),
    _spec("report-wrong-stratum", RightStratum, allocation.stratum_wrong, "a subject was drawn for another stratum"),
    _spec(
        "record-allocation-out-of-turn",
        OutOfTurn,
        allocation.out_of_turn,
        "an index other than the one due was given",
        counts=randomization.drawn_from,
    ),
    _spec("record-visit", Visit, conduct.visit, "a visit done or missed"),
    _spec("report-adverse-event", AdverseEvent, safety.report, "an adverse event"),
    _spec("follow-up-adverse-event", AdverseEventFollowUp, safety.follow_up, "what has changed about one"),
    _spec("code-adverse-event", Coding, safety.code, "its dictionary terms"),
    _spec("record-vital-status", Vital, safety.vital_status, "whether a subject is alive"),
    _spec("record-death", Death, safety.death, "a death"),
    _spec("report-deviation", Deviation, conduct.report_deviation, "a protocol deviation, as seen by a person"),
    _spec("record-disposition", Disposition, conduct.disposition, "how a subject's part ended, or a milestone"),
    _spec("correct-record", Correction, correction.correct_open, "new values for a record of the open book"),
    _spec("record-treatment", Treatment, treatment.treat, "the product given", sealed=True),
    _spec("record-action-taken", ProductAction, treatment.action_taken, "what became of the product", sealed=True),
    _spec("prepare-product", Preparation, treatment.prepare, "a dose made ready", sealed=True),
    _spec(
        "record-interruption",
        ProductInterruption,
        treatment.interrupt,
        "an administration that stopped before its end",
        sealed=True,
    ),
    _spec(
        "assess-expectedness",
        ExpectednessAssessment,
        pharmacovigilance.assess,
        "whether an adverse event was expected of the product",
        sealed=True,
    ),
    _spec(
        "report-unexpected-reaction",
        UnexpectedReaction,
        pharmacovigilance.report,
        "an unexpected serious reaction, as reported to an authority",
        sealed=True,
    ),
    _spec("grant-access", Grant, access.grant, "let an auditor or inspector see names or arms", act=True),
    _spec("revoke-access", Revocation, access.revoke, "end what an auditor or inspector was granted", act=True),
    _spec(
        "correct-sealed-record",
        Correction,
        correction.correct_sealed,
        "new values for a record of the sealed book",
        sealed=True,
    ),
    _spec("void-record", Voiding, voiding.void_open, "a record of the open book was entered in error"),
    _spec(
        "void-sealed-record",
        Voiding,
        voiding.void_sealed,
        "a record of the sealed book was entered in error",
        sealed=True,
    ),
    _spec("break-code", CodeBreak, unblinding.break_code, "emergency: learn the arm of a subject", act=True),
    _spec("request-unblinding", UnblindingRequest, unblinding.request, "ask for a planned unblinding", act=True),
    _spec("approve-unblinding", UnblindingApproval, unblinding.approve, "approve one, as a second person", act=True),
    _spec(
        "report-inadvertent-unblinding",
        InadvertentUnblinding,
        unblinding.report_inadvertent,
        "somebody came to know an arm by mistake",
    ),
    _spec(
        "record-envelopes-exported",
        EnvelopeExport,
        unblinding.envelopes_exported,
        "into whose keeping sealed envelopes were given",
    ),
    _spec("report-envelope-opened", EnvelopeOpening, unblinding.envelope_opened, "a sealed envelope was opened"),
    _spec("erase-identity", Erasure, unblinding.erase, "erase what names persons in a subject's records", act=True),
)
COMMANDS: Final[Mapping[str, CommandSpec]] = {spec.type: spec for spec in _SPECS}
"""Every type of command. Roles are those of `roles.ROLES`; a type without any is for imports."""


def subject_of(command: Command[Facts], target: Fact | None = None) -> str | None:
    """The subject whose stream a decision reads; of a correction or a voiding, the subject of its target.

    Where its target is not found, the one that it names itself: it may have been entered after unblinding.
    """
    if isinstance(command.data, AboutRecord):
        return command.data.subject if target is None else target_subject(target)
    subject: str | None = getattr(command.data, "subject", None)
    return subject


def counted_stream(command: Command[Facts], reads: Reads, *, importing: bool = False) -> str | None:
    """The stream on which a command draws a number; its version belongs into `Reads.versions` and into the guards.

    Needs the states of trial and subject in `reads`. Raises Refusal where they do not tell, which refuses the command.
    `importing` as for `decide`.
    """
    counts = COMMANDS[command.type].counts
    if counts is None:
        return None
    # First, or a refusal would tell whoever may not ask how the subject stands.
    check_role(command, importing=importing)
    return counts(command, reads)


def check_role(command: Command[Facts], *, importing: bool = False) -> None:
    """Refuse a command that the actor's role may not issue, and one that calls itself an import's but is none."""
    if command.imported and not importing:
        raise Refusal("provenance", "provenance.kind", "imports are made by `trial-ledger import`, not by commands")
    if may_issue(command.actor.role, command.type, imported=command.imported):
        return
    allowed = ", ".join(sorted(COMMANDS[command.type].roles)) or "only an import by a data-manager"
    raise Refusal("role", "actor.role", f"{command.actor.role} may not {command.type}; may: {allowed}")


def decide(command: Command[Any], reads: Reads, now: str, *, importing: bool = False) -> Decision:
    """The events that a command becomes, recorded at `now`. Pure. Raises Refusal.

    `importing`: the importer itself gives the command. Only then may its provenance say `import`, which lets a data
    manager claim anything and relaxes rules; whoever submits commands has no such licence, whatever they write.
    """
    check_role(command, importing=importing)
    check_times(command, now)
    if command.type != "register-trial" and not reads.trial.registered:
        raise Refusal("trial-unregistered", "type", "the trial is not registered yet")
    spec = COMMANDS[command.type]
    check_erased(command, reads)
    if spec.sealed:
        return spec.decide(command, reads, now)
    subject = subject_of(command, reads.target)
    knows = unblinded(command, reads.trial, subject, reads.subject, reads.target, some=reads.knows_some_arm)
    check_unblinded(command, knows, reads.target)
    return routed(command, reads, spec.decide(command, reads, now), knows)
