"""The protocol of a trial as data: model, eligibility rules, conflicts, import from the registry.

Pure, but for `reference_protocol`, which reads the file that ships with the package.
"""

from ledger.domain.protocol.base import Problem, ProtocolError
from ledger.domain.protocol.conflicts import Conflict, conflicts
from ledger.domain.protocol.criteria import (
    CriterionResult,
    PartResult,
    ScreeningError,
    check_values,
    evaluate,
    failures,
    is_eligible,
)
from ledger.domain.protocol.ctgov import CtgovImport, from_ctgov
from ledger.domain.protocol.model import Protocol, reference_protocol
from ledger.domain.protocol.parts import (
    Arm,
    DosePlan,
    Eligibility,
    Enrolment,
    Intervention,
    Outcome,
    Oversight,
    Registration,
    RegistrationVersion,
    RegistryDate,
    ResponsibleParty,
    Settings,
    Site,
    Sponsor,
    Stratification,
    TimeFrame,
    Visit,
)
from ledger.domain.protocol.rules import Criterion, CriterionPart, Rule, VariableSpec

__all__ = [
    "Arm",
    "Conflict",
    "Criterion",
    "CriterionPart",
    "CriterionResult",
    "CtgovImport",
    "DosePlan",
    "Eligibility",
    "Enrolment",
    "Intervention",
    "Outcome",
    "Oversight",
    "PartResult",
    "Problem",
    "Protocol",
    "ProtocolError",
    "Registration",
    "RegistrationVersion",
    "RegistryDate",
    "ResponsibleParty",
    "Rule",
    "ScreeningError",
    "Settings",
    "Site",
    "Sponsor",
    "Stratification",
    "TimeFrame",
    "VariableSpec",
    "Visit",
    "check_values",
    "conflicts",
    "evaluate",
    "failures",
    "from_ctgov",
    "is_eligible",
    "reference_protocol",
]
