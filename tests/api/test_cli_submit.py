"""`submit`: each line is recorded whole or refused by name; nothing that a line holds ends the program."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from api.bootstrap import open_trial
from api.cli.record import submit_line
from api.simulation import Pharmacy, story, with_treatments
from ledger.domain.commands import COMMANDS, CommandError, parse_command
from ledger.domain.protocol import reference_protocol
from tests.api.cli_runs import here, ndjson, process, recommendation, size_of
from tests.domain.test_criteria import GOOD


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that hostile lines are thrown at, one after another."""
    path = tmp_path_factory.mktemp("submit") / "trial.db"
    assert here("init", path).code == 0
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    path = tmp_path / "trial.db"
    assert here("init", path).code == 0
    return path


_NUMBERS = iter(range(1000, 10**6))


def good() -> bytes:
    return ndjson(recommendation(next(_NUMBERS)))


def mangled(**changes: Any) -> bytes:
    return ndjson(recommendation(1, **changes))


def without(name: str) -> bytes:
    value = recommendation(1)
    del value[name]
    return ndjson(value)


SCREENING = (
    '{"id":"s","type":"record-screening","actor":{"id":"a","role":"investigator","org":"o"},'
    '"occurred_at":"2020-05-06","data":{"subject":"S01-001","values":{"age_years":%s}}}'
)
ACTOR = {"id": "a", "role": "sponsor", "org": "o"}
HOSTILE: dict[str, tuple[bytes, str, str]] = {
    "duplicate keys": (b'{"id":"a","id":"b"}', "$", "stands twice"),
    "duplicate keys within": (b'{"data":{"site":"a","site":"b"}}', "$", "stands twice"),
    "NaN": (b'{"id":NaN}', "$", "NaN"),
    "infinity": (b'{"id":-Infinity}', "$", "-Infinity"),
    "1e999": ((SCREENING % "1e999").encode(), "$", "1e999"),
    "1e999999999": ((SCREENING % "1e999999999").encode(), "$", "beyond 10^15"),
    "a number of many digits": ((SCREENING % ("1." + "1" * 5000)).encode(), "$", "characters"),
    "a huge integer": ((SCREENING % ("9" * 5000)).encode(), "$", "beyond 2^53 - 1"),
    "2^53": ((SCREENING % str(2**53)).encode(), "$", "beyond 2^53 - 1"),
    "a lone surrogate": (mangled(data={"recommendation": "CONTINUE", "text": "\ud800"}), "$", "surrogate"),
    "a lone surrogate in a key": (b'{"\\udfff":1}', "$", "not ASCII"),
    "a byte order mark": (b"\xef\xbb\xbf" + mangled(), "$", "byte order mark"),
    "not UTF-8": (b'{"id":"\xff"}', "$", "not UTF-8 at byte 7"),
    "Latin-1": ('{"id":"José"}'.encode("latin-1"), "$", "not UTF-8"),
    "a surrogate in UTF-8": (b'{"id":"\xed\xa0\x80"}', "$", "not UTF-8"),
    "depth 100 of arrays": (b"[" * 100 + b"]" * 100, "$", "nested deeper"),
    "depth 100 of objects": (b'{"a":' * 100 + b"1" + b"}" * 100, "$", "nested deeper"),
    "depth 100,000, unclosed": (b"[" * 100_000, "$", "nested deeper"),
    "two megabytes": (b'{"id":"' + b"x" * (2 << 20) + b'"}', "$", "longer than"),
    "an array": (b"[1,2]", "$", "must be an object"),
    "a number": (b"5", "$", "must be an object"),
    "a string": (b'"activate-site"', "$", "must be an object"),
    "null": (b"null", "$", "must be an object"),
    "an empty object": (b"{}", "id", "is missing"),
    "two objects": (b"{} {}", "$", "not JSON"),
    "half a line": (mangled()[:-20], "$", "not JSON"),
    "single quotes": (b"{'id':1}", "$", "not JSON"),
    "a trailing comma": (b'{"id":"a",}', "$", "not JSON"),
    "a zero byte": (b"\x00", "$", "not JSON"),
    "a raw control character": (b'{"id":"a\x07"}', "$", "not JSON"),
    "a key that is not ASCII": ('{"é":1}'.encode(), "$", "not ASCII"),
    "an unknown type": (mangled(type="delete-everything"), "type", "no command"),
    "a type with an escape sequence": (mangled(type="\x1b[2J"), "type", "no command"),
    "a type that is no text": (mangled(type=["activate-site"]), "type", "string"),
    "an unknown field": (mangled(urgent=True), "urgent", "unknown field"),
    "an unknown field of data": (mangled(data={"recommendation": "CONTINUE", "x": 1}), "data.x", "unknown field"),
    "an unknown field of the actor": (mangled(actor=ACTOR | {"x": 1}), "actor.x", "unknown field"),
    "no id": (without("id"), "id", "is missing"),
    "no type": (without("type"), "type", "is missing"),
    "no actor": (without("actor"), "actor", "is missing"),
    "no time": (without("occurred_at"), "occurred_at", "is missing"),
    "no data": (without("data"), "data", "is missing"),
    "data without its field": (mangled(data={}), "data.recommendation", "is missing"),
    "data that is a list": (mangled(data=[]), "data", "object"),
    "data that is null": (mangled(data=None), "data", "object"),
    "a number for a text": (mangled(data={"recommendation": "CONTINUE", "text": 5}), "data.text", "string"),
    "true for a text": (mangled(data={"recommendation": "CONTINUE", "text": True}), "data.text", "string"),
    "an id that is a number": (mangled(id=5), "id", "string"),
    "an id with a space": (mangled(id="a b"), "id", "without spaces"),
    "an id with a line break": (mangled(id="a\n"), "id", "without spaces"),
    "an empty id": (mangled(id=""), "id", "1 to 128"),
    "a long id": (mangled(id="x" * 129), "id", "1 to 128"),
    "an id that is not ASCII": (mangled(id="é"), "id", "printable ASCII"),
    "an actor that is a text": (mangled(actor="me"), "actor", "object"),
    "an unknown role": (mangled(actor=ACTOR | {"role": "king"}), "actor.role", "'investigator'"),
    "a role that may not": (mangled(actor=ACTOR | {"role": "auditor"}), "actor.role", "auditor"),
    "a zero byte in a name": (mangled(actor=ACTOR | {"org": "a\x00"}), "actor.org", "control characters"),
    "an escape sequence in a name": (mangled(actor=ACTOR | {"org": "\x1b[31m"}), "actor.org", "control characters"),
    "a line break in a name": (mangled(actor=ACTOR | {"org": "a\nb"}), "actor.org", "control characters"),
    "a control character in a site": (
        ndjson(recommendation(1, type="activate-site", data={"site": "T\x07"})),
        "data.site",
        "letters, digits",
    ),
    "a control character in a text": (
        ndjson(recommendation(1, type="halt-trial", data={"reason": "\x1b]0;gotcha\x07"})),
        "data.reason",
        "control characters",
    ),
    "a time in words": (mangled(occurred_at="yesterday"), "occurred_at", "ISO 8601"),
    "a day that never was": (mangled(occurred_at="2020-02-30"), "occurred_at", "not a possible date"),
    "a time to come": (mangled(occurred_at="2999-01-01"), "occurred_at", "future"),
    "a time that is a number": (mangled(occurred_at=20200506), "occurred_at", "string"),
    "a provenance of another kind": (mangled(provenance={"kind": "x", "source": "y"}), "provenance.kind", "import"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_refused_by_name_and_the_next_one_recorded(ledger: Path, name: str) -> None:
    line, field, words = HOSTILE[name]
    before = size_of(ledger)
    done = here("submit", "-", ledger, "--json", stdin=line.rstrip(b"\n") + b"\n" + good())
    assert done.code == 3
    assert done.err == ""
    refused, recorded = done.lines
    assert (refused["line"], refused["status"]) == (1, "refused")
    assert any(problem["field"] == field and words in problem["message"] for problem in refused["problems"]), refused
    assert all(problem.keys() == {"field", "rule", "message"} for problem in refused["problems"])
    assert (recorded["line"], recorded["status"], recorded["seq"]) == (2, "recorded", before)
    assert size_of(ledger) >= before + 1


def test_all_hostile_lines_at_once_leave_a_ledger_that_verifies_and_no_traceback(fresh: Path, tmp_path: Path) -> None:
    lines = [line.rstrip(b"\n") for line, _, _ in HOSTILE.values()]
    path = tmp_path / "hostile.ndjson"
    path.write_bytes(b"\n".join([*lines, b"", b"  ", good().strip()]))  # and no line break at the end
    done = process("submit", path, fresh)
    assert done.code == 3
    assert done.err == f"1 recorded, {len(lines)} refused\n"
    told = done.out.splitlines()
    for number in range(1, len(lines) + 1):
        assert any(line.startswith(f"refused: {path}, line {number}, field ") for line in told), number
    assert all(" (rule " in line for line in told)
    assert not any(ord(character) < 32 for line in told for character in line)
    assert size_of(fresh) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(recommendation(1))), value=JSON, more=st.dictionaries(st.text(), JSON, max_size=2))
def test_whatever_stands_in_a_command_it_is_recorded_or_refused_by_name(
    ledger: Path, name: str, value: Any, more: dict[str, Any]
) -> None:
    with closing(open_trial(ledger)) as trial:
        answer = submit_line(trial, ndjson(recommendation(next(_NUMBERS)) | more | {name: value}))
    assert answer["status"] in ("recorded", "repeated") or all(
        problem["field"] and problem["rule"] and problem["message"] for problem in answer["problems"]
    )
    json.dumps(answer, ensure_ascii=False).encode()


@given(line=st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0d8-1.e"abc').map(str.encode))
def test_no_bytes_end_the_program(ledger: Path, line: bytes) -> None:
    with closing(open_trial(ledger)) as trial:
        answer = submit_line(trial, line)
    assert answer["status"] == "refused"
    json.dumps(answer, ensure_ascii=False).encode()


def test_utf_16_is_refused_line_by_line(fresh: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        done = here("submit", "-", fresh, "--json", stdin=good().decode().encode(encoding))
        assert done.code == 3
        assert {answer["status"] for answer in done.lines} == {"refused"}
    assert size_of(fresh) == 1


def test_every_fault_of_a_line_is_named_at_once(fresh: Path) -> None:
    done = here("submit", "-", fresh, "--json", stdin=mangled(id="a b", occurred_at="x", data={"y": 1}, z=1))
    fields = {problem["field"] for problem in done.json["problems"]}
    assert fields == {"id", "occurred_at", "data.recommendation", "data.y", "z"}


def test_a_file_is_recorded_and_answered_with_positions(fresh: Path, tmp_path: Path) -> None:
    path = tmp_path / "commands.ndjson"
    path.write_bytes(b"\n" + ndjson(recommendation(1)) + b"\r\n" + ndjson(recommendation(2)))
    done = process("submit", path, fresh, "--json")
    assert (done.code, done.err) == (0, "")
    assert [(a["line"], a["id"], a["status"], a["book"], a["seq"], a["count"]) for a in done.lines] == [
        (2, "dmc-1", "recorded", "open", 1, 1),
        (4, "dmc-2", "recorded", "open", 2, 1),
    ]
    assert size_of(fresh) == 3


def test_a_command_that_comes_again_is_answered_the_same_and_recorded_once(fresh: Path) -> None:
    first = here("submit", "-", fresh, "--json", stdin=ndjson(recommendation(1))).json
    done = here("submit", "-", fresh, "--json", stdin=ndjson(recommendation(2), recommendation(1)))
    again = done.lines[1]
    assert done.code == 0
    assert again["status"] == "repeated"
    assert {**again, "status": "recorded", "line": 1} == first
    assert size_of(fresh) == 3
    assert (
        here("submit", "-", fresh, stdin=ndjson(recommendation(1))).err == "0 recorded, 1 recorded earlier, 0 refused\n"
    )


def test_an_id_that_comes_again_with_other_content_is_refused(fresh: Path) -> None:
    done = here("submit", "-", fresh, "--json", stdin=ndjson(recommendation(1), recommendation(2, id="dmc-1")))
    assert done.code == 3
    assert done.lines[1]["problems"][0] == {
        "field": "id",
        "rule": "command-reused",
        "message": "command dmc-1 was recorded before, with other content",
    }
    assert size_of(fresh) == 2


def test_a_rule_that_forbids_a_command_is_named_with_its_field(fresh: Path) -> None:
    enrol = recommendation(1, type="enrol-subject", actor=ACTOR | {"role": "investigator"}, data={"subject": "S01-001"})
    done = here("submit", "-", fresh, stdin=ndjson(enrol))
    assert done.code == 3
    assert done.out.startswith("refused: stdin, line 1, field data.")
    assert "(rule " in done.out
    assert size_of(fresh) == 1


def test_stop_on_error_records_nothing_after_the_first_refusal(fresh: Path) -> None:
    lines = ndjson(recommendation(1)) + b"nonsense\n" + ndjson(recommendation(2))
    done = here("submit", "-", fresh, "--json", "--stop-on-error", stdin=lines)
    assert done.code == 3
    assert [answer["status"] for answer in done.lines] == ["recorded", "refused"]
    assert size_of(fresh) == 2
    done = here("submit", "-", fresh, "--json", stdin=lines)
    assert [answer["status"] for answer in done.lines] == ["repeated", "refused", "recorded"]


def test_a_decimal_may_be_a_json_number_or_a_text_and_is_the_same_command(fresh: Path) -> None:
    consent = {
        "id": "c",
        "type": "record-consent",
        "actor": ACTOR | {"role": "investigator"},
        "occurred_at": "2020-05-06T10:00+02:00",
        "data": {"subject": "S01-001", "site": "S01", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0"},
    }
    values = {name: value if isinstance(value, bool | int | str) else str(value) for name, value in GOOD.items()}
    decimal = next(name for name, value in GOOD.items() if not isinstance(value, bool | int | str))
    screening = consent | {"id": "s", "type": "record-screening", "occurred_at": "2020-05-06T11:00+02:00"}
    texts = json.dumps(screening | {"data": {"subject": "S01-001", "values": values}})
    numbers = texts.replace(f'"{decimal}": "{values[decimal]}"', f'"{decimal}": {values[decimal]}')
    assert texts != numbers
    opened = recommendation(1, type="activate-site", data={"site": "S01"})
    lines = ndjson(opened, consent) + texts.encode() + b"\n" + numbers.encode()
    done = here("submit", "-", fresh, "--json", stdin=lines)
    assert done.code == 0, done.out
    assert [answer["status"] for answer in done.lines] == ["recorded", "recorded", "recorded", "repeated"]


def test_nothing_to_submit_is_no_error(fresh: Path) -> None:
    done = here("submit", "-", fresh, stdin=b"\n \n")
    assert (done.code, done.err) == (0, "0 recorded, 0 refused\n")


def test_a_source_that_cannot_be_read_is_named(fresh: Path, tmp_path: Path) -> None:
    here("submit", tmp_path / "no.ndjson", fresh).refused_in_one_sentence("no.ndjson", "no such file")
    here("submit", tmp_path, fresh).refused_in_one_sentence(str(tmp_path), "Is a directory")
    assert size_of(fresh) == 1


def test_a_ledger_without_its_keys_takes_no_commands(fresh: Path) -> None:
    (Path(f"{fresh}.keys") / "data-keys.db").unlink()
    here("submit", "-", fresh, stdin=good()).refused_in_one_sentence("the keys of this ledger are not here")
    assert size_of(fresh) == 1


def test_keys_that_others_can_read_are_not_used(fresh: Path) -> None:
    (Path(f"{fresh}.keys") / "data-keys.db").chmod(0o644)
    here("submit", "-", fresh, stdin=good()).refused_in_one_sentence("have access to the keys", "600")


@pytest.mark.parametrize("name", ["data-keys.db", "identity.kek", "sealed.kek"])
@pytest.mark.parametrize("content", ["", "{}", "[]", '{"marks": 1, "digest": 2, "allocation": 3}', "\x00"])
def test_keys_that_are_none_are_refused(fresh: Path, name: str, content: str) -> None:
    (Path(f"{fresh}.keys") / name).write_text(content)
    here("submit", "-", fresh, stdin=good()).refused_in_one_sentence(name)
    assert size_of(fresh) == 1


# -- the schema ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    done = here("submit", "--schema")
    assert done.code == 0
    Draft202012Validator.check_schema(done.json)
    return Draft202012Validator(done.json)


def form(schema: Draft202012Validator, type_: str) -> Draft202012Validator:
    """The schema's form of one type of command: to try all forms on each command would take long."""
    whole: Any = schema.schema
    (found,) = (each for each in whole["oneOf"] if each["properties"]["type"]["const"] == type_)
    return Draft202012Validator(found | {"$defs": whole["$defs"]})


def told() -> Iterator[dict[str, Any]]:
    """The commands of the demo's story, everybody treated."""
    protocol = reference_protocol()
    happenings = story(protocol, seed=1, subjects=60)
    for step in with_treatments(happenings, lambda _: "TREATMENT", Pharmacy(protocol, seed=1)):
        yield step.command


def test_the_schema_accepts_every_command_of_the_demos_story(schema: Draft202012Validator) -> None:
    commands = list(told())
    one_of_each = {command["type"]: command for command in commands}
    assert len(one_of_each) > 15
    forms = {type_: form(schema, type_) for type_ in one_of_each}
    for command in commands:
        found = next(forms[command["type"]].iter_errors(command), None)
        assert found is None, (command, found)
    for command in one_of_each.values():
        assert schema.is_valid(command)


def test_the_schema_has_a_form_for_every_command_type(schema: Draft202012Validator) -> None:
    whole: Any = schema.schema
    forms = {each["properties"]["type"]["const"] for each in whole["oneOf"]}
    assert forms == set(COMMANDS)


def test_the_schema_refuses_what_the_program_refuses(schema: Draft202012Validator) -> None:
    one_of_each = {command["type"]: command for command in told()}
    for command in one_of_each.values():
        data = command["data"]
        required = COMMANDS[command["type"]].data.model_json_schema().get("required", [])
        broken: list[dict[str, Any]] = [
            *({name: value for name, value in command.items() if name != gone} for gone in ("id", "actor", "data")),
            *(command | {"data": {name: value for name, value in data.items() if name != gone}} for gone in required),
            command | {"extra": 1},
            command | {"data": data | {"extra": 1}},
            command | {"data": []},
            command | {"type": "delete-everything"},
            command | {"id": "a b"},
            command | {"occurred_at": 5},
            command | {"actor": command["actor"] | {"role": "king"}},
            command | {"actor": command["actor"] | {"org": "\x1b[2J"}},
        ]
        assert not schema.is_valid(broken[0])
        validator = form(schema, command["type"])
        for each in broken:
            assert not validator.is_valid(each), each
            with pytest.raises(CommandError):
                parse_command(each)
