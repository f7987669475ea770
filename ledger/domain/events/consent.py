"""Consent: obtained (written or verbal, by the patient or for them), asked for again, withdrawn. ICH E6(R3) 2.8."""

from typing import ClassVar

from ledger.domain.events.base import Code, Facts, Identifying, SubjectEvent, SubjectId, Text
from ledger.domain.vocabulary import ConsentForm, ConsentGiver, RenewalReason, WithdrawalScope


class Consent(Facts):
    """How consent was given, by whom, to which version of the document."""

    subject: SubjectId
    site: Code
    form: ConsentForm
    giver: ConsentGiver
    relation: Code | None = None
    witnessed: bool = False
    document_version: Code
    subject_name: Identifying = None
    giver_name: Identifying = None
    witness_name: Identifying = None


class ConsentObtained(Consent, SubjectEvent):
    """Informed consent was given; the first event of a subject."""

    type: ClassVar[str] = "consent.obtained/1"
    title: ClassVar[str] = "Consent obtained"


class Renewal(Facts):
    """Consent asked for again, and why: capacity regained, a new document, a verbal consent put in writing."""

    subject: SubjectId
    form: ConsentForm
    giver: ConsentGiver
    relation: Code | None = None
    witnessed: bool = False
    document_version: Code
    reason: RenewalReason
    giver_name: Identifying = None
    witness_name: Identifying = None


class ConsentRenewed(Renewal, SubjectEvent):
    """Consent was given again."""

    type: ClassVar[str] = "consent.renewed/1"
    title: ClassVar[str] = "Consent renewed"


class Withdrawal(Facts):
    """Who withdrew, from what. Nobody owes a reason."""

    subject: SubjectId
    giver: ConsentGiver
    scope: WithdrawalScope
    reason: Text | None = None


class ConsentWithdrawn(Withdrawal, SubjectEvent):
    """Consent was withdrawn."""

    type: ClassVar[str] = "consent.withdrawn/1"
    title: ClassVar[str] = "Consent withdrawn"
