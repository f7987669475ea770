"""The views over a real trial (CDISCPILOT01), counted a second time here from its files with other code.

The published report of this trial has 86, 84 and 84 subjects in the safety population and 60, 28 and 30 completers.
"""

import csv
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from statistics import fmean, median, stdev
from typing import Any, Final

from ledger.domain.events.enrolment import ArmAssigned, SubjectRandomized
from projections.base import Audience
from tests.projections.building import MemoryLedger, adverse_event, coded, consented, ended, registered, treated, visit
from tests.shared_data import shared_data

ARMS: Final = {"Pbo": "Placebo", "Xan_Lo": "Xanomeline Low Dose", "Xan_Hi": "Xanomeline High Dose"}


@cache
def domain(name: str) -> list[dict[str, str | None]]:
    """The rows of one file; `NA` is missing."""
    with (shared_data("cdisc-pilot") / f"{name}.csv").open(encoding="latin-1", newline="") as file:
        return [{key: None if value == "NA" else value for key, value in row.items()} for row in csv.DictReader(file)]


@cache
def pilot() -> MemoryLedger:
    """The trial as facts, subject by subject."""
    arms = [{"code": code, "label": label, "type": "EXPERIMENTAL"} for code, label in ARMS.items()]
    ledger = registered({"arms": arms, "enrolment": {"count": 300}})
    at = "2024-01-01"
    randomized = {row["USUBJID"]: row["DSSTDTC"] for row in domain("ds") if row["DSDECOD"] == "RANDOMIZED"}
    for number, row in enumerate(domain("dm"), start=1):
        subject, arm = str(row["USUBJID"]), row["ARMCD"]
        ledger.append(consented(subject, str(row["DMDTC"]), site=str(row["SITEID"])), at)
        if subject in randomized:
            given: dict[str, Any] = {"occurred_at": randomized[subject], "subject": subject, "stratum": "X"}
            ledger.append(SubjectRandomized(site=str(row["SITEID"]), index=number, **given), at)
            ledger.append(ArmAssigned(arm=str(arm), index=number, **given), at)
    for row in domain("sv"):
        when = str(row["SVSTDTC"] or row["SVENDTC"])
        ledger.append(visit(str(row["USUBJID"]), str(row["VISIT"]), when, row["VISITNUM"]), at)
    for row in domain("ex"):
        more: dict[str, Any] = {"frequency": row["EXDOSFRQ"], "visit": row["VISIT"], "ended_at": row["EXENDTC"]}
        dose = treated(str(row["USUBJID"]), int(row["EXSEQ"] or 0), str(row["EXSTDTC"]), str(row["EXDOSE"]), **more)
        ledger.append(dose, at)
    for row in domain("ds"):
        more = {"category": row["DSCAT"]}
        when = str(row["DSSTDTC"])
        ledger.append(ended(str(row["USUBJID"]), str(row["DSDECOD"]), when, row["DSTERM"], **more), at)
    for row in domain("ae"):
        subject, ae = str(row["USUBJID"]), str(row["AESEQ"])
        more = {"term": row["AETERM"], "serious": row["AESER"] == "Y", "severity": row["AESEV"]}
        ledger.append(adverse_event(subject, ae, row["AESTDTC"], **more), at)
        ledger.append(coded(subject, ae, str(row["AEBODSYS"]), str(row["AEDECOD"])), at)
    return ledger


def answer(view: str, audience: Audience = Audience.UNMASKED) -> Any:
    return json.loads(pilot().show(view, audience).to_json())


def arm_of() -> dict[str | None, str | None]:
    return {row["USUBJID"]: row["ARM"] for row in domain("dm")}


def test_254_of_306_subjects_are_randomized_86_84_84() -> None:
    shown = answer("enrolment")
    stages = {row["stage"]: row for row in shown["rows"] if row["site"] is None and row["month"] is None}
    assert stages["CONSENTED"]["subjects"] == 306
    assert stages["SCREEN_FAILURE"]["subjects"] == 52
    assert stages["RANDOMIZED"]["subjects"] == 254
    assert [arm["n"] for arm in shown["arms"]] == [86, 84, 84]


def test_dispositions_and_visits_are_those_of_the_files() -> None:
    rows = {
        (row["category"], row["term"]): [cell["subjects"] for cell in row["cells"]]
        for row in answer("disposition")["rows"]
        if row["verbatim"] is None
    }
    assert rows["VISIT", "WEEK 24"] == [60, 28, 30]
    assert rows["DISPOSITION EVENT", "COMPLETED"] == [58, 25, 27]
    assert rows["DISPOSITION EVENT", "ADVERSE EVENT"] == [8, 44, 40]
    assert rows["DISPOSITION EVENT", "SCREEN FAILURE"] == [0, 0, 0]


def test_treatment_emergent_events_are_counted_as_the_rule_counts_them() -> None:
    first: dict[str | None, str] = {}
    for row in domain("ex"):
        first[row["USUBJID"]] = min(first.get(row["USUBJID"], "9999"), str(row["EXSTDTC"]))
    events: Counter[Any] = Counter()
    subjects: dict[Any, set[Any]] = {}
    for row in domain("ae"):
        onset, subject = row["AESTDTC"], row["USUBJID"]
        if onset is None or subject not in first or onset < first[subject][: len(onset)]:
            continue
        for place in ((row["AEBODSYS"], None), (row["AEBODSYS"], row["AEDECOD"]), "any"):
            events[place, arm_of()[subject]] += 1
            subjects.setdefault((place, arm_of()[subject]), set()).add(subject)

    def cells(place: Any) -> list[dict[str, int]]:
        return [
            {"subjects": len(subjects.get((place, arm), ())), "events": events[place, arm]} for arm in ARMS.values()
        ]

    shown = answer("adverse-events")
    assert shown["any"]["cells"] == cells("any")
    assert {(row["soc"], row["pt"]): row["cells"] for row in shown["rows"]} == {
        place: cells(place) for place, _ in events if place != "any"
    }


def test_exposure_is_that_of_the_files_with_six_imputed_ends() -> None:
    ends = {row["USUBJID"]: str(row["DSSTDTC"]) for row in domain("ds") if row["DSCAT"] == "DISPOSITION EVENT"}
    total: Counter[Any] = Counter()
    for row in domain("ex"):
        days = date.fromisoformat(row["EXENDTC"] or ends[row["USUBJID"]][:10]) - date.fromisoformat(str(row["EXSTDTC"]))
        total[row["USUBJID"]] += int(row["EXDOSE"] or 0) * (days.days + 1)
    completed = {row["USUBJID"] for row in domain("sv") if row["VISIT"] == "WEEK 24"}
    shown = answer("exposure")
    assert len(shown["imputed"]) == 6
    assert shown["left_out"] == []
    assert shown["completers"]["visit"] == "WEEK 24"
    for population, size in (("SAFETY", [86, 84, 84]), ("COMPLETERS", [60, 28, 30])):
        measured = {(row["population"], row["measure"]): row["cells"] for row in shown["rows"]}
        cells = measured[population, "cumulative dose"]
        assert [cell["n"] for cell in cells] == size
        for arm, cell in zip(ARMS.values(), cells, strict=True):
            doses = [
                dose
                for subject, dose in total.items()
                if arm_of()[subject] == arm and (population == "SAFETY" or subject in completed)
            ]
            assert abs(Decimal(cell["mean"]) - Decimal(fmean(doses))) < Decimal("0.0001")
            assert abs(Decimal(cell["sd"]) - Decimal(stdev(doses))) < Decimal("0.00001")
            assert Decimal(cell["median"]) == Decimal(median(doses))
            assert Decimal(cell["min"]) == min(doses)
            assert Decimal(cell["max"]) == max(doses)
