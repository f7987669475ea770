"""What masked people get of the pages is the same whichever arms there are: status, headers, body, refusals."""

from pathlib import Path

import pytest

from api.pages import safety
from tests.api.pages.hypertext import get
from tests.api.server.people import NAME, client_of
from tests.two_worlds.looking import heads_of, normal
from tests.two_worlds.test_demo_story import worlds

__all__ = ["worlds"]

MASKED = ("investigator-1", "sponsor-1", "monitor-1", "participant-1", "outcomes-assessor-1", "data-manager-1")
PAGES = ("", "consort", "enrolment", "subjects", "survival", "adverse-events", "serious-events", "sites", "deviations")
AS_OF = ("", "?as_of=40", "?as_of=40/0", "?as_of=2020-06-30", "?as_of=999999", "?sort=arm", "?arm=Treatment")


def _seen(ledger: Path, who: str) -> dict[str, str]:
    """Path -> all of the answer to it; hashes of entries by the entry that they are of."""
    client, heads = client_of(ledger), heads_of(ledger)
    rows = get(client, f"/t/{NAME}/subjects", who).cells("subjects")
    pages = [*PAGES, "unblinding", "duties", *(f"subjects/{row[0]}" for row in rows), "subjects/S99-001", "no-such"]
    seen = {}
    for page in pages:
        for query in AS_OF:
            path = f"/t/{NAME}/{page}".rstrip("/") + query
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
