"""Leaks that a reviewer found, each as it was played; and that they were leaks: the worlds differ where they may."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.bootstrap import open_trial
from ledger.application import CommandRefusedError
from ledger.domain.commands import parse_command
from ledger.domain.events.access import ArmAccessed
from ledger.domain.vocabulary import Book
from ledger.proof.entry import Actor
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import CommandReused
from tests.trials import SITE, Trial

_KNOWS = {"id": "inv-1", "role": "investigator", "org": "FJD"}
_OTHER = {"id": "inv-2", "role": "investigator", "org": "FJD"}
_FEVER = {"ae": "A5", "term": "Fever", "serious": False}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """S-1 and S-2 are randomized, and `inv-1` says that he knows the arm of S-1."""
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.randomized("S-2")
    said = {"person": "inv-1", "role": "investigator", "subject": "S-1", "how": "saw a label"}
    trial.do("report-inadvertent-unblinding", said, actor=_KNOWS)
    return trial


def refused(trial: Trial, type_: str, data: dict[str, Any], **more: Any) -> str:
    try:
        trial.ledger.submit(parse_command(trial.envelope(type_, data, **more)))
    except (CommandRefusedError, CommandReused) as error:
        return str(error)
    return "recorded"


def open_types(path: Path) -> list[str]:
    with LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        return [fact.type for fact in reader.facts()]


def test_the_id_of_anybodys_sealed_command_answers_who_knows_an_arm_like_any_free_one(trial: Trial) -> None:
    dose = {"subject": "S-2", "dose_number": 1, "product": "x", "given_amount": "1", "unit": "mg"}
    trial.do("record-treatment", dose | {"started_at": trial.clock.at.isoformat()}, id="dose-1")
    probe = {"subject": "S-1", "ae": "none", "note": "x"}
    answers = [refused(trial, "follow-up-adverse-event", probe, actor=_KNOWS, id=id_) for id_ in ("dose-1", "free-1")]
    assert answers[0] == answers[1] != "recorded"


def test_saying_that_one_knows_an_arm_opens_nothing_that_others_have_entered(trial: Trial) -> None:
    said = {"person": "inv-2", "role": "investigator", "subject": "S-1", "how": "saw it too"}
    trial.do("report-inadvertent-unblinding", said, actor=_OTHER)
    probe = {"subject": "S-1", "ae": "A5", "note": "x"}
    before = refused(trial, "follow-up-adverse-event", probe, actor=_KNOWS)
    assert trial.do("report-adverse-event", _FEVER | {"subject": "S-1"}, actor=_OTHER).book is Book.SEALED
    assert refused(trial, "follow-up-adverse-event", probe, actor=_KNOWS) == before
    assert refused(trial, "follow-up-adverse-event", probe, actor=_OTHER) == "recorded"  # the control: his own


def test_an_answer_to_who_knows_an_arm_says_neither_where_nor_when(trial: Trial) -> None:
    answer = trial.do("report-adverse-event", _FEVER | {"subject": "S-1"}, actor=_KNOWS)
    assert (answer.book, answer.seq, answer.at) == (Book.SEALED, None, None)


def test_a_look_at_names_by_who_knows_an_arm_leaves_no_trace_in_the_open_book(trial: Trial) -> None:
    for person, traced in (("inv-1", False), ("inv-2", True)):
        before = open_types(trial.path)
        Session(trial.path, viewer_of(person, "investigator", "FJD", frozenset({SITE})), clock=trial.clock).show(
            "identities"
        )
        assert (open_types(trial.path) != before) is traced


def test_a_site_deviation_by_who_knows_some_arm_is_sealed(trial: Trial) -> None:
    data = {"site": SITE, "category": "SITE", "detail": "x"}
    assert trial.do("report-deviation", data, actor=_KNOWS).book is Book.SEALED
    assert trial.do("report-deviation", data, actor=_OTHER).book is Book.OPEN


def test_a_sealed_append_that_fails_makes_no_second_clock_step(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.ledger.close()
    ledger = open_trial(trial.path, clock=trial.clock)
    trial.clock.at -= timedelta(hours=1)
    deviation = {"site": SITE, "category": "SITE", "detail": "x"}

    def submit(type_: str, data: dict[str, Any]) -> None:
        trial.clock.at -= timedelta(minutes=1)  # against the minute that `envelope` moves on
        ledger.submit(parse_command(trial.envelope(type_, data, actor=_OTHER)))

    submit("report-deviation", deviation)
    assert open_types(trial.path).count("clock.stepped-back/1") == 1
    with monkeypatch.context() as patch:
        patch.setattr("ledger.recording.sqlite.sealed_parts", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.record_access(ArmAccessed, Actor("stat-1", "FJD", "statistician"), what="x")
    submit("report-deviation", deviation)
    assert open_types(trial.path).count("clock.stepped-back/1") == 1
