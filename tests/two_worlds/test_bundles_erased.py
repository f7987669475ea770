"""A name that was erased is in no bundle that is made afterwards, nor in one that was being made meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.access import Session, viewer_of
from api.bundle import writing
from api.bundle.contents import contents_of
from api.bundle.writing import BundleWriteError, export_bundle
from ledger.recording.engine import fetch, open_reading
from tests.trials import SITE, Trial


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """S-1 and S-2 are on the list, and have names."""
    made = Trial(tmp_path)
    made.do("activate-site", {"site": SITE})
    made.randomized("S-1")
    made.randomized("S-2")
    yield made
    made.ledger.close()


def _erased(trial: Trial) -> None:
    trial.do("erase-identity", {"subject": "S-1", "reason": "asked for"})


def _of_investigator(trial: Trial, name: str, at: str | None = None) -> bytes:
    session = Session(trial.path, viewer_of("investigator-1", "investigator", "FJD", frozenset({SITE})))
    return export_bundle(session, trial.path.with_name(name), at).path.read_bytes()


def test_a_name_that_was_erased_is_in_no_later_bundle_whatever_its_position(trial: Trial) -> None:
    with closing(open_reading(trial.path)) as connection:
        last = str(fetch(connection, "SELECT size FROM head WHERE book = 'open'")[0][0] - 1)
    before = _of_investigator(trial, "before.zip", last)
    _erased(trial)
    after = _of_investigator(trial, "after.zip", last) + _of_investigator(trial, "now.zip")
    assert (b"Name of S-1" in before, b"Name of S-2" in before) == (True, True)
    assert (b"Name of S-1" in after, b"Name of S-2" in after) == (False, True)


@pytest.mark.parametrize("step", ["contents_of", "write_zip"])
def test_nor_in_one_that_was_being_made_meanwhile(trial: Trial, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all was measured, and written: either way the name was read before."""
    real = getattr(writing, step)

    def with_an_erasure_after_it(*arguments: Any) -> Any:
        done = real(*arguments)
        _erased(trial)
        return done

    monkeypatch.setattr(writing, step, with_an_erasure_after_it)
    with pytest.raises(BundleWriteError, match="a name was erased while the bundle was made"):
        _of_investigator(trial, "x.zip")
    assert not [path for path in trial.path.parent.iterdir() if "zip" in path.name]
    monkeypatch.undo()
    assert b"Name of S-1" not in _of_investigator(trial, "x.zip")


def test_an_erasure_meanwhile_is_nothing_to_a_bundle_without_names(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_an_erasure_after_it(making: Any) -> Any:
        found = contents_of(making)
        _erased(trial)
        return found

    monkeypatch.setattr(writing, "contents_of", with_an_erasure_after_it)
    session = Session(trial.path, viewer_of("sponsor-1", "sponsor", "FJD"))
    assert export_bundle(session, trial.path.with_name("x.zip")).path.exists()
