"""The parts of a protocol, from its registration to its settings.

Rules: each part holds what the registry says as it says it; None means that the registry does not say.
What is ours (codes, ids, ratios, tolerances, `Settings`) is named as such in the note of the settings.
"""

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ledger.domain.protocol import terms
from ledger.domain.protocol.base import Count, Days, DecimalText, Part, Text
from ledger.domain.protocol.partial import PartialDate
from ledger.domain.protocol.rules import Criterion, VariableSpec

Code: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,19}$")]
StratificationFactor: TypeAlias = Literal["SITE", "SEX", "AGE_GROUP", "SEVERITY"]


class RegistryDate(Part):
    """A date of the registry, as precise as written; `type`: happened or expected (None: not said)."""

    date: PartialDate
    type: terms.DateType | None = None


class RegistrationVersion(Part):
    """One step in the history of the registration itself. It is no event of the trial."""

    event: terms.RegistrationEvent
    date: PartialDate


class Registration(Part):
    """How the trial is registered. `org_study_id` is the sponsor's own number."""

    nct_number: Annotated[str, Field(pattern=r"^NCT[0-9]{8}$")] | None = None
    org_study_id: Text
    secondary_ids: tuple[Text, ...] = ()
    brief_title: Text
    official_title: Text | None = None
    acronym: Text | None = None
    first_posted: RegistryDate | None = None
    last_update_posted: RegistryDate | None = None
    last_verified: RegistryDate | None = None
    history: tuple[RegistrationVersion, ...] = ()


class Enrolment(Part):
    """How many subjects: the registry's count, and the hard cap on enrolment (None: no cap)."""

    count: Count
    type: terms.DateType | None = None
    cap: Count | None = None


class Arm(Part):
    """One arm. `ratio` is its share in a block; `doses_planned` is the number of doses a subject gets."""

    code: Code
    label: Text
    type: terms.ArmType
    description: str | None = None
    ratio: Annotated[int, Field(ge=1, le=100)] = 1
    doses_planned: Annotated[int, Field(ge=0, le=10_000)] = 0


class Intervention(Part):
    """What is done to subjects of the arms named."""

    name: Text
    type: terms.InterventionType
    description: str | None = None
    arms: tuple[Code, ...] = ()


class DosePlan(Part):
    """The dose of an arm: `doses` times `amount` of `unit`, per kg of body weight if `per_kg`.

    A dose further than `tolerance_percent` from plan, up or down, is a deviation.
    """

    intervention: Text
    arm: Code
    doses: Annotated[int, Field(ge=1, le=10_000)]
    amount: DecimalText
    unit: Text
    per_kg: bool
    route: Text
    tolerance_percent: DecimalText

    def planned_amount(self, weight_kg: Decimal) -> Decimal:
        """One planned dose, in `unit`, for a subject of that weight."""
        return self.amount * weight_kg if self.per_kg else self.amount

    def deviates(self, planned: Decimal, given: Decimal) -> bool:
        """Whether `given` is further from `planned` than the tolerance; the bound itself is within it."""
        return abs(given - planned) * 100 > self.tolerance_percent * planned


class TimeFrame(Part):
    """When an outcome is measured. `days` counts from day 0 and is what is computed with.

    `months` is set if the source speaks of months or years: the days are then round(months * 365.25 / 12), so
    that 6 months are 183 days. Both are None where the text cannot be read as one length of time.
    """

    text: Text
    days: Days | None = None
    months: Annotated[int, Field(ge=1, le=1200)] | None = None


class Outcome(Part):
    """An outcome measure; `domain` says whether it speaks of efficacy or of safety, where the source does."""

    id: Code
    kind: terms.OutcomeKind
    domain: terms.OutcomeDomain | None = None
    measure: Text
    description: str | None = None
    time_frame: TimeFrame


class Sponsor(Part):
    """The organisation that initiates the trial."""

    name: Text
    agency_class: terms.AgencyClass | None = None
    collaborators: tuple[Text, ...] = ()


class ResponsibleParty(Part):
    """Who answers for the registration; for the sponsor, `name` is the sponsor's."""

    type: terms.ResponsiblePartyType | None = None
    name: Text
    title: str | None = None
    affiliation: str | None = None


class Site(Part):
    """A place of the trial. `id` is ours; the registry numbers none."""

    id: Code
    name: Text
    city: Text | None = None
    country: Text | None = None
    postal_code: Text | None = None


class Oversight(Part):
    """Whether the FDA regulates what is studied (None: not said)."""

    fda_regulated_drug: bool | None = None
    fda_regulated_device: bool | None = None


class Eligibility(Part):
    """Who may take part: the registry's fields and text, and the criteria as rules over declared values."""

    minimum_age: Text | None = None
    maximum_age: Text | None = None
    sexes: terms.Sexes | None = None
    healthy_volunteers: bool | None = None
    text: str | None = None
    variables: tuple[VariableSpec, ...] = ()
    criteria: tuple[Criterion, ...] = ()

    @property
    def inclusion(self) -> tuple[Criterion, ...]:
        """The inclusion criteria, in order."""
        return tuple(criterion for criterion in self.criteria if criterion.kind == "INCLUSION")

    @property
    def exclusion(self) -> tuple[Criterion, ...]:
        """The exclusion criteria, in order."""
        return tuple(criterion for criterion in self.criteria if criterion.kind == "EXCLUSION")


class Stratification(Part):
    """The factors that make a subject's stratum, and after how many indices a list ends (None: never).

    By which method the lists are made is stated when they are committed to; block sizes stay concealed.
    """

    factors: tuple[StratificationFactor, ...] = ("SITE",)
    list_length: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Visit(Part):
    """A planned visit: days from randomisation, and by how many days it may be early or late."""

    name: Text
    day: Days
    early_days: Annotated[int, Field(ge=0, le=366)] = 0
    late_days: Annotated[int, Field(ge=0, le=366)] = 0


class Settings(Part):
    """What the ledger needs and the registry does not say. `note` says so to whoever reads the file.

    `anchor_every`: open entries between two anchors of the sealed book. `checkpoint_every`, `checkpoint_seconds`: the
    open book is signed when it has so many more entries, or when an entry is recorded so long after the last time.
    `late_entry_days`: a fact recorded later than this after it happened is marked late. `follow_up_days`: from
    randomisation to the end of safety follow-up.
    """

    note: Text
    anchor_every: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    checkpoint_every: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    checkpoint_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 86_400
    late_entry_days: Annotated[int, Field(ge=0, le=3660)] = 7
    consent_document_version: Text = "1.0"
    stratification: Stratification = Stratification()
    visits: tuple[Visit, ...] = ()
    follow_up_days: Annotated[int, Field(ge=0, le=36_600)] = 0
