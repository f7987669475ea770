"""Readiness: each reason alone, made by what it is about, and gone when that is gone; and what it does not tell."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence.making import make_checkpoint
from api.server.operation.following import Following
from api.server.operation.health import REASONS, Health, write_probe
from api.server.operation.verifying import Verifications
from api.server.trials import Trials
from ledger.domain.events.access import AccessRefused
from ledger.proof.entry import Actor
from projections.base import Audience
from projections.runner import views_folder
from tests.api.server.operation.test_limits import Clock
from tests.api.server.operation.test_verifying import _verified
from tests.api.server.people import NAME
from tests.unprivileged import unprivileged

_LOOKER = Actor("auditor-1", "FJD", "auditor")


class Looked:
    """A server's parts, of which a test looks at one."""

    def __init__(self, ledger: Path) -> None:
        self.clock = Clock()
        self.free = 10**12
        self.trials = Trials({NAME: ledger})
        self.verifications = Verifications({NAME: ledger}, slot=0.0)
        self.following = Following(list(self.trials))
        self.health = Health(
            self.trials,
            self.verifications,
            self.following,
            least_free=1000,
            most_lag=60.0,
            now=self.clock,
            free=lambda _: self.free,
            kept_seconds=5.0,
        )

    def later(self, seconds: float = 6.0) -> list[str]:
        """What is found after a while."""
        self.clock.at += seconds
        return self.health.reasons()

    def follow(self) -> None:
        """Bring the views to the head, as the threads do."""
        for follower in self.following._all.values():
            follower.step()


@pytest.fixture
def looked(ledger: Path) -> Iterator[Looked]:
    found = Looked(ledger)
    with closing(found.trials):
        yield found


def _record(ledger: Path) -> None:
    with closing(open_trial(ledger)) as trial:
        trial.record_access(AccessRefused, _LOOKER, wanted="arm", what="a view")


def test_a_trial_in_order_is_ready(looked: Looked) -> None:
    assert looked.health.reasons() == []


def test_little_room_is_a_reason_as_long_as_it_is_little(looked: Looked) -> None:
    looked.free = 999
    assert looked.later() == ["disk"]
    looked.free = 1000
    assert looked.later() == []


def test_a_folder_that_takes_no_file_is_a_reason(ledger: Path, looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("api.server.operation.health.write_probe", full)
    assert looked.later() == ["disk"]
    monkeypatch.undo()
    assert looked.later() == []
    assert [file.name for file in ledger.parent.iterdir() if file.name.endswith(".probe")] == []


def test_the_probe_says_what_the_folder_says(tmp_path: Path) -> None:
    write_probe(tmp_path / "x.probe")
    assert list(tmp_path.iterdir()) == []
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(PermissionError):
        write_probe(tmp_path / "x.probe")
    tmp_path.chmod(0o700)


def test_a_probe_that_was_left_behind_is_no_reason(looked: Looked, ledger: Path) -> None:
    ledger.with_name(f"{ledger.name}.probe").write_text("of a process that was killed")
    assert looked.later() == []


def test_a_ledger_that_is_gone_or_is_none_is_a_reason(looked: Looked, ledger: Path) -> None:
    assert looked.later() == []
    ledger.rename(ledger.with_name("elsewhere.db"))
    assert "ledger" in looked.later()
    ledger.with_name("elsewhere.db").rename(ledger)
    assert looked.later() == []


def test_an_older_copy_is_a_reason(ledger: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.db"
    shutil.copyfile(ledger, older)
    _record(ledger)
    make_checkpoint(ledger)
    newest = Looked(ledger)
    assert newest.later() == []
    newest.trials.close()
    for beside in ("-wal", "-shm"):
        Path(f"{ledger}{beside}").unlink(missing_ok=True)
    shutil.copyfile(older, ledger)
    restored = Looked(ledger)
    assert restored.later() == ["restored"]
    restored.trials.close()


def test_what_the_last_verification_found_is_a_reason(looked: Looked, ledger: Path) -> None:
    from tests.api.server.operation.test_process import flip

    looked.verifications._newest[NAME] = _verified(ledger)
    assert looked.later() == []
    flip(ledger)
    looked.verifications._newest[NAME] = _verified(ledger)
    assert looked.later() == ["verification"]


def test_views_that_lie_behind_for_too_long_are_a_reason_and_for_a_while_they_are_none(
    looked: Looked, ledger: Path
) -> None:
    looked.follow()
    follower = looked.following._all[NAME, Audience.MASKED]
    assert follower.lag().entries == 0
    _record(ledger)
    follower._now = looked.clock
    assert follower._seen is not None
    follower._seen, follower._behind = follower._seen._replace(open=follower._seen.open + 1), looked.clock.at
    assert looked.later(59) == []
    assert looked.later(6) == ["views"]
    looked.follow()
    assert looked.later() == []


def test_views_that_cannot_be_kept_are_a_reason(looked: Looked) -> None:
    looked.follow()
    assert looked.later() == []
    follower = looked.following._all[NAME, Audience.UNMASKED]
    follower._failed = True
    assert looked.later() == ["views"]


def test_the_views_are_at_the_head_after_what_was_recorded(looked: Looked, ledger: Path) -> None:
    assert looked.following.lag(NAME, Audience.MASKED).entries is None  # nobody has looked yet
    looked.follow()
    before = looked.following.lag(NAME, Audience.MASKED)
    assert (before.entries, before.since, before.failed) == (0, None, False)
    _record(ledger)
    follower = looked.following._all[NAME, Audience.MASKED]
    head = follower._head()
    assert follower._caught != head
    assert follower.step()
    assert follower._caught == head
    assert not follower.step()


def test_what_could_not_be_kept_is_not_taken_for_kept(ledger: Path) -> None:
    shutil.rmtree(views_folder(ledger), ignore_errors=True)
    views_folder(ledger).write_text("a file where the folder is to be")
    looked = Looked(ledger)
    with closing(looked.trials), pytest.raises(OSError, match=r"views|File exists|Not a directory"):
        looked.follow()


def test_asking_often_looks_once(looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    probes: list[Path] = []
    monkeypatch.setattr("api.server.operation.health.write_probe", probes.append)
    for _ in range(20):
        looked.health.reasons()
    assert len(probes) == 1
    looked.later()
    assert len(probes) == 2


def test_what_is_wrong_is_logged_once_and_told_without_a_name(
    looked: Looked, caplog: pytest.LogCaptureFixture, ledger: Path
) -> None:
    looked.free = 0
    looked.later()
    looked.later()
    assert [record.message for record in caplog.records if "not ready" in record.message] == [
        f"not ready: {NAME}: disk: {ledger.parent}: 0 bytes are free, and 1000 are to be"
    ]
    assert NAME not in json.dumps(REASONS)
