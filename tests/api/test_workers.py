"""How many processes fold is asked for by the option, the setting or the environment; what they make is the same."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from api import workers
from api.bootstrap import rebuild_all, viewing
from ledger.proof.ledger_file import LedgerFileError
from projections import parts, runner
from projections.base import Audience
from projections.runner import views_folder
from tests.projections.test_runner import tables
from tests.projections.whole_trial import protocol_masking, whole_trial


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_set", [])
    monkeypatch.delenv(workers.VARIABLE, raising=False)


def opened() -> parts.OwnReader:
    raise AssertionError


def test_one_process_is_none_beside_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    workers.use(1)
    assert workers.others(opened) is None
    workers.use(3)
    found = workers.others(opened)
    assert found is not None
    assert found.count == 2
    monkeypatch.setenv(workers.VARIABLE, "1")
    assert workers.others(opened) is not None  # what is asked for goes before what the environment says
    workers.use(None)
    assert workers.others(opened) is None


def test_without_a_word_there_are_two_where_there_are_cores_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, count in ((1, None), (2, 1), (64, 1)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        found = workers.others(opened)
        assert (None if found is None else found.count) == count


@pytest.mark.parametrize("said", ["0", "-1", "many", "65", "1.5"])
def test_what_is_no_number_of_processes_is_refused_by_its_name(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.VARIABLE, said)
    with pytest.raises(
        LedgerFileError, match=f"{workers.VARIABLE}: '{said}' is not a number of processes from 1 to 64"
    ):
        workers.others(opened)


def test_a_whole_trial_folded_by_others_with_keys_of_their_own_is_that_folded_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = whole_trial(tmp_path, protocol_masking("QUADRUPLE")).path
    monkeypatch.setattr(runner, "LONG", 0)
    monkeypatch.setattr(runner, "IN_MEMORY", 0)
    monkeypatch.setattr(parts, "FACTS", 20)
    taken = parts._taken
    monkeypatch.setattr(parts, "_taken", lambda tokens: islice(taken(tokens), 1))
    folded_here: list[object] = []
    fold_part = parts.fold_part

    def fold_here(*given: Any) -> parts.Folded:
        folded_here.append(given)
        return fold_part(*given)

    monkeypatch.setattr(parts, "fold_part", fold_here)
    workers.use(2)
    rebuild_all(path)
    assert len(folded_here) == 2  # one an audience; had another process failed, all would have been folded here
    together = {audience: tables(views_folder(path), audience) for audience in Audience}
    shown = viewing(path, "statistician").show("disposition", None).to_json()
    shutil.rmtree(views_folder(path))
    workers.use(1)
    rebuild_all(path)
    assert {audience: tables(views_folder(path), audience) for audience in Audience} == together
    assert viewing(path, "statistician").show("disposition", None).to_json() == shown
