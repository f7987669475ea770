"""What we hand out is accepted by golang.org/x/mod/sumdb (note and tlog, as Debian packages them), byte for byte.

Of each thing there is a control: altered by a bit, it is refused there as it is here.
"""

import random
from pathlib import Path

import pytest

from ledger.proof.note import NoteError
from ledger.proof.policy import Policy
from ledger.proof.tlog_proof import TlogProof
from tests.api.cli_runs import here
from tests.interop.foreign import Program, identity, unpacked
from tests.interop.story import GROWTH, Story, entries_of


def flips(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies of the data, each with one bit flipped somewhere else."""
    places = random.Random(seed).sample(range(8 * len(data)), min(count, 8 * len(data)))
    copies = []
    for place in places:
        copy = bytearray(data)
        copy[place // 8] ^= 1 << place % 8
        copies.append(bytes(copy))
    return copies


def we_accept(story: Story, proof: bytes, entry: bytes) -> bool:
    """Our verdict, with the Ed25519 key only, as Go knows no other."""
    try:
        TlogProof.parse(proof).verify(entry, Policy.parse(f"log {story.vkeys[0]}\nquorum none\n".encode()))
    except NoteError:
        return False
    return True


def indexes(size: int) -> list[int]:
    return sorted({0, size // 3, size // 2, size - 1})


def test_go_opens_every_checkpoint_that_we_signed(go: Program, story: Story) -> None:
    assert len(story.sizes) == len(GROWTH)
    for size, note in story.checkpoints.items():
        found = go.ask("open", vkeys=story.vkeys, note=note)
        assert found["ok"], found
        assert found["size"] == size
        assert found["signed"] == [identity(story.vkeys[0])], "Go knows Ed25519 and passes the ML-DSA-44 line over"


def test_go_refuses_a_checkpoint_by_another_key_of_the_same_name(go: Program, story: Story) -> None:
    name = story.vkeys[0].split("+")[0]
    other = go.ask("sign", origin=name, seed=bytes(32), time=1, entries=[b"1"], index=0, before=1)["vkeys"][0]
    found = go.ask("open", vkeys=[other], note=story.checkpoints[story.sizes[0]])
    assert (found["ok"], found["error"]) == (False, "note has no verifiable signatures")


def test_go_verifies_that_an_entry_is_in_the_ledger(go: Program, story: Story, tmp_path: Path) -> None:
    for size in story.sizes:
        for index in indexes(size):
            proof, entry = story.proof(index, size, tmp_path), story.entry(index)
            found = go.ask("inclusion", vkeys=story.vkeys, proof=proof, entry=entry)
            assert found["ok"], (size, index, found)
            assert found["size"] == size
            assert we_accept(story, proof, entry)
            for wrong in (entry[:-1], entry + b"\n", entry.replace(b'"seq":', b'"seq": '), b""):
                assert not go.accepts("inclusion", vkeys=story.vkeys, proof=proof, entry=wrong)
                assert not we_accept(story, proof, wrong)


def test_go_refuses_the_proof_of_another_position(go: Program, story: Story, tmp_path: Path) -> None:
    size = story.sizes[-1]
    proof, entry = story.proof(5, size, tmp_path), story.entry(5)
    for index in (4, 6, 7, size - 1, size, size + 1, 2**62):
        moved = proof.replace(b"\nindex 5\n", b"\nindex %d\n" % index)
        assert not go.accepts("inclusion", vkeys=story.vkeys, proof=moved, entry=entry)
        assert not we_accept(story, moved, entry)


def test_no_flipped_bit_of_a_proof_is_accepted_here_and_refused_by_go(
    go: Program, story: Story, tmp_path: Path
) -> None:
    proof, entry = story.proof(3, story.sizes[2], tmp_path), story.entry(3)
    refused = 0
    for flipped in flips(proof, 2000, 1):
        ours = we_accept(story, flipped, entry)
        theirs = go.accepts("inclusion", vkeys=story.vkeys, proof=flipped, entry=entry)
        assert theirs or not ours
        refused += not theirs
        if theirs and not ours:
            # What it lets pass is in the line of a key that it does not know, or in the unused bits of base64.
            assert flipped.split(b"\n\n")[0] == proof.split(b"\n\n")[0]
    assert refused > 200
    for flipped in flips(entry, 300, 2):
        assert not go.accepts("inclusion", vkeys=story.vkeys, proof=proof, entry=flipped)
        assert not we_accept(story, proof, flipped)


def test_go_verifies_that_each_checkpoint_goes_on_from_the_one_before(
    go: Program, story: Story, tmp_path: Path
) -> None:
    for place, before in enumerate(story.sizes):
        for after in story.sizes[place + 1 :]:
            proof = story.consistency(before, after, tmp_path)
            found = go.ask("consistency", vkeys=story.vkeys, note=story.checkpoints[before], proof=proof)
            assert found["ok"], (before, after, found)
            assert found["size"] == after


def test_go_refuses_a_consistency_proof_that_was_altered_or_is_of_others(
    go: Program, story: Story, tmp_path: Path
) -> None:
    first, second, *_, last = story.sizes
    proof = story.consistency(second, last, tmp_path)
    lines = proof.split(b"\n\n")[0].split(b"\n")
    assert len(lines) > 2
    for number in range(1, len(lines)):
        without = proof.replace(lines[number] + b"\n", b"", 1)
        assert not go.accepts("consistency", vkeys=story.vkeys, note=story.checkpoints[second], proof=without)
        digit = b"A" if lines[number][:1] != b"A" else b"B"
        other = proof.replace(lines[number], digit + lines[number][1:], 1)
        assert not go.accepts("consistency", vkeys=story.vkeys, note=story.checkpoints[second], proof=other)
    assert not go.accepts("consistency", vkeys=story.vkeys, note=story.checkpoints[first], proof=proof)


def test_go_reads_the_ledger_out_of_its_tiles(go: Program, story: Story, tmp_path: Path) -> None:
    ledger, folder = story.copy(tmp_path), tmp_path / "tiles"
    done = here("export", "tiles", ledger, "-o", folder, "--actor", "auditor-1", "--role", "auditor")
    assert done.code == 0, done.err
    found = go.ask("tiles", vkeys=story.vkeys, folder=str(folder), index=7)
    assert found["ok"], found
    size = found["size"]
    assert size > 256
    assert unpacked(found["entries"]) == entries_of(ledger)[:size]
    # The inclusion proof that Go computes out of the tiles is the one that `prove` gives.
    note = (folder / "checkpoint").read_bytes()
    assert we_accept(story, TlogProof(7, tuple(unpacked(found["record"])), note).encode(), story.entry(7))


@pytest.mark.parametrize("what", ["tile/0/000", "tile/1/000.p/1", "tile/entries/000", "checkpoint"])
def test_go_refuses_tiles_of_which_one_was_altered(go: Program, story: Story, tmp_path: Path, what: str) -> None:
    ledger, folder = story.copy(tmp_path), tmp_path / "tiles"
    assert here("export", "tiles", ledger, "-o", folder, "--actor", "auditor-1", "--role", "auditor").code == 0
    assert go.accepts("tiles", vkeys=story.vkeys, folder=str(folder), index=0)
    content = bytearray((folder / what).read_bytes())
    content[content.index(b"\n\n") - 9 if what == "checkpoint" else 20] ^= 1  # in the root; in the first hash or entry
    (folder / what).write_bytes(content)
    assert not go.accepts("tiles", vkeys=story.vkeys, folder=str(folder), index=0)
