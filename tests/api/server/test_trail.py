"""The trail entry by entry is the view `audit`, of a story in which everything happens that can."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import own_keys, viewing
from api.server.trail import Facets, Place, Trail
from ledger.domain.vocabulary import Book
from ledger.proof.sections import IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader
from projections.base import Audience
from tests.two_worlds.protocols import PROTOCOLS
from tests.two_worlds.scenes import SCENES, story
from tests.two_worlds.worlds import two_worlds

ROLES = {Audience.MASKED: "participant", Audience.UNMASKED: "statistician"}

KNOW = ("pharmacist", "statistician", "dmc", "safety-physician")
NAMELESS = ("death.recorded/1", "vital-status.recorded/1", "consent.withdrawn/1", "unblinding.reported/1")
"""Of these the open book never names a reporter in one of those roles."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ledger with corrections, voidings, unblindings, and reporters whom the sealed book alone names."""
    protocol = PROTOCOLS[sorted(PROTOCOLS)[0]]
    steps = story(protocol, [(name, number % 4, number % 7) for number, name in enumerate(sorted(SCENES))])
    with two_worlds(tmp_path_factory.mktemp("told"), protocol, steps) as (world, _):
        yield world.path


@contextmanager
def trail_of(path: Path, audience: Audience, at: str | None = None) -> Iterator[Trail]:
    books = frozenset({Book.OPEN}) if audience is Audience.MASKED else frozenset(Book)
    classes = viewing(path, ROLES[audience]).sight.classes - {IDENTITY} | {PLAIN}
    with (
        closing(own_keys(path)) as keys,
        closing(LedgerReader(path, books=books, classes=classes, keys=keys)) as reader,
        reader,
    ):
        yield Trail(reader, audience, reader.position_at(at))


def walked(trail: Trail, limit: int, *, falling: bool = False, facets: Facets = Facets()) -> list[dict[str, Any]]:  # noqa: B008
    found: list[dict[str, Any]] = []
    after: Place | None = None
    while True:
        page = trail.page(facets, limit=limit, after=after, falling=falling)
        assert len(page.rows) == len(page.places) <= limit
        found += page.rows
        if page.more is None:
            return found
        after = page.more


@pytest.mark.parametrize("audience", list(Audience))
def test_the_trail_is_the_view_at_any_position_and_in_any_pages(told: Path, audience: Audience) -> None:
    seen = viewing(told, ROLES[audience])
    with trail_of(told, audience) as trail:
        size = trail.at.open
    for at in (None, "0", "7", str(size // 2), str(size - 2)):
        wanted = list(seen.show("audit", at).rows)
        with trail_of(told, audience, at) as trail:
            for limit in (1, 13, 5000):
                assert walked(trail, limit) == wanted
                assert walked(trail, limit, falling=True) == wanted[::-1]


@pytest.mark.parametrize("audience", list(Audience))
def test_whoever_did_something_is_found_by_name_though_the_open_book_does_not_say_it(
    told: Path, audience: Audience
) -> None:
    wanted = list(viewing(told, ROLES[audience]).show("audit", None).rows)
    named = 0
    with trail_of(told, audience) as trail:
        for who in sorted({row["who"] for row in wanted}):
            mine = [row for row in wanted if row["who"] == who]
            for limit in (2, 1000):
                assert walked(trail, limit, facets=Facets(actors=frozenset({who}))) == mine
            named += sum(row["book"] == "open" and row["type"] in NAMELESS and row["role"] in KNOW for row in mine)
        for type_ in sorted({row["type"] for row in wanted}):
            mine = [row for row in wanted if row["type"] == type_]
            assert walked(trail, 3, facets=Facets(types=frozenset({type_}))) == mine
        for subject in sorted({row["subject"] for row in wanted} - {None}):
            mine = [row for row in wanted if row["subject"] == subject]
            assert walked(trail, 4, facets=Facets(subjects=frozenset({subject})), falling=True) == mine[::-1]
    assert {row["book"] for row in wanted} == ({"open"} if audience is Audience.MASKED else {"open", "sealed"})
    assert any(row["voided_by"] is not None for row in wanted)
    assert bool(named) is (audience is Audience.UNMASKED)
