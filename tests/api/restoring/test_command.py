"""`trial-ledger init --from-bundle` and `diff` as people meet them: exit codes, sentences, JSON."""

import json
from pathlib import Path

import pytest

from ledger.keys.file import keys_folder
from ledger.keys.signing import load_signing_keys
from tests.api.bundle.making import made
from tests.api.cli_runs import here, process, recommendation
from tests.api.restoring.looking import lying


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "other").mkdir()
    return tmp_path / "other" / "again.db"


def policy(ledger: Path, to: Path) -> Path:
    logs = "".join(f"log {key.encode()}\n" for key in load_signing_keys(ledger).vkeys)
    to.write_text(f"{logs}quorum none\n")
    return to


def test_an_archive_is_restored_and_goes_on(mine: Path, other: Path, tmp_path: Path) -> None:
    archive = made(mine, "archive")
    trust = policy(mine, tmp_path / "policy")
    done = process("init", "--from-bundle", archive, other, "--keys", keys_folder(mine), "--policy", trust, "--json")
    assert done.code == 0, done.err
    assert (done.json["recording"], done.json["role"], done.json["missing_keys"]) == ("continue", "archive", [])
    assert done.json["report"]["ok"]
    command = tmp_path / "commands"
    command.write_text(json.dumps(recommendation(1)) + "\n")
    here("submit", command, other).refused_in_one_sentence("trial-ledger continue")
    assert here("continue", other, "--reason", "the server is gone").code == 0
    assert here("submit", command, other).code == 0
    assert here("verify", other).code == 0
    keys = here("keys", other, "--json").json
    assert keys["former"] == [key.encode() for key in load_signing_keys(mine).vkeys]
    diff = here("diff", archive, other, "--json")
    assert diff.code == 0
    assert diff.json["books"]["open"]["only"]["b"]["entries"][0]["type"] == "ledger.continued/1"


def test_what_stays_closed_is_said(mine: Path, other: Path) -> None:
    done = here("init", "--from-bundle", made(mine, "archive"), other)
    assert done.code == 0
    assert "sealed sections stay closed" in done.out
    for kind in ("identity", "sealed"):
        assert f"Without {keys_folder(other)}/{kind}.kek" in done.err


def test_a_masked_bundle_is_restored_for_reading(mine: Path, other: Path, tmp_path: Path) -> None:
    done = here("init", "--from-bundle", made(mine, "sponsor"), other)
    assert done.code == 0
    assert "sealed book: not in this file" in done.out
    assert "nothing can be recorded" in done.err
    assert here("verify", other).code == 0
    assert here("show", "enrolment", other, "--role", "sponsor").code == 0
    command = tmp_path / "commands"
    command.write_text(json.dumps(recommendation(1)) + "\n")
    here("submit", command, other).refused_in_one_sentence("nothing can be recorded in it")
    here("entry", other, "0", "--sealed").refused_in_one_sentence("has no entry 0")


def test_with_a_finding_it_ends_with_1_and_makes_nothing(mine: Path, other: Path, tmp_path: Path) -> None:
    bundle = made(mine, "sponsor")
    damaged = bytearray(bundle.read_bytes())
    damaged[damaged.index(b'"org":"FJD"') + 7] ^= 1
    altered = tmp_path / "altered.zip"
    altered.write_bytes(damaged)
    done = here("init", "--from-bundle", altered, other)
    assert done.code == 1
    assert "NOT verified" in done.out
    assert "nothing is made of it" in done.err
    assert here("init", "--from-bundle", altered, other, "--json").json["ledger"] is None
    assert lying(other.parent) == {}


@pytest.mark.parametrize(
    "options",
    [["--keys", "x"], ["--policy", "x"], ["--from-bundle", "x", "--protocol", "y"], ["--authorities", "x"]],
)
def test_options_that_do_not_go_together_are_a_mistake_of_usage(other: Path, options: list[str]) -> None:
    done = here("init", other, *options)
    assert done.code == 2
    assert lying(other.parent) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.zip", "there is no such file"), ("trial.db", "is no evidence bundle"), ("trial.db.keys", "is a folder")],
)
def test_what_is_no_bundle_is_named(mine: Path, other: Path, name: str, words: str) -> None:
    here("init", "--from-bundle", mine.with_name(name), other).refused_in_one_sentence(words, name)
    assert lying(other.parent) == {}


def test_diff_of_what_is_not_there_or_of_another_kind_ends_with_3(mine: Path, tmp_path: Path) -> None:
    here("diff", mine, tmp_path / "none").refused_in_one_sentence("there is no such file")
    text = tmp_path / "text"
    text.write_text("text")
    here("diff", text, mine).refused_in_one_sentence("not a ledger")
    here("diff", mine, mine, "--policy", text).refused_in_one_sentence("policy")


def test_diff_is_the_same_in_words_and_in_json(mine: Path, tmp_path: Path) -> None:
    bundle = made(mine, "sponsor", "20")
    said, told = here("diff", mine, bundle), here("diff", mine, bundle, "--json")
    assert (said.code, told.code) == (0, 0)
    assert "the first 21 are the same" in said.out
    book = told.json["books"]["open"]
    assert (book["common"]["size"], book["parts_at"], told.json["same"]) == (21, None, True)
    assert told.json["sides"]["b"] == {"path": str(bundle), "kind": "bundle", "role": "sponsor", "size": {"open": 21}}
    assert here("diff", mine, bundle, "--policy", policy(mine, tmp_path / "policy")).code == 0


@pytest.mark.parametrize("role", ["sponsor", "statistician"])
def test_of_what_was_restored_for_reading_a_dossier_is_made_that_says_it_is_recorded_nowhere(
    mine: Path, other: Path, tmp_path: Path, role: str
) -> None:
    here("init", "--from-bundle", made(mine, role), other)
    before = other.read_bytes()
    done = here("reconstruct", other, "--at", "20", "-o", tmp_path / "out", "--role", role)
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["recorded"] is False
    assert other.read_bytes() == before
    assert here("rebuild", other).code == 0
    here("export", "csv", other, "-o", tmp_path / "no", "--for", role).refused_in_one_sentence("restored", code=3)


def test_of_what_was_restored_for_reading_there_are_no_keys_and_that_is_said(mine: Path, other: Path) -> None:
    here("init", "--from-bundle", made(mine, "sponsor"), other)
    for command in ("keys", "checkpoint"):
        here(command, other).refused_in_one_sentence("was restored from a bundle for the role sponsor", code=3)


def test_going_on_without_a_key_encryption_key_says_what_stays_closed(mine: Path, other: Path) -> None:
    here("init", "--from-bundle", made(mine, "archive"), other)
    done = here("continue", other, "--reason", "the server was lost")
    assert done.code == 0, done.err
    assert "sealed.kek the sealed book" in done.err


def test_a_dossier_of_a_bundle_that_does_not_verify_names_the_findings(mine: Path, tmp_path: Path) -> None:
    path = made(mine, "sponsor")
    data = bytearray(path.read_bytes())
    at = data.index(b'"open_head"') if b'"open_head"' in data else len(data) // 2
    data[at] ^= 1
    path.write_bytes(data)
    done = here("reconstruct", path, "--at", "20", "-o", tmp_path / "out", "--role", "sponsor")
    assert done.code in {1, 3}
    assert not (tmp_path / "out").exists()
    assert "restored" not in done.err
