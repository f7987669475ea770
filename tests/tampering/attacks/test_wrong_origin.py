"""A ledger is passed off as another one.

Attacker: whoever can hand over files. He shows a ledger with keys of its own in place of the true one, or with the true
one's checkpoints beside it, or a bundle whose manifest says another origin. Found by: the policy, which names the keys
that count, and checkpoints that somebody else keeps. Not found by: the file, which is whole: it is only another's.
"""

from pathlib import Path

from ledger.proof.bundle import MANIFEST, Manifest
from ledger.proof.evidence import evidence_folder
from tests.proof.bundle_parts import fitted, read, zipped
from tests.tampering.attacks.world import ASKED, FILE, KEPT, KEYS, QUORUM, SIGNED, UNSIGNED, Told, World, everywhere
from tests.tampering.ledgers import behind_its_back

OTHERS = ("checkpoint", "open", None)


def other(world: World, tmp_path: Path) -> Told:
    """Another ledger, with other keys and so another origin, that tells the same story."""
    return world.forged(tmp_path / "other", seed=2)


def test_another_ledger_with_its_own_signatures_is_found_by_the_policy_alone(world: World, tmp_path: Path) -> None:
    told = other(world, tmp_path)
    assert world.found(told.path) == everywhere(UNSIGNED) | {
        FILE: [], KEYS: [], ASKED: [OTHERS, UNSIGNED], KEPT: [OTHERS, UNSIGNED],
    }  # fmt: skip


def test_the_true_checkpoints_beside_it_are_of_another_origin(world: World, tmp_path: Path) -> None:
    told = other(world, tmp_path)
    found = world.found(told.path, evidence_folder(world.path))
    assert found == everywhere(OTHERS, UNSIGNED, file=[], keys=[])


def test_a_head_that_says_the_true_origin_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE head SET origin = replace(origin, 'test.invalid', 'true.example')")
    found = world.found(ledger)
    for level in (FILE, KEYS, SIGNED, QUORUM):
        assert {("head", "open", None), ("head", "sealed", None)} <= set(found[level])


def test_a_manifest_that_says_another_origin_is_found_by_the_bundle_alone(
    world: World, bundles: dict[str, Path], tmp_path: Path
) -> None:
    files = read(bundles["sponsor"])
    said = Manifest.parse(files[MANIFEST]).origin
    path = tmp_path / "renamed.zip"
    path.write_bytes(zipped(fitted(files, origin=said.replace("test.invalid", "true.example"))))
    assert ("head", "open", None) in world.found(path, levels=[FILE])[FILE]
