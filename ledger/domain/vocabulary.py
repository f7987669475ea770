"""The words of the field: CDISC controlled terminology, ICH E6(R3), ClinicalTrials.gov, EU CTR.

A term, once used in an event, stays for good: it is stored. Terms are added, never renamed.
"""

from enum import StrEnum
from typing import Final


class Book(StrEnum):
    """The two books (DESIGN section 2)."""

    OPEN = "open"
    SEALED = "sealed"


class Role(StrEnum):
    """In which role somebody acts or looks."""

    PARTICIPANT = "participant"
    CARE_PROVIDER = "care-provider"
    INVESTIGATOR = "investigator"
    OUTCOMES_ASSESSOR = "outcomes-assessor"
    PHARMACIST = "pharmacist"
    STATISTICIAN = "statistician"
    DMC = "dmc"
    SAFETY_PHYSICIAN = "safety-physician"
    MONITOR = "monitor"
    AUDITOR = "auditor"
    INSPECTOR = "inspector"
    SPONSOR = "sponsor"
    DATA_MANAGER = "data-manager"
    ARCHIVE = "archive"


SYSTEM: Final = "system"
"""The role under which the ledger itself records: anchors, and nothing else."""


class ConsentForm(StrEnum):
    WRITTEN = "WRITTEN"
    VERBAL = "VERBAL"


class ConsentGiver(StrEnum):
    """Who gave (or withdrew) consent (ICH E6(R3) 2.8)."""

    PATIENT = "PATIENT"
    FAMILY_MEMBER = "FAMILY_MEMBER"
    LEGAL_REPRESENTATIVE = "LEGAL_REPRESENTATIVE"


class RenewalReason(StrEnum):
    """Why consent was asked for again."""

    CAPACITY_REGAINED = "CAPACITY_REGAINED"
    NEW_DOCUMENT_VERSION = "NEW_DOCUMENT_VERSION"
    WRITTEN_CONFIRMATION = "WRITTEN_CONFIRMATION"
    OTHER = "OTHER"


class WithdrawalScope(StrEnum):
    """What somebody withdrew from; data collected before stays in the record."""

    INTERVENTION = "INTERVENTION"
    FOLLOW_UP = "FOLLOW_UP"
    ALL = "ALL"


class Severity(StrEnum):
    """CDISC AESEV. Severity is not seriousness."""

    MILD = "MILD"
    MODERATE = "MODERATE"
    SEVERE = "SEVERE"


class Seriousness(StrEnum):
    """The six criteria of ICH E2A that make an adverse event serious."""

    DEATH = "DEATH"
    LIFE_THREATENING = "LIFE_THREATENING"
    HOSPITALIZATION = "HOSPITALIZATION"
    DISABILITY = "DISABILITY"
    CONGENITAL_ANOMALY = "CONGENITAL_ANOMALY"
    MEDICALLY_IMPORTANT = "MEDICALLY_IMPORTANT"


class Causality(StrEnum):
    """The reporter's own opinion of relation to the intervention (AEREL)."""

    NONE = "NONE"
    REMOTE = "REMOTE"
    POSSIBLE = "POSSIBLE"
    PROBABLE = "PROBABLE"
    DEFINITE = "DEFINITE"
    NOT_RELATED = "NOT RELATED"
    RELATED = "RELATED"


class AeOutcome(StrEnum):
    """CDISC OUT."""

    RECOVERED = "RECOVERED/RESOLVED"
    RECOVERED_WITH_SEQUELAE = "RECOVERED/RESOLVED WITH SEQUELAE"
    RECOVERING = "RECOVERING/RESOLVING"
    NOT_RECOVERED = "NOT RECOVERED/NOT RESOLVED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


class ActionTaken(StrEnum):
    """CDISC ACN: action taken with the study product. Sealed: that there is a product tells the arm."""

    DOSE_INCREASED = "DOSE INCREASED"
    DOSE_NOT_CHANGED = "DOSE NOT CHANGED"
    DOSE_RATE_REDUCED = "DOSE RATE REDUCED"
    DOSE_REDUCED = "DOSE REDUCED"
    DRUG_INTERRUPTED = "DRUG INTERRUPTED"
    DRUG_WITHDRAWN = "DRUG WITHDRAWN"
    NOT_APPLICABLE = "NOT APPLICABLE"
    UNKNOWN = "UNKNOWN"


class Expectedness(StrEnum):
    """Whether a reaction is consistent with the reference safety information of the product (ICH E2A II.A.3)."""

    EXPECTED = "EXPECTED"
    UNEXPECTED = "UNEXPECTED"


class VitalStatus(StrEnum):
    ALIVE = "ALIVE"
    DEAD = "DEAD"
    UNKNOWN = "UNKNOWN"


class VisitState(StrEnum):
    DONE = "DONE"
    MISSED = "MISSED"


class DispositionCategory(StrEnum):
    """CDISC DSCAT."""

    PROTOCOL_MILESTONE = "PROTOCOL MILESTONE"
    DISPOSITION_EVENT = "DISPOSITION EVENT"
    OTHER_EVENT = "OTHER EVENT"


class Epoch(StrEnum):
    """CDISC EPOCH."""

    SCREENING = "SCREENING"
    TREATMENT = "TREATMENT"
    FOLLOW_UP = "FOLLOW-UP"


DISPOSITION_TERMS: Final = (
    "ADVERSE EVENT",
    "COMPLETED",
    "DEATH",
    "LACK OF EFFICACY",
    "LOST TO FOLLOW-UP",
    "NON-COMPLIANCE WITH STUDY DRUG",
    "OTHER",
    "PHYSICIAN DECISION",
    "PREGNANCY",
    "PROGRESSIVE DISEASE",
    "PROTOCOL DEVIATION",
    "PROTOCOL VIOLATION",
    "RECOVERY",
    "SCREEN FAILURE",
    "SITE TERMINATED BY SPONSOR",
    "STUDY TERMINATED BY SPONSOR",
    "TECHNICAL PROBLEMS",
    "WITHDRAWAL BY PARENT/GUARDIAN",
    "WITHDRAWAL BY SUBJECT",
)
"""CDISC NCOMPLT and COMPLETED, for dispositions of category DISPOSITION EVENT."""


class DmcRecommendation(StrEnum):
    CONTINUE = "CONTINUE"
    CONTINUE_WITH_CHANGES = "CONTINUE_WITH_CHANGES"
    PAUSE_RECRUITMENT = "PAUSE_RECRUITMENT"
    STOP = "STOP"


class DeviationCategory(StrEnum):
    """What kind of departure from the protocol (ICH E3 10.2)."""

    CONSENT = "CONSENT"
    ELIGIBILITY = "ELIGIBILITY"
    PROCEDURE = "PROCEDURE"
    VISIT_WINDOW = "VISIT_WINDOW"
    DURING_HALT = "DURING_HALT"
    AFTER_LOCK = "AFTER_LOCK"
    SITE = "SITE"
    DOSE = "DOSE"
    OTHER = "OTHER"


class TrialStatus(StrEnum):
    """Where the trial stands. A halt by the sponsor, a suspension by an authority and a hold are three things."""

    NOT_YET_RECRUITING = "NOT_YET_RECRUITING"
    RECRUITING = "RECRUITING"
    TEMPORARILY_HALTED = "TEMPORARILY_HALTED"
    SUSPENDED_BY_AUTHORITY = "SUSPENDED_BY_AUTHORITY"
    CLINICAL_HOLD = "CLINICAL_HOLD"
    TERMINATED_EARLY = "TERMINATED_EARLY"
