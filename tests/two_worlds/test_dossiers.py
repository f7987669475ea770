"""A dossier for masked people is the same in both worlds, file by file; hashes of the open book stand apart.

`integrity.*` and the manifest have the heads and roots, and what depends on them; there nothing but hashes may differ.
"""

import re
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from api.access import Session
from api.dossier import integrity, making
from api.dossier.making import dossier
from api.exports.making import MANIFEST, export
from api.exports.source import Source
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

Files = dict[str, bytes]

_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]
_PRINTED = 3
"""How many people are given a PDF, which takes longer than all else."""
PROGRESS = "progress"
"""What the progress bar was told, as a file of its own."""
_HASHES = (MANIFEST, "integrity.html", "integrity.json")
_HASH = re.compile(rb"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=")
_SIZE = re.compile(rb'"bytes": \d+')


def given(world: World) -> dict[str, Files]:
    """What each masked person is given, by file: at the halt, in the middle, and at the end of the story.

    What was recorded later has the dossiers made before in it: only that they were made.
    """
    found: dict[str, Files] = {}
    with closing(open_reading(world.path)) as connection:
        ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'open'")
    with world.at_the_desk(), TemporaryDirectory() as folder:
        for number, viewer in enumerate(masked_people(world)):
            session = Session(world.path, viewer, clock=world.clock)
            assert session.audience is Audience.MASKED
            output = Path(folder) / str(number)
            at = ("halt", str(size // 2), str(size - 1))[number % 3]
            with pytest.MonkeyPatch.context() as patch:
                if number >= _PRINTED:
                    patch.setattr(making, "as_pdf", lambda _: b"")
                reached: list[tuple[int, int]] = []
                kind = dossier(since=None if number % 3 else "5")
                export(session, kind, output, at, progress=lambda *told, reached=reached: reached.append(told))
            found[viewer.id] = {
                path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()
            } | {PROGRESS: repr(reached).encode()}
    return found


def sealed_size(path: Path) -> int:
    """How many entries the sealed book of a ledger has."""
    with closing(open_reading(path)) as connection:
        ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")
    return int(size)


def differences(protocol: str) -> list[str]:
    """The files by which masked people could tell the worlds apart."""
    told = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        one, other = (given(world) for world in worlds)
    assert one.keys() == other.keys()
    return [
        f"{viewer}: {name}"
        for viewer in one
        for name in sorted(one[viewer].keys() | other[viewer].keys())
        if _said(name, one[viewer].get(name)) != _said(name, other[viewer].get(name))
    ]


def _said(name: str, data: bytes | None) -> bytes | None:
    if data is None or name not in _HASHES:
        return data
    return _SIZE.sub(b"", _HASH.sub(b"", data))


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_what_masked_people_are_given_is_the_same_in_both_worlds(protocol: str) -> None:
    assert differences(protocol) == []


def test_progress_says_nothing_of_a_sealed_book_that_is_longer_in_one_world() -> None:
    told = PROTOCOLS["no intervention"]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        sizes = [sealed_size(world.path) for world in worlds]
        one, other = ({name: files[PROGRESS] for name, files in given(world).items()} for world in worlds)
    assert sizes[0] != sizes[1], "or nothing could be told"
    assert all(b"(" in reached for reached in one.values()), "or nothing is told at all"
    assert one == other


def test_a_progress_of_both_books_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_reached", lambda source: source.progress)
    found = differences("no intervention")
    assert found
    assert {name.partition(": ")[2] for name in found} == {PROGRESS}


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(source: Source) -> str:
        return f"{sealed_size(source.session.path)} sealed entries"

    real = making._about
    monkeypatch.setattr(making, "_about", lambda kind, source: [*real(kind, source), leaking(source)])
    found = differences("no intervention")
    assert found
    assert {name.partition(": ")[2] for name in found} <= {"index.html", "dossier.json", "dossier.pdf"}
