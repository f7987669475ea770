"""The portfolio: what somebody's trials come to, what of them could not be read, and what a look at it records."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import own_keys
from ledger.domain.vocabulary import Book, Role
from ledger.proof.sections import ARM, HEADER, PLAIN
from ledger.recording.reader import LedgerReader
from tests.api.pages.hypertext import faults, get
from tests.api.server.people import bearer
from tests.portfolio.placing import person_of, served, trial_at

SPONSOR = Role.SPONSOR


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three trials in files, of 1, 2 and 3 subjects; the last one is halted."""
    folder = tmp_path_factory.mktemp("trials")
    made = {}
    for number, name in enumerate(("ash", "birch", "cedar"), 1):
        trial = trial_at(folder / name, subjects=number)
        if name == "cedar":
            trial.do("halt-trial", {"reason": "a look at the data"})
        trial.ledger.close()
        made[name] = trial.path
    return made


def told(client: Any, who: str = "sponsor-1") -> dict[str, Any]:
    answer = client.get("/v1/portfolio", headers=bearer(who))
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def test_totals_are_those_of_the_trials_and_each_says_where_it_stands(tmp_path: Path, paths: dict[str, Path]) -> None:
    person = person_of(dict.fromkeys(paths, SPONSOR))
    with served(tmp_path, [person], trials=paths) as (_, client):
        value = told(client)
        assert [row["randomized"] for row in value["trials"]] == [1, 2, 3]
        assert [row["serious"] for row in value["trials"]] == [1, 1, 1]
        assert value["totals"]["randomized"] == 6
        assert value["totals"]["trials"] == 3
        assert value["totals"]["by_status"] == {"RECRUITING": 2, "TEMPORARILY_HALTED": 1}
        assert value["complete"] is True
        assert value["unread"] == []
        for row in value["trials"]:
            head = client.get(f"/v1/trials/{row['trial']}", headers=bearer("sponsor-1")).json()["head"]
            assert row["as_of"] == {"seq": head["seq"], "recorded_at": head["recorded_at"]}
            assert row["behind"] is None
            listed = client.get(f"/v1/trials/{row['trial']}/views/subjects", headers=bearer("sponsor-1")).json()["rows"]
            assert sum(one["randomized"] is not None for one in listed) == row["randomized"]


def test_a_trial_without_a_role_in_it_is_neither_listed_nor_counted(tmp_path: Path, paths: dict[str, Path]) -> None:
    person = person_of({"ash": SPONSOR, "cedar": Role.MONITOR, "no-such": SPONSOR})
    with served(tmp_path, [person, person_of({}, "nobody-1")], trials=paths) as (_, client):
        value = told(client)
        assert [(row["trial"], row["role"]) for row in value["trials"]] == [("ash", "sponsor"), ("cedar", "monitor")]
        assert value["totals"]["randomized"] == 4
        assert "birch" not in str(value)
        assert value["complete"] is True
        none = told(client, "nobody-1")
        assert none["trials"] == []
        assert none["totals"]["randomized"] == 0


def test_whoever_is_not_known_is_told_nothing(tmp_path: Path, paths: dict[str, Path]) -> None:
    with served(tmp_path, [], trials=paths) as (_, client):
        assert client.get("/v1/portfolio").status_code == 401
        assert client.get("/portfolio").status_code == 401


def test_a_parameter_that_there_is_not_is_refused(tmp_path: Path, paths: dict[str, Path]) -> None:
    with served(tmp_path, [person_of({"ash": SPONSOR})], trials=paths) as (_, client):
        answer = client.get("/v1/portfolio?as_of=5", headers=bearer("sponsor-1"))
        assert answer.status_code == 400
        assert answer.json()["parameter"] == "as_of"


def test_who_sees_arms_is_on_record_in_each_trial_before_anything_is_shown(tmp_path: Path) -> None:
    names = ("elm", "fir")
    made = [trial_at(tmp_path / name) for name in names]
    for one in made:
        one.ledger.close()
    paths = {name: one.path for name, one in zip(names, made, strict=True)}
    people = [person_of(dict.fromkeys(paths, Role.STATISTICIAN), "statistician-1"), person_of({"elm": SPONSOR})]
    before = {name: looks(path) for name, path in paths.items()}
    with served(tmp_path, people, trials=paths) as (_, client):
        told(client)
        assert {name: looks(path) for name, path in paths.items()} == before  # whom no arm is shown leaves no look
        value = told(client, "statistician-1")
        again = told(client, "statistician-1")
    for name, path in paths.items():
        assert looks(path) == [*before[name], ("statistician-1", "the portfolio")]
    assert value["totals"] == again["totals"]
    assert all(row["as_of"]["sealed"] > 0 for row in value["trials"])


def looks(path: Path) -> list[tuple[str, str]]:
    """Who looked at arms, and at what."""
    with closing(own_keys(path)) as keys:
        classes = frozenset({PLAIN, ARM, HEADER})
        with closing(LedgerReader(path, books=frozenset(Book), classes=classes, keys=keys)) as reader, reader:
            facts = list(reader.facts())
    return [(fact.actor.id, fact.data["what"]) for fact in facts if fact.type.startswith("arm.accessed/")]


def test_where_a_look_cannot_be_recorded_its_trial_is_named_and_not_shown(tmp_path: Path) -> None:
    names = ("elm", "fir")
    paths = {}
    for name in names:
        trial = trial_at(tmp_path / name)
        trial.ledger.close()
        paths[name] = trial.path
    person = person_of(dict.fromkeys(paths, Role.STATISTICIAN), "statistician-1")
    (tmp_path / "fir" / "trial.db.keys").rename(tmp_path / "away")
    with served(tmp_path, [person], trials=paths) as (_, client):
        value = told(client, "statistician-1")
    assert [row["trial"] for row in value["trials"]] == ["elm"]
    assert value["unread"] == [{"trial": "fir", "problem": "/problems/not-permitted"}]
    assert value["complete"] is False


def test_a_fault_in_one_trial_is_named_and_the_others_are_counted(tmp_path: Path, paths: dict[str, Path]) -> None:
    trial = trial_at(tmp_path / "oak")
    trial.ledger.close()
    person = person_of({"ash": SPONSOR, "oak": SPONSOR})
    with served(tmp_path, [person], trials={"ash": paths["ash"], "oak": trial.path}) as (_, client):
        assert told(client)["totals"]["randomized"] == 3
    with served(tmp_path, [person], trials={"ash": paths["ash"], "oak": trial.path}) as (_, client):
        for file in (tmp_path / "oak").glob("trial.db*"):
            if file.is_file():
                file.unlink()
        value = told(client)
        assert [row["trial"] for row in value["trials"]] == ["ash"]
        assert value["unread"] == [{"trial": "oak", "problem": "/problems/not-recorded"}]
        page = get(client, "/portfolio", "sponsor-1")
        assert page.answer.status_code == 200
        assert "oak" in " ".join(page.texts("//div[@id='unread']//li"))


def test_the_page_says_the_same_in_both_languages_and_leads_to_each_trial(
    tmp_path: Path, paths: dict[str, Path]
) -> None:
    person = person_of(dict.fromkeys(paths, SPONSOR))
    with served(tmp_path, [person], trials=paths) as (_, client):
        page = get(client, "/portfolio", "sponsor-1")
        assert faults(page) == []
        assert page.texts("//table[@id='trials']//th[@scope='row']//a") == ["ash", "birch", "cedar"]
        assert get(client, "/portfolio?lang=es", "sponsor-1").texts("//h1") == ["Cartera de ensayos"]
        assert "/portfolio" in [one.get("href") for one in get(client, "/", "sponsor-1").root.xpath("//main//a")]
    with served(tmp_path, [person], trials={"ash": paths["ash"]}) as (_, client):
        assert "/portfolio" not in [one.get("href") for one in get(client, "/", "sponsor-1").root.xpath("//main//a")]
