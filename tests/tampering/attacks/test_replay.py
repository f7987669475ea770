"""Something that was true is shown again in another place, or as if it were all there is.

Attacker: whoever can hand over files: an old bundle as today's, files of one bundle in another, a cosignature or a time
stamp of one checkpoint at another; or a command sent twice. Found by: a witness who is asked (the old bundle is whole,
and is true as far as it goes), the list of files of the bundle, the signatures themselves. Not found by: policy,
signatures and cosignatures of the old bundle, nor by a checkpoint that is no younger than it.
"""

from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.bundle.writing import export_bundle
from api.cli.demo import SimulatedClock
from ledger.domain.commands import parse_command
from ledger.proof.evidence import checkpoint_name, evidence_folder, read_evidence, token_name
from ledger.proof.note import Note
from ledger.recording.sqlite import CommandReused
from tests.proof.bundle_parts import fitted, read, zipped
from tests.tampering.attacks.world import (
    ASKED,
    KEYS,
    LEVELS,
    NOTHING,
    QUORUM,
    SIGNED,
    SPONSOR,
    STAMPED,
    World,
    everywhere,
    new_trial,
)  # fmt: skip


@pytest.fixture
def old(world: World, tmp_path: Path) -> Path:
    """A bundle that ends with the first checkpoint, and holds nothing that is younger."""
    path = world.copy(tmp_path / "then")
    for file in evidence_folder(path).glob("*/*"):
        if int(file.name[:16]) > world.sizes[0]:
            file.unlink()
    clock = SimulatedClock(world.told.trial.clock.at)
    session = Session(path, viewer_of("sponsor-1", "sponsor", "FJD"), clock=clock)
    return export_bundle(session, tmp_path / "old.zip", str(world.sizes[0] - 1), clock=clock).path


def test_an_old_bundle_is_whole_and_only_who_asks_a_witness_finds_that_it_is_not_all(world: World, old: Path) -> None:
    found = world.found(old, levels=[level for level in LEVELS if level not in ("file", KEYS)])
    larger = ("checkpoint", "open", None)
    assert found == {SIGNED: [], STAMPED: [], QUORUM: [], ASKED: [larger], "kept": []}
    assert world.report(QUORUM, old).assurance.level == "witnessed 3 of 3"


def test_a_file_of_another_bundle_is_found_by_the_list_of_files(
    world: World, bundles: dict[str, Path], old: Path, tmp_path: Path
) -> None:
    mixed = read(bundles["sponsor"]) | {"index.html": read(old)["index.html"]}
    path = tmp_path / "mixed.zip"
    path.write_bytes(zipped(mixed))
    assert world.found(path, levels=[SIGNED, QUORUM]) == {level: [("member", None, None)] for level in (SIGNED, QUORUM)}


def test_the_entries_of_another_bundle_with_the_list_made_to_fit_are_not_the_book_that_the_manifest_tells(
    world: World, bundles: dict[str, Path], old: Path, tmp_path: Path
) -> None:
    then = read(old)
    files = read(bundles["sponsor"]) | {name: then[name] for name in ("open/entries", "open/sections")}
    path = tmp_path / "mixed.zip"
    path.write_bytes(zipped(fitted(files)))
    assert ("missing", "open", world.sizes[0]) in world.found(path, levels=[SIGNED])[SIGNED]


def test_a_cosignature_at_another_checkpoint_is_found_by_whoever_knows_the_witness(world: World, ledger: Path) -> None:
    """And by nobody who does not: signatures of keys that are not known say nothing."""
    first, second = read_evidence(evidence_folder(ledger)).checkpoints
    own = {one.name for one in second.note.signatures} & {second.checkpoint.origin}
    lines = [one for one in second.note.signatures if one.name in own]
    lines += [one for one in first.note.signatures if one.name not in own]
    path = evidence_folder(ledger) / "checkpoints" / checkpoint_name(second.checkpoint)
    path.write_bytes(Note(second.note.text, tuple(lines)).encode())
    assert world.found(ledger) == NOTHING | {QUORUM: [("signature", "open", None)]}


def test_a_time_stamp_at_another_checkpoint_counts_for_nothing(world: World, ledger: Path) -> None:
    first, second = (one.checkpoint for one in read_evidence(evidence_folder(ledger)).checkpoints)
    folder = evidence_folder(ledger) / "timestamps"
    (folder / token_name(second, 0)).write_bytes((folder / token_name(first, 0)).read_bytes())
    report = world.report(STAMPED, ledger)
    assert report.ok
    assert [stamp.size for stamp in report.assurance.stamped] == [first.size]
    assert any("counts for nothing" in remark for remark in report.assurance.remarks)


def test_checkpoints_of_another_ledger_say_nothing_of_this_one(world: World, ledger: Path, tmp_path: Path) -> None:
    """Of one with other keys: beside this ledger they count for nothing, and the policy asks for others."""
    other = world.forged(tmp_path / "other", seed=2)
    found = world.found(ledger, evidence_folder(other.path))
    unsigned = ("policy", "open", None)
    assert found == everywhere(unsigned, file=[], keys=[], asked=[], kept=[])


def test_a_command_that_is_sent_again_is_answered_and_not_recorded_again(tmp_path: Path) -> None:
    trial = new_trial(tmp_path / "again")
    said = trial.envelope("record-dmc-recommendation", {"recommendation": "CONTINUE", "text": "Once."}, actor=SPONSOR)
    first = trial.ledger.submit(parse_command(said))
    again = trial.ledger.submit(parse_command(said))
    assert (again.seq, again.repeated) == (first.seq, True)
    said["data"] = {"recommendation": "CONTINUE", "text": "Twice."}
    with pytest.raises(CommandReused):
        trial.ledger.submit(parse_command(said))
