"""The closed lists of the registry, as ClinicalTrials.gov writes them (API v2, "enumeration types").

https://clinicaltrials.gov/data-api/about-api/study-data-structure. The same words go into files, events and
views, so that nobody has to translate.
"""

from typing import Final, Literal, TypeAlias

OverallStatus: TypeAlias = Literal[
    "ACTIVE_NOT_RECRUITING",
    "COMPLETED",
    "ENROLLING_BY_INVITATION",
    "NOT_YET_RECRUITING",
    "RECRUITING",
    "SUSPENDED",
    "TERMINATED",
    "WITHDRAWN",
    "AVAILABLE",
    "NO_LONGER_AVAILABLE",
    "TEMPORARILY_NOT_AVAILABLE",
    "APPROVED_FOR_MARKETING",
    "WITHHELD",
    "UNKNOWN",
]
StudyType: TypeAlias = Literal["INTERVENTIONAL", "OBSERVATIONAL", "EXPANDED_ACCESS"]
Phase: TypeAlias = Literal["NA", "EARLY_PHASE1", "PHASE1", "PHASE2", "PHASE3", "PHASE4"]
DateType: TypeAlias = Literal["ACTUAL", "ESTIMATED"]
Allocation: TypeAlias = Literal["RANDOMIZED", "NON_RANDOMIZED", "NA"]
InterventionModel: TypeAlias = Literal["SINGLE_GROUP", "PARALLEL", "CROSSOVER", "FACTORIAL", "SEQUENTIAL"]
PrimaryPurpose: TypeAlias = Literal[
    "TREATMENT",
    "PREVENTION",
    "DIAGNOSTIC",
    "ECT",
    "SUPPORTIVE_CARE",
    "SCREENING",
    "HEALTH_SERVICES_RESEARCH",
    "BASIC_SCIENCE",
    "DEVICE_FEASIBILITY",
    "OTHER",
]
Masking: TypeAlias = Literal["NONE", "SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE"]
MaskingRole: TypeAlias = Literal["PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR"]
ArmType: TypeAlias = Literal[
    "EXPERIMENTAL",
    "ACTIVE_COMPARATOR",
    "PLACEBO_COMPARATOR",
    "SHAM_COMPARATOR",
    "NO_INTERVENTION",
    "OTHER",
]
InterventionType: TypeAlias = Literal[
    "BEHAVIORAL",
    "BIOLOGICAL",
    "COMBINATION_PRODUCT",
    "DEVICE",
    "DIAGNOSTIC_TEST",
    "DIETARY_SUPPLEMENT",
    "DRUG",
    "GENETIC",
    "PROCEDURE",
    "RADIATION",
    "OTHER",
]
AgencyClass: TypeAlias = Literal["NIH", "FED", "OTHER_GOV", "INDIV", "INDUSTRY", "NETWORK", "AMBIG", "OTHER", "UNKNOWN"]
ResponsiblePartyType: TypeAlias = Literal["SPONSOR", "PRINCIPAL_INVESTIGATOR", "SPONSOR_INVESTIGATOR"]
Sexes: TypeAlias = Literal["ALL", "FEMALE", "MALE"]
OutcomeKind: TypeAlias = Literal["PRIMARY", "SECONDARY", "OTHER"]
OutcomeDomain: TypeAlias = Literal["EFFICACY", "SAFETY"]
RegistrationEvent: TypeAlias = Literal[
    "FIRST_SUBMITTED",
    "FIRST_SUBMITTED_QC",
    "FIRST_POSTED",
    "RESULTS_FIRST_SUBMITTED",
    "RESULTS_FIRST_POSTED",
    "LAST_UPDATE_SUBMITTED",
    "LAST_UPDATE_POSTED",
    "VERIFIED",
]

MASKED_IN: Final[dict[str, int]] = {"NONE": 0, "SINGLE": 1, "DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}
"""How many of the four roles a level of masking covers."""

MASKING_ROLES: Final[tuple[MaskingRole, ...]] = (
    "PARTICIPANT",
    "CARE_PROVIDER",
    "INVESTIGATOR",
    "OUTCOMES_ASSESSOR",
)
