"""TA, TE, TI and TS: the trial as planned, from the protocol in force. All of it is public, arms included.

1. The protocol knows arms and visits, not elements. Each arm is screening, its treatment, and follow-up where the
   protocol has one. TA of an import is given back as it was, and its elements stand in TE.
2. TS of an import is given back as it was until the protocol is amended; from then on it is made from the protocol,
   with the parameters that only the source has.
3. A criterion of more than 200 characters is cut in IETEST; the whole text is its decode in define.xml.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from api.exports.sdtm.about import arm_words
from api.exports.sdtm.records import Row
from ledger.domain.protocol import Protocol
from ledger.domain.state import TrialState

SCREENING: Final = ("SCRN", "Screening")
FOLLOW_UP: Final = ("FU", "Follow-up")
BLINDED: Final = ("BLINDED", "Treatment, of an arm withheld from a masked role")
LIMIT: Final = 200


def treatment_element(protocol: Protocol, arm: str) -> tuple[str, str]:
    """(ETCD, ELEMENT) of the treatment of an arm."""
    number = [one.code for one in protocol.arms].index(arm) + 1
    return f"TRT{number}", f"Treatment: {protocol.arm(arm).label}"[:LIMIT]


def _kept(protocol: Protocol, domain: str) -> list[dict[str, Any]]:
    rows = protocol.registry_extra.get(domain)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def trial_arms(protocol: Protocol) -> Iterator[Row]:
    """TA."""
    if kept := _kept(protocol, "TA"):
        yield from kept
        return
    words = arm_words(protocol)
    branch = "Randomized to" if protocol.allocation == "RANDOMIZED" else "Assigned to"
    for arm in protocol.arms:
        steps: list[tuple[str, str, str, str | None]] = [(*SCREENING, "SCREENING", f"{branch} {arm.label}")]
        steps.append((*treatment_element(protocol, arm.code), "TREATMENT", None))
        if protocol.settings.follow_up_days:
            steps.append((*FOLLOW_UP, "FOLLOW-UP", None))
        for order, (code, name, epoch, way) in enumerate(steps, 1):
            yield {
                "ARMCD": words.get(arm.code, arm.code),
                "ARM": arm.label,
                "TAETORD": order,
                "ETCD": code,
                "ELEMENT": name,
                "TABRANCH": way,
                "EPOCH": epoch,
            }


def trial_elements(protocol: Protocol, *, unmasked: bool) -> Iterator[Row]:
    """TE. For masked audiences it has the element that SE names in place of those that tell an arm."""
    follow_up = protocol.settings.follow_up_days
    yield _element(SCREENING, "Informed consent", "Randomization, or screen failure")
    for arm in protocol.arms:
        yield _element(treatment_element(protocol, arm.code), "Randomization", "End of treatment")
    if not unmasked:
        yield _element(BLINDED, "Randomization", "End of treatment")
    if follow_up:
        yield _element(FOLLOW_UP, "End of treatment", "End of participation", f"P{follow_up}D")
    ours = {SCREENING[0], FOLLOW_UP[0], *(treatment_element(protocol, arm.code)[0] for arm in protocol.arms)}
    for code, row in {str(row.get("ETCD")): row for row in _kept(protocol, "TA")}.items():
        if code not in ours:
            name = str(row.get("ELEMENT") or code)
            yield _element((code, name), "Not stated by the source")


def _element(element: tuple[str, str], start: str, end: str | None = None, length: str | None = None) -> Row:
    return {"ETCD": element[0], "ELEMENT": element[1], "TESTRL": start, "TEENRL": end, "TEDUR": length}


def criteria(protocol: Protocol) -> Iterator[Row]:
    """TI."""
    for criterion in protocol.eligibility.criteria:
        text = criterion.text
        rule = criterion.model_dump(mode="json", exclude_none=True).get("test")
        yield {
            "IETESTCD": criterion.id,
            "IETEST": text if len(text) <= LIMIT else text[: LIMIT - 1] + "…",
            "IECAT": criterion.kind,
            "TIRL": json.dumps(rule, ensure_ascii=False, sort_keys=True) if rule else None,
        }


def summary(protocol: Protocol, trial: TrialState, *, amended: bool, enrolled: int) -> Iterator[Row]:
    """TS. `enrolled`: how many subjects are enrolled."""
    kept = _kept(protocol, "TS")
    if kept and not amended:
        yield from kept
        return
    counted: dict[str, int] = {}
    stated = list(_parameters(protocol, trial, enrolled))
    named = {str(row.get("TSPARMCD")): str(row.get("TSPARM") or row.get("TSPARMCD")) for row in kept}
    known = {code for code, _, _ in stated}
    for code, name in named.items():
        values = protocol.registry_extra.get(f"TS.{code}")
        if code not in known and isinstance(values, list):
            stated += [(code, name, str(value)) for value in values]
    for code, name, value in sorted(stated, key=lambda one: one[0]):
        counted[code] = counted.get(code, 0) + 1
        flavour = None
        if value is None:
            flavour = "PINF" if code == "AGEMAX" else "NA"
        yield {"TSSEQ": counted[code], "TSPARMCD": code, "TSPARM": name, "TSVAL": value, "TSVALNF": flavour}


_PHASES: Final = {
    "NA": "NOT APPLICABLE",
    "EARLY_PHASE1": "PHASE 0 TRIAL",
    "PHASE1": "PHASE I TRIAL",
    "PHASE2": "PHASE II TRIAL",
    "PHASE3": "PHASE III TRIAL",
    "PHASE4": "PHASE IV TRIAL",
}
_BLINDS: Final = {"NONE": "OPEN LABEL", "SINGLE": "SINGLE BLIND", "DOUBLE": "DOUBLE BLIND"}
_SEXES: Final = {"ALL": "BOTH", "MALE": "M", "FEMALE": "F"}
_CONTROLS: Final = {"PLACEBO_COMPARATOR": "PLACEBO", "ACTIVE_COMPARATOR": "ACTIVE", "SHAM_COMPARATOR": "SHAM"}


def _parameters(protocol: Protocol, trial: TrialState, enrolled: int) -> Iterator[tuple[str, str, str | None]]:
    registration, eligibility = protocol.registration, protocol.eligibility
    yield "TITLE", "Trial Title", registration.official_title or registration.brief_title
    for number in (registration.nct_number, *registration.secondary_ids):
        if number:
            yield "REGID", "Registry Identifier", number
    yield "SPONSOR", "Clinical Study Sponsor", protocol.sponsor.name
    yield "STYPE", "Study Type", protocol.study_type.replace("_", " ")
    phases = "/".join(_PHASES[phase] for phase in protocol.phases)
    yield "TPHASE", "Trial Phase Classification", phases or None
    for condition in protocol.conditions:
        yield "INDIC", "Trial Disease/Condition Indication", condition
    if protocol.masking:
        yield "TBLIND", "Trial Blinding Schema", _BLINDS.get(protocol.masking, f"{protocol.masking} BLIND")
    if protocol.allocation in ("RANDOMIZED", "NON_RANDOMIZED"):
        yield "RANDOM", "Trial is Randomized", "Y" if protocol.allocation == "RANDOMIZED" else "N"
    if protocol.intervention_model:
        yield "INTMODEL", "Intervention Model", protocol.intervention_model.replace("_", " ")
    if protocol.primary_purpose:
        yield "TINDTP", "Trial Intent Type", protocol.primary_purpose.replace("_", " ")
    for domain in sorted({outcome.domain for outcome in protocol.outcomes if outcome.domain}):
        yield "TTYPE", "Trial Type", domain
    controls = sorted({_CONTROLS.get(arm.type, "NONE") for arm in protocol.arms if arm.type != "EXPERIMENTAL"})
    yield "TCNTRL", "Control Type", next((control for control in controls if control != "NONE"), "NONE")
    for intervention in protocol.interventions:
        yield "TRT", "Investigational Therapy or Treatment", intervention.name
    yield "NARMS", "Planned Number of Arms", str(len(protocol.arms))
    yield "PLANSUB", "Planned Number of Subjects", str(protocol.enrolment.count)
    yield "ACTSUB", "Actual Number of Subjects", str(enrolled)
    yield "AGEMIN", "Planned Minimum Age of Subjects", _age(eligibility.minimum_age)
    yield "AGEMAX", "Planned Maximum Age of Subjects", _age(eligibility.maximum_age)
    if eligibility.sexes:
        yield "SEXPOP", "Sex of Participants", _SEXES[eligibility.sexes]
    if eligibility.healthy_volunteers is not None:
        yield "HLTSUBJI", "Healthy Subject Indicator", "Y" if eligibility.healthy_volunteers else "N"
    for outcome in protocol.outcomes:
        kind = {
            "PRIMARY": ("OUTMSPRI", "Primary Outcome Measure"),
            "SECONDARY": ("OUTMSSEC", "Secondary Outcome Measure"),
        }
        code, name = kind.get(outcome.kind, ("OUTMSEXP", "Exploratory Outcome Measure"))
        yield code, name, f"{outcome.measure} ({outcome.time_frame.text})"
    if protocol.start is not None and protocol.start.type != "ESTIMATED":
        yield "SSTDTC", "Study Start Date", protocol.start.date
    if protocol.completion is not None and protocol.completion.type == "ACTUAL":
        yield "SENDTC", "Study End Date", protocol.completion.date
    yield from _of_the_trial(trial)


def _of_the_trial(trial: TrialState) -> Iterator[tuple[str, str, str | None]]:
    yield "STSTATUS", "Trial Status in the Ledger", trial.status.value.replace("_", " ")


_AGE: Final = re.compile(r"([0-9]+)\s*(year|month|week|day)s?", re.I)


def _age(text: str | None) -> str | None:
    """An age of the registry as an ISO 8601 duration; what is none stays as it is written."""
    match = _AGE.fullmatch(text.strip()) if text else None
    return f"P{match[1]}{match[2][0].upper()}" if match else text
