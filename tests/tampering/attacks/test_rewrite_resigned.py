"""All is written anew and signed with the stolen log key.

Attacker: an insider with all keys of the ledger. He tells the whole story once more with one sentence changed, into the
same origin, and leaves beside it only checkpoints that he signed himself. Found by: the witnesses, who did not cosign
it, refuse to, and give their own checkpoint to whoever asks; a checkpoint, or a time stamp with its checkpoint, that
the auditor kept. Not found by: the file, all data keys, the log's signatures, nor the certificates of authorities once
he has left the tokens out: then the report does not say that anything was stamped, and that is all.
"""

from pathlib import Path

from api.witness.asking import Outcome
from ledger.proof.evidence import evidence_folder, read_evidence
from tests.tampering.attacks.world import (
    ASKED,
    FILE,
    KEPT,
    KEYS,
    NOTHING,
    OTHER_WORDS,
    QUORUM,
    SIGNED,
    STAMPED,
    UNSIGNED,
    World,
)  # fmt: skip

OTHER = ("checkpoint", "open", 0)


def test_nothing_is_found_in_what_is_true(world: World, ledger: Path) -> None:
    assert world.found(ledger) == NOTHING
    levels = {level: world.report(level, ledger).assurance.level for level in (FILE, KEYS, SIGNED, STAMPED, QUORUM)}
    assert levels == {
        FILE: "consistent", KEYS: "consistent", SIGNED: "signed", STAMPED: "time-stamped", QUORUM: "witnessed 3 of 3",
    }  # fmt: skip


def test_it_is_found_by_those_alone_whom_the_insider_does_not_command(world: World, tmp_path: Path) -> None:
    forged = world.forged(tmp_path / "forged")
    assert tuple(forged.sizes) == world.sizes
    assert forged.said == world.said
    assert OTHER_WORDS.encode() in forged.path.read_bytes() + Path(f"{forged.path}-wal").read_bytes()
    assert world.found(forged.path) == NOTHING | {QUORUM: [UNSIGNED], ASKED: [OTHER], KEPT: [OTHER]}


def test_the_report_does_not_claim_what_he_could_not_forge(world: World, tmp_path: Path) -> None:
    forged = world.forged(tmp_path / "forged")
    report = world.report(STAMPED, forged.path)
    assert (report.ok, report.assurance.level, report.assurance.external) == (True, "signed", 0)


def test_no_entry_is_called_sound_on_the_word_of_the_stolen_key(world: World, tmp_path: Path) -> None:
    """His own first checkpoint agrees with his book; what the witness has contradicts all of it all the same."""
    forged = world.forged(tmp_path / "forged")
    assert [part for part in world.report(ASKED, forged.path).sound if part[0] == "open"] == []


def test_the_true_time_stamps_that_an_auditor_kept_find_it(world: World, tmp_path: Path) -> None:
    """With them he can't say either that she made up the checkpoint: it was there, says the authority, at that time."""
    forged = world.forged(tmp_path / "forged")
    hers = evidence_folder(world.path)
    assert world.found(forged.path, hers, [SIGNED, STAMPED]) == {
        SIGNED: [OTHER, UNSIGNED], STAMPED: [OTHER, UNSIGNED],
    }  # fmt: skip


def test_a_true_time_stamp_beside_his_checkpoint_counts_for_nothing(world: World, tmp_path: Path) -> None:
    forged = world.forged(tmp_path / "forged")
    tokens = read_evidence(evidence_folder(world.path)).tokens
    for files in tokens.values():
        for name, token in files.items():
            (evidence_folder(forged.path) / "timestamps" / name).write_bytes(token)
    report = world.report(STAMPED, forged.path)
    assert report.assurance.level == "signed"
    assert len([remark for remark in report.assurance.remarks if "counts for nothing" in remark]) == 2


def test_each_witness_says_that_it_holds_another_history(world: World, tmp_path: Path) -> None:
    forged = world.forged(tmp_path / "forged")
    stored = read_evidence(evidence_folder(forged.path)).checkpoints
    for number in range(3):
        asked = world.ask(forged.path, stored[-1], number)
        assert (asked.outcome, asked.signatures) == (Outcome.CONTRADICTED, ())
        assert "holds another history" in asked.sentence
