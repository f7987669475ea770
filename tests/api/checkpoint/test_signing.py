"""What is signed: the root of the open book as it was recorded, one for a size, by whoever signs at once."""

import multiprocessing
from pathlib import Path

import apsw
import pytest

from api.evidence import store
from api.evidence.book import open_book
from api.evidence.making import checkpoint_for_export, make_checkpoint
from ledger.keys.file import keys_folder
from ledger.keys.signed_head import SigningRefusedError, read_signed_head
from ledger.keys.signing import LOG_KEYS, load_signing_keys
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.evidence import EvidenceError, evidence_folder
from ledger.proof.note import ED25519, ML_DSA_44, Note, NoteSignature
from ledger.proof.tree import root
from tests.api.cli_runs import here
from tests.api.evidence_ledgers import assert_all_consistent, checkpoints, grow, made, opened, sizes
from tests.trials import Trial


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
