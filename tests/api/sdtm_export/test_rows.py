"""What single rows say: partial dates, corrections, numbers, elements and relations."""

from contextlib import closing
from pathlib import Path
from typing import Any

from api.bootstrap import open_trial
from api.exports.sdtm.design import summary
from api.sdtm.importing import import_folder
from api.sdtm.protocol_of import protocol_from_sdtm
from ledger.domain.commands import parse_command
from ledger.domain.state import TrialState
from tests.api.sdtm_export.exported import MASKED, UNMASKED, documents, exported, rows
from tests.api.sdtm_trials import folder, small
from tests.trials import SITE, Trial

EVENT = {"subject": "S1", "ae": "A-7", "term": "cough", "serious": False}


def begun(folder: Path) -> Trial:
    """A trial with an active site."""
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    return trial


def told(trial: Trial, role: str = UNMASKED) -> dict[str, list[dict[str, Any]]]:
    """Dataset -> rows, of an export made now."""
    trial.ledger.close()
    found = documents(exported(trial.path, role, trial.path.parent / f"out-{role}"))
    return {name: list(rows(document)) for name, document in found.items()}


def test_a_partial_onset_stays_partial_without_a_day_and_an_epoch(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    trial.randomized("S1")
    trial.do("report-adverse-event", {**EVENT, "onset": "2020-05", "seriousness": []})
    (event,) = told(trial)["AE"]
    assert (event["AESTDTC"], event["AESPID"], event["AESEQ"]) == ("2020-05", "A-7", 1)
    assert not {"AESTDY", "EPOCH", "AEENDTC"} & event.keys()
    assert event["AEDY"] == 1


def test_a_corrected_value_and_a_follow_up_are_what_is_told(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    trial.randomized("S1")
    trial.do("report-adverse-event", {**EVENT, "onset": "2020-05-06", "severity": "SEVERE"}, id="e")
    trial.do(
        "follow-up-adverse-event",
        {"subject": "S1", "ae": "A-7", "severity": "MILD", "serious": True, "seriousness": ["HOSPITALIZATION"]},
    )
    change = {"target": {"command": "e"}, "reason": "misread", "changes": [{"field": "term", "new": "croup"}]}
    trial.do("correct-record", change)
    (event,) = told(trial)["AE"]
    assert (event["AETERM"], event["AESEV"], event["AESER"]) == ("croup", "SEVERE", "Y")
    assert (event["AESHOSP"], event["AESDTH"]) == ("Y", "N")


def test_a_voided_record_is_in_no_dataset(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    trial.randomized("S1")
    trial.do("report-adverse-event", EVENT, id="e")
    trial.do("void-record", {"target": {"command": "e"}, "reason": "of somebody else"})
    assert "AE" not in told(trial)


def test_milestones_visits_and_elements_tell_how_a_subject_went(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    trial.randomized("S1")
    trial.do("record-visit", {"subject": "S1", "visit": "DAY 0", "started": "2020-05-06"})
    trial.do("record-visit", {"subject": "S1", "visit": "CALLED IN", "started": "2020-05-06"})
    trial.do("record-visit", {"subject": "S1", "visit": "DAY 3", "state": "MISSED"})
    found = told(trial, MASKED)
    assert [row["DSDECOD"] for row in found["DS"]] == ["INFORMED CONSENT OBTAINED", "RANDOMIZED"]
    visits = {row["VISIT"]: row for row in found["SV"]}
    assert [visits[name]["VISITNUM"] for name in ("DAY 0", "CALLED IN", "DAY 3")] == [1, 1.01, 2]
    assert [visits[name].get("SVOCCUR") for name in ("DAY 0", "CALLED IN", "DAY 3")] == ["Y", None, "N"]
    assert "SVSTDTC" not in visits["DAY 3"]
    assert [(row["ETCD"], row["EPOCH"]) for row in found["SE"]] == [("SCRN", "SCREENING"), ("BLINDED", "TREATMENT")]


def test_a_deviation_that_the_ledger_raised_is_related_to_the_visit_that_it_is_of(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    trial.randomized("S1")
    trial.do("record-visit", {"subject": "S1", "visit": "DAY 7", "started": "2020-05-06"})
    found = told(trial)
    (deviation,) = found["DV"]
    assert (deviation["DVDECOD"], deviation["DVCAT"]) == ("visit-window", "VISIT_WINDOW")
    related = [(row["RDOMAIN"], row["IDVAR"], row["IDVARVAL"], row["RELID"]) for row in found["RELREC"]]
    assert related == [("DV", "DVSEQ", "1", "DV1"), ("SV", "VISITNUM", "3", "DV1")]


def test_the_actual_arm_of_somebody_who_never_got_its_product_is_null_with_the_reason(tmp_path: Path) -> None:
    trial = begun(tmp_path)
    for number in range(1, 5):
        trial.randomized(f"S{number}")
    found = told(trial)["DM"]
    assert {row["ARMCD"] for row in found} == {"CONTROL", "TREATMENT"}
    for row in found:
        if row["ARMCD"] == "TREATMENT":
            assert row["ARMNRS"] == "ASSIGNED, NOT TREATED"
            assert "ACTARMCD" not in row
        else:
            assert (row["ACTARMCD"], row.get("ARMNRS")) == ("CONTROL", None)


def test_a_correction_of_an_imported_record_comes_before_what_its_source_says(tmp_path: Path) -> None:
    trial = small()
    trial["AE"][0] |= {"AESPID": "E07", "AESEV": "VERY BAD", "AESCAN": "N"}
    folder(tmp_path / "source", trial)
    path = import_folder(tmp_path / "source", tmp_path / "trial.db").ledger
    command = {
        "id": "c-1",
        "type": "correct-record",
        "actor": {"id": "somebody", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-01-01T10:00+01:00",
        "data": {
            "target": {"command": "sdtm-AE-S1-001-1"},
            "reason": "misread",
            "changes": [{"field": "term", "new": "CROUP"}, {"field": "onset", "new": "2014-01-20"}],
        },
    }
    before = next(rows(documents(exported(path, UNMASKED, tmp_path / "before"))["AE"]))
    with closing(open_trial(path)) as ledger:
        ledger.submit(parse_command(command))
    after = next(rows(documents(exported(path, UNMASKED, tmp_path / "after"))["AE"]))
    assert {name for name in after if after[name] != before.get(name)} >= {"AETERM", "AESTDTC"}
    assert (after["AETERM"], after["AESTDTC"]) == ("CROUP", "2014-01-20")
    assert (after["AESPID"], after["AESEV"], after["AESCAN"]) == ("E07", "VERY BAD", "N")
    assert (before["AETERM"], before["AESTDTC"]) == ("COUGH", "2014-01")


def test_ts_of_a_source_is_given_back_until_the_protocol_is_amended(tmp_path: Path) -> None:
    stated = {"TSSEQ": "1", "TSPARMCD": "TITLE", "TSPARM": "Trial Title", "TSVAL": "A title"}
    other = {"TSSEQ": "1", "TSPARMCD": "ADDON", "TSPARM": "Added on to Existing Treatments", "TSVAL": "Y"}
    protocol, _ = protocol_from_sdtm(folder(tmp_path, {**small(), "TS": [stated, other]}))
    before = list(summary(protocol, TrialState(), amended=False, enrolled=2))
    after = {row["TSPARMCD"]: row["TSVAL"] for row in summary(protocol, TrialState(), amended=True, enrolled=2)}
    assert before == [stated, other]
    assert (after["TITLE"], after["ACTSUB"]) == ("A title", "2")
    assert after["ADDON"] == "Y"
