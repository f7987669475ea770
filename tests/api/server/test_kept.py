"""What was answered before is sent again as it was, and never to somebody else, of another state, or with a name."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import api.pages.subjects as subjects_page
import api.server.routes.audit as audit_route
from api.access import Session
from api.server.app import create_app
from api.server.kept import Answers, Kept
from api.server.trials import Trials
from ledger.domain.vocabulary import Role
from projections.base import Audience
from tests.api.server.people import NAME, People, bearer, client_of, person
from tests.api.server.routes.test_views import MASKED, UNMASKED, T, visit

PAGE = f"/t/{NAME}/subjects"
OVERVIEW = f"/t/{NAME}"


def fails(*_: Any, **__: Any) -> None:
    raise AssertionError("made once more")


def test_an_answer_is_kept_until_there_is_no_room_and_a_very_long_one_is_not() -> None:
    answers = Answers(80_000)
    for number in range(8):
        answers.keep(number, Kept(b"x" * 7_952, {}, "text/plain"))  # of 10,000 bytes, with what it takes beside
    assert answers.get(0) is not None
    answers.keep(8, Kept(b"y" * 7_952, {}, "text/plain"))
    assert answers.get(1) is None  # and not 0, which was asked for since
    assert [number for number in range(9) if answers.get(number) is not None] == [0, 2, 3, 4, 5, 6, 7, 8]
    answers.keep("long", Kept(b"z" * 8_000, {}, "text/plain"))
    assert answers.get("long") is None
    answers.keep(8, Kept(b"", {}, "text/plain"))
    answers.keep(9, Kept(b"y" * 5_000, {}, "text/plain"))
    assert answers.get(0) is not None  # what stood under the same name makes room


@pytest.mark.parametrize("path", [f"{T}/audit?limit=9", f"{T}/audit?limit=9&format=csv", f"{T}/views/subjects", PAGE])
def test_the_same_is_sent_again_byte_for_byte_without_being_made(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = client_of(ledger)
    first = client.get(path, headers=bearer(MASKED))
    with monkeypatch.context() as patched:
        for place, name in ((audit_route, "look"), (Session, "show"), (subjects_page, "look")):
            patched.setattr(place, name, fails)
        again = client.get(path, headers=bearer(MASKED))
        unchanged = client.get(path, headers={**bearer(MASKED), "if-none-match": first.headers["etag"]})
        assert client.get(f"{path}{'&' if '?' in path else '?'}as_of=9", headers=bearer(MASKED)).status_code == 500
    assert (again.status_code, again.content) == (200, first.content)
    assert dict(again.headers) == dict(first.headers)
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", first.headers["etag"])


@pytest.mark.parametrize("path", [f"{T}/audit?sort=-position", f"{T}/views/subjects", PAGE, OVERVIEW])
def test_once_something_is_recorded_what_was_kept_is_not_sent_any_more(ledger: Path, path: str) -> None:
    client = client_of(ledger)
    first = client.get(path, headers=bearer(MASKED))
    visit(ledger)
    later = client.get(path, headers={**bearer(MASKED), "if-none-match": first.headers["etag"]})
    assert later.status_code == 200
    assert later.headers["etag"] != first.headers["etag"]
    assert later.content == client_of(ledger).get(path, headers=bearer(MASKED)).content != first.content


def test_a_page_is_kept_for_one_person_and_language_alone(ledger: Path) -> None:
    people = [person(Role.INVESTIGATOR, id=f"investigator-{number}") for number in (1, 2)]
    client = client_of(ledger, people)

    def asked(who: str, **headers: str) -> Any:
        return client.get(PAGE, headers={**bearer(who), **headers})

    first = asked("investigator-1")
    tags = {
        first.headers["etag"],
        asked("investigator-2").headers["etag"],
        asked("investigator-1", **{"accept-language": "es"}).headers["etag"],
    }
    assert len(tags) == 3
    assert "investigator-2" in asked("investigator-2").text
    assert 'lang="es"' in asked("investigator-1", **{"accept-language": "es"}).text
    assert asked("investigator-1").content == first.content


def test_whoever_has_arms_in_sight_is_sent_nothing_before_the_look_is_recorded(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [person(Role.STATISTICIAN, id=f"statistician-{number}") for number in (1, 2)]
    trials = Trials({NAME: ledger})
    client = TestClient(create_app(trials, People(people)), raise_server_exceptions=False)
    (served,) = trials
    for path in (PAGE, f"{T}/views/subjects", f"{T}/audit"):
        assert client.get(path, headers=bearer(UNMASKED)).status_code == 200
    assert not served.answers[Audience.MASKED]._kept

    def no_look(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(served, "_record", no_look)
    for path in (f"{T}/views/subjects", f"{T}/audit", PAGE):
        assert client.get(path, headers=bearer("statistician-2")).status_code == 403


def test_names_are_not_kept(ledger: Path) -> None:
    investigator = person(Role.INVESTIGATOR, sites={"S01"})
    trials = Trials({NAME: ledger})
    client = TestClient(create_app(trials, People([investigator])), raise_server_exceptions=False)
    assert client.get(f"{T}/views/identities", headers=bearer(MASKED)).status_code == 200
    (served,) = trials
    assert all(not answers._kept for answers in served.answers.values())
