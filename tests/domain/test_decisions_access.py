"""Grants of access: by the sponsor, to one auditor or inspector, until they end or are revoked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.events import CATALOGUE
from ledger.domain.events.access import ACCESS_STREAM
from ledger.domain.grants import AccessGrant, classes_of
from ledger.domain.vocabulary import Book, Role
from tests.domain.story import NOW, Story, begun

ARMS = {"person": "auditor-7", "role": "auditor", "classes": ["arm"], "reason": "audit of the pharmacy"}
OVER = {"person": "auditor-7", "role": "auditor", "reason": "the audit is over"}


def granted(story: Story, person: str = "auditor-7", role: str = "auditor", now: str = NOW) -> set[str]:
    return set(classes_of(story.trial.grants, person, role, now))


def test_a_grant_is_open_and_of_one_person_in_one_role() -> None:
    story = begun()
    decision = story.tell("grant-access", ARMS)
    assert ([event.type for event in decision.open], decision.sealed) == (["access.granted/1"], [])
    assert granted(story) == {"arm"}
    assert granted(story, "auditor-8") == granted(story, role="inspector") == set()


def test_a_revocation_takes_all_grants_of_that_person_in_that_role_and_no_others() -> None:
    story = begun()
    story.tell("grant-access", ARMS)
    story.tell("grant-access", {**ARMS, "classes": ["identity"]})
    story.tell("grant-access", {**ARMS, "role": "inspector"})
    assert granted(story) == {"arm", "identity"}
    story.tell("revoke-access", OVER)
    assert granted(story) == set()
    assert granted(story, role="inspector") == {"arm"}


@pytest.mark.parametrize(
    ("type_", "data", "rule", "field"),
    [
        *(
            pytest.param("grant-access", {**ARMS, "role": role.value}, "role-not-granted", "data.role", id=f"to {role}")
            for role in Role
            if role not in (Role.AUDITOR, Role.INSPECTOR)
        ),
        pytest.param("grant-access", {**ARMS, "person": "sponsor-1"}, "own-grant", "data.person", id="to oneself"),
        pytest.param("grant-access", {**ARMS, "classes": ["arm"] * 2}, "class-twice", "data.classes", id="twice"),
        pytest.param("grant-access", {**ARMS, "until": "2020-05-31"}, "until-past", "data.until", id="over already"),
        pytest.param("revoke-access", OVER, "not-granted", "data.person", id="what does not stand"),
    ],
)
def test_what_is_no_grant_is_refused(type_: str, data: dict[str, Any], rule: str, field: str) -> None:
    assert begun().refused(type_, data) == (rule, field)


def test_what_was_granted_is_not_granted_again_but_for_longer() -> None:
    story = begun()
    story.tell("grant-access", {**ARMS, "until": "2020-06-30"})
    story.tell("grant-access", ARMS)
    assert story.refused("grant-access", ARMS) == ("granted-already", "data.classes")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SPONSOR])
def test_only_the_sponsor_grants_and_revokes(role: Role) -> None:
    story = begun()
    assert story.refused("grant-access", ARMS, role=role.value) == ("role", "actor.role")
    story.tell("grant-access", ARMS)
    assert story.refused("revoke-access", OVER, role=role.value) == ("role", "actor.role")


@pytest.mark.parametrize(
    ("until", "now", "stands"),
    [
        ("2020-06-30", "2020-06-30T23:59:59.999999Z", True),
        ("2020-06-30", "2020-07-01T00:00:00.000000Z", False),
        ("2020-06", "2020-06-30T23:00:00.000000Z", True),
        ("2020-06", "2020-07-01T00:00:00.000000Z", False),
        ("2020-06-30T12:00+02:00", "2020-06-30T10:00:00.000000Z", True),
        ("2020-06-30T12:00+02:00", "2020-06-30T10:00:00.000001Z", False),
        ("2020-06-30", None, False),
        (None, None, True),
    ],
)
def test_a_grant_stands_through_all_that_its_end_may_mean(until: str | None, now: str | None, stands: bool) -> None:
    assert AccessGrant("a", "auditor", frozenset({"arm"}), until).stands(now) is stands


def test_who_was_granted_arms_is_taken_to_know_them_even_after_a_revocation() -> None:
    story = begun()
    story.tell("grant-access", {**ARMS, "classes": ["identity"]})
    assert story.trial.unblinded.of("auditor-7", "P1") is None
    story.tell("grant-access", ARMS)
    story.tell("revoke-access", OVER)
    assert story.trial.unblinded.of("auditor-7", "P1") == NOW


people = st.sampled_from(["a", "b"])
acts = st.lists(st.tuples(st.booleans(), people, st.sampled_from(["arm", "identity"])), max_size=12)


@given(acts)
def test_what_stands_is_what_was_granted_since_the_last_revocation(told: list[tuple[bool, str, str]]) -> None:
    story, wanted = begun(), dict[str, set[str]](a=set(), b=set())
    for grants, person, section in told:
        if grants and section not in wanted[person]:
            story.tell("grant-access", {**ARMS, "person": person, "classes": [section]})
            wanted[person].add(section)
        elif not grants and wanted[person]:
            story.tell("revoke-access", {**OVER, "person": person})
            wanted[person].clear()
    assert {person: granted(story, person) for person in wanted} == wanted


def test_looks_lie_on_one_stream_and_those_at_arms_in_the_sealed_book() -> None:
    looks = {cls for cls in CATALOGUE if cls.__module__.endswith(".access") and "granted" not in cls.type}
    looks = {cls for cls in looks if "revoked" not in cls.type}
    assert {cls.type for cls in looks if cls.book is Book.OPEN} == {
        "identity.accessed/1",
        "access.refused/1",
        "export.made/1",
    }
    assert {cls.type for cls in looks if cls.book is Book.SEALED} == {
        "arm.accessed/1",
        "sealed-identity.accessed/1",
        "sealed-access.refused/1",
        "sealed-export.made/1",
    }
    said = {"what": "x", "wanted": "arm", "kind": "csv", "classes": ("plain",)}
    for cls in looks:
        known = {name: value for name, value in said.items() if name in cls.model_fields}
        assert cls.model_validate({"occurred_at": "2020-05-20", **known}).stream == ACCESS_STREAM
