"""Checkpoints: what is signed, when, and what never is; a restored backup is found, and goes on only on the record."""

import json
import logging
import multiprocessing
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import apsw
import pytest

from api.access import Session, viewer_of
from api.bootstrap import DeniedError, open_trial, viewing
from api.evidence import store
from api.evidence.automatic import watch
from api.evidence.book import open_book
from api.evidence.continuing import INTENT, continue_ledger
from api.evidence.making import RestoredBackupError, check_not_restored, checkpoint_for_export, make_checkpoint
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError, keys_folder
from ledger.keys.signed_head import SigningRefusedError, read_signed_head
from ledger.keys.signing import LOG_KEYS, former_keys, load_signing_keys
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.evidence import CHECKPOINTS, EvidenceError, evidence_folder
from ledger.proof.note import ED25519, ML_DSA_44, Note, NoteSignature, VerifierKey
from ledger.proof.tree import root
from ledger.proof.verify import verify_ledger
from tests.api.cli_runs import Demo, here, ndjson, process, recommendation
from tests.api.evidence_ledgers import (
    SPONSOR,
    assert_all_consistent,
    backup,
    checkpoints,
    continued,
    grow,
    opened,
    reopened,
    restore,
    size_of,
    sizes,
    trial_of,
    unchecked,
)
from tests.domain.story import TREATMENT
from tests.keys.interrupting import interrupted
from tests.trials import Trial

LOG = "trial_ledger.evidence"


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    made = trial_of(tmp_path)
    yield made
    made.ledger.close()


def made(trial: Trial) -> int:
    return make_checkpoint(trial.path, clock=trial.clock).checkpoint.size


# -- what is signed --------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_the_root_of_the_open_book_signed_by_both_keys(trial: Trial) -> None:
    stored = make_checkpoint(trial.path, clock=trial.clock)
    found = opened(trial.path, stored.data)
    with open_book(trial.path) as book:
        assert found.checkpoint.origin == book.origin == trial.ledger.origin
        assert found.checkpoint.size == book.size == 4
    assert_all_consistent(trial.path, [stored])
    when = {one.key.type: one.timestamp for one in found.signatures}
    assert when == {ED25519: None, ML_DSA_44: int(trial.clock.at.timestamp())}


def test_each_checkpoint_goes_on_from_those_before(trial: Trial) -> None:
    for count in (1, 3, 1, 8, 20):
        made(trial)
        grow(trial, count)
    made(trial)
    assert sizes(trial.path) == [4, 5, 8, 9, 17, 37]
    assert_all_consistent(trial.path, checkpoints(trial.path))


def test_of_the_same_size_the_same_checkpoint_is_handed_out_again_with_its_cosignatures(trial: Trial) -> None:
    first = make_checkpoint(trial.path, clock=trial.clock)
    line = NoteSignature("witness.example", bytes(4), bytes(72))
    store.add_signatures(trial.path, first, (line,))
    again = make_checkpoint(trial.path, clock=trial.clock)
    assert again.note == first.note.adding(line)


def test_what_is_altered_before_the_last_checkpoint_does_not_change_what_is_signed(trial: Trial) -> None:
    made(trial)
    grow(trial, 2)
    with open_book(trial.path) as book:
        whole = book.leaf_hashes()
    connection = apsw.Connection(str(trial.path))
    connection.execute("DROP TRIGGER open_entry_no_update")
    connection.execute(
        "UPDATE open_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'site.activated', 'site.deactiv_') AS BLOB) "
        "WHERE seq = 1"
    )
    connection.close()
    stored = make_checkpoint(trial.path, clock=trial.clock)
    assert stored.checkpoint.root == root(whole), "what was recorded, and not what stands there now"


def test_an_entry_after_the_last_checkpoint_that_does_not_join_on_is_not_signed(trial: Trial) -> None:
    made(trial)
    grow(trial, 2)
    connection = apsw.Connection(str(trial.path))
    connection.execute("DROP TRIGGER open_entry_no_update")
    connection.execute(
        "UPDATE open_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'FJD', 'FJX') AS BLOB) WHERE seq = 4"
    )
    connection.close()
    with pytest.raises(SigningRefusedError, match="fork") as refused:
        made(trial)
    assert refused.value.kind == "fork"
    assert sizes(trial.path) == [4]


def test_an_export_by_who_has_arms_in_sight_leaves_no_trace_in_the_evidence_now_or_later(trial: Trial) -> None:
    made(trial)
    grow(trial, 1)
    exported = checkpoint_for_export(trial.path, keep=False, clock=trial.clock)
    assert exported.checkpoint.size == 5
    assert sizes(trial.path) == [4]
    mark = read_signed_head(trial.path)
    assert mark is not None
    assert (mark.size, mark.kept.size) == (5, 4), "it counts for what may be signed, not for when"
    of_export = opened(trial.path, exported.data).signatures[1].timestamp
    trial.clock.at = trial.clock.at.replace(hour=23)
    kept = make_checkpoint(trial.path, clock=trial.clock)
    assert kept.checkpoint == exported.checkpoint
    when = opened(trial.path, kept.data).signatures[1].timestamp
    assert when == int(trial.clock.at.timestamp()) != of_export, "the time of that export must not show"


def test_for_one_size_no_other_root_goes_into_the_evidence_folder(trial: Trial) -> None:
    stored = make_checkpoint(trial.path, clock=trial.clock)
    forged = Checkpoint(stored.checkpoint.origin, stored.checkpoint.size, bytes(32))
    keys = load_signing_keys(trial.path)
    with pytest.raises(EvidenceError, match="is a fork"):
        store.put(trial.path, Note(forged.text(), tuple(keys.sign(forged, 1))))
    assert checkpoints(trial.path)[0].data == stored.data


@pytest.mark.parametrize("name", LOG_KEYS)
def test_without_a_key_nothing_is_signed_and_the_command_says_which(trial: Trial, name: str) -> None:
    (keys_folder(trial.path) / name).unlink()
    here("checkpoint", trial.path).refused_in_one_sentence(name, "trial-ledger continue")
    assert not evidence_folder(trial.path).exists()


# -- a restored backup -----------------------------------------------------------------------------------------------


@pytest.fixture
def restored(trial: Trial, tmp_path: Path) -> Trial:
    """A trial whose database is that of before the last checkpoint."""
    copy = backup(trial, tmp_path / "backup.db")
    grow(trial, 6)
    made(trial)
    restore(trial, copy)
    return trial


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


# -- going on --------------------------------------------------------------------------------------------------------


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


# -- interrupted -----------------------------------------------------------------------------------------------------


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


# -- several at once -------------------------------------------------------------------------------------------------


def _sign(path: str, rounds: int, found: "multiprocessing.Queue[tuple[int, str, bytes]]") -> None:
    for turn in range(rounds):
        done = checkpoint_for_export(Path(path), keep=turn % 3 != 0)
        found.put((done.checkpoint.size, done.checkpoint.root.hex(), done.data))


def test_processes_that_sign_at_once_never_sign_two_roots_for_a_size(trial: Trial) -> None:
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[tuple[int, str, bytes]] = context.Queue()
    workers = [context.Process(target=_sign, args=(str(trial.path), 12, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found: list[tuple[int, str, bytes]] = []
    while len(found) < 36:
        grow(trial, 1)
        while not queue.empty():
            found.append(queue.get())
        assert all(worker.exitcode in (None, 0) for worker in workers)
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    roots = {size: {each for other, each, _ in found if other == size} for size, _, _ in found}
    assert all(len(different) == 1 for different in roots.values())
    for _, _, data in found:
        opened(trial.path, data)
    assert len(roots) > 3, "they signed while the book grew"
    assert_all_consistent(trial.path, checkpoints(trial.path))


# -- without being asked ---------------------------------------------------------------------------------------------

ENDS = [
    ("halt-trial", {"reason": "money"}, "sponsor"),
    ("suspend-trial", {"reason": "money", "authority": "AEMPS"}, "sponsor"),
    ("impose-clinical-hold", {"reason": "money", "authority": "FDA"}, "sponsor"),
    ("terminate-trial", {"reason": "money"}, "sponsor"),
    ("declare-data-cut-off", {"cut_off": "2020-05-06", "purpose": "interim"}, "sponsor"),
    ("lock-database", {"reason": "analysis"}, "sponsor"),
]


@pytest.mark.parametrize(("type_", "data", "role"), ENDS, ids=[type_ for type_, _, _ in ENDS])
def test_what_ends_something_is_signed_at_once(trial: Trial, type_: str, data: dict[str, str], role: str) -> None:
    assert sizes(trial.path) == []
    trial.do(type_, data, actor={"id": "s", "role": role, "org": "x"})
    assert sizes(trial.path) == [5]
    assert opened(trial.path, checkpoints(trial.path)[0].data).checkpoint.size == size_of(trial.path)


def test_the_book_is_signed_every_so_many_entries_as_the_protocol_says(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=30, checkpoint_every=7)
    found = sizes(trial.path)
    assert found[0] in (7, 8)
    assert all(6 < after - before < 10 for before, after in pairwise(found))
    reopened(trial)
    grow(trial, 14)
    assert len(sizes(trial.path)) >= len(found) + 2
    assert_all_consistent(trial.path, checkpoints(trial.path))
    trial.ledger.close()


def test_the_book_is_signed_after_so_long_with_the_next_entry_of_the_open_book(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_seconds=3600)  # a command a minute
    grow(trial, 30)
    assert sizes(trial.path) == []
    grow(trial, 30)
    assert len(sizes(trial.path)) == 1
    grow(trial, 125)
    assert len(sizes(trial.path)) == 3
    trial.ledger.close()


def test_a_sealed_append_and_an_opening_never_sign(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_seconds=3600, checkpoint_every=1000)
    trial.randomized("S1")
    before = sizes(trial.path)
    trial.clock.at = trial.clock.at.replace(day=20)
    reopened(trial)
    answer = trial.do("record-treatment", {"subject": "S1", **TREATMENT, "started_at": "2020-05-20"})
    assert answer.book is Book.SEALED
    Session(trial.path, viewer_of("stat", "statistician", "x"), clock=trial.clock).show("exposure")
    assert sizes(trial.path) == before
    grow(trial, 1)
    assert len(sizes(trial.path)) == len(before) + 1, "and the next open entry does"
    trial.ledger.close()


def fail_to_sign(trial: Trial, how: str) -> None:
    if how == "the evidence folder cannot be written":
        evidence_folder(trial.path).write_bytes(b"a file in its place")
    elif how == "a key is missing":
        (keys_folder(trial.path) / "log.mldsa44").rename(trial.path.with_name("aside"))
    else:
        (keys_folder(trial.path) / "signed-head").mkdir()


def mend(trial: Trial, how: str) -> None:
    if how == "the evidence folder cannot be written":
        evidence_folder(trial.path).unlink()
    elif how == "a key is missing":
        trial.path.with_name("aside").rename(keys_folder(trial.path) / "log.mldsa44")
    else:
        (keys_folder(trial.path) / "signed-head").rmdir()


@pytest.mark.parametrize(
    "how", ["the evidence folder cannot be written", "a key is missing", "the mark cannot be written"]
)
def test_a_command_is_recorded_and_answered_whether_or_not_it_can_be_signed_and_that_is_made_up_for(
    trial: Trial, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    fail_to_sign(trial, how)
    with caplog.at_level(logging.WARNING, LOG):
        answer = trial.do("halt-trial", {"reason": "money"})
    assert answer.types == ("trial.temporarily-halted/1",)
    assert size_of(trial.path) == 5
    assert ["recorded, but not signed yet" in message for message in caplog.messages] == [True]
    mend(trial, how)
    reopened(trial)
    trial.do("restart-trial", {"reason": "found some"})
    assert sizes(trial.path) == [6], "made up for with the next entry, once the ledger was opened again"


def test_a_ledger_that_cannot_sign_says_so_now_and_then_and_not_with_each_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trial = trial_of(tmp_path, checkpoint_every=4)
    fail_to_sign(trial, "a key is missing")
    with caplog.at_level(logging.WARNING, LOG):
        grow(trial, 40)
    assert 2 <= len(caplog.messages) <= 5
    mend(trial, "a key is missing")
    grow(trial, 20)
    assert sizes(trial.path)
    trial.ledger.close()


def test_an_append_that_is_not_due_opens_no_file(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=10)
    grow(trial, 1)
    opened_files: list[str] = []

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and ".keys/" in str(arguments[0]) and watching:
            opened_files.append(str(arguments[0]))

    watching = True
    sys.addaudithook(audit)
    grow(trial, 20)
    watching = False
    assert opened_files == []
    trial.ledger.close()


# -- the watcher -----------------------------------------------------------------------------------------------------


class Over(Exception):  # noqa: N818
    """The watch is over."""


def test_the_watcher_signs_when_it_is_due_by_size_or_time_and_not_otherwise(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_every=5, checkpoint_seconds=86_400)
    trial.ledger.close()
    signed: list[int] = []
    said: list[str] = []
    script = iter(["nothing", "four", "nothing", "a day", "nothing", "one", "a day", "broken", "mended", "over"])

    def wait(_: float) -> None:
        match next(script):
            case "four":
                with unchecked(trial):
                    grow(trial, 4)
            case "one":
                with unchecked(trial):
                    grow(trial, 1)
            case "a day":
                trial.clock.at = trial.clock.at.replace(day=trial.clock.at.day + 1, hour=23)
            case "broken":
                with unchecked(trial):
                    grow(trial, 6)
                (keys_folder(trial.path) / "log.ed25519").rename(tmp_path / "aside")
            case "mended":
                (tmp_path / "aside").rename(keys_folder(trial.path) / "log.ed25519")
            case "over":
                raise Over

    with suppress(Over):
        watch(
            trial.path,
            wait,
            lambda stored: signed.append(stored.checkpoint.size),
            clock=trial.clock,
            failed=lambda error: said.append(str(error)),
        )
    assert signed == [8, 9, 15]
    assert len(said) == 1
    assert "log.ed25519" in said[0]


# -- the command line ------------------------------------------------------------------------------------------------


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
