"""A restored backup is found, and neither signed nor recorded in; finding it reads next to nothing."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from api.access import Session, viewer_of
from api.bootstrap import DeniedError, open_trial, viewing
from api.evidence import store
from api.evidence.making import RestoredBackupError, check_not_restored
from ledger.keys.file import keys_folder
from ledger.keys.signed_head import SigningRefusedError
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import Note, NoteSignature
from tests.api.cli_runs import here, ndjson, recommendation
from tests.api.evidence_ledgers import (
    assert_all_consistent,
    backup,
    checkpoints,
    grow,
    made,
    reopened,
    restore,
    size_of,
    sizes,
    trial_of,
    unchecked,
)
from tests.trials import Trial


def test_a_restored_backup_is_neither_signed_nor_recorded_in_but_it_is_read(restored: Trial) -> None:
    with pytest.raises(SigningRefusedError, match="rollback"):
        made(restored)
    with pytest.raises(RestoredBackupError, match="has 4 entries, but the tree of its first 10 was signed"):
        open_trial(restored.path)
    assert viewing(restored.path, "sponsor").show("subjects", None).table.rows is not None
    with pytest.raises(DeniedError, match="cannot be"):
        Session(restored.path, viewer_of("s", "statistician", "x")).show("exposure")
    assert size_of(restored.path) == 4
    assert sizes(restored.path) == [10]


def test_the_command_line_says_what_to_do_with_a_restored_backup(restored: Trial, tmp_path: Path) -> None:
    file = tmp_path / "commands.ndjson"
    file.write_bytes(ndjson(recommendation(1)))
    for arguments in (("submit", file, restored.path), ("checkpoint", restored.path)):
        done = here(*arguments)
        done.refused_in_one_sentence("rollback", "4 entries", "10")
    assert "trial-ledger continue" in here("submit", file, restored.path).err


@pytest.mark.parametrize("beyond", [False, True], ids=["to the size that was signed", "beyond it"])
def test_a_backup_that_went_on_otherwise_is_a_fork(restored: Trial, beyond: bool) -> None:
    restored._number += 500
    with unchecked(restored):
        grow(restored, 9 if beyond else 6)
    with pytest.raises(SigningRefusedError, match="fork") as refused:
        made(restored)
    assert refused.value.kind == "fork"
    with pytest.raises(RestoredBackupError, match="entry 9 is not the one"):
        open_trial(restored.path)


def test_the_newer_file_put_back_goes_on_as_if_nothing_had_been(trial: Trial, tmp_path: Path) -> None:
    old = backup(trial, tmp_path / "old.db")
    grow(trial, 2)
    made(trial)
    new = backup(trial, tmp_path / "new.db")
    restore(trial, old)
    with pytest.raises(RestoredBackupError):
        open_trial(trial.path)
    restore(trial, new)
    reopened(trial)
    grow(trial, 1)
    assert made(trial) == 7


@pytest.mark.parametrize("forged", [False, True], ids=["", "beside a forged larger one"])
def test_a_lost_mark_is_made_up_for_by_the_newest_checkpoint_that_our_own_key_signed(
    restored: Trial, forged: bool
) -> None:
    (keys_folder(restored.path) / "signed-head").unlink()
    if forged:
        origin = load_signing_keys(restored.path).origin
        text = Checkpoint(origin, 99, bytes(32)).text()
        line = NoteSignature(origin, load_signing_keys(restored.path).vkeys[0].key_id, bytes(64))
        store.put(restored.path, Note(text, (line,)))
    with pytest.raises(RestoredBackupError, match="has 4 entries, but 10 were signed"):
        open_trial(restored.path)
    with pytest.raises(SigningRefusedError, match="rollback"):
        made(restored)


def test_a_lost_mark_of_a_whole_ledger_is_made_anew_and_a_fork_is_found_even_so(trial: Trial, tmp_path: Path) -> None:
    copy = backup(trial, tmp_path / "backup.db")
    grow(trial, 6)
    made(trial)
    mark = keys_folder(trial.path) / "signed-head"
    kept = mark.read_bytes()
    mark.unlink()
    grow(trial, 1)
    assert made(trial) == 11
    assert_all_consistent(trial.path, checkpoints(trial.path))
    assert json.loads(mark.read_bytes())["size"] == 11 != json.loads(kept)["size"]
    restore(trial, copy)
    trial._number += 500
    with unchecked(trial):
        grow(trial, 9)
    mark.unlink()
    with pytest.raises(SigningRefusedError, match="fork"):
        made(trial)


@contextmanager
def rows_read() -> Iterator[Counter[str]]:
    """How many rows are read from any database, and how many statements run."""
    counted: Counter[str] = Counter()

    def connected(connection: apsw.Connection) -> None:
        def row(_: object, values: tuple[object, ...]) -> tuple[object, ...]:
            counted["rows"] += 1
            return values

        connection.set_row_trace(row)

    apsw.connection_hooks.append(connected)
    try:
        yield counted
    finally:
        apsw.connection_hooks.remove(connected)


def test_the_check_at_start_reads_a_handful_of_rows_however_long_the_ledger_is(tmp_path: Path) -> None:
    work = []
    for entries in (4, 400):
        trial = trial_of(tmp_path / str(entries), entries=entries, checkpoint_every=1000)
        made(trial)
        trial.ledger.close()
        with rows_read() as counted:
            began = time.perf_counter()
            check_not_restored(trial.path)
            assert time.perf_counter() - began < 1
        work.append(counted["rows"])
    assert work[0] == work[1] <= 5


def test_signing_reads_what_is_new_and_one_entry_more(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=300, checkpoint_every=1000)
    made(trial)
    grow(trial, 3)
    with rows_read() as counted:
        made(trial)
    assert counted["rows"] <= 3 + 5
    trial.ledger.close()
