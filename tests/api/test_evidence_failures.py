"""Evidence when things go wrong: backups put back in part, and what the person at the machine is told to do."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence.continuing import continue_ledger
from api.evidence.making import RestoredBackupError, make_checkpoint
from ledger.keys.folder import KeysError, keys_folder
from ledger.keys.signed_head import SIGNED_HEAD, SigningRefusedError
from ledger.proof.evidence import evidence_folder
from tests.api.cli_runs import here, small_disk
from tests.api.evidence_ledgers import SPONSOR, backup, grow, reopened, restore, size_of, trial_of


def test_a_ledger_and_keys_restored_together_are_found_by_the_checkpoint_that_the_evidence_folder_holds(
    tmp_path: Path,
) -> None:
    trial = trial_of(tmp_path / "trial", entries=4)
    make_checkpoint(trial.path)
    copy, keys = backup(trial, tmp_path / "copy.db"), tmp_path / "keys"
    shutil.copytree(keys_folder(trial.path), keys)
    grow(trial, 2)
    lost = make_checkpoint(trial.path).checkpoint
    restore(trial, copy)
    shutil.rmtree(keys_folder(trial.path))
    shutil.copytree(keys, keys_folder(trial.path))

    with pytest.raises(RestoredBackupError, match="has 4 entries, but 6 were signed"):
        open_trial(trial.path)
    with pytest.raises(SigningRefusedError, match="rollback"):
        make_checkpoint(trial.path)
    done = continue_ledger(trial.path, reason="restored", actor=SPONSOR, clock=trial.clock)
    assert done.lost is not None
    assert (done.lost.size, done.lost.root) == (lost.size, lost.root.hex())
    reopened(trial)
    grow(trial, 1)
    assert make_checkpoint(trial.path).checkpoint.size == size_of(trial.path) == 6


def test_keys_restored_alone_sign_on_from_the_newest_checkpoint_and_never_a_fork(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial", entries=4)
    make_checkpoint(trial.path)
    keys, copy = tmp_path / "keys", backup(trial, tmp_path / "copy.db")
    shutil.copytree(keys_folder(trial.path), keys)
    grow(trial, 2)
    make_checkpoint(trial.path)
    mark = keys_folder(trial.path) / "signed-head"
    shutil.copy(keys / mark.name, mark)
    reopened(trial)
    grow(trial, 1)
    assert make_checkpoint(trial.path).checkpoint.size == 7

    shutil.copy(keys / mark.name, mark)  # once more, and now with another history that is longer
    hidden = evidence_folder(trial.path).rename(tmp_path / "hidden")
    restore(trial, copy)
    reopened(trial)
    grow(trial, 4)
    shutil.rmtree(evidence_folder(trial.path), ignore_errors=True)
    hidden.rename(evidence_folder(trial.path))
    before = mark.read_bytes()
    with pytest.raises(SigningRefusedError, match="the first 7 entries are not those that were signed"):
        make_checkpoint(trial.path)
    assert mark.read_bytes() == before


def test_a_checkpoint_in_the_folder_that_our_key_did_not_sign_keeps_nobody_from_recording(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial", entries=4)
    stored = make_checkpoint(trial.path)
    folder = evidence_folder(trial.path) / "checkpoints"
    forged = stored.data.replace(b"\n4\n", b"\n9\n", 1)
    (folder / stored.name.replace("04-", "09-")).write_bytes(forged)
    reopened(trial)
    grow(trial, 1)
    assert make_checkpoint(trial.path).checkpoint.size == 5


def test_whoever_breaks_a_code_in_a_restored_backup_is_told_of_the_envelope_and_of_going_on(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial", entries=4)
    copy = backup(trial, tmp_path / "copy.db")
    grow(trial, 2)
    make_checkpoint(trial.path)
    restore(trial, copy)
    done = here("unblind", trial.path, "S-001", "--reason", "Severe hypotension")
    going_on = f"trial-ledger continue {trial.path} --reason"
    done.refused_in_one_sentence("No arm was shown", "unblind --envelope FILE", going_on)


def test_whoever_breaks_a_code_without_the_keys_is_told_of_the_envelope(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial")
    trial.ledger.close()
    shutil.rmtree(keys_folder(trial.path))
    done = here("unblind", trial.path, "S-001", "--reason", "Severe hypotension")
    done.refused_in_one_sentence("unblind --envelope FILE")


def test_a_proof_that_cannot_be_written_is_named_by_its_own_name_and_leaves_nothing(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial")
    trial.ledger.close()
    make_checkpoint(trial.path)
    output = tmp_path / "missing" / "proof"
    here("prove", trial.path, 1, "-o", output).refused_in_one_sentence(f"{output}: No such file")
    with small_disk(tmp_path / "full", "16k"):
        output = tmp_path / "full" / "proof"
        with suppress(OSError):
            (tmp_path / "full" / "fill").write_bytes(bytes(1 << 16))
        here("prove", trial.path, 1, "-o", output).refused_in_one_sentence(f"{output}: No space left")
        assert not output.exists()


def test_a_folder_of_evidence_that_is_not_there_is_an_error_and_not_one_that_holds_nothing(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial")
    trial.ledger.close()
    file = tmp_path / "file"
    file.touch()
    for wrong in (tmp_path / "mistyped", file):
        done = here("verify", trial.path, "--no-keys", "--evidence", wrong)
        done.refused_in_one_sentence(f"{wrong}: is no folder of evidence")
    (tmp_path / "empty").mkdir()
    assert here("verify", trial.path, "--no-keys", "--evidence", tmp_path / "empty").code == 0


def test_a_damaged_mark_does_not_keep_anybody_from_going_on(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "trial", entries=4)
    make_checkpoint(trial.path)
    (keys_folder(trial.path) / SIGNED_HEAD).write_bytes(b"zzz\n")
    with pytest.raises(KeysError, match="trial-ledger continue"):
        make_checkpoint(trial.path)
    done = continue_ledger(trial.path, reason="the mark was damaged", actor=SPONSOR, clock=trial.clock)
    reopened(trial)
    assert make_checkpoint(trial.path).checkpoint.origin == done.origin
