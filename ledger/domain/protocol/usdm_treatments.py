"""From the interventions of a USDM file to interventions, doses, and which arms get them.

Rules: an arm gets an intervention if an element of one of its cells names it; where no element names any, arms get
none, and that is noted: who gets what is not guessed. A dose plan is made of the one administration of an intervention
of one arm, if it has a dose with its unit, a route, and is given once; any other dose is noted, and left in the rest.
"""

from collections.abc import Mapping
from typing import Final

from ledger.domain.protocol import usdm_codes as codes
from ledger.domain.protocol.usdm_record import Usdm
from ledger.proof.canonical import Json

_TOLERANCE_PERCENT: Final = "20"


def read_interventions(
    read: Usdm, version: str, design: str, arms: list[dict[str, Json]], notes: list[str]
) -> dict[str, Json]:
    """The members `interventions` and `dosing`; sets `doses_planned` of the arms."""
    found = read.by_id(f"{version}.studyInterventions")
    given = _given(read, design, found, {read.peek(f"{arm['path']}.id"): str(arm["code"]) for arm in arms})
    for item in read.items(f"{design}.studyInterventionIds"):
        read.follow(item, found, "StudyIntervention")
    if found and not any(given.values()):
        notes.append(f"{design}.elements: none names an intervention, so it is not known which arm gets which")
    interventions: list[dict[str, Json]] = []
    dosing: list[dict[str, Json]] = []
    for identity, path in found.items():
        name = read.named(path) or identity
        if any(one["name"] == name for one in interventions):
            name = f"{name} ({identity})"
        kind = read.code(f"{path}.type", required=True)
        known = None if kind is None else codes.INTERVENTION_TYPES.get(kind.code)
        if kind is not None and known is None:
            notes.append(f"{path}.type: {kind} has no term here")
            read.untaken(kind)
        described = read.said(f"{path}.description")
        getting = given[identity]
        interventions.append({"name": name, "type": known or "OTHER", "description": described, "arms": getting})
        dosing += _doses(read, path, name, getting, dosing, notes)
    for arm in arms:
        arm["doses_planned"] = sum(1 for plan in dosing if plan["arm"] == arm["code"])
    return {"interventions": interventions, "dosing": dosing}


def _given(read: Usdm, design: str, found: Mapping[str, str], codes_of: dict[str, str]) -> dict[str, list[str]]:
    """The id of each intervention -> the codes of the arms that get it."""
    elements = read.by_id(f"{design}.elements")
    arms = {identity: identity for identity in codes_of}
    given: dict[str, list[str]] = {identity: [] for identity in found}
    for cell in read.items(f"{design}.studyCells"):
        arm = read.follow(f"{cell}.armId", arms, "StudyArm")
        for item in read.items(f"{cell}.elementIds"):
            element = read.follow(item, elements, "StudyElement")
            for named in [] if element is None else read.items(f"{element}.studyInterventionIds"):
                if read.follow(named, dict(found), "StudyIntervention") is None or arm is None:
                    continue
                getting = given[read.peek(named)]
                if codes_of[arm] not in getting:
                    getting.append(codes_of[arm])
    return given


def _doses(
    read: Usdm, path: str, name: str, getting: list[str], dosing: list[dict[str, Json]], notes: list[str]
) -> list[dict[str, Json]]:
    administrations = [one for one in read.items(f"{path}.administrations") if read.peek(f"{one}.dose") is not None]
    if not administrations:
        return []
    one = administrations[0]
    once = read.peek(f"{one}.frequency.standardCode.code") == codes.ONCE
    complete = all(read.peek(f"{one}.{part}") is not None for part in ("dose.value", "dose.unit", "route"))
    taken = len(getting) == 1 and any(plan["arm"] == getting[0] for plan in dosing)
    if len(administrations) > 1 or len(getting) != 1 or taken or not once or not complete:
        notes.append(
            f"{path}.administrations: a dose is stated, but not one that is given once, in one arm, by a route"
        )
        return []
    amount, unit, route = read.number(f"{one}.dose.value"), read.code(f"{one}.dose.unit"), read.code(f"{one}.route")
    read.code(f"{one}.frequency")
    if amount is None or unit is None or route is None:
        return []
    return [
        {
            "intervention": name,
            "arm": getting[0],
            "doses": 1,
            "amount": format(amount.normalize(), "f"),
            "unit": unit.decode,
            "per_kg": False,
            "route": route.decode.upper(),
            "tolerance_percent": _TOLERANCE_PERCENT,
        }
    ]
