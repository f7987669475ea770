"""What we hand out is accepted by the verifier of npm's provenance: @sigstore/verify, at the version in the lock file.

Its `verifyTLogInclusion` verifies the note's signature, and the inclusion proof against the root in that note. It is
given our Ed25519 key as a Sigstore trusted root gives that of a Rekor 2 log: the public key in DER, the origin as base
URL, and the key id of the signed note as `checkpointKeyId`. (Logs of Rekor 1 had key ids of their own, the hash of the
DER; ours has not, and they are not used.) It does not know ML-DSA-44 and passes that line over.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.tlog_proof import TlogProof
from tests.interop.foreign import HERE, Program
from tests.interop.story import Story
from tests.interop.test_go import flips, indexes, we_accept


def accepts(npm: Program, story: Story, proof: TlogProof, entry: bytes, **other: Any) -> bool:
    given: dict[str, Any] = {
        "vkey": story.vkeys[0],
        "note": proof.checkpoint_note,
        "index": proof.index,
        "hashes": list(proof.hashes),
        "entry": entry,
    }
    return npm.accepts("inclusion", **given | other)


def test_sigstore_verifies_checkpoint_and_inclusion(npm: Program, story: Story, tmp_path: Path) -> None:
    for size in story.sizes:
        for index in indexes(size):
            proof, entry = TlogProof.parse(story.proof(index, size, tmp_path)), story.entry(index)
            assert accepts(npm, story, proof, entry), (size, index)
            assert not accepts(npm, story, proof, entry + b" ")
            assert not accepts(npm, story, proof, entry, index=index + 1)
            assert not accepts(npm, story, proof, entry, hashes=[*proof.hashes, bytes(32)])


def test_sigstore_refuses_what_is_signed_by_another_key(
    npm: Program, go: Program, story: Story, tmp_path: Path
) -> None:
    proof, entry = TlogProof.parse(story.proof(3, story.sizes[2], tmp_path)), story.entry(3)
    name = story.vkeys[0].split("+")[0]
    other = go.ask("sign", origin=name, seed=bytes(32), time=1, entries=[b"1"], index=0, before=1)["vkeys"][0]
    assert not accepts(npm, story, proof, entry, vkey=other)
    # Even where somebody lets it pass for the id of ours.
    identity = story.vkeys[0].split("+")[1]
    assert not accepts(npm, story, proof, entry, vkey="+".join([name, identity, other.split("+", 2)[2]]))


def test_no_flipped_bit_is_accepted_here_and_refused_by_sigstore(npm: Program, story: Story, tmp_path: Path) -> None:
    whole = story.proof(3, story.sizes[2], tmp_path)
    proof, entry = TlogProof.parse(whole), story.entry(3)
    note = proof.checkpoint_note
    signed = note.index(b"\n\n")
    refused = 0
    for flipped in flips(note[: signed + 1], 600, 3):
        assert not accepts(npm, story, proof, entry, note=flipped + note[signed + 1 :])
        assert not we_accept(story, whole.replace(note, flipped + note[signed + 1 :]), entry)
    for flipped in flips(note[signed + 2 : note.rindex("— ".encode())], 600, 4):
        altered = note[: signed + 2] + flipped + note[note.rindex("— ".encode()) :]
        theirs = accepts(npm, story, proof, entry, note=altered)
        assert theirs or not we_accept(story, whole.replace(note, altered), entry)
        refused += not theirs
    assert refused > 300
    for number, hash_ in enumerate(proof.hashes):
        for flipped in flips(hash_, 20, number):
            hashes = [*proof.hashes[:number], flipped, *proof.hashes[number + 1 :]]
            assert not accepts(npm, story, proof, entry, hashes=hashes)
            altered = TlogProof(proof.index, tuple(hashes), note).encode()
            assert not we_accept(story, altered, entry)


@pytest.mark.parametrize("name", [".npmrc", "package.json", "package-lock.json"])
def test_what_is_installed_names_no_host_and_is_pinned(name: str) -> None:
    text = (HERE / "sigstore" / name).read_text()
    assert "://" not in text
    if name == "package-lock.json":
        assert text.count('"integrity": "sha512-') == text.count('"node_modules/') > 3
    if name == "package.json":
        assert not re.search(r'": "[~^*><]', text)
