"""The codes of FHIR R5 that are used, by the value set that they are of; and ours, where FHIR has none.

1. A map gives our term's code; a term that is not in it has none in the value set, and stands as text or in a system of
   ours. No code is made up in a system of others.
2. `research-subject-state`, `publication-status`, `consent-state-codes`, `consent-provision-type`,
   `adverse-event-status`, `adverse-event-actuality`, `audit-event-action`, `provenance-entity-role`, `group-type`,
   `group-membership-basis` are bindings of strength *required*: only those codes are allowed there.

Sources: HL7 FHIR R5 (5.0.0), http://hl7.org/fhir/R5/terminologies-valuesets.html; HL7 Terminology,
http://terminology.hl7.org; CDISC controlled terminology by its NCI codes.
"""

from typing import Final

from api.exports.fhir.elements import NS

# ResearchStudy. Value sets research-study-status, -phase, -prim-purp-type, -arm-type, -party-role, -objective-type,
# study-design, title-type.
STUDY_STATUS: Final = "http://hl7.org/fhir/research-study-status"
STATES: Final = {
    "NOT_YET_RECRUITING": "not-yet-recruiting",
    "RECRUITING": "recruiting",
    "TEMPORARILY_HALTED": "temporarily-closed-to-accrual",
    "SUSPENDED_BY_AUTHORITY": "temporarily-closed-to-accrual",
    "CLINICAL_HOLD": "temporarily-closed-to-accrual",
    "TERMINATED_EARLY": "terminated",
}
"""Our three ways to stop are one to FHIR; which it was stands in the reason."""
STOPPED: Final = f"{NS}/trial-status"
PHASE: Final = "http://hl7.org/fhir/research-study-phase"
PHASES: Final = {
    ("NA",): "n-a",
    ("EARLY_PHASE1",): "early-phase-1",
    ("PHASE1",): "phase-1",
    ("PHASE1", "PHASE2"): "phase-1-phase-2",
    ("PHASE2",): "phase-2",
    ("PHASE2", "PHASE3"): "phase-2-phase-3",
    ("PHASE3",): "phase-3",
    ("PHASE4",): "phase-4",
}
PURPOSE: Final = "http://hl7.org/fhir/research-study-prim-purp-type"
PURPOSES: Final = {
    "TREATMENT": "treatment",
    "PREVENTION": "prevention",
    "DIAGNOSTIC": "diagnostic",
    "SUPPORTIVE_CARE": "supportive-care",
    "SCREENING": "screening",
    "HEALTH_SERVICES_RESEARCH": "health-services-research",
    "BASIC_SCIENCE": "basic-science",
    "DEVICE_FEASIBILITY": "device-feasibility",
}
ARM_TYPE: Final = "http://hl7.org/fhir/research-study-arm-type"
ARM_TYPES: Final = {
    "EXPERIMENTAL": "experimental",
    "ACTIVE_COMPARATOR": "active-comparator",
    "PLACEBO_COMPARATOR": "placebo-comparator",
    "SHAM_COMPARATOR": "sham-comparator",
    "NO_INTERVENTION": "no-intervention",
    "OTHER": "other-arm-type",
}
PARTY_ROLE: Final = "http://hl7.org/fhir/research-study-party-role"
OBJECTIVE: Final = "http://hl7.org/fhir/research-study-objective-type"
OBJECTIVES: Final = {"PRIMARY": "primary", "SECONDARY": "secondary"}
DESIGN: Final = "http://hl7.org/fhir/study-design"
DESIGNS: Final = {
    "INTERVENTIONAL": ("SEVCO:01001", "Interventional research"),
    "OBSERVATIONAL": ("SEVCO:01002", "Observational research"),
    "EXPANDED_ACCESS": ("SEVCO:01038", "Expanded Access study"),
    "RANDOMIZED": ("SEVCO:01003", "randomized assignment"),
    "NON_RANDOMIZED": ("SEVCO:01005", "Non-randomized assignment"),
    "PARALLEL": ("SEVCO:01011", "Parallel cohort design"),
    "CROSSOVER": ("SEVCO:01012", "Crossover cohort design"),
    "SINGLE_GROUP": ("SEVCO:01016", "Uncontrolled cohort design"),
    "PARTICIPANT": ("SEVCO:01060", "Blinding of study participants"),
    "CARE_PROVIDER": ("SEVCO:01061", "Blinding of intervention providers"),
    "OUTCOMES_ASSESSOR": ("SEVCO:01062", "Blinding of outcome assessors"),
}
"""Type, allocation, model and who is blinded. FHIR has no code for the investigator's blinding."""
TITLE: Final = "http://hl7.org/fhir/title-type"
NCT: Final = "http://clinicaltrials.gov"
"""The NamingSystem ClinicalTrialsGov of HL7 Terminology."""

# ResearchSubject. Value sets research-subject-state (required), -state-type, -milestone.
SUBJECT_STATE: Final = "http://terminology.hl7.org/CodeSystem/research-subject-state"
SUBJECT_STATES: Final = {
    "CONSENTED": "screening",
    "ELIGIBLE": "eligible",
    "SCREEN_FAILURE": "ineligible",
    "ENROLLED": "on-study",
    "RANDOMIZED": "on-study",
    "IN_FOLLOW_UP": "follow-up",
    "COMPLETED": "off-study",
    "DIED": "off-study",
    "LOST_TO_FOLLOW_UP": "off-study",
    "DISCONTINUED": "off-study",
    "WITHDRAWN": "withdrawn",
}
OBSERVED: Final = "on-study-observation"
OFF: Final = frozenset({"off-study", "withdrawn", "ineligible"})
STATE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/research-subject-state-type"
MILESTONE: Final = "http://terminology.hl7.org/CodeSystem/research-subject-milestone"
MILESTONES: Final = {
    "CONSENTED": ("SignedUp", "Signed up"),
    "ELIGIBLE": ("Screened", "Screened"),
    "SCREEN_FAILURE": ("Screened", "Screened"),
    "RANDOMIZED": ("Randomized", "Randomized"),
}
SUBJECT_STATUS: Final = f"{NS}/subject-status"

# Consent. Value sets consent-category, consent-verification, v3-PurposeOfUse; relatedperson-relationshiptype has no
# code for a member of the family, v3-RoleCode has.
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_FORM: Final = f"{NS}/consent-form"
WITHDRAWAL_SCOPE: Final = f"{NS}/withdrawal-scope"
VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/consentverification"
PURPOSE_OF_USE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
RELATION: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
RELATIONS: Final = {
    "FAMILY_MEMBER": ("FAMMEMB", "family member"),
    "LEGAL_REPRESENTATIVE": ("RESPRSN", "responsible party"),
}

# AdverseEvent. Value sets adverse-event-seriousness, -category. Of -outcome only an example exists: CDISC's OUT it is.
SERIOUSNESS: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness"
CRITERIA: Final = f"{NS}/seriousness-criterion"
AE_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-category"
MEDDRA: Final = "http://terminology.hl7.org/CodeSystem/MDRAE"
"""The NamingSystem MDRAE of HL7 Terminology."""
NCI: Final = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OUTCOMES: Final = {
    "FATAL": "C48275",
    "NOT RECOVERED/NOT RESOLVED": "C49494",
    "RECOVERED/RESOLVED": "C49498",
    "RECOVERED/RESOLVED WITH SEQUELAE": "C49495",
    "RECOVERING/RESOLVING": "C49496",
}

# AuditEvent and Provenance. Value sets audit-event-outcome (preferred), provenance-activity-type,
# provenance-participant-type; the lifecycle events of ISO 21089.
LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
AUDIT_OUTCOME: Final = "http://hl7.org/fhir/issue-severity"
PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ROLE: Final = f"{NS}/role"
EVENT_TYPE: Final = f"{NS}/event-type"
DETAIL: Final = f"{NS}/detail"
