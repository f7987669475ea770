"""Masked people cannot tell the worlds apart over HTTP, by whatever they ask and however they are answered."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from api.server.trials import KeptViewing
from ledger.recording.engine import fetch, open_reading
from projections.result import Result
from tests.thorough import THOROUGH
from tests.two_worlds.looking import differences
from tests.two_worlds.over_http import answers, requests_of, routes_of
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import two_worlds

_ALL = [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))]


def told_apart(protocol: str, only: str = "") -> list[str]:
    """The requests by which masked people could tell the worlds apart."""
    told = PROTOCOLS[protocol]
    with TemporaryDirectory() as folder, two_worlds(Path(folder), told, story(told, _ALL)) as worlds:
        one, other = (answers(world, thorough=THOROUGH, only=only) for world in worlds)
        return differences(one, other)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_every_answer_to_masked_people_is_the_same_in_both_worlds(protocol: str) -> None:
    assert told_apart(protocol) == []


def test_a_planted_leak_in_the_length_of_an_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(self: KeptViewing, *arguments: Any, **named: Any) -> Result:
        result = real(self, *arguments, **named)
        with closing(open_reading(self.path)) as connection:
            ((size,),) = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")
        rows = [{**row, result.columns[0]: " " * size} for row in result.rows]
        return replace(result, table=replace(result.table, rows=rows))

    real = KeptViewing.show
    monkeypatch.setattr(KeptViewing, "show", leaking)
    assert told_apart("no intervention", only="/views/subjects")


def test_every_route_of_the_application_is_asked() -> None:
    asked = [path for _, path, _, _ in requests_of()]
    assert len(routes_of()) > 50
    assert {"/metrics", "/readyz"} < set(asked)
    assert len(asked) > 900
