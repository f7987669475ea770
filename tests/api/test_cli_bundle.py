"""`export bundle` from the command line: what it prints, how it refuses; and the verifier alone takes what it made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.proof.bundle import digest_of
from tests.api.cli_runs import Demo, environment, here, process


@pytest.fixture
def ledger(demo: Demo, tmp_path: Path) -> Path:
    return demo.copy(tmp_path / "copied")


def test_a_bundle_is_made_and_told_of_as_json(ledger: Path) -> None:
    output = ledger.with_name("x.zip")
    done = here("export", "bundle", ledger, "-o", output, "--for", "sponsor", "--actor", "s-1", "--json")
    assert done.code == 0, done.err
    told = done.json
    assert told["file"] == str(output)
    assert told["role"] == "sponsor"
    assert told["bytes"] == output.stat().st_size
    assert told["sha256"] == digest_of(output.read_bytes()).hex()
    assert told["position"].keys() == {"open"}
    assert told["checkpoint"] == told["position"]["open"] + 1


def test_the_verifier_alone_takes_what_was_made(ledger: Path) -> None:
    for role, more in (("sponsor", ()), ("monitor", ("--site", "S01")), ("statistician", ()), ("archive", ())):
        output = ledger.with_name(f"{role}.zip")
        made = process("export", "bundle", ledger, "-o", output, "--for", role, "--actor", "x-1", *more)
        assert made.code == 0, made.err
        assert str(output) in made.out
        done = subprocess.run(
            [sys.executable, "-m", "ledger.proof", output, "--json"],
            capture_output=True,
            env=environment(),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["ok"] is True
        assert bool(report["opened"].get("arm")) is (role == "statistician")
        assert bool(report["opened"].get("identity")) is (role == "monitor")


def test_a_position_that_lies_within_both_books_is_told_as_both(ledger: Path) -> None:
    output = ledger.with_name("x.zip")
    done = here("export", "bundle", ledger, "-o", output, "--for", "dmc", "--at", "2020-05-20", "--json")
    assert done.code == 0, done.err
    assert done.json["position"].keys() == {"open", "sealed"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--for", "sponsor", "--at", "999999"], 2, ["ledger ends at position"]),
        (["--for", "sponsor", "--at", "5/5"], 2, ["no position in the sealed book"]),
        (["--for", "sponsor", "--at", "now"], 2, ["neither a position"]),
        (["--for", "monitor", "--site", "S99"], 2, ["--site", "S99"]),
        (["--for", "sponsor", "--site", "S01"], 3, ["may not see names"]),
        (["--for", "sponsor", "--actor", "two words"], 2, ["--actor"]),
    ],
)
def test_what_is_not_to_be_had_is_refused_in_one_sentence(
    ledger: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    output = ledger.with_name("x.zip")
    here("export", "bundle", ledger, "-o", output, *arguments).refused_in_one_sentence(*words, code=code)
    assert not output.exists()


def test_a_file_that_is_there_is_not_overwritten(ledger: Path) -> None:
    output = ledger.with_name("x.zip")
    output.write_bytes(b"mine")
    done = here("export", "bundle", ledger, "-o", output, "--for", "sponsor")
    done.refused_in_one_sentence(str(output), "exists already")
    assert output.read_bytes() == b"mine"


def test_what_is_no_ledger_gives_no_bundle(tmp_path: Path) -> None:
    other = tmp_path / "x.txt"
    other.write_text("no ledger")
    done = here("export", "bundle", other, "-o", tmp_path / "x.zip", "--for", "sponsor")
    done.refused_in_one_sentence("x.txt", "is not a ledger")
    here(
        "export", "bundle", tmp_path / "none.db", "-o", tmp_path / "x.zip", "--for", "sponsor"
    ).refused_in_one_sentence("there is no such file")
    assert not (tmp_path / "x.zip").exists()


def test_the_role_has_to_be_named(ledger: Path) -> None:
    done = here("export", "bundle", ledger, "-o", ledger.with_name("x.zip"))
    assert done.code == 2
    assert "--for" in done.err
