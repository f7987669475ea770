"""What is remembered of the trial is what its stream says, and commands that come at once are decided as if alone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bootstrap import open_trial
from ledger.application import CommandRefusedError, TrialLedger
from ledger.application import reading as reading_module
from ledger.domain.commands import parse_command
from ledger.domain.events.access import IdentityAccessed
from ledger.domain.events.base import TRIAL_STREAM
from ledger.domain.state import CorrectionInFoldError, TrialState
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.entry import Actor
from ledger.proof.sections import PLAIN
from ledger.recording.drafts import Append, Recorded
from ledger.recording.engine import StorageError
from ledger.recording.reader import LedgerReader
from ledger.recording.sqlite import SQLiteBooks
from tests.trials import SITE, Trial
from tests.verified import verify_ledger

SPONSOR = {"id": "sponsor-1", "role": "sponsor", "org": "FJD"}
_GRANT = {"person": "auditor-1", "role": "auditor", "reason": "inspection"}
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "activate": ("activate-site", {"site": SITE}),
    "close": ("close-site", {"site": SITE, "reason": "full"}),
    "halt": ("halt-trial", {"reason": "lack of money"}),
    "restart": ("restart-trial", {"reason": "money"}),
    "grant": ("grant-access", {**_GRANT, "classes": ["identity"]}),
    "grant arms": ("grant-access", {**_GRANT, "classes": ["arm"]}),
    "revoke": ("revoke-access", _GRANT),
    "cut off": ("declare-data-cut-off", {"cut_off": "2020-05-01", "purpose": "interim"}),
    "lock": ("lock-database", {"reason": "the end"}),
    "unlock": ("unlock-database", {"reason": "late data"}),
    "deviate": ("report-deviation", {"site": SITE, "category": "OTHER", "detail": "the temperature log was late"}),
}
_STEP = st.tuples(st.sampled_from([*STEPS, "correct", "void", "look"]), st.booleans(), st.booleans())


def folded(path: Path) -> tuple[int, TrialState]:
    """The stream `trial` as it lies there, folded from its beginning."""
    with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))) as reader, reader:
        facts = reader.stream(TRIAL_STREAM)
    return len(facts), TrialState.fold(facts)


def remembered(ledger: TrialLedger) -> tuple[int, TrialState]:
    with ledger._reading.lock:
        return ledger._reading.trial()


def told(trial: Trial, ledger: TrialLedger, step: str) -> None:
    """Take a step of the story, if the rules let it be taken."""
    if step in ("correct", "void"):
        opened = LedgerReader(trial.path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
        with closing(opened) as reader, reader:
            found = [fact.command for fact in reader.of_types(["deviation.raised/1"])]
        about = {"target": {"command": found[-1] if found else "none"}, "reason": "a slip"}
        more = {"changes": [{"field": "detail", "new": "the log was lost"}]} if step == "correct" else {}
        type_, data = f"{step}-record", {**about, **more}
    elif step == "look":
        ledger.record_access(IdentityAccessed, Actor("monitor-1", "FJD", "monitor"), what="view identities", sites=())
        return
    else:
        type_, data = STEPS[step]
    try:
        ledger.submit(parse_command(trial.envelope(type_, data, actor=SPONSOR)))
    except CommandRefusedError:
        return


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(_STEP, max_size=14))
def test_what_is_folded_on_is_what_the_whole_stream_folds_to(steps: list[tuple[str, bool, bool]]) -> None:
    with TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        other = open_trial(trial.path, clock=trial.clock)  # as another process: it remembers for itself
        for step, by_other, look in steps:
            told(trial, other if by_other else trial.ledger, step)
            if look:
                assert trial.ledger._reading.trial(fresh=True) == folded(trial.path)
        for ledger in (trial.ledger, other):
            with ledger._reading.lock:
                assert ledger._reading.trial(fresh=True) == folded(trial.path)
            ledger.close()
        assert verify_ledger(trial.path).ok


def test_a_correction_of_the_trials_stream_is_folded_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(tmp_path)
    told(trial, trial.ledger, "activate")
    told(trial, trial.ledger, "deviate")
    monkeypatch.setattr(reading_module, "needs_refold", lambda _: False)  # the control
    with pytest.raises(CorrectionInFoldError):
        told(trial, trial.ledger, "correct")
    monkeypatch.undo()
    assert remembered(trial.ledger) == folded(trial.path)


def test_an_entry_of_the_trials_stream_makes_the_next_command_read_that_entry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(tmp_path)
    told(trial, trial.ledger, "activate")
    for _ in range(20):
        told(trial, trial.ledger, "deviate")
    remembered(trial.ledger)
    later, read = LedgerReader.later, list[int]()

    def counted(self: LedgerReader, stream: str, version: int) -> Any:
        found = later(self, stream, version)
        read.append(len(found))
        return found

    monkeypatch.setattr(LedgerReader, "later", counted)
    told(trial, trial.ledger, "deviate")
    told(trial, trial.ledger, "deviate")
    assert read == [1, 1]
    assert remembered(trial.ledger) == folded(trial.path)


# -- commands at once -------------------------------------------------------------------------------------------------


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What each of so many threads gives, or raises, that begin together."""
    gate = threading.Barrier(count)

    def one(number: int) -> Any:
        gate.wait()
        try:
            return act(number)
        except Exception as error:  # it is looked at
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def consent(trial: Trial, subject: str) -> Any:
    data = {"subject": subject, "site": SITE, "form": "VERBAL", "giver": "PATIENT", "document_version": "1.0"}
    return parse_command(trial.envelope("record-consent", data))


def test_commands_at_once_are_recorded_each_once_and_share_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    together, sizes = trial.ledger._books.append_together, list[int]()

    def counted(appends: Any) -> list[Recorded | BaseException]:
        sizes.append(len(appends))
        return together(appends)

    monkeypatch.setattr(trial.ledger._books, "append_together", counted)
    commands = [consent(trial, f"S-{number:03d}") for number in range(24)]
    done = at_once(24, lambda number: trial.ledger.submit(commands[number]))
    assert sorted(answer.seq for answer in done) == sorted({answer.seq for answer in done})
    assert max(sizes, default=1) > 1
    again = at_once(24, lambda number: trial.ledger.submit(commands[number]))
    assert [(one.seq, one.at, one.repeated) for one in again] == [(one.seq, one.at, True) for one in done]
    assert verify_ledger(trial.path).ok
    assert remembered(trial.ledger) == folded(trial.path)


def test_one_place_for_many_at_once_is_given_once(tmp_path: Path) -> None:
    """All of them write the same stream: each round takes one, and the others are decided again."""
    trial = Trial(tmp_path)
    commands = [parse_command(trial.envelope("activate-site", {"site": SITE}, actor=SPONSOR)) for _ in range(12)]
    done = at_once(12, lambda number: trial.ledger.submit(commands[number]))
    refused = [one for one in done if isinstance(one, CommandRefusedError)]
    assert len(refused) == 11
    assert {one.refusal.rule for one in refused} == {"site-active"}
    assert remembered(trial.ledger) == folded(trial.path)


@pytest.mark.in_a_file
def test_one_command_that_fails_keeps_no_other_from_being_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    books = trial.ledger._books
    assert isinstance(books, SQLiteBooks)
    write = books._append

    def failing(append: Append, opened: Any) -> Recorded:
        if any("S-007" in draft.stream for draft in append.open):
            raise StorageError("the disk is full")
        return write(append, opened)

    monkeypatch.setattr(books, "_append", failing)
    commands = [consent(trial, f"S-{number:03d}") for number in range(10)]
    done = at_once(10, lambda number: trial.ledger.submit(commands[number]))
    assert [number for number, one in enumerate(done) if isinstance(one, Exception)] == [7]
    assert isinstance(done[7], StorageError)
    with closing(load_keys(trial.path)) as keys:
        assert verify_ledger(trial.path, keys=keys).ok
