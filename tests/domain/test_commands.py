"""Commands are read strictly, and every fault of form is named at once."""

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from ledger.domain.commands import CommandError, command_schema, parse_command
from ledger.domain.decisions import COMMANDS
from ledger.domain.decisions.times import TIMES
from ledger.domain.events.base import Facts
from ledger.domain.events.treatment import Interruption
from ledger.domain.when import check_when
from ledger.proof.canonical import encode
from tests.domain.story import CONSENT, TREATMENT, Story

GOOD = Story().command("record-consent", {"subject": "P1", **CONSENT})
DOSE = Story().command("record-treatment", {"subject": "P1", **TREATMENT})


def faults(value: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(CommandError) as caught:
        parse_command(value)
    return {refusal.field: refusal.rule for refusal in caught.value.refusals}


def test_a_good_command_is_read_with_typed_data_and_has_canonical_bytes() -> None:
    command = parse_command(GOOD)
    assert type(command.data) is COMMANDS["record-consent"].data
    again = parse_command(json.loads(encode(command.model_dump(mode="json"))))
    assert again == command


def test_a_decimal_is_its_digits_whether_number_or_string() -> None:
    written = [parse_command({**DOSE, "data": {**DOSE["data"], "weight_kg": w}}) for w in ("71.50", Decimal("71.50"))]
    assert written[0] == written[1]
    assert b'"weight_kg":"71.50"' in encode(written[1].model_dump(mode="json"))


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        pytest.param({"id": "a b"}, "id", "form", id="a space in the id"),
        pytest.param({"id": ""}, "id", "form", id="an empty id"),
        pytest.param({"id": "é"}, "id", "form", id="an id that is not ASCII"),
        pytest.param({"id": "x" * 129}, "id", "form", id="an id too long"),
        pytest.param({"id": 7}, "id", "form", id="a number as an id"),
        pytest.param({"type": "record-consents"}, "type", "type", id="an unknown type"),
        pytest.param({"type": None}, "type", "form", id="no type"),
        pytest.param({"actor": {"id": "a", "role": "king", "org": "o"}}, "actor.role", "form", id="an unknown role"),
        pytest.param({"actor": {"id": "a", "role": "sponsor"}}, "actor.org", "form", id="no organisation"),
        pytest.param({"occurred_at": "yesterday"}, "occurred_at", "form", id="no date"),
        pytest.param({"occurred_at": "2020-02-30"}, "occurred_at", "form", id="an impossible date"),
        pytest.param({"data": {**GOOD["data"], "form": "ORAL"}}, "data.form", "form", id="a term not of the list"),
        pytest.param({"data": {**GOOD["data"], "witnessed": "true"}}, "data.witnessed", "form", id="a word for a yes"),
        pytest.param({"data": {**GOOD["data"], "arm": "A"}}, "data.arm", "form", id="a field not known"),
        pytest.param({"data": []}, "data", "form", id="data that are no object"),
        pytest.param({"mood": "good"}, "mood", "form", id="a member not known"),
        pytest.param({"provenance": {"kind": "rumour", "source": "x"}}, "provenance.kind", "form", id="provenance"),
        pytest.param({"data": {"x": 1.5}}, "data.x", "form", id="a float"),
    ],
)
def test_a_fault_of_form_names_its_field(change: dict[str, Any], field: str, rule: str) -> None:
    assert faults({**GOOD, **change}).get(field) == rule


def test_all_faults_are_named_at_once() -> None:
    bad = {**GOOD, "id": "", "occurred_at": "x", "data": {"site": "S01", "form": "ORAL"}}
    assert {"id", "occurred_at", "data.subject", "data.form", "data.giver"} <= set(faults(bad))


def test_a_screening_value_of_no_form_is_one_fault() -> None:
    bad = Story().command("record-screening", {"subject": "P1", "values": {"age_years": [1], "sex": None}})
    assert set(faults(bad)) == {"data.values.age_years", "data.values.sex"}


def test_the_schema_accepts_what_is_read_and_tells_types_apart() -> None:
    schema = command_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(GOOD)
    assert validator.is_valid(DOSE)
    assert not validator.is_valid({**GOOD, "data": DOSE["data"]})
    assert not validator.is_valid({**GOOD, "type": "record-dose"})
    assert {form["properties"]["type"]["const"] for form in schema["oneOf"]} == set(COMMANDS)


def test_every_date_in_the_data_of_a_command_is_among_those_that_are_checked() -> None:
    def dates(model: type[Facts]) -> set[str]:
        fields = model.model_fields.items()
        return {name for name, field in fields if check_when.__name__ in f"{field.annotation} {field.metadata}"}

    models = {spec.data for spec in COMMANDS.values()} | {Interruption}
    assert {name for model in models for name in dates(model)} == TIMES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mood": "good"}, "mood: unknown field"),
        ({"actor": {"id": "a", "role": "sponsor", "org": ""}}, "actor.org: must not be empty"),
        ({"actor": {"id": "a", "role": "sponsor"}}, "actor.org: is missing"),
        ({"data": {**GOOD["data"], "form": "ORAL"}}, "data.form: must be 'WRITTEN' or 'VERBAL'"),
        ({"type": "record-visits"}, "type: 'record-visits' is no command; did you mean record-visit?"),
        ({"type": "dance"}, "type: 'dance' is no command"),
    ],
)
def test_faults_are_told_in_words_of_ours(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command({**GOOD, **change})
    assert str(caught.value).split("; did")[0] == message.split("; did")[0]
    assert message.split("?")[0] in str(caught.value)
