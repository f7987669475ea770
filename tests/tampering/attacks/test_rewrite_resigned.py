"""All is written anew and signed with the stolen log key.

Attacker: an insider with all keys of the ledger (he tells the whole story once more, with one sentence changed), who
leaves beside it only checkpoints that he signed himself. Found by: the witnesses (they did not cosign it, and give
their own checkpoint to whoever asks; they refuse his), and a checkpoint or token that the auditor kept. Not found by:
the file, the data keys, the log's signature, nor certificates of authorities where he deleted the tokens.
"""

from pathlib import Path

from ledger.proof.evidence import evidence_folder, read_evidence
from tests.tampering.attacks.world import (
    ASKED, FILE, KEPT, NOTHING, OTHER_WORDS, OUTSIDE, QUORUM, SIGNED, STAMPED, UNSIGNED, World,
)  # fmt: skip


def test_nothing_is_found_in_what_is_true(world: World, ledger: Path) -> None:
    assert world.found(ledger) == NOTHING


def test_it_is_found_by_those_alone_who_are_not_the_insider(world: World, tmp_path: Path) -> None:
    forged = world.forged(tmp_path / "forged")
    assert tuple(forged.sizes) == world.sizes
    assert OTHER_WORDS.encode() in forged.path.read_bytes() + Path(f"{forged.path}-wal").read_bytes()
    first, second = world.sizes
    assert world.found(forged.path) == NOTHING | {
        QUORUM: [UNSIGNED],
        ASKED: [("checkpoint", "open", 0)],
        KEPT: [("checkpoint", "open", 0)],
    }
