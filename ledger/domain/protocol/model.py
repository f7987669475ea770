"""The protocol as data: what the registry says of a trial, and the settings that the ledger needs beside it.

Rules of the file:
- What the registry says is held as it says it, conflicts included (`conflicts.py` lists them). What it says
  and the model has no field for is in `registry_extra`, by JSON path. What we add to run the trial is in
  `settings`, and in the fields that its note names; rules of duties beside those of the program in `duties`.
- Bytes come in through `Protocol.load` only, which reads strictly: unknown fields, floats, duplicate keys,
  codes that refer to nothing are refused, all of them in one ProtocolError. `to_json` gives canonical bytes,
  and `load(to_json())` is the same protocol.
- Whoever is masked is answered by `masks`: a masking that does not say whom, masks all four roles.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ledger.domain.duties.model import DutyRule
from ledger.domain.protocol import terms
from ledger.domain.protocol.base import Part, Problem, ProtocolError, Text, problems_of
from ledger.domain.protocol.parts import (
    Arm,
    DosePlan,
    Eligibility,
    Enrolment,
    Intervention,
    Outcome,
    Oversight,
    Registration,
    RegistryDate,
    ResponsibleParty,
    Settings,
    Site,
    Sponsor,
)
from ledger.domain.protocol.rules import check_rules
from ledger.proof.canonical import CanonicalError, encode, parse

_LEDGER_ROLES: Final[Mapping[str, terms.MaskingRole]] = {
    "participant": "PARTICIPANT",
    "care-provider": "CARE_PROVIDER",
    "investigator": "INVESTIGATOR",
    "outcomes-assessor": "OUTCOMES_ASSESSOR",
}


class Protocol(Part):
    """A trial's protocol. See the rules of the file."""

    registration: Registration
    overall_status: terms.OverallStatus
    why_stopped: Text | None = None
    study_type: terms.StudyType
    phases: tuple[terms.Phase, ...] = ()
    enrolment: Enrolment
    allocation: terms.Allocation | None = None
    intervention_model: terms.InterventionModel | None = None
    primary_purpose: terms.PrimaryPurpose | None = None
    masking: terms.Masking | None = None
    masked_roles: tuple[terms.MaskingRole, ...] = ()
    start: RegistryDate | None = None
    primary_completion: RegistryDate | None = None
    completion: RegistryDate | None = None
    conditions: tuple[Text, ...] = ()
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    interventions: tuple[Intervention, ...] = ()
    dosing: tuple[DosePlan, ...] = ()
    eligibility: Eligibility
    outcomes: tuple[Outcome, ...] = ()
    sponsor: Sponsor
    responsible_party: ResponsibleParty | None = None
    sites: tuple[Site, ...] = ()
    oversight: Oversight = Oversight()
    settings: Settings
    registry_extra: dict[str, JsonValue] = Field(default_factory=dict)
    # Left out of the bytes where there is none: a protocol without has the bytes that it had before there were any.
    duties: Annotated[tuple[DutyRule, ...], Field(exclude_if=lambda rules: not rules)] = ()

    @classmethod
    def load(cls, data: bytes) -> "Protocol":
        """The protocol in `data` (canonical subset of JSON, white space allowed). Raises ProtocolError."""
        return _loaded(data)

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Protocol":
        """The protocol in a JSON value, through the same door as `load`. Raises ProtocolError."""
        try:
            data = encode(dict(value))
        except CanonicalError as error:
            raise ProtocolError([Problem("$", str(error))]) from None
        return cls.load(data)

    def to_json(self) -> bytes:
        """The canonical bytes: sorted keys, UTF-8, no white space, no floats."""
        return encode(self.model_dump(mode="json"))

    def amended(self, changes: Mapping[str, Any]) -> "Protocol":
        """This protocol with top-level fields replaced by the JSON values given. Raises ProtocolError."""
        return Protocol.from_value({**self.model_dump(mode="json"), **changes})

    @property
    def trial_id(self) -> str:
        """The name that the trial goes by: its NCT number, else the sponsor's own."""
        return self.registration.nct_number or self.registration.org_study_id

    @property
    def cap(self) -> int | None:
        """The hard cap on enrolment; None if there is none."""
        return self.enrolment.cap

    @property
    def effective_masked_roles(self) -> tuple[terms.MaskingRole, ...]:
        """Who is masked: all four roles where it is not stated, for denial is the default."""
        if self.masking == "NONE":
            return ()
        if self.masking is None or self.masking == "QUADRUPLE":
            return terms.MASKING_ROLES
        return self.masked_roles or terms.MASKING_ROLES

    def masks(self, role: str) -> bool:
        """Whether the protocol masks this role of the registry (PARTICIPANT, CARE_PROVIDER, ...)."""
        return role in self.effective_masked_roles

    def is_masked_role(self, role: str) -> bool:
        """Whether the protocol masks this role of the ledger (`care-provider`, `statistician`, ...)."""
        term = _LEDGER_ROLES.get(role)
        return term is not None and self.masks(term)

    def arm(self, code: str) -> Arm:
        """The arm with this code. Raises ProtocolError."""
        for arm in self.arms:
            if arm.code == code:
                return arm
        raise ProtocolError([Problem("arm", f"{code!r} is not one of {', '.join(a.code for a in self.arms)}")])

    def dose_plan(self, arm_code: str) -> DosePlan | None:
        """The dose planned for an arm; None for an arm that gets none."""
        return next((plan for plan in self.dosing if plan.arm == arm_code), None)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Protocol":
        # Only what makes a file unusable. What a registry contradicts itself in is a conflict, and is kept.
        problems = _cross_problems(self)
        if problems:
            raise PydanticCustomError("protocol", "the parts do not fit each other", {"problems": problems})
        return self


def _cross_problems(protocol: Protocol) -> list[Problem]:
    eligibility = protocol.eligibility
    codes = [arm.code for arm in protocol.arms]
    problems = [
        *_unique("arms", "code", codes),
        *_unique("outcomes", "id", [outcome.id for outcome in protocol.outcomes]),
        *_unique("sites", "id", [site.id for site in protocol.sites]),
        *_unique("interventions", "name", [intervention.name for intervention in protocol.interventions]),
        *_unique("dosing", "arm", [plan.arm for plan in protocol.dosing]),
        *_unique("masked_roles", "role", protocol.masked_roles),
        *_unique("settings.visits", "name", [visit.name for visit in protocol.settings.visits]),
        *_unique("duties", "id", [rule.id for rule in protocol.duties]),
        *_unique("eligibility.variables", "name", [variable.name for variable in eligibility.variables]),
        *_unique("eligibility.criteria", "id", [criterion.id for criterion in eligibility.criteria]),
        *check_rules("eligibility", eligibility.variables, eligibility.criteria),
    ]
    for index, intervention in enumerate(protocol.interventions):
        for code in intervention.arms:
            if code not in codes:
                problems.append(Problem(f"interventions[{index}].arms", f"{code} is not an arm"))
    names = {intervention.name for intervention in protocol.interventions}
    doses = {plan.arm: plan.doses for plan in protocol.dosing}
    for index, plan in enumerate(protocol.dosing):
        if plan.arm not in codes:
            problems.append(Problem(f"dosing[{index}].arm", f"{plan.arm} is not an arm"))
        if plan.intervention not in names:
            problems.append(Problem(f"dosing[{index}].intervention", f"{plan.intervention!r} is not an intervention"))
        if plan.amount <= 0:
            problems.append(Problem(f"dosing[{index}].amount", "must be above 0"))
        if plan.tolerance_percent < 0:
            problems.append(Problem(f"dosing[{index}].tolerance_percent", "must not be below 0"))
    for index, arm in enumerate(protocol.arms):
        if arm.code in doses and arm.doses_planned != doses[arm.code]:
            problems.append(Problem(f"arms[{index}].doses_planned", f"dosing says {doses[arm.code]}"))
    return problems


def _unique(path: str, key: str, names: Sequence[str]) -> Iterable[Problem]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(path, f"{key} {name} stands twice")


def reference_protocol() -> Protocol:
    """NCT04348461 (BALMYS-19), the protocol that ships with the package; read at each call."""
    return Protocol.load(resources.files(__package__).joinpath("NCT04348461.json").read_bytes())


@lru_cache(16)
def _loaded(data: bytes) -> Protocol:
    """The same bytes are the same protocol, and whoever opens or reads a ledger asks for those of its trial again."""
    try:
        parse(data)
    except CanonicalError as error:
        raise ProtocolError([Problem("$", str(error))]) from None
    try:
        return Protocol.model_validate_json(data)
    except ValidationError as error:
        raise ProtocolError(problems_of(error)) from None
