"""A sealed section is moved to where another belongs: the name of one subject to another, the arm of one to another.

Attacker: the administrator of the database, without keys: he can't read a section, but can exchange two. Found by: the
file, where entries commit to other sections. Where he makes entries, chain, ties and heads fit: by the data keys, since
a seal opens in its own place alone; and by checkpoints that he leaves. Not found by: the file alone, nor, after
the last checkpoint that he leaves, by anybody without data keys.
"""

import json
from pathlib import Path

from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checking import check
from ledger.proof.sections import IDENTITY
from tests.proof.bundle_parts import fitted, frames, lines, read, with_rows, zipped
from tests.tampering.attacks.rewriting import drop_evidence, whole_again
from tests.tampering.attacks.world import ASKED, FILE, KEPT, KEYS, QUORUM, SIGNED, STAMPED, World, everywhere
from tests.tampering.ledgers import behind_its_back, rows

ONE, OTHER = 25, 29
"""Consents of S-2 and S-3, whose names are sealed: one before the second checkpoint, one after it."""


def split(stored: bytes) -> tuple[bytes, bytes]:
    """The sealed frame, which comes first, and the readable one."""
    end = 5 + int.from_bytes(stored[1:5], "big")
    return stored[:end], stored[end:]


def test_the_sections_of_a_consent_are_those_that_are_meant(ledger: Path) -> None:
    for seq in (ONE, OTHER):
        entry = json.loads(rows(ledger, "open_entry")[seq]["entry"])
        assert (entry["type"], entry["parts"][0]["class"]) == ("consent.obtained/1", IDENTITY)


def exchanged(path: Path, *, with_entries: bool) -> None:
    one, other = (rows(path, "open_entry")[seq] for seq in (ONE, OTHER))
    with behind_its_back(path) as connection:
        for row, source in ((one, other), (other, one)):
            entry = row["entry"]
            if with_entries:
                commits = [json.loads(each["entry"])["parts"][0]["commit"].encode() for each in (row, source)]
                entry = entry.replace(*commits)
            stored = split(source["sections"])[0] + split(row["sections"])[1]
            connection.execute(
                "UPDATE open_entry SET entry = ?, sections = ? WHERE seq = ?", (entry, stored, row["seq"])
            )
        if with_entries:
            whole_again(connection)


def test_names_that_changed_places_are_found_by_the_file_alone(world: World, ledger: Path) -> None:
    exchanged(ledger, with_entries=False)
    places = [("ciphertext", "open", ONE), ("ciphertext", "open", OTHER)]
    assert world.found(ledger) == everywhere(*places)


def test_with_entries_made_to_fit_the_data_keys_find_it_and_the_file_does_not(world: World, ledger: Path) -> None:
    exchanged(ledger, with_entries=True)
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == {
        FILE: [],
        KEYS: [("sealed", "open", ONE), ("sealed", "open", OTHER)],
        SIGNED: [],
        STAMPED: [],
        QUORUM: [],
        ASKED: [("checkpoint", "open", 0)],
        KEPT: [],
    }


def test_arms_that_changed_places_are_found_in_the_archive_s_bundle_without_a_key(
    world: World, bundles: dict[str, Path], tmp_path: Path
) -> None:
    """With the bundle's list of files made to fit."""
    files = read(bundles["archive"])
    sections = frames(files, "sealed")
    assert len(sections) >= 2
    (arm, header), (other_arm, other_header) = map(split, sections[:2])
    moved = [other_arm + header, arm + other_header, *sections[2:]]
    path = tmp_path / "moved.zip"
    path.write_bytes(zipped(fitted(with_rows(files, lines(files, "sealed"), moved, "sealed"))))
    found = world.found(path, levels=[SIGNED, QUORUM])
    for level in (SIGNED, QUORUM):
        assert found[level] == [("ciphertext", "sealed", 0), ("ciphertext", "sealed", 1)]
    with BundleBooks(bundles["archive"]) as books:
        assert books.manifest.sections["arm"] == "sealed"
    assert check(bundles["archive"], world.trusted(SIGNED)).ok
