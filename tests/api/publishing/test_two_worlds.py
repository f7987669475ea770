"""What is published for masked people is the same in both worlds, byte by byte; only the hash of the head differs."""

import re
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from api.publishing.making import Publisher
from api.publishing.publication import PublishError
from api.publishing.target import target_of
from ledger.domain.roles import Viewer
from ledger.recording.engine import fetch, open_reading
from projections.base import Audience
from projections.result import Result
from projections.sql import rows as made
from projections.sql.relations import Relation
from tests.api.publishing.conftest import _NUMBERS
from tests.api.publishing.published import in_postgres
from tests.postgres import Server
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import World, two_worlds

_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]
_HASH = re.compile(rb"[0-9a-f]{64}")


def _heads(world: World) -> set[bytes]:
    """The hashes of all entries of the open book: by anchors alone they differ."""
    with closing(open_reading(world.path)) as connection:
        found = {bytes(str(row[0]), "ascii") for row in fetch(connection, "SELECT lower(hex(hash)) FROM head")}
        entries = fetch(connection, "SELECT entry FROM open_entry")
    return found | {match for (entry,) in entries for match in re.findall(rb'"prev":"([0-9a-f]{64})"', bytes(entry))}


def without_heads(world: World, data: bytes) -> bytes:
    heads = _heads(world)
    return _HASH.sub(lambda match: b"0" * 64 if match[0] in heads else match[0], data)


def _unmasked_at_work(world: World) -> None:
    """The statistician publishes to the same folder, more often in one world than in the other."""
    for number in range(1 + world.swapped):
        with world.at_the_desk(), TemporaryDirectory() as elsewhere:
            by = Publisher(world.path, Viewer("statistician-1", "statistician", "FJD"), clock=world.clock)
            target = target_of(f"sqlite:{elsewhere}/{number}", by.audience)
            target.prepare()
            by.refresh(target)


def in_sqlite(world: World) -> dict[str, Any]:
    """What each masked person publishes, as the bytes, sizes and modes of the files, or the refusal."""
    found: dict[str, Any] = {}

    _unmasked_at_work(world)
    with world.at_the_desk(), TemporaryDirectory() as folder:
        for number, viewer in enumerate(masked_people(world)):
            out = Path(folder) / str(number)
            try:
                by = Publisher(world.path, viewer, clock=world.clock)
                assert by.audience is Audience.MASKED
                target = target_of(f"sqlite:{out}", by.audience)
                target.prepare()
                by.refresh(target)
            except PublishError as error:
                found[viewer.id] = str(error)
                continue
            for path in sorted(out.iterdir()):
                data = path.read_bytes()
                found[f"{viewer.id}: {path.name}, size"] = (len(data), path.stat().st_mode)
                if not path.name.endswith("-shm"):  # an index in memory, made anew by whoever opens the file first
                    found[f"{viewer.id}: {path.name}"] = without_heads(world, data)
    return found


def _differences(protocol: str) -> list[str]:
    told = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        one, other = (in_sqlite(world) for world in worlds)
    assert sum(label.endswith("open.sqlite") for label in one) >= 5
    return sorted(label for label in one.keys() | other.keys() if one.get(label) != other.get(label))


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_the_masked_file_is_the_same_in_both_worlds(protocol: str) -> None:
    assert _differences(protocol) == []


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from api.publishing import writing

    real = made.rows_of
    paths: list[Path] = []

    def opened(self: Publisher, *arguments: Any, **more: Any) -> None:
        paths.append(arguments[0])
        begin(self, *arguments, **more)

    def leaking(relation: Relation, trial: str, result: Result) -> Any:
        with closing(open_reading(paths[-1])) as connection:
            ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")
        yield from real(relation, f"{trial} {size}", result)

    begin = Publisher.__init__
    monkeypatch.setattr(Publisher, "__init__", opened)
    monkeypatch.setattr(writing, "rows_of", leaking)
    found = _differences("no intervention")
    assert [label for label in found if label.endswith("open.sqlite")]


def test_the_masked_database_is_the_same_in_both_worlds(postgres: Server) -> None:
    told = PROTOCOLS["no intervention"]
    found: list[str] = []
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        for world in worlds:
            _unmasked_at_work(world)
            with world.at_the_desk():
                name = f"world_{next(_NUMBERS)}"
                place = in_postgres(postgres, name)
                for viewer in masked_people(world):
                    with suppress(PublishError):
                        by = Publisher(world.path, viewer, clock=world.clock)
                        target = target_of(place.where, by.audience, same_server=True)
                        target.prepare()
                        by.refresh(target)
                held = repr(list(place.everything())).encode()
                found.append(without_heads(world, held).decode())
            postgres.run(f"DROP DATABASE {name} WITH (FORCE)")
    assert "randomized" in found[0]
    assert found[0] == found[1]
