"""From SDTM rows to commands: nothing lost, nothing made up without saying so, nothing of an arm in the open half."""

import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.sdtm import Row, SdtmError, read_folder
from api.sdtm.cells import CellError, Cells
from api.sdtm.mapped import Kept, Mapped, Noted
from api.sdtm.mapping import commands
from api.sdtm.protocol_of import protocol_from_sdtm
from api.sdtm.report import Tally
from ledger.domain.events.trial import ImportReport
from ledger.domain.when import compare
from tests.api.sdtm_trials import (
    SOURCE,
    Trial,
    folder,
    in_another_world,
    mapped,
    of_type,
    open_half,
    rejections,
    small,
    subject,
    telling,
    together,
    unaccounted,
)


@given(chance=st.randoms(use_true_random=False), arms=st.lists(st.sampled_from(["Pbo", "Xan_Hi"]), min_size=2))
@settings(max_examples=40)
def test_no_open_command_remark_or_report_depends_on_an_arm(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, arms: list[str]
) -> None:
    trial = together(*(subject(number, arm) for number, arm in enumerate(arms, start=1)), subject(900, None))
    datasets = folder(tmp_path_factory.mktemp("trial"), telling(trial, chance))
    other = in_another_world(datasets, chance)
    assert open_half(other, protocol_from_sdtm(other)[0]) == open_half(datasets, protocol_from_sdtm(datasets)[0])


def test_wrong_doses_and_arms_are_told_to_the_importer_and_not_to_the_open_book(tmp_path: Path) -> None:
    trial = small()
    trial["EX"][0]["EXDOSE"] = "many"
    trial["AE"][0]["AEACN"] = "STOPPED IT"
    datasets = folder(tmp_path, trial)
    tally = Tally(datasets, SOURCE)
    for item in mapped(datasets):
        tally.add(item)
    opened, sealed = json.dumps(tally.command("2026-01-01T00:00:00Z")), json.dumps(tally.sealed_report())
    for secret in ("EXDOSE", "ex.csv", "AEACN", "STOPPED", "Xan_Hi"):
        assert secret not in opened
    assert "ex.csv, line 2, field EXDOSE" in sealed
    assert "ae.csv, line 2, field AEACN" in sealed


# Rows that cannot be imported


@pytest.mark.parametrize(
    ("domain", "change", "field", "reason"),
    [
        ("AE", {"USUBJID": "S1-999"}, "USUBJID", "is not a subject of DM"),
        ("EX", {"USUBJID": "S1-999"}, "USUBJID", "is not a subject of DM"),
        ("SV", {"USUBJID": ""}, "USUBJID", "is missing"),
        ("AE", {"AESTDTC": "2014-02-30"}, "AESTDTC", "not a possible date"),
        ("SV", {"SVSTDTC": "Monday"}, "SVSTDTC", "not an ISO 8601 date"),
        ("DS", {"DSSTDTC": ""}, "DSSTDTC", "needs a date"),
        ("DS", {"DSCAT": "SOMETHING"}, "DSCAT", "is one of PROTOCOL MILESTONE"),
        ("AE", {"AESEQ": "one"}, "AESEQ", "whole number"),
        ("AE", {"AESER": "maybe"}, "AESER", "is Y or N"),
        ("AE", {"AETERM": ""}, "AETERM", "is missing"),
        ("EX", {"EXDOSE": "many"}, "EXDOSE", "is a number"),
        ("EX", {"EXDOSE": "1e3"}, "EXDOSE", "is a number"),
        ("EX", {"EXSTDTC": ""}, "EXSTDTC", "needs its start"),
        ("SV", {"VISITNUM": "first"}, "VISITNUM", "is a number"),
    ],
)
def test_a_bad_row_is_rejected_alone_with_field_and_reason(
    tmp_path: Path, domain: str, change: dict[str, str], field: str, reason: str
) -> None:
    whole = mapped(folder(tmp_path / "whole", small()))
    trial = small()
    trial[domain].append({**trial[domain][0], f"{domain}SEQ": "7", **change})
    datasets = folder(tmp_path / "bad", trial)
    items = mapped(datasets)
    [rejected] = rejections(items)
    assert (rejected.domain, rejected.row, rejected.field) == (domain, len(trial[domain]) + 1, field)
    assert reason in rejected.reason
    assert rejected.sealed == (domain == "EX")
    assert not unaccounted(datasets, items)
    good = [[item.command for item in listed if isinstance(item, Mapped)] for listed in (whole, items)]
    assert good[0] == good[1]


@pytest.mark.parametrize(("domain", "key"), [("AE", "AESEQ"), ("DS", "DSSEQ"), ("EX", "EXSEQ"), ("SV", "VISITNUM")])
def test_a_row_with_the_key_of_an_earlier_one_is_rejected(tmp_path: Path, domain: str, key: str) -> None:
    trial = small()
    trial[domain].append(dict(trial[domain][0]))
    [rejected] = rejections(mapped(folder(tmp_path, trial)))
    assert (rejected.domain, rejected.field) == (domain, key)
    assert "repeats row 2 of S1-001" in rejected.reason


def test_a_visit_in_two_rows_is_two_visits_of_the_same_number(tmp_path: Path) -> None:
    trial = small()
    trial["SV"].append({**trial["SV"][0], "SVSTDTC": "2014-01-05"})
    visits = of_type(mapped(folder(tmp_path, trial)), "record-visit")
    assert [one["id"] for one in visits if one["data"]["subject"] == "S1-001"] == [
        "sdtm-SV-S1-001-1",
        "sdtm-SV-S1-001-1-2",
    ]


def test_an_unknown_arm_is_told_to_who_imports_and_the_claim_stays_as_it_is(tmp_path: Path) -> None:
    protocol, _ = protocol_from_sdtm(folder(tmp_path / "planned", small()))
    trial = small()
    trial["DM"][0] |= {"ARMCD": "Beer", "ARM": "Beer"}
    items = list(commands(folder(tmp_path / "stated", trial), protocol, source=SOURCE))
    [rejected] = rejections(items)
    assert (rejected.domain, rejected.row, rejected.field, rejected.sealed) == ("DM", 2, "ARM", True)
    assert "is not an arm of the protocol" in rejected.reason
    claims = {one["data"]["subject"]: one["data"].get("arm") for one in of_type(items, "claim-randomization")}
    assert claims == {"S1-001": None, "S1-002": "XAN_HI"}
    assert len(of_type(items, "enrol-subject")) == 2


def test_a_subject_twice_in_dm_is_taken_once_and_an_impossible_one_not_at_all(tmp_path: Path) -> None:
    trial = small()
    trial["DM"] += [dict(trial["DM"][0]), {**trial["DM"][0], "USUBJID": "S1/004"}]
    trial["AE"].append({**trial["AE"][0], "USUBJID": "S1/004"})
    datasets = folder(tmp_path, trial)
    items = mapped(datasets)
    assert {(one.domain, one.row, one.field) for one in rejections(items)} == {
        ("DM", 5, "USUBJID"), ("DM", 6, "USUBJID"), ("AE", 5, "USUBJID"),
    }  # fmt: skip
    assert not unaccounted(datasets, items)


def test_a_subject_without_any_date_is_rejected_with_all_rows(tmp_path: Path) -> None:
    trial = {domain: [dict(row) for row in rows] for domain, rows in subject(1, "Pbo").items()}
    for row in (row for rows in trial.values() for row in rows):
        row.update({name: "" for name in row if name.endswith("DTC")})
    datasets = folder(tmp_path, trial)
    items = mapped(datasets)
    assert not [item for item in items if isinstance(item, Mapped)]
    assert not unaccounted(datasets, items)
    assert {one.field for one in rejections(items) if one.domain == "DM"} == {"DMDTC"}


# What is made of good rows


def test_the_same_folder_gives_the_same_commands(tmp_path: Path) -> None:
    datasets = folder(tmp_path, small())
    assert repr(mapped(datasets)) == repr(mapped(read_folder(tmp_path)))


def test_a_consent_has_the_date_of_the_source_else_the_earliest_known_one_and_says_which(tmp_path: Path) -> None:
    trial = small()
    trial["DM"][0]["RFICDTC"] = "2013-12-24"
    trial["SV"][1]["SVSTDTC"] = "2014-01-01"
    trial["DM"][1]["RFSTDTC"] = "2013-01-01"  # the first dose may tell the arm: it is never looked at
    stated = {one["data"]["subject"]: one for one in of_type(mapped(folder(tmp_path, trial)), "record-consent")}
    assert stated["S1-001"]["occurred_at"] == "2013-12-24"
    assert "consent" not in stated["S1-001"]["provenance"]["synthesised"]
    assert stated["S1-002"]["occurred_at"] == "2014-01-01"
    assert stated["S1-003"]["occurred_at"] == "2014-01-02"
    assert "consent" in stated["S1-002"]["provenance"]["synthesised"]


def test_an_adverse_event_keeps_its_partial_date_its_action_sealed_and_its_contradictions(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0] |= {"AESER": "N", "AESHOSP": "Y", "AESPID": "E07"}
    trial["AE"][1] |= {"AESER": "Y", "AEDTC": "", "AESEV": "AWFUL"}
    trial["AE"][2] |= {"AESER": "", "AEDTC": "", "AESTDTC": ""}
    items = mapped(folder(tmp_path, trial))
    first, second, third = sorted(of_type(items, "report-adverse-event"), key=lambda one: str(one["id"]))
    assert first["data"]["onset"] == "2014-01"
    assert (first["data"]["serious"], first["data"]["seriousness"]) == (False, ["HOSPITALIZATION"])
    assert first["provenance"]["record"] == "AE S1-001 1 (AESPID E07)"
    assert (second["data"]["serious"], second["data"]["seriousness"]) == (True, [])
    assert (second["occurred_at"], second["provenance"]["imputed"]) == ("2014-01", ["occurred_at"])
    assert "severity" not in second["data"]
    assert third["occurred_at"] == "2014-01-02"
    assert {"occurred_at", "serious"} <= set(third["provenance"]["synthesised"])
    assert {one["data"]["action"] for one in of_type(items, "record-action-taken")} == {"DRUG WITHDRAWN"}
    noted = Counter((item.row, item.field) for item in items if isinstance(item, Noted))
    assert noted == {(2, "AESER"): 1, (3, "AESER"): 1, (3, "AESEV"): 1}


def test_doses_are_numbered_by_date_and_a_missing_end_stays_missing(tmp_path: Path) -> None:
    trial = small()
    trial["EX"].append({**trial["EX"][0], "EXSEQ": "2", "EXSTDTC": "2014-01-09", "EXENDTC": "2014-01-09"})
    given_ = [one["data"] for one in of_type(mapped(folder(tmp_path, trial)), "record-treatment")]
    first = [
        (one["dose_number"], one["started_at"], one.get("ended_at")) for one in given_ if one["subject"] == "S1-001"
    ]
    assert first == [(1, "2014-01-09", "2014-01-09"), (2, "2014-01-10", None)]
    assert {Decimal(one["given_amount"]) for one in given_} == {Decimal("54.5")}


def test_a_death_is_recorded_once_from_whichever_row_has_a_date(tmp_path: Path) -> None:
    trial = small()
    trial["DM"][0] |= {"DTHDTC": "2014-03-01", "DTHFL": "Y"}
    trial["DS"].append({**trial["DS"][0], "DSSEQ": "2", "DSTERM": "DEATH", "DSDECOD": "DEATH",
                        "DSCAT": "DISPOSITION EVENT", "DSSTDTC": "2014-03-02"})  # fmt: skip
    trial["AE"][1] |= {"AEOUT": "FATAL", "AESER": "Y", "AEENDTC": "2014-04-01"}
    trial["SV"].append({**trial["SV"][0], "VISITNUM": "2", "SVSTDTC": "2014-03-05"})
    items = mapped(folder(tmp_path, trial))
    deaths = {one["data"]["subject"]: one for one in of_type(items, "record-death")}
    assert {who: one["data"]["died"] for who, one in deaths.items()} == {"S1-001": "2014-03-01", "S1-002": "2014-04-01"}
    assert deaths["S1-002"]["data"]["cause"] == "COUGH"
    assert deaths["S1-002"]["provenance"]["imputed"] == ["died", "cause"]
    reasons = [item.reason for item in items if isinstance(item, Noted)]
    assert any("the dates of death differ" in reason for reason in reasons)
    assert any("2014-03-05 lies after the death" in reason for reason in reasons)
    assert len(of_type(items, "record-visit")) == 4


def test_a_subject_of_whom_screening_is_not_said_is_only_consented(tmp_path: Path) -> None:
    trial = small()
    trial["DM"][2] |= {"ARMCD": "", "ARM": "", "ACTARMCD": "", "ARMNRS": ""}
    del trial["DS"][2]
    items = mapped(folder(tmp_path, trial))
    assert len(of_type(items, "record-consent")) == 3
    assert {one["data"]["subject"] for one in of_type(items, "claim-screening")} == {"S1-001", "S1-002"}
    assert any(isinstance(item, Noted) and item.field == "ARMNRS" for item in items)


@pytest.mark.parametrize(
    ("written", "kept", "remarks"),
    [("2013-05", "2013-05", 0), ("2013-05-06T10:30", "2013-05-06T10:30", 0), ("2013---15", "2013", 1),
     ("2013-05-06T-:30", "2013-05-06", 1), ("2013-05-06T10", "2013-05-06", 1)],
)  # fmt: skip
def test_a_date_keeps_what_is_known_of_it(written: str, kept: str, remarks: int) -> None:
    cells = Cells("AE", Row(2, {"AESTDTC": written}))
    assert cells.when("AESTDTC") == kept
    assert len(cells.notes) == remarks


@given(st.dates(), st.sampled_from([4, 7, 10]))
def test_any_calendar_date_is_taken_as_written_at_any_precision(day: Any, precision: int) -> None:
    written = day.isoformat()[:precision]
    read = Cells("AE", Row(2, {"AESTDTC": written})).when("AESTDTC")
    assert read == written
    assert compare(written, day.isoformat()) == 0


@given(st.text(max_size=12))
def test_no_text_makes_reading_a_cell_fail_otherwise_than_by_naming_the_field(text: str) -> None:
    cells, named = Cells("EX", Row(2, {"X": text})), set()
    for read in (cells.when, cells.decimal, cells.sequence, cells.flag):
        try:
            read("X")
        except CellError as error:
            named.add(error.field)
    assert named <= {"X"}


# What is kept beside the events


def test_what_no_event_takes_is_kept_beside_it_and_what_may_tell_an_arm_apart(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0] |= {"AESPID": "E07", "EPOCH": "RUN-IN", "AESTRANGE": "x", "AESTDY": "99", "AEACN": "STOPPED IT"}
    trial["DM"][0] |= {"BRTHDTC": "1950-01-01", "INVNAM": "Dr. Who", "SUBJID": "001", "RFSTDTC": "2014-01-10"}
    trial["SV"][0]["SVSTDY"] = "-7"
    items = mapped(folder(tmp_path, trial))
    report = next(one for one in of_type(items, "report-adverse-event") if one["id"] == "sdtm-AE-S1-001-1")
    assert report["provenance"]["values"] == {"AESEQ": "1", "AESPID": "E07", "AEBODSYS": "RESPIRATORY",
                                              "AEDTC": "2014-02-01"} | {"AESHOSP": "N"}  # fmt: skip
    consent = next(one for one in of_type(items, "record-consent") if one["data"]["subject"] == "S1-001")
    assert not {"BRTHDTC", "INVNAM", "ARM", "RFSTDTC"} & consent["provenance"]["values"].keys()
    assert consent["provenance"]["values"]["SUBJID"] == "001"
    kept = {one.domain: one.values for one in items if isinstance(one, Kept) and one.subject == "S1-001"}
    assert kept["AE"] == {
        "AESEQ": "1", "EPOCH": "RUN-IN", "AESTRANGE": "x", "AESTDY": "99", "AEACN": "STOPPED IT"
    }  # fmt: skip
    assert kept["DM"]["ACTARMCD"] == "Pbo"
    assert not {"BRTHDTC", "INVNAM"} & kept["DM"].keys()
    assert "SV" not in kept  # the day follows from the date
    assert "RUN-IN" not in json.dumps(report)


def test_a_value_that_no_event_may_hold_is_named_and_not_kept(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0]["AEGRPID"] = "x" * 4001
    items = mapped(folder(tmp_path, trial))
    noted = [one for one in items if isinstance(one, Noted) and one.field == "AEGRPID"]
    assert [(one.domain, one.row) for one in noted] == [("AE", 2)]


# Protocol and report


def test_without_ts_the_protocol_says_what_it_does_not_know(tmp_path: Path) -> None:
    protocol, notes = protocol_from_sdtm(folder(tmp_path, small()))
    assert protocol.trial_id == "S1"
    assert protocol.masking is None
    assert protocol.is_masked_role("investigator")  # not stated: denial is the default
    assert [arm.label for arm in protocol.arms] == ["Pbo", "Xan_Hi"]
    for name in ("TITLE", "PLANSUB", "TBLIND", "SPONSOR", "TPHASE"):
        assert any(name in note for note in notes)


def test_arms_come_from_ta_where_it_is_there_and_stay_in_its_order(tmp_path: Path) -> None:
    element = {"TAETORD": "1", "ETCD": "SCRN", "EPOCH": "SCREENING"}
    trial: Trial = {
        **small(),
        "TA": [{"ARMCD": code, "ARM": f"Arm {code}", **element} for code in ("Xan_Hi", "Pbo", "Z")],
    }
    protocol, _ = protocol_from_sdtm(folder(tmp_path, trial))
    assert [arm.code for arm in protocol.arms] == ["XAN_HI", "PBO", "Z"]
    kept = protocol.registry_extra["TA"]
    assert isinstance(kept, list)
    assert len(kept) == 3


def test_a_study_without_an_arm_is_refused_with_file_and_field(tmp_path: Path) -> None:
    datasets = folder(tmp_path, subject(1, None))
    with pytest.raises(SdtmError, match=r"dm\.csv, field ARM: states no planned arm"):
        protocol_from_sdtm(datasets)


def test_the_report_counts_a_refused_row_as_rejected_unless_another_command_carries_it(tmp_path: Path) -> None:
    datasets = folder(tmp_path, small())
    tally = Tally(datasets, SOURCE, notes=["a note"])
    for item in mapped(datasets):
        if isinstance(item, Mapped) and item.command["type"] in ("record-visit", "enrol-subject"):
            tally.refused(item, "subject", "the trial is halted")
        else:
            tally.add(item)
    report = ImportReport.model_validate(tally.command("2026-01-01T00:00:00Z")["data"])
    counts = {file.name[:2]: (file.rows, file.recorded, file.rejected) for file in report.files}
    assert counts == {"dm": (3, 3, 0), "ds": (3, 3, 0), "ae": (3, 3, 0), "sv": (3, 0, 3)}
    assert "sv.csv, line 2, field subject: record-visit refused: the trial is halted" in report.rejected
    assert "a note" in report.notes
