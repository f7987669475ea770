"""Access is part of the record: a look is recorded before it is given, and refused where it cannot be."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.bootstrap import DeniedError, UnknownSiteError
from api.cli.look import whoever_runs_this
from ledger.domain.events.access import (
    ACCESS_STREAM,
    AccessRefused,
    ArmAccessed,
    SealedAccessRefused,
    SealedExportMade,
    SealedIdentityAccessed,
)
from ledger.domain.events.base import Event
from ledger.domain.history import Fact
from ledger.domain.protocol import reference_protocol
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Book
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import keys_folder, load_keys
from ledger.proof.entry import Actor
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.proof.verify import verify_ledger
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import LedgerReader
from projections.base import UnknownViewError
from tests.api.cli_runs import here, process, small_disk
from tests.trials import SITE, Trial

PROTOCOL = reference_protocol()
ARMS = ("pharmacist", "statistician", "dmc", "safety-physician", "archive")
MASKED = ("participant", "care-provider", "investigator", "outcomes-assessor", "monitor", "auditor", "inspector")
NAME = "Name of P1"
NAMES = "identities"
Look = Callable[[Session], object]
GIVEN: tuple[tuple[str, Look], ...] = (
    ("dmc", lambda one: one.show("subjects")),
    ("monitor", lambda one: one.show(NAMES)),
)
"""Roles, each with something that it is given only after that was recorded."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one randomized subject and another who has only consented."""
    trial = Trial(tmp_path_factory.mktemp("access"))
    trial.do("activate-site", {"site": SITE})
    trial.randomized("P1")
    trial.consent("P2")
    trial.ledger.close()
    return trial.path


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    """A copy of it, with its keys."""
    path = tmp_path / "trial.db"
    shutil.copyfile(made, path)
    shutil.copytree(keys_folder(made), keys_folder(path))
    return path


def viewer(role: str, *sites: str) -> Viewer:
    return Viewer(f"{role}-9", role, "FJD", frozenset(sites))


def facts_of(path: Path) -> list[Fact]:
    """All facts, as who holds all keys reads them."""
    classes = frozenset({PLAIN, IDENTITY, ARM})
    with closing(LedgerReader(path, books=frozenset(Book), classes=classes, keys=load_keys(path))) as reader, reader:
        return list(reader.facts())


def looks(path: Path) -> list[Fact]:
    return [fact for fact in facts_of(path) if fact.stream == ACCESS_STREAM]


def types(path: Path) -> list[str]:
    return [fact.type for fact in looks(path)]


def open_book(path: Path) -> list[tuple[bytes, bytes]]:
    """The stored bytes of the open book."""
    with closing(open_reading(path)) as connection:
        return fetch(connection, "SELECT entry, sections FROM open_entry ORDER BY seq")


def without_keys(path: Path) -> None:
    shutil.rmtree(keys_folder(path))


# -- arms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ARMS)
def test_a_look_at_arms_is_recorded_in_the_sealed_book_and_leaves_the_open_one_as_it_was(
    ledger: Path, role: str
) -> None:
    before = open_book(ledger)
    shown = Session(ledger, viewer(role)).show("subjects")
    randomized = next(row for row in shown.rows if row["subject"] == "P1")
    assert randomized["arm"] in {arm.label for arm in PROTOCOL.arms}
    assert open_book(ledger) == before
    (look,) = looks(ledger)
    assert (look.book, look.type, look.data["what"]) == (Book.SEALED, "arm.accessed/1", "view subjects")
    assert (look.actor.id, look.actor.role, look.actor.org) == (f"{role}-9", role, "FJD")
    assert verify_ledger(ledger).ok


def test_what_is_shown_was_read_after_the_look_was_recorded(ledger: Path) -> None:
    rows = Session(ledger, viewer("statistician")).show("audit").rows
    assert rows[-1]["type"] == "arm.accessed/1"


def test_a_session_records_one_look_a_class_whatever_it_shows(ledger: Path) -> None:
    session = Session(ledger, viewer("dmc"))
    for view in ("subjects", "exposure", "subjects", "audit"):
        session.show(view)
    assert types(ledger) == ["arm.accessed/1"]
    Session(ledger, viewer("dmc")).show("enrolment")
    assert types(ledger) == ["arm.accessed/1"] * 2


@pytest.mark.parametrize("role", [*MASKED, "sponsor", "data-manager"])
def test_who_is_shown_no_arm_and_no_name_leaves_no_trace_and_needs_no_key(ledger: Path, role: str) -> None:
    without_keys(ledger)
    before = open_book(ledger)
    for sites in ((), (SITE,)):
        shown = Session(ledger, viewer(role, *sites)).show("subjects")
        assert "arm" not in shown.columns
        assert NAME not in shown.to_json()
    assert open_book(ledger) == before


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["investigator", "care-provider", "monitor"])
def test_names_of_the_own_site_are_given_after_an_open_event_which_keeps_its_target_to_itself(
    ledger: Path, role: str
) -> None:
    session = Session(ledger, viewer(role, SITE))
    shown = session.show(NAMES)
    assert [(row["subject"], row["subject_name"]) for row in shown.rows] == [("P1", NAME), ("P2", "Name of P2")]
    session.show(NAMES)
    (look,) = looks(ledger)
    assert (look.book, look.type, look.actor.id) == (Book.OPEN, "identity.accessed/1", f"{role}-9")
    assert (look.data["what"], look.data["sites"]) == ("view identities", [SITE])
    keyless = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with closing(keyless) as reader, reader:
        (plain,) = (fact for fact in reader.facts() if fact.stream == "access")
    assert set(plain.data) == {"occurred_at", "late"}
    assert verify_ledger(ledger).ok


def test_who_has_arms_in_sight_leaves_no_open_trace_of_looking_at_names(ledger: Path) -> None:
    before = open_book(ledger)
    assert len(Session(ledger, viewer("archive")).show(NAMES).rows) == 2
    assert (types(ledger), open_book(ledger)) == (["sealed-identity.accessed/1"], before)


def test_names_stand_as_they_were_corrected_and_as_they_were_at_an_earlier_position(ledger: Path) -> None:
    session = Session(ledger, viewer("investigator", SITE))
    head = session.show(NAMES).as_of.seq
    consent = next(fact for fact in facts_of(ledger) if fact.type == "consent.obtained/1")
    change = {
        "target": {"command": consent.command},
        "changes": [{"field": "subject_name", "new": "Other Name"}],
        "reason": "misheard",
    }
    submit(ledger, "correct-record", change, "investigator")
    assert [row["subject_name"] for row in session.show(NAMES).rows] == ["Other Name", "Name of P2"]
    assert [row["subject_name"] for row in session.show(NAMES, head).rows] == [NAME, "Name of P2"]


def test_names_of_another_site_are_not_shown(tmp_path: Path) -> None:
    two = PROTOCOL.amended({"sites": [{"id": site, "name": f"Site {site}"} for site in (SITE, "S99")]})
    trial = Trial(tmp_path, protocol=two)
    trial.do("activate-site", {"site": SITE})
    trial.consent("P1")
    trial.ledger.close()
    assert Session(trial.path, viewer("monitor", "S99")).show(NAMES).rows == []
    assert len(Session(trial.path, viewer("monitor", "S99", SITE)).show(NAMES).rows) == 1
    with pytest.raises(UnknownSiteError, match="S7"):
        Session(trial.path, viewer("monitor", "S7"))


# -- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [*MASKED, "sponsor", "data-manager"])
def test_an_attempt_at_arms_by_who_may_not_is_recorded_in_the_open_book(ledger: Path, role: str) -> None:
    with pytest.raises(DeniedError, match=role):
        Session(ledger, viewer(role)).show("exposure")
    (look,) = looks(ledger)
    assert (look.book, look.type, look.actor.id) == (Book.OPEN, "access.refused/1", f"{role}-9")
    assert (look.data["wanted"], look.data["what"]) == ("arm", "view exposure")


@pytest.mark.parametrize(
    ("role", "sites"),
    [("investigator", ()), ("monitor", ()), *((role, (SITE,)) for role in ("sponsor", "auditor", "participant"))],
)
def test_an_attempt_at_names_by_who_may_not_is_recorded_in_the_open_book(
    ledger: Path, role: str, sites: tuple[str, ...]
) -> None:
    with pytest.raises(DeniedError, match="names"):
        Session(ledger, viewer(role, *sites)).show(NAMES)
    assert [(look.type, look.data["wanted"]) for look in looks(ledger)] == [("access.refused/1", "identity")]


@pytest.mark.parametrize("role", ["pharmacist", "statistician", "dmc", "safety-physician"])
def test_who_has_arms_in_sight_leaves_no_open_trace_of_a_refusal(ledger: Path, role: str) -> None:
    before = open_book(ledger)
    with pytest.raises(DeniedError, match="names"):
        Session(ledger, viewer(role, SITE)).show(NAMES)
    assert (types(ledger), open_book(ledger)) == (["sealed-access.refused/1"], before)


def test_a_role_that_is_not_in_the_table_is_refused_and_that_is_recorded(ledger: Path) -> None:
    with pytest.raises(DeniedError, match="sees nothing"):
        Session(ledger, viewer("visitor"))
    assert [(look.type, look.actor.role) for look in looks(ledger)] == [("access.refused/1", "visitor")]


def test_what_is_no_question_of_rights_is_no_attempt(ledger: Path) -> None:
    for role in ("sponsor", "dmc"):
        with pytest.raises(UnknownViewError):
            Session(ledger, viewer(role)).show("weather")
    assert looks(ledger) == []


# -- what cannot be recorded -----------------------------------------------------------------------------------------


def test_without_keys_arms_and_names_are_refused_and_a_refusal_says_that_it_is_not_recorded(ledger: Path) -> None:
    without_keys(ledger)
    for role, look in GIVEN:
        with pytest.raises(DeniedError, match="has to be recorded, and cannot be"):
            look(Session(ledger, viewer(role, SITE)))
    with pytest.raises(DeniedError, match=r"tells the arm.*could not be recorded"):
        Session(ledger, viewer("sponsor")).show("exposure")


def test_on_a_disk_that_cannot_be_written_arms_and_names_are_refused_and_all_else_is_shown(
    made: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        path = disk.path / "trial.db"
        shutil.copyfile(made, path)
        shutil.copytree(keys_folder(made), keys_folder(path))
        disk.read_only()
        for role, look in GIVEN:
            with pytest.raises(DeniedError, match="has to be recorded, and cannot be"):
                look(Session(path, viewer(role, SITE)))
        assert len(Session(path, viewer("sponsor")).show("subjects").rows) == 2


def fill(path: Path) -> None:
    """A file as big as there is room for."""
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_on_a_full_disk_arms_are_refused(made: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        path = disk.path / "trial.db"
        shutil.copyfile(made, path)
        shutil.copytree(keys_folder(made), keys_folder(path))
        Session(path, viewer("dmc")).show("subjects")  # the control: there is room still
        fill(disk.path / "filler")
        with pytest.raises(DeniedError, match="has to be recorded, and cannot be"):
            Session(path, viewer("dmc")).show("subjects")


# -- exports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "classes", "type_", "book"),
    [
        ("sponsor", {PLAIN}, "export.made/1", Book.OPEN),
        ("statistician", {PLAIN, ARM}, "sealed-export.made/1", Book.SEALED),
        ("statistician", {PLAIN}, "sealed-export.made/1", Book.SEALED),
    ],
)
def test_an_export_is_recorded_where_what_it_tells_may_be_told(
    ledger: Path, role: str, classes: set[str], type_: str, book: Book
) -> None:
    before = open_book(ledger)
    Session(ledger, viewer(role)).exported("csv", frozenset(classes), "ab" * 32)
    (look,) = looks(ledger)
    assert (look.type, look.book, look.data["classes"]) == (type_, book, sorted(classes))
    assert (look.data["kind"], look.data["sha256"]) == ("csv", "ab" * 32)
    assert (open_book(ledger) == before) is (book is Book.SEALED)


# -- grants, opening -------------------------------------------------------------------------------------------------


def submit(path: Path, type_: str, data: dict[str, Any], role: str = "sponsor", id: str = "x") -> None:
    command = {
        "id": id,
        "type": type_,
        "actor": {"id": f"{role}-1", "role": role, "org": "FJD"},
        "occurred_at": "2020-05-09",
        "data": data,
    }
    done = here("submit", "-", path, stdin=json.dumps(command).encode())
    assert done.code == 0, done.err


def test_an_auditor_sees_arms_and_names_by_a_grant_to_the_person_until_it_is_revoked(ledger: Path) -> None:
    submit(
        ledger,
        "grant-access",
        {"person": "auditor-9", "role": "auditor", "classes": ["arm", "identity"], "reason": "for-cause audit"},
    )
    session = Session(ledger, viewer("auditor"))
    assert "arm" in session.show("subjects").columns
    assert len(session.show(NAMES).rows) == 2
    assert types(ledger) == ["arm.accessed/1", "sealed-identity.accessed/1"]
    with pytest.raises(DeniedError):
        Session(ledger, Viewer("auditor-8", "auditor", "FJD")).show("exposure")
    submit(ledger, "revoke-access", {"person": "auditor-9", "role": "auditor", "reason": "over"}, id="y")
    with pytest.raises(DeniedError):
        Session(ledger, viewer("auditor")).show("exposure")


# -- on the command line ---------------------------------------------------------------------------------------------


def test_the_command_line_names_who_looks_by_option_or_environment_or_as_the_user(ledger: Path) -> None:
    look = ("show", "subjects", ledger, "--json", "--role", "statistician")
    assert here(*look, "--actor", "stat-1", "--org", "FJD").code == 0
    assert process(*look, TRIAL_LEDGER_ACTOR="stat-2", TRIAL_LEDGER_ORG="CRO").code == 0
    assert here(*look).code == 0
    found = [(fact.actor.id, fact.actor.org) for fact in looks(ledger)]
    assert found == [("stat-1", "FJD"), ("stat-2", "CRO"), (whoever_runs_this(), "not stated")]


def test_names_are_shown_on_the_command_line_for_the_sites_given(ledger: Path) -> None:
    done = here("show", NAMES, ledger, "--csv", "--role", "monitor", "--site", SITE)
    assert done.code == 0, done.err
    assert NAME in done.out
    here("show", NAMES, ledger, "--role", "monitor").refused_in_one_sentence("monitor", "own sites")
    here("show", NAMES, ledger, "--role", "monitor", "--site", "S9").refused_in_one_sentence("--site", "S9", code=2)
    assert types(ledger) == ["identity.accessed/1", "access.refused/1"]


@pytest.mark.parametrize("bad", [("--actor", "a b"), ("--org", "")])
def test_who_cannot_be_named_in_an_entry_is_a_usage_error(ledger: Path, bad: tuple[str, str]) -> None:
    here("show", "subjects", ledger, "--role", "dmc", *bad).refused_in_one_sentence("--actor", code=2)
    assert looks(ledger) == []
    with pytest.raises(ValueError, match="role"):
        viewer_of("a", "visitor", "b")


def test_rebuilding_views_is_no_look(ledger: Path) -> None:
    assert here("rebuild", ledger).code == 0
    assert looks(ledger) == []


def test_no_command_makes_a_look() -> None:
    schema = json.loads(here("submit", "--schema").stdout)
    named = {form["properties"]["type"]["const"] for form in schema["oneOf"]}
    assert {name for name in named if "access" in name} == {"grant-access", "revoke-access"}
    assert not {name for name in named if "export" in name} - {"record-envelopes-exported"}


# -- what unblinds a viewer ------------------------------------------------------------------------------------------


def test_who_is_unblinded_for_the_whole_trial_as_two_people_decided_sees_arms_in_that_role(ledger: Path) -> None:
    ask = {"person": "sponsor-9", "role": "sponsor", "reason": "interim analysis"}
    submit(ledger, "request-unblinding", ask, "data-manager", id="ask")
    with pytest.raises(DeniedError):
        Session(ledger, viewer("sponsor")).show("exposure")
    submit(ledger, "approve-unblinding", {"request": "ask"}, "dmc", id="approve")
    assert "arm" in Session(ledger, viewer("sponsor")).show("subjects").columns
    assert types(ledger) == ["access.refused/1", "arm.accessed/1"]
    with pytest.raises(DeniedError):
        Session(ledger, Viewer("sponsor-8", "sponsor", "FJD")).show("exposure")


def test_once_the_list_is_opened_every_role_but_the_participant_sees_arms_and_that_is_recorded(ledger: Path) -> None:
    with closing(load_keys(ledger)) as keys:
        kept = kept_allocation(keys)
    assert kept is not None
    secret, parameters = kept
    opening = {"secret": secret.hex(), "parameters": parameters.to_value(), "reason": "the end"}
    submit(ledger, "halt-trial", {"reason": "lack of money"}, id="halt")
    submit(ledger, "open-allocation", opening, "statistician")
    for role in (*MASKED, "sponsor", "data-manager"):
        if role != "participant":
            assert "arm" in Session(ledger, viewer(role)).show("subjects").columns
    with pytest.raises(DeniedError):
        Session(ledger, viewer("participant")).show("exposure")
    assert types(ledger) == [*["arm.accessed/1"] * 8, "access.refused/1"]
    made = here("rebuild", ledger, "--json").json["rebuilt"]  # there are still two audiences
    assert [Path(path).name for path in made] == ["open.db", "unmasked.db"]


# -- the open book does not depend on it -----------------------------------------------------------------------------


def told(folder: Path, *events: type[Event]) -> list[tuple[bytes, bytes]]:
    """The open book of a trial told with the same clock and random source, with these looks in the middle of it."""
    folder.mkdir()
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.consent("P1")
    for cls in events:
        said = {"what": "view subjects", "wanted": "identity", "kind": "csv", "classes": ("arm",)}
        known = {name: value for name, value in said.items() if name in cls.model_fields}
        trial.ledger.record_access(cls, Actor("dmc-9", "FJD", "dmc"), **known)
    trial.randomized("P2")
    trial.ledger.close()
    return open_book(trial.path)


def test_a_sealed_look_changes_no_byte_of_the_open_book_before_or_after_it(tmp_path: Path) -> None:
    sealed = (ArmAccessed, SealedIdentityAccessed, SealedAccessRefused, SealedExportMade)
    without = told(tmp_path / "without")
    assert told(tmp_path / "with", *sealed) == without
    assert told(tmp_path / "control", AccessRefused) != without


def test_looks_of_several_at_once_are_all_recorded(ledger: Path) -> None:
    def look(number: int) -> None:
        Session(ledger, Viewer(f"monitor-{number}", "monitor", "FJD", frozenset({SITE}))).show(NAMES)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(16)))
    assert {fact.actor.id for fact in looks(ledger)} == {f"monitor-{number}" for number in range(16)}
    assert len(looks(ledger)) == 16
    assert verify_ledger(ledger).ok
