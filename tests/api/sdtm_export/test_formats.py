"""The files are what the official schemas say, and define.xml defines all that is in them, once."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from api.exports.sdtm.variables import dataset_of
from tests.api.sdtm_export.exported import DEF, MASKED, ODM, UNMASKED, define, documents, exported, files, rows
from tests.shared_data import shared_data

ROLES = (MASKED, UNMASKED)


def schemas() -> tuple[Any, Any, Any]:
    """Validators of a dataset, of the first line of NDJSON, and of the others."""
    whole = json.loads(shared_data("dataset-json/dataset.schema.json").read_bytes())
    lines = json.loads(shared_data("dataset-json/dataset-ndjson-schema.json").read_bytes().decode("utf-16"))
    # The published NDJSON schema points to definitions that it has one level too deep; they are the other's.
    lines["$defs"] = {**whole["$defs"], **lines["$defs"]}
    made = jsonschema.Draft201909Validator
    return made(whole), made(lines), made({"$defs": whole["$defs"], **whole["properties"]["rows"]["items"]})


@pytest.mark.parametrize("role", ROLES)
def test_every_dataset_is_valid_by_the_official_schema(exports: dict[str, Path], role: str) -> None:
    whole, _, _ = schemas()
    found = documents(exports[role])
    assert {"TA", "TE", "TS", "DM", "SE", "SV", "AE", "DS"} <= found.keys()
    for name, document in found.items():
        assert [error.message for error in whole.iter_errors(document)] == [], name
        assert document["records"] == len(document["rows"]) > 0
        assert all(len(row) == len(document["columns"]) for row in document["rows"])
    spoilt = {**found["DM"], "columns": [{"name": "STUDYID"}]}
    assert not whole.is_valid(spoilt)


@pytest.mark.parametrize("role", ROLES)
def test_the_lines_say_what_the_dataset_says_and_are_valid(exports: dict[str, Path], role: str) -> None:
    _, metadata, row = schemas()
    found = documents(exports[role])
    assert {path.stem.upper() for path in (exports[role] / "ndjson").iterdir()} == set(found)
    for name, document in found.items():
        text = (exports[role] / "ndjson" / f"{name.lower()}.ndjson").read_text(encoding="utf-8")
        head, *lines = [json.loads(line) for line in text.splitlines()]
        metadata.validate(head)
        assert {**head, "rows": lines} == document
        for line in lines[:50]:
            row.validate(line)


@pytest.mark.parametrize("role", ROLES)
def test_variables_stand_in_the_order_of_the_guide_with_its_labels_and_types(
    exports: dict[str, Path], role: str
) -> None:
    for name, document in documents(exports[role]).items():
        known = {variable.name: variable for variable in dataset_of(name).variables}
        columns = document["columns"]
        stated = [column["name"] for column in columns]
        assert stated == [variable for variable in known if variable in stated]
        assert [column["label"] for column in columns] == [known[variable].label for variable in stated]
        assert {variable.name for variable in known.values() if variable.core in ("Req", "Exp")} <= set(stated)
        for row in rows(document):
            for variable, value in row.items():
                wanted = {"integer": int, "float": int | float}.get(known[variable].type, str)
                assert isinstance(value, wanted), (name, variable, value)


@pytest.mark.parametrize("role", ROLES)
def test_no_two_rows_have_the_same_keys(exports: dict[str, Path], role: str) -> None:
    for name, document in documents(exports[role]).items():
        keys = dataset_of(name).keys
        seen = Counter(tuple(row.get(key) for key in keys) for row in rows(document))
        assert [key for key, times in seen.items() if times > 1] == [], name
        if f"{name}SEQ" in {column["name"] for column in document["columns"]} and name != "TS":
            numbers = Counter((row["USUBJID"], row[f"{name}SEQ"]) for row in rows(document))
            assert max(numbers.values()) == 1


@pytest.mark.parametrize("role", ROLES)
def test_define_xml_is_valid_by_the_schema_of_define_xml_2_1(exports: dict[str, Path], role: str) -> None:
    odmlib = pytest.importorskip("odmlib", reason="odmlib has the schemas of Define-XML 2.1 in it")
    path = Path(odmlib.__file__).parent / "schemas" / "define" / "2.1" / "define2-1-0.xsd"
    schema = etree.XMLSchema(etree.parse(path))
    document = define(exports[role])
    assert schema.validate(document), schema.error_log
    document.find(f".//{ODM}ItemDef").attrib.pop("DataType")
    assert not schema.validate(document)


@pytest.mark.parametrize("role", ROLES)
def test_define_xml_and_the_datasets_refer_to_each_other_completely(exports: dict[str, Path], role: str) -> None:
    document, found = define(exports[role]), documents(exports[role])
    groups = {group.get("OID"): group for group in document.iter(f"{ODM}ItemGroupDef")}
    items = [item.get("OID") for item in document.iter(f"{ODM}ItemDef")]
    codelists = [codelist.get("OID") for codelist in document.iter(f"{ODM}CodeList")]
    methods = [method.get("OID") for method in document.iter(f"{ODM}MethodDef")]
    comments = [comment.get("OID") for comment in document.iter(f"{DEF}CommentDef")]
    for listed in (items, codelists, methods, comments):
        assert len(listed) == len(set(listed))
    assert set(groups) == {dataset["itemGroupOID"] for dataset in found.values()}
    for dataset in found.values():
        group = groups[dataset["itemGroupOID"]]
        referred = [item.get("ItemOID") for item in group.iter(f"{ODM}ItemRef")]
        assert referred == [column["itemOID"] for column in dataset["columns"]]
        assert (exports[role] / group.find(f"{DEF}leaf").get("{http://www.w3.org/1999/xlink}href")).is_file()
    referred_to = [item.get("ItemOID") for item in document.iter(f"{ODM}ItemRef")]
    assert sorted(referred_to) == sorted(items)
    assert {one.get("CodeListOID") for one in document.iter(f"{ODM}CodeListRef")} == set(codelists)
    assert {one.get("MethodOID") for one in document.iter(f"{ODM}ItemRef")} - {None} == set(methods)
    assert {one.get(f"{DEF}CommentOID") for one in document.iter(f"{ODM}ItemDef")} - {None} == set(comments)
    derived = {
        one.get("OID") for one in document.iter(f"{ODM}ItemDef") if one.find(f"{DEF}Origin").get("Type") == "Derived"
    }
    assert derived == {one.get("ItemOID") for one in document.iter(f"{ODM}ItemRef") if one.get("MethodOID")}


@pytest.mark.parametrize("role", ROLES)
def test_every_value_of_a_variable_with_a_codelist_is_in_the_codelist(exports: dict[str, Path], role: str) -> None:
    document, found = define(exports[role]), documents(exports[role])
    terms = {
        codelist.get("OID"): {one.get("CodedValue") for one in codelist if one.get("CodedValue")}
        for codelist in document.iter(f"{ODM}CodeList")
    }
    lists = {
        item.get("OID"): item.find(f"{ODM}CodeListRef").get("CodeListOID")
        for item in document.iter(f"{ODM}ItemDef")
        if item.find(f"{ODM}CodeListRef") is not None
    }
    checked = 0
    for dataset in found.values():
        oids = {column["name"]: column["itemOID"] for column in dataset["columns"]}
        for row in rows(dataset):
            for name, value in row.items():
                if terms.get(lists.get(oids[name])):
                    assert str(value) in terms[lists[oids[name]]], (oids[name], value)
                    checked += 1
    assert checked > 100


@pytest.mark.parametrize("role", ROLES)
def test_lengths_are_those_of_the_longest_values(exports: dict[str, Path], role: str) -> None:
    for dataset in documents(exports[role]).values():
        for place, column in enumerate(dataset["columns"]):
            if column["dataType"] == "string":
                longest = max((len(row[place]) for row in dataset["rows"] if row[place] is not None), default=1)
                assert column["length"] == longest


@pytest.mark.parametrize("role", ROLES)
def test_an_export_of_one_position_has_the_same_bytes_whenever_it_is_made(
    demo_ledger: Path, tmp_path: Path, role: str
) -> None:
    first = files(exported(demo_ledger, role, tmp_path / "1", "halt"))
    again = files(exported(demo_ledger, role, tmp_path / "2", "halt"))
    assert first == again
    assert len(first) > 20
    earlier = files(exported(demo_ledger, role, tmp_path / "3", "60"))
    assert earlier["dm.json"] != first["dm.json"]


def test_numbers_have_the_digits_that_were_recorded(demo_export: Path) -> None:
    text = (demo_export / "ex.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_float=Decimal)
    doses = [row["EXDOSE"] for row in rows(document)]
    assert doses
    assert any(isinstance(dose, Decimal) and dose != int(dose) for dose in doses)
    assert all(Decimal(str(dose)) > 0 for dose in doses)


def test_relations_and_qualifiers_point_at_rows_that_are_there(exports: dict[str, Path]) -> None:
    found = documents(exports[UNMASKED])
    pointing = [
        row
        for name in found
        if name.startswith("SUPP") or name == "RELREC"
        for row in rows(found[name])
        if "IDVAR" in row
    ]
    there = {
        (name, row.get("USUBJID"), variable, str(row[variable]))
        for name, document in found.items()
        for row in rows(document)
        for variable in (f"{name}SEQ", "VISITNUM")
        if variable in row
    }
    assert pointing
    for row in pointing:
        assert (row["RDOMAIN"], row["USUBJID"], row["IDVAR"], row["IDVARVAL"]) in there
