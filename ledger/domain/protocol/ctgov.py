"""From a ClinicalTrials.gov record (API v2, one study) to a protocol. Pure: the record in, everything found
out.

Rules:
- What has a field in the protocol goes there unchanged. Every other leaf is listed in `unknown` by its JSON
  path and kept verbatim in `Protocol.registry_extra`: nothing is lost in silence.
- Persons are left out: contacts, officials, the investigator who answers for the record, whom to ask about the
  results. The registry makes them public; a protocol lies where no name may, readable to all, in every export.
  `left_out` says where they stood. Authors of publications stay: a citation names a text.
- What is required and missing, or of another type or term than the schema's, is one ProtocolError naming
  every path.
- The eligibility text becomes criteria as `ctgov_eligibility.py` says: mostly free text to be attested, yes
  or no.
- Numbers in free text (doses, time frames) are read only where they are unmistakable; `notes` says what was
  read so.
- Settings are ours, and say so. The cap on enrolment is set to the registry's count: change it if that is
  not meant.

Schema: https://clinicaltrials.gov/data-api/about-api/study-data-structure
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, get_args

from ledger.domain.protocol import terms
from ledger.domain.protocol.base import Part, Problem, ProtocolError
from ledger.domain.protocol.conflicts import Conflict, conflicts
from ledger.domain.protocol.ctgov_eligibility import read_eligibility
from ledger.domain.protocol.ctgov_record import Record
from ledger.domain.protocol.ctgov_text import read_dose, read_time_frame
from ledger.domain.protocol.model import Protocol
from ledger.proof.canonical import Json

_P: Final = "protocolSection"
_STATUS: Final = f"{_P}.statusModule"
_IDENTITY: Final = f"{_P}.identificationModule"
_DESIGN: Final = f"{_P}.designModule"
_ARMS: Final = f"{_P}.armsInterventionsModule"
_SPONSOR: Final = f"{_P}.sponsorCollaboratorsModule"

_TOLERANCE_PERCENT: Final = "20"
_SETTINGS_NOTE: Final = (
    "Ours, not the registry's: these settings, the arms' codes and ratios, the sites' ids, the tolerance of "
    "doses, and the cap on enrolment (set to the registry's count)."
)
_HISTORY: Final = (
    ("studyFirstSubmitDate", "FIRST_SUBMITTED"),
    ("studyFirstSubmitQcDate", "FIRST_SUBMITTED_QC"),
    ("studyFirstPostDateStruct", "FIRST_POSTED"),
    ("resultsFirstSubmitDate", "RESULTS_FIRST_SUBMITTED"),
    ("resultsFirstPostDateStruct", "RESULTS_FIRST_POSTED"),
    ("lastUpdateSubmitDate", "LAST_UPDATE_SUBMITTED"),
    ("lastUpdatePostDateStruct", "LAST_UPDATE_POSTED"),
    ("statusVerifiedDate", "VERIFIED"),
)
_PERSONS: Final = re.compile(
    r"\.(?:(?:centralContacts|overallOfficials|contacts)(?=\[|$)|pointOfContact|investigatorFullName|oldNameTitle)\b"
)


class CtgovImport(Part):
    """An imported protocol, the paths that it has no field for, the parts left out, its conflicts, notes."""

    protocol: Protocol
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]


def from_ctgov(record: Mapping[str, Any]) -> CtgovImport:
    """The protocol in one study record of the ClinicalTrials.gov API v2. Raises ProtocolError.

    `record` is the parsed JSON; numbers may be int, Decimal or float.
    """
    if not isinstance(record, Mapping) or _P not in record:
        rule = "is required: give one study record (an answer with many has them in its list `studies`)"
        raise ProtocolError([Problem(_P, rule)])
    read = Record(record)
    notes: list[str] = []
    value = _protocol(read, notes)
    extra, left = _without_persons(read.rest())
    if left:
        notes.append(f"the record names persons, who are left out: the protocol is readable to all: {', '.join(left)}")
    if read.problems:
        raise ProtocolError(read.problems)
    protocol = Protocol.from_value({**value, "registry_extra": extra})
    return CtgovImport(
        protocol=protocol,
        unknown=tuple(extra),
        left_out=tuple(f"{part} ({count} values)" for part, count in sorted(left.items())),
        conflicts=tuple(conflicts(protocol)),
        notes=tuple(notes),
    )


def _without_persons(rest: Mapping[str, Json]) -> tuple[dict[str, Json], Counter[str]]:
    """What is kept of the rest, and how many values of which parts are not."""
    left = Counter(path[: found.end()] for path in rest if (found := _PERSONS.search(path)))
    return {path: leaf for path, leaf in rest.items() if not _PERSONS.search(path)}, left


def _protocol(read: Record, notes: list[str]) -> dict[str, Json]:
    count = read.count(f"{_DESIGN}.enrollmentInfo.count", required=True)
    arms = _arms(read)
    codes = {arm["label"]: arm["code"] for arm in arms}
    interventions, dosing = _interventions(read, codes, notes)
    for arm in arms:
        arm["doses_planned"] = sum(plan["doses"] for plan in dosing if plan["arm"] == arm["code"])
    design = f"{_DESIGN}.designInfo"
    masking = read.term(f"{design}.maskingInfo.masking", get_args(terms.Masking))
    roles = [read.term(path, get_args(terms.MaskingRole)) for path in read.items(f"{design}.maskingInfo.whoMasked")]
    if masking is None:
        notes.append("no masking is stated: until it is, all four roles are treated as masked")
    phases = [read.term(path, get_args(terms.Phase)) for path in read.items(f"{_DESIGN}.phases")]
    return {
        "registration": _registration(read),
        "overall_status": read.term(f"{_STATUS}.overallStatus", get_args(terms.OverallStatus), required=True),
        "why_stopped": read.text(f"{_STATUS}.whyStopped"),
        "study_type": read.term(f"{_DESIGN}.studyType", get_args(terms.StudyType), required=True),
        "phases": phases,
        "enrolment": {
            "count": count,
            "type": read.term(f"{_DESIGN}.enrollmentInfo.type", get_args(terms.DateType)),
            "cap": count,
        },
        "allocation": read.term(f"{design}.allocation", get_args(terms.Allocation)),
        "intervention_model": read.term(f"{design}.interventionModel", get_args(terms.InterventionModel)),
        "primary_purpose": read.term(f"{design}.primaryPurpose", get_args(terms.PrimaryPurpose)),
        "masking": masking,
        "masked_roles": roles,
        "start": _date(read, f"{_STATUS}.startDateStruct"),
        "primary_completion": _date(read, f"{_STATUS}.primaryCompletionDateStruct"),
        "completion": _date(read, f"{_STATUS}.completionDateStruct"),
        "conditions": read.texts(f"{_P}.conditionsModule.conditions"),
        "arms": arms,
        "interventions": interventions,
        "dosing": dosing,
        "eligibility": read_eligibility(read, notes),
        "outcomes": _outcomes(read, notes),
        **_parties(read, notes),
        "sites": _sites(read),
        "oversight": {
            "fda_regulated_drug": read.flag(f"{_P}.oversightModule.isFdaRegulatedDrug"),
            "fda_regulated_device": read.flag(f"{_P}.oversightModule.isFdaRegulatedDevice"),
        },
        "settings": _settings(),
    }


def _registration(read: Record) -> dict[str, Json]:
    # The dates that the protocol has fields for are in its history too, which is why they are read twice.
    history = []
    for field, event in _HISTORY:
        path = f"{_STATUS}.{field}"
        dated = _date(read, path) if field.endswith("Struct") else _bare_date(read, path)
        if dated and dated["date"]:
            history.append({"event": event, "date": dated["date"]})
    return {
        "nct_number": read.text(f"{_IDENTITY}.nctId", required=True),
        "org_study_id": read.text(f"{_IDENTITY}.orgStudyIdInfo.id", required=True),
        "secondary_ids": [
            number for path in read.items(f"{_IDENTITY}.secondaryIdInfos") if (number := read.text(f"{path}.id"))
        ],
        "brief_title": read.text(f"{_IDENTITY}.briefTitle", required=True),
        "official_title": read.text(f"{_IDENTITY}.officialTitle"),
        "acronym": read.text(f"{_IDENTITY}.acronym"),
        "first_posted": _date(read, f"{_STATUS}.studyFirstPostDateStruct"),
        "last_update_posted": _date(read, f"{_STATUS}.lastUpdatePostDateStruct"),
        "last_verified": _bare_date(read, f"{_STATUS}.statusVerifiedDate"),
        "history": sorted(history, key=lambda step: step["date"]),
    }


def _date(read: Record, path: str) -> dict[str, Json] | None:
    if read.peek(path) is None:
        return None
    return {
        "date": read.text(f"{path}.date", required=True),
        "type": read.term(f"{path}.type", get_args(terms.DateType)),
    }


def _bare_date(read: Record, path: str) -> dict[str, Json] | None:
    date = read.text(path)
    return None if date is None else {"date": date, "type": None}


def _arms(read: Record) -> list[dict[str, Json]]:
    paths = read.items(f"{_ARMS}.armGroups")
    if not paths:
        read.problems.append(Problem(f"{_ARMS}.armGroups", "at least one arm is required"))
    arms: list[dict[str, Json]] = []
    for index, path in enumerate(paths):
        label = read.text(f"{path}.label", required=True)
        code = _code(label or "") or f"ARM{index + 1}"
        if any(arm["code"] == code for arm in arms):
            code = f"{code[:16]}-{index + 1}"
        arms.append(
            {
                "code": code,
                "label": label,
                "type": read.term(f"{path}.type", get_args(terms.ArmType), required=True),
                "description": read.text(f"{path}.description"),
                "ratio": 1,
            }
        )
    return arms


def _code(label: str) -> str:
    """A label as an arm code: ASCII capitals and digits, at most 20 as in CDISC's ARMCD."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Z0-9]+", "_", ascii_only.upper()).strip("_")[:20].strip("_")


def _interventions(
    read: Record, codes: Mapping[str, str], notes: list[str]
) -> tuple[list[dict[str, Json]], list[dict[str, Json]]]:
    interventions: list[dict[str, Json]] = []
    dosing: list[dict[str, Json]] = []
    for path in read.items(f"{_ARMS}.interventions"):
        name = read.text(f"{path}.name", required=True)
        description = read.text(f"{path}.description")
        kind = read.term(f"{path}.type", get_args(terms.InterventionType), required=True)
        arms = []
        for item in read.items(f"{path}.armGroupLabels"):
            label = read.text(item)
            if label is not None and label in codes:
                arms.append(codes[label])
            else:
                read.leave(item)
                notes.append(f"{item}: {label!r} is the label of no arm")
        interventions.append({"name": name, "type": kind, "description": description, "arms": arms})
        dose = read_dose(description or "")
        if dose and dose.route and len(arms) == 1 and all(plan["arm"] != arms[0] for plan in dosing):
            notes.append(f"{path}.description: the dose was read from free text; check it")
            dosing.append(
                {
                    "intervention": name,
                    "arm": arms[0],
                    "doses": dose.doses,
                    "amount": format(dose.amount, "f"),
                    "unit": dose.unit,
                    "per_kg": dose.per_kg,
                    "route": dose.route,
                    "tolerance_percent": _TOLERANCE_PERCENT,
                }
            )
        elif dose:
            notes.append(f"{path}.description: a dose is stated, but not by which route or for which one arm")
    _take_redundant_names(read, interventions, codes)
    return interventions, dosing


def _take_redundant_names(read: Record, interventions: list[dict[str, Json]], codes: Mapping[str, str]) -> None:
    """An arm's `interventionNames` repeat the interventions' labels; what they say beyond stays unknown."""
    said = {(_intervention_name(item), code) for item in interventions for code in item["arms"]}
    for path in read.items(f"{_ARMS}.armGroups"):
        code = codes.get(str(read.peek(f"{path}.label")))
        for item in read.items(f"{path}.interventionNames"):
            if (read.text(item), code) not in said:
                read.leave(item)


def _intervention_name(intervention: Mapping[str, Json]) -> str:
    return f"{str(intervention['type']).replace('_', ' ').title()}: {intervention['name']}"


def _outcomes(read: Record, notes: list[str]) -> list[dict[str, Json]]:
    outcomes: list[dict[str, Json]] = []
    for field, letter, kind in (
        ("primaryOutcomes", "P", "PRIMARY"),
        ("secondaryOutcomes", "S", "SECONDARY"),
        ("otherOutcomes", "O", "OTHER"),
    ):
        for index, path in enumerate(read.items(f"{_P}.outcomesModule.{field}")):
            measure = read.text(f"{path}.measure", required=True)
            description = read.text(f"{path}.description")
            # The registry allows an outcome without a time frame in old records; the text then says so.
            frame = read.text(f"{path}.timeFrame") or "not stated"
            days, months = read_time_frame(frame)
            if days is None:
                notes.append(f"{path}.timeFrame: {frame!r} is not one length of time; nothing is computed from it")
            outcomes.append(
                {
                    "id": f"{letter}{index + 1}",
                    "kind": kind,
                    "domain": _domain(f"{measure} {description or ''}"),
                    "measure": measure,
                    "description": description,
                    "time_frame": {"text": frame, "days": days, "months": months},
                }
            )
    return outcomes


def _domain(text: str) -> str | None:
    """Efficacy or safety, where an outcome's words speak of one of the two only."""
    efficacy = re.search(r"\befficacy\b", text, re.I) is not None
    safety = re.search(r"\bsafety\b", text, re.I) is not None
    if efficacy == safety:
        return None
    return "EFFICACY" if efficacy else "SAFETY"


def _parties(read: Record, notes: list[str]) -> dict[str, Json]:
    """The sponsor and the responsible party: of a person the affiliation, or the sponsor, stands for the name."""
    name = read.text(f"{_SPONSOR}.leadSponsor.name", required=True)
    party = f"{_SPONSOR}.responsibleParty"
    kind = read.term(f"{party}.type", get_args(terms.ResponsiblePartyType))
    affiliation = read.text(f"{party}.investigatorAffiliation")
    agency = read.term(f"{_SPONSOR}.leadSponsor.class", get_args(terms.AgencyClass))
    if agency == "INDIV":
        notes.append(f"{_SPONSOR}.leadSponsor: the sponsor is a person, and named: the protocol is readable to all")
    return {
        "sponsor": {
            "name": name,
            "agency_class": agency,
            "collaborators": [
                other for path in read.items(f"{_SPONSOR}.collaborators") if (other := read.text(f"{path}.name"))
            ],
        },
        "responsible_party": kind
        and {
            "type": kind,
            "name": affiliation or name,
            "title": read.text(f"{party}.investigatorTitle"),
            "affiliation": affiliation,
        },
    }


def _sites(read: Record) -> list[dict[str, Json]]:
    return [
        {
            "id": f"S{index + 1:02}",
            "name": read.text(f"{path}.facility") or f"Site {index + 1}",
            "city": read.text(f"{path}.city"),
            "country": read.text(f"{path}.country"),
            "postal_code": read.text(f"{path}.zip"),
        }
        for index, path in enumerate(read.items(f"{_P}.contactsLocationsModule.locations"))
    ]


def _settings() -> dict[str, Json]:
    return {"note": _SETTINGS_NOTE, "stratification": {"factors": ["SITE"]}}
