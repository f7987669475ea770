"""Folded in parts, by whomever and in whatever order, the views are those of one process: byte for byte."""

import os
import pickle
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.proof.ledger_file import LedgerFileError
from projections import parts, runner
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History
from projections.parts import Others, Task, fold_part, heads_at, parts_of
from projections.runner import catch_up, rebuild
from projections.store import ViewStore
from projections.views import VIEWS
from tests.projections.building import MemoryLedger, MemoryReader, alive, consented, registered
from tests.projections.stories import Step, steps, told
from tests.projections.test_runner import answers, tables
from tests.thorough import THOROUGH

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED


@dataclass
class Own(MemoryReader):
    """A reader of a ledger in memory, which goes to another process with it."""

    def close(self) -> None: ...


def own(ledger: MemoryLedger, audience: Audience) -> Own:
    return Own(ledger, sealed=audience is UNMASKED)


def by(count: int, ledger: MemoryLedger, audience: Audience) -> Others:
    return Others(count - 1, partial(own, ledger, audience))


@pytest.fixture(autouse=True)
def _long_and_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ledger is long, and its parts are small."""
    monkeypatch.setattr(runner, "LONG", 0)
    monkeypatch.setattr(runner, "IN_MEMORY", 0)
    monkeypatch.setattr(parts, "FACTS", 4)


@given(story=steps, audience=st.sampled_from(Audience), data=st.data())
def test_parts_folded_anywhere_in_any_order_are_every_view_of_the_whole(
    story: list[Step], audience: Audience, data: st.DataObject
) -> None:
    ledger = told(story)
    views = [view for view in VIEWS.values() if view.exists_for(audience)]
    with (reader := ledger.reader(audience)):
        head = reader.head()
        task = Task(views, audience, head, heads_at(reader, head), ())
        streams = sorted(reader.streams())
        whole = [sorted(folded) for folded in fold_part(reader, task, streams)[1]]
    shuffled = data.draw(st.permutations(streams))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(streams)), max_size=4)))
    ranges = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(streams)], strict=True)]
    made: list[list[Any]] = [[] for _ in views]
    for part in ranges:
        with (reader := ledger.reader(audience)):
            for folded, rows in zip(made, fold_part(reader, task, part)[1], strict=True):
                folded += rows
    assert [sorted(folded) for folded in made] == whole


@given(sizes=st.lists(st.integers(0, 9), max_size=30))
def test_every_stream_is_in_one_part(sizes: list[int]) -> None:
    streams = [f"subject/{number}" for number in range(len(sizes))]
    found = parts_of(streams, Counter(dict(zip(streams, sizes, strict=True))))
    assert [stream for part in found for stream in part] == streams


def test_there_are_never_more_parts_than_a_pipe_has_tokens_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FACTS", 2)
    streams = [f"subject/{number:05d}" for number in range(20_000)]
    found = parts_of(streams, Counter(dict.fromkeys(streams, 7)))
    assert len(found) * parts._TOKEN <= parts._PIPE


@settings(max_examples=20 if THOROUGH else 1, deadline=None)
@given(story=steps, more=steps)
@example(story=[("randomize", "S1", "2020-06-01", 1), ("arm", "S1", "2020-06-01", 1)], more=[])
def test_folded_by_other_processes_the_tables_and_answers_are_those_of_one(story: list[Step], more: list[Step]) -> None:
    ledger = told([*story, *more])
    for number in range(12):
        ledger.append(consented(f"S-{number}"))
    for audience in Audience:
        with TemporaryDirectory() as alone, TemporaryDirectory() as together, pytest.MonkeyPatch.context() as patch:
            take_at_most(1, patch)
            who = _watch(patch)
            rebuild(ledger.reader(audience), audience, Path(alone))
            rebuild(ledger.reader(audience), audience, Path(together), others=by(3, ledger, audience))
            assert who["elsewhere"] >= 2
            assert tables(Path(together), audience) == tables(Path(alone), audience)
            assert answers(ledger, audience, Path(together)) == answers(ledger, audience)


def _watch(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """By whom parts were folded: `here`, or `elsewhere`."""
    who: Counter[str] = Counter()
    fold, loads = parts.fold_part, pickle.loads

    def here(*given: Any) -> parts.Folded:
        who["here"] += 1
        return fold(*given)

    def elsewhere(answer: bytes) -> Any:
        who["elsewhere"] += 1
        return loads(answer)

    monkeypatch.setattr(parts, "fold_part", here)
    monkeypatch.setattr(pickle, "loads", elsewhere)
    return who


def long_ledger(subjects: int = 400) -> MemoryLedger:
    ledger = registered()
    for number in range(subjects):
        ledger.append(consented(f"S-{number:04d}"))
        ledger.append(alive(f"S-{number:04d}", "2020-06-01"))
    return ledger


def take_at_most(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes so many parts, and leaves all else to others."""
    taken = parts._taken
    monkeypatch.setattr(parts, "_taken", lambda tokens: islice(taken(tokens), count))


def test_others_do_fold_and_nothing_of_it_lies_in_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = long_ledger()
    who = _watch(monkeypatch)
    take_at_most(5, monkeypatch)
    rebuild(ledger.reader(MASKED), MASKED, tmp_path / "together", others=by(2, ledger, MASKED))
    assert who == {"here": 5, "elsewhere": 195 + 1}  # the trial itself is a part of the last
    assert {path.name for path in (tmp_path / "together").iterdir()} <= {"open.db", "open.db-wal", "open.db-shm"}
    rebuild(ledger.reader(MASKED), MASKED, tmp_path / "alone")
    assert tables(tmp_path / "together", MASKED) == tables(tmp_path / "alone", MASKED)


class Numbering(View):
    """A view that breaks the rule of one key: it numbers the streams as they come."""

    name = "numbering"
    title = "Numbered"
    stored = (Column("number", "INTEGER"),)

    def __init__(self) -> None:
        self.number = 0

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        del history
        self.number += 1
        yield {"number": self.number}

    def present(self, rows: Any, context: Context, audience: Audience) -> Table:
        del context, audience
        return Table(("key", "number"), [dict(row) for row in rows])


class NumberingAlone(Numbering):
    """The same, and it says so."""

    in_parts = False


def stored_rows(view: View, folder: Path) -> list[Stored]:
    store = ViewStore(folder / MASKED.file_name, MASKED)
    try:
        return list(store.rows(view))
    finally:
        store.close()


def test_a_view_that_looks_beyond_one_key_is_found_out_in_parts_and_folded_by_one_where_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = long_ledger()
    take_at_most(5, monkeypatch)
    made = {}
    for cls in (Numbering, NumberingAlone):
        for others in (None, by(2, ledger, MASKED)):
            view = cls()
            monkeypatch.setattr(runner, "VIEWS", {"numbering": view})
            folder = tmp_path / f"{cls.__name__}-{others is None}"
            catch_up(ledger.reader(MASKED), MASKED, folder, others=others)
            made[cls, others is None] = stored_rows(view, folder)
    assert made[Numbering, True] != made[Numbering, False]
    assert made[NumberingAlone, True] == made[NumberingAlone, False] == made[Numbering, True]
    assert [row["number"] for row in made[NumberingAlone, False]] == list(range(1, 401))


def test_every_view_of_ours_may_be_folded_in_parts() -> None:
    assert all(view.in_parts for view in VIEWS.values())


def _gone(_: Path) -> Own:
    raise LedgerFileError("there is no such ledger here")


def _killed(ledger: MemoryLedger) -> Own:
    class Dies(Own):
        def stream_by_stream(self, *_: Any) -> Any:
            os.kill(os.getpid(), signal.SIGKILL)

    return Dies(ledger, sealed=False)


def test_what_others_do_not_give_back_is_folded_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = long_ledger(100)
    rebuild(ledger.reader(MASKED), MASKED, tmp_path / "alone")
    take_at_most(5, monkeypatch)
    other = ledger.cut(50)
    for number, open_reader in enumerate(
        (partial(_gone, tmp_path), partial(_killed, ledger), partial(own, other, MASKED))
    ):
        folder = tmp_path / str(number)
        rebuild(ledger.reader(MASKED), MASKED, folder, others=Others(1, open_reader))
        assert tables(folder, MASKED) == tables(tmp_path / "alone", MASKED)


def test_a_masked_fold_is_masked_in_every_process_whatever_its_reader_could_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_at_most(0, monkeypatch)
    ledger = told(
        [("randomize", "S1", "2020-06-01", 1), ("arm", "S1", "2020-06-01", 1), ("visit", "S1", "2020-06-02", 0)]
    )
    rebuild(ledger.reader(MASKED), MASKED, tmp_path / "alone")
    rebuild(ledger.reader(MASKED), MASKED, tmp_path / "together", others=by(2, ledger, UNMASKED))
    assert tables(tmp_path / "together", MASKED) == tables(tmp_path / "alone", MASKED)


def test_none_is_left_at_work_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = long_ledger(100)
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def watched(*given: Any, **more: Any) -> Any:
        begun.append(popen(*given, **more))
        return begun[-1]

    def broken(*_: Any) -> Any:
        raise LedgerFileError("entry 3 cannot be read")

    monkeypatch.setattr(subprocess, "Popen", watched)
    reader = ledger.reader(MASKED)
    monkeypatch.setattr(reader, "stream_by_stream", broken)
    with pytest.raises(LedgerFileError, match="entry 3"):
        rebuild(reader, MASKED, tmp_path, others=by(3, ledger, MASKED))
    assert len(begun) == 2
    assert all(process.poll() is not None for process in begun)


def test_a_ledger_that_is_not_long_is_folded_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = long_ledger(20)
    monkeypatch.setattr(runner, "LONG", 41)
    monkeypatch.setattr(subprocess, "Popen", None)
    rebuild(ledger.reader(MASKED), MASKED, tmp_path, others=by(4, ledger, MASKED))
