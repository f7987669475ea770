"""Role by view by class: every cell is shown, with the class's values in it, or refused. Generated from the tables.

What is expected is worked out here from `ROLES` and from what each view declares, and asked of real ledgers: masked
four ways, masked twice, open-label, and after the allocation list was opened.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from api.bootstrap import DeniedError, viewing
from ledger.domain.protocol import Protocol
from ledger.domain.roles import ROLES, Viewer
from ledger.domain.vocabulary import Role
from ledger.proof.sections import ARM, IDENTITY
from projections.runner import views_folder
from projections.views import VIEWS
from tests.projections.whole_trial import (
    ARM_WORDS,
    ENTERED,
    LABELS,
    LOTS,
    NAMES,
    SIGNER,
    protocol_masking,
    whole_trial,
)
from tests.trials import SITE

MASKABLE: Final = ("participant", "care-provider", "investigator", "outcomes-assessor")
TRIALS: Final[dict[str, tuple[tuple[str, ...], bool]]] = {
    "masked four ways": (MASKABLE, False),
    "masked twice": (("participant", "investigator"), False),
    "open-label": ((), False),
    "masked four ways, opened": (MASKABLE, True),
}
"""Which roles the protocol masks, and whether its list was opened."""

_GROUPS: Final = tuple(LABELS.values())
CARRIES: Final[dict[str, tuple[str, ...]]] = {
    "access": ("view exposure",),
    "adverse-events": _GROUPS,
    "ae-rate": _GROUPS,
    "allocation": _GROUPS,
    "audit": (*LOTS, *LABELS, ENTERED),
    "censoring": _GROUPS,
    "consort": _GROUPS,
    "deviations": (ENTERED,),
    "disposition": _GROUPS,
    "duties": (),  # no reaction in that trial is an unexpected one
    "enrolment": _GROUPS,
    "exposure": _GROUPS,
    "follow-up": (),
    "identities": (),
    "open-adverse-events": (),
    "serious-events": (),
    "signatures": (ENTERED,),
    "subjects": _GROUPS,
    "survival": _GROUPS,
    "unblinding": (),  # the arms of those whose code was broken: which ones they are is for the list to say
}
"""What of class `arm` each view says to those who may see arms."""


@dataclass(frozen=True)
class Person:
    """Somebody in a role, with what was granted to him."""

    role: Role
    granted: frozenset[str] = frozenset()

    @property
    def viewer(self) -> Viewer:
        person = f"{self.role}-1" if self.granted else f"other-{self.role}"
        return Viewer(person, self.role, "FJD", frozenset({SITE}))

    def __str__(self) -> str:
        return f"{self.role} granted {'+'.join(sorted(self.granted))}" if self.granted else self.role

    def classes(self, masked: tuple[str, ...], *, opened: bool) -> set[str]:
        """The classes that this person may see, by the table."""
        grant = ROLES[self.role]
        always = self.role not in masked if grant.arms is None else grant.arms
        arms = grant.everything or (not grant.never_arms and (always or ARM in self.granted or opened))
        names = grant.everything or grant.identity or IDENTITY in self.granted
        return {name for name, has in ((ARM, arms), (IDENTITY, names)) if has}


PEOPLE: Final = (
    *(Person(role) for role in ROLES),
    Person(Role.AUDITOR, frozenset({ARM, IDENTITY})),
    Person(Role.INSPECTOR, frozenset({IDENTITY})),
)


def protocol_of(masked: tuple[str, ...]) -> Protocol:
    words = {4: "QUADRUPLE", 2: "DOUBLE", 0: "NONE"}
    return protocol_masking(words[len(masked)], [role.upper().replace("-", "_") for role in masked])


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        name: whole_trial(tmp_path_factory.mktemp("trial"), protocol_of(masked), opened=opened).path
        for name, (masked, opened) in TRIALS.items()
    }


def test_the_matrix_has_every_view_and_every_role() -> None:
    assert set(CARRIES) == set(VIEWS)
    assert {person.role for person in PEOPLE} == set(Role)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("person", PEOPLE, ids=str)
@pytest.mark.parametrize("trial", TRIALS)
def test_each_cell_is_shown_with_what_is_in_sight_or_refused(
    ledgers: dict[str, Path], trial: str, person: Person, view: str
) -> None:
    masked, opened = TRIALS[trial]
    classes, needs = person.classes(masked, opened=opened), VIEWS[view]
    wanted = ({ARM} if needs.needs_arm else set()) | ({IDENTITY} if needs.needs_identity else set())
    seen = viewing(ledgers[trial], person.viewer)
    if not wanted <= classes or (needs.roles is not None and person.role not in needs.roles):
        for as_of in (None, "3"):
            with pytest.raises(DeniedError, match=f"role {person.role}"):
                seen.show(view, as_of)
        return
    result = seen.show(view, None)
    text = result.to_json() + result.to_csv() + "\n".join(result.notes())
    assert result.rows, "a cell that shows nothing would prove nothing"
    said = {word for word in ARM_WORDS if word in text}
    if ARM in classes and not needs.needs_identity:
        assert said.issuperset(CARRIES[view])
    else:
        assert said == set()
        assert "after_unblinding" not in text
    names = {name for name in NAMES if name in text}
    assert names == (set(NAMES) if needs.needs_identity else set())
    assert SIGNER not in text


@pytest.mark.parametrize("trial", TRIALS)
def test_an_earlier_position_shows_no_class_that_is_not_in_sight_today(ledgers: dict[str, Path], trial: str) -> None:
    masked, opened = TRIALS[trial]
    for person in PEOPLE:
        classes, seen = person.classes(masked, opened=opened), viewing(ledgers[trial], person.viewer)
        arm = seen.show("subjects", "20").rows[0].get("arm")
        assert (arm is not None) == (ARM in classes), str(person)


def test_the_arm_of_whose_code_was_broken_is_for_those_who_see_arms(ledgers: dict[str, Path]) -> None:
    path = ledgers["masked four ways"]
    for role, seen in (("statistician", True), ("investigator", False)):
        rows = viewing(path, role).show("unblinding", None).rows
        (broken,) = (row for row in rows if row["how"] == "EMERGENCY")
        assert (broken.get("arm") in _GROUPS) is seen


def test_names_of_another_site_or_without_a_site_are_refused_or_not_there(ledgers: dict[str, Path]) -> None:
    path = ledgers["masked four ways"]
    for role in (Role.INVESTIGATOR, Role.CARE_PROVIDER, Role.MONITOR):
        with pytest.raises(DeniedError, match="names"):
            viewing(path, Viewer("somebody", role, "FJD")).show("identities", None)


@pytest.mark.parametrize("role", ["", "system", "root", "INVESTIGATOR", "sponsor "])
def test_who_is_not_in_the_table_is_denied(ledgers: dict[str, Path], role: str) -> None:
    with pytest.raises(DeniedError):
        viewing(ledgers["open-label"], role)


def test_what_was_kept_for_the_masked_holds_nothing_of_the_other_classes(ledgers: dict[str, Path]) -> None:
    for trial, path in ledgers.items():
        for role in ("sponsor" if not TRIALS[trial][1] else "participant", "statistician"):
            viewing(path, role).show("audit", None)
        content = {name: (views_folder(path) / name).read_bytes() for name in ("open.db", "unmasked.db")}
        for word in (*LOTS, ENTERED):
            assert word.encode() not in content["open.db"]
            assert word.encode() in content["unmasked.db"] + _log_of(path)
        for word in NAMES:
            assert word.encode() not in b"".join(content.values())


def _log_of(path: Path) -> bytes:
    log = views_folder(path) / "unmasked.db-wal"
    return log.read_bytes() if log.exists() else b""
