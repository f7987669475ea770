"""From a protocol in CDISC's Unified Study Definitions Model (USDM 4, JSON) to a protocol. Pure, as `ctgov.py`.

Rules:
- What has a field goes there unchanged (texts without marks of HTML, their parameters put in). What has none is kept by
  its path in `registry_extra` and listed in `unknown`; the parts that are too large to keep, and persons, are in
  `left_out`.
- What is required and missing, or of another type than the model's, a reference to nothing, an id that stands twice, is
  one ProtocolError naming every path.
- A code that has no place, and two statements that do not fit, are noted; so is each value that is ours.
- Of several versions the last is taken, of several designs the first, and noted.

Source: CDISC Digital Data Flow, USDM 4.0 (https://www.cdisc.org/ddf): class model and controlled terminology.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.protocol import usdm_codes as codes
from ledger.domain.protocol.base import Part, Problem, ProtocolError
from ledger.domain.protocol.conflicts import Conflict, conflicts
from ledger.domain.protocol.model import Protocol
from ledger.domain.protocol.usdm_eligibility import planned, read_eligibility
from ledger.domain.protocol.usdm_record import PERSONS, Code, Texts, Usdm
from ledger.domain.protocol.usdm_treatments import read_interventions
from ledger.domain.protocol.usdm_visits import read_visits
from ledger.proof.canonical import Json

_NCT: Final = re.compile(r"NCT[0-9]{8}")
_NOTE: Final = (
    "Ours, not the file's: these settings but for the visits, the arms' codes and ratios, the sites' and outcomes' "
    "ids, the tolerance of doses, the status, and the cap on enrolment (set to the planned number)."
)


class UsdmImport(Part):
    """An imported protocol; the paths it has no field for, the parts left out, its conflicts, and notes."""

    protocol: Protocol
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]


def from_usdm(record: Mapping[str, Any]) -> UsdmImport:
    """The protocol in one USDM 4 file, as parsed JSON with numbers as int or Decimal. Raises ProtocolError."""
    if not isinstance(record, Mapping) or not isinstance(record.get("study"), Mapping):
        raise ProtocolError([Problem("study", "is required: give a file of USDM 4, with a study and its versions")])
    read = Usdm(record)
    model = read.text("usdmVersion", required=True)
    if model is not None and not re.fullmatch(r"4\.[0-9]+(\.[0-9]+)?", model):
        raise ProtocolError([Problem("usdmVersion", f"{model[:20]!r} is not version 4")])
    notes: list[str] = []
    version = _one(read, "study.versions", -1, notes)
    design = None if version is None else _one(read, f"{version}.studyDesigns", 0, notes)
    if version is None or design is None:
        raise ProtocolError(read.problems)
    value = _protocol(read, version, design, notes)
    if read.problems:
        raise ProtocolError(read.problems)
    kept, left = read.kept_and_left()
    if persons := [path for path in sorted(left) if path.rpartition(".")[2] in PERSONS]:
        notes.append(f"the file names persons, who are left out: the protocol is readable to all: {', '.join(persons)}")
    protocol = Protocol.from_value({**value, "registry_extra": kept})
    return UsdmImport(
        protocol=protocol,
        unknown=tuple(kept),
        left_out=tuple(f"{path} ({count} values)" for path, count in sorted(left.items())),
        conflicts=tuple(conflicts(protocol)),
        notes=tuple(notes),
    )


def _one(read: Usdm, path: str, which: int, notes: list[str]) -> str | None:
    """The path of the one item that is read of a list."""
    items = read.items(path)
    if not items:
        read.problems.append(Problem(path, "at least one is required"))
        return None
    if len(items) > 1:
        notes.append(f"{path}: there are {len(items)}; {items[which]} is read")
    return items[which]


def _protocol(read: Usdm, version: str, design: str, notes: list[str]) -> dict[str, Json]:
    texts = Texts(read, version)
    organizations = read.by_id(f"{version}.organizations")
    sponsor = _sponsor(read, version, organizations)
    arms = read_arms(read, design, notes)
    count = planned(read, f"{design}.population", notes)
    if count is None:
        path = f"{design}.population.plannedEnrollmentNumber"
        read.problems.append(Problem(path, "is required: how many subjects are planned"))
    masking, roles = _masking(read, version, design, notes)
    notes.append("USDM says nothing of how far a trial has come: the status is set to UNKNOWN")
    value: dict[str, Json] = {
        "registration": _registration(read, version, organizations, sponsor, notes),
        "overall_status": "UNKNOWN",
        "study_type": _study_type(read, design, notes),
        "phases": list(_term(read, f"{design}.studyPhase", codes.PHASES, notes) or ()),
        "enrolment": {"count": count, "type": "ESTIMATED", "cap": count},
        "allocation": _allocation(read, design, arms, notes),
        "intervention_model": _term(read, f"{design}.model", codes.MODELS, notes),
        "primary_purpose": _purpose(read, design, notes),
        "masking": masking,
        "masked_roles": roles,
        "conditions": [
            name for path in read.items(f"{design}.indications") if (name := read.named(path) or _described(read, path))
        ],
        "eligibility": read_eligibility(read, texts, version, design, notes),
        "outcomes": _outcomes(read, texts, design, notes),
        "sponsor": _party(read, version, organizations, sponsor),
        "sites": _sites(read, organizations),
        "settings": {
            "note": _NOTE,
            "stratification": {"factors": ["SITE"]},
            "visits": read_visits(read, design, notes),
        },
    }
    value |= read_interventions(read, version, design, arms, notes)
    value["arms"] = [{name: member for name, member in arm.items() if name != "path"} for arm in arms]
    notes += texts.unknown
    return value


def _described(read: Usdm, path: str) -> str | None:
    return read.said(f"{path}.description")


def _term(read: Usdm, path: str, terms: Mapping[str, Any], notes: list[str], *, required: bool = False) -> Any:
    """The registry's term for a code; a code without one is noted, and left in the rest."""
    code = read.code(path, required=required)
    if code is None:
        return None
    if code.code not in terms:
        notes.append(f"{path}: {code} has no term here")
        read.untaken(code)
        return None
    return terms[code.code]


def _study_type(read: Usdm, design: str, notes: list[str]) -> str:
    stated = _term(read, f"{design}.studyType", codes.STUDY_TYPES, notes)
    by_class = {"InterventionalStudyDesign": "INTERVENTIONAL", "ObservationalStudyDesign": "OBSERVATIONAL"}
    named = str(read.peek(f"{design}.instanceType"))
    if named not in by_class:
        read.problems.append(Problem(f"{design}.instanceType", f"must be one of {', '.join(by_class)}"))
        return "INTERVENTIONAL"
    if stated not in (None, by_class[named], "EXPANDED_ACCESS"):
        notes.append(f"{design}: the study type is {stated}, and the design an {named}")
    return str(stated or by_class[named])


def _registration(
    read: Usdm, version: str, organizations: dict[str, str], sponsor: str | None, notes: list[str]
) -> dict[str, Json]:
    own, nct, others = None, None, []
    for path in read.items(f"{version}.studyIdentifiers"):
        number = read.text(f"{path}.text", required=True)
        scope = read.follow(f"{path}.scopeId", organizations, "Organization")
        if number is None:
            continue
        if nct is None and _NCT.fullmatch(number):
            nct = number
        elif own is None and scope is not None and scope == sponsor:
            own = number
        else:
            others.append(number)
    if not read.said("study.name"):
        read.problems.append(Problem("study.name", "is required"))
    read.leave("study.name")  # it stays in the rest, unless it has to stand for something
    if own is None:
        notes.append(f"{version}.studyIdentifiers: none is the sponsor's; the study's name stands for it")
        own = read.said("study.name")
    titles: dict[str, str] = {}
    for path in read.items(f"{version}.titles"):
        code = read.code(f"{path}.type", required=True)
        field = None if code is None else codes.TITLES.get(code.code)
        if field is not None and field not in titles:
            titles[field] = read.text(f"{path}.text", required=True) or ""
        elif code is not None:
            read.untaken(code)
    if "brief_title" not in titles:
        notes.append(f"{version}.titles: none is brief; the official one, or the study's name, stands for it")
        titles["brief_title"] = titles.get("official_title") or read.said("study.name") or ""
    return {"nct_number": nct, "org_study_id": own, "secondary_ids": others, **titles}


def _sponsor(read: Usdm, version: str, organizations: dict[str, str]) -> str | None:
    """The path of the sponsor: who has that role, else whom its type says to be it, and who gave an identifier."""
    for path in read.items(f"{version}.roles"):
        if read.peek(f"{path}.code.code") == codes.SPONSOR:
            for item in read.items(f"{path}.organizationIds"):
                return read.follow(item, organizations, "Organization")
    scopes = [read.peek(f"{path}.scopeId") for path in read.items(f"{version}.studyIdentifiers")]
    for wanted in (codes.SPONSOR, "C54149"):
        for identity, path in organizations.items():
            if read.peek(f"{path}.type.code") == wanted and identity in scopes:
                return path
    return None


def _party(read: Usdm, version: str, organizations: dict[str, str], sponsor: str | None) -> dict[str, Json]:
    if sponsor is None:
        read.problems.append(Problem(f"{version}.roles", "no organization has the role of the sponsor"))
        return {"name": "?"}
    collaborators = []
    for path in read.items(f"{version}.roles"):
        if read.peek(f"{path}.code.code") == codes.CO_SPONSOR:
            for item in read.items(f"{path}.organizationIds"):
                other = read.follow(item, organizations, "Organization")
                name = None if other is None else read.named(other)
                collaborators += [name] if name else []
    agency = codes.AGENCIES.get(str(read.peek(f"{sponsor}.type.code")))
    return {"name": read.named(sponsor), "agency_class": agency, "collaborators": collaborators}


def _sites(read: Usdm, organizations: dict[str, str]) -> list[dict[str, Json]]:
    sites: list[dict[str, Json]] = []
    for organization in organizations.values():
        for path in read.items(f"{organization}.managedSites"):
            country = read.code(f"{path}.country")
            number = len(sites) + 1
            named = read.named(path) or f"Site {number}"
            sites.append({"id": f"S{number:02}", "name": named, "country": country.decode if country else None})
    return sites


def read_arms(read: Usdm, design: str, notes: list[str]) -> list[dict[str, Json]]:
    """The arms, each with its `path`."""
    arms: list[dict[str, Json]] = []
    for path in read.by_id(f"{design}.arms").values():
        kind = _term(read, f"{path}.type", codes.ARM_TYPES, notes, required=True)
        name = read.text(f"{path}.name", required=True) or ""
        code = _code(name) or f"ARM{len(arms) + 1}"
        if any(arm["code"] == code for arm in arms):
            code = f"{code[:16]}-{len(arms) + 1}"
        label = read.said(f"{path}.label")
        if label is not None:
            read.leave(f"{path}.name")
        described = read.said(f"{path}.description")
        told: dict[str, Json] = {"label": label or name, "type": kind or "OTHER", "description": described}
        arms.append({"path": path, "code": code, **told, "ratio": 1})
    if not arms:
        read.problems.append(Problem(f"{design}.arms", "at least one arm is required"))
    return arms


def _code(label: str) -> str:
    """A name as an arm code: ASCII capitals and digits, at most 20 as in CDISC's ARMCD."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Z0-9]+", "_", ascii_only.upper()).strip("_")[:20].strip("_")


def _allocation(read: Usdm, design: str, arms: list[dict[str, Json]], notes: list[str]) -> str | None:
    randomized = False
    for path in read.items(f"{design}.characteristics"):
        if read.peek(f"{path}.code") in codes.RANDOMIZED:
            randomized = read.code(path) is not None
    if randomized:
        return "RANDOMIZED"
    if len(arms) == 1:
        return "NA"
    notes.append(f"{design}.characteristics: do not say whether the trial is randomised")
    return None


def _purpose(read: Usdm, design: str, notes: list[str]) -> str | None:
    intents = read.items(f"{design}.intentTypes")
    if len(intents) > 1:
        notes.append(f"{design}.intentTypes: there are {len(intents)}; the first is the primary purpose")
    found: str | None = _term(read, intents[0], codes.PURPOSES, notes) if intents else None
    return found


def _masking(read: Usdm, version: str, design: str, notes: list[str]) -> tuple[str | None, list[str]]:
    """Masking and the masked roles. A role that the registry does not know is noted."""
    masking = _term(read, f"{design}.blindingSchema", codes.MASKINGS, notes)
    roles: list[str] = []
    for path in read.items(f"{version}.roles"):
        if read.peek(f"{path}.masking") is None or not read.flag(f"{path}.masking.isMasked"):
            continue
        code: Code | None = read.code(f"{path}.code", required=True)
        role = None if code is None else codes.MASKED_ROLES.get(code.code)
        if role is not None and role not in roles:
            roles.append(role)
        elif role is None:
            notes.append(f"{path}.masking: {code} is masked, which the registry has no word for")
    if masking is None:
        notes.append("no masking is stated that has a term here: until it is, all four roles are treated as masked")
    if masking == "NONE" and roles:
        notes.append(f"{design}.blindingSchema: the trial is open, and {', '.join(roles)} masked")
    return masking, roles


def _outcomes(read: Usdm, texts: Texts, design: str, notes: list[str]) -> list[dict[str, Json]]:
    outcomes: list[dict[str, Json]] = []
    counts: dict[str, int] = {}
    for objective in read.items(f"{design}.objectives"):
        aim = texts.plain(objective)
        level = _term(read, f"{objective}.level", codes.LEVELS, notes)
        endpoints = read.items(f"{objective}.endpoints")
        if not endpoints:
            notes.append(f"{objective}: has no endpoint, so no outcome is measured for it")
        for path in endpoints:
            own = _term(read, f"{path}.level", codes.LEVELS, notes)
            if own is not None and level is not None and own != level:
                notes.append(f"{path}.level: a {own} endpoint of a {level} objective")
            kind = own or level or "OTHER"
            counts[kind] = counts.get(kind, 0) + 1
            measure = texts.plain(path, required=True)
            said = read.said(f"{path}.description")
            purpose = str(read.peek(f"{path}.purpose") or "").strip().upper()
            if purpose in ("EFFICACY", "SAFETY"):
                read.text(f"{path}.purpose")
            outcomes.append(
                {
                    "id": f"{kind[0]}{counts[kind]}",
                    "kind": kind,
                    "domain": purpose if purpose in ("EFFICACY", "SAFETY") else None,
                    "measure": measure,
                    "description": "; ".join(part for part in (said, aim and f"Objective: {aim}") if part) or None,
                    "time_frame": {"text": "not stated"},
                }
            )
    if outcomes:
        notes.append(f"{design}.objectives: endpoints have no time frame of their own; nothing is computed from it")
    return outcomes
