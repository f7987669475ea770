"""A restore that ends anywhere leaves nothing, and one that was killed is cleared away by the next."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from api import drafted as draft
from api import durable
from api.drafted import DraftError, beside
from api.restoring import making
from api.restoring.making import RestoreError, UnsoundBundleError, restore
from ledger.keys import folder
from ledger.keys.file import keys_folder
from ledger.keys.signing import Ed25519FileSigner
from ledger.proof import checking
from ledger.proof.assess import Trusted
from ledger.proof.policy import Policy
from ledger.recording import rebuilding
from tests.api.bundle.making import made
from tests.api.cli_runs import environment
from tests.api.restoring.looking import lying
from tests.proof.bundle_parts import fitted, frames, lines, read, with_rows, zipped

STEPS: Final = {
    "verifying": (making, "check", 0),
    "books": (making, "rebuild_ledger", 0),
    "rows": (rebuilding, "leaf_hash", 30),
    "keys": (making, "restore_keys", 0),
    "origin": (making, "claim", 0),
    "evidence": (making, "_put_evidence", 0),
    "mark": (durable, "write", 1),
    "verifying again": (making, "check", 1),
    "placing": (draft, "write_new", 0),
    "moving the first": (draft, "_require_free", 1),
    "moving the second": (draft, "_require_free", 2),
    "moving the third": (draft, "_require_free", 3),
    "linking": (os, "link", 3),
}
"""Name -> module, function, and how many calls go well before the one that does not."""


class Failing:
    """Lets some calls through, and then does something else once."""

    def __init__(self, real: Callable[..., Any], calls: int, instead: Callable[[], None]) -> None:
        self.real, self.left, self.instead, self.reached = real, calls, instead, False

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if self.left == 0:
            self.left, self.reached = -1, True
            self.instead()
        self.left -= self.left > 0
        return self.real(*arguments, **more)


def fails() -> None:
    raise OSError(28, "No space left on device", "somewhere")


@pytest.fixture
def archive(mine: Path) -> Path:
    return made(mine, "archive")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "other").mkdir()
    return tmp_path / "other" / "again.db"


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_fails_at_any_step_leaves_nothing(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, name, calls = STEPS[step]
    failing = Failing(getattr(module, name), calls, fails)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        with pytest.raises(OSError, match="No space left"):
            restore(archive, other, keys=[keys_folder(mine)])
    assert failing.reached
    assert lying(other.parent) == {}
    assert restore(archive, other, keys=[keys_folder(mine)]).report.ok


def test_the_control_without_clearing_away_something_is_left(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "_drop", lambda _: None)
    monkeypatch.setattr(draft, "_require_free", Failing(draft._require_free, 3, fails))
    with pytest.raises(OSError, match="No space left"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert lying(other.parent) != {}


_KILLED: Final = """
import os, sys
from pathlib import Path
from api.restoring.making import restore
from tests.api.restoring.test_interrupted import STEPS, Failing
module, name, calls = STEPS[sys.argv[1]]
setattr(module, name, Failing(getattr(module, name), calls, lambda: os._exit(9)))
restore(Path(sys.argv[2]), Path(sys.argv[3]), keys=[Path(sys.argv[4])])
"""


@pytest.mark.parametrize("step", ["rows", "verifying again", "placing", "moving the second", "linking"])
def test_what_a_kill_left_is_cleared_away_by_the_next(archive: Path, mine: Path, other: Path, step: str) -> None:
    arguments = [step, str(archive), str(other), str(keys_folder(mine))]
    done = subprocess.run([sys.executable, "-c", _KILLED, *arguments], env=environment(), check=False, timeout=100)
    assert done.returncode == 9
    assert not other.exists()
    assert lying(other.parent) != {}
    assert restore(archive, other, keys=[keys_folder(mine)]).report.ok
    assert sorted(path.name for path in other.parent.iterdir()) == sorted(
        [other.name, *(path.name for path in beside(other))]
    )


def test_a_kill_after_the_ledger_has_its_name_has_lost_nothing(archive: Path, mine: Path, other: Path) -> None:
    killed = _KILLED.replace(
        "module, name, calls = STEPS[sys.argv[1]]",
        "import api.drafted as module; name, calls = '_take_back', 1",
    )
    arguments = ["", str(archive), str(other), str(keys_folder(mine))]
    done = subprocess.run([sys.executable, "-c", killed, *arguments], env=environment(), check=False, timeout=100)
    assert done.returncode == 9
    whole = {name for name in lying(other.parent) if not name.startswith(".")}
    assert {other.name, f"{other.name}.keys/sealed.kek"} <= whole
    with pytest.raises(DraftError, match="never overwritten"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert set(lying(other.parent)) == whole


@pytest.mark.parametrize("there", ["", ".keys", ".evidence", ".restored"])
def test_nothing_that_is_there_is_overwritten(archive: Path, mine: Path, other: Path, there: str) -> None:
    taken = other.with_name(f"{other.name}{there}")
    if there in (".keys", ".evidence"):
        taken.mkdir()
        (taken / "mine").write_bytes(b"mine")
    else:
        taken.write_bytes(b"mine")
    before = lying(other.parent)
    with pytest.raises(DraftError, match="never overwritten"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert lying(other.parent) == before


def test_a_link_that_leads_nowhere_is_not_written_through(archive: Path, mine: Path, other: Path) -> None:
    other.symlink_to(other.with_name("elsewhere"))
    with pytest.raises(DraftError, match="never overwritten"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert other.is_symlink()
    assert not other.exists()


def test_what_came_in_between_is_kept_and_nothing_else(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody makes a ledger of that name while the bundle is verified."""
    monkeypatch.setattr(draft, "write_new", Failing(folder.write_new, 0, lambda: _put(other)))
    with pytest.raises(DraftError, match="never overwritten"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert lying(other.parent) == {other.name: b"mine"}


def test_keys_that_came_in_between_are_kept(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made_meanwhile() -> None:
        keys_folder(other).mkdir()
        (keys_folder(other) / "mine").write_bytes(b"mine")

    monkeypatch.setattr(draft, "write_new", Failing(folder.write_new, 0, made_meanwhile))
    with pytest.raises(DraftError, match="never overwritten"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert lying(other.parent) == {f"{other.name}.keys": None, f"{other.name}.keys/mine": b"mine"}


def _put(path: Path) -> None:
    path.write_bytes(b"mine")


def test_of_two_who_restore_to_one_name_one_is_refused(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def second() -> None:
        with pytest.raises(DraftError, match="another process is making") as error:
            restore(archive, other)
        refused.append(error)

    monkeypatch.setattr(making, "check", Failing(checking.check, 0, second))
    assert restore(archive, other, keys=[keys_folder(mine)]).report.ok
    assert len(refused) == 1


def test_a_bundle_that_is_replaced_after_it_was_verified_gives_nothing(
    archive: Path, mine: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = made(mine, "archive", "20", name="earlier")
    failing = Failing(rebuilding.rebuild_ledger, 0, lambda: None)

    def checked(path: Path, *arguments: Any, **more: Any) -> Any:
        report = checking.check(path, *arguments, **more)
        if path == archive:
            earlier.replace(archive)
        return report

    monkeypatch.setattr(making, "check", checked)
    monkeypatch.setattr(making, "rebuild_ledger", failing)
    with pytest.raises(RestoreError, match="was changed while it was read"):
        restore(archive, other, keys=[keys_folder(mine)])
    assert failing.reached
    assert lying(other.parent) == {}


# -- bundles of which nothing is made --------------------------------------------------------------------------------


def test_of_a_bundle_with_a_finding_nothing_is_made(mine: Path, other: Path, tmp_path: Path) -> None:
    files = read(made(mine, "sponsor"))
    entries = lines(files)
    entries[3] = entries[3].replace(b'"org":"FJD"', b'"org":"XXX"')
    edited = tmp_path / "edited.zip"
    edited.write_bytes(zipped(with_rows(files, entries, frames(files))))
    with pytest.raises(UnsoundBundleError) as error:
        restore(edited, other)
    assert {finding.code for finding in error.value.report.findings} >= {"altered"}
    assert lying(other.parent) == {}


def test_of_a_bundle_that_does_not_satisfy_the_policy_nothing_is_made(archive: Path, mine: Path, other: Path) -> None:
    stranger = Ed25519FileSigner("stranger.example/log", os.urandom(32)).key.encode()
    policy = Policy.parse(f"log {stranger}\nquorum none\n".encode())
    with pytest.raises(UnsoundBundleError) as error:
        restore(archive, other, keys=[keys_folder(mine)], trusted=Trusted(policy, None, []))
    assert {finding.code for finding in error.value.report.findings} == {"policy"}
    assert lying(other.parent) == {}


@pytest.mark.parametrize("content", [b"", b"PK", b"SQLite format 3\x00", b"PK\x03\x04" + bytes(1000)])
def test_what_is_no_bundle_is_refused(other: Path, tmp_path: Path, content: bytes) -> None:
    bundle = tmp_path / "none.zip"
    bundle.write_bytes(content)
    with pytest.raises(Exception, match=r"none\.zip"):
        restore(bundle, other)
    assert lying(other.parent) == {}


def test_an_archive_without_its_wrapped_keys_is_refused(archive: Path, mine: Path, other: Path, tmp_path: Path) -> None:
    files = read(archive)
    del files["keys/data-keys.ndjson"]
    lacking = tmp_path / "lacking.zip"
    lacking.write_bytes(zipped(fitted(files)))
    with pytest.raises(RestoreError, match="archive without"):
        restore(lacking, other, keys=[keys_folder(mine)])
    assert lying(other.parent) == {}
