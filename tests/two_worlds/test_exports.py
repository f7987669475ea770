"""What is exported to masked people is the same in both worlds, file by file; only the manifest names the head."""

import re
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from api.access import Session
from api.exports import csv_files
from api.exports.kinds import KINDS
from api.exports.making import MANIFEST, export
from api.exports.source import Source
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

Files = dict[str, bytes]

PROGRESS = "progress"
"""What the progress bar was told, as a file of its own."""
_HEAD = re.compile(r'"head": "[0-9a-f]{64}"')
_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]
_NOT_BYTES = frozenset({"duckdb"})
"""DuckDB's own files differ each time; the tables in them are those of the other kinds."""


def exported(world: World, kind: str) -> dict[str, Files]:
    """What each masked person is given, by file.

    As of before the first export: each is recorded with the hash of its manifest, in which the head stands.
    """
    found: dict[str, Files] = {}
    with closing(open_reading(world.path)) as connection:
        ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'open'")
    with world.at_the_desk(), TemporaryDirectory() as folder:
        for number, viewer in enumerate(masked_people(world)):
            session = Session(world.path, viewer, clock=world.clock)
            assert session.audience is Audience.MASKED
            output = Path(folder) / str(number)
            reached: list[tuple[int, int]] = []
            at = "halt" if number % 2 else str(size - 1)
            export(session, KINDS[kind], output, at, progress=lambda *told, reached=reached: reached.append(told))
            found[viewer.id] = {
                path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()
            } | {PROGRESS: repr(reached).encode()}
    return found


def differences(protocol: str, kind: str) -> list[str]:
    """The files by which masked people could tell the worlds apart."""
    told = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        one, other = (exported(world, kind) for world in worlds)
    assert one.keys() == other.keys()
    return [
        f"{viewer}: {name}"
        for viewer in one
        for name in sorted(one[viewer].keys() | other[viewer].keys())
        if _told(name, one[viewer].get(name)) != _told(name, other[viewer].get(name))
    ]


def _told(name: str, data: bytes | None) -> str | bytes | None:
    return _HEAD.sub('"head": ""', data.decode()) if name == MANIFEST and data is not None else data


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - _NOT_BYTES))
@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_what_masked_people_are_given_is_the_same_in_both_worlds(protocol: str, kind: str) -> None:
    assert differences(protocol, kind) == []


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(made: Source, folder: Path) -> None:
        real(made, folder)
        with closing(open_reading(made.session.path)) as connection:
            ((count,),) = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")
        (folder / "size.json").write_text(str(count))

    real = csv_files.write
    monkeypatch.setattr(csv_files, "write", leaking)
    found = differences("no intervention", "csv")
    assert found
    assert all(name.endswith(("size.json", MANIFEST)) for name in found)
