"""CDISCPILOT01 -> ledger -> Dataset-JSON: every imported row and value comes back, but for what is listed here."""

from collections import Counter
from pathlib import Path

from api.sdtm import Dataset, read_folder
from api.sdtm.importing import import_folder
from ledger.keys.file import keys_folder
from ledger.proof.evidence import evidence_folder, read_evidence
from tests.api.sdtm_export.exported import UNMASKED, define, documents, exported, rows
from tests.shared_data import shared_data

KEYS = {
    "DM": ("USUBJID",),
    "AE": ("USUBJID", "AESEQ"),
    "DS": ("USUBJID", "DSSEQ"),
    "EX": ("USUBJID", "EXSEQ"),
    "SV": ("USUBJID", "VISITNUM", "SVSTDTC", "SVENDTC"),
    "TS": ("TSPARMCD", "TSSEQ"),
    "SUPPDM": ("USUBJID", "IDVARVAL", "QNAM"),
    "SUPPAE": ("USUBJID", "IDVARVAL", "QNAM"),
    "SUPPDS": ("USUBJID", "IDVARVAL", "QNAM"),
}
ROWS = {
    "DM": 306, "AE": 1191, "DS": 850, "EX": 591, "SV": 3559, "TS": 33, "SUPPDM": 1197, "SUPPAE": 1191, "SUPPDS": 3,
}  # fmt: skip
DIFFERENCES = {("DM", "BRTHDTC", "a date of birth names a person, and no export has names"): 306}
"""(domain, column, why) -> how many values differ."""
ADDED = {
    "DM": set(),
    "AE": {"EPOCH", "AEDY"},
    "DS": {"EPOCH", "DSDY"},
    "EX": {"EPOCH"},
    "SV": {"EPOCH", "SVPRESP", "SVOCCUR", "SVSTDY", "SVENDY"},
    "TS": {"TSVALCD", "TSVCDREF", "TSVCDVER"},
    "SUPPDM": set(),
    "SUPPAE": set(),
    "SUPPDS": {"QEVAL"},
}
"""Columns that only the export has: derived ones with a value, and those that SDTMIG expects, without."""
NOT_IMPORTED = {"MH"}
"""Datasets of the source that the import does not read, and says so."""


def compared(source: dict[str, Dataset], back: dict[str, Dataset]) -> Counter[tuple[str, str]]:
    """(domain, column) -> how many values differ; `ROW` for rows that are not in both."""
    found: Counter[tuple[str, str]] = Counter()
    for domain, keys in KEYS.items():
        here = {tuple(row.values.get(key) for key in keys): row.values for row in source[domain].rows}
        there = {tuple(row.values.get(key) for key in keys): row.values for row in back[domain].rows}
        assert len(here) == len(source[domain].rows)
        assert len(there) == len(back[domain].rows)
        found[domain, "ROW"] += len(here.keys() ^ there.keys())
        for key in here.keys() & there.keys():
            for column in source[domain].columns:
                found[domain, column] += here[key].get(column) != there[key].get(column)
    return +found


def test_every_row_and_value_of_the_pilot_comes_back_but_for_what_is_listed(pilot_export: Path) -> None:
    source, back = read_folder(shared_data("cdisc-pilot")), read_folder(pilot_export)
    assert {name: len(dataset.rows) for name, dataset in source.items()} == ROWS
    assert compared(source, back) == {(domain, column): count for (domain, column, _), count in DIFFERENCES.items()}
    for domain in KEYS:
        assert set(back[domain].columns) - set(source[domain].columns) == ADDED[domain]
    left = {path.stem.upper() for path in shared_data("cdisc-pilot").glob("*.csv")} - back.keys()
    assert left == NOT_IMPORTED


def test_the_comparison_sees_a_value_that_changed_and_a_row_that_is_missing(pilot_export: Path) -> None:
    source, back = read_folder(shared_data("cdisc-pilot")), read_folder(pilot_export)
    del back["AE"].rows[7]
    back["SV"].rows[3].values["VISIT"] = "WEEK 99"  # type: ignore[index]
    found = compared(source, back)
    assert (found["AE", "ROW"], found["SV", "VISIT"]) == (1, 1)


def test_what_the_source_has_wrong_comes_back_wrong(pilot_export: Path) -> None:
    """One AESTDY of the pilot is 366 on the reference day itself: it is its own, and no error of ours."""
    found = documents(pilot_export)
    reference = {row["USUBJID"]: row.get("RFSTDTC") for row in rows(found["DM"])}
    wrong = [
        row["AESTDY"]
        for row in rows(found["AE"])
        if row.get("AESTDTC") == reference[row["USUBJID"]] and row.get("AESTDY") != 1
    ]
    assert wrong == [366]


def test_partial_dates_stay_partial_and_have_no_study_day(pilot_export: Path) -> None:
    partial = [row for row in rows(documents(pilot_export)["AE"]) if len(row.get("AESTDTC", "2014-01-01")) < 10]
    assert Counter(len(row["AESTDTC"]) for row in partial).keys() == {4, 7}
    assert all("AESTDY" not in row and "EPOCH" not in row for row in partial)
    item = next(item for item in define(pilot_export).iter() if item.get("OID") == "IT.AE.AESTDTC")
    assert item.get("DataType") == "partialDatetime"


def test_derived_elements_are_those_of_the_arms_and_in_order(pilot_export: Path) -> None:
    found = documents(pilot_export)
    arms = {row["USUBJID"]: row.get("ARMCD") for row in rows(found["DM"])}
    elements = {row["ARMCD"]: row["ETCD"] for row in rows(found["TA"]) if row["EPOCH"] == "TREATMENT"}
    treated = {row["USUBJID"]: row["ETCD"] for row in rows(found["SE"]) if row["EPOCH"] == "TREATMENT"}
    assert len(treated) == 254
    assert all(elements[str(arms[subject])] == element for subject, element in treated.items())
    assert {row["ETCD"] for row in rows(found["SE"])} <= {row["ETCD"] for row in rows(found["TE"])}


def test_an_export_imported_again_gives_the_same_datasets(pilot_export: Path, tmp_path: Path) -> None:
    again = exported(import_folder(pilot_export, tmp_path / "again.db").ledger, UNMASKED, tmp_path / "out")
    first, second = read_folder(pilot_export), read_folder(again)
    assert compared(first, second) == {}


def test_an_import_leaves_its_ledger_with_keys_and_evidence_and_nothing_else(pilot_ledger: Path) -> None:
    there = {path.name for path in pilot_ledger.parent.iterdir()}
    needed = {pilot_ledger.name, keys_folder(pilot_ledger).name, evidence_folder(pilot_ledger).name}
    assert needed <= there
    assert not [name for name in there if name.startswith(".")]
    assert read_evidence(evidence_folder(pilot_ledger)).checkpoints
