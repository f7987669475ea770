"""`init`: a ledger with its keys and its protocol, or nothing at all."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.protocol import reference_protocol
from tests.api.cli_runs import contents, here, process, size_of, small_disk


def protocol_file(folder: Path, **changes: Any) -> Path:
    path = folder / "protocol.json"
    path.write_text(json.dumps(reference_protocol().model_dump(mode="json") | changes))
    return path


def test_init_registers_the_reference_trial_and_says_where_the_keys_are(tmp_path: Path) -> None:
    done = process("init", "new.db", cwd=tmp_path)
    assert done.code == 0
    assert done.stdout == b""
    assert "NCT04348461 is registered; origin localhost/NCT04348461/" in done.err
    assert "new.db.keys" in done.err
    assert "disagrees with itself" in done.err
    assert size_of(tmp_path / "new.db") == 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new.db.keys").iterdir()} == {0o600}


def test_init_as_json_names_origin_trial_and_conflicts(tmp_path: Path) -> None:
    done = here("init", tmp_path / "new.db", "--host", "ledger.example.org", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json.keys() == {"ledger", "origin", "trial", "conflicts"}
    assert done.json["origin"].startswith("ledger.example.org/NCT04348461/")
    assert all(conflict.keys() == {"code", "message"} for conflict in done.json["conflicts"])


def test_a_protocol_of_ones_own_is_registered(tmp_path: Path) -> None:
    registration = {"org_study_id": "MY 1/2 é", "brief_title": "Mine"}
    done = here("init", tmp_path / "new.db", "--protocol", protocol_file(tmp_path, registration=registration), "--json")
    assert done.code == 0
    assert done.json["trial"] == "MY 1/2 é"
    assert done.json["origin"].startswith("localhost/MY-1-2-/")
    assert size_of(tmp_path / "new.db") == 1


def test_each_problem_of_a_protocol_is_named_with_its_field_and_rule(tmp_path: Path) -> None:
    path = protocol_file(tmp_path, arms=[{"code": "A"}], colour="red", settings=None)
    done = here("init", tmp_path / "new.db", "--protocol", path)
    assert done.code == 3
    lines = done.err.splitlines()
    assert len(lines) >= 3
    assert all(line.startswith(f"error: {path}: ") and line.count(": ") >= 3 for line in lines)
    for field in ("arms[0].", "colour", "settings"):
        assert any(line.startswith(f"error: {path}: {field}") for line in lines), field
    assert contents(tmp_path).keys() == {"protocol.json"}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1.5}', "decimals travel as strings"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b"\xff", "not UTF-8"),
        (b"[]", "error"),
    ],
)
def test_what_is_no_protocol_is_refused(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "protocol.json"
    path.write_bytes(data)
    done = here("init", tmp_path / "new.db", "--protocol", path)
    done.refused_in_one_sentence(str(path), word)
    assert contents(tmp_path).keys() == {"protocol.json"}


def test_a_missing_protocol_file_is_named(tmp_path: Path) -> None:
    here("init", tmp_path / "new.db", "--protocol", tmp_path / "no.json").refused_in_one_sentence("no.json", "No such")
    assert contents(tmp_path) == {}


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("mine")
    here("init", path).refused_in_one_sentence("a.db: exists already")
    assert contents(tmp_path) == {"a.db": b"mine"}


def test_a_ledger_and_its_keys_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert here("init", path).code == 0
    before = contents(tmp_path)
    here("init", path).refused_in_one_sentence("a.db: exists already")
    path.unlink()
    here("init", path).refused_in_one_sentence("keys are there already")
    assert contents(tmp_path) == {name: data for name, data in before.items() if name != "a.db"}


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a+b", "ü.example", "-a", "a\nb"])
def test_a_host_that_could_not_stand_in_an_origin_is_a_usage_error(tmp_path: Path, host: str) -> None:
    here("init", tmp_path / "new.db", "--host", host).refused_in_one_sentence("--host", code=2)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("org", ["", "a\x1b[2J", "x" * 201])
def test_an_organisation_that_is_no_name_is_a_usage_error(tmp_path: Path, org: str) -> None:
    here("init", tmp_path / "new.db", "--org", org).refused_in_one_sentence("--org", code=2)
    assert contents(tmp_path) == {}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    here("init", tmp_path / "no" / "new.db").refused_in_one_sentence("there is no folder", str(tmp_path / "no"))


def test_a_read_only_folder_leaves_neither_file_nor_keys(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        disk.read_only()
        process("init", disk.path / "new.db").refused_in_one_sentence("Read-only file system")
        assert contents(disk.path) == {}


def test_a_disk_too_small_for_a_ledger_is_left_empty(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32k") as disk:
        done = process("init", disk.path / "new.db")
        done.refused_in_one_sentence("new.db")
        assert contents(disk.path) == {}
