"""A protocol from TS, TA, TV and DM: what SDTM says of the trial's design, and a note for each thing that it does not.

1. Arms are the planned ones, from TA, else from DM (ARM, not ACTARM; a screen failure is no arm); sites are SITEID.
2. Of who is masked TS only says how many (TBLIND). The protocol then names nobody, and so everybody is taken as
   masked: denial is the default.
3. Whatever stands in TS, TA or TV and has no field in a protocol is kept in `registry_extra`, by its parameter; so are
   the rows of TS, and the arms' codes as DM writes them, for who wants them back as they stood (`api/exports/sdtm`).
4. What we must set to go on (statuses, windows, blocks) is in the settings' note and in the notes given back.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from api.sdtm.dataset import Dataset, Row, SdtmError
from api.sdtm.design import NO_WINDOW, arms_of, eligibility_of, interventions_of, sites_of, visits_of
from api.sdtm.halves import is_planned_arm, without_persons
from api.sdtm.summary import Summary
from api.sdtm.words import code_of
from ledger.domain.protocol import Protocol, ProtocolError

_MASKINGS: Final = {
    "OPEN LABEL": "NONE",
    "SINGLE BLIND": "SINGLE",
    "DOUBLE BLIND": "DOUBLE",
    "TRIPLE BLIND": "TRIPLE",
    "QUADRUPLE BLIND": "QUADRUPLE",
}
_PHASES: Final = (
    (r"\b0\b", "EARLY_PHASE1"),
    (r"\bIV\b|\b4\b", "PHASE4"),
    (r"\bIII[AB]?\b|\b3[AB]?\b", "PHASE3"),
    (r"\bII[AB]?\b|\b2[AB]?\b", "PHASE2"),
    (r"\bI[AB]?\b|\b1[AB]?\b", "PHASE1"),
)
_PURPOSES: Final = {"TREATMENT": "TREATMENT", "PREVENTION": "PREVENTION", "DIAGNOSIS": "DIAGNOSTIC"}
_MODELS: Final = {
    "SINGLE GROUP": "SINGLE_GROUP",
    "PARALLEL": "PARALLEL",
    "CROSS-OVER": "CROSSOVER",
    "CROSSOVER": "CROSSOVER",
    "FACTORIAL": "FACTORIAL",
}
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_LENGTH: Final = re.compile(r"P?\s*([0-9]{1,4})\s*(D|W|M|Y)[A-Z]*", re.I)
_DAYS: Final = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_SETTINGS_NOTE: Final = (
    "Made from SDTM, which states none of these settings. late_entry_days is the longest there is, for an import is"
    f" late by nature; visit windows are {NO_WINDOW} days, which is to say none; the allocation list is not used, for"
    " imported allocations are claimed; arm codes are ARMCD and site ids SITEID in capitals."
)


def protocol_from_sdtm(datasets: Mapping[str, Dataset]) -> tuple[Protocol, list[str]]:
    """The protocol, and what had to be assumed. Raises `SdtmError` where there is no planned arm, or no study."""
    dm, left_out = datasets["DM"], list[str]()
    if "TS" in datasets:
        unnamed = without_persons(datasets["TS"])
        numbers = {row.number for row in unnamed}
        left_out = [
            f"TS row {row.number}: {row.values['TSPARMCD']} names a person, and is kept nowhere"
            for row in datasets["TS"].rows
            if row.number not in numbers
        ]
        datasets = {**datasets, "TS": replace(datasets["TS"], rows=unnamed)}
    study = next((dataset.study for dataset in datasets.values() if dataset.study), None)
    if study is None:
        raise SdtmError(dm.path, None, "STUDYID", "no row states the study; a trial needs its name")
    ts = Summary(datasets.get("TS"))
    if "TS" not in datasets:
        ts.notes.append("There is no TS dataset: of the design, only arms, sites and visits are known")
    title = ts.one("TITLE", "the study's id stands for it") or study
    registered = [text for text in ts.all("REGID") if re.fullmatch(r"NCT[0-9]{8}", text)]
    planned = ts.one("PLANSUB", "the number of subjects in DM stands for the target")
    count = int(planned) if planned and planned.isascii() and planned.isdigit() else len(dm.rows)
    purposes = ts.coded("TINDTP", _PURPOSES, "the primary purpose is not stated")
    masking = ts.coded("TBLIND", _MASKINGS, "masking is not stated, and everybody is taken as masked")
    if masking not in (None, "NONE", "QUADRUPLE"):
        ts.notes.append(f"TS says {masking} masking, not whom it masks: all four roles are taken as masked")
    arms = arms_of(datasets, ts)
    length = _LENGTH.fullmatch((ts.one("LENGTH", "the length of follow-up is not known") or "").strip())
    random = ts.coded("RANDOM", {"Y": "RANDOMIZED", "N": "NON_RANDOMIZED"}, "allocation is not stated")
    value: dict[str, Any] = {
        "registration": {
            "nct_number": registered[0] if registered else None,
            "org_study_id": study,
            "secondary_ids": [text for text in ts.all("REGID") if text not in registered[:1]],
            "brief_title": title,
            "official_title": title,
        },
        "overall_status": "UNKNOWN",
        "study_type": "INTERVENTIONAL",
        "phases": _phases(ts),
        "enrolment": {"count": count, "type": "ESTIMATED" if planned else "ACTUAL", "cap": None},
        "allocation": random,
        "intervention_model": ts.coded("INTMODEL", _MODELS, "the intervention model is not stated"),
        "primary_purpose": purposes,
        "masking": masking,
        "start": _dated(ts, "SSTDTC"),
        "completion": _dated(ts, "SENDTC"),
        "conditions": ts.all("INDIC"),
        "arms": arms,
        "interventions": interventions_of(ts, arms),
        "eligibility": eligibility_of(ts, dm),
        "sponsor": {"name": ts.one("SPONSOR", "the study's id stands for the sponsor") or study},
        "sites": sites_of(dm),
        "settings": {
            "note": _SETTINGS_NOTE,
            "late_entry_days": 3660,
            "consent_document_version": "unknown",
            "stratification": {"factors": []},
            "visits": visits_of(datasets),
            "follow_up_days": round(int(length[1]) * _DAYS[length[2].upper()]) if length else 0,
        },
    }
    value["registry_extra"] = {f"TS.{name}": values for name, values in ts.left()} | _kept(datasets)
    notes = [
        *ts.notes,
        *left_out,
        "SDTM has no overall status (set to UNKNOWN), no study type (INTERVENTIONAL), no planned dose by arm, no"
        " stratification and no visit windows; arm types are inferred from the arms' names",
        "Eligibility criteria are not read from SDTM: eligibility is taken as DS and DM state it, and never computed",
    ]
    try:
        return Protocol.from_value(value), notes
    except ProtocolError as error:
        raise SdtmError(dm.path, None, None, f"no protocol can be made of the study: {error}") from error


def _phases(ts: Summary) -> list[str]:
    stated = (ts.one("TPHASE", "the phase is not stated") or "").upper()
    if stated.startswith("NOT APPLICABLE"):
        return ["NA"]
    return sorted(phase for pattern, phase in _PHASES if re.search(pattern, stated))


def _dated(ts: Summary, name: str) -> dict[str, str] | None:
    value = (ts.all(name) or [""])[0][:10]
    return {"date": value} if _DATE.fullmatch(value) else None


def _kept(datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """TS, TA and TV as they are, and how arms are written: a protocol has no field for it."""

    def plain(row: Row) -> dict[str, str]:
        return {name: value for name, value in row.values.items() if name not in ("STUDYID", "DOMAIN")}

    source = datasets["TA"] if "TA" in datasets and datasets["TA"].rows else datasets["DM"]
    words = {row.values.get("ARMCD") or row.values.get("ARM", "") for row in source.rows if is_planned_arm(
        row.values.get("ARMCD"), row.values.get("ARM"))}  # fmt: skip
    kept: dict[str, Any] = {
        domain: [plain(row) for row in datasets[domain].rows] for domain in ("TS", "TA", "TV") if domain in datasets
    }
    return kept | {"ARMCD": {code_of(word): word for word in sorted(words)}}
