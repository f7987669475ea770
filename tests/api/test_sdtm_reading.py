"""The SDTM reading edge: the same rows whatever the format, and a sentence for every file that is not one."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.sdtm import Dataset, SdtmError, read_dataset, read_folder, unread_files
from api.sdtm.dataset import MAX_VALUE
from api.sdtm.reading import REQUIRED
from api.sdtm.xpt_file import rendered
from tests.shared_data import shared_data

DM_HEADER = "STUDYID,DOMAIN,USUBJID,SITEID,ARMCD,ARM\n"
DM_COLUMNS = tuple(DM_HEADER.strip().split(","))
DM_ROW = "S1,DM,S1-001,701,P,Placebo\n"
PILOT_ROWS = {
    "DM": 306, "DS": 850, "EX": 591, "AE": 1191, "SV": 3559, "TS": 33,
    "SUPPDM": 1197, "SUPPDS": 3, "SUPPAE": 1191,
}  # fmt: skip
CELL = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\uffff") | st.sampled_from("\n\t,\"' NA"),
    max_size=30,
)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fault(path: Path) -> SdtmError:
    with pytest.raises(SdtmError) as caught:
        read_dataset(path)
    assert str(path) in str(caught.value)
    return caught.value


def values(dataset: Dataset) -> list[dict[str, str]]:
    return [dict(row.values) for row in dataset.rows]


def dataset_json(name: str, columns: tuple[str, ...], rows: list[list[Any]]) -> dict[str, Any]:
    return {
        "datasetJSONCreationDateTime": "2024-01-02T03:04:05",
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": f"IG.{name}",
        "records": len(rows),
        "name": name,
        "label": name,
        "columns": [{"itemOID": f"IT.{c}", "name": c, "label": c, "dataType": "string"} for c in columns],
        "rows": rows,
    }


def lines_of(document: dict[str, Any]) -> str:
    metadata = {key: value for key, value in document.items() if key != "rows"}
    return "".join(json.dumps(line) + "\n" for line in [metadata, *document["rows"]])


def columns_and_cells(dataset: Dataset) -> tuple[tuple[str, ...], list[list[str | None]]]:
    return dataset.columns, [[row.values.get(c) for c in dataset.columns] for row in dataset.rows]


# The real trial


def test_the_pilot_trial_is_read_whole() -> None:
    datasets = read_folder(shared_data("cdisc-pilot"))
    assert {name: len(dataset.rows) for name, dataset in datasets.items()} == PILOT_ROWS
    assert {dataset.study for dataset in datasets.values()} == {"CDISCPILOT01"}


def test_unquoted_na_is_missing_in_the_pilot_trial() -> None:
    demographics = read_dataset(shared_data("cdisc-pilot/dm.csv"))
    assert "RFICDTC" in demographics.columns
    assert not any("RFICDTC" in row.values or "NA" in row.values.values() for row in demographics.rows)


def test_windows_1252_is_read_and_reported() -> None:
    summary = read_dataset(shared_data("cdisc-pilot/ts.csv"))
    assert summary.encoding == "cp1252"
    indication = next(row for row in summary.rows if row.values["TSPARMCD"] == "INDIC")
    assert indication.values["TSVAL"] == "Mild to Moderate Alzheimer\u2019s Disease"


def test_files_that_are_not_read_are_named() -> None:
    assert {file.name for file in unread_files(shared_data("cdisc-pilot"))} == {"LICENSE.md", "mh.csv"}


@pytest.mark.parametrize("name", ["dm", "ds", "ex", "ae", "sv", "ts"])
def test_dataset_json_gives_the_rows_of_the_csv(name: str, tmp_path: Path) -> None:
    original = read_dataset(shared_data(f"cdisc-pilot/{name}.csv"))
    document = dataset_json(name.upper(), *columns_and_cells(original))
    whole = read_dataset(written(tmp_path, f"{name}.json", json.dumps(document)))
    by_line = read_dataset(written(tmp_path, f"{name}.ndjson", lines_of(document)))
    assert values(whole) == values(by_line) == values(original)
    assert [whole.rows[0].number, by_line.rows[0].number] == [1, 2]
    assert whole.columns == by_line.columns == original.columns


def test_what_the_round_trip_reads_is_official_dataset_json() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(shared_data("dataset-json/dataset.schema.json").read_bytes())
    metadata_schema = json.loads(shared_data("dataset-json/dataset-ndjson-schema.json").read_bytes().decode("utf-16"))
    # The published NDJSON schema points to definitions that it has one level too deep; they are the other's.
    metadata_schema["$defs"] = {**schema["$defs"], **metadata_schema["$defs"]}
    document = dataset_json("EX", *columns_and_cells(read_dataset(shared_data("cdisc-pilot/ex.csv"))))
    assert any(None in row for row in document["rows"])
    validator = jsonschema.Draft201909Validator
    validator(schema).validate(document)
    validator(metadata_schema).validate({key: v for key, v in document.items() if key != "rows"})
    for mended in ({**document, "records": -1}, {**document, "columns": [{"name": "STUDYID"}]}):
        assert not validator(schema).is_valid(mended)
        assert not validator(metadata_schema).is_valid(mended)


@pytest.mark.parametrize("version", [5, 8])
@pytest.mark.parametrize("name", ["dm", "ds", "ex", "ae", "sv"])
def test_xpt_gives_the_rows_of_the_csv(name: str, version: int, tmp_path: Path) -> None:
    pyreadstat = pytest.importorskip("pyreadstat")
    pandas = pytest.importorskip("pandas")
    original = read_dataset(shared_data(f"cdisc-pilot/{name}.csv"))
    frame = pandas.DataFrame(
        {
            column: [
                row.values.get(column) if not _is_numeric(column) else float(row.values.get(column, "nan"))
                for row in original.rows
            ]
            for column in original.columns
        }
    )
    path = tmp_path / f"{name}.xpt"
    pyreadstat.write_xport(frame, path, file_format_version=version, table_name=name.upper())
    again = read_dataset(path)
    assert values(again) == values(original)
    assert [row.number for row in again.rows] == list(range(1, len(original.rows) + 1))
    assert (again.columns, again.counted, again.encoding) == (original.columns, "record", "utf-8")


def _is_numeric(column: str) -> bool:
    return column.endswith(("SEQ", "STDY", "ENDY", "DOSE", "AGE", "VISITNUM", "VISITDY", "DMDY"))


# CSV


def test_a_quoted_na_is_text_and_an_unquoted_one_is_missing(tmp_path: Path) -> None:
    lines = DM_HEADER + 'S1,DM,S1-001,NA,"NA",NA\nS1,DM,"NA","say ""NA"", NA",NAN," NA "\n'
    read = values(read_dataset(written(tmp_path, "dm.csv", lines)))
    assert read == [
        {"STUDYID": "S1", "DOMAIN": "DM", "USUBJID": "S1-001", "ARMCD": "NA"},
        {
            "STUDYID": "S1",
            "DOMAIN": "DM",
            "USUBJID": "NA",
            "SITEID": 'say "NA", NA',
            "ARMCD": "NAN",
            "ARM": " NA ",
        },
    ]


@given(rows=st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=8), end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_quotes_comes_back_as_it_was(
    rows: list[list[str]], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows([DM_COLUMNS, *(["S1", "DM", *row] for row in rows)])
    path = written(tmp_path_factory.mktemp("law"), "dm.csv", text.getvalue())
    expected = [dict(zip(DM_COLUMNS, ["S1", "DM", *row], strict=True)) for row in rows]
    assert values(read_dataset(path)) == [{c: v for c, v in row.items() if v.strip()} for row in expected]


@given(rows=st.lists(st.lists(CELL | st.none(), min_size=4, max_size=4), max_size=8))
def test_dataset_json_and_its_lines_say_the_same(
    rows: list[list[str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law")
    document = dataset_json("DM", DM_COLUMNS, [["S1", "DM", *row] for row in rows])
    whole = read_dataset(written(folder, "dm.json", json.dumps(document, ensure_ascii=False)))
    by_line = read_dataset(written(folder, "dm.ndjson", lines_of(document)))
    expected = [dict(zip(DM_COLUMNS, ["S1", "DM", *row], strict=True)) for row in rows]
    present = [{c: v for c, v in row.items() if v is not None and v.strip()} for row in expected]
    assert values(whole) == values(by_line) == present


def test_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    written(tmp_path, "dm.csv", DM_HEADER + "S1,DM,007,1.50,1e3,-0\n")
    assert list(values(read_dataset(tmp_path / "dm.csv"))[0].values())[2:] == ["007", "1.50", "1e3", "-0"]
    text = json.dumps(dataset_json("DM", DM_COLUMNS, [["S1", "DM", "@", "@", "@", True]]))
    for digits in ("1.50", "123456789012345678901234567890", "1e3"):
        text = text.replace('"@"', digits, 1)
    read = values(read_dataset(written(tmp_path, "dm.json", text)))[0]
    assert list(read.values())[2:] == ["1.50", "123456789012345678901234567890", "1e3", "true"]


def test_a_row_bears_the_number_of_the_line_it_begins_on(tmp_path: Path) -> None:
    text = "\ufeff" + DM_HEADER + 'S1,DM,1,701,P,"two\nlines"\n' + DM_ROW
    read = read_dataset(written(tmp_path, "dm.csv", text))
    assert [row.number for row in read.rows] == [2, 4]
    assert read.rows[0].values["ARM"] == "two\nlines"
    assert read.encoding == "utf-8"


def test_header_names_are_compared_in_capitals(tmp_path: Path) -> None:
    read = read_dataset(written(tmp_path, "Dm.CSV", DM_HEADER.lower() + DM_ROW))
    assert read.domain == "DM"
    assert read.rows[0].values["ARM"] == "Placebo"


@pytest.mark.parametrize(
    ("content", "line", "field", "rule"),
    [
        pytest.param(DM_HEADER + DM_ROW + "S1,DM,2,701,P\n", 3, None, "too few cells: 5", id="a cell is missing"),
        pytest.param(DM_HEADER + "S1,DM,2,701,P,x,y\n", 2, None, "too many cells: 7", id="a cell too many"),
        pytest.param(DM_HEADER + "\n" + DM_ROW, 2, None, "an empty line", id="an empty line between rows"),
        pytest.param(DM_HEADER + 'S1,DM,2,701,P,"x\n' + DM_ROW, 2, None, "never closed", id="an open quote"),
        pytest.param(DM_HEADER + 'S1,DM,2,701,P,"x"y\n', 2, None, "not well-formed", id="text after a quote"),
        pytest.param("STUDYID,DOMAIN,STUDYID\n", 1, "STUDYID", "more than once", id="a header twice"),
        pytest.param("studyid,DOMAIN,STUDYID\n", 1, "STUDYID", "more than once", id="a header twice, in small"),
        pytest.param(",STUDYID,DOMAIN\n", 1, None, "column 1 of the header has no name", id="row names of R"),
        pytest.param("STUDYID;DOMAIN\n", 1, None, "separated by commas", id="semicolons"),
        pytest.param("", 1, None, "it is empty", id="an empty file"),
        pytest.param(DM_HEADER + "S1,DM,\0,1,P,Pl\n", 2, None, "U+0000", id="a NUL byte"),
        pytest.param(DM_HEADER.encode() + b"S1,DM,1,701,P,\x81\n", 2, None, "0x81", id="neither encoding"),
        pytest.param(DM_HEADER.encode("utf-16"), None, None, "UTF-16", id="UTF-16"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)), 2, None, "neither UTF-8", id="a zip"),
        pytest.param(DM_HEADER + f"S1,DM,1,701,P,{'x' * (MAX_VALUE + 1)}\n", 2, "ARM", "32768", id="a long value"),
        pytest.param(DM_HEADER + f"S1,DM,1,701,P,{'x' * 200_000}\n", 2, None, "too long", id="a very long value"),
        pytest.param(DM_HEADER + DM_ROW + "S1,AE,2,701,P,x\n", 3, "DOMAIN", "here it is AE", id="another domain"),
        pytest.param(DM_HEADER + "S1,NA,2,701,P,x\n", 2, "DOMAIN", "missing", id="no domain"),
        pytest.param(DM_HEADER + DM_ROW + "S2,DM,2,701,P,x\n", 3, "STUDYID", "before it was S1", id="two studies"),
        pytest.param(DM_HEADER + DM_ROW + ",DM,2,701,P,x\n", 3, "STUDYID", "missing", id="a row of no study"),
    ],
)
def test_a_faulty_csv_is_refused_with_line_field_and_rule(
    content: str | bytes, line: int | None, field: str | None, rule: str, tmp_path: Path
) -> None:
    error = fault(written(tmp_path, "dm.csv", content))
    assert (error.line, error.field) == (line, field)
    assert rule in error.rule


@pytest.mark.parametrize(
    ("domain", "column"),
    [
        *(("DM", column) for column in ("STUDYID", "DOMAIN", "USUBJID", "SITEID", "ARM", "ARMCD")),
        *(("AE", column) for column in ("USUBJID", "AESEQ", "AETERM", "AESTDTC")),
        ("EX", "EXDOSE"),
        ("DS", "DSDECOD"),
        ("TS", "TSVAL"),
        ("SUPPDM", "RDOMAIN"),
        ("LB", "DOMAIN"),
    ],
)
def test_a_missing_required_column_is_named(domain: str, column: str, tmp_path: Path) -> None:
    needed = REQUIRED.get(domain, ("STUDYID", "DOMAIN"))
    if domain.startswith("SUPP"):
        needed = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")
    complete = written(tmp_path, f"{domain}.csv", ",".join(needed) + "\n")
    assert read_dataset(complete).rows == []
    header = ",".join(name for name in needed if name != column)
    error = fault(written(tmp_path, f"{domain}.csv", header + "\n"))
    assert error.field == column
    assert "required" in error.rule


# Folders


def test_a_domain_in_two_formats_is_refused_naming_both(tmp_path: Path) -> None:
    written(tmp_path, "dm.csv", DM_HEADER + DM_ROW)
    written(tmp_path, "DM.xpt", b"")
    with pytest.raises(SdtmError, match=r"DM\.xpt and dm\.csv"):
        read_folder(tmp_path)


def test_a_folder_without_dm_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "ts.csv", "STUDYID,DOMAIN,TSSEQ,TSPARMCD,TSVAL\n")
    with pytest.raises(SdtmError, match="no DM dataset"):
        read_folder(tmp_path)
    assert list(read_folder(tmp_path, wanted=("TS",))) == ["TS"]


def test_datasets_of_two_studies_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "dm.csv", DM_HEADER + DM_ROW)
    written(tmp_path, "ts.csv", "STUDYID,DOMAIN,TSSEQ,TSPARMCD,TSVAL\nS2,TS,1,A,B\n")
    with pytest.raises(SdtmError, match=r"ts\.csv.*S2.*dm\.csv S1"):
        read_folder(tmp_path)


def test_what_is_no_folder_and_what_is_no_dataset_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(SdtmError, match="not a folder"):
        read_folder(tmp_path / "absent")
    with pytest.raises(SdtmError, match=r"cannot be read: No such file"):
        read_dataset(tmp_path / "dm.csv")
    with pytest.raises(SdtmError, match="not a known format"):
        read_dataset(written(tmp_path, "dm.sas7bdat", ""))


# Dataset-JSON


def good_json() -> str:
    return json.dumps(dataset_json("DM", DM_COLUMNS, [DM_ROW.strip().split(",")]))


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "rule"),
    [
        pytest.param('"Placebo"', "NaN", None, None, "NaN is not JSON", id="NaN"),
        pytest.param('"Placebo"', "-Infinity", None, None, "-Infinity is not JSON", id="infinity"),
        pytest.param('"name": "DM"', '"name": "DM", "name": "DM"', None, "name", "twice", id="a key twice"),
        pytest.param('"records": 1', '"records": 2', None, "records", "has 1 rows", id="a row lost"),
        pytest.param('"records": 1', '"records": "1"', None, "records", "has 1 rows", id="records as text"),
        pytest.param('"1.1.0"', '"2.0"', None, "datasetJSONVersion", "only version 1.1", id="another version"),
        pytest.param('"name": "DM"', '"name": "AE"', None, None, "the dataset in it AE", id="another dataset"),
        pytest.param('"Placebo"', '["Placebo"]', 1, "ARM", "a value is a string", id="a nested value"),
        pytest.param('"Placebo"', '"\\u0000"', 1, "ARM", "U+0000", id="an escaped NUL"),
        pytest.param('"Placebo"', '"\\ud800"', 1, "ARM", "U+D800", id="half a surrogate pair"),
        pytest.param(', "Placebo"', "", 1, None, "too few cells: 5", id="a cell is missing"),
        pytest.param('"columns": [', '"columns": [7, ', None, "columns", "an object", id="a column without a name"),
        pytest.param('"Placebo"', "[" * 100_000, None, None, "nested too deep", id="nested too deep"),
        pytest.param('"Placebo"', "\nPlacebo", 2, None, "not JSON", id="no JSON"),
    ],
)
def test_a_faulty_dataset_json_is_refused(
    old: str, new: str, line: int | None, field: str | None, rule: str, tmp_path: Path
) -> None:
    text = good_json()
    assert text.count(old) == 1
    error = fault(written(tmp_path, "dm.json", text.replace(old, new)))
    assert (error.line, error.field) == (line, field)
    assert rule in error.rule


def test_a_fault_in_ndjson_names_its_line(tmp_path: Path) -> None:
    document = dataset_json("DM", DM_COLUMNS, [DM_ROW.strip().split(",")] * 3)
    lines = lines_of(document).splitlines()
    assert len(read_dataset(written(tmp_path, "dm.ndjson", "\n".join(lines))).rows) == 3
    for broken in ("[", "", "{}", '["S1", "DM"]', "\x00"):
        error = fault(written(tmp_path, "dm.ndjson", "\n".join([*lines[:2], broken, lines[3]])))
        assert error.line == 3
    assert fault(written(tmp_path, "dm.ndjson", "\n".join(lines[:3]))).field == "records"
    not_utf8 = "\n".join(lines[:3]).encode() + b'\n["\xff"]\n'
    assert fault(written(tmp_path, "dm.ndjson", not_utf8)).line == 4


# XPT


def xpt(path: Path, **columns: list[Any]) -> bytes:
    pyreadstat = pytest.importorskip("pyreadstat")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"STUDYID": ["S1"], "DOMAIN": ["TS"], "TSSEQ": [1.0], "TSPARMCD": ["A"], **columns})
    pyreadstat.write_xport(frame, path, file_format_version=5, table_name="TS")
    return path.read_bytes()


def test_xpt_text_that_is_not_utf8_is_read_as_windows_1252(tmp_path: Path) -> None:
    content = xpt(tmp_path / "ts.xpt", TSVAL=["Alzheimer@@@s"])
    read = read_dataset(written(tmp_path, "ts.xpt", content.replace(b"@@@s", b"\x92s  ")))
    assert (read.encoding, read.rows[0].values["TSVAL"]) == ("cp1252", "Alzheimer\u2019s")


def test_xpt_numbers_are_rendered_without_a_trailing_zero(tmp_path: Path) -> None:
    xpt(
        tmp_path / "ts.xpt",
        TSVAL=[0.1],
        A=[-7.0],
        B=[float("nan")],
        C=[1e20],
        D=[0.000001],
        E=[9007199254740993.0],
    )
    read = values(read_dataset(tmp_path / "ts.xpt"))[0]
    assert read == {
        "STUDYID": "S1", "DOMAIN": "TS", "TSSEQ": "1", "TSPARMCD": "A", "TSVAL": "0.1", "A": "-7",
        "C": "100000000000000000000", "D": "0.000001", "E": "9007199254740992",
    }  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_rendered_number_gives_the_number_back(number: float) -> None:
    text = rendered(number)
    assert float(text) == number
    assert "e" not in text
    assert not text.endswith(".0")


def test_a_damaged_xpt_is_refused(tmp_path: Path) -> None:
    whole = xpt(tmp_path / "ts.xpt", TSVAL=["x"])
    assert "truncated" in fault(written(tmp_path, "ts.xpt", whole[:-1])).rule
    assert "holds 2" in fault(written(tmp_path, "ts.xpt", whole + whole[240:])).rule
    assert "library header" in fault(written(tmp_path, "ts.xpt", b"garbage" * 100)).rule
    assert "library header" in fault(written(tmp_path, "ts.xpt", b"")).rule
    assert "not a readable" in fault(written(tmp_path, "ts.xpt", whole[:640])).rule
    assert "the dataset in it TS" in fault(written(tmp_path, "ta.xpt", whole)).rule


def test_without_the_extra_xpt_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xpt(tmp_path / "ts.xpt", TSVAL=["x"])
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    assert "trial-ledger[xpt]" in fault(tmp_path / "ts.xpt").rule
