"""Which claims give which role where, and what the file that says so may not hold."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server.identity import rights
from api.server.identity.rights import Rights
from api.server.identity.tokens import Claims
from api.server.person import Person, Right
from api.server.problems import Problem
from api.server.settings import Settings, SettingsError
from api.server.trials import Names
from ledger.domain.vocabulary import Role
from tests.api.server.identity.making import NOW, ROLES, Published, Time, claims, client_for, composed, token
from tests.api.server.people import bearer

TRIALS = ("balmys", "other")
TWO = """
[person]
id = "pseudonym"
name = "display_name"
org = "FJD"

[[right]]
claim = ["realm_access", "roles"]
value = "inv"
trial = "balmys"
role = "investigator"
sites = ["MAD-01"]

[[right]]
claim = ["realm_access", "roles"]
value = "inv-bcn"
trial = "balmys"
role = "investigator"
sites = ["BCN-01"]

[[right]]
claim = "https://example.org/role"
value = "stat"
trial = "balmys"
role = "statistician"

[[right]]
claim = "https://example.org/role"
value = "stat"
trial = "other"
role = "monitor"
sites_claim = ["own", "sites"]
"""


def read(text: str) -> Rights:
    return rights.parsed(text, "roles.toml", TRIALS)


def person(given: Rights, **values: Any) -> Person:
    return given.person(Claims(values, "f" * 64, NOW + 60, NOW), "session")


def test_rights_are_those_of_the_claims_in_each_trial() -> None:
    given = read(TWO)
    assert given.of({"realm_access": {"roles": ["inv", "x"]}}) == {
        "balmys": Right(Role.INVESTIGATOR, frozenset({"MAD-01"}))
    }
    assert given.of({"https://example.org/role": "stat", "own": {"sites": ["S 1", "S2", 3]}}) == {
        "balmys": Right(Role.STATISTICIAN),
        "other": Right(Role.MONITOR, frozenset({"S2"})),
    }


def test_one_role_by_two_rights_has_the_sites_of_both() -> None:
    found = read(TWO).of({"realm_access": {"roles": ["inv", "inv-bcn"]}})
    assert found == {"balmys": Right(Role.INVESTIGATOR, frozenset({"MAD-01", "BCN-01"}))}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"realm_access": "inv"},
        {"realm_access": {"roles": {"inv": True}}},
        {"realm_access": {"roles": ["INV", "inv ", "in"]}},
        {"roles": ["inv"]},
        {"https://example.org/role": ["Stat", None, 1, ["stat"]]},
    ],
)
def test_what_is_not_the_value_gives_nothing(values: dict[str, Any]) -> None:
    assert read(TWO).of(values) == {}


def test_two_roles_in_one_trial_are_refused_whole(ledger: Path, tmp_path: Path) -> None:
    client = client_for(composed(tmp_path, Published(), Time()), ledger)
    both = token(groups=["balmys-investigators", "balmys-statisticians"])
    for path in ("/v1/trials", "/v1/trials/balmys"):
        answer = client.get(path, headers=bearer(both))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/two-roles")
    one = client.get("/v1/trials", headers=bearer(token(groups=["balmys-statisticians"])))
    assert one.json() == {"trials": [{"trial": "balmys", "role": "statistician"}]}


EVERYWHERE = """
[person]
org = "FJD"

[[right]]
claim = "group"
value = "sponsor"
trial = "*"
role = "sponsor"

[[right]]
claim = "group"
value = "visitor"
trial = "other"
role = "monitor"
"""


def test_one_right_may_be_for_all_trials_those_found_later_among_them() -> None:
    trials = ["balmys", "other"]
    given_rights = rights.parsed(EVERYWHERE, "roles.toml", trials)
    assert given_rights.of({"group": "sponsor"}) == dict.fromkeys(trials, Right(Role.SPONSOR))
    trials.append("found-later")
    assert given_rights.of({"group": "sponsor"})["found-later"] == Right(Role.SPONSOR)
    assert given_rights.of({"group": "visitor"}) == {"other": Right(Role.MONITOR)}
    with pytest.raises(Problem) as refused:
        given_rights.of({"group": ["sponsor", "visitor"]})
    assert refused.value.slug == "two-roles"


def test_a_trial_that_may_be_found_later_may_have_a_right_already() -> None:
    known = {"balmys": None}
    for complete in (False, True):
        names = Names(lambda: known, complete=complete)
        if complete:
            with pytest.raises(SettingsError, match="right 2: trial: this server has no trial 'other'"):
                rights.parsed(EVERYWHERE, "roles.toml", names)
        else:
            assert rights.parsed(EVERYWHERE, "roles.toml", names).of({"group": "visitor"}).keys() == {"other"}


def test_without_any_right_there_is_no_trial(ledger: Path, tmp_path: Path) -> None:
    client = client_for(composed(tmp_path, Published(), Time()), ledger)
    stranger = bearer(token(groups=["others"]))
    assert client.get("/v1/trials", headers=stranger).json() == {"trials": []}
    assert client.get("/v1/trials/balmys", headers=stranger).status_code == 404


@pytest.mark.parametrize("pseudonym", [None, "", "with space", "x" * 129, "ñ", "a\n", 7, ["a"], "\x7f"])
def test_a_pseudonym_that_no_entry_could_hold_is_refused_by_the_name_of_the_claim(pseudonym: Any) -> None:
    with pytest.raises(Problem, match="claim pseudonym: must be there") as refused:
        person(read(TWO), pseudonym=pseudonym)
    assert (refused.value.slug, refused.value.status) == ("token-claim", 403)


@pytest.mark.parametrize("org", [None, "", "x" * 201, "a\tb", 7])
def test_an_organisation_that_no_entry_could_hold_is_refused(org: Any) -> None:
    given = read(ROLES)
    with pytest.raises(Problem, match="claim org: must be there"):
        person(given, sub="a", org=org)
    assert person(given, sub="a", org="FJD").org == "FJD"


def test_the_printed_name_is_there_where_it_fits_and_else_is_none() -> None:
    given = read(TWO)
    assert person(given, pseudonym="a", display_name="Ana Ñandú").name == "Ana Ñandú"
    for other in (None, 7, "", "a\x00b", ["Ana"], "x" * 201):
        assert person(given, pseudonym="a", display_name=other).name is None


def test_a_person_is_as_the_token_says() -> None:
    found = person(read(ROLES), **claims(sites=["MAD-01"]))
    assert (found.id, found.org, found.name) == ("inv-0001", "FJD", "Ana Ferrer")
    assert found.rights == {"balmys": Right(Role.INVESTIGATOR, frozenset({"MAD-01"}))}
    assert (found.authenticated_at, found.expires_at, found.csrf) == (NOW, NOW + 60, None)


_WHOLE = """
[person]
org = "FJD"
[[right]]
claim = "groups"
value = "a"
trial = "balmys"
role = "auditor"
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "right: must be one or more tables"),
        ("right = 1", "right: must be one or more tables"),
        ("x = ", "is no TOML"),
        (_WHOLE + "\n[more]\nx = 1\n", "more: there are"),
        (_WHOLE.replace("balmys", "Balmys"), "right 1: trial: this server has no trial 'Balmys'"),
        (_WHOLE.replace("auditor", "Auditor"), "right 1: role: there is no role 'Auditor'"),
        (_WHOLE.replace('value = "a"', "value = 1"), "right 1: value: must be there"),
        (_WHOLE.replace('value = "a"', 'value = ""'), "right 1: value: must be there"),
        (_WHOLE.replace('value = "a"', ""), "right 1: value: must be there"),
        (_WHOLE.replace('claim = "groups"', "claim = []"), "right 1: claim: must be the name"),
        (_WHOLE.replace('claim = "groups"', 'claim = ["a", 1]'), "right 1: claim: must be the name"),
        (_WHOLE + 'site = "x"\n', "right 1: site: there is no such field"),
        (_WHOLE + 'sites = "x"\n', "right 1: sites: must be a list"),
        (_WHOLE + 'sites = ["a b"]\n', "right 1: sites: must be a list"),
        (_WHOLE + 'sites = ["a"]\nsites_claim = "s"\n', "right 1: sites: stands beside"),
        (
            _WHOLE + '[[right]]\nclaim = "groups"\nvalue = "a"\ntrial = "balmys"\nrole = "dmc"\n',
            "right 2: role: right 1 gives the same people another",
        ),
        (_WHOLE.replace('org = "FJD"', ""), "person: org: must be there"),
        (_WHOLE.replace('org = "FJD"', 'org = "a\\u0007"'), "person: org: must have"),
        (_WHOLE.replace('org = "FJD"', 'org = "FJD"\nrole = "x"'), "person: role: there is no such field"),
        (_WHOLE.replace("[person]", "[[person]]"), "person: must be a table"),
    ],
)
def test_a_fault_of_the_file_is_told_with_table_and_field(text: str, fault: str) -> None:
    assert read(_WHOLE)
    with pytest.raises(SettingsError, match=r"^roles\.toml: ") as refused:
        read(text)
    assert fault in str(refused.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        rights.load(tmp_path / "none.toml", TRIALS)
    (tmp_path / "latin.toml").write_bytes(b"# \xf1\n")
    with pytest.raises(SettingsError, match="must be UTF-8"):
        rights.load(tmp_path / "latin.toml", TRIALS)


@given(
    st.lists(st.sampled_from(["inv", "inv-bcn", "stat", "monitor", "x", 1, None])), st.sampled_from(["stat", "x", 1])
)
def test_a_role_is_given_by_a_right_that_names_it_and_by_nothing_else(roles: list[Any], role: Any) -> None:
    values = {"realm_access": {"roles": roles}, "https://example.org/role": role}
    investigator, statistician = bool({"inv", "inv-bcn"} & set(roles)), role == "stat"
    if investigator and statistician:
        with pytest.raises(Problem, match="two roles in the trial balmys"):
            read(TWO).of(values)
        return
    found = {trial: right.role for trial, right in read(TWO).of(values).items()}
    expected = {"balmys": Role.INVESTIGATOR} if investigator else {}
    if statistician:
        expected = {"balmys": Role.STATISTICIAN, "other": Role.MONITOR}
    assert found == expected


def test_the_examples_of_the_document_are_settings_and_rights(tmp_path: Path) -> None:
    document = (Path(__file__).parents[4] / "docs" / "identity.md").read_text("utf-8")
    example = document.partition("# trial-ledger.toml\n")[2].partition("Give `audience`")[0]
    settings_example, _, roles = dedent(example).partition("# roles.toml\n")
    (tmp_path / "trial-ledger.toml").write_text(dedent(settings_example))
    (tmp_path / "roles.toml").write_text(dedent(roles))
    settings = Settings.load(tmp_path / "trial-ledger.toml")
    assert settings.roles is not None
    assert settings.roles == tmp_path / "roles.toml"
    given_rights = rights.load(settings.roles, settings.trials)
    assert [rule.role for rule in given_rights.rules] == [Role.INVESTIGATOR, Role.STATISTICIAN]
