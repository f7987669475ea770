"""Adverse events as masked people see them, vital status, death. ICH E2A, E6(R3)."""

from typing import ClassVar

from ledger.domain.events.base import Code, Facts, SubjectEvent, SubjectId, Text
from ledger.domain.vocabulary import AeOutcome, Causality, Seriousness, Severity, VitalStatus
from ledger.domain.when import When


class AdverseEvent(Facts):
    """An adverse event with the reporter's own opinion of causality. `ae` is its number within the subject."""

    subject: SubjectId
    ae: Code
    term: Text
    severity: Severity | None = None
    serious: bool
    seriousness: tuple[Seriousness, ...] = ()
    causality: Causality | None = None
    outcome: AeOutcome | None = None
    onset: When | None = None
    ended: When | None = None


class AdverseEventReported(AdverseEvent, SubjectEvent):
    """An adverse event was reported."""

    type: ClassVar[str] = "adverse-event.reported/1"
    title: ClassVar[str] = "Adverse event reported"


class AdverseEventFollowUp(Facts):
    """What has changed about an adverse event; what is left out is as it was."""

    subject: SubjectId
    ae: Code
    severity: Severity | None = None
    serious: bool | None = None
    seriousness: tuple[Seriousness, ...] | None = None
    causality: Causality | None = None
    outcome: AeOutcome | None = None
    ended: When | None = None
    note: Text | None = None


class AdverseEventFollowedUp(AdverseEventFollowUp, SubjectEvent):
    """An adverse event was followed up."""

    type: ClassVar[str] = "adverse-event.followed-up/1"
    title: ClassVar[str] = "Adverse event followed up"


class Coding(Facts):
    """The dictionary terms of an adverse event (MedDRA levels by name)."""

    subject: SubjectId
    ae: Code
    dictionary: Code
    dictionary_version: Code | None = None
    lowest_level_term: Text | None = None
    preferred_term: Text
    high_level_term: Text | None = None
    high_level_group_term: Text | None = None
    system_organ_class: Text


class AdverseEventCoded(Coding, SubjectEvent):
    """An adverse event was coded."""

    type: ClassVar[str] = "adverse-event.coded/1"
    title: ClassVar[str] = "Adverse event coded"


class Vital(Facts):
    """What is known of a subject's being alive, at `occurred_at`."""

    subject: SubjectId
    status: VitalStatus
    source: Text | None = None


class VitalStatusRecorded(Vital, SubjectEvent):
    """Vital status was ascertained."""

    type: ClassVar[str] = "vital-status.recorded/1"
    title: ClassVar[str] = "Vital status recorded"


class Death(Facts):
    """When a subject died, and of what."""

    subject: SubjectId
    died: When
    cause: Text | None = None


class DeathRecorded(Death, SubjectEvent):
    """A subject has died."""

    type: ClassVar[str] = "death.recorded/1"
    title: ClassVar[str] = "Death recorded"
