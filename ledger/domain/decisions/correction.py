"""Corrections: new values for fields of a recorded event, which stays as it was written.

1. Corrected is any record of the trial's conduct but these: the protocol (amended instead), a correction (corrected
   by one more of the same record), an anchor, and the records that count or draw numbers.
2. Fixed are the fields that say what a record is about (subject, site of a subject, numbers, stratum, arm), and those
   that the ledger itself filled in (late, rule, basis, provenance).
3. A computed screening is corrected by its values (or its day); eligibility and results are computed anew and
   recorded as further changes. An enrolled subject who turns out not to be eligible leaves a deviation.
4. The corrected record as a whole has to be one that could have been recorded; each change has to change something.
5. Whoever corrects a record has to be one who may make such records, and who may see names, to correct a name.
6. What the first entry would have been refused for refuses the correction as well.
7. A departure from a rule that the record shows only now raises a deviation, as it would have at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from ledger.domain.decisions.base import (
    Broken,
    Command,
    Decision,
    Reads,
    Refusal,
    after_lock,
    deviations,
    in_order,
    late,
)
from ledger.domain.decisions.conduct import check_term, visit_faults
from ledger.domain.decisions.consent import check_consent, document_faults
from ledger.domain.decisions.enrolment import check_enrolment_date, check_randomization_date, computed, unfit
from ledger.domain.decisions.pharmacovigilance import check_awareness
from ledger.domain.decisions.safety import check_death, check_seriousness, check_vital_status, death_faults
from ledger.domain.decisions.targets import MADE_BY, about, check_maker, target_of
from ledger.domain.decisions.times import check_time, times_of
from ledger.domain.decisions.treatment import (
    check_amount,
    check_interruption,
    check_intervals,
    dose_faults,
    preparation_faults,
    raised,
)
from ledger.domain.events import CATALOGUE, Event
from ledger.domain.events.conduct import (
    Correction,
    DispositionRecorded,
    RecordCorrected,
    RecordedChange,
    SealedRecordCorrected,
    VisitRecorded,
)
from ledger.domain.events.consent import ConsentObtained, ConsentRenewed
from ledger.domain.events.enrolment import ScreeningCompleted, SubjectEnrolled, SubjectRandomized
from ledger.domain.events.pharmacovigilance import UnexpectedReactionReported
from ledger.domain.events.safety import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    DeathRecorded,
    VitalStatusRecorded,
)
from ledger.domain.events.treatment import ProductInterrupted, ProductPrepared, TreatmentRecorded
from ledger.domain.protocol.base import problems_of
from ledger.domain.roles import ROLES
from ledger.domain.state import SubjectState
from ledger.domain.vocabulary import Book, DeviationCategory, VitalStatus
from ledger.domain.when import compare
from ledger.proof.canonical import CanonicalError, encode
from ledger.proof.sections import IDENTITY

FIXED: Final = frozenset(
    {"subject", "site", "ae", "number", "index", "stratum", "arm", "claimed", "waived", "late", "provenance", "rule"}
    | {"basis"}
)
_NEEDED: Final = {"died": "a death needs a date"}
_COMPUTED: Final = ("eligible", "results", "failed")


def correct_open(command: Command[Correction], reads: Reads, now: str) -> Decision:
    """Correct a record of the open book."""
    corrected = _Corrected(command, reads, now, Book.OPEN)
    identity = corrected.cls.sections.get(IDENTITY, ())
    event = RecordCorrected(
        **about(command, corrected.target, late(command, reads, now)),
        changes=tuple(change for change in corrected.changes if change.field not in identity),
        identity_changes=tuple(change for change in corrected.changes if change.field in identity),
    )
    broken = corrected.broken()
    subject = corrected.target.data.get("subject")
    if subject is not None:
        broken += after_lock(reads)
    return Decision(open=[event, *deviations(command, subject, broken)])


def correct_sealed(command: Command[Correction], reads: Reads, now: str) -> Decision:
    """Correct a record of the sealed book."""
    corrected = _Corrected(command, reads, now, Book.SEALED)
    event = SealedRecordCorrected(
        **about(command, corrected.target, late(command, reads, now)), changes=tuple(corrected.changes)
    )
    faults = [(rule, sentence) for _, rule, sentence in after_lock(reads)]
    dose = None
    if isinstance(corrected.new, TreatmentRecorded) and isinstance(corrected.old, TreatmentRecorded):
        dose, before = corrected.new.dose_number, {rule for rule, _ in dose_faults(corrected.old, reads)}
        faults = [fault for fault in dose_faults(corrected.new, reads) if fault[0] not in before] + faults
    if isinstance(corrected.new, ProductPrepared) and isinstance(corrected.old, ProductPrepared):
        dose, before = corrected.new.dose_number, {rule for rule, _ in preparation_faults(corrected.old, reads)}
        faults = [fault for fault in preparation_faults(corrected.new, reads) if fault[0] not in before] + faults
    return Decision(sealed=[event, *raised(command, corrected.target.data["subject"], dose, faults)])


class _Corrected:
    """A record before and after its correction. Raises Refusal."""

    def __init__(self, command: Command[Correction], reads: Reads, now: str, book: Book) -> None:
        target = target_of(command, reads, book)
        cls = CATALOGUE.get(target.type)
        if cls is None or target.type not in MADE_BY:
            raise Refusal("not-correctable", "data.target", f"a record of type {target.type} is not corrected")
        check_maker(command, target)
        self.command, self.reads, self.target, self.cls = command, reads, target, cls
        self.old = cls.read(target.data)
        self.new = self._validated(self._merged())
        self._check_whole(now)
        self.changes = self._changes()

    @property
    def _places(self) -> dict[str, int]:
        return {change.field: index for index, change in enumerate(self.command.data.changes)}

    def _path(self, field: str) -> str:
        name, *_ = field.replace("[", ".").split(".")
        index = self._places.get(name)
        return "data.changes" if index is None else f"data.changes[{index}].new{field.removeprefix(name)}"

    def _merged(self) -> dict[str, Any]:
        merged = dict(self.target.data)
        identity = self.cls.sections.get(IDENTITY, ())
        is_computed = isinstance(self.old, ScreeningCompleted) and self.old.basis == "COMPUTED"
        for index, change in enumerate(self.command.data.changes):
            path = f"data.changes[{index}].field"
            if change.field not in self.cls.model_fields:
                raise Refusal("field-unknown", path, f"{self.target.type} has no field {change.field}")
            if change.field in identity and not (self.command.imported or ROLES[self.command.actor.role].identity):
                # Before its value is looked at: whether it is the one that stands there already tells the name.
                raise Refusal("identity", path, "names of persons are corrected by roles that may see them")
            if change.field in FIXED or (is_computed and change.field in _COMPUTED):
                raise Refusal("field-fixed", path, f"{change.field} cannot be corrected")
            if self._places[change.field] != index:
                raise Refusal("field-twice", path, f"{change.field} is changed twice")
            if change.new is None:
                merged.pop(change.field, None)
            else:
                merged[change.field] = change.new
        if is_computed and {"values", "occurred_at"} & self._places.keys():
            checked = self._validated(merged)
            assert isinstance(checked, ScreeningCompleted)
            path = self._path("values") if "values" in self._places else "data.values"
            found = computed(self.reads.protocol, dict(checked.values), checked.occurred_at, path)
            found["results"] = [result.model_dump(mode="json") for result in found["results"]]
            merged |= found
        return merged

    def _validated(self, merged: Mapping[str, Any]) -> Event:
        try:
            return self.cls.model_validate_json(encode(dict(merged)), strict=True)
        except CanonicalError as error:
            raise Refusal("form", "data.changes", str(error)) from None
        except ValidationError as error:
            first = problems_of(error)[0]
            taken = first.field in self._places and first.field not in merged
            rule = _NEEDED.get(first.field, f"a record of type {self.target.type} needs it") if taken else first.rule
            raise Refusal("form", self._path(first.field), rule) from None

    def _check_whole(self, now: str) -> None:
        command, new = self.command, self.new
        times = {"occurred_at": new.occurred_at, **dict(times_of(new, ""))}
        for path, value in times.items():
            field = path.removeprefix(".")
            if field.replace("[", ".").split(".")[0] in self._places:
                check_time(value, self._path(field), now, imported=command.imported)
        try:
            self._check_parts()
        except Refusal as refusal:  # which knows the fields of the record, not those of the correction
            raise Refusal(refusal.rule, self._path(refusal.field.removeprefix("data.")), refusal.message) from None

    def _check_parts(self) -> None:
        command, new = self.command, self.new
        match new:
            case AdverseEventReported():
                check_seriousness(command, new.serious, new.seriousness, new.outcome, "data.seriousness")
                in_order(command, new.onset, new.ended, "ended", what="onset")
            case VisitRecorded():
                in_order(command, new.started, new.ended, "ended")
            case DispositionRecorded():
                check_term(new.category, new.term)
            case TreatmentRecorded():
                check_intervals(command, new)
            case ProductPrepared():
                check_amount(new)
            case ProductInterrupted():
                check_interruption(command, new, self.reads)
            case UnexpectedReactionReported():
                check_awareness(command, new, new.occurred_at)
            case ConsentObtained() | ConsentRenewed():
                check_consent(command, new)
        if self.reads.subject is not None and not command.imported:
            self._check_against(self.reads.subject)

    def _check_against(self, subject: SubjectState) -> None:
        """Refuse what the first entry would have been refused for (rule 6), of fields that change."""
        command, old, new = self.command, self.old, self.new
        dated = "occurred_at" in self._places
        match new:
            case DeathRecorded() if "died" in self._places:
                check_death(command, new.died, subject)
            case VitalStatusRecorded() if dated or "status" in self._places:
                # Not against what it says itself: of somebody alive when it said dead, or dead since an earlier day.
                assert isinstance(old, VitalStatusRecorded)
                alone = subject.found_dead == old.occurred_at and old.status is VitalStatus.DEAD
                seen = subject.last_alive == old.occurred_at and old.status is VitalStatus.ALIVE
                others = replace(
                    subject,
                    found_dead=None if alone else subject.found_dead,
                    last_alive=None if seen else subject.last_alive,
                )
                check_vital_status(command, new.status, new.occurred_at, others)
            case AdverseEventReported() if "onset" in self._places and new.ae in subject.adverse_events:
                in_order(command, new.onset, subject.adverse_events[new.ae].ended, "onset", what="onset")
            case AdverseEventFollowedUp() if new.ae in subject.adverse_events:
                known = subject.adverse_events[new.ae]
                in_order(command, known.onset, new.ended, "ended", what="onset")
                if self._places.keys() & {"serious", "seriousness", "outcome"}:
                    criteria = known.seriousness if new.seriousness is None else new.seriousness
                    serious = known.serious if new.serious is None else new.serious
                    outcome = new.outcome or known.outcome
                    check_seriousness(command, serious, criteria, outcome, "data.seriousness")
            case SubjectEnrolled() if dated:
                check_enrolment_date(new.occurred_at, subject)
            case SubjectRandomized() if dated:
                check_randomization_date(new.occurred_at, subject)
            case ConsentObtained() if dated and subject.dead_since is not None:
                if compare(new.occurred_at, subject.dead_since) > 0:
                    raise Refusal("died", "occurred_at", f"the subject is dead (since {subject.dead_since})")

    def _changes(self) -> list[RecordedChange]:
        new = self.new.model_dump(mode="json", exclude_none=True)
        changes = []
        for field in [*self._places, *_COMPUTED]:
            old_value, new_value = self.target.data.get(field), new.get(field)
            if old_value != new_value:
                changes.append(RecordedChange(field=field, old=old_value, new=new_value))
            elif field in self._places:
                raise Refusal("no-change", self._path(field), f"{field} has this value already")
        return changes

    def broken(self) -> list[Broken]:
        """The deviations that the record means only as corrected."""
        subject, old, new = self.reads.subject, self.old, self.new
        if subject is None or not subject.known:
            return []
        if isinstance(old, VisitRecorded) and isinstance(new, VisitRecorded):
            protocol, imported = self.reads.protocol, self.command.imported
            before = {rule for _, rule, _ in visit_faults(protocol, subject, old, old.occurred_at, imported=imported)}
            now = visit_faults(protocol, subject, new, new.occurred_at, imported=imported)
            return [fault for fault in now if fault[1] not in before]
        if isinstance(new, DeathRecorded) and isinstance(old, DeathRecorded) and not death_faults(old.died, subject):
            return [] if self.command.imported else death_faults(new.died, subject)
        latest = subject.screening is not None and subject.screening.seq == self.target.seq
        if isinstance(new, ScreeningCompleted) and isinstance(old, ScreeningCompleted) and latest:
            return [] if unfit(subject, old.eligible, old.failed) else unfit(subject, new.eligible, new.failed)
        broken: list[Broken] = []
        if isinstance(new, ConsentObtained | ConsentRenewed) and "document_version" in self._places:
            broken += document_faults(self.command, self.reads, new, new.occurred_at)
        if isinstance(new, ConsentObtained) and subject.enrolled_at is not None and "occurred_at" in self._places:
            broken += _enrolled_before(new, subject.enrolled_at)
        return broken


def _enrolled_before(consent: ConsentObtained, enrolled_at: str) -> list[Broken]:
    if compare(enrolled_at, consent.occurred_at) >= 0:
        return []
    text = f"enrolled {enrolled_at}, before the consent as corrected ({consent.occurred_at})"
    return [(DeviationCategory.CONSENT, "enrolled-before-consent", text)]
