"""What masked people get of the pages is the same whichever arms there are: status, headers, body, refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.cli import demo
from api.pages import safety
from ledger.application.reading import Reading
from tests.api.pages.hypertext import get
from tests.api.server.people import NAME, client_of
from tests.two_worlds.looking import heads_of, normal
from tests.two_worlds.protocols import SWAPPED

MASKED = ("investigator-1", "sponsor-1", "monitor-1", "participant-1", "outcomes-assessor-1", "data-manager-1")
PAGES = (
    "",
    "consort",
    "enrolment",
    "subjects",
    "survival",
    "adverse-events",
    "serious-events",
    "sites",
    "deviations",
    "unblinding",
    "duties",
    "signatures",
)
AS_OF = ("?as_of=40", "?as_of=40/0", "?as_of=2020-06-30", "?as_of=999999", "?sort=arm", "?arm=Treatment")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo's story twice: in the second world the arms of the list are swapped."""
    straight = Reading.arm_at

    def swapped(self: Reading, *place: Any) -> str | None:
        return SWAPPED.get(straight(self, *place) or "none")

    paths = []
    for arm_at in (straight, swapped):
        paths.append(tmp_path_factory.mktemp("world") / "NCT04348461.db")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Reading, "arm_at", arm_at)
            demo.play(paths[-1], 1, 6, demo.SeededRandomness(1))
    return paths[0], paths[1]


def _asked(pages: list[str], turn: int) -> Iterator[str]:
    """Each page as known now and as it is asked for in one other way, everybody by turns in another one."""
    for number, page in enumerate(pages):
        yield page
        yield page + AS_OF[(number + turn) % len(AS_OF)]


def _seen(ledger: Path, who: str) -> dict[str, str]:
    """Path -> all of the answer to it; hashes of entries by the entry that they are of."""
    client, heads = client_of(ledger), heads_of(ledger)
    rows = get(client, f"/t/{NAME}/subjects", who).cells("subjects")
    pages = [*PAGES, *(f"subjects/{row[0]}" for row in rows), "subjects/S99-001", "no-such"]
    seen = {}
    for asked in _asked(pages, MASKED.index(who) if who in MASKED else 0):
        path = f"/t/{NAME}/{asked}".replace("/?", "?").removesuffix("/")
        answer = get(client, path, who).answer
        told = f"{answer.status_code}\n{sorted(answer.headers.items())}\n{answer.text}"
        seen[path] = normal(told, heads)
    return seen


def _differences(worlds: tuple[Path, Path], who: str) -> list[str]:
    one, other = (_seen(world, who) for world in worlds)
    assert one.keys() == other.keys()
    return [path for path in one if one[path] != other[path]]


@pytest.mark.parametrize("who", MASKED)
def test_no_page_tells_masked_people_the_two_worlds_apart(worlds: tuple[Path, Path], who: str) -> None:
    assert _differences(worlds, who) == []


def test_pages_do_tell_them_apart_to_who_has_arms_in_sight(worlds: tuple[Path, Path]) -> None:
    assert f"/t/{NAME}/survival" in _differences(worlds, "statistician-1")


def test_a_leak_of_the_sealed_book_would_be_found(worlds: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the survival page says how many deaths there were in the first arm."""
    from api.bootstrap import viewing

    shown = safety.view_page  # type: ignore[attr-defined]

    def leaking(request: object, looked: object, heading: str, *more: object, **named: object) -> object:
        ledger = looked.ask.served.path  # type: ignore[attr-defined]
        first = viewing(ledger, "statistician").show("survival", None).table.extra["at_horizon"][0]
        return shown(request, looked, f"{heading} {first['deaths']}", *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(safety, "view_page", leaking)
    assert f"/t/{NAME}/survival" in _differences(worlds, "sponsor-1")
