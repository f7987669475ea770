"""Signatures are taken off a checkpoint.

Attacker: whoever hands over the evidence, without keys: he can only take away. Found by: the policy, which says who has
to have signed. Not found by: who brings no policy, nor by one that the rest satisfies: a log's second signature may be
missing, and one cosignature of three, and the report counts those that are there.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.proof.evidence import evidence_folder, read_evidence, stored_checkpoint
from ledger.proof.note import Note, NoteSignature
from tests.proof.bundle_parts import fitted, read, zipped
from tests.tampering.attacks.world import (
    ASKED,
    FILE,
    KEPT,
    KEYS,
    NOTHING,
    QUORUM,
    SIGNED,
    STAMPED,
    UNSIGNED,
    WITNESSES,
    World,
    everywhere,
)  # fmt: skip

Keep = Callable[[NoteSignature], bool]


def stripped(ledger: Path, keep: Keep) -> None:
    """Only these signatures are left on each checkpoint."""
    for stored in read_evidence(evidence_folder(ledger)).checkpoints:
        left = tuple(one for one in stored.note.signatures if keep(one))
        path = evidence_folder(ledger) / "checkpoints" / stored.name
        path.write_bytes(Note(stored.note.text, left).encode())


def test_without_the_log_s_own_signatures_no_checkpoint_counts(world: World, ledger: Path) -> None:
    stripped(ledger, lambda one: one.name in WITNESSES)
    # A checkpoint that somebody kept is whole, and signed.
    assert world.found(ledger) == everywhere(UNSIGNED) | {FILE: [], KEYS: [], ASKED: [], KEPT: []}


def test_without_cosignatures_a_quorum_finds_it_and_a_policy_without_witnesses_does_not(
    world: World, ledger: Path
) -> None:
    stripped(ledger, lambda one: one.name not in WITNESSES)
    assert world.found(ledger) == NOTHING | {QUORUM: [UNSIGNED]}


def test_one_cosignature_of_three_may_go_and_is_not_counted(world: World, ledger: Path) -> None:
    stripped(ledger, lambda one: one.name != WITNESSES[1])
    assert world.found(ledger) == NOTHING
    assert world.report(QUORUM, ledger).assurance.level == "witnessed 2 of 3"


def test_two_cosignatures_of_three_may_not(world: World, ledger: Path) -> None:
    stripped(ledger, lambda one: one.name not in WITNESSES[1:])
    assert world.found(ledger) == NOTHING | {QUORUM: [UNSIGNED]}


def test_the_log_s_second_signature_may_go_but_then_no_time_stamp_is_over_what_is_left(
    world: World, ledger: Path
) -> None:
    """A time stamp covers the checkpoint as it was signed: with both."""
    first = read_evidence(evidence_folder(ledger)).checkpoints[0].note.signatures
    second = next(one for one in first if one.name not in WITNESSES and len(one.signature) > 1000)
    stripped(ledger, lambda one: one.key_id != second.key_id)
    assert world.found(ledger) == NOTHING
    assert world.report(STAMPED, ledger).assurance.level == "signed"


def test_in_a_bundle_too_and_the_list_of_files_made_to_fit_hides_nothing(
    world: World, bundles: dict[str, Path], tmp_path: Path
) -> None:
    files = read(bundles["sponsor"])
    for name, data in files.items():
        if name.startswith("evidence/checkpoints/"):
            note = stored_checkpoint(name, data).note
            files[name] = Note(note.text, tuple(one for one in note.signatures if one.name in WITNESSES)).encode() if (
                {one.name for one in note.signatures} & set(WITNESSES)
            ) else data  # fmt: skip
    files = {name: data for name, data in files.items() if not _signed_alone(name, data)}
    path = tmp_path / "stripped.zip"
    path.write_bytes(zipped(fitted(files)))
    assert world.found(path, levels=[FILE, SIGNED, QUORUM]) == {FILE: [], SIGNED: [UNSIGNED], QUORUM: [UNSIGNED]}


def _signed_alone(name: str, data: bytes) -> bool:
    """A checkpoint that no witness signed: it was made for the bundle itself."""
    if not name.startswith("evidence/checkpoints/"):
        return False
    return not {one.name for one in stored_checkpoint(name, data).note.signatures} & set(WITNESSES)


@pytest.mark.parametrize("level", [SIGNED, QUORUM])
def test_the_bundle_as_it_was_made_satisfies_both(world: World, bundles: dict[str, Path], level: str) -> None:
    assert world.found(bundles["sponsor"], levels=[level]) == {level: []}
