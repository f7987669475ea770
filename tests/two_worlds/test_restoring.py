"""What masked people's bundles are restored to, and what comparing them says, is the same in both worlds."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from api.access import Session
from api.bundle.writing import export_bundle
from api.diff import comparing
from api.diff.words import in_words
from api.restoring import frames, making
from api.restoring.mark import mark_file
from ledger.proof.evidence import evidence_folder
from ledger.proof.sealing import digest
from ledger.proof.sections import sealed_frame
from ledger.proof.words import in_words as report_in_words
from ledger.recording.engine import fetch, open_reading
from tests.api.restoring.looking import lying, rows
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

_HASH = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=|[0-9a-f]{32}|, SHA.*|— .*")
_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]


def said(world: World) -> Iterator[tuple[str, str]]:
    """What each masked person's bundle is restored to, file by file, and what comparing it with an earlier one says."""
    with closing(open_reading(world.path)) as connection:
        ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'open'")
    with world.at_the_desk(), TemporaryDirectory() as folder:
        for number, viewer in enumerate(masked_people(world)[::5]):
            session = Session(world.path, viewer, clock=world.clock)
            bundles = [Path(folder) / f"{number}-{at}.zip" for at in (2, size - 1)]
            for bundle, at in zip(bundles, (2, size - 1), strict=True):
                export_bundle(session, bundle, str(at), clock=world.clock)
            done = making.restore(bundles[1], Path(folder) / f"{number}.db")
            yield f"{viewer.id} report", report_in_words(done.report)
            yield f"{viewer.id} mark", mark_file(done.path).read_text()
            yield f"{viewer.id} bytes", str(done.path.stat().st_size)
            for row in rows(done.path, "open"):
                entry = json.loads(row[4])
                yield f"{viewer.id} entry {row[0]}", f"{row[1:4]} {entry['at']} {entry['type']} {len(row[5])}"
            yield f"{viewer.id} heads", str(_heads(done.path))
            for name in sorted(lying(evidence_folder(done.path))):
                yield f"{viewer.id} evidence", name
            diff = comparing.compare(*bundles)
            yield f"{viewer.id} diff", in_words(diff).replace(folder, "FOLDER")
            yield f"{viewer.id} diff, JSON", json.dumps(diff.to_json()).replace(folder, "FOLDER")


def _heads(ledger: Path) -> list[Any]:
    with closing(open_reading(ledger)) as connection:
        return fetch(connection, "SELECT book, origin, size FROM head")


def differences(protocol: str) -> list[str]:
    told = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        one, other = ([(label, _HASH.sub("…", text)) for label, text in said(world)] for world in worlds)
    assert len(one) > 100
    return sorted({label for pair in zip(one, other, strict=True) if pair[0] != pair[1] for label, _ in pair})


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_what_masked_people_restore_and_compare_is_the_same_in_both_worlds(protocol: str) -> None:
    assert differences(protocol) == []


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The length of what stands for a withheld anchor depends on the anchor."""
    commits = []

    def digest_of(commit: bytes, ciphertext: bytes) -> bytes:
        commits.append(commit)
        return digest(commit, ciphertext)

    def leaking(_: bytes, ciphertext: bytes) -> bytes:
        longer = ciphertext + bytes(256 * (commits[-1][0] % 4))
        return sealed_frame(digest(commits[-1], longer), longer)

    monkeypatch.setattr(frames, "digest", digest_of)
    monkeypatch.setattr(frames, "sealed_frame", leaking)
    found = differences(min(PROTOCOLS))
    assert found
    assert all(" entry " in label or label.endswith(("bytes", "report")) for label in found)
