"""Refusals as pages, for who asks for pages, and only for them."""

from pathlib import Path

import pytest

from api.access import Session
from api.server.trials import Served
from ledger.domain.vocabulary import Role
from projections.views import VIEWS
from tests.api.pages.hypertext import faults, get
from tests.api.server.people import NAME, bearer, client_of, person


def test_who_is_not_known_is_sent_to_sign_in_and_comes_back(ledger: Path) -> None:
    answer = get(client_of(ledger), f"/t/{NAME}/subjects?site=S01&as_of=3", None).answer
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?to=%2Ft%2Fbalmys%2Fsubjects%3Fsite%3DS01%26as_of%3D3"


def test_a_program_that_is_not_known_is_answered_with_a_problem(ledger: Path) -> None:
    answer = client_of(ledger).get(f"/t/{NAME}/subjects", headers={"accept": "*/*"}, follow_redirects=False)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_api_answers_with_problems_whoever_asks(ledger: Path) -> None:
    answer = get(client_of(ledger), "/v1/trials/no-such", "sponsor-1").answer
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/no-such", 404), (f"/t/{NAME}/no-such", 404), ("/t/no-such", 404), (f"/t/{NAME}?as_of=never", 400)],
)
def test_a_refusal_is_a_well_made_page_of_the_same_status(ledger: Path, path: str, status: int, language: str) -> None:
    page = get(client_of(ledger), path, "sponsor-1", **{"accept-language": language})
    assert page.answer.status_code == status
    assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "no-store" in page.answer.headers["cache-control"]
    assert faults(page) == []


@pytest.mark.parametrize("asked", ["never", "999999", "2019-01-01", "2020-05-06T12:00", "4/2"])
def test_a_position_that_there_is_not_is_said_at_the_form_with_its_rule(ledger: Path, asked: str) -> None:
    page = get(client_of(ledger), f"/t/{NAME}/survival?as_of={asked}", "sponsor-1")
    assert page.answer.status_code == 400
    (field,) = page.root.xpath("//input[@id='as-of']")
    assert field.get("value") == asked
    assert field.get("aria-invalid") == "true"
    assert "as-of-error" in field.get("aria-describedby")
    assert page.texts("//*[@id='as-of-error']")[0].startswith(f"as-of {asked}")


def test_a_position_of_the_sealed_book_is_refused_to_masked_people_whether_or_not_there_is_one(ledger: Path) -> None:
    client = client_of(ledger)
    told = {
        get(client, f"/t/{NAME}/survival?as_of=9/{sealed}", "sponsor-1")
        .answer.text.replace(f"9/{sealed}", "9/N")
        .replace(f"9%2F{sealed}", "9/N")
        for sealed in (0, 3, 99999)
    }
    assert len(told) == 1
    assert get(client, f"/t/{NAME}/survival?as_of=9/0", "statistician-1").answer.status_code == 200


def test_what_a_role_may_not_have_is_a_page_of_status_403_and_is_recorded(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that the role does not have, asked for as if the menu had it."""
    monkeypatch.setattr(VIEWS["survival"], "roles", frozenset({Role.STATISTICIAN}), raising=False)
    client = client_of(ledger, [person(Role.SPONSOR)])
    assert "Survival" not in get(client, f"/t/{NAME}", "sponsor-1").texts("//nav[@class='menu']//a")
    page = get(client, f"/t/{NAME}/survival", "sponsor-1")
    assert page.answer.status_code == 403
    assert faults(page) == []
    served = Served("again", ledger)
    with served.open_book() as reader:
        last = list(reader.facts())[-1]
    served.close()
    assert (last.type, last.actor.id, last.data["what"]) == ("access.refused/1", "sponsor-1", "view survival")


def test_a_method_that_a_page_does_not_take_is_refused(ledger: Path) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client_of(ledger).request(method, f"/t/{NAME}/survival", headers=bearer("sponsor-1"))
        assert answer.status_code == 405


def test_what_no_rule_foresaw_says_nothing_of_the_inside(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(Session, "show", failing)
    page = get(client_of(ledger), f"/t/{NAME}/survival", "sponsor-1")
    assert page.answer.status_code == 500
    assert "secret of the inside" not in page.answer.text
    assert faults(page) == []
