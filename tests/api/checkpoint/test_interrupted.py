"""Interrupted at any step, signing and going on leave what the next goes on from."""

import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

from api.bootstrap import open_trial
from api.evidence.continuing import INTENT, continue_ledger
from api.evidence.making import RestoredBackupError, make_checkpoint
from ledger.keys.file import keys_folder
from ledger.keys.signed_head import SigningRefusedError, read_signed_head
from ledger.keys.signing import former_keys, load_signing_keys
from tests.api.evidence_ledgers import (
    SPONSOR,
    assert_all_consistent,
    backup,
    checkpoints,
    continued,
    grow,
    made,
    opened,
    restore,
    sizes,
    trial_of,
)
from tests.keys.interrupting import interrupted


def copied(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    return folder / "trial.db"


def test_interrupted_at_any_step_a_checkpoint_leaves_what_the_next_goes_on_from(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "template")
    made(trial)
    grow(trial, 3)
    trial.ledger.close()
    path = copied(tmp_path / "template", tmp_path / "whole")
    with interrupted(path.parent) as steps:
        make_checkpoint(path, clock=trial.clock)
    assert len(steps.names) > 20
    handed_out = 0
    for stop in range(len(steps.names)):
        path = copied(tmp_path / "template", tmp_path / f"stopped-{stop}")
        with interrupted(path.parent, stop), suppress(OSError):
            make_checkpoint(path, clock=trial.clock)
            handed_out += 1
        open_trial(path).close()
        left = checkpoints(path)
        assert_all_consistent(path, left)
        if sizes(path) == [4, 7]:
            mark = read_signed_head(path)
            assert mark is not None
            assert mark.size == 7, "the mark is durable before the checkpoint is there for anybody"
        stored = make_checkpoint(path, clock=trial.clock)
        assert sizes(path) == [4, 7]
        opened(path, stored.data)
        shutil.rmtree(path.parent)
    assert handed_out == 0


def test_interrupted_at_any_step_a_going_on_is_undone_or_finished_and_never_halfway(tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "template")
    copy = backup(trial, tmp_path / "backup.db")
    grow(trial, 6)
    made(trial)
    restore(trial, copy)
    old = load_signing_keys(trial.path)
    path = copied(tmp_path / "template", tmp_path / "whole")
    with interrupted(path.parent) as steps:
        continue_ledger(path, reason="disk failed", actor=SPONSOR, clock=trial.clock)
    outcomes = Counter[str]()
    for stop in range(len(steps.names)):
        path = copied(tmp_path / "template", tmp_path / f"stopped-{stop}")
        with interrupted(path.parent, stop), suppress(OSError):
            continue_ledger(path, reason="disk failed", actor=SPONSOR, clock=trial.clock)
        recorded = len(continued(path))
        if stop % 2:  # whoever comes next: somebody who records, or somebody who signs
            with suppress(RestoredBackupError):
                open_trial(path).close()
        with suppress(SigningRefusedError):
            make_checkpoint(path, clock=trial.clock)
        assert not (keys_folder(path) / INTENT).exists()
        assert not list(keys_folder(path).glob("log*.new"))
        if recorded:
            outcomes["finished"] += 1
            assert load_signing_keys(path).origin == continued(path)[-1]["origin"] != old.origin
            assert sizes(path) == [5, 10]
        else:
            outcomes["undone"] += 1
            assert load_signing_keys(path).vkeys == old.vkeys
            assert sizes(path) == [10]
            continue_ledger(path, reason="disk failed", actor=SPONSOR, clock=trial.clock)
            assert len(continued(path)) == 1
            make_checkpoint(path, clock=trial.clock)
        of_old = [one for one in checkpoints(path) if one.checkpoint.origin == old.origin]
        assert [one.checkpoint.size for one in of_old] == [10]
        assert former_keys(path) == list(old.vkeys)
        open_trial(path).close()
        shutil.rmtree(path.parent)
    assert min(outcomes["finished"], outcomes["undone"]) > 5
