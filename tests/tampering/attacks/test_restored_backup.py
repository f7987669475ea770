"""An older copy of the database comes back, in good faith or not.

Attacker: whoever restores the database alone; evidence folder and keys are those of today. Found by: the mark beside
the keys, when the ledger is opened and when it is signed (it goes on by an explicit act on the record alone, under a
new origin); the checkpoint in the evidence folder that is larger than the book; a witness. Not found by: the file, the
data keys, a checkpoint from before the backup.
"""

import shutil
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence.continuing import continue_ledger
from api.evidence.making import RestoredBackupError, make_checkpoint
from ledger.keys.signed_head import SigningRefusedError
from ledger.proof.evidence import evidence_folder
from tests.api.cli_runs import here
from tests.api.evidence_ledgers import SPONSOR
from tests.tampering.attacks.world import KEPT, LEVELS, World

LARGER = ("checkpoint", "open", None)


@pytest.fixture
def restored(world: World, tmp_path: Path) -> Path:
    path = world.older(tmp_path / "restored")
    shutil.copytree(evidence_folder(world.path), evidence_folder(path))
    shutil.copytree(f"{world.path}.keys", f"{path}.keys")
    return path


def test_the_evidence_beside_it_finds_it_and_the_file_does_not(world: World, restored: Path) -> None:
    found = world.found(restored)
    assert {level: places for level, places in found.items() if level not in ("file", "keys")} == {
        level: [LARGER] for level in LEVELS if level not in ("file", "keys")
    }
    assert (found["file"], found["keys"]) == ([], [])


def test_a_checkpoint_from_before_the_backup_alone_does_not_find_it(world: World, restored: Path) -> None:
    assert world.found(restored, world.folder / "none", [KEPT]) == {KEPT: []}


def test_nothing_is_recorded_in_it_and_nothing_signed(restored: Path) -> None:
    before = restored.read_bytes()
    with pytest.raises(RestoredBackupError, match="trial-ledger continue"):
        open_trial(restored)
    with pytest.raises(SigningRefusedError, match="rollback"):
        make_checkpoint(restored)
    assert restored.read_bytes() == before


def test_the_program_refuses_a_checkpoint_of_it_in_one_sentence(restored: Path) -> None:
    here("checkpoint", restored).refused_in_one_sentence("rollback")


def test_it_goes_on_by_an_act_on_the_record_and_the_loss_stays_to_be_seen(world: World, restored: Path) -> None:
    continue_ledger(restored, reason="the disk was lost", actor=SPONSOR)
    open_trial(restored).close()
    report = world.report("signed", restored)
    (finding,) = [one for one in report.findings if one.code == "checkpoint"]
    assert "the ledger was continued there, under another origin" in finding.message
