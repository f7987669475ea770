"""Evidence held against a book: which level it gives, up to where, and what contradicts it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.proof.assess import Trusted, assess, sizes_of
from ledger.proof.evidence import Evidence
from ledger.proof.note import Note
from ledger.proof.tree import Frontier, consistency_proof, leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.proof.words import in_words
from tests.proof.evidence_made import LOG, NOW, WITNESSES, Log, held_against, policy, stored
from tests.tampering.ledgers import behind_its_back, build, entries, places, relink

SIGNED = Trusted(policy())
QUORUM_OF_TWO = Trusted(policy(2))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("assess") / "trial.db")


@pytest.fixture
def ledger(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(pristine, tmp_path / "trial.db"))


def size_of(path: Path) -> int:
    return len(entries(path, "open"))


def rewrite(path: Path, seq: int) -> None:
    """Change what an entry says, and make the chain after it, and the head, whole again."""
    with behind_its_back(path) as connection:
        old = connection.execute("SELECT entry FROM open_entry WHERE seq = ?", (seq,)).fetchone()[0]
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = ?", (old.replace(b"inv-07", b"inv-08"), seq))
        relink(connection, "open", seq, head=True)
        connection.execute("DELETE FROM sealed_entry")
        connection.execute(
            "UPDATE head SET size = 0, hash = ?, frontier = ? WHERE book = 'sealed'", (bytes(32), Frontier().to_bytes())
        )


def cut(path: Path, size: int) -> None:
    """Take the end of the open book away, with the sealed one, and rewrite both heads."""
    tree, last = Frontier(), bytes(32)
    for entry in entries(path, "open")[:size]:
        last = leaf_hash(entry)
        tree.append(last)
    with behind_its_back(path) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= ?", (size,))
        connection.execute("DELETE FROM open_stream WHERE id NOT IN (SELECT stream FROM open_entry)")
        connection.execute("DELETE FROM sealed_entry")
        connection.execute(
            "UPDATE head SET size = ?, hash = ?, frontier = ? WHERE book = 'open'", (size, last, tree.to_bytes())
        )
        connection.execute(
            "UPDATE head SET size = 0, hash = ?, frontier = ? WHERE book = 'sealed'", (bytes(32), Frontier().to_bytes())
        )


def test_without_trusted_keys_a_book_is_consistent_and_no_more(ledger: Path) -> None:
    report = held_against(ledger, Trusted(), LOG.checkpoint(ledger, 5))
    assert report.ok
    assert report.assurance.level == "consistent"
    assert report.assurance.external == 0
    assert "Nothing from outside holds any entry" in in_words(report)


def test_a_checkpoint_of_a_trusted_log_gives_signed_up_to_its_size(ledger: Path) -> None:
    report = held_against(ledger, SIGNED, LOG.checkpoint(ledger, 5), LOG.checkpoint(ledger, 20))
    assert report.ok
    assert (report.assurance.level, report.assurance.signed) == ("signed", 20)
    assert report.assurance.external == 0  # the sponsor's own key is nothing from outside


def test_cosignatures_of_a_quorum_give_witnessed_up_to_the_largest_that_has_them(ledger: Path) -> None:
    small = WITNESSES[0].cosign(WITNESSES[2].cosign(LOG.checkpoint(ledger, 7)))
    report = held_against(ledger, QUORUM_OF_TWO, small, WITNESSES[1].cosign(LOG.checkpoint(ledger, 9)))
    assert report.ok
    assert report.assurance.level == "witnessed 2 of 3"
    assert report.assurance.external == 7
    assert report.assurance.signed == 9
    assert "From entry 7 on nothing from outside holds the open book" in in_words(report)


def test_too_few_cosignatures_are_a_finding_of_the_policy(ledger: Path) -> None:
    report = held_against(ledger, QUORUM_OF_TWO, WITNESSES[0].cosign(LOG.checkpoint(ledger, 7)))
    assert places(report) == [("policy", "open", None)]
    assert report.assurance.level == "signed"


def test_no_checkpoint_of_a_trusted_log_is_a_finding_of_the_policy(ledger: Path) -> None:
    stranger = Log(seed=9)
    report = held_against(ledger, SIGNED, stranger.checkpoint(ledger, 7))
    assert places(report) == [("policy", "open", None)]
    assert any("size 7" in remark for remark in report.assurance.remarks)


def test_a_truncated_tail_is_found_against_an_older_checkpoint(ledger: Path) -> None:
    note = LOG.checkpoint(ledger, 20)
    cut(ledger, 13)
    assert held_against(ledger, Trusted()).ok  # within the file nothing shows it
    report = held_against(ledger, SIGNED, LOG.checkpoint(ledger, 10), note)
    assert places(report) == [("checkpoint", "open", None)]
    assert ("open", 0, 9) in report.sound
    assert all(last <= 9 for book, _, last in report.sound if book == "open")


def test_a_book_written_anew_is_found_from_the_last_checkpoint_that_agrees_on(ledger: Path) -> None:
    notes = [LOG.checkpoint(ledger, size) for size in (8, 14, 20)]
    rewrite(ledger, 15)
    report = held_against(ledger, SIGNED, *notes)
    assert places(report)[0] == ("checkpoint", "open", 14)
    assert ("open", 0, 13) in report.sound


def test_an_altered_entry_is_told_once_and_not_again_by_every_checkpoint_after_it(ledger: Path) -> None:
    notes = [LOG.checkpoint(ledger, size) for size in (8, 14, 20)]
    with behind_its_back(ledger) as connection:
        old = connection.execute("SELECT entry FROM open_entry WHERE seq = 6").fetchone()[0]
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = 6", (old.replace(b"inv-07", b"inv-08"),))
    report = held_against(ledger, SIGNED, *notes)
    assert places(report) == [("altered", "open", 6)]
    assert report.assurance.signed == 20


def test_two_histories_of_one_log_are_shown_as_such(ledger: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(ledger, tmp_path / "other.db"))
    rewrite(other, 6)
    report = held_against(ledger, SIGNED, LOG.checkpoint(other, 10), LOG.checkpoint(ledger, 18))
    assert [code for code, _, _ in places(report)] == ["checkpoint"]
    assert "two histories" in report.findings[0].message
    assert ("open", 0, size_of(ledger) - 1) in report.sound  # what is here agrees with the larger one


def test_a_signature_of_a_trusted_key_that_does_not_verify_is_found(ledger: Path) -> None:
    note = LOG.checkpoint(ledger, 10)
    forged = Note(note.text, LOG.checkpoint(ledger, 9).signatures)
    report = held_against(ledger, SIGNED, forged)
    assert {code for code, _, _ in places(report)} == {"signature", "policy"}


def test_a_checkpoint_of_another_ledger_is_no_evidence_for_this_one(ledger: Path) -> None:
    other = Log("ledger.example/NCT00000000/" + "1" * 32, seed=4)
    trusted = Trusted(policy(logs=[LOG.ed25519.key, other.ed25519.key]))
    report = held_against(ledger, trusted, LOG.checkpoint(ledger, 5), other.checkpoint(ledger, 6))
    assert places(report) == [("checkpoint", "open", None)]
    assert report.assurance.signed == 5


def test_a_kept_checkpoint_holds_the_book_whoever_signed_it(ledger: Path) -> None:
    kept = stored(LOG.checkpoint(ledger, 16))
    assert held_against(ledger, Trusted(kept=[kept])).assurance.external == 16
    cut(ledger, 13)
    assert places(held_against(ledger, Trusted(kept=[kept]))) == [("checkpoint", "open", None)]


def test_an_entry_cannot_be_recorded_after_a_witness_has_seen_it(ledger: Path) -> None:
    recorded = int(datetime(2020, 5, 4, 9, 31, tzinfo=UTC).timestamp())
    early = recorded - 3600
    note = WITNESSES[0].cosign(LOG.checkpoint(ledger, 20), at=early)
    report = held_against(ledger, Trusted(policy(1)), note)
    assert places(report) == [("time", "open", 19)]
    fine = WITNESSES[0].cosign(LOG.checkpoint(ledger, 20), at=NOW)
    assert held_against(ledger, Trusted(policy(1)), fine).ok


def test_the_report_says_all_of_it_as_json(ledger: Path) -> None:
    note = WITNESSES[0].cosign(WITNESSES[1].cosign(LOG.checkpoint(ledger, 7)))
    told = held_against(ledger, QUORUM_OF_TWO, note).to_json()
    assert told["assurance"] == "witnessed 2 of 3"
    assert told["evidence"]["witnessed"] == {"size": 7, "count": 2, "of": 3, "quorum": True}
    assert told["evidence"]["external"] == {"size": 7, "unheld": size_of(ledger) - 7, "sealed": None}


def test_a_checkpoint_of_a_quorum_is_not_outweighed_by_what_the_log_alone_signed(ledger: Path) -> None:
    seen = WITNESSES[0].cosign(WITNESSES[1].cosign(LOG.checkpoint(ledger, 14)))
    rewrite(ledger, 6)
    forged = [LOG.checkpoint(ledger, 10), LOG.checkpoint(ledger, 18)]  # with the log's key, stolen
    report = held_against(ledger, QUORUM_OF_TWO, seen, *forged)
    assert places(report)[0] == ("checkpoint", "open", 0)
    assert "two histories" in report.findings[0].message
    assert not [part for part in report.sound if part[0] == "open"]


# -- where entries are missing, the end of the book is what counts ----------------------------------------------------


def take_out(path: Path, *seqs: int) -> None:
    with behind_its_back(path) as connection:
        connection.executemany("DELETE FROM open_entry WHERE seq = ?", [(seq,) for seq in seqs])


def test_an_entry_missing_within_is_not_told_again_by_a_checkpoint_of_the_whole(ledger: Path) -> None:
    size = size_of(ledger)
    notes = [LOG.checkpoint(ledger, 8), LOG.checkpoint(ledger, size)]
    take_out(ledger, 12)
    report = held_against(ledger, SIGNED, *notes)
    assert places(report) == [("missing", "open", 12)]
    assert (report.size, report.end) == (size - 1, size)
    assert (report.assurance.level, report.assurance.signed) == ("signed", size)


def test_of_a_checkpoint_after_hashes_that_are_not_known_nothing_is_said(ledger: Path) -> None:
    size = size_of(ledger)
    notes = [LOG.checkpoint(ledger, 8), LOG.checkpoint(ledger, size)]
    take_out(ledger, 12, 13)
    report = held_against(ledger, SIGNED, *notes)
    assert places(report) == [("missing", "open", 12)]
    assert report.assurance.signed == 8
    alone = held_against(ledger, SIGNED, notes[1])
    assert places(alone) == [("missing", "open", 12), ("policy", "open", None)]


def test_a_forged_checkpoint_of_a_book_with_an_entry_missing_is_found_all_the_same(ledger: Path) -> None:
    size = size_of(ledger)
    forged = LOG.sign(size, bytes(32))
    take_out(ledger, 12)
    report = held_against(ledger, SIGNED, LOG.sign(5, bytes(32)), forged)
    assert ("checkpoint", "open", 0) in places(report)
    assert "policy" in {code for code, _, _ in places(report)}


def longer_ones(ledger: Path, k: int) -> tuple[Note, Note, dict[int, list[bytes]]]:
    """Two checkpoints of a ledger that is then cut at `k`, and proofs from there: of the larger one a wrong one."""
    hashes = [leaf_hash(entry) for entry in entries(ledger, "open")]
    notes = LOG.checkpoint(ledger, k + 3), LOG.checkpoint(ledger, k + 5)
    proofs = {k + size: consistency_proof(hashes, k, k + size) for size in (3, 5)}
    cut(ledger, k)
    return *notes, proofs


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("missing", [True, False])
def test_a_larger_checkpoint_without_a_proof_that_holds_is_found_whatever_others_agree(
    ledger: Path, which: int, missing: bool
) -> None:
    *notes, proofs = longer_ones(ledger, 13)
    evidence = Evidence(tuple(stored(note) for note in notes))
    plain = verify_ledger(ledger, sizes=sizes_of(evidence))
    assert assess(plain, evidence, SIGNED, consistency=proofs).ok
    size = (16, 18)[which]
    if missing:
        del proofs[size]
    else:
        proofs[size] = [bytes(32), *proofs[size][1:]]
    report = assess(plain, evidence, SIGNED, consistency=proofs)
    assert places(report) == [("checkpoint", "open", None)]
    assert f"size {size} signed by {LOG.origin} is larger than this book, which has 13: " in report.findings[0].message
    assert ("not the beginning of that tree" in report.findings[0].message) == (not missing)
    assert report.assurance.signed == 13
    assert ("open", 0, 12) in report.sound  # the other one speaks for all of it


def test_a_larger_checkpoint_of_a_quorum_is_not_outweighed_by_a_larger_one_of_the_log_alone(ledger: Path) -> None:
    (good, seen), proofs = (made := longer_ones(ledger, 13))[:2], made[2]
    seen = WITNESSES[0].cosign(WITNESSES[1].cosign(seen))
    evidence = Evidence((stored(good), stored(seen)))
    del proofs[18]
    report = assess(verify_ledger(ledger, sizes=sizes_of(evidence)), evidence, QUORUM_OF_TWO, consistency=proofs)
    assert places(report) == [("checkpoint", "open", None), ("policy", "open", None)]
    assert not [part for part in report.sound if part[0] == "open"]
