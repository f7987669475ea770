"""The terms of USDM 4 that have a place in the protocol, by their codes in the CDISC controlled terminology.

A code that is not here has none; the import says so. Titles and roles go by further codes too, which drafts of the
terminology had and files still have (`C99905x1`).

Source: CDISC Digital Data Flow, USDM 4.0, "USDM_CT" and the codelists of the CDISC Protocol Terminology that it names.
"""

from typing import Final

STUDY_TYPES: Final = {
    "C98388": "INTERVENTIONAL",
    "C16084": "OBSERVATIONAL",
    "C129000": "OBSERVATIONAL",
    "C98722": "EXPANDED_ACCESS",
}
"""C99077; a patient registry observes."""
PHASES: Final = {
    "C54721": ("EARLY_PHASE1",),
    "C48660": ("NA",),
    "C15600": ("PHASE1",),
    "C199990": ("PHASE1",),
    "C199989": ("PHASE1",),
    "C15693": ("PHASE1", "PHASE2"),
    "C198366": ("PHASE1", "PHASE2", "PHASE3"),
    "C198367": ("PHASE1", "PHASE3"),
    "C15601": ("PHASE2",),
    "C49686": ("PHASE2",),
    "C49688": ("PHASE2",),
    "C15694": ("PHASE2", "PHASE3"),
    "C15602": ("PHASE3",),
    "C49687": ("PHASE3",),
    "C49689": ("PHASE3",),
    "C15603": ("PHASE4",),
}
"""C66737; the registry does not tell Ia from Ib, and has no phase V."""
MODELS: Final = {
    "C82637": "CROSSOVER",
    "C82638": "FACTORIAL",
    "C82639": "PARALLEL",
    "C142568": "SEQUENTIAL",
    "C82640": "SINGLE_GROUP",
}
"""C99076"""
MASKINGS: Final = {"C49659": "NONE", "C28233": "SINGLE", "C15228": "DOUBLE"}
"""C66735"""
MASKED_ROLES: Final = {
    "C41189": "PARTICIPANT",
    "C17445": "CARE_PROVIDER",
    "C25936": "INVESTIGATOR",
    "C19924": "INVESTIGATOR",
    "C207599": "OUTCOMES_ASSESSOR",
}
"""C215480: study subject, caregiver, investigator, principal investigator, outcomes assessor."""
PURPOSES: Final = {
    "C49656": "TREATMENT",
    "C49654": "TREATMENT",
    "C170629": "TREATMENT",
    "C49657": "PREVENTION",
    "C49653": "DIAGNOSTIC",
    "C71485": "SCREENING",
    "C71486": "SUPPORTIVE_CARE",
    "C15245": "HEALTH_SERVICES_RESEARCH",
    "C15714": "BASIC_SCIENCE",
    "C139174": "DEVICE_FEASIBILITY",
    "C49655": "OTHER",
}
"""C66736; to cure and to modify a disease is to treat."""
RANDOMIZED: Final = frozenset({"C46079", "C25689", "C147145"})
"""C207416: randomised, and stratified."""
ARM_TYPES: Final = {
    "C174266": "EXPERIMENTAL",
    "C15538": "EXPERIMENTAL",
    "C174267": "ACTIVE_COMPARATOR",
    "C174268": "PLACEBO_COMPARATOR",
    "C174269": "SHAM_COMPARATOR",
    "C174270": "NO_INTERVENTION",
    "C174226": "OTHER",
}
"""C174222; a control arm without more may be any comparator."""
INTERVENTION_TYPES: Final = {
    "C15184": "BEHAVIORAL",
    "C307": "BIOLOGICAL",
    "C923": "BIOLOGICAL",
    "C54696": "COMBINATION_PRODUCT",
    "C16830": "DEVICE",
    "C18020": "DIAGNOSTIC_TEST",
    "C1505": "DIETARY_SUPPLEMENT",
    "C1909": "DRUG",
    "C15238": "GENETIC",
    "C218507": "PROCEDURE",
    "C98769": "PROCEDURE",
    "C15329": "PROCEDURE",
    "C15313": "RADIATION",
}
"""C99078"""
LEVELS: Final = {
    "C94496": "PRIMARY",
    "C139173": "SECONDARY",
    "C170559": "OTHER",
    "C85826": "PRIMARY",
    "C85827": "SECONDARY",
    "C163559": "OTHER",
}
"""C188726 (endpoints) and C188725 (objectives); what is exploratory is OTHER to the registry."""
CATEGORIES: Final = {"C25532": "INCLUSION", "C25370": "EXCLUSION"}
"""C66797"""
SEXES: Final = {"C49636": "ALL", "C16576": "FEMALE", "C20197": "MALE"}
"""C66732"""
TITLES: Final = {
    "C207615": "brief_title",
    "C99905x1": "brief_title",
    "C207616": "official_title",
    "C99905x2": "official_title",
    "C207646": "acronym",
    "C94108": "acronym",
}
"""C207419"""
SPONSOR: Final = "C70793"
CO_SPONSOR: Final = "C215669"
AGENCIES: Final = {"C54149": "INDUSTRY", "C215661": "INDUSTRY", "C199144": "OTHER_GOV", "C18240": "OTHER"}
"""C188724"""
YEAR: Final = "C29848"
ONCE: Final = "C64576"
"""C71113"""
BEFORE: Final = "C201357"
AFTER: Final = "C201356"
FIXED: Final = "C201358"
"""C201264"""
