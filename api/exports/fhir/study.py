"""The study: ResearchStudy, and what it refers to: Group (eligibility), Organization, Location, Device (the ledger).

1. All of it is of the open book: the protocol names the arms to everybody.
2. Its state is that of the trial: recruiting from the first site on, closed to accrual for each halt, suspension and
   hold, terminated. What the registry says the status is, is another statement, and stands in an extension.
3. Eligibility is text: a Group by definition, one characteristic a criterion.
"""

from collections.abc import Iterator

from api.exports.fhir import codes
from api.exports.fhir.elements import NS, Ids, Resource, coding, concept, extension, period, put_time, reference
from api.exports.fhir.provenance import Entries, provenance
from api.exports.source import Source
from ledger.domain.protocol import Protocol
from ledger.domain.protocol.parts import Arm, Outcome
from ledger.domain.state import TrialState
from ledger.domain.vocabulary import TrialStatus
from projections.histories import History

_MADE_OF = ("trial.", "protocol.", "site.")
"""The types of events by which the protocol and the state of a trial change."""


def study_resources(source: Source, ids: Ids, enrolled: int) -> Iterator[Resource]:
    """The resources of the trial as a whole. `enrolled`: how many subjects are in it."""
    protocol, trial = source.protocol, source.trial()
    yield _study(source, protocol, trial, ids, enrolled)
    yield _eligibility(protocol, ids)
    yield {
        "resourceType": "Organization",
        "id": ids.of("sponsor"),
        "active": True,
        "name": protocol.sponsor.name,
    }
    for site in protocol.sites:
        address = {"city": site.city, "postalCode": site.postal_code, "country": site.country}
        stated = {name: value for name, value in address.items() if value is not None}
        yield {
            "resourceType": "Location",
            "id": ids.of("site", site.id),
            "identifier": [{"system": f"{NS}/site", "value": site.id}],
            "name": site.name,
            **({"address": stated} if stated else {}),
        }
    yield {
        "resourceType": "Device",
        "id": ids.of("ledger"),
        "identifier": [{"system": f"{NS}/origin", "value": source.origin}],
        "displayName": "trial-ledger",
    }


def study_provenance(history: History, ids: Ids) -> Resource:
    """Which entries of the stream of the trial the study was made from."""
    own = [fact for fact in history.recorded if fact.type.startswith(_MADE_OF)]
    return provenance("ResearchStudy", ids.of("study"), Entries(history).with_changes(own), ids)


def _study(source: Source, protocol: Protocol, trial: TrialState, ids: Ids, enrolled: int) -> Resource:
    registration = protocol.registration
    study: Resource = {
        "resourceType": "ResearchStudy",
        "id": ids.of("study"),
        "extension": [extension("registry-status", "Code", protocol.overall_status)],
        "identifier": _identifiers(protocol),
        "title": registration.official_title or registration.brief_title,
        "label": _labels(protocol),
        "status": "active",
    }
    if trial.amendments:
        study["version"] = trial.amendments[-1]
    put_time(study, "date", source.made_at)
    if protocol.primary_purpose is not None:
        purpose = codes.PURPOSES.get(protocol.primary_purpose)
        found = () if purpose is None else (coding(codes.PURPOSE, purpose),)
        study["primaryPurposeType"] = concept(*found, text=protocol.primary_purpose)
    if protocol.phases:
        phase = codes.PHASES.get(tuple(protocol.phases))
        found = () if phase is None else (coding(codes.PHASE, phase),)
        study["phase"] = concept(*found, text=" ".join(protocol.phases))
    study["studyDesign"] = _design(protocol)
    if protocol.conditions:
        study["condition"] = [concept(text=text) for text in protocol.conditions]
    start, completion = protocol.start, protocol.completion
    lasts = period(None if start is None else start.date, None if completion is None else completion.date)
    if lasts:
        study["period"] = lasts
    if protocol.sites:
        study["site"] = [reference("Location", ids.of("site", site.id)) for site in protocol.sites]
    study["associatedParty"] = _parties(protocol, ids)
    study["progressStatus"] = _progress(trial)
    stopped = _why_stopped(source, trial)
    if stopped is not None:
        study["whyStopped"] = stopped
    study["recruitment"] = {
        "targetNumber": protocol.enrolment.count,
        "actualNumber": enrolled,
        "eligibility": reference("Group", ids.of("eligibility")),
    }
    study["comparisonGroup"] = [_arm(arm, ids) for arm in protocol.arms]
    if protocol.outcomes:
        study["outcomeMeasure"] = [_outcome(outcome) for outcome in protocol.outcomes]
    return study


def _identifiers(protocol: Protocol) -> list[Resource]:
    registration = protocol.registration
    listed: list[Resource] = []
    if registration.nct_number is not None:
        listed.append({"use": "official", "system": codes.NCT, "value": registration.nct_number})
    sponsor = {"display": protocol.sponsor.name}
    listed.append({"use": "usual", "value": registration.org_study_id, "assigner": sponsor})
    listed += [{"use": "secondary", "value": number} for number in registration.secondary_ids]
    return listed


def _labels(protocol: Protocol) -> list[Resource]:
    registration = protocol.registration
    named = (
        ("official", registration.official_title),
        ("short-title", registration.brief_title),
        ("acronym", registration.acronym),
    )
    return [{"type": concept(coding(codes.TITLE, code)), "value": text} for code, text in named if text]


def _design(protocol: Protocol) -> list[Resource]:
    """Type, allocation, model, and who is masked; the masking once more as the registry words it."""
    words = [protocol.study_type, protocol.allocation, protocol.intervention_model, *protocol.effective_masked_roles]
    made = []
    for word in words:
        if word is None:
            continue
        known = codes.DESIGNS.get(word)
        if known is not None:
            made.append(concept(coding(codes.DESIGN, *known)))
        elif word in protocol.effective_masked_roles:
            made.append(concept(text=f"Masked: {word}"))
        elif word != "NA":
            made.append(concept(text=word))
    if protocol.masking is not None:
        made.append(concept(text=f"Masking: {protocol.masking}"))
    return made


def _parties(protocol: Protocol, ids: Ids) -> list[Resource]:
    listed: list[Resource] = [
        {
            "name": protocol.sponsor.name,
            "role": concept(coding(codes.PARTY_ROLE, "lead-sponsor")),
            "party": reference("Organization", ids.of("sponsor")),
        }
    ]
    for name in protocol.sponsor.collaborators:
        listed.append({"name": name, "role": concept(coding(codes.PARTY_ROLE, "collaborator"))})
    return listed


def _progress(trial: TrialState) -> list[Resource]:
    """The states that the trial was in, one after another, each with its period."""
    steps: list[tuple[str, str | None]] = []
    activated = [site.activated_at for site in trial.sites.values()]
    if activated:
        steps.append((TrialStatus.RECRUITING, min(activated)))
    for halt in trial.halts:
        steps.append((halt.kind, halt.since))
        if halt.until is not None:
            steps.append((TrialStatus.RECRUITING, halt.until))
    if trial.terminated_at is not None:
        steps.append((TrialStatus.TERMINATED_EARLY, trial.terminated_at))
    if not steps:
        steps.append((TrialStatus.NOT_YET_RECRUITING, None))
    listed = []
    for number, (status, since) in enumerate(steps):
        until = steps[number + 1][1] if number + 1 < len(steps) else None
        entry: Resource = {
            "state": concept(coding(codes.STUDY_STATUS, codes.STATES[status]), text=status),
            "actual": True,
        }
        lasted = period(since, until)
        if lasted:
            entry["period"] = lasted
        listed.append(entry)
    return listed


def _why_stopped(source: Source, trial: TrialState) -> Resource | None:
    """Why the trial is stopped at the position, if it is; and in which of our ways."""
    if trial.terminated_at is not None:
        reasons = [fact.data.get("reason") for fact in source.trial_facts() if fact.type == "trial.terminated-early/1"]
        return concept(coding(codes.STOPPED, trial.status), text=reasons[-1] if reasons else None)
    if trial.halted is not None:
        return concept(coding(codes.STOPPED, trial.halted.kind), text=trial.halted.reason)
    return None


def _arm(arm: Arm, ids: Ids) -> Resource:
    made: Resource = {
        "extension": [extension("arm-code", "String", arm.code)],
        "linkId": ids.arm(arm.code),
        "name": arm.label,
        "type": concept(coding(codes.ARM_TYPE, codes.ARM_TYPES[arm.type])),
    }
    return made | ({"description": arm.description} if arm.description else {})


def _outcome(outcome: Outcome) -> Resource:
    kind = codes.OBJECTIVES.get(outcome.kind)
    said = concept(text=outcome.kind) if kind is None else concept(coding(codes.OBJECTIVE, kind))
    text = "; ".join(part for part in (outcome.description, f"Time frame: {outcome.time_frame.text}") if part)
    return {"name": outcome.measure, "type": [said], "description": text}


def _eligibility(protocol: Protocol, ids: Ids) -> Resource:
    eligibility = protocol.eligibility
    said = [
        ("minimum age", eligibility.minimum_age),
        ("maximum age", eligibility.maximum_age),
        ("sexes", eligibility.sexes),
    ]
    listed = [_characteristic(name, text, exclude=False) for name, text in said if text]
    for criterion in eligibility.criteria:
        excludes = criterion.kind == "EXCLUSION"
        listed.append(_characteristic(criterion.id, criterion.text, exclude=excludes))
    group: Resource = {
        "resourceType": "Group",
        "id": ids.of("eligibility"),
        "type": "person",
        "membership": "definitional",
        "name": f"Who may take part in {protocol.trial_id}",
    }
    if eligibility.text:
        group["description"] = eligibility.text
    return group | ({"characteristic": listed} if listed else {})


def _characteristic(name: str, text: str, *, exclude: bool) -> Resource:
    return {"code": concept(text=name), "valueCodeableConcept": concept(text=text), "exclude": exclude}
