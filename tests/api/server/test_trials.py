"""Which trials there are for whom, and what looking at one records."""

from pathlib import Path

from api.server.person import Person
from ledger.domain.vocabulary import Role
from tests.api.server.people import NAME, bearer, client_of, person


def test_a_trial_in_which_somebody_has_no_role_does_not_exist_for_them(ledger: Path) -> None:
    stranger = person(Role.SPONSOR, id="stranger", trial="another")
    client = client_of(ledger, [person(Role.SPONSOR), stranger])
    assert client.get(f"/v1/trials/{NAME}", headers=bearer("sponsor-1")).status_code == 200
    theirs = client.get(f"/v1/trials/{NAME}", headers=bearer("stranger"))
    none = client.get("/v1/trials/no-such", headers=bearer("sponsor-1"))
    assert theirs.status_code == none.status_code == 404
    assert theirs.content == none.content
    assert client.get("/v1/trials", headers=bearer("stranger")).json() == {"trials": []}


def test_who_is_not_known_is_told_how_to_become_so(ledger: Path) -> None:
    answer = client_of(ledger).get("/v1/trials")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "/problems/unauthenticated"


def test_the_head_of_a_trial_is_that_of_the_open_book(ledger: Path) -> None:
    people: list[Person] = [person(role) for role in (Role.INVESTIGATOR, Role.STATISTICIAN)]
    client = client_of(ledger, people)
    seen = [client.get(f"/v1/trials/{NAME}", headers=bearer(one.id)).json() for one in people]
    assert seen[0]["head"] == seen[1]["head"]
    assert seen[0]["head"]["seq"] > 0
