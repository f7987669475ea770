"""Of a ledger in which nothing is wrong, the fast verifier gives the reference's report by itself."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.bootstrap import open_trial, rebuild_all
from api.cli.demo import SeededRandomness, play
from api.erasure import erase
from ledger.domain.commands import parse_command
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import load_keys
from ledger.proof.sealing import BookKeys
from ledger.proof.verify import verify_ledger
from ledger.recording.engine import create_ledger
from ledger.verifying import fast, workers
from ledger.verifying.fast import try_fast, verify_fast
from tests.bench.appends import events, our_recorder
from tests.projections.whole_trial import MASKABLE_TERMS, SUBJECTS, actor, protocol_masking, whole_trial
from tests.tampering.ledgers import KEYS, ORIGIN, behind_its_back, build
from tests.tampering.sealed_parts import SomeKeys
from tests.verifying.both import judged
from tests.verifying.ledgers import common_ledger


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("small") / "trial.db", commands=60)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return common_ledger(tmp_path_factory.mktemp("common") / "trial.db", 3000)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's trial, as the command plays it."""
    path = tmp_path_factory.mktemp("played") / "NCT04348461.db"
    play(path, 1, 8, SeededRandomness(1))
    return path


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial with something of every class of data in it, in which one subject's identity was erased."""
    trial = whole_trial(tmp_path_factory.mktemp("erased"), protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    path = trial.path
    command = {
        **trial.envelope("erase-identity", {"subject": SUBJECTS[0], "reason": "The subject asked for it."}),
        "actor": actor("sponsor"),
    }
    with closing(open_trial(path, clock=trial.clock)) as ledger:
        erase(ledger, parse_command(command), rebuild_all)
    return path


@pytest.mark.parametrize(
    "keys", [None, KEYS, SomeKeys(without=frozenset({("header", "")}))], ids=["none", "all", "some"]
)
def test_a_small_ledger_of_both_books(small: Path, keys: BookKeys | None) -> None:
    report = judged(small, keys=keys)
    assert report.ok
    assert report.sealed.size > 0


def test_a_ledger_of_common_rows_with_a_raw_one_and_a_name(common: Path) -> None:
    for keys in (None, KEYS):
        assert judged(common, keys=keys).ok


@pytest.mark.parametrize("which", ["played", "erased"])
def test_a_trial_without_keys_with_keys_and_with_the_secret_of_its_list(
    which: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(which)
    assert judged(path).ok
    keys = load_keys(path)
    try:
        kept = kept_allocation(keys)
        report = judged(path, keys=keys, secret=None if kept is None else (kept[0], kept[1].to_value()))
    finally:
        keys.close()
    assert report.ok
    assert report.opened
    assert report.allocation is not None
    if which == "erased":
        assert report.closed["identity"] > 0


def test_raw_events_of_the_library(tmp_path: Path) -> None:
    recorder, source = our_recorder(tmp_path), events()
    for _ in range(5):
        recorder.insert_events([next(source) for _ in range(7)])
    recorder.books.close()
    assert judged(tmp_path / "ours.db").ok


def test_a_ledger_without_any_entry(tmp_path: Path) -> None:
    create_ledger(tmp_path / "trial.db", ORIGIN)
    assert judged(tmp_path / "trial.db").ok


def test_roots_and_times_at_the_sizes_that_are_asked_for(common: Path, small: Path) -> None:
    for path in (common, small):
        size = verify_ledger(path).size
        for sizes in ([0, 1, 2, 3, 4, 5, 8, 1023, 1024, 1025, 2048, size], range(size + 3), [size]):
            report = judged(path, keys=KEYS, sizes=sizes)
            assert {one for one in sizes if 0 < one <= size} == report.watched.roots.keys() - {0}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many blocks this process took of how many, each time that two processes shared a book."""
    counts: list[tuple[int, int]] = []
    read = workers._read

    def counting(task: workers.Task, tokens: Iterator[int], taken: workers.Taken, *, backwards: bool) -> object:
        run, count = read(task, tokens, taken, backwards=backwards)
        counts.append((count, task.blocks))
        return run, count

    monkeypatch.setattr(workers, "_read", counting)
    return counts


@pytest.mark.parametrize("block", [4, 64, 1024])
def test_two_processes_give_the_same_report(common: Path, shared: list[tuple[int, int]], block: int) -> None:
    for keys, sizes in ((None, ()), (KEYS, (1, 63, 64, 65, 2000, 3000))):
        expected = verify_ledger(common, keys=keys, sizes=sizes)
        assert try_fast(common, keys=keys, sizes=sizes, two_from=0, block=block) == expected
    assert [all_ for _, all_ in shared] == [-(-3000 // block)] * 2


def test_two_processes_find_what_either_of_them_meets(common: Path, tmp_path: Path) -> None:
    for seq in (0, 1, 1500, 2998, 2999):
        copy = tmp_path / f"{seq}.db"
        copy.write_bytes(common.read_bytes())
        with behind_its_back(copy) as connection:
            connection.execute("UPDATE open_entry SET sections = CAST(sections || x'00' AS BLOB) WHERE seq = ?", (seq,))
        assert try_fast(copy, two_from=0, block=64) is None
        assert verify_fast(copy) == verify_ledger(copy)


def test_who_is_told_of_the_progress_hears_of_its_end(common: Path) -> None:
    heard: list[tuple[int, int]] = []
    assert try_fast(common, progress=lambda done, total: heard.append((done, total)), block=256) is not None
    assert heard == sorted(heard)
    assert heard[-1] == (3000, 3000)


def test_a_large_ledger_is_shared_and_a_small_one_is_not(common: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("not here")

    monkeypatch.setattr(fast, "read_together", refuse)
    assert try_fast(common) is not None
    assert try_fast(common, two_from=3000) is None
