"""What is signed without being asked: ends, so many entries, so long; and by the watcher."""

import logging
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from api.access import Session, viewer_of
from api.evidence.automatic import watch
from ledger.domain.vocabulary import Book
from ledger.keys.file import keys_folder
from ledger.proof.evidence import evidence_folder
from tests.api.evidence_ledgers import (
    assert_all_consistent,
    checkpoints,
    grow,
    opened,
    reopened,
    size_of,
    sizes,
    trial_of,
    unchecked,
)
from tests.domain.story import TREATMENT
from tests.trials import Trial

LOG = "trial_ledger.evidence"


ENDS = [
    ("halt-trial", {"reason": "money"}, "sponsor"),
    ("suspend-trial", {"reason": "money", "authority": "AEMPS"}, "sponsor"),
    ("impose-clinical-hold", {"reason": "money", "authority": "FDA"}, "sponsor"),
    ("terminate-trial", {"reason": "money"}, "sponsor"),
    ("declare-data-cut-off", {"cut_off": "2020-05-06", "purpose": "interim"}, "sponsor"),
    ("lock-database", {"reason": "analysis"}, "sponsor"),
]


@pytest.mark.parametrize(("type_", "data", "role"), ENDS, ids=[type_ for type_, _, _ in ENDS])
def test_what_ends_something_is_signed_at_once(trial: Trial, type_: str, data: dict[str, str], role: str) -> None:
    assert sizes(trial.path) == []
    trial.do(type_, data, actor={"id": "s", "role": role, "org": "x"})
    assert sizes(trial.path) == [5]
    assert opened(trial.path, checkpoints(trial.path)[0].data).checkpoint.size == size_of(trial.path)


def test_the_book_is_signed_every_so_many_entries_as_the_protocol_says(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=30, checkpoint_every=7)
    found = sizes(trial.path)
    assert found[0] in (7, 8)
    assert all(6 < after - before < 10 for before, after in pairwise(found))
    reopened(trial)
    grow(trial, 14)
    assert len(sizes(trial.path)) >= len(found) + 2
    assert_all_consistent(trial.path, checkpoints(trial.path))
    trial.ledger.close()


def test_the_book_is_signed_after_so_long_with_the_next_entry_of_the_open_book(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_seconds=3600)  # a command a minute
    grow(trial, 30)
    assert sizes(trial.path) == []
    grow(trial, 30)
    assert len(sizes(trial.path)) == 1
    grow(trial, 125)
    assert len(sizes(trial.path)) == 3
    trial.ledger.close()


def test_a_sealed_append_and_an_opening_never_sign(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_seconds=3600, checkpoint_every=1000)
    trial.randomized("S1")
    before = sizes(trial.path)
    trial.clock.at = trial.clock.at.replace(day=20)
    reopened(trial)
    answer = trial.do("record-treatment", {"subject": "S1", **TREATMENT, "started_at": "2020-05-20"})
    assert answer.book is Book.SEALED
    Session(trial.path, viewer_of("stat", "statistician", "x"), clock=trial.clock).show("exposure")
    assert sizes(trial.path) == before
    grow(trial, 1)
    assert len(sizes(trial.path)) == len(before) + 1, "and the next open entry does"
    trial.ledger.close()


def fail_to_sign(trial: Trial, how: str) -> None:
    if how == "the evidence folder cannot be written":
        evidence_folder(trial.path).write_bytes(b"a file in its place")
    elif how == "a key is missing":
        (keys_folder(trial.path) / "log.mldsa44").rename(trial.path.with_name("aside"))
    else:
        (keys_folder(trial.path) / "signed-head").mkdir()


def mend(trial: Trial, how: str) -> None:
    if how == "the evidence folder cannot be written":
        evidence_folder(trial.path).unlink()
    elif how == "a key is missing":
        trial.path.with_name("aside").rename(keys_folder(trial.path) / "log.mldsa44")
    else:
        (keys_folder(trial.path) / "signed-head").rmdir()


@pytest.mark.parametrize(
    "how", ["the evidence folder cannot be written", "a key is missing", "the mark cannot be written"]
)
def test_a_command_is_recorded_and_answered_whether_or_not_it_can_be_signed_and_that_is_made_up_for(
    trial: Trial, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    fail_to_sign(trial, how)
    with caplog.at_level(logging.WARNING, LOG):
        answer = trial.do("halt-trial", {"reason": "money"})
    assert answer.types == ("trial.temporarily-halted/1",)
    assert size_of(trial.path) == 5
    assert ["recorded, but not signed yet" in message for message in caplog.messages] == [True]
    mend(trial, how)
    reopened(trial)
    trial.do("restart-trial", {"reason": "found some"})
    assert sizes(trial.path) == [6], "made up for with the next entry, once the ledger was opened again"


def test_a_ledger_that_cannot_sign_says_so_now_and_then_and_not_with_each_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trial = trial_of(tmp_path, checkpoint_every=4)
    fail_to_sign(trial, "a key is missing")
    with caplog.at_level(logging.WARNING, LOG):
        grow(trial, 40)
    assert 2 <= len(caplog.messages) <= 5
    mend(trial, "a key is missing")
    grow(trial, 20)
    assert sizes(trial.path)
    trial.ledger.close()


def test_an_append_that_is_not_due_opens_no_file(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, entries=10)
    grow(trial, 1)
    opened_files: list[str] = []

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and ".keys/" in str(arguments[0]) and watching:
            opened_files.append(str(arguments[0]))

    watching = True
    sys.addaudithook(audit)
    grow(trial, 20)
    watching = False
    assert opened_files == []
    trial.ledger.close()


# -- the watcher -----------------------------------------------------------------------------------------------------


class Over(Exception):  # noqa: N818
    """The watch is over."""


def test_the_watcher_signs_when_it_is_due_by_size_or_time_and_not_otherwise(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, checkpoint_every=5, checkpoint_seconds=86_400)
    trial.ledger.close()
    signed: list[int] = []
    said: list[str] = []
    script = iter(["nothing", "four", "nothing", "a day", "nothing", "one", "a day", "broken", "mended", "over"])

    def wait(_: float) -> None:
        match next(script):
            case "four":
                with unchecked(trial):
                    grow(trial, 4)
            case "one":
                with unchecked(trial):
                    grow(trial, 1)
            case "a day":
                trial.clock.at = trial.clock.at.replace(day=trial.clock.at.day + 1, hour=23)
            case "broken":
                with unchecked(trial):
                    grow(trial, 6)
                (keys_folder(trial.path) / "log.ed25519").rename(tmp_path / "aside")
            case "mended":
                (tmp_path / "aside").rename(keys_folder(trial.path) / "log.ed25519")
            case "over":
                raise Over

    with suppress(Over):
        watch(
            trial.path,
            wait,
            lambda stored: signed.append(stored.checkpoint.size),
            clock=trial.clock,
            failed=lambda error: said.append(str(error)),
        )
    assert signed == [8, 9, 15]
    assert len(said) == 1
    assert "log.ed25519" in said[0]
