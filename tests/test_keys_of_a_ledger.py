"""Which keys a ledger takes: its own, and none that are older than it is."""

import shutil
from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.bootstrap import DeniedError, open_trial
from ledger.application import CommandRefusedError
from ledger.domain.commands import parse_command
from ledger.keys.file import KeysError, keys_folder, load_keys
from ledger.recording.own_keys import OldKeysError
from tests.trials import SITE, Trial
from tests.verified import verify_ledger

_NAMES = viewer_of("inv-1", "investigator", "FJD", frozenset({SITE}))


def begun(folder: Path, seed: int = 1) -> Trial:
    folder.mkdir(exist_ok=True)
    trial = Trial(folder, seed=seed)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    return trial


def put(source: Path, target: Path) -> None:
    shutil.rmtree(target)
    shutil.copytree(source, target)


def whole(path: Path) -> bool:
    keys = load_keys(path)
    try:
        return verify_ledger(path, keys=keys).ok
    finally:
        keys.close()


def test_the_keys_of_another_ledger_are_refused_before_anything_is_recorded_under_them(tmp_path: Path) -> None:
    trial, other = begun(tmp_path / "one"), begun(tmp_path / "other", seed=2)
    trial.ledger.close()
    own = tmp_path / "own.keys"
    shutil.copytree(keys_folder(trial.path), own)
    put(keys_folder(other.path), keys_folder(trial.path))
    size = verify_ledger(trial.path).sealed.size
    with pytest.raises(KeysError, match="keys of another ledger"):
        open_trial(trial.path)
    with pytest.raises((KeysError, DeniedError), match="keys of another ledger"):
        Session(trial.path, viewer_of("stat-1", "statistician", "FJD")).show("subjects")
    put(own, keys_folder(trial.path))
    assert verify_ledger(trial.path).sealed.size == size
    assert whole(trial.path)


def test_keys_older_than_the_ledger_make_no_second_key_in_place_of_one_that_they_lack(tmp_path: Path) -> None:
    trial = begun(tmp_path / "one")
    older = tmp_path / "older.keys"
    shutil.copytree(keys_folder(trial.path), older)
    trial.randomized("S-2")
    Session(trial.path, _NAMES, clock=trial.clock).show("identities")
    trial.ledger.close()
    newer = tmp_path / "newer.keys"
    shutil.copytree(keys_folder(trial.path), newer)
    put(older, keys_folder(trial.path))
    with pytest.raises(DeniedError, match="older than the ledger"):
        Session(trial.path, _NAMES, clock=trial.clock).show("identities")
    ledger = open_trial(trial.path, clock=trial.clock)
    renewal = {"subject": "S-2", "form": "WRITTEN", "giver": "PATIENT", "document_version": "1.0", "reason": "OTHER"}
    with pytest.raises(OldKeysError, match="older than the ledger"):
        ledger.submit(parse_command(trial.envelope("renew-consent", renewal)))
    ledger.close()
    put(newer, keys_folder(trial.path))
    assert whole(trial.path)
    assert Session(trial.path, _NAMES, clock=trial.clock).show("identities").rows


def test_a_commitment_to_a_secret_that_nobody_here_holds_is_refused(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    with pytest.raises(CommandRefusedError, match="commitment-unknown"):
        trial.do("commit-allocation", {"commitment": "0" * 64, "method": "SIMPLE"})
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")  # and the right one is still to be had


def test_no_code_is_broken_where_the_key_of_the_arm_is_not_here(tmp_path: Path) -> None:
    trial = begun(tmp_path / "one")
    older = tmp_path / "older.keys"
    shutil.copytree(keys_folder(trial.path), older)
    trial.randomized("S-2")
    trial.ledger.close()
    put(older, keys_folder(trial.path))
    ledger = open_trial(trial.path, clock=trial.clock)
    size = verify_ledger(trial.path).size
    command = parse_command(trial.envelope("break-code", {"subject": "S-2", "reason": "emergency"}))
    with pytest.raises(KeysError, match="open the envelope"):
        ledger.break_code(command)  # type: ignore[arg-type]
    assert verify_ledger(trial.path).size == size
