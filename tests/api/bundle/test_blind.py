"""The bundles of masked people are the same in both worlds, but for the anchors' commitments."""

import re
from pathlib import Path
from typing import Final

from api.access import Session
from api.bundle.writing import export_bundle
from ledger.domain.vocabulary import Book
from tests.api.bundle.making import end_of_command, facts
from tests.proof.bundle_parts import Files, read
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import NO_INTERVENTION
from tests.two_worlds.scenes import story
from tests.two_worlds.worlds import two_worlds


def test_bundles_for_masked_people_are_the_same_in_both_worlds_but_for_the_anchors_commitments(tmp_path: Path) -> None:
    steps = story(NO_INTERVENTION, [])
    seen: list[dict[str, Files]] = []
    with two_worlds(tmp_path, NO_INTERVENTION, steps) as worlds:
        assert worlds[0].arm_of("P1") != worlds[1].arm_of("P1")
        for world in worlds:
            with world.at_the_desk():
                people = masked_people(world)
                at = end_of_command(world.path, len(facts(world.path, Book.OPEN)) - 9)
                seen.append({})
                for person in people:
                    for number, where in enumerate((None, at)):
                        output = world.path.with_name(f"{person.id}-{number}.zip")
                        session = Session(world.path, person, clock=world.clock)
                        path = export_bundle(session, output, where, clock=world.clock).path
                        seen[-1][output.name] = read(path)
    one, other = seen
    assert len(one) > 10
    assert one.keys() == other.keys()
    different = set()
    for name, files in one.items():
        assert list(files) == list(other[name])
        for file, data in files.items():
            assert len(data) == len(other[name][file]), (name, file)
            if data != other[name][file]:
                different.add(file.partition("/")[0])
                assert _unhashed(file, data) == _unhashed(file, other[name][file]), (name, file)
    assert different <= {"open", "manifest.json", "SHA256SUMS", "index.html", "evidence", "consistency", "keys"}
    assert {"open", "manifest.json"} <= different  # the worlds do differ


_ANCHOR: Final = re.compile(rb'(\{"class":"anchor","commit":)"[0-9a-f]{64}"')
_PREV: Final = re.compile(rb'"prev":"[0-9a-f]{64}"')
_EXPORT: Final = b'"type":"export.made/1"'


def _unhashed(file: str, data: bytes) -> bytes:
    """A file without the anchors' commitments, and without what follows from them: hashes, signatures."""
    if file == "open/entries":
        entries = [_ANCHOR.sub(rb"\1", _PREV.sub(b"", raw)) for raw in data.splitlines()]
        # The digest of a bundle that was made before follows from the commitments in it, as `prev` does.
        return b"".join(re.sub(rb'"commit":"[0-9a-f]{64}"', b"", raw) if _EXPORT in raw else raw for raw in entries)
    if file.startswith("open/"):
        return re.sub(rb'"sha256":"[0-9a-f]{64}"', b"", data)
    if file.startswith("evidence/"):
        return re.sub(rb"(?m)^(\xe2\x80\x94 \S+ )?[A-Za-z0-9+/]{40,}=*$", rb"\1", data)
    return re.sub(rb"[0-9a-f]{64,}|[A-Za-z0-9+/]{43}=", b"", data)
