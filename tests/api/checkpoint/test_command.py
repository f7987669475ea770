"""The commands `checkpoint` and `keys`, and the demo's checkpoints."""

import os
import shutil
from pathlib import Path

import pytest

from api.evidence.continuing import continue_ledger
from ledger.keys.file import keys_folder
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import CHECKPOINTS, evidence_folder
from ledger.proof.note import ED25519, ML_DSA_44, VerifierKey
from tests.api.cli_runs import Demo, here, process
from tests.api.evidence_ledgers import SPONSOR, assert_all_consistent, checkpoints
from tests.trials import Trial


def test_the_command_prints_the_path_and_the_note_and_keys_prints_what_verifies_it(trial: Trial) -> None:
    done = here("checkpoint", trial.path)
    path, _, note = done.out.partition("\n")
    assert Path(path).parent == evidence_folder(trial.path) / CHECKPOINTS
    assert Path(path).read_text() == note
    lines = here("keys", trial.path).out.splitlines()
    keys = [VerifierKey.parse(line) for line in lines]
    assert [key.type for key in keys] == [ED25519, ML_DSA_44]
    assert len(open_checkpoint(note.encode(), keys).signatures) == 2
    assert here("keys", trial.path, "--json").json == {"keys": lines, "former": []}
    as_json = here("checkpoint", trial.path, "--json").json
    assert (as_json["file"], as_json["note"], as_json["size"]) == (path, note, 4)


def test_former_keys_come_after_those_in_force(trial: Trial) -> None:
    before = here("keys", trial.path).out.splitlines()
    continue_ledger(trial.path, reason="the key was stolen", actor=SPONSOR, clock=trial.clock)
    lines = here("keys", trial.path).out.splitlines()
    assert lines[2:] == before
    assert not set(lines[:2]) & set(before)


def test_the_demo_signs_its_ledger_and_a_second_one_leaves_no_evidence_of_the_first(tmp_path: Path, demo: Demo) -> None:
    assert demo.done.code in (0, 1), demo.done.err
    found = checkpoints(demo.ledger)
    assert len(found) > 3
    assert_all_consistent(demo.ledger, found)
    copy = tmp_path / "demo"
    shutil.copytree(demo.folder, copy)
    before = set(os.listdir(evidence_folder(copy / demo.ledger.name) / CHECKPOINTS))
    process("demo", "--dir", copy, "--no-serve", "--subjects", 2, "--seed", 5)
    after = set(os.listdir(evidence_folder(copy / demo.ledger.name) / CHECKPOINTS))
    assert after
    assert not before & after, "their names begin with the origin's hash"


@pytest.mark.parametrize("name", ["checkpoint", "keys"])
def test_what_is_no_ledger_and_what_has_no_keys_ends_with_one_sentence(tmp_path: Path, trial: Trial, name: str) -> None:
    here(name, tmp_path / "none.db").refused_in_one_sentence("there is no such file")
    trial.ledger.close()
    shutil.rmtree(keys_folder(trial.path))
    here(name, trial.path).refused_in_one_sentence(".keys")
