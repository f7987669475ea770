"""All is written anew from one entry on, with a chain, ties and heads that fit.

Attacker: the administrator of the database: he writes file and evidence folder, and holds no keys. So he can't seal
anchors anew. Found by: the data keys, where the sealed book names an entry after the change; the checkpoints, where he
leaves them; the lack of a signature, where he deletes them; a witness who is asked; a kept checkpoint from after the
change. Not found by: the file alone. What lies after the last entry that the sealed book names the data keys do not
find either.
"""

from pathlib import Path

from ledger.proof.__main__ import main
from tests.api.cli_runs import here
from tests.tampering.attacks.rewriting import drop_evidence, reworded
from tests.tampering.attacks.world import (
    ASKED,
    FILE,
    KEPT,
    KEYS,
    NOTHING,
    OTHER_WORDS,
    UNSIGNED,
    WORDS,
    World,
    everywhere,
)  # fmt: skip

ANCHOR = ("anchor", "open", 16)
"""The first anchor after the first sealed entry: it holds the sealed book as it was."""
OTHER = ("checkpoint", "open", 0)


def test_checkpoints_that_are_left_find_it(world: World, ledger: Path) -> None:
    reworded(ledger, world.said, WORDS, OTHER_WORDS)
    assert world.found(ledger) == everywhere(OTHER, UNSIGNED, file=[], keys=[ANCHOR])


def test_without_them_no_log_has_signed_it(world: World, ledger: Path) -> None:
    reworded(ledger, world.said, WORDS, OTHER_WORDS)
    drop_evidence(ledger)
    assert world.found(ledger) == everywhere(UNSIGNED) | {
        FILE: [], KEYS: [ANCHOR], ASKED: [OTHER, UNSIGNED], KEPT: [OTHER, UNSIGNED],
    }  # fmt: skip


def test_what_the_sealed_book_does_not_name_any_more_the_keys_do_not_find(world: World, ledger: Path) -> None:
    reworded(ledger, 26, "Continue.", "Stop now.")
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == NOTHING | {ASKED: [OTHER]}


def test_the_programs_tell_by_their_exit_codes_what_the_policy_adds(world: World, ledger: Path) -> None:
    reworded(ledger, world.said, WORDS, OTHER_WORDS)
    drop_evidence(ledger)
    policy = str(world.policy(quorum=False))
    assert main([str(ledger)]) == 0
    assert main([str(ledger), "--policy", policy]) == 1
    assert here("verify", ledger, "--policy", policy).code == 1
    assert here("verify", world.path, "--policy", policy).code == 0
