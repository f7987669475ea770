"""What the verifier says that events of the allocation hold is what the classes of these events say."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.events import CATALOGUE
from ledger.proof.allocation_members import (
    LONGEST_LIST,
    MEMBERS,
    MOST_OUTSIDE,
    FormError,
    Member,
    arms_of,
    factors_of,
    outside_value,
    read_event,
)
from tests.shared_data import ROOT

CLASSES = {cls.type: cls for cls in CATALOGUE}
TYPES = {str: "string", int: "integer", bool: "boolean", dict: "object"}
DRAWN: dict[str, Any] = {"occurred_at": "2020-05-06", "subject": "P1", "stratum": "S01", "index": 1}


def stated(member: Member) -> dict[str, Any]:
    """A form of the table, as JSON Schema has it."""
    said: dict[str, Any] = {"type": TYPES[member.type], "required": member.required}
    if member.pattern:
        said["pattern"] = member.pattern
    if member.values:
        said["enum"] = list(member.values)
    if member.lengths:
        said |= {"minLength": member.lengths[0], "maxLength": member.lengths[1]}
    if member.type is int:
        said["minimum"] = 1
    return said


def declared(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The form that a class gives to a field; null is the same as left out, for it is never written."""
    field = schema["properties"][name]
    (one,) = [form for form in field.get("anyOf", [field]) if form.get("type") != "null"]
    known = {key: one[key] for key in ("type", "pattern", "enum", "minLength", "maxLength", "minimum") if key in one}
    return {"type": "object"} | known | {"required": name in schema.get("required", [])}


@pytest.mark.parametrize("type_", MEMBERS)
def test_the_table_says_what_the_class_of_the_event_says(type_: str) -> None:
    schema = CLASSES[type_].model_json_schema()
    assert {name: stated(member) for name, member in MEMBERS[type_].items()} == {
        name: declared(schema, name) for name in schema["properties"]
    }


def test_the_document_says_what_the_table_says() -> None:
    """`docs/format.md` section 7.3, by which others write their verifier."""
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- members -->")[2].partition("<!-- end of members -->")[0].strip().splitlines()[2:]
    told = {}
    for row in rows:
        _, event, must, may, _ = row.split("|")
        named = [re.findall(r"`([a-z_0-9]+)`", re.sub(r"\([^)]*\)", "", cell)) for cell in (must, may)]
        told[re.findall("`([^`]+)`", event)[0]] = {
            name: place == 0 for place, names in enumerate(named) for name in names
        }
        for name, member in MEMBERS[re.findall("`([^`]+)`", event)[0]].items():
            for value in member.values:
                assert f"`{value}`" in must, name
    assert told == {
        type_: {name: member.required for name, member in members.items()} for type_, members in MEMBERS.items()
    }


def test_every_event_of_the_allocation_is_in_the_table() -> None:
    assert {type_ for type_ in CLASSES if type_.startswith("allocation.")} <= set(MEMBERS)


@pytest.mark.parametrize("type_", MEMBERS)
def test_an_event_without_a_member_that_it_must_have_is_named(type_: str) -> None:
    example = {
        name: next(iter(member.values), "0" * 64 if member.pattern else "2020") if member.type is str
        else member.type([1] if member.type is not dict else {})
        if member.type is not int else 1
        for name, member in MEMBERS[type_].items()
    }  # fmt: skip
    assert read_event(type_, json.dumps(example).encode()) == example
    for name, member in MEMBERS[type_].items():
        less = {other: value for other, value in example.items() if other != name}
        if member.required:
            with pytest.raises(FormError, match=f"^{name} is missing$"):
                read_event(type_, json.dumps(less).encode())
        else:
            assert read_event(type_, json.dumps(less).encode()) == less


@given(st.sampled_from(sorted(DRAWN)), st.none() | st.booleans() | st.just([]) | st.just({}) | st.just("\x00"))
def test_a_member_of_another_type_is_refused(name: str, value: Any) -> None:
    expected = read_event("allocation.drawn/1", json.dumps(DRAWN).encode())
    assert expected == DRAWN
    if name == "occurred_at" and isinstance(value, str):
        return  # what is a time is not this check's business
    with pytest.raises(FormError, match=name):
        read_event("allocation.drawn/1", json.dumps(DRAWN | {name: value}).encode())


@pytest.mark.parametrize(("index", "good"), [(0, False), (1, True), (LONGEST_LIST, True), (LONGEST_LIST + 1, False)])
def test_an_index_counts_from_1_to_a_million(index: int, good: bool) -> None:
    assert MEMBERS["allocation.drawn/1"]["index"].fits(index) is good


@pytest.mark.parametrize("value", ["", "***", "QQ", "QR==", "QQ==\n", "A" * (4 * MOST_OUTSIDE)])
def test_an_outside_value_is_padded_base64_of_its_own_bytes_and_not_too_long(value: str) -> None:
    assert outside_value({"value": "QQ=="}) == b"A"
    with pytest.raises(FormError, match="value is not the base64 of 1 to 16,384 bytes"):
        outside_value({"value": value})


@pytest.mark.parametrize(
    ("protocol", "factors"),
    [
        ({}, ("SITE",)),
        ({"settings": {"stratification": {}}}, ("SITE",)),
        ({"settings": {"stratification": {"factors": []}}}, ()),
        ({"settings": {"stratification": {"factors": ["SEX", "SITE"]}}}, ("SEX", "SITE")),
    ],
)
def test_factors_that_a_protocol_leaves_out_are_the_site(protocol: dict[str, Any], factors: tuple[str, ...]) -> None:
    assert factors_of({"protocol": protocol}) == factors


@pytest.mark.parametrize("settings", [7, [], {"stratification": None}, {"stratification": {"factors": [1]}}])
def test_a_protocol_that_cannot_be_read_is_refused(settings: Any) -> None:
    with pytest.raises(FormError, match="factors"):
        factors_of({"protocol": {"settings": settings}})
    with pytest.raises(FormError, match="arms"):
        arms_of({"protocol": {"arms": [settings]}})
