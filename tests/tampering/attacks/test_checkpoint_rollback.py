"""What was signed is set back to something older, so that another continuation can be signed.

Attacker: the administrator of the database, who puts an older file and evidence folder in place; or an insider,
who also puts an older `signed-head` with the keys. Found by: the mark of what was signed (the ledger opens and signs
nothing); where that is set back too, by the witnesses: of a smaller checkpoint they say what they have (409), and what
grows from it otherwise they refuse (422). Not found by: file, keys, the signatures on the older checkpoint, nor its
cosignatures, which are all true.
"""

import shutil
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.cli.demo import SimulatedClock
from api.evidence.making import RestoredBackupError, make_checkpoint
from api.evidence.proving import consistency_hashes
from api.witness.asking import Outcome
from api.witness.request import encode
from ledger.keys.signed_head import SIGNED_HEAD, SigningRefusedError
from ledger.proof.evidence import evidence_folder, read_evidence
from tests.tampering.attacks.rewriting import drop_evidence
from tests.tampering.attacks.world import ASKED, NOTHING, World
from tests.trials import START


@pytest.fixture
def rolled_back(world: World, tmp_path: Path) -> Path:
    """The backup in place of the file, the first checkpoint as the only one; the keys are those of today."""
    path = world.older(tmp_path / "older")
    shutil.copytree(evidence_folder(world.path), evidence_folder(path))
    shutil.copytree(f"{world.path}.keys", f"{path}.keys")
    drop_evidence(path, above=world.sizes[0])
    return path


def without_mark(path: Path) -> Path:
    (Path(f"{path}.keys") / SIGNED_HEAD).unlink()
    return path


def test_to_a_verifier_it_is_a_whole_ledger_until_a_witness_is_asked(world: World, rolled_back: Path) -> None:
    assert world.found(rolled_back) == NOTHING | {ASKED: [("checkpoint", "open", None)]}


def test_the_mark_beside_the_keys_finds_it_at_start_and_when_signing(rolled_back: Path) -> None:
    with pytest.raises(RestoredBackupError):
        open_trial(rolled_back)
    with pytest.raises(SigningRefusedError, match="rollback"):
        make_checkpoint(rolled_back)


def test_with_an_older_mark_the_ledger_itself_finds_nothing_and_the_witnesses_refuse(
    world: World, rolled_back: Path
) -> None:
    ledger = open_trial(without_mark(rolled_back), clock=SimulatedClock(START))
    ledger.close()
    stored = make_checkpoint(rolled_back, clock=SimulatedClock(START))
    first, second = world.sizes
    assert first < stored.checkpoint.size < second
    answer = world.witness().add_checkpoint(encode(first, consistency_hashes(rolled_back, first, stored), stored.data))
    assert (answer.status, answer.body) == (409, b"%d\n" % second)
    for number in range(3):
        assert world.ask(rolled_back, stored, number).outcome is Outcome.CONTRADICTED


def test_the_checkpoint_that_the_administrator_cannot_delete_finds_it_too(world: World, rolled_back: Path) -> None:
    """Somebody's copy of the evidence folder, which is no secret and may lie anywhere."""
    found = world.found(rolled_back, evidence_folder(world.path))
    assert {level for level, places in found.items() if places} == {"signed", "stamped", "quorum", "asked", "kept"}
    assert read_evidence(evidence_folder(rolled_back)).checkpoints[-1].checkpoint.size == world.sizes[0]
