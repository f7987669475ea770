"""CDISCPILOT01 from its files to its tables: imported into a ledger, verified, and shown.

Every table is compared twice: with the published report of the trial, and with a recount of the CSV files by the few
lines below, which share no code with the views. Arms are found by their names, never by their places.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, Final, TypeAlias

import pytest

from api.bootstrap import viewing
from api.sdtm.importing import Imported, import_folder
from ledger.proof.verify import verify_ledger
from tests.shared_data import shared_data

PLACEBO, LOW, HIGH = ARMS = ("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose")
Row: TypeAlias = dict[str, str | None]
Shown: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return import_folder(shared_data("cdisc-pilot"), tmp_path_factory.mktemp("pilot") / "pilot.db")


@pytest.fixture(scope="module")
def pilot(imported: Imported) -> Path:
    return imported.ledger


@pytest.fixture(scope="module")
def enrolment(pilot: Path) -> Shown:
    return shown(pilot, "enrolment")


@pytest.fixture(scope="module")
def disposition(pilot: Path) -> Shown:
    return shown(pilot, "disposition")


@pytest.fixture(scope="module")
def adverse_events(pilot: Path) -> Shown:
    return shown(pilot, "adverse-events")


@pytest.fixture(scope="module")
def exposure(pilot: Path) -> Shown:
    return shown(pilot, "exposure")


def shown(ledger: Path, view: str, role: str = "statistician") -> Shown:
    """The view as its JSON says it."""
    answer: Shown = json.loads(viewing(ledger, role).show(view, None).to_json())
    return answer


def by_arm(answer: Shown, cells: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The cells by the names of their arms."""
    names = [arm["arm"] for arm in answer["arms"]]
    assert sorted(names) == sorted(ARMS)
    return dict(zip(names, cells, strict=True))


def subjects(answer: Shown, cells: list[dict[str, Any]]) -> str:
    """Subjects as `placebo/low/high`."""
    found = by_arm(answer, cells)
    return "/".join(str(found[arm]["subjects"]) for arm in ARMS)


def events(answer: Shown, cells: list[dict[str, Any]]) -> str:
    """Subjects and events as `placebo/low/high`, each `subjects[events]`."""
    found = by_arm(answer, cells)
    return "/".join(f"{found[arm]['subjects']}[{found[arm]['events']}]" for arm in ARMS)


# The files, read a second time.


@cache
def domain(name: str) -> list[Row]:
    """The rows of one file; `NA` is missing."""
    with (shared_data("cdisc-pilot") / f"{name}.csv").open(encoding="latin-1", newline="") as file:
        return [{key: None if value == "NA" else value for key, value in row.items()} for row in csv.DictReader(file)]


@cache
def arm_of() -> dict[str | None, str]:
    """The planned arm of each randomized subject."""
    planned = {row["USUBJID"]: str(row["ARM"]) for row in domain("dm")}
    return {row["USUBJID"]: planned[row["USUBJID"]] for row in domain("ds") if row["DSDECOD"] == "RANDOMIZED"}


def counted(people: Iterator[str | None]) -> str:
    """Distinct randomized subjects as `placebo/low/high`."""
    found = Counter(arm_of()[subject] for subject in set(people) if subject in arm_of())
    return "/".join(str(found[arm]) for arm in ARMS)


@cache
def completers() -> frozenset[str | None]:
    return frozenset(row["USUBJID"] for row in domain("sv") if row["VISIT"] == "WEEK 24" and row["USUBJID"] in arm_of())


@cache
def doses() -> dict[str | None, tuple[int, int]]:
    """Cumulative dose and days of treatment of each subject, missing ends imputed."""
    ends = {row["USUBJID"]: str(row["DSSTDTC"]) for row in domain("ds") if row["DSCAT"] == "DISPOSITION EVENT"}
    total: Counter[str | None] = Counter()
    days: dict[str | None, list[date]] = {}
    for row in domain("ex"):
        subject = row["USUBJID"]
        first = date.fromisoformat(str(row["EXSTDTC"]))
        last = date.fromisoformat(row["EXENDTC"] or ends[subject][:10])
        total[subject] += int(row["EXDOSE"] or 0) * ((last - first).days + 1)
        days.setdefault(subject, []).extend((first, last))
    return {subject: (total[subject], (max(found) - min(found)).days + 1) for subject, found in days.items()}


# The ledger.


def test_the_imported_ledger_verifies_and_took_every_command(imported: Imported) -> None:
    report = verify_ledger(imported.ledger)
    assert report.ok, report.findings[:3]
    assert (imported.recorded, imported.refused, imported.rejected) == (8532, 0, ())


# Enrolment.


def test_306_were_screened_52_failed_and_254_were_randomized(enrolment: Shown) -> None:
    total = {row["stage"]: row for row in enrolment["rows"] if row["site"] is None and row["month"] is None}
    found = {stage: total[stage]["subjects"] for stage in ("CONSENTED", "SCREENED", "SCREEN_FAILURE", "RANDOMIZED")}
    assert found == {"CONSENTED": 306, "SCREENED": 306, "SCREEN_FAILURE": 52, "RANDOMIZED": 254}
    assert subjects(enrolment, total["RANDOMIZED"]["cells"]) == "86/84/84"
    assert {arm["arm"]: arm["n"] for arm in enrolment["arms"]} == {PLACEBO: 86, LOW: 84, HIGH: 84}


def test_everybody_screened_failed_or_was_eligible_and_everybody_eligible_was_randomized(enrolment: Shown) -> None:
    total = {row["stage"]: row["subjects"] for row in enrolment["rows"] if row["site"] is None and row["month"] is None}
    assert (total["SCREEN_FAILURE"], total["ELIGIBLE"], total["WAIVED"], total["ENROLLED"]) == (52, 254, 0, 254)
    assert enrolment["flow"] == {"not_screened": 0, "not_enrolled": 0, "not_randomized": 0}
    assert enrolment["screen_failure_reasons"] == {"NOT RECORDED": 52}


def test_each_site_randomized_whom_the_files_say(enrolment: Shown) -> None:
    rows = [row for row in enrolment["rows"] if row["stage"] == "RANDOMIZED" and row["site"] is not None]
    found = {row["site"]: subjects(enrolment, row["cells"]) for row in rows}
    people: dict[str | None, list[str | None]] = {}
    for row in domain("dm"):
        if row["USUBJID"] in arm_of():
            people.setdefault(row["SITEID"], []).append(row["USUBJID"])
    assert found == {site: counted(iter(there)) for site, there in people.items()}
    assert found["701"] == "14/13/14"


# Disposition: table 14-1.02.


def test_early_termination_is_that_of_the_published_table(disposition: Shown) -> None:
    early = disposition["early_termination"]
    assert early["visit"] == "WEEK 24"
    assert subjects(disposition, early["completed"]) == "60/28/30"
    assert subjects(disposition, early["ended"]) == "26/56/54"
    reasons = {(row["term"], row["verbatim"]): subjects(disposition, row["cells"]) for row in early["reasons"]}
    assert {term: cells for (term, verbatim), cells in reasons.items() if verbatim is None} == {
        "ADVERSE EVENT": "8/44/39",
        "DEATH": "1/1/0",
        "LACK OF EFFICACY": "3/0/1",
        "LOST TO FOLLOW-UP": "1/0/0",
        "PHYSICIAN DECISION": "1/0/2",
        "PROTOCOL VIOLATION": "2/1/3",
        "STUDY TERMINATED BY SPONSOR": "1/2/1",
        "WITHDRAWAL BY SUBJECT": "9/8/8",
    }
    assert reasons["PROTOCOL VIOLATION", "PROTOCOL ENTRY CRITERIA NOT MET"] == "1/0/2"
    assert reasons["PROTOCOL VIOLATION", "PROTOCOL VIOLATION"] == "1/1/1"


def test_every_reason_of_early_termination_is_counted_as_in_the_files(disposition: Shown) -> None:
    ends: dict[tuple[str | None, str | None], list[str | None]] = {}
    for row in domain("ds"):
        if row["DSCAT"] == "DISPOSITION EVENT" and row["USUBJID"] in set(arm_of()) - completers():
            for verbatim in (None, row["DSTERM"]):
                ends.setdefault((row["DSDECOD"], verbatim), []).append(row["USUBJID"])
    shown_reasons = disposition["early_termination"]["reasons"]
    assert {(row["term"], row["verbatim"]): subjects(disposition, row["cells"]) for row in shown_reasons} == {
        reason: counted(iter(people)) for reason, people in ends.items()
    }


def test_every_disposition_and_every_visit_is_counted_as_in_the_files(disposition: Shown) -> None:
    people: dict[tuple[str | None, ...], list[str | None]] = {}
    for row in domain("ds"):
        for verbatim in (None, row["DSTERM"]):
            people.setdefault((row["DSCAT"], row["DSDECOD"], verbatim), []).append(row["USUBJID"])
    for row in domain("sv"):
        people.setdefault(("VISIT", row["VISIT"], None), []).append(row["USUBJID"])
    found = {
        (row["category"], row["term"], row["verbatim"]): (subjects(disposition, row["cells"]), row["not_randomized"])
        for row in disposition["rows"]
    }
    assert found == {place: (counted(iter(those)), len(set(those) - set(arm_of()))) for place, those in people.items()}
    assert found["DISPOSITION EVENT", "COMPLETED", None] == ("58/25/27", 0)


# Adverse events: table 14-5.01.


def test_the_classes_and_terms_are_those_of_the_published_table(adverse_events: Shown) -> None:
    rows = {(row["soc"], row["pt"]): events(adverse_events, row["cells"]) for row in adverse_events["rows"]}
    assert events(adverse_events, adverse_events["any"]["cells"]) == "65[281]/77[412]/76[433]"
    assert {soc: cells for (soc, pt), cells in rows.items() if pt is None and soc in _PUBLISHED} == _PUBLISHED
    published = {
        "PRURITUS": "8[11]/21[31]/26[38]",
        "APPLICATION SITE PRURITUS": "6[10]/22[32]/22[35]",
        "APPLICATION SITE ERYTHEMA": "3[3]/12[20]/15[23]",
        "DIZZINESS": "2[3]/8[13]/11[15]",
    }
    assert {pt: cells for (_, pt), cells in rows.items() if pt in published} == published


_PUBLISHED: Final = {
    "CARDIAC DISORDERS": "12[26]/13[30]/15[30]",
    "GASTROINTESTINAL DISORDERS": "17[26]/14[22]/20[36]",
    "GENERAL DISORDERS AND ADMINISTRATION SITE CONDITIONS": "21[46]/47[118]/40[124]",
    "NERVOUS SYSTEM DISORDERS": "8[11]/20[40]/25[41]",
    "SKIN AND SUBCUTANEOUS TISSUE DISORDERS": "20[45]/39[111]/40[104]",
}


def test_all_253_rows_of_adverse_events_are_counted_as_in_the_files(adverse_events: Shown) -> None:
    first: dict[str | None, str] = {}
    for row in domain("ex"):
        first[row["USUBJID"]] = min(first.get(row["USUBJID"], "9999"), str(row["EXSTDTC"]))
    happened: Counter[Any] = Counter()
    people: dict[Any, set[Any]] = {}
    for row in domain("ae"):
        onset, subject = row["AESTDTC"], row["USUBJID"]
        if onset is None or subject not in first or onset < first[subject][: len(onset)]:
            continue
        for place in ((row["AEBODSYS"], None), (row["AEBODSYS"], row["AEDECOD"])):
            happened[place, arm_of()[subject]] += 1
            people.setdefault((place, arm_of()[subject]), set()).add(subject)

    def recounted(place: Any) -> str:
        return "/".join(f"{len(people.get((place, arm), ()))}[{happened[place, arm]}]" for arm in ARMS)

    found = {(row["soc"], row["pt"]): events(adverse_events, row["cells"]) for row in adverse_events["rows"]}
    assert len(adverse_events["rows"]) == len(found) == 253
    assert found == {place: recounted(place) for place, _ in happened}


# Exposure: table 14-4.01.


def measured(exposure: Shown, population: str, measure: str) -> dict[str, dict[str, Any]]:
    """The statistics of one measure by arm."""
    (row,) = (row for row in exposure["rows"] if (row["population"], row["measure"]) == (population, measure))
    return by_arm(exposure, row["cells"])


def printed(cell: dict[str, Any], places: tuple[int, int, int, int, int]) -> str:
    """mean/SD/median/min/max, rounded half up to the decimals of the published table."""
    names = ("mean", "sd", "median", "min", "max")
    return "/".join(
        str(Decimal(cell[name]).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
        for name, digits in zip(names, places, strict=True)
    )


@pytest.mark.parametrize(
    ("population", "arm", "n", "cumulative"),
    [
        ("COMPLETERS", LOW, 28, "9918.6/603.84/9936.0/7884/11448"),
        ("COMPLETERS", HIGH, 30, "14089.5/481.01/14080.5/12960/15417"),
        ("SAFETY", LOW, 84, "5347.3/3680.35/4455.0/108/11448"),
        ("SAFETY", HIGH, 84, "7551.0/5531.04/5778.0/54/15417"),
    ],
)
def test_cumulative_doses_are_those_of_the_published_table(
    exposure: Shown, population: str, arm: str, n: int, cumulative: str
) -> None:
    cell = measured(exposure, population, "cumulative dose")[arm]
    assert (cell["n"], printed(cell, (1, 2, 1, 0, 0))) == (n, cumulative)


@pytest.mark.parametrize(
    ("population", "arm", "daily"),
    [
        ("COMPLETERS", LOW, "54.0/0.00/54.0/54.0/54.0"),
        ("COMPLETERS", HIGH, "77.0/0.58/76.9/76.1/78.6"),
        ("SAFETY", LOW, "54.0/0.00/54.0/54.0/54.0"),
        ("SAFETY", HIGH, "71.6/8.11/75.1/54.0/78.6"),
    ],
)
def test_average_daily_doses_are_those_of_the_published_table(
    exposure: Shown, population: str, arm: str, daily: str
) -> None:
    assert exposure["rounding"]["average daily dose"] == {"of": "each subject", "to": "0.1", "mode": "half up"}
    assert printed(measured(exposure, population, "average daily dose")[arm], (1, 2, 1, 1, 1)) == daily


def test_who_had_placebo_had_no_dose(exposure: Shown) -> None:
    for population, n in (("SAFETY", 86), ("COMPLETERS", 60)):
        cell = measured(exposure, population, "cumulative dose")[PLACEBO]
        assert (cell["n"], cell["mean"], cell["max"]) == (n, "0.0000", "0.000")


@pytest.mark.parametrize("population", ["SAFETY", "COMPLETERS"])
@pytest.mark.parametrize("arm", ARMS)
def test_doses_and_durations_are_summarised_as_a_recount_of_the_files_is(
    exposure: Shown, population: str, arm: str
) -> None:
    assert len(exposure["imputed"]) == 6
    assert exposure["left_out"] == []
    assert exposure["completers"]["visit"] == "WEEK 24"
    those = [
        dose
        for subject, dose in doses().items()
        if arm_of()[subject] == arm and (population == "SAFETY" or subject in completers())
    ]
    for measure, values in (
        ("cumulative dose", [Fraction(total) for total, _ in those]),
        ("average daily dose", [Fraction((20 * total + days) // (2 * days), 10) for total, days in those]),
        ("duration", [Fraction(days) for _, days in those]),
    ):
        cell = measured(exposure, population, measure)[arm]
        assert cell["n"] == len(values)
        for name, exact, accuracy in (
            ("mean", mean(values), "0.00005"),
            ("sd", stdev(values), "0.0000051"),
            ("median", median(values), "0.00005"),
            ("min", min(values), "0"),
            ("max", max(values), "0"),
        ):
            assert abs(Fraction(cell[name]) - Fraction(exact)) <= Fraction(accuracy), (measure, name)


# What the masked see.


def test_the_masked_see_the_arms_added_up_and_nothing_that_the_doses_tell(pilot: Path, disposition: Shown) -> None:
    masked = shown(pilot, "disposition", "investigator")
    assert masked["arms"] == [{"arm": "Total", "n": 254}]
    assert "early_termination" not in masked
    totals = {(row["category"], row["term"], row["verbatim"]): row["cells"][0]["subjects"] for row in masked["rows"]}
    assert totals == {
        (row["category"], row["term"], row["verbatim"]): sum(cell["subjects"] for cell in row["cells"])
        for row in disposition["rows"]
    }
