"""A ledger goes on under a new origin and new keys, on the record, and by the sponsor alone."""

from pathlib import Path

import pytest

from api.evidence.continuing import INTENT, continue_ledger
from api.evidence.making import make_checkpoint
from ledger.keys.file import KeysError, keys_folder
from ledger.keys.signed_head import SigningRefusedError
from ledger.keys.signing import former_keys, load_signing_keys
from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import here, ndjson, recommendation
from tests.api.evidence_ledgers import (
    SPONSOR,
    assert_all_consistent,
    backup,
    checkpoints,
    continued,
    grow,
    made,
    opened,
    reopened,
    restore,
    size_of,
)
from tests.trials import Trial


def test_a_restored_backup_goes_on_under_a_new_origin_on_the_record(restored: Trial) -> None:
    before, old = checkpoints(restored.path), load_signing_keys(restored.path)
    done = here("continue", restored.path, "--reason", "disk failed", "--actor", "s-1", "--org", "FJD")
    assert done.code == 0, done.err
    [said] = continued(restored.path)
    assert (said["seq"], said["size"], said["reason"], said["former_origin"]) == (4, 4, "disk failed", old.origin)
    assert said["lost"] == {"size": 10, "root": before[0].checkpoint.root.hex()}
    assert (said["actor"].id, said["actor"].org, said["actor"].role) == ("s-1", "FJD", "sponsor")
    host, name, number = said["origin"].split("/")
    assert [host, name] == old.origin.split("/")[:2]
    assert len(number) == 32
    assert number != old.origin.split("/")[2]
    reopened(restored)
    grow(restored, 2)
    stored = make_checkpoint(restored.path, clock=restored.clock)
    assert (stored.checkpoint.origin, stored.checkpoint.size) == (said["origin"], size_of(restored.path))
    opened(restored.path, stored.data)
    assert not set(load_signing_keys(restored.path).vkeys) & set(old.vkeys)
    assert former_keys(restored.path) == list(old.vkeys)
    assert before[0] in checkpoints(restored.path), "what was signed before is kept"


def test_the_old_key_signs_nothing_after_that_whatever_is_put_back(restored: Trial, tmp_path: Path) -> None:
    copy = backup(restored, tmp_path / "again.db")
    continue_ledger(restored.path, reason="disk failed", actor=SPONSOR, clock=restored.clock)
    reopened(restored)
    made(restored)
    restore(restored, copy)
    for _ in range(2):
        with pytest.raises(SigningRefusedError, match="fork"):
            made(restored)
        (keys_folder(restored.path) / "signed-head").unlink(missing_ok=True)
    old = former_keys(restored.path)
    assert [one.checkpoint.size for one in checkpoints(restored.path) if one.checkpoint.origin == old[0].name] == [10]


@pytest.mark.parametrize("how", ["missing", "not a key", "open to others"])
def test_without_its_old_key_a_ledger_goes_on_likewise_and_nothing_is_lost(trial: Trial, how: str) -> None:
    made(trial)
    path = keys_folder(trial.path) / "log.ed25519"
    if how == "missing":
        path.unlink()
    elif how == "not a key":
        path.write_bytes(b"rubbish")
    else:
        path.chmod(0o644)
    with pytest.raises(KeysError, match=r"log\.ed25519"):
        made(trial)
    continue_ledger(trial.path, reason="the key is gone", actor=SPONSOR, clock=trial.clock)
    [said] = continued(trial.path)
    assert "lost" not in said
    assert made(trial) == 5
    assert_all_consistent(trial.path, checkpoints(trial.path))


def test_to_go_on_twice_makes_two_origins_each_of_which_names_the_one_before(trial: Trial) -> None:
    first = continue_ledger(trial.path, reason="the key was stolen", actor=SPONSOR, clock=trial.clock)
    made(trial)
    second = continue_ledger(trial.path, reason="and again", actor=SPONSOR, clock=trial.clock)
    assert second.former_origin == first.origin
    assert made(trial) == 6
    assert len({key.name for key in former_keys(trial.path)}) == 2
    assert verify_ledger(trial.path).ok


@pytest.mark.parametrize("role", ["data-manager", "investigator", "statistician"])
def test_only_the_sponsor_continues_a_ledger(trial: Trial, role: str) -> None:
    with pytest.raises(ValueError, match="may not continue"):
        continue_ledger(trial.path, reason="why not", actor=SPONSOR.model_copy(update={"role": role}))
    assert continued(trial.path) == []


def test_no_command_that_is_submitted_continues_a_ledger(trial: Trial, tmp_path: Path) -> None:
    from ledger.domain.decisions import COMMANDS
    from ledger.domain.events.evidence import LedgerContinued

    assert not [spec for spec in COMMANDS.values() if "continue" in spec.type]
    data = {"origin": "x/y/z", "former_origin": "x/y/w", "reason": "r", "size": 1}
    for type_ in ("continue-ledger", LedgerContinued.type):
        file = tmp_path / "commands.ndjson"
        file.write_bytes(ndjson(recommendation(1, type=type_, data=data)))
        assert here("submit", file, trial.path).code == 3
    assert continued(trial.path) == []


def test_a_reason_is_needed(trial: Trial) -> None:
    here("continue", trial.path, "--reason", "").refused_in_one_sentence("--reason", code=2)
    assert continued(trial.path) == []
    assert not (keys_folder(trial.path) / INTENT).exists()
