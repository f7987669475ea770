"""Subjects: Patient (a pseudonym and whether it lives), ResearchSubject, and who consented for them (RelatedPerson).

1. The states of a subject are those that stand, as the views have them, each until the next; what was undone later is
   in the audit trail alone. None of them depends on an arm: that a product was given makes no state.
2. Arms are for those who may see them. The actual group is the assigned one, unless a product was planned and none was
   given: which arm a departure amounts to, the record does not say.
"""

from collections.abc import Iterator

from api.exports.fhir import codes
from api.exports.fhir.consents import consent_resources, current
from api.exports.fhir.elements import NS, Ids, Resource, coding, concept, period, put_time, reference
from api.exports.fhir.provenance import Entries, provenance
from api.exports.fhir.safety import adverse_events
from ledger.domain.history import Fact
from ledger.domain.protocol import Protocol
from ledger.domain.when import compare
from projections.histories import History
from projections.subject import SubjectStory, happened, of_treatment, story_of

_SUBJECT = "subject/"
_MADE_OF = ("arm.assigned/", "reporter.named/", "vital-status.recorded/")
_Step = tuple[str, str | None, Fact, str | None]
"""Status, since when, by which fact, and why."""


def subject_resources(history: History, protocol: Protocol, ids: Ids, *, unmasked: bool) -> Iterator[Resource]:
    """All resources about one subject."""
    story, entries = story_of(history), Entries(history)
    patient = patient_id(history.key, ids)
    yield _patient(story, patient)
    subject = subject_id(history.key, ids)
    steps = _steps(story)
    yield _research_subject(story, steps, protocol, ids, subject=subject, patient=patient, unmasked=unmasked)
    # A subject whose records were all voided is still one of whom there are entries.
    own = _made_of(history, steps) or list(history.recorded[:1])
    yield provenance("ResearchSubject", subject, entries.with_changes(own), ids, patient)
    yield from consent_resources(history, entries, patient, ids)
    yield from adverse_events(history, entries, patient, ids, unmasked=unmasked)


def patient_id(stream: str, ids: Ids) -> str:
    """The id of the Patient whose stream this is."""
    return ids.of(stream.removeprefix(_SUBJECT))


def subject_id(stream: str, ids: Ids) -> str:
    """The id of the ResearchSubject whose stream this is."""
    return ids.of(stream.removeprefix(_SUBJECT))


def _identifier(story: SubjectStory) -> list[Resource]:
    return [{"system": f"{NS}/subject", "value": story.subject}]


def _patient(story: SubjectStory, id_: str) -> Resource:
    patient: Resource = {"resourceType": "Patient", "id": id_, "identifier": _identifier(story)}
    died = story.died_on
    if died is not None:
        put_time(patient, "deceasedDateTime", died)
    elif story.dead:
        patient["deceasedBoolean"] = True
    return patient


def _research_subject(
    story: SubjectStory,
    steps: list[_Step],
    protocol: Protocol,
    ids: Ids,
    *,
    subject: str,
    patient: str,
    unmasked: bool,
) -> Resource:
    made: Resource = {
        "resourceType": "ResearchSubject",
        "id": subject,
        "identifier": _identifier(story),
        "status": "active",
    }
    if steps:
        made["progress"] = [_progress(steps, number) for number in range(len(steps))]
        ended = steps[-1][1] if _state(steps[-1]) in codes.OFF else None
        lasted = period(steps[0][1], ended)
        if lasted:
            made["period"] = lasted
    made["study"] = reference("ResearchStudy", ids.of("study"))
    made["subject"] = reference("Patient", patient)
    if unmasked and story.arm is not None:
        made["assignedComparisonGroup"] = ids.arm(story.arm)
        planned = any(story.arm in intervention.arms for intervention in protocol.interventions)
        if story.treatments or not planned:
            made["actualComparisonGroup"] = ids.arm(story.arm)
    consents = current(story)
    if consents:
        made["consent"] = [reference("Consent", ids.entry(fact.book, fact.seq)) for fact in consents]
    return made


def _steps(story: SubjectStory) -> list[_Step]:
    """The states that stand, in the order of recording; a death last, whatever was recorded after it."""
    steps: list[_Step] = []
    if story.consents:
        steps.append(("CONSENTED", happened(story.consents[0]), story.consents[0], None))
    if story.screening is not None:
        data = story.screening.data
        failed = ", ".join(data.get("failed", ()))
        status = "ELIGIBLE" if data.get("eligible") else "SCREEN_FAILURE"
        steps.append((status, happened(story.screening), story.screening, failed or None))
    if story.enrolled is not None:
        steps.append(("ENROLLED", happened(story.enrolled), story.enrolled, None))
    if story.randomized is not None:
        steps.append(("RANDOMIZED", happened(story.randomized), story.randomized, None))
    for status, fact in story.ends():
        why = fact.data.get("verbatim") or fact.data.get("term") or fact.data.get("reason")
        steps.append((status, happened(fact), fact, why))
    deaths = [step for step in steps if step[0] == "DIED"]
    steps = [step for step in steps if step[0] != "DIED"]
    if story.dead:
        last = story.death or (deaths[0][2] if deaths else story.found_dead[1] if story.found_dead else None)
        if last is not None:
            steps.append(("DIED", story.died_on or happened(last), last, last.data.get("cause") or "DEATH"))
    return steps


def _state(step: _Step) -> str:
    """FHIR's state. Who ended the intervention alone is still observed."""
    status, _, fact, _ = step
    return codes.OBSERVED if status == "DISCONTINUED" and of_treatment(fact) else codes.SUBJECT_STATES[status]


def _progress(steps: list[_Step], number: int) -> Resource:
    status, since, _, why = steps[number]
    milestone = codes.MILESTONES.get(status)
    made: Resource = {
        "type": concept(coding(codes.STATE_TYPE, "Milestone" if milestone else "Enrollment")),
        "subjectState": concept(
            coding(codes.SUBJECT_STATE, _state(steps[number])), coding(codes.SUBJECT_STATUS, status)
        ),
    }
    if milestone is not None:
        made["milestone"] = concept(coding(codes.MILESTONE, *milestone))
    if why is not None:
        made["reason"] = concept(text=why)
    put_time(made, "startDate", since)
    until = steps[number + 1][1] if number + 1 < len(steps) else None
    if since is None or until is None or compare(since, until) <= 0:  # what was entered late may have come before
        put_time(made, "endDate", until)
    return made


def _made_of(history: History, steps: list[_Step]) -> list[Fact]:
    by_step = [fact for _, _, fact, _ in steps]
    return by_step + [fact for fact in history.corrected if fact.type.startswith(_MADE_OF)]
