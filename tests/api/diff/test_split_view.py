"""Two verified checkpoints of one log that no one history can have are shown as proof, with both notes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.diff.comparing import Diff, compare
from api.diff.words import in_words
from api.evidence.making import make_checkpoint
from ledger.keys.file import keys_folder
from ledger.keys.signing import Ed25519FileSigner, load_signing_keys
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checkpoint import Checkpoint, open_checkpoint
from ledger.proof.evidence import evidence_folder, read_evidence
from ledger.proof.note import Note
from ledger.proof.policy import Policy
from tests.api.bundle.making import made
from tests.api.diff.conftest import Fork
from tests.api.evidence_ledgers import checkpoints, grow


def policy_of(ledger: Path) -> Policy:
    logs = "".join(f"log {key.encode()}\n" for key in load_signing_keys(ledger).vkeys)
    return Policy.parse(f"{logs}quorum none\n".encode())


def proven(done: Diff, fork: Fork) -> list[tuple[int, int, str | None]]:
    """The proofs, each held against the keys of the log by ourselves: both notes are signed, of one origin."""
    keys = load_signing_keys(fork.a.path).vkeys
    for proof in done.evidence.split:
        first, second = (open_checkpoint(one.note.encode(), keys) for one in (proof.first, proof.second))
        assert len(first.keys) == len(second.keys) == 2
        assert first.checkpoint.origin == second.checkpoint.origin
        assert first.checkpoint != second.checkpoint
    return [
        (proof.first.checkpoint.size, proof.second.checkpoint.size, proof.shown_by) for proof in done.evidence.split
    ]


def test_two_roots_of_one_size_are_a_proof_by_themselves(fork: Callable[..., Fork]) -> None:
    pair = fork(left=3, right=3)
    done = compare(pair.a.path, pair.b.path, policy=policy_of(pair.a.path))
    assert not done.same
    assert proven(done, pair) == [(9, 9, None)]
    words = in_words(done)
    assert "PROOF of a split view" in words
    for side in (pair.a, pair.b):
        note = checkpoints(side.path)[-1].data.decode()
        assert all(line in words for line in note.splitlines())


@pytest.mark.parametrize(("left", "right"), [(2, 4), (4, 2)])
def test_two_sizes_are_a_proof_by_the_entries_of_the_longer(fork: Callable[..., Fork], left: int, right: int) -> None:
    pair = fork(left=left, right=right)
    done = compare(pair.a.path, pair.b.path, policy=policy_of(pair.a.path))
    assert proven(done, pair) == [(8, 10, "a" if left > right else "b")]
    assert done.to_json()["split_view"][0]["shown_by"] == ("a" if left > right else "b")


def test_without_a_policy_the_keys_that_both_carry_are_enough(fork: Callable[..., Fork]) -> None:
    pair = fork()
    done = compare(pair.a.path, pair.b.path)
    assert done.evidence.by == "both"
    assert proven(done, pair) == [(9, 9, None)]


def test_bundles_of_both_show_it_too(fork: Callable[..., Fork]) -> None:
    pair = fork()
    one, other = made(pair.a.path, "sponsor"), made(pair.b.path, "sponsor", name="other")
    done = compare(one, other)
    assert proven(done, pair)
    assert not done.same


def test_a_history_that_one_keeps_from_before_the_fork_proves_nothing(fork: Callable[..., Fork]) -> None:
    pair = fork(left=0, right=4)
    done = compare(pair.a.path, pair.b.path, policy=policy_of(pair.a.path))
    assert done.same
    assert done.evidence.split == []
    assert done.evidence.held == {"a": 6, "b": 10}


def test_a_fork_that_was_signed_but_once_is_no_split_view(fork: Callable[..., Fork]) -> None:
    pair = fork(left=2, right=3)
    shutil.rmtree(evidence_folder(pair.b.path))
    done = compare(pair.a.path, pair.b.path)
    assert not done.same
    assert done.books[0].parts == pair.common
    assert done.evidence.split == []
    assert [one.checkpoint.size for one in done.evidence.contradicted["b"]] == [8]
    assert done.evidence.contradicted["a"] == []
    assert "B has not the tree that was signed for 8 entries" in in_words(done)


def test_keys_of_somebody_else_sign_no_proof(fork: Callable[..., Fork]) -> None:
    pair = fork()
    stranger = Ed25519FileSigner(load_signing_keys(pair.a.path).origin, bytes(range(32))).key
    done = compare(pair.a.path, pair.b.path, policy=Policy.parse(f"log {stranger.encode()}\nquorum none\n".encode()))
    assert (done.evidence.counted, done.evidence.split) == (0, [])
    assert not done.same


def test_a_forged_signature_counts_for_nothing_and_is_said(fork: Callable[..., Fork]) -> None:
    """Somebody without the key tries to frame the log: the root in a note is another, its signatures the old ones."""
    pair = fork(left=2, right=0)
    stored = checkpoints(pair.a.path)[-1]
    folder = evidence_folder(pair.b.path) / "checkpoints"
    forged = Checkpoint(stored.checkpoint.origin, stored.checkpoint.size, bytes(32)).text()
    (folder / stored.name).write_bytes(Note(forged, stored.note.signatures).encode())
    done = compare(pair.a.path, pair.b.path)
    assert done.same
    assert done.evidence.split == []
    assert any("counts for nothing" in remark for remark in done.evidence.remarks)


def test_a_key_that_only_one_side_carries_signs_no_proof_without_a_policy(fork: Callable[..., Fork]) -> None:
    pair = fork()
    policy = policy_of(pair.a.path)
    shutil.rmtree(keys_folder(pair.b.path))
    done = compare(pair.a.path, pair.b.path)
    assert (done.evidence.by, done.evidence.counted) == ("none", 0)
    assert compare(pair.a.path, pair.b.path, policy=policy).evidence.split


def test_a_bundle_whose_checkpoint_lies_beyond_its_end_shows_it_by_its_proof(fork: Callable[..., Fork]) -> None:
    """The bundle has a proof that it begins the tree of a later checkpoint: its entries speak for that one too."""
    pair = fork(left=3, right=4)
    bundle = made(pair.b.path, "sponsor", "8")
    (beyond,) = [one for one in read_evidence_of(bundle) if one > 9]
    done = compare(pair.a.path, bundle)
    assert proven(done, pair) == [(9, beyond, "b")]


def read_evidence_of(bundle: Path) -> list[int]:
    with BundleBooks(bundle) as books:
        return [one.checkpoint.size for one in books.evidence().checkpoints]


def test_many_forks_are_shown_by_the_first_of_them(fork: Callable[..., Fork]) -> None:
    pair = fork(left=1, right=1)
    for side in (pair.a, pair.b):
        for _ in range(14):
            side.ledger = open_trial(side.path, clock=side.clock)
            grow(side, 1)
            side.ledger.close()
            make_checkpoint(side.path, clock=side.clock)
    done = compare(pair.a.path, pair.b.path)
    assert len(proven(done, pair)) == 10
    assert any("more proofs" in remark for remark in done.evidence.remarks)
    assert len(read_evidence(evidence_folder(pair.a.path)).checkpoints) == 16
